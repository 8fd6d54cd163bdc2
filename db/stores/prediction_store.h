// Predictions: one row an image and model.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/ids.h"
#include "db/stores/job_store.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

class Transaction;

struct ImageBounds {
  uint32_t width = 0;  // in pixels
  uint32_t height = 0;
};

// Sizes of those of `images` that a job may predict: of the side it is about, with ids in its range.
std::unordered_map<int64_t, ImageBounds> ReadBounds(Transaction& transaction, const JobRow& job,
                                                    const std::vector<int64_t>& images);

// Stores a prediction unless the model has one of this image. `set_aside`: why it can't be used, its boxes
// are not kept then; empty: it can. Returns whether it was new.
bool InsertPrediction(Transaction& transaction, ModelId model, const v1::ImagePrediction& prediction,
                      const std::string& set_aside);

// What an EVALUATE or PREDICT job still has to predict: with ids above `after`, in order, at most `limit`.
std::vector<v1::JobImage> ReadJobImages(Transaction& transaction, const JobRow& job, ImageId after,
                                        int limit);

// Images of the job that are predicted. At least `job.images` once it is done: that counts the
// images there when the job was made, and an image never goes away.
uint64_t CountImagesDone(Transaction& transaction, const JobRow& job);

// A model's boxes on the labelled holdout, by image: corners, labels and scores.
std::unordered_map<int64_t, v1::ImagePrediction> ReadHoldoutDetections(Transaction& transaction,
                                                                       ProjectId project, ModelId model);

// A model's boxes on those of `images` that it predicted: corners, labels and scores; none where it was set
// aside.
std::unordered_map<int64_t, v1::ImagePrediction> ReadDetections(Transaction& transaction, ModelId model,
                                                                const std::vector<ImageId>& images);

// A model's scores on unlabelled images of the pool, all but corners and embedding; with ids
// above `after`, in order, at most `limit`. Without what was set aside.
std::vector<v1::ImagePrediction> ReadPoolScores(Transaction& transaction, ProjectId project, ModelId model,
                                                ImageId after, int limit);

// A model's boxes on the same images: corners, labels and scores.
std::vector<v1::ImagePrediction> ReadPoolDetections(Transaction& transaction, ProjectId project,
                                                    ModelId model, ImageId after, int limit);

// Boxes that two models predicted on the same images: image, corners, labels and scores.
struct CommonDetections {
  std::vector<v1::ImagePrediction> first;
  std::vector<v1::ImagePrediction> second;
};

// On unlabelled images of the pool that both predicted, the first `limit` by sampling key: a random sample.
CommonDetections ReadCommonDetections(Transaction& transaction, ProjectId project, ModelId first,
                                      ModelId second, int limit);

struct Appearance {
  ImageId image;
  std::string embedding;                    // half floats, little-endian
  std::optional<uint64_t> perceptual_hash;  // absent for what no worker of this version decoded
};

// What images look like to a model; those left out of which it has no embedding. In order of id.
std::vector<Appearance> ReadAppearances(Transaction& transaction, ModelId model,
                                        const std::vector<int64_t>& images);

// The same of labelled images of the pool, with ids above `after`, at most `limit`.
std::vector<Appearance> ReadLabelledAppearances(Transaction& transaction, ProjectId project, ModelId model,
                                                ImageId after, int limit);

}  // namespace loupe
