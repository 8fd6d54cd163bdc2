// Rounding of sizes.

#ifndef LOUPE_WORKER_DETECTION_ROUND_UP_H_
#define LOUPE_WORKER_DETECTION_ROUND_UP_H_

#include <cstdint>

namespace loupe::detection {

// The smallest multiple of `multiple` > 0 that is no less than `value` >= 0.
constexpr int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ROUND_UP_H_
