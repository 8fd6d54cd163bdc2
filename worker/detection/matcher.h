// Assigns each anchor or proposal to a truth box.

#ifndef LOUPE_WORKER_DETECTION_MATCHER_H_
#define LOUPE_WORKER_DETECTION_MATCHER_H_

#include <torch/types.h>

namespace loupe::detection {

struct MatchOptions {
  // A candidate belongs to the truth box with the highest IoU, if that IoU is at least this.
  double foreground_iou = 0.5;
  // Below this it is background; in between it is neither.
  double background_iou = 0.5;
  // Every truth box also gets the candidates with the highest IoU with it (all of them in a tie), even when
  // that IoU is low.
  bool keep_best = false;
};

// Values of a match that are not a truth box.
inline constexpr int64_t kBackground = -1;
inline constexpr int64_t kBetween = -2;

// For each candidate the index of its truth box, or kBackground or kBetween: [N] int64. Without truth boxes
// all are background. Among truth boxes with equal IoU the first is taken.
// Shapes: truth [G, 4], candidates [N, 4]. Never builds a G x N matrix on a CPU.
torch::Tensor Match(const torch::Tensor& truth, const torch::Tensor& candidates, const MatchOptions& options);

// The same in plain tensor operations, for other devices and as the reference in tests.
torch::Tensor MatchReference(const torch::Tensor& truth, const torch::Tensor& candidates,
                             const MatchOptions& options);

// Background candidates in regions to ignore stop being background: their match becomes kBetween when at
// least `overlap` of the candidate's area lies in one region.
// Shapes: matches [N], candidates [N, 4], regions [I, 4] or undefined.
void IgnoreRegions(const torch::Tensor& regions, const torch::Tensor& candidates, double overlap,
                   torch::Tensor& matches);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_MATCHER_H_
