/* KERNEL: one body, compiled for the processors there are; chosen when the program starts. */
#ifndef SACCADE_CLONES_H
#define SACCADE_CLONES_H

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define KERNEL __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define KERNEL
#endif

#endif
