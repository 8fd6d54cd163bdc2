// Orders the uncertain images of a budget so that different ones come first.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/ids.h"
#include "db/stores/prediction_store.h"
#include "server/ranking/diversity.h"

namespace loupe {

// Orders each group by what its images look like to the model that scored them. First come the images that
// weighted k-center greedy takes, group by group. Its first centres are the labelled images and those that
// the other slices serve, and later also the images that it took in earlier groups. Distances are compared
// within a group only: between classes they say how widely a class is spread, not how much of it is known.
// Last come images that nearly repeat one of the first centres or a better candidate of their group. An image
// without an embedding keeps its place by score. known: appearances of images in `request`. labelled:
// appearances of labelled images. Returns no orders when `known` is empty.
std::vector<ranking::DiverseOrder> DifferentFirst(const ranking::DiversityRequest& request,
                                                  std::span<const Appearance> known,
                                                  std::span<const Appearance> labelled);

// The same, but reads the appearances from the database. Errors: those of Database::Transact.
absl::StatusOr<std::vector<ranking::DiverseOrder>> ChooseDifferent(Database& database, ProjectId project,
                                                                   ModelId model,
                                                                   const ranking::DiversityRequest& request);

}  // namespace loupe
