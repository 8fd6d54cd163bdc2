#include "server/ranking/representativeness.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/negative_binomial.hpp>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "evaluation/parallel_for.h"
#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

using absl::InvalidArgumentError;
using absl::StrCat;
using evaluation::Mix64;
using evaluation::ParallelFor;
using evaluation::SeededRandom;

constexpr int kMostRows = 8000;                       // per side
constexpr float kLargestNumber = 1e15F;               // squared distances of such numbers fit a float
constexpr uint32_t kKernelUnit = uint32_t{1} << 18U;  // stands for 1.0; 2 · kMostRows of them fit 32 bits
constexpr size_t kLanes = 32;                         // splits computed in one pass over the kernel

absl::Status CheckRows(const char* side, const EmbeddingRows& rows) {
  if (rows.width == 0 || rows.numbers.size() % rows.width != 0) {
    return InvalidArgumentError(
        StrCat(side, ": ", rows.numbers.size(), " numbers don't make rows of ", rows.width));
  }
  const size_t count = rows.numbers.size() / rows.width;
  if (count < 2) {
    return InvalidArgumentError(
        StrCat(side, " has ", count, " embeddings; the test needs at least 2 per side"));
  }
  for (size_t i = 0; i < rows.numbers.size(); ++i) {
    if (std::abs(rows.numbers[i]) <= kLargestNumber) continue;  // false for NaN
    return InvalidArgumentError(StrCat("embedding ", i / rows.width, " of ", side, " holds ", rows.numbers[i],
                                       ", which is not within ±1e15"));
  }
  return absl::OkStatus();
}

absl::Status CheckMmd(const EmbeddingRows& x, const EmbeddingRows& y, const MmdOptions& options) {
  if (options.permutations < 1 || options.max_rows < 2 || options.max_rows > kMostRows) {
    return InvalidArgumentError(StrCat("permutations must be at least 1 and max_rows 2 to ", kMostRows,
                                       ", not ", options.permutations, " and ", options.max_rows));
  }
  if (absl::Status status = CheckRows("x", x); !status.ok()) return status;
  if (absl::Status status = CheckRows("y", y); !status.ok()) return status;
  if (x.width == y.width) return absl::OkStatus();
  return InvalidArgumentError(
      StrCat("can't compare embeddings of ", x.width, " and of ", y.width, " numbers"));
}

// `count` of the numbers below `total`, drawn without replacement.
std::vector<size_t> Draw(size_t total, size_t count, SeededRandom random) {
  std::vector<size_t> drawn(total);
  std::iota(drawn.begin(), drawn.end(), size_t{0});
  for (size_t i = 0; i < count; ++i) std::swap(drawn[i], drawn[i + random.Below(total - i)]);
  drawn.resize(count);
  return drawn;
}

// Appends at most `most` of the rows, drawn at random. Returns how many.
size_t AppendRows(const EmbeddingRows& rows, size_t most, SeededRandom random, std::vector<double>& pooled) {
  const size_t total = rows.numbers.size() / rows.width;
  const size_t count = std::min(total, most);
  for (const size_t i : Draw(total, count, random)) {
    const auto row = rows.numbers.subspan(i * rows.width, rows.width);
    pooled.insert(pooled.end(), row.begin(), row.end());
  }
  return count;
}

double SquaredDistance(const double* a, const double* b, size_t width) {
  std::array<double, 8> sums{};  // separate sums, so that additions don't wait for each other
  size_t k = 0;
  for (; k + sums.size() <= width; k += sums.size()) {
    for (size_t lane = 0; lane < sums.size(); ++lane) {
      const double difference = a[k + lane] - b[k + lane];
      sums[lane] += difference * difference;
    }
  }
  for (; k < width; ++k) sums[0] += (a[k] - b[k]) * (a[k] - b[k]);
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Where row i of a symmetric matrix begins if only the half below the diagonal is stored: row i has i
// numbers.
constexpr size_t RowBegin(size_t i) { return i * (i - 1) / 2; }

// [N·(N - 1)/2] squared distances between N rows; layout: see RowBegin. rows: [N, width].
std::vector<float> SquaredDistances(const std::vector<double>& rows, size_t width, int threads) {
  const size_t count = rows.size() / width;
  std::vector<float> squared(RowBegin(count));
  ParallelFor(count - 1, threads, [&](size_t before) {
    const size_t i = before + 1;
    for (size_t j = 0; j < i; ++j) {
      const double distance = SquaredDistance(&rows[i * width], &rows[j * width], width);
      squared[RowBegin(i) + j] = static_cast<float>(distance);
    }
  });
  return squared;
}

// Median of the numbers above 0, of two middle ones the larger; 0 if there are none.
double MedianAboveZero(std::vector<float> numbers) {
  std::erase(numbers, 0.0F);
  if (numbers.empty()) return 0;
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  return *middle;
}

// The kernel in whole units. Sums of them are exact, so splits of equal MMD² tie whatever the order of
// addition. squared, result: [N·(N - 1)/2], see RowBegin.
std::vector<uint32_t> KernelOf(const std::vector<float>& squared, double variance, int threads) {
  std::vector<uint32_t> kernel(squared.size());
  constexpr size_t kPiece = 4096;
  ParallelFor((squared.size() + kPiece - 1) / kPiece, threads, [&](size_t piece) {
    for (size_t k = piece * kPiece; k < std::min((piece + 1) * kPiece, squared.size()); ++k) {
      kernel[k] = static_cast<uint32_t>(std::lround(kKernelUnit * std::exp(squared[k] / (-2 * variance))));
    }
  });
  return kernel;
}

// Of one row, for each of kLanes splits: all bits set if the row is on the first side, otherwise none.
using Masks = std::array<uint32_t, kLanes>;

// [kLanes] MMD² of splits into n rows on the first side and the rest on the second. masks: [N].
std::array<double, kLanes> Mmd2(const std::vector<uint32_t>& kernel, const std::vector<Masks>& masks,
                                size_t n) {
  std::array<uint64_t, kLanes> first{};
  std::array<uint64_t, kLanes> second{};
  std::array<uint64_t, kLanes> across{};
  for (size_t i = 1; i < masks.size(); ++i) {
    uint32_t sum = 0;
    Masks with_first{};
    for (size_t j = 0; j < i; ++j) {
      const uint32_t value = kernel[RowBegin(i) + j];
      sum += value;
      for (size_t lane = 0; lane < kLanes; ++lane) with_first[lane] += value & masks[j][lane];
    }
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const bool is_first = masks[i][lane] != 0;
      (is_first ? first : across)[lane] += with_first[lane];
      (is_first ? across : second)[lane] += sum - with_first[lane];
    }
  }
  const auto pairs = [](double rows) { return rows * (rows - 1) / 2; };
  const auto x = static_cast<double>(n);
  const auto y = static_cast<double>(masks.size() - n);
  std::array<double, kLanes> mmd2;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const double within =
        static_cast<double>(first[lane]) / pairs(x) + static_cast<double>(second[lane]) / pairs(y);
    mmd2[lane] = (within - 2 * static_cast<double>(across[lane]) / (x * y)) / kKernelUnit;
  }
  return mmd2;
}

// MMD² of the first n rows against the others, followed by that of at least `permutations` random splits.
std::vector<double> SplitMmd2(const std::vector<uint32_t>& kernel, size_t rows, size_t n,
                              const MmdOptions& options) {
  std::vector<double> mmd2((static_cast<size_t>(options.permutations) / kLanes + 1) * kLanes);
  ParallelFor(mmd2.size() / kLanes, options.threads, [&](size_t block) {
    std::vector<Masks> masks(rows);
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const size_t split = block * kLanes + lane;
      std::vector<size_t> first_side = Draw(rows, n, SeededRandom(Mix64(options.seed) + split));
      if (split == 0) std::iota(first_side.begin(), first_side.end(), size_t{0});
      for (const size_t i : first_side) masks[i][lane] = ~uint32_t{0};
    }
    const auto found = Mmd2(kernel, masks, n);
    std::copy(found.begin(), found.end(), mmd2.begin() + static_cast<std::ptrdiff_t>(block * kLanes));
  });
  return mmd2;
}

}  // namespace

absl::StatusOr<MmdResult> MmdTest(const EmbeddingRows& x, const EmbeddingRows& y, const MmdOptions& options) {
  if (absl::Status status = CheckMmd(x, y, options); !status.ok()) return status;
  MmdResult result;
  std::vector<double> pooled;
  const auto most = static_cast<size_t>(options.max_rows);
  result.x_rows = AppendRows(x, most, SeededRandom(options.seed), pooled);
  result.y_rows = AppendRows(y, most, SeededRandom(~options.seed), pooled);
  const std::vector<float> squared = SquaredDistances(pooled, x.width, options.threads);
  const double variance = MedianAboveZero(squared);
  if (variance == 0) return result;
  result.bandwidth = std::sqrt(variance);
  const std::vector<uint32_t> kernel = KernelOf(squared, variance, options.threads);
  const auto mmd2 = SplitMmd2(kernel, result.x_rows + result.y_rows, result.x_rows, options);
  result.mmd2 = mmd2[0];
  const auto end = mmd2.begin() + options.permutations + 1;
  const auto as_large = std::count_if(mmd2.begin(), end, [&](double split) { return split >= mmd2[0]; });
  result.p_value = static_cast<double>(as_large) / (options.permutations + 1);
  return result;
}

namespace {

// Probability that a variable with Kolmogorov's distribution exceeds `value`.
double KolmogorovTail(double value) {
  if (value < 0.2) return 1;  // to 12 digits
  double tail = 0;
  double sign = 2;
  for (int k = 1; k <= 30; ++k, sign = -sign) tail += sign * std::exp(-2 * k * k * value * value);
  return std::clamp(tail, 0.0, 1.0);
}

}  // namespace

absl::StatusOr<KolmogorovSmirnovResult> KolmogorovSmirnov(std::span<const double> a,
                                                          std::span<const double> b) {
  for (const auto side : {a, b}) {
    if (side.empty()) return InvalidArgumentError("a side has no values to compare");
    const auto finite = [](double value) { return std::isfinite(value); };
    if (!std::all_of(side.begin(), side.end(), finite)) return InvalidArgumentError("a value is not finite");
  }
  std::vector<double> x(a.begin(), a.end());
  std::vector<double> y(b.begin(), b.end());
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  const auto n = static_cast<double>(x.size());
  const auto m = static_cast<double>(y.size());
  double gap = 0;  // in units of 1 / (n·m), so that it stays a whole number
  for (size_t i = 0, j = 0; i < x.size() && j < y.size();) {
    const double value = std::min(x[i], y[j]);
    while (i < x.size() && x[i] == value) ++i;
    while (j < y.size() && y[j] == value) ++j;
    gap = std::max(gap, std::abs(static_cast<double>(i) * m - static_cast<double>(j) * n));
  }
  const double distance = gap / (n * m);
  return KolmogorovSmirnovResult{distance, KolmogorovTail(distance * std::sqrt(n * m / (n + m)))};
}

namespace {

// Probability of at most `count` labelled boxes of a class with `expected` boxes in the rest, if both counts
// are Poisson and their means have the ratio `ratio` to 1. Requires: expected > 0, ratio > 0.
double AtMost(int64_t count, double expected, double ratio) {
  const boost::math::negative_binomial labelled(expected, 1 / (1 + ratio));
  return boost::math::cdf(labelled, static_cast<double>(count));
}

}  // namespace

absl::StatusOr<std::vector<ClassCoverage>> CoverageOfClasses(std::span<const int64_t> labelled_boxes,
                                                             std::span<const double> expected_boxes,
                                                             std::span<const double> expected_low) {
  const size_t classes = labelled_boxes.size();
  if (expected_boxes.size() != classes || expected_low.size() != classes) {
    return InvalidArgumentError(
        StrCat(classes, " classes have labelled boxes, ", expected_boxes.size(), " expected ones"));
  }
  double labelled_sum = 0;
  double expected_sum = 0;
  for (size_t c = 0; c < classes; ++c) {
    if (labelled_boxes[c] < 0 || !std::isfinite(expected_boxes[c]) || expected_boxes[c] < 0 ||
        !(expected_low[c] >= 0 && expected_low[c] <= expected_boxes[c])) {
      return InvalidArgumentError(StrCat("class ", c, " has ", labelled_boxes[c], " labelled and ",
                                         expected_boxes[c], " expected boxes"));
    }
    labelled_sum += static_cast<double>(labelled_boxes[c]);
    expected_sum += expected_boxes[c];
  }
  std::vector<ClassCoverage> coverage(classes);
  for (size_t c = 0; c < classes; ++c) {
    coverage[c].missing = labelled_boxes[c] == 0;
    coverage[c].thin = labelled_boxes[c] < kThinBoxes;
    if (labelled_sum > 0) coverage[c].labelled_share = static_cast<double>(labelled_boxes[c]) / labelled_sum;
    if (expected_sum > 0) coverage[c].expected_share = expected_boxes[c] / expected_sum;
    if (labelled_sum == 0 || expected_boxes[c] == 0) continue;
    coverage[c].p_value = AtMost(labelled_boxes[c], expected_boxes[c], labelled_sum / expected_sum);
    const double least_share = expected_low[c] / (expected_sum - expected_boxes[c] + expected_low[c]);
    coverage[c].underrepresented = coverage[c].labelled_share < least_share / 2 &&
                                   coverage[c].p_value * static_cast<double>(classes) < 0.01;
  }
  return coverage;
}

}  // namespace loupe::ranking
