// Hand-written CPU kernels are compiled twice: for the architecture's baseline, and for AVX2 with FMA. The
// loader picks one. Sanitizers run before the loader can pick, so they get the baseline only.

#ifndef LOUPE_WORKER_DETECTION_KERNEL_H_
#define LOUPE_WORKER_DETECTION_KERNEL_H_

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define LOUPE_CPU_KERNEL __attribute__((target_clones("arch=haswell", "default")))
#else
#define LOUPE_CPU_KERNEL
#endif

// A part of a kernel. It must be inlined, so that it is compiled for the same processor as the kernel.
#define LOUPE_KERNEL_PART inline __attribute__((always_inline))

#endif  // LOUPE_WORKER_DETECTION_KERNEL_H_
