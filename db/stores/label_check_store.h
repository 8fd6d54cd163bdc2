// What a check of the labels compares. Samples are by sampling key: random, and the same each time.
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
  uint64_t unlabelled = 0;                       // images that it stands for
};

// A model's boxes on at most `limit` unlabelled images of the pool.
PoolSample ReadPoolSample(Transaction& transaction, ProjectId project, ModelId model, int limit);

// Of an image: what it looks like, to a model and by itself.
struct ImageTraits {
  std::string embedding;  // half floats, little-endian; empty: there is none
  uint32_t width = 0;     // in pixels
  uint32_t height = 0;
  std::optional<float> brightness;  // absent for what no worker of this version decoded
};

// At most `limit` images of the pool that are labelled, or are not.
std::vector<ImageTraits> ReadPoolTraits(Transaction& transaction, ProjectId project, ModelId model,
                                        bool labelled, int limit);

// Of the draw of a model's ranking, at most `limit` images that are answered; as that model saw them.
std::vector<ImageTraits> ReadRandomSliceTraits(Transaction& transaction, const RandomDraw& draw, int limit);

// At most `limit` of the others that the ranking was drawn from; as that model saw them.
std::vector<ImageTraits> ReadRandomRestTraits(Transaction& transaction, const RandomDraw& draw, int limit);

struct SetAside {
  uint64_t images = 0;
  std::string file_name;  // of one of them
  std::string reason;     // why its prediction can't be used
};

// Unlabelled images of the pool that a model's predictions can't be used of.
SetAside ReadSetAside(Transaction& transaction, ProjectId project, ModelId model);

struct PictureHash {
  std::string file_name;
  uint64_t hash = 0;
};

// Of all images of a side that a worker decoded.
std::vector<PictureHash> ReadPictureHashes(Transaction& transaction, ProjectId project, v1::Side side);

}  // namespace loupe
