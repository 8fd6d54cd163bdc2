// The batches of a training: read, augmented and resized ahead of the network.
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
  std::vector<size_t> indices;  // of its images in the training set
  detection::Batch images;
  std::vector<detection::Target> targets;
  std::string names;  // of the images of all ranks, for messages
};

class BatchLoader {
 public:
  // Of each batch, rank `rank` of `size` takes an even share of the images.
  struct Share {
    int rank = 0;
    int size = 1;
  };

  // Batches [begin, end) of the training. A batch whose images are all in `features`, which may be null, is
  // not read: it comes with Batch::frozen. Requires: a recipe with defaults filled in, and no fewer images a
  // batch than ranks. What is given by reference or pointer is used until the loader is gone.
  BatchLoader(const v1::Recipe& recipe, const TrainingSet& set, const detection::FasterRcnn& model,
              const FeatureCache* features, Share share, int64_t begin, int64_t end);

  // Errors: those of TrainingImage::load, which name the picture; INTERNAL when LibTorch fails; OUT_OF_RANGE
  // after the last batch.
  absl::StatusOr<TrainingBatch> Next() { return prefetcher_.Next(); }

 private:
  absl::StatusOr<TrainingBatch> Load(int64_t index, const std::atomic<bool>& stopping);
  // An image, augmented; its position in the sequence of all batches seeds what is random.
  absl::StatusOr<Example> Read(const TrainingImage& image, uint64_t position) const;
  // Takes the batch's images from the features, if they are all there.
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
