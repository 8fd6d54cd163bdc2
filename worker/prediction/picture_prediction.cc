#include "worker/prediction/picture_prediction.h"

#include <torch/types.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "worker/pictures/prefetcher.h"

namespace loupe {
namespace {

using detection::ImageSize;

// Pictures are grouped by size within windows of this many batches. The window is large enough to fill
// batches from a set of mixed sizes, and small enough that output in the original order isn't delayed much.
constexpr size_t kBatchesAWindow = 32;

struct PictureBatch {
  std::vector<size_t> indices;
  detection::Batch images;  // from Predictor::Prepare; undefined when `indices` is empty
  std::vector<std::pair<size_t, absl::Status>> unreadable;
};

class PictureLoader {
 public:
  PictureLoader(const Predictor& predictor, const std::vector<Picture>& pictures,
                const PredictOptions& options)
      : predictor_(predictor), pictures_(pictures), options_(options) {}

  // The next batch. OUT_OF_RANGE after the last one.
  absl::StatusOr<PictureBatch> Next(const std::atomic<bool>& stopping) {
    if (groups_.empty()) FillWindow(stopping);
    if (groups_.empty()) return absl::OutOfRangeError("all pictures are taken");
    const std::vector<size_t> group = std::move(groups_.front());
    groups_.pop_front();
    try {
      return Load(group, stopping);
    } catch (const c10::Error& error) {
      return absl::InternalError(error.what_without_backtrace());
    }
  }

 private:
  void FillWindow(const std::atomic<bool>& stopping) {
    const size_t begin = next_;
    next_ = std::min(pictures_.size(), begin + kBatchesAWindow * options_.batch_size);
    std::vector<ImageSize> sizes;
    for (size_t i = begin; i < next_ && !stopping; ++i) {
      const auto [height, width] = pictures_[i].size();
      const bool known = height > 0 && width > 0;
      sizes.push_back(known ? predictor_.PaddedSize({height, width}) : ImageSize());
    }
    for (std::vector<size_t>& group : GroupBySize(sizes, options_.batch_size)) {
      for (size_t& index : group) index += begin;
      groups_.push_back(std::move(group));
    }
  }

  PictureBatch Load(const std::vector<size_t>& group, const std::atomic<bool>& stopping) const {
    PictureBatch batch;
    std::vector<detection::ResizedPicture> pictures;
    for (const size_t index : group) {
      if (stopping) break;
      const absl::StatusOr<torch::Tensor> image = pictures_[index].load();
      if (!image.ok()) {
        batch.unreadable.emplace_back(index, image.status());
        continue;
      }
      batch.indices.push_back(index);
      pictures.push_back(predictor_.Resize(*image));
    }
    if (!pictures.empty()) batch.images = predictor_.Prepare(std::move(pictures), options_.mirrored);
    return batch;
  }

  const Predictor& predictor_;
  const std::vector<Picture>& pictures_;
  const PredictOptions& options_;
  size_t next_ = 0;  // the first picture after the window
  std::deque<std::vector<size_t>> groups_;
};

}  // namespace

std::vector<std::vector<size_t>> GroupBySize(const std::vector<ImageSize>& sizes, size_t batch_size) {
  std::vector<std::vector<size_t>> groups;
  std::map<std::pair<int64_t, int64_t>, size_t> open;  // size -> the group that the next index of it joins
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto [entry, is_new] = open.try_emplace({sizes[i].height, sizes[i].width}, groups.size());
    if (!is_new && groups[entry->second].size() >= batch_size) entry->second = groups.size();
    if (entry->second == groups.size()) groups.emplace_back();
    groups[entry->second].push_back(i);
  }
  return groups;
}

absl::Status PredictPictures(Predictor& predictor, const std::vector<Picture>& pictures,
                             const PredictOptions& options,
                             absl::FunctionRef<absl::Status(size_t, absl::StatusOr<Prediction>)> take) {
  PictureLoader loader(predictor, pictures, options);
  Prefetcher<PictureBatch> batches(
      [&loader](const std::atomic<bool>& stopping) { return loader.Next(stopping); });
  absl::StatusOr<PictureBatch> batch = batches.Next();
  for (; batch.ok(); batch = batches.Next()) {
    for (auto& [index, status] : batch->unreadable) {
      if (absl::Status taken = take(index, std::move(status)); !taken.ok()) return taken;
    }
    if (batch->indices.empty()) continue;
    absl::StatusOr<std::vector<Prediction>> predictions =
        predictor.Predict(batch->images, options.detect, options.mirrored);
    if (!predictions.ok()) return predictions.status();
    for (size_t i = 0; i < predictions->size(); ++i) {
      absl::Status taken = take(batch->indices[i], std::move((*predictions)[i]));
      if (!taken.ok()) return taken;
    }
  }
  return absl::IsOutOfRange(batch.status()) ? absl::OkStatus() : batch.status();
}

}  // namespace loupe
