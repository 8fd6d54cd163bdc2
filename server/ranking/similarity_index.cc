#include "server/ranking/similarity_index.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/ranking/half_float.h"

namespace loupe::ranking {
namespace {

constexpr float kLargestByte = 127;

// Errors: INVALID_ARGUMENT.
absl::StatusOr<std::vector<float>> FloatsOfHalves(std::string_view half_floats, size_t width) {
  if (half_floats.size() != 2 * width) {
    return absl::InvalidArgumentError(
        absl::StrCat("the embedding has ", half_floats.size(), " bytes, not ", 2 * width));
  }
  std::vector<float> numbers(width);
  for (size_t k = 0; k < width; ++k) {
    const uint16_t half = HalfAt(half_floats, k);
    if (!IsFinite(half)) return absl::InvalidArgumentError("the embedding holds a number that is not finite");
    numbers[k] = FromHalf(half);
  }
  return numbers;
}

// Scaled so that the largest is 127.
void Quantize(const std::vector<float>& numbers, int8_t* row) {
  float largest = 0;
  for (const float number : numbers) largest = std::max(largest, std::abs(number));
  const float scale = largest == 0 ? 0 : kLargestByte / largest;
  for (size_t k = 0; k < numbers.size(); ++k) row[k] = static_cast<int8_t>(std::lround(numbers[k] * scale));
}

int32_t Product(const int8_t* a, const int16_t* b, size_t length) {
  int32_t sum = 0;
  for (size_t k = 0; k < length; ++k) sum += a[k] * b[k];
  return sum;
}

}  // namespace

absl::Status SimilarityIndex::Add(int64_t image, std::string_view half_floats) {
  const absl::StatusOr<std::vector<float>> numbers = FloatsOfHalves(half_floats, width_);
  if (!numbers.ok()) return numbers.status();
  const size_t place = images_.size() % kBlockRows;
  if (place == 0) blocks_.emplace_back(kBlockRows * width_);
  int8_t* row = blocks_.back().data() + place * width_;
  Quantize(*numbers, row);
  int64_t squares = 0;
  for (size_t k = 0; k < width_; ++k) squares += int64_t{row[k]} * row[k];
  factors_.push_back(squares == 0 ? 0 : 1 / std::sqrt(static_cast<float>(squares)));
  images_.push_back(image);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> SimilarityIndex::Search(std::string_view half_floats,
                                                             size_t count) const {
  const absl::StatusOr<std::vector<float>> numbers = FloatsOfHalves(half_floats, width_);
  if (!numbers.ok()) return numbers.status();
  std::vector<int8_t> bytes(width_);
  Quantize(*numbers, bytes.data());
  const std::vector<int16_t> asked(bytes.begin(), bytes.end());  // wide: the loop needs fewer conversions
  // The best so far: a heap whose first is the least similar. Similarity times the query's length, and the
  // negative place, since of equals the earlier one is better.
  std::vector<std::pair<float, int64_t>> best;
  const std::greater<> worse;
  for (size_t i = 0; i < images_.size(); ++i) {
    const int8_t* row = blocks_[i / kBlockRows].data() + i % kBlockRows * width_;
    const float similarity = static_cast<float>(Product(row, asked.data(), width_)) * factors_[i];
    const std::pair<float, int64_t> found{similarity, -static_cast<int64_t>(i)};
    if (best.size() == count && (count == 0 || found <= best.front())) continue;
    if (best.size() == count) {
      std::pop_heap(best.begin(), best.end(), worse);
      best.pop_back();
    }
    best.push_back(found);
    std::push_heap(best.begin(), best.end(), worse);
  }
  std::sort_heap(best.begin(), best.end(), worse);
  std::vector<int64_t> images;
  for (const auto& [similarity, place] : best) images.push_back(images_[static_cast<size_t>(-place)]);
  return images;
}

absl::StatusOr<double> Cosine(std::string_view a, std::string_view b) {
  const absl::StatusOr<std::vector<float>> left = FloatsOfHalves(a, a.size() / 2);
  if (!left.ok()) return left.status();
  const absl::StatusOr<std::vector<float>> right = FloatsOfHalves(b, left->size());
  if (!right.ok()) return right.status();
  double product = 0, left_square = 0, right_square = 0;
  for (size_t k = 0; k < left->size(); ++k) {
    product += static_cast<double>((*left)[k]) * (*right)[k];
    left_square += static_cast<double>((*left)[k]) * (*left)[k];
    right_square += static_cast<double>((*right)[k]) * (*right)[k];
  }
  const double lengths = std::sqrt(left_square) * std::sqrt(right_square);
  return lengths == 0 ? 0 : product / lengths;
}

}  // namespace loupe::ranking
