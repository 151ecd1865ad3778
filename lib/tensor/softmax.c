/* The softmax, its logarithm, and its largest. */
#include <math.h>

#include "electra/nn.h"

void elc_softmax(elc_float *p, const elc_float *x, size_t n) {
    const elc_float sum = elc_exp_sum(p, x, n, 1, elc_max(x, n));
    for (size_t i = 0; i < n; i++)
        p[i] /= sum;
}

void elc_softmax_double(double *p, const elc_float *x, size_t n) {
    const double max = (double)elc_max(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += p[i] = exp((double)x[i] - max);
    for (size_t i = 0; i < n; i++)
        p[i] /= sum;
}

double elc_log_sum_exp(const elc_float *x, size_t n) {
    const double max = (double)elc_max(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - max);
    return max + log(sum);
}

size_t elc_likeliest(const double *p, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (p[i] > p[best])
            best = i;
    return best;
}
