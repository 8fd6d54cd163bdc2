// Keeps the output of the frozen layers for training images, so that it is computed once per image.
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

// For trainings without augmentation. The maps of an image depend on the size to which its batch is padded,
// so the cache has an entry per image and padded size. Thread-safe.
class FeatureCache {
 public:
  using Maps = std::vector<torch::Tensor>;  // each [1, …], from FasterRcnn::FrozenFeatures

  // A full cache adds nothing more. It removes nothing, since no image is used again sooner than another.
  explicit FeatureCache(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // nullopt when the maps are not in the cache. image: the index in the training set.
  std::optional<Maps> Find(size_t image, detection::ImageSize padded) const;
  void Keep(size_t image, detection::ImageSize padded, const Maps& maps);

 private:
  using Key = std::tuple<size_t, int64_t, int64_t>;

  const int64_t max_bytes_;
  mutable std::mutex mutex_;
  int64_t bytes_ = 0;
  std::map<Key, Maps> maps_;
};

// Joins the maps of N images into the maps of a batch, each [N, …].
FeatureCache::Maps Stacked(const std::vector<FeatureCache::Maps>& images);

}  // namespace loupe
