/* regress: one number for each text, or several; metrics are then means over these. */
#include "evaluation.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "electra/correlation.h"
#include "electra/parse.h"

static const struct elc_metric metrics[] = {
    {"pearson", true, "numbers that differ"},
    {"spearman", true, "numbers that differ"},
    {"mse", true, "texts"},
    {"rmse", true, "texts"},
    {"mae", true, "texts"},
    {"r2", true, "two texts"},
    {0},
};
static const struct elc_eval_key keys[] = {{"label", "gold"}, {"value", "value"}, {0}};

struct column {
    double *gold, *value; /* [n] */
    size_t gold_capacity, value_capacity;
    size_t *gold_order, *value_order; /* [n] behind the last text */
};
struct state {
    struct column *columns;
    size_t width, capacity;
};

/* A number, or one in a string, as tables have it. */
static int take_gold(double *number, const json_t *gold) {
    if (!json_is_string(gold))
        return elc_eval_number(number, gold, "gold");
    return elc_parse_real(number, json_string_value(gold), -DBL_MAX, DBL_MAX) < 0
               ? elc_fail(ELC_EFORMAT, "gold: %s", elc_error())
               : 0;
}

static size_t width_of(const json_t *value) {
    return json_is_array(value) ? json_array_size(value) : 1;
}

static const json_t *element(const json_t *value, size_t i) {
    return json_is_array(value) ? json_array_get(value, i) : value;
}

static int add(struct elc_evaluation *evaluation, const json_t *gold, const json_t *result) {
    struct state *state = evaluation->state;
    const json_t *value = json_object_get(result, "value");
    size_t n = evaluation->n, width = width_of(value);
    int err = 0;
    if (width == 0)
        return elc_fail(ELC_EFORMAT, "'value' has no number");
    if (width_of(gold) != width)
        return elc_fail(ELC_EFORMAT, "%zu numbers are predicted, but gold has %zu", width,
                        width_of(gold));
    if (n > 0 && width != state->width)
        return elc_fail(ELC_EFORMAT, "%zu numbers are predicted, not %zu as before", width,
                        state->width);
    if (n == 0 && !(state->columns = calloc(width, sizeof *state->columns)))
        return elc_fail_memory(width * sizeof *state->columns);
    state->width = width;
    for (size_t i = 0; !err && i < width; i++) {
        struct column *column = &state->columns[i];
        err = elc_grow(&column->gold, &column->gold_capacity, n + 1, sizeof(double));
        if (!err)
            err = elc_grow(&column->value, &column->value_capacity, n + 1, sizeof(double));
        if (!err)
            err = take_gold(&column->gold[n], element(gold, i));
        if (!err)
            err = elc_eval_number(&column->value[n], element(value, i), "value");
    }
    return err;
}

static int finish(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    size_t n = evaluation->n;
    int err = 0;
    for (size_t i = 0; !err && i < state->width; i++) {
        struct column *column = &state->columns[i];
        column->gold_order = calloc(n, sizeof(size_t));
        column->value_order = calloc(n, sizeof(size_t));
        err = column->gold_order && column->value_order ? 0 : elc_fail_memory(n * sizeof(size_t));
        if (!err)
            err = elc_order(column->gold_order, column->gold, n);
        if (!err)
            err = elc_order(column->value_order, column->value, n);
    }
    elc_eval_fit(evaluation, "*");
    return err;
}

static int compute(const struct elc_evaluation *evaluation, const uint32_t *weights,
                   double *values) {
    const struct state *state = evaluation->state;
    size_t n = evaluation->n;
    double pearson = 0, spearman = 0, width = (double)state->width;
    struct elc_errors sums = {0};
    double *ranks = malloc((n + 1) * 2 * sizeof *ranks), root = 0;
    if (!ranks)
        return elc_fail_memory(n * 2 * sizeof *ranks);
    for (size_t i = 0; i < state->width; i++) {
        const struct column *column = &state->columns[i];
        elc_ranks(ranks, column->gold, column->gold_order, weights, n);
        elc_ranks(ranks + n, column->value, column->value_order, weights, n);
        pearson += elc_pearson(column->gold, column->value, weights, n) / width;
        spearman += elc_pearson(ranks, ranks + n, weights, n) / width;
        struct elc_errors errors = elc_errors(column->gold, column->value, weights, n);
        sums.mean_squared += errors.mean_squared / width;
        sums.mean_absolute += errors.mean_absolute / width;
        sums.r2 += errors.r2 / width;
        root += sqrt(errors.mean_squared) / width;
    }
    free(ranks);
    elc_eval_set(evaluation, values, "pearson", pearson);
    elc_eval_set(evaluation, values, "spearman", spearman);
    elc_eval_set(evaluation, values, "mse", sums.mean_squared);
    elc_eval_set(evaluation, values, "rmse", root);
    elc_eval_set(evaluation, values, "mae", sums.mean_absolute);
    elc_eval_set(evaluation, values, "r2", sums.r2);
    return 0;
}

static void free_state(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    for (size_t i = 0; state->columns && i < state->width; i++) {
        free(state->columns[i].gold);
        free(state->columns[i].value);
        free(state->columns[i].gold_order);
        free(state->columns[i].value_order);
    }
    free(state->columns);
}

const struct elc_eval_task elc_eval_regress = {
    .name = "regress",
    .metrics = metrics,
    .keys = keys,
    .state_size = sizeof(struct state),
    .has_gold = true,
    .windows = true,
    .add = add,
    .finish = finish,
    .compute = compute,
    .free = free_state,
};
