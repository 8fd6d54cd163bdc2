#include "worker/training/batch_loader.h"

#include <torch/types.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/training/random_stream.h"

namespace loupe {

using evaluation::SeededRandom;

BatchLoader::BatchLoader(const v1::Recipe& recipe, const TrainingSet& set, const detection::FasterRcnn& model,
                         const FeatureCache* features, Share share, int64_t begin, int64_t end)
    : recipe_(recipe),
      set_(set),
      model_(model),
      features_(features),
      share_(share),
      order_(RepeatFactors(set.images, recipe.training().repeat_threshold()),
             SeedOf(recipe.seed(), RandomStream::kOrder)),
      next_(begin),
      end_(end),
      prefetcher_([this](const std::atomic<bool>& stopping) -> absl::StatusOr<TrainingBatch> {
        if (next_ >= end_) return absl::OutOfRangeError("all batches are taken");
        return Load(next_++, stopping);
      }) {}

absl::StatusOr<TrainingBatch> BatchLoader::Load(int64_t index, const std::atomic<bool>& stopping) {
  const int64_t count = recipe_.training().batch_size();
  TrainingBatch batch;
  std::vector<uint64_t> positions;
  for (int64_t i = 0; i < count; ++i) {
    const auto position = static_cast<uint64_t>(index * count + i);
    const size_t image = order_.At(position);
    absl::StrAppend(&batch.names, batch.names.empty() ? "" : ", ", set_.images[image].name);
    if (i < share_.index * count / share_.size || i >= (share_.index + 1) * count / share_.size) continue;
    positions.push_back(position);
    batch.indices.push_back(image);
  }
  try {
    const bool kept = TakeFeatures(batch);
    std::vector<detection::ResizedPicture> images;
    for (size_t i = 0; i < batch.indices.size(); ++i) {
      if (stopping) return absl::CancelledError("nobody waits for the batch");
      const TrainingImage& image = set_.images[batch.indices[i]];
      absl::StatusOr<Example> example = kept ? Example{{}, image.target} : Read(image, positions[i]);
      if (!example.ok()) return example.status();
      example->target.sampling_seed = SeedOf(recipe_.seed(), RandomStream::kSampling, positions[i]);
      if (!kept) images.push_back(model_.Resize(example->image));
      batch.targets.push_back(std::move(example->target));
    }
    if (!kept) batch.images = model_.Stack(images);
    for (size_t i = 0; i < batch.indices.size(); ++i) {
      sizes_[batch.indices[i]] = {batch.images.originals[i], batch.images.sizes[i]};
    }
    return batch;
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
}

absl::StatusOr<Example> BatchLoader::Read(const TrainingImage& image, uint64_t position) const {
  absl::StatusOr<torch::Tensor> pixels = image.load();
  if (!pixels.ok()) return pixels.status();
  SeededRandom random(SeedOf(recipe_.seed(), RandomStream::kAugmentation, position));
  const auto& mean = model_.config().image_mean();
  return Augment({*std::move(pixels), image.target}, recipe_.training(), {mean[0], mean[1], mean[2]}, random);
}

bool BatchLoader::TakeFeatures(TrainingBatch& batch) const {
  if (features_ == nullptr) return false;
  detection::Batch images;
  detection::ImageSize padded;
  for (const size_t index : batch.indices) {
    const auto known = sizes_.find(index);
    if (known == sizes_.end()) return false;
    const auto& [original, resized] = known->second;
    images.originals.push_back(original);
    images.sizes.push_back(resized);
    const auto [height, width] = model_.PaddedSize(original);
    padded = {std::max(padded.height, height), std::max(padded.width, width)};
  }
  std::vector<FeatureCache::Maps> maps;
  for (const size_t index : batch.indices) {
    std::optional<FeatureCache::Maps> found = features_->Find(index, padded);
    if (!found.has_value()) return false;
    maps.push_back(*std::move(found));
  }
  images.frozen = Stacked(maps);
  // Only the shape of `images` is used when `frozen` is set.
  images.images =
      torch::zeros({1}).expand({static_cast<int64_t>(maps.size()), 3, padded.height, padded.width});
  batch.images = std::move(images);
  return true;
}

}  // namespace loupe
