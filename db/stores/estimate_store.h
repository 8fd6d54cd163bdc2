// Random slices from which the whole pool is estimated, and the images that they stand for.
//
// Legend: U: the unlabelled images that a slice was drawn from; k: its images that are answered.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/ids.h"

namespace loupe {

class Transaction;

// A ranking that is active, or was.
struct DrawnRanking {
  RankingId id;
  uint32_t generation = 0;
  ModelId model;                // that it was made from; none: generation 0
  uint64_t random_entries = 0;  // of its draw; 0 for generation 0
  bool active = false;
};

// The latest generation first.
std::vector<DrawnRanking> ListDrawnRankings(Transaction& transaction, ProjectId project);

// One uniform draw: `size` random entries of a ranking, in the order of the draw.
struct RandomDraw {
  RankingId ranking;
  uint64_t first_position = 0;  // no entry of the draw has a lower one
  uint64_t size = 0;
};

// Generation 0 has one draw per import, of all its images. The latest import first.
std::vector<RandomDraw> ListFirstDraws(Transaction& transaction, RankingId ranking);

// A draw, restricted to images that all of `models` predicted. A model's generation draws from images that
// the model had predicted; so naming that model leaves out images that were imported since. Images labelled
// between the draw and the ranking's completion are not in U either. None of this depends on the order of the
// draw.
struct SliceOfPool {
  RandomDraw draw;
  std::vector<ModelId> models;
};

struct DrawnSlice {
  uint64_t size = 0;              // images of U that are in the slice, without the skipped ones
  std::vector<ImageId> answered;  // [k], in the order of the draw up to the first that is not answered
  uint64_t answered_behind = 0;   // answered images after that first open one
  std::string open_image;         // file name of the first that is not answered; empty: all are
  uint64_t skipped = 0;           // left out: somebody skipped them, and nobody answered
};

DrawnSlice ReadDrawnSlice(Transaction& transaction, const SliceOfPool& slice);

// The parts of the pool with respect to a slice. Regions to ignore don't count as boxes.
struct PoolParts {
  uint64_t population = 0;                        // |U|
  uint64_t open_images = 0;                       // of U, without a label
  std::vector<uint64_t> boxes_labelled_since;     // [classes], in labelled images of U
  uint64_t known_images = 0;                      // labelled, and not of U
  uint64_t known_images_with_boxes = 0;           // of any class
  std::vector<uint64_t> known_images_with_class;  // [classes]
  uint64_t images_not_covered = 0;                // neither labelled nor of U
};

// left_out: labels whose boxes don't count.
PoolParts ReadPoolParts(Transaction& transaction, const SliceOfPool& slice, size_t class_count,
                        const std::vector<int64_t>& left_out);

// How many of these images were trained on by the model, or by a model that its weights come from.
uint64_t CountTrainedOn(Transaction& transaction, ModelId model, const std::vector<ImageId>& images);

}  // namespace loupe
