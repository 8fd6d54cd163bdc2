// Loops on LibTorch's threads. `at::parallel_for` is a template that becomes a plain loop in a file compiled
// without OpenMP; this one is compiled with it, once.

#ifndef LOUPE_WORKER_DETECTION_PARALLEL_H_
#define LOUPE_WORKER_DETECTION_PARALLEL_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace loupe::detection {

// Calls body(from, to) for equal parts of [0, count) on as many threads, and returns when all are done: a
// part for each `grain` that was begun, up to torch::get_num_threads(). Inside another such loop it is one
// call. An exception of a body is thrown on.
void ParallelFor(int64_t count, int64_t grain, absl::FunctionRef<void(int64_t from, int64_t to)> body);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_PARALLEL_H_
