// Loops on LibTorch's threads. `at::parallel_for` is a template that becomes a plain loop in a file compiled
// without OpenMP; the function here is compiled once, with OpenMP.

#ifndef LOUPE_WORKER_DETECTION_PARALLEL_H_
#define LOUPE_WORKER_DETECTION_PARALLEL_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace loupe::detection {

// Splits [0, count) into equal parts, calls body(from, to) for each part on a thread of its own, and returns
// when all are done. There is one part per started `grain` items, at most torch::get_num_threads(). Inside
// another such loop there is one part. An exception of a body is rethrown.
void ParallelFor(int64_t count, int64_t grain, absl::FunctionRef<void(int64_t from, int64_t to)> body);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_PARALLEL_H_
