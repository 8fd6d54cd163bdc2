#include "worker/detection/runtime.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <malloc.h>
#include <omp.h>
#include <sched.h>
#include <torch/utils.h>

#include <algorithm>

namespace loupe::detection {
namespace {

// Blocks up to this size, in bytes, are kept on the heap. It is the largest value that glibc accepts.
constexpr int kMaxKeptBlock = 1 << 30;

}  // namespace

int UsableCores() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
  return std::max(1, CPU_COUNT(&cores));
}

void ConfigureRuntime(int num_threads) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, kMaxKeptBlock);
  mallopt(M_TRIM_THRESHOLD, kMaxKeptBlock);
#endif
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setDeterministicCuDNN(true);
  torch::set_num_threads(num_threads > 0 ? num_threads : UsableCores());
}

void UseOneThreadHere() {
  // OpenMP's number of threads belongs to the calling thread. LibTorch sets it once per thread, to that of
  // ConfigureRuntime.
  at::get_num_threads();
  omp_set_num_threads(1);
}

}  // namespace loupe::detection
