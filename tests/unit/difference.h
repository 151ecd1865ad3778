/* Gradients against central differences, in double. */
#ifndef ELECTRA_TESTS_DIFFERENCE_H
#define ELECTRA_TESTS_DIFFERENCE_H

#include "check.h"

#include <math.h>

#include "electra/random.h"
#include "electra/tensor.h"

/* A function of numbers elsewhere, which moving x[i] changes. */
typedef double elc_test_function(void *context);

static inline void elc_test_fill(elc_float *x, size_t n, uint64_t seed, double size) {
    struct elc_random random;
    elc_random_init(&random, seed, ELC_INIT, 0, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (elc_float)(size * (2 * elc_random_unit(&random) - 1));
}

/* Fails unless d[i] is the derivative of f by x[i], for every stride-th i. */
static inline void elc_test_gradient(const char *name, elc_float *x, const elc_float *d, size_t n,
                                     size_t stride, elc_test_function *f, void *context) {
    const double step = 1e-5;
    for (size_t i = 0; i < n; i += stride) {
        const elc_float at = x[i];
        x[i] = (elc_float)((double)at + step);
        double above = f(context);
        x[i] = (elc_float)((double)at - step);
        double below = f(context);
        x[i] = at;
        double expected = (above - below) / (2 * step);
        if (!(fabs((double)d[i] - expected) <= 1e-7 * fmax(1, fabs(expected))))
            fail_msg("%s[%zu]: the gradient is %.12g, the difference quotient %.12g", name, i,
                     (double)d[i], expected);
    }
}

#endif
