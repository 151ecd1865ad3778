/* Bootstrap: metrics of as many texts as there are, drawn with replacement, again and again.
 *
 * What a resample draws depends on the seed and its number alone, so that two runs are compared
 * over the same draws, and threads change nothing. */
#include "evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/random.h"

struct resamples {
    const struct elc_evaluation *a, *b; /* b NULL: a alone */
    uint64_t seed;
    size_t n_metrics;
    double *values;     /* [resamples, n_metrics], of a; or differences from b */
    uint32_t **weights; /* one array [texts] for each worker */
};

static int resample(void *context, size_t item, int worker) {
    const struct resamples *resamples = context;
    uint32_t *weights = resamples->weights[worker];
    double *values = resamples->values + item * resamples->n_metrics;
    double of_b[ELC_METRICS_LIMIT];
    size_t n = resamples->a->n;
    struct elc_random random;
    elc_random_init(&random, resamples->seed, ELC_BOOTSTRAP, item, 0);
    memset(weights, 0, n * sizeof *weights);
    for (size_t i = 0; i < n; i++)
        weights[elc_random_below(&random, n)]++;
    int err = elc_evaluation_compute(resamples->a, weights, values);
    if (!err && resamples->b) {
        err = elc_evaluation_compute(resamples->b, weights, of_b);
        for (size_t i = 0; i < resamples->n_metrics; i++)
            values[i] -= of_b[i];
    }
    return err;
}

static void resamples_free(struct resamples *resamples, int n_workers) {
    for (int i = 0; resamples->weights && i < n_workers; i++)
        free(resamples->weights[i]);
    free(resamples->weights);
    free(resamples->values);
}

/* Draws and computes all of them. */
static int run(struct resamples *resamples, const struct elc_bootstrap *bootstrap) {
    int n_workers = elc_pool_threads(bootstrap->pool);
    size_t n_values;
    (void)elc_evaluation_metrics(resamples->a, &resamples->n_metrics);
    if (!elc_size_product(&n_values, bootstrap->n, resamples->n_metrics * sizeof(double)))
        return elc_fail(ELC_ELIMIT, "too many resamples");
    resamples->seed = bootstrap->seed;
    resamples->values = malloc(n_values);
    resamples->weights = calloc((size_t)n_workers, sizeof *resamples->weights);
    int err = resamples->values && resamples->weights ? 0 : elc_fail_memory(n_values);
    for (int i = 0; !err && i < n_workers; i++) {
        resamples->weights[i] = malloc(resamples->a->n * sizeof **resamples->weights);
        err = resamples->weights[i] ? 0 : elc_fail_memory(resamples->a->n * sizeof(uint32_t));
    }
    if (!err)
        err = elc_parallel_for(bootstrap->pool, bootstrap->n, resample, resamples);
    if (err)
        resamples_free(resamples, n_workers);
    return err;
}

/* ---- what they say ---- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The values of one metric where it is defined, sorted, in `column` [n]; returns their number. */
static size_t sort_column(double *column, const struct resamples *resamples, size_t n,
                          size_t metric) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        double value = resamples->values[i * resamples->n_metrics + metric];
        if (!isnan(value))
            column[kept++] = value;
    }
    qsort(column, kept, sizeof *column, by_value);
    return kept;
}

/* Between the two sorted values that are nearest, as numpy's percentile has it. */
static double percentile(const double *sorted, size_t n, double share) {
    if (n == 0)
        return NAN;
    double place = share * (double)(n - 1);
    size_t below = (size_t)place, above = below + 1 < n ? below + 1 : below;
    return sorted[below] == sorted[above]
               ? sorted[below]
               : sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

static struct elc_interval interval(const double *sorted, size_t n) {
    return (struct elc_interval){percentile(sorted, n, 0.025), percentile(sorted, n, 0.975)};
}

static double p_value(const double *sorted, size_t n) {
    size_t below = 0, above = 0; /* or equal to zero */
    for (size_t i = 0; i < n; i++) {
        below += sorted[i] <= 0;
        above += sorted[i] >= 0;
    }
    double smaller = (double)(below < above ? below : above);
    return n > 0 ? fmin(1, 2 * (smaller + 1) / ((double)n + 1)) : NAN;
}

int elc_bootstrap(struct elc_interval *intervals, const struct elc_evaluation *evaluation,
                  const struct elc_bootstrap *bootstrap) {
    struct resamples resamples = {.a = evaluation};
    double *column = malloc((bootstrap->n + 1) * sizeof *column);
    int err = column ? run(&resamples, bootstrap) : elc_fail_memory(bootstrap->n * sizeof *column);
    if (!err) {
        for (size_t i = 0; i < resamples.n_metrics; i++) {
            size_t n = sort_column(column, &resamples, bootstrap->n, i);
            intervals[i] = interval(column, n);
        }
        resamples_free(&resamples, elc_pool_threads(bootstrap->pool));
    }
    free(column);
    return err;
}

int elc_bootstrap_paired(struct elc_difference *differences, const struct elc_evaluation *a,
                         const struct elc_evaluation *b, const struct elc_bootstrap *bootstrap) {
    struct resamples resamples = {.a = a, .b = b};
    double *column = malloc((bootstrap->n + 1) * sizeof *column);
    int err = column ? run(&resamples, bootstrap) : elc_fail_memory(bootstrap->n * sizeof *column);
    if (!err) {
        for (size_t i = 0; i < resamples.n_metrics; i++) {
            size_t n = sort_column(column, &resamples, bootstrap->n, i);
            differences[i] = (struct elc_difference){interval(column, n), p_value(column, n)};
        }
        resamples_free(&resamples, elc_pool_threads(bootstrap->pool));
    }
    free(column);
    return err;
}
