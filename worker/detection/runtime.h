// Settings of the process that the detector's speed depends on.

#ifndef LOUPE_WORKER_DETECTION_RUNTIME_H_
#define LOUPE_WORKER_DETECTION_RUNTIME_H_

namespace loupe::detection {

// Sets up a program that runs the detector; call it once, before the first tensor.
// Threads: `num_threads` for LibTorch and its BLAS (LibTorch alone would use one); 0: one per usable core.
// Memory: glibc keeps large blocks. By default it maps and unmaps them for every activation, which costs page
// faults in each step.
// GPUs: float32 is computed as float32 (not TF32), and cuDNN uses deterministic algorithms.
void ConfigureRuntime(int num_threads);

// Cores that the process may use; at least 1.
int UsableCores();

// From now on LibTorch's operations that this thread calls run on this thread alone. For threads beside the
// one that runs the network; otherwise each of them would start a team of threads of its own.
void UseOneThreadHere();

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_RUNTIME_H_
