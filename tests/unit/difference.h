/* Gradients against central differences, in double. */
#ifndef ELECTRA_TESTS_DIFFERENCE_H
#define ELECTRA_TESTS_DIFFERENCE_H

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Fails unless d[n] is the gradient of f by x[n]: along a direction in which every number has a
 * part, so that two values of f try them all. What is wrong is then looked for number by number. */
static inline void elc_test_direction(const char *name, elc_float *x, const elc_float *d, size_t n,
                                      elc_test_function *f, void *context) {
    const double step = 1e-5;
    elc_float *at = malloc(n * sizeof *at), *direction = malloc(n * sizeof *direction);
    double squares = 0, found = 0, values[2];
    memcpy(at, x, n * sizeof *at);
    elc_test_fill(direction, n, 1, 1);
    for (size_t i = 0; i < n; i++) {
        direction[i] += direction[i] < 0 ? -1 : 1; /* none is almost without a part */
        squares += (double)direction[i] * (double)direction[i];
    }
    for (size_t i = 0; i < n; i++) {
        direction[i] /= (elc_float)sqrt(squares);
        found += (double)d[i] * (double)direction[i];
    }
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++)
            x[i] = (elc_float)((double)at[i] + (side ? -step : step) * (double)direction[i]);
        values[side] = f(context);
    }
    memcpy(x, at, n * sizeof *at);
    free(at);
    free(direction);
    const double expected = (values[0] - values[1]) / (2 * step);
    const double rounding = 4e-16 * fabs(values[0]) / step; /* of f */
    if (fabs(found - expected) <= 1e-8 * fmax(1, fabs(expected)) + rounding)
        return;
    elc_test_gradient(name, x, d, n, 1, f, context);
    fail_msg("%s: along a direction the slope is %.12g, the difference quotient %.12g", name, found,
             expected);
}

#endif
