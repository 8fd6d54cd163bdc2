// Settings of the process that the detector's speed depends on.

#ifndef LOUPE_WORKER_DETECTION_RUNTIME_H_
#define LOUPE_WORKER_DETECTION_RUNTIME_H_

namespace loupe::detection {

// Sets up a program that runs the detector; call it once, before the first tensor.
// Threads: `num_threads` for LibTorch and its BLAS (LibTorch alone would use one); 0 takes one a core that
// the process may use.
// Memory: glibc keeps large blocks instead of mapping and unmapping them for every activation, which costs
// page faults in each step.
// GPUs: float32 is float32 (not TF32), and cuDNN takes algorithms whose results don't change from run to run.
void ConfigureRuntime(int num_threads);

// Cores that the process may use; at least 1.
int UsableCores();

// LibTorch's operations run on the calling thread alone, where that thread calls them. For threads beside the
// one that runs the network: every thread would start a team of its own otherwise.
void UseOneThreadHere();

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_RUNTIME_H_
