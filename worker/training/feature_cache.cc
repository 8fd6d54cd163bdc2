#include "worker/training/feature_cache.h"

#include <torch/types.h>

namespace loupe {

std::optional<FeatureCache::Maps> FeatureCache::Find(size_t image, detection::ImageSize padded) const {
  const std::lock_guard lock(mutex_);
  const auto found = maps_.find({image, padded.height, padded.width});
  if (found == maps_.end()) return std::nullopt;
  return found->second;
}

void FeatureCache::Keep(size_t image, detection::ImageSize padded, const Maps& maps) {
  int64_t bytes = 0;
  for (const torch::Tensor& map : maps) bytes += static_cast<int64_t>(map.nbytes());
  const std::lock_guard lock(mutex_);
  if (bytes_ + bytes > max_bytes_) return;
  if (maps_.try_emplace({image, padded.height, padded.width}, maps).second) bytes_ += bytes;
}

FeatureCache::Maps Stacked(const std::vector<FeatureCache::Maps>& images) {
  FeatureCache::Maps stacked;
  for (size_t level = 0; level < images.front().size(); ++level) {
    std::vector<torch::Tensor> maps;
    for (const FeatureCache::Maps& image : images) maps.push_back(image[level]);
    stacked.push_back(torch::cat(maps));
  }
  return stacked;
}

}  // namespace loupe
