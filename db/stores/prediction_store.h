// Predictions: one row per image and model. What reads boxes leaves those of retired classes out.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
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
  bool usable = true;
};

// Sizes of those `images` that the job may predict: those of its side with ids in its range.
std::unordered_map<int64_t, ImageBounds> ReadBounds(Transaction& transaction, const JobRow& job,
                                                    const std::vector<int64_t>& images);

// Stores a prediction unless the model has one for this image; returns whether it was stored. set_aside: why
// the prediction can't be used; its boxes are then not stored. Empty: it can be used.
bool InsertPrediction(Transaction& transaction, ModelId model, const v1::ImagePrediction& prediction,
                      const std::string& set_aside);

// The images that an EVALUATE or PREDICT job still has to predict: ids above `after`, in order, at most
// `limit`.
std::vector<v1::JobImage> ReadJobImages(Transaction& transaction, const JobRow& job, ImageId after,
                                        int limit);

// How many images ReadJobImages would return.
uint64_t CountImagesLeft(Transaction& transaction, const JobRow& job);

// A model's boxes on the labelled holdout, by image: corners, labels and scores.
std::unordered_map<int64_t, v1::ImagePrediction> ReadHoldoutDetections(Transaction& transaction,
                                                                       ProjectId project, ModelId model);

// A model's boxes on those of `images` that it predicted: corners, labels and scores, without boxes of the
// classes `left_out` (retired ones must be among them). A prediction that was set aside has no boxes.
std::unordered_map<int64_t, v1::ImagePrediction> ReadDetections(Transaction& transaction, ModelId model,
                                                                const std::vector<ImageId>& images,
                                                                const std::set<uint32_t>& left_out);

// A model's predictions of unlabelled pool images, without corners and embedding: ids above `after`, in
// order, at most `limit`. Predictions that were set aside are left out.
std::vector<v1::ImagePrediction> ReadPoolScores(Transaction& transaction, ProjectId project, ModelId model,
                                                ImageId after, int limit);

// As ReadPoolScores, with corners, labels and scores.
std::vector<v1::ImagePrediction> ReadPoolDetections(Transaction& transaction, ProjectId project,
                                                    ModelId model, ImageId after, int limit);

// Predictions of the same images by two models: image, corners, labels and scores.
struct CommonDetections {
  std::vector<v1::ImagePrediction> first;
  std::vector<v1::ImagePrediction> second;
};

// Of the first 4 * `limit` unlabelled pool images by sampling key (a random sample), the first `limit` that
// both predicted.
CommonDetections ReadCommonDetections(Transaction& transaction, ProjectId project, ModelId first,
                                      ModelId second, int limit);

struct Appearance {
  ImageId image;
  std::string embedding;                    // half floats, little-endian
  std::optional<uint64_t> perceptual_hash;  // absent when no worker of this version has decoded it
};

// What images look like to a model, in order of id. Images without an embedding are left out.
std::vector<Appearance> ReadAppearances(Transaction& transaction, ModelId model,
                                        const std::vector<int64_t>& images);

struct Embedded {
  v1::Image image;
  std::string embedding;  // half floats, little-endian
};

// Those of the images that are usable and that the model gave an embedding, in any order.
std::vector<Embedded> ReadEmbedded(Transaction& transaction, ModelId model,
                                   const std::vector<ImageId>& images);

// The embeddings of a model for images of the pool: ids above `after`, at most `limit`, in order of id.
struct PoolEmbedding {
  ImageId image;
  std::string embedding;
};
std::vector<PoolEmbedding> ReadPoolEmbeddings(Transaction& transaction, ProjectId project, ModelId model,
                                              ImageId after, int limit);

// Ids of the project's images; 0: it has none.
struct ImageSpan {
  ImageId first;
  ImageId last;
};
ImageSpan ReadImageSpan(Transaction& transaction, ProjectId project);

// As ReadAppearances, for labelled images of the pool: ids above `after`, at most `limit`.
std::vector<Appearance> ReadLabelledAppearances(Transaction& transaction, ProjectId project, ModelId model,
                                                ImageId after, int limit);

}  // namespace loupe
