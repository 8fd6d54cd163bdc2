// Samples that show whether the labelled images represent the pool. They are taken by sampling key: random,
// and the same each time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/ids.h"
#include "db/stores/estimate_store.h"
#include "loupe/v1/image.pb.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

class Transaction;

struct PoolSample {
  std::vector<v1::ImagePrediction> predictions;  // labels and scores
  uint64_t unlabelled = 0;                       // all unlabelled images of the pool
};

// A model's boxes on at most `limit` unlabelled images of the pool.
PoolSample ReadPoolSample(Transaction& transaction, ProjectId project, ModelId model, int limit);

// What an image looks like to a model, and what it is like without one.
struct ImageTraits {
  std::string embedding;  // half floats, little-endian; empty: there is none
  uint32_t width = 0;     // in pixels
  uint32_t height = 0;
  std::optional<float> brightness;  // absent when no worker of this version has decoded it
};

// At most `limit` images of the pool, labelled or unlabelled ones. No embeddings when `model` is none.
std::vector<ImageTraits> ReadPoolTraits(Transaction& transaction, ProjectId project, ModelId model,
                                        bool labelled, int limit);

// At most `limit` answered images of a random draw. Embeddings are those of the model that made the ranking.
std::vector<ImageTraits> ReadRandomSliceTraits(Transaction& transaction, const RandomDraw& draw, int limit);

// At most `limit` of the other images that the draw was made from. Embeddings are those of the same model.
std::vector<ImageTraits> ReadRandomRestTraits(Transaction& transaction, const RandomDraw& draw, int limit);

struct SetAside {
  uint64_t images = 0;
  std::string file_name;  // of the first
  std::string reason;     // why its prediction can't be used
};

// Unlabelled images of the pool whose prediction by this model was set aside.
SetAside ReadSetAside(Transaction& transaction, ProjectId project, ModelId model);

struct PictureHash {
  std::string file_name;
  uint64_t hash = 0;
};

// All images of a side that a worker has decoded.
std::vector<PictureHash> ReadPictureHashes(Transaction& transaction, ProjectId project, v1::Side side);

}  // namespace loupe
