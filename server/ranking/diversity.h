// Images that differ from each other: finding near-duplicates, and choosing images that cover the others.
//
// Legend: D: numbers in an embedding; d: Euclidean distance of two embeddings of length 1, in [0, 2].
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace loupe::ranking {

// The images from which the uncertain slice of one budget is to be chosen.
struct DiversityRequest {
  // Images that compete for the same places: those of one main class, or all.
  struct Group {
    std::vector<int64_t> best;   // image ids by falling score
    std::vector<double> scores;  // of `best`
    size_t count = 0;            // places that the budget has for the group
  };
  std::vector<Group> groups;
  std::vector<int64_t> served;  // images that the other slices of this budget hold
};

// The order of a group's images: indices into its `best`, each at most once in both lists together. Images in
// neither list come in between, by score.
struct DiverseOrder {
  std::vector<size_t> first;  // before all others of the group, in this order
  std::vector<size_t> last;   // after all others that compete with them, in `best` or not
};

// Embeddings of one model, [size, D] half floats (IEEE 754 binary16) of 2 bytes each.
class Embeddings {
 public:
  // width: D. With 0, all embeddings are equal.
  explicit Embeddings(size_t width)
      : width_(width), lines_per_row_(std::max<size_t>((width + kLineHalves - 1) / kLineHalves, 1)) {}

  // Adds an embedding, scaled to length 1, so that distance depends on direction alone: d² = 2 - 2·cos. An
  // embedding of zeros (the model proposed nothing in the image) stays as it is: its distance is 0 to others
  // of zeros and 1 to all the rest. half_floats: 2·D bytes, little-endian. Errors: INVALID_ARGUMENT: another
  // length, or a number that is not finite; nothing is added.
  absl::Status Append(std::string_view half_floats);

  size_t size() const { return squared_lengths_.size(); }
  // Numbers in a row: D, and zeros up to a whole cache line.
  size_t row_length() const { return lines_per_row_ * kLineHalves; }
  // The row's half floats, as bits. Rows are contiguous. Requires: i < size.
  const uint16_t* row(size_t i) const { return lines_[i * lines_per_row_].halves.data(); }
  // Of the stored row. Near 1, because of rounding.
  float squared_length(size_t i) const { return squared_lengths_[i]; }

 private:
  static constexpr size_t kLineHalves = 32;
  struct alignas(64) Line {
    std::array<uint16_t, kLineHalves> halves{};
  };

  size_t width_;
  size_t lines_per_row_;
  std::vector<Line> lines_;  // [size, lines_per_row_]
  std::vector<float> squared_lengths_;
};

constexpr size_t kGroupRows = 4;
constexpr size_t kLanes = 16;
using RowGroup = std::array<const uint16_t*, kGroupRows>;
using GroupLanes = std::array<std::array<float, kLanes>, kGroupRows>;

// Partial scalar products of four rows with `point` [length]: lane l of a row is the sum of the products of
// the numbers l, l + 16, …, added in this order. Products of half floats are exact in single precision, so
// all kernels give the same bits. Requires: rows of Embeddings; the numbers of `point` are half floats.
using ProductKernel = void (*)(const RowGroup& rows, size_t length, const float* point, GroupLanes& lanes);

// The kernels that this processor can run, the fastest first; the last one is plain C++.
const std::vector<ProductKernel>& UsableProductKernels();

// Chooses candidates, in order: the next one always has the largest product of its weight and its d to the
// nearest of `centres` and of the candidates chosen before. Without centres the first one has the largest
// weight. Equals go by index. Returns min(count, candidates) indices, the same on every machine and for any
// `threads` (0: one per processor).
//
// d, not d², because the bound needs the triangle inequality: the largest weight times d that is left is at
// most 3 times that of the best choice of as many candidates; 2 times, if all weights are equal.
//
// Requires: a finite weight >= 0 per candidate; centres with the same D.
// Sources: Dyer and Frieze 1985, "A simple heuristic for the p-centre problem"; Sener and Savarese 2018,
// "Active Learning for Convolutional Neural Networks: A Core-Set Approach", for labelled images as centres.
std::vector<size_t> WeightedKCenter(const Embeddings& candidates, std::span<const double> weights,
                                    const Embeddings& centres, size_t count, int threads);

// Two pictures are near-duplicates when their perceptual hashes differ in at most this many of 64 bits (the
// customary limit), and their embeddings have at least this cosine. Measured on 150 pictures of NEU-DET:
// noise, light, JPEG at quality 40 and 3/4 of the size changed at most 8 bits; two pictures differed in 18 or
// more. The same changes left the cosine above 0.92. For two pictures of different classes it was 0.48
// (median) and 0.91 (99th percentile), but 0.98 (median) for the same class: the cosine says little without
// the hash.
constexpr int kDuplicateHashBits = 10;
constexpr double kDuplicateCosine = 0.9;

// For each image, the index of the first image that it nearly repeats, or its own index. An image is compared
// only with earlier images that repeat no other. An image without a hash repeats none; if it is near to
// others, WeightedKCenter chooses it late. hashes: one per embedding, best image first.
std::vector<size_t> MergeNearDuplicates(std::span<const std::optional<uint64_t>> hashes,
                                        const Embeddings& embeddings);

}  // namespace loupe::ranking
