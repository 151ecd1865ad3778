/* Loops for the vectoriser.
 *
 * ELC_VECTOR has gcc compile a function once for each x86-64 level; one is chosen when the program
 * starts. Sums run over ELC_LANES partial sums whatever the width of a register, and levels 3 and 4
 * both have fused multiply-adds, so that the same bits come out of all machines with AVX2. The
 * choice is made before a sanitizer is ready: their builds do without.
 */
#ifndef ELECTRA_SIMD_H
#define ELECTRA_SIMD_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ELC_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ELC_SANITIZED 1
#endif
#endif

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) &&       \
    !defined(ELC_SANITIZED)
#define ELC_VECTOR __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define ELC_VECTOR
#endif

enum { ELC_LANES = 16 };

#endif
