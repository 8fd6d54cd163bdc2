// The uncertain images of a budget, chosen so that they differ.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/ids.h"
#include "db/stores/prediction_store.h"
#include "server/ranking/slices.h"

namespace loupe {

// What ranking::Diversify answers, from what the images look like to the model that scored them. First those
// that weighted k-center greedy takes, group by group, with what is labelled and what the other slices serve
// as the first centres, and then what earlier groups took. Distances are compared within a group only:
// between classes they say how widely a class is spread, not how much of it is known. Last, images that
// nearly repeat one of the first centres or a better candidate of their group. One that the model has no
// embedding of keeps its place by score. known: appearances of images in `request`. labelled: of labelled
// images.
std::vector<ranking::DiverseOrder> DifferentFirst(const ranking::DiversityRequest& request,
                                                  std::span<const Appearance> known,
                                                  std::span<const Appearance> labelled);

// The same with the appearances read. Errors: those of Database::Transact.
absl::StatusOr<std::vector<ranking::DiverseOrder>> ChooseDifferent(Database& database, ProjectId project,
                                                                   ModelId model,
                                                                   const ranking::DiversityRequest& request);

}  // namespace loupe
