/* Prints the GFLOP/s that one core does in fused multiply-adds on registers alone: what a matrix
 * product cannot exceed. Compiled for the machine at hand by tests/bench/run. */
#include <stdio.h>
#include <time.h>

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(void) {
    enum { SUMS = 12, TIMES = 4000000, ROUNDS = 10 };
    lanes sums[SUMS] = {{0}};
    const lanes x = {0.999F, 0.998F}, y = {0.001F};
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double start = seconds();
        for (int i = 0; i < TIMES; i++)
#pragma GCC unroll 12
            for (int j = 0; j < SUMS; j++)
                sums[j] = sums[j] * x + y;
        const double took = seconds() - start;
        best = took < best ? took : best;
    }
    float total = 0;
    for (int j = 0; j < SUMS; j++)
        total += sums[j][0];
    fprintf(stderr, "%g\n", (double)total);
    printf("%.1f\n", 2e-9 * TIMES * SUMS * LANES / best);
    return 0;
}
