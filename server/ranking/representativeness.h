// Do the labelled images represent the rest? Comparisons of two sets of images.
//
// Images that a model chose are meant to differ from the rest. So a small p for all labelled images shows
// that choosing had an effect, not that something is wrong. Only the random slice must look like the images
// that it was drawn from: compare it with all others of its U, including those labelled since, by embeddings
// of the model that ranked U. Embeddings of a model that was trained on one side differ between the sides for
// that reason alone.
//
// Legend: d: numbers per embedding; C: classes; n, m: sizes of the two sides; U: see PlanRanking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace loupe::ranking {

// Embeddings of one side: numbers [rows, width], row by row.
struct EmbeddingRows {
  std::span<const float> numbers;
  size_t width = 0;  // d
};

struct MmdOptions {
  int permutations = 999;  // at least 1; the smallest possible p is 1 / (permutations + 1)
  int max_rows = 2000;     // per side, 2 to 8,000; from a larger side, this many rows are drawn at random
  uint64_t seed = 0;       // the same seed gives the same result
  int threads = 0;         // 0: one per processor; results don't depend on it
};

struct MmdResult {
  double mmd2 = 0;       // MMD², at most 2; if both sides are alike, near 0 and possibly below
  double p_value = 1;    // under the hypothesis that both sides are drawn from the same images
  double bandwidth = 0;  // σ, in the unit of the embeddings; 0 if all rows are equal
  size_t x_rows = 0;     // rows used
  size_t y_rows = 0;
};

// Maximum mean discrepancy of x [n, d] and y [m, d]: the unbiased estimate of MMD² with the kernel
// exp(-|a - b|² / 2σ²), exact to 1e-5. σ is the median distance over all pairs of different rows of both
// sides together; of two middle distances, the larger.
// p = (1 + number of permutations whose MMD² is at least as large) / (1 + permutations).
// Takes 1.5 s of one core and 70 MB for 2,000 rows per side, d = 128 and 999 permutations.
// Errors: INVALID_ARGUMENT for fewer than 2 rows on a side, different widths or width 0, numbers that are not
// finite or beyond ±1e15, options out of range.
// Source: Gretton et al. 2012, "A Kernel Two-Sample Test", lemma 6, and section 8 for σ; Phipson and Smyth
// 2010, "Permutation P-values Should Never Be Zero".
absl::StatusOr<MmdResult> MmdTest(const EmbeddingRows& x, const EmbeddingRows& y,
                                  const MmdOptions& options = {});

struct KolmogorovSmirnovResult {
  double distance = 0;  // largest gap between the two empirical distribution functions, in [0, 1]
  double p_value = 1;
};

// Two-sample test for scalars, such as brightness, image size, or box size (square root of the area). p is
// the limit for many values. With ties or few values it comes out too large; compared with exact counts, a p
// below 0.2 was never more than 3 % too small. The test assumes independent values. Boxes of one image aren't
// independent: for them p is too small, so judge by `distance` alone.
// Errors: INVALID_ARGUMENT for an empty side or numbers that are not finite.
// Source: Smirnov 1948, "Table for Estimating the Goodness of Fit of Empirical Distributions".
absl::StatusOr<KolmogorovSmirnovResult> KolmogorovSmirnov(std::span<const double> a,
                                                          std::span<const double> b);

constexpr int64_t kThinBoxes = 30;  // with fewer boxes of a class, estimates give no interval

struct ClassCoverage {
  bool missing = false;  // no labelled box
  bool thin = false;     // fewer than kThinBoxes labelled boxes; true also if missing
  // Share below half of the one with `expected_low`, and p_value below 0.01 / C.
  bool underrepresented = false;
  double labelled_share = 0;  // of all labelled boxes; 0 without any
  double expected_share = 0;  // of all expected boxes; 0 without any
  // Probability of so few labelled boxes or fewer, if the class had the same share on both sides and both
  // counts were Poisson. Boxes that come in groups vary more than that, which is why `underrepresented` also
  // asks for half the share.
  double p_value = 1;
};

// [C] how well the labelled boxes cover the classes. labelled_boxes: [C] counts. expected_boxes: [C] how many
// there are expected to be in the other images. expected_low: [C] the lower ends of their intervals, so that
// a model that counts badly raises no alarm. A class that the model doesn't know has no expected boxes, so it
// can be missing or thin, but not underrepresented. Errors: INVALID_ARGUMENT for different lengths, for
// numbers that are negative or not finite, and for a lower end above its number.
// Source: Przyborowski and Wilenski 1940, the ratio of two Poisson counts given their sum.
absl::StatusOr<std::vector<ClassCoverage>> CoverageOfClasses(std::span<const int64_t> labelled_boxes,
                                                             std::span<const double> expected_boxes,
                                                             std::span<const double> expected_low);

}  // namespace loupe::ranking
