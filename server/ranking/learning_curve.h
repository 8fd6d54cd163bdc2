// The learning curve: how AP grows with labels, and a forecast of what more labels would bring.
//
// Legend: n: the cost of the labels that a model was trained on, in labelled images or in seconds of
// annotation (the same unit for all points of a curve); β: how fast the error falls; c: the error that
// remains with any number of labels.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace loupe::ranking {

// A figure with its 90 % band; low <= value <= high.
struct Band {
  double value = 0;
  double low = 0;
  double high = 0;
};

struct CurvePoint {
  double n = 0;                          // above 0; several points may have the same
  double ap = 0;                         // measured, in [0, 1]
  std::optional<double> standard_error;  // of `ap`, in [0, 1]; used only if every point has one
};

// The standard error that belongs to a 90 % interval of a normal distribution.
double StandardError(double low, double high);

struct CurveOptions {
  int resamples = 1000;  // above 0
  uint64_t seed = 0;     // the same seed gives the same band
};

// 1 - AP = a·n^-β + c.
struct PowerLaw {
  double a = 0;
  double beta = 0;
  double c = 0;

  // AP at n > 0, clamped to [0, 1].
  double Ap(double n) const;
};

struct LearningCurve {
  PowerLaw law;
  bool c_fixed = false;           // c was fixed at 0: forecasts assume that enough labels lead to AP 1
  std::vector<PowerLaw> redrawn;  // the curves of the band

  // AP of a model trained at n > 0. The band leaves out two uncertainties: the choice of the evaluated
  // images, which shifts all models alike (AP's own interval shows it), and that AP may not follow a power
  // law.
  Band Forecast(double n) const;

  // AP at `to` minus AP at `from`, with the band of the difference.
  // Requires: both above 0.
  Band ForecastGain(double from, double to) const;
};

// Fits the law by weighted least squares with a >= 0, 0 <= β <= 2 and 0 <= c <= 1. With only four different
// n, c is fixed at 0. If AP doesn't rise, the curve is flat: β = 0.
// The band: for each resample, points are drawn around the fitted curve with their standard errors and the
// scatter of training, and the law is fitted to them. (Residuals aren't resampled: four to fifteen of them
// are too few.) If the points lie farther from the curve than this noise explains, for example without
// standard errors, the noise is scaled up, by a chi-square draw as in Student's t.
// Errors: FAILED_PRECONDITION with fewer than four different n, which says how many are missing;
// INVALID_ARGUMENT names the point with a number out of its range.
// Source: Figueroa et al. 2012, "Predicting sample size required for classification performance".
absl::StatusOr<LearningCurve> FitLearningCurve(std::span<const CurvePoint> points,
                                               const CurveOptions& options);

}  // namespace loupe::ranking
