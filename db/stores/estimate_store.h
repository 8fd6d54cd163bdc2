// Random slices that figures of the whole pool are estimated from, and the images that they stand for.
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

// A ranking that is served, or was.
struct DrawnRanking {
  RankingId id;
  uint32_t generation = 0;
  ModelId model;          // it was made from; none: generation 0
  uint64_t eligible = 0;  // images that it drew from
  std::string recipe;     // of its round, as kept; empty for generation 0
  bool active = false;    // it is served
};

// The latest generation first.
std::vector<DrawnRanking> ListDrawnRankings(Transaction& transaction, ProjectId project);

// One uniform draw: `size` random entries of a ranking, in the order of the draw.
struct RandomDraw {
  RankingId ranking;
  uint64_t first_position = 0;  // none of them stands before it
  uint64_t size = 0;
};

// Generation 0 draws from each import by itself and takes all of it. The latest import first.
std::vector<RandomDraw> ListFirstDraws(Transaction& transaction, RankingId ranking);

// A draw's part of U: images that all of `models` predicted. A generation that a model made draws from images
// that this model had predicted, so to name it leaves out what came in since. Labelled between the draw and
// the ranking's completion: not in U either. All of this is settled without looking at the order of the draw.
struct SliceOfPool {
  RandomDraw draw;
  std::vector<ModelId> models;
};

struct DrawnSlice {
  uint64_t size = 0;              // images of U that are in the slice
  std::vector<ImageId> answered;  // [k], in the order of the draw up to the first that is not answered
  uint64_t answered_behind = 0;   // others, after the first that is not answered
  std::string open_image;         // the first that is not answered, its file name; empty: all are
};

DrawnSlice ReadDrawnSlice(Transaction& transaction, const SliceOfPool& slice);

// The pool as a slice divides it. Regions to ignore are no boxes.
struct PoolParts {
  uint64_t population = 0;                        // |U|
  uint64_t open_images = 0;                       // of U, without a label
  std::vector<uint64_t> boxes_labelled_since;     // [classes], in labelled images of U
  uint64_t known_images = 0;                      // labelled, and not of U
  uint64_t known_images_with_boxes = 0;           // of any class
  std::vector<uint64_t> known_images_with_class;  // [classes]
  uint64_t images_not_covered = 0;                // neither labelled nor of U
};

PoolParts ReadPoolParts(Transaction& transaction, const SliceOfPool& slice, size_t class_count);

// How many of these images the model was trained on, or one that its weights come from.
uint64_t CountTrainedOn(Transaction& transaction, ModelId model, const std::vector<ImageId>& images);

}  // namespace loupe
