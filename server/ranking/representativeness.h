// Does what is labelled represent the rest? Comparisons of two sets of images.
//
// Images that a model chose are meant to differ from the rest. So a small p of all that is labelled says that
// choosing had an effect, not that something is wrong. Only the random slice must look like what it was drawn
// from: compare it with all the rest of its U, images labelled since included, by the embeddings of the
// model that ranked U. A model that has trained on one side sees that side with more confidence, and its
// embeddings differ for that alone.
//
// Legend: d: numbers in an embedding; C: classes; n, m: how many there are of the two sides; U: see
// PlanRanking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace loupe::ranking {

// Embeddings of a side, row by row: numbers [rows, width].
struct EmbeddingRows {
  std::span<const float> numbers;
  size_t width = 0;  // d
};

struct MmdOptions {
  int permutations = 999;  // at least 1; no p below 1 / (permutations + 1)
  int max_rows = 2000;     // 2 to 8,000; of a larger side so many are drawn at random
  uint64_t seed = 0;       // the same seed gives the same numbers
  int threads = 0;         // 0: one for each processor; the numbers don't depend on it
};

struct MmdResult {
  double mmd2 = 0;       // at most 2; around 0, also below it, for sides that are alike
  double p_value = 1;    // of the hypothesis that both sides are drawn from the same images
  double bandwidth = 0;  // σ, in the embeddings' own unit; 0 when all rows are equal
  size_t x_rows = 0;     // used
  size_t y_rows = 0;
};

// Maximum mean discrepancy of x [n, d] and y [m, d]: MMD², its unbiased estimate with the kernel
// exp(-|a - b|² / 2σ²), right to 1e-5. σ is the median distance over all pairs of the rows used, both sides
// together, without pairs of equal rows (of two in the middle the larger). p = (1 + permutations with no
// smaller MMD²) / (1 + permutations).
// Takes 1.5 s of one core and 70 MB for 2,000 rows a side of 128 numbers and 999 permutations.
// Errors: INVALID_ARGUMENT for fewer than 2 rows a side, different or no widths, numbers that are not finite
// or beyond ±1e15, options out of range.
// Source: Gretton et al. 2012, "A Kernel Two-Sample Test", lemma 6, and section 8 for σ; Phipson and Smyth
// 2010, "Permutation P-values Should Never Be Zero".
absl::StatusOr<MmdResult> MmdTest(const EmbeddingRows& x, const EmbeddingRows& y,
                                  const MmdOptions& options = {});

struct KolmogorovSmirnovResult {
  double distance = 0;  // D: largest gap between the shares of values up to any number, in [0, 1]
  double p_value = 1;
};

// Two-sample test of single numbers: brightness, sizes of images, sizes of boxes (square root of the area).
// p is the limit for many values. Ties and few values make it too large; held against exact counts, a p below
// 0.2 was never more than 3 % of itself too small. It asks for independent values, which boxes of one image
// are not: there p is too small, and D alone can be trusted.
// Errors: INVALID_ARGUMENT for an empty side or numbers that are not finite.
// Source: Smirnov 1948, "Table for Estimating the Goodness of Fit of Empirical Distributions".
absl::StatusOr<KolmogorovSmirnovResult> KolmogorovSmirnov(std::span<const double> a,
                                                          std::span<const double> b);

constexpr int64_t kThinBoxes = 30;  // below so many boxes of a class, estimates give no interval

struct ClassCoverage {
  bool missing = false;           // no box
  bool thin = false;              // fewer than kThinBoxes, none included
  bool underrepresented = false;  // share below half of the expected one, and p_value below 0.01 / C
  double labelled_share = 0;      // of all labelled boxes; 0 without any
  double expected_share = 0;      // of all expected boxes; 0 without any
  // Of so few labelled boxes, if the class's share were the same on both sides and both counts Poisson. Boxes
  // that come in crowds vary more: hence also the rule of half the share.
  double p_value = 1;
};

// [C] how people's boxes cover the classes. labelled_boxes [C]: n_c. expected_boxes [C]: of the images of the
// rest, the sum of their boxes' calibrated scores. A class that the model doesn't know is expected nowhere:
// it shows as missing or thin, never as underrepresented.
// Errors: INVALID_ARGUMENT for different lengths, and for numbers that are negative or not finite.
// Source: Przyborowski and Wilenski 1940, the ratio of two Poisson counts given their sum.
absl::StatusOr<std::vector<ClassCoverage>> CoverageOfClasses(std::span<const int64_t> labelled_boxes,
                                                             std::span<const double> expected_boxes);

}  // namespace loupe::ranking
