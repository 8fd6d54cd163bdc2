#include "worker/detection/runtime.h"

#include <malloc.h>
#include <sched.h>
#include <torch/utils.h>

#include <algorithm>

namespace loupe::detection {
namespace {

// Blocks up to this size, in bytes, are kept on the heap; the largest that glibc takes.
constexpr int kMaxKeptBlock = 1 << 30;

int UsableCores() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
  return std::max(1, CPU_COUNT(&cores));
}

}  // namespace

void ConfigureRuntime(int num_threads) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, kMaxKeptBlock);
  mallopt(M_TRIM_THRESHOLD, kMaxKeptBlock);
#endif
  torch::set_num_threads(num_threads > 0 ? num_threads : UsableCores());
}

}  // namespace loupe::detection
