// The CPU kernels of RoIAlign, on plain channels-last arrays.

#ifndef LOUPE_WORKER_DETECTION_ROI_ALIGN_KERNEL_H_
#define LOUPE_WORKER_DETECTION_ROI_ALIGN_KERNEL_H_

#include <cstdint>
#include <vector>

#include "worker/detection/roi_align.h"

namespace loupe::detection {

// A feature map, or the gradient of one: [N, height, width, channels].
struct MapView {
  float* data = nullptr;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
};

// One box to pool. `box` is in cells of its level.
struct PoolJob {
  float box[4] = {0, 0, 0, 0};
  int64_t image = 0;
  int64_t level = 0;
};

// Writes the features of each box to pooled [P, S, S, channels].
void PoolForward(const std::vector<MapView>& maps, const std::vector<PoolJob>& jobs,
                 const RoiAlignOptions& options, float* pooled);

// Adds the gradients of pooled features [P, S, S, channels] to those of the maps, over `image_count` images.
void PoolBackward(const std::vector<MapView>& maps, int64_t image_count, const std::vector<PoolJob>& jobs,
                  const RoiAlignOptions& options, const float* pooled_gradients);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ROI_ALIGN_KERNEL_H_
