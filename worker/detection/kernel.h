// How the hand-written CPU kernels are compiled: for the machine's baseline, and a second time for AVX2 with
// FMA, of which the loader picks one. Sanitizers run before the loader can pick, so they get the baseline.

#ifndef LOUPE_WORKER_DETECTION_KERNEL_H_
#define LOUPE_WORKER_DETECTION_KERNEL_H_

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define LOUPE_CPU_KERNEL __attribute__((target_clones("arch=haswell", "default")))
#else
#define LOUPE_CPU_KERNEL
#endif

// Part of a kernel: it must be inlined to be compiled with it.
#define LOUPE_KERNEL_PART inline __attribute__((always_inline))

#endif  // LOUPE_WORKER_DETECTION_KERNEL_H_
