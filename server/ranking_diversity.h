// The uncertain images of a budget, chosen so that they differ.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/ids.h"
#include "db/prediction_store.h"
#include "server/ranking/slices.h"

namespace loupe {

// What ranking::Diversify answers, from what the images look like to the model that scored them: weighted
// k-center greedy, group by group, with what is labelled and what the other slices serve as the first
// centres, and then what earlier groups chose. Distances are compared within a group only: between classes
// they say how widely a class is spread, not how much of it is known. Images that nearly repeat one of the
// first centres, or a better candidate of any group, come last in theirs. One that the model has no embedding
// of keeps its place by score. known: appearances of images in `request`. labelled: of labelled images.
std::vector<std::vector<size_t>> DifferentFirst(const ranking::DiversityRequest& request,
                                                std::span<const Appearance> known,
                                                std::span<const Appearance> labelled);

// The same with the appearances read. Errors: those of Database::Transact.
absl::StatusOr<std::vector<std::vector<size_t>>> ChooseDifferent(Database& database, ProjectId project,
                                                                 ModelId model,
                                                                 const ranking::DiversityRequest& request);

}  // namespace loupe
