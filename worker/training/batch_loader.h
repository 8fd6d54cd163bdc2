// Loads the batches of a training. A background thread reads, augments and resizes them ahead of time.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"
#include "worker/detection/transform.h"
#include "worker/pictures/prefetcher.h"
#include "worker/training/augmentation.h"
#include "worker/training/feature_cache.h"
#include "worker/training/training_set.h"

namespace loupe::detection {
class FasterRcnn;
}

namespace loupe {

struct TrainingBatch {
  std::vector<size_t> indices;  // of the images, in the training set
  detection::Batch images;
  std::vector<detection::Target> targets;
  std::string names;  // of the images of all processes; for error messages
};

class BatchLoader {
 public:
  // The part of every batch that one process loads. Each of the `size` processes takes an even share of the
  // images.
  struct Share {
    int index = 0;  // of the process, from 0
    int size = 1;   // processes
  };

  // Loads the batches [begin, end) of the training. When `features` (may be null) has all images of a batch,
  // their pictures are not read and the batch has Batch::frozen instead.
  // Requires: a recipe with defaults filled in; at least as many images per batch as processes; what is
  // passed by reference or pointer outlives the loader.
  BatchLoader(const v1::Recipe& recipe, const TrainingSet& set, const detection::FasterRcnn& model,
              const FeatureCache* features, Share share, int64_t begin, int64_t end);

  // The next batch. Errors: those of TrainingImage::load, which name the picture; INTERNAL when LibTorch
  // fails; OUT_OF_RANGE after the last batch.
  absl::StatusOr<TrainingBatch> Next() { return prefetcher_.Next(); }

 private:
  absl::StatusOr<TrainingBatch> Load(int64_t index, const std::atomic<bool>& stopping);
  // Reads and augments an image. `position`, its number in the sequence of all batches, seeds the
  // augmentation.
  absl::StatusOr<Example> Read(const TrainingImage& image, uint64_t position) const;
  // Fills the batch from the feature cache. False when an image is not there.
  bool TakeFeatures(TrainingBatch& batch) const;

  const v1::Recipe& recipe_;
  const TrainingSet& set_;
  const detection::FasterRcnn& model_;
  const FeatureCache* features_;
  Share share_;
  SampleOrder order_;
  std::map<size_t, std::pair<detection::ImageSize, detection::ImageSize>>
      sizes_;  // of images read: original, resized
  int64_t next_;
  int64_t end_;
  Prefetcher<TrainingBatch> prefetcher_;  // last: it uses the others
};

}  // namespace loupe
