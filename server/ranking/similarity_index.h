// An index that finds the images that look most like a given one.
//
// Legend: N: images in the index; D: numbers in an embedding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe::ranking {

// Finds the embeddings whose cosine with a given one is largest, by comparing it with all: each embedding is
// held as D whole numbers of a byte and a factor. The cosine of two of them differs from that of the
// embeddings by about 0.003 for D = 128. So ask for more images than are wanted, and compare their embeddings
// themselves (Cosine).
//
// Time of a search: reading the index once. Memory: D + 12 bytes per image.
class SimilarityIndex {
 public:
  // width: D, at least 1.
  explicit SimilarityIndex(size_t width) : width_(width) {}

  // half_floats: 2·D bytes, little-endian. Errors: INVALID_ARGUMENT: another length, or a number that is not
  // finite; nothing is added.
  absl::Status Add(int64_t image, std::string_view half_floats);

  size_t size() const { return images_.size(); }

  // The min(count, N) most similar images, the most similar first; equals in order of adding. Errors: those
  // of Add.
  absl::StatusOr<std::vector<int64_t>> Search(std::string_view half_floats, size_t count) const;

 private:
  // Rows of whole numbers are held in blocks, so that adding moves none of them.
  static constexpr size_t kBlockRows = 4096;

  size_t width_;
  std::vector<std::vector<int8_t>> blocks_;  // [ceil(N / kBlockRows)][kBlockRows · D]
  std::vector<float> factors_;               // [N] 1 / length of the row; 0 for a row of zeros
  std::vector<int64_t> images_;              // [N]
};

// Cosine of two embeddings; 0 if one of them holds zeros alone. Both: 2·D bytes of half floats. Errors:
// INVALID_ARGUMENT: different lengths, or a number that is not finite.
absl::StatusOr<double> Cosine(std::string_view a, std::string_view b);

}  // namespace loupe::ranking
