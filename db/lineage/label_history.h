// Where the labels of an image come from.
#pragma once

#include <cstdint>
#include <optional>

#include "db/ids.h"
#include "loupe/v1/image.pb.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

class Transaction;

// An image's whole history. `image`: from FindImage.
v1::ImageProvenance ReadProvenance(Transaction& transaction, const v1::Image& image);

// The image with a revision that holds the box; nullopt: the project has none.
std::optional<ImageId> FindImageOfBox(Transaction& transaction, ProjectId project, int64_t box_id);

// Where a box comes from. `image`: of FindImageOfBox.
v1::BoxProvenance ReadBoxProvenance(Transaction& transaction, ProjectId project, const v1::Image& image,
                                    int64_t box_id);

}  // namespace loupe
