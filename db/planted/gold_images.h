// Images whose truth an engineer vouches for.
#pragma once

#include <vector>

#include "db/ids.h"
#include "db/rows/image_outcome.h"

namespace loupe {

class Transaction;

// The truth that each of the images has now is vouched for. Problems: as SetGoldImagesResponse says.
std::vector<ImageOutcome> MarkGold(Transaction& transaction, ProjectId project,
                                   const std::vector<ImageId>& images, PrincipalId by);

std::vector<ImageOutcome> UnmarkGold(Transaction& transaction, ProjectId project,
                                     const std::vector<ImageId>& images);

}  // namespace loupe
