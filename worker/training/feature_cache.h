// What the frozen layers make of training images, kept from the first time that each is seen.
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <vector>

#include "worker/detection/types.h"

namespace loupe {

// For trainings without augmentation. An image's maps depend on the size that its batch is padded to, so they
// are kept for each; a set of images of one shape has one. Safe for use from several threads.
class FeatureCache {
 public:
  using Maps = std::vector<torch::Tensor>;  // [1, …] each, as FasterRcnn::FrozenFeatures makes them

  // Once it is full nothing more is taken in: in a training no image is used sooner again than another.
  explicit FeatureCache(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Nothing when it wasn't kept. `image`: its index in the training set.
  std::optional<Maps> Find(size_t image, detection::ImageSize padded) const;
  void Keep(size_t image, detection::ImageSize padded, const Maps& maps);

 private:
  using Key = std::tuple<size_t, int64_t, int64_t>;

  const int64_t max_bytes_;
  mutable std::mutex mutex_;
  int64_t bytes_ = 0;
  std::map<Key, Maps> maps_;
};

// Maps of several images as those of a batch, [N, …].
FeatureCache::Maps Stacked(const std::vector<FeatureCache::Maps>& images);

}  // namespace loupe
