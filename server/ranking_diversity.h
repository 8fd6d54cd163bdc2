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
// k-center greedy, with what is labelled and what the other slices serve as the first centres. Images that
// nearly repeat one of these, or a better candidate, come last. One that the model has no embedding of keeps
// its place by score. known: appearances of images in request.best and request.served. labelled: of labelled
// images.
std::vector<size_t> DifferentFirst(const ranking::DiversityRequest& request,
                                   std::span<const Appearance> known, std::span<const Appearance> labelled);

// The same with the appearances read. Errors: those of Database::Transact.
absl::StatusOr<std::vector<size_t>> ChooseDifferent(Database& database, ProjectId project, ModelId model,
                                                    const ranking::DiversityRequest& request);

}  // namespace loupe
