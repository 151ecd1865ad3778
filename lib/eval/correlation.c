/* Correlations in two passes: means first, then products of what differs from them. */
#include "electra/correlation.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static double weight_of(const uint32_t *weights, size_t i) {
    return weights ? (double)weights[i] : 1;
}

static double sum_of_weights(const uint32_t *weights, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += weight_of(weights, i);
    return sum;
}

/* NaN where all values are the same, or there are none. */
static double mean(const double *values, const uint32_t *weights, size_t n) {
    double sum = 0, count = sum_of_weights(weights, n), first = NAN;
    bool varies = false;
    for (size_t i = 0; i < n; i++) {
        double weight = weight_of(weights, i);
        if (weight > 0 && isnan(first))
            first = values[i];
        varies = varies || (weight > 0 && values[i] != first);
        sum += weight / count * values[i];
    }
    return varies ? sum : NAN;
}

/* The largest distance from the mean, by which products are scaled against overflow. */
static double reach(const double *values, double middle, const uint32_t *weights, size_t n) {
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        if (weight_of(weights, i) > 0)
            largest = fmax(largest, fabs(values[i] - middle));
    return largest;
}

double elc_pearson(const double *x, const double *y, const uint32_t *weights, size_t n) {
    double mean_x = mean(x, weights, n), mean_y = mean(y, weights, n);
    double scale_x = reach(x, mean_x, weights, n), scale_y = reach(y, mean_y, weights, n);
    double xx = 0, yy = 0, xy = 0;
    if (!(scale_x > 0 && scale_y > 0)) /* constant: their means are NaN */
        return NAN;
    for (size_t i = 0; i < n; i++) {
        double weight = weight_of(weights, i);
        double dx = (x[i] - mean_x) / scale_x, dy = (y[i] - mean_y) / scale_y;
        xx += weight * dx * dx;
        yy += weight * dy * dy;
        xy += weight * dx * dy;
    }
    return fmax(-1, fmin(1, xy / (sqrt(xx) * sqrt(yy))));
}

/* ---- ranks ---- */

struct place {
    double value;
    size_t at;
};

static int by_value(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

int elc_order(size_t *order, const double *values, size_t n) {
    struct place *places = malloc((n > 0 ? n : 1) * sizeof *places);
    if (!places)
        return elc_fail_memory(n * sizeof *places);
    for (size_t i = 0; i < n; i++)
        places[i] = (struct place){values[i], i};
    qsort(places, n, sizeof *places, by_value);
    for (size_t i = 0; i < n; i++)
        order[i] = places[i].at;
    free(places);
    return 0;
}

void elc_ranks(double *ranks, const double *values, const size_t *order, const uint32_t *weights,
               size_t n) {
    double below = 0; /* how many are smaller */
    for (size_t begin = 0, end; begin < n; begin = end) {
        double equal = 0;
        for (end = begin; end < n && values[order[end]] == values[order[begin]]; end++)
            equal += weight_of(weights, order[end]);
        for (size_t i = begin; i < end; i++)
            ranks[order[i]] = below + (equal + 1) / 2;
        below += equal;
    }
}

int elc_spearman(double *correlation, const double *x, const double *y, size_t n) {
    size_t *order = malloc((n > 0 ? n : 1) * sizeof *order);
    double *ranks = malloc((n > 0 ? n : 1) * 2 * sizeof *ranks);
    int err = order && ranks ? elc_order(order, x, n) : elc_fail_memory(n * sizeof *ranks);
    if (!err) {
        elc_ranks(ranks, x, order, NULL, n);
        err = elc_order(order, y, n);
    }
    if (!err) {
        elc_ranks(ranks + n, y, order, NULL, n);
        *correlation = elc_pearson(ranks, ranks + n, NULL, n);
    }
    free(order);
    free(ranks);
    return err;
}

/* ---- errors ---- */

struct elc_errors elc_errors(const double *gold, const double *predicted, const uint32_t *weights,
                             size_t n) {
    double count = sum_of_weights(weights, n), squared = 0, absolute = 0, variance = 0;
    double middle = mean(gold, weights, n);
    for (size_t i = 0; i < n; i++) {
        double weight = weight_of(weights, i), error = gold[i] - predicted[i];
        squared += weight * error * error;
        absolute += weight * fabs(error);
        variance += isnan(middle) ? 0 : weight * (gold[i] - middle) * (gold[i] - middle);
    }
    return (struct elc_errors){
        .mean_squared = squared / count,
        .mean_absolute = absolute / count,
        .r2 = count < 2      ? NAN
              : variance > 0 ? 1 - squared / variance
              : squared > 0  ? 0
                             : 1,
    };
}
