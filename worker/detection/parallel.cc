#include "worker/detection/parallel.h"

#include <ATen/Parallel.h>

namespace loupe::detection {

void ParallelFor(int64_t count, int64_t grain, absl::FunctionRef<void(int64_t from, int64_t to)> body) {
  at::parallel_for(0, count, grain, body);
}

}  // namespace loupe::detection
