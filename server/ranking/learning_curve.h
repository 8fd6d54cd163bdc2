// How AP grows with labels, and what more of them would bring.
//
// Legend: n: what labels had cost when a model was trained, in labelled images or in seconds of annotation
// (one curve holds one of the two); β: how fast the error falls; c: the error that no number of labels
// removes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace loupe::ranking {

// A figure and its 90 % band; low <= value <= high.
struct Band {
  double value = 0;
  double low = 0;
  double high = 0;
};

struct CurvePoint {
  double n = 0;                          // above 0; several points may share one
  double ap = 0;                         // measured, in [0, 1]
  std::optional<double> standard_error;  // of `ap`, in [0, 1]; used when every point has one
};

// The standard error behind a 90 % interval.
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

  // AP at n > 0, held within [0, 1].
  double Ap(double n) const;
};

struct LearningCurve {
  PowerLaw law;
  bool c_fixed = false;           // at 0: forecasts are made as if labels alone led to AP 1
  std::vector<PowerLaw> redrawn;  // the curves of the band

  // AP of a model trained at n > 0. Not in the band: what the evaluated images get wrong for every model
  // alike (the interval of AP shows it), and that AP may follow another law.
  Band Forecast(double n) const;

  // AP at `to` less AP at `from`, with the band of the difference. Requires: both above 0.
  Band ForecastGain(double from, double to) const;
};

// Weighted least squares over a >= 0, 0 <= β <= 2 and 0 <= c <= 1; c is fixed at 0 when only four points
// differ in n. An AP that doesn't rise gives a flat curve, with β = 0.
// The band: points are drawn anew around the curve, each with its standard error and the scatter of training,
// and fitted again; drawing residuals would repeat what four to fifteen of them happen to be. Where points
// lie farther from the curve than that explains, as when no standard errors are known, the noise is scaled up
// by what the residuals leave possible (a chi-square draw, as in Student's t).
// Errors: FAILED_PRECONDITION with fewer than four different n, which says how many are missing;
// INVALID_ARGUMENT names the point with a number out of its range.
// Source: Figueroa et al. 2012, Predicting sample size required for classification performance.
absl::StatusOr<LearningCurve> FitLearningCurve(std::span<const CurvePoint> points,
                                               const CurveOptions& options);

}  // namespace loupe::ranking
