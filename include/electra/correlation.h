/* Metrics of numbers against numbers: correlations and errors, as scipy and scikit-learn have them.
 *
 * `weights`, where it is not NULL, says how often each pair counts.
 */
#ifndef ELECTRA_CORRELATION_H
#define ELECTRA_CORRELATION_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pearson's correlation of x [n] and y [n]; NaN where there are fewer than two pairs or one of them
 * is constant. */
double elc_pearson(const double *x, const double *y, const uint32_t *weights, size_t n);

/* order [n]: the places of the values from the smallest to the largest; no value is NaN. */
int elc_order(size_t *order, const double *values, size_t n) ELC_MUST_CHECK;
/* ranks [n] of the values in this order, from 1; equal ones share the mean of theirs. */
void elc_ranks(double *ranks, const double *values, const size_t *order, const uint32_t *weights,
               size_t n);
/* Spearman's correlation: Pearson's of the ranks. */
int elc_spearman(double *correlation, const double *x, const double *y, size_t n) ELC_MUST_CHECK;

struct elc_errors {
    double mean_squared, mean_absolute; /* NaN of no pairs */
    double r2; /* 1 - squared error / variance of gold: 0 where that is 0 and the error is not */
};
struct elc_errors elc_errors(const double *gold, const double *predicted, const uint32_t *weights,
                             size_t n);

#ifdef __cplusplus
}
#endif
#endif
