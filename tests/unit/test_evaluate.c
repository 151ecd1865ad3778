/* Metrics against scikit-learn, scipy, seqeval and SQuAD's scripts (tests/golden/make_metrics.py),
 * weights against data that have each text so often, and the bootstrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "electra/answer.h"
#include "electra/evaluate.h"
#include "electra/file.h"
#include "electra/random.h"

/* ---- cases ---- */

static json_t *load(const char *name) {
    char path[100];
    json_error_t error;
    (void)snprintf(path, sizeof path, "tests/golden/metrics/%s.json", name);
    json_t *cases = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!cases)
        fail_msg("%s: %s", path, error.text);
    return cases;
}

static struct elc_evaluation_options options_of(const json_t *of_case) {
    const char *squad = json_string_value(json_object_get(of_case, "squad"));
    const json_t *threshold = json_object_get(of_case, "threshold");
    return (struct elc_evaluation_options){
        .jsonl = true,
        .positive = json_string_value(json_object_get(of_case, "positive")),
        .squad = !squad                      ? ELC_RULES_BY_DATA
                 : strcmp(squad, "1.1") == 0 ? ELC_RULES_1_1
                                             : ELC_RULES_2_0,
        .has_threshold = threshold != NULL,
        .threshold = json_number_value(threshold),
    };
}

/* The case's results, the i-th as often as weights[i] says (NULL: once), evaluated. */
static struct elc_evaluation *evaluate(const json_t *of_case, const uint32_t *weights) {
    char path[] = "/tmp/test_evaluate.XXXXXX";
    char *paths[] = {path};
    const json_t *results = json_object_get(of_case, "results");
    struct elc_evaluation_options options = options_of(of_case);
    struct elc_evaluation *evaluation = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < json_array_size(results); i++) {
        char *line = json_dumps(json_array_get(results, i), JSON_COMPACT);
        for (uint32_t k = 0; k < (weights ? weights[i] : 1); k++)
            if (write(fd, line, strlen(line)) < 0 || write(fd, "\n", 1) < 0)
                fail_msg("cannot write");
        free(line);
    }
    close(fd);
    int err = elc_evaluation_read(&evaluation, paths, 1, &options);
    unlink(path);
    if (err)
        fail_msg("%s: %s", json_string_value(json_object_get(of_case, "name")), elc_error());
    return evaluation;
}

static bool is_near(double a, double b) {
    if (isnan(a) || isnan(b) || isinf(a) || isinf(b))
        return (isnan(a) && isnan(b)) || a == b;
    return fabs(a - b) <= 1e-9 * fmax(1, fabs(b));
}

static void check_near(const json_t *of_case, const char *metric, double found, double expected) {
    if (!is_near(found, expected))
        fail_msg("%s: %s is %.17g, not %.17g", json_string_value(json_object_get(of_case, "name")),
                 metric, found, expected);
}

/* ---- golden values ---- */

/* All metrics of the case, and no other usual ones. */
static void check_case(const json_t *of_case) {
    const json_t *expected = json_object_get(of_case, "expected");
    struct elc_evaluation *evaluation = evaluate(of_case, NULL);
    double values[ELC_METRICS_LIMIT];
    size_t n, n_found = 0;
    const struct elc_metric *metrics = elc_evaluation_metrics(evaluation, &n);
    assert_true(n <= ELC_METRICS_LIMIT);
    assert_int_equal(elc_evaluation_compute(evaluation, NULL, values), 0);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(expected, metrics[i].name);
        n_found += value != NULL;
        if (value)
            check_near(of_case, metrics[i].name, values[i],
                       json_is_null(value) ? NAN : json_number_value(value));
        else if (elc_evaluation_fits(evaluation, i))
            fail_msg("%s: %s fits", json_string_value(json_object_get(of_case, "name")),
                     metrics[i].name);
    }
    assert_int_equal(n_found, json_object_size(expected));
    elc_evaluation_destroy(evaluation);
}

/* Each text so often, by weights and in fact. */
static void check_weights(const json_t *of_case, uint64_t seed) {
    struct elc_evaluation *once = evaluate(of_case, NULL);
    size_t n = elc_evaluation_texts(once), n_metrics;
    uint32_t *weights = calloc(n, sizeof *weights);
    double by_weights[ELC_METRICS_LIMIT], in_fact[ELC_METRICS_LIMIT];
    struct elc_random random;
    elc_random_init(&random, seed, ELC_SAMPLE, 0, 0);
    for (size_t i = 0; i < n; i++)
        weights[i] = (uint32_t)elc_random_below(&random, 4);
    weights[0]++;
    struct elc_evaluation *often = evaluate(of_case, weights);
    const struct elc_metric *metrics = elc_evaluation_metrics(once, &n_metrics);
    assert_int_equal(elc_evaluation_compute(once, weights, by_weights), 0);
    assert_int_equal(elc_evaluation_compute(often, NULL, in_fact), 0);
    for (size_t i = 0; i < n_metrics; i++)
        if (elc_evaluation_fits(often, i) && elc_evaluation_fits(once, i))
            check_near(of_case, metrics[i].name, by_weights[i], in_fact[i]);
    free(weights);
    elc_evaluation_destroy(once);
    elc_evaluation_destroy(often);
}

static void check_task(const char *task) {
    json_t *cases = load(task);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        check_case(json_array_get(cases, i));
        check_weights(json_array_get(cases, i), i);
    }
    json_decref(cases);
}

static void classes(void **state) {
    (void)state;
    check_task("classify");
}

static void sets_of_labels(void **state) {
    (void)state;
    check_task("set");
}

static void numbers(void **state) {
    (void)state;
    check_task("regress");
}

static void tags(void **state) {
    (void)state;
    check_task("tag");
}

static void answers(void **state) {
    (void)state;
    check_task("qa");
}

static void replaced_tokens(void **state) {
    (void)state;
    check_task("rtd");
}

static void likelihoods(void **state) {
    (void)state;
    check_task("fill");
    check_task("pll");
}

static void normalized_answers(void **state) {
    (void)state;
    json_t *cases = load("normalize");
    struct elc_buffer normalized = {0};
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *text = json_array_get(json_array_get(cases, i), 0);
        const json_t *expected = json_array_get(json_array_get(cases, i), 1);
        assert_int_equal(
            elc_answer_normalize(&normalized, json_string_value(text), json_string_length(text)),
            0);
        if (normalized.len != json_string_length(expected) ||
            (normalized.len > 0 &&
             memcmp(normalized.data, json_string_value(expected), normalized.len) != 0))
            fail_msg("'%s' becomes '%.*s', not '%s'", json_string_value(text), (int)normalized.len,
                     (const char *)normalized.data, json_string_value(expected));
    }
    elc_buffer_free(&normalized);
    json_decref(cases);
}

/* ---- bootstrap ---- */

static size_t metric_of(const struct elc_evaluation *evaluation, const char *name) {
    size_t n, i = 0;
    const struct elc_metric *metrics = elc_evaluation_metrics(evaluation, &n);
    while (strcmp(metrics[i].name, name) != 0)
        i++;
    return i;
}

/* Of a share of n texts, the interval is that of the binomial distribution. */
static void intervals_are_as_wide_as_theory_says(void **state) {
    (void)state;
    json_t *cases = load("classify");
    struct elc_evaluation *evaluation = evaluate(json_array_get(cases, 0), NULL);
    struct elc_interval intervals[ELC_METRICS_LIMIT];
    double values[ELC_METRICS_LIMIT];
    struct elc_bootstrap bootstrap = {.n = 4000, .seed = 1};
    size_t accuracy = metric_of(evaluation, "accuracy");
    assert_int_equal(elc_evaluation_compute(evaluation, NULL, values), 0);
    assert_int_equal(elc_bootstrap(intervals, evaluation, &bootstrap), 0);
    double p = values[accuracy], n = (double)elc_evaluation_texts(evaluation);
    double deviation = sqrt(p * (1 - p) / n);
    assert_true(fabs(intervals[accuracy].low - (p - 1.96 * deviation)) < 1.5 / n);
    assert_true(fabs(intervals[accuracy].high - (p + 1.96 * deviation)) < 1.5 / n);
    elc_evaluation_destroy(evaluation);
    json_decref(cases);
}

static void threads_change_no_bit(void **state) {
    (void)state;
    json_t *cases = load("qa");
    struct elc_evaluation *evaluation = evaluate(json_array_get(cases, 0), NULL);
    struct elc_interval one[ELC_METRICS_LIMIT] = {0}, three[ELC_METRICS_LIMIT] = {0};
    struct elc_interval other[ELC_METRICS_LIMIT] = {0};
    struct elc_bootstrap bootstrap = {.n = 100, .seed = 7};
    assert_int_equal(elc_bootstrap(one, evaluation, &bootstrap), 0);
    assert_int_equal(elc_pool_new(&bootstrap.pool, 3), 0);
    assert_int_equal(elc_bootstrap(three, evaluation, &bootstrap), 0);
    bootstrap.seed = 8;
    assert_int_equal(elc_bootstrap(other, evaluation, &bootstrap), 0);
    elc_pool_destroy(bootstrap.pool);
    size_t f1 = metric_of(evaluation, "f1");
    assert_memory_equal(&one[f1], &three[f1], sizeof *one);
    assert_true(one[f1].low != other[f1].low);
    elc_evaluation_destroy(evaluation);
    json_decref(cases);
}

static void runs_are_compared_over_the_same_draws(void **state) {
    (void)state;
    json_t *cases = load("regress");
    struct elc_evaluation *a = evaluate(json_array_get(cases, 1), NULL);
    struct elc_difference differences[ELC_METRICS_LIMIT];
    struct elc_bootstrap bootstrap = {.n = 200, .seed = 1};
    assert_int_equal(elc_evaluation_check_same(a, a), 0);
    assert_int_equal(elc_bootstrap_paired(differences, a, a, &bootstrap), 0);
    for (size_t i = 0; i < 6; i++) {
        assert_true(differences[i].interval.low == 0 && differences[i].interval.high == 0);
        assert_true(differences[i].p == 1);
    }
    elc_evaluation_destroy(a);
    json_decref(cases);
}

static void a_clear_difference_is_significant(void **state) {
    (void)state;
    json_t *cases = load("regress");
    json_t *worse = json_deep_copy(json_array_get(cases, 1)), *result;
    size_t i;
    json_array_foreach(json_object_get(worse, "results"), i, result) {
        json_object_set_new(result, "value", json_real((double)(i % 7)));
    }
    struct elc_evaluation *a = evaluate(json_array_get(cases, 1), NULL);
    struct elc_evaluation *b = evaluate(worse, NULL);
    struct elc_difference differences[ELC_METRICS_LIMIT];
    struct elc_bootstrap bootstrap = {.n = 999, .seed = 1};
    assert_int_equal(elc_evaluation_check_same(a, b), 0);
    assert_int_equal(elc_bootstrap_paired(differences, a, b, &bootstrap), 0);
    size_t pearson = metric_of(a, "pearson");
    assert_true(differences[pearson].interval.low > 0);
    assert_true(differences[pearson].p == 2.0 / 1000);
    elc_evaluation_destroy(a);
    elc_evaluation_destroy(b);
    json_decref(worse);
    json_decref(cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes),
        cmocka_unit_test(sets_of_labels),
        cmocka_unit_test(numbers),
        cmocka_unit_test(tags),
        cmocka_unit_test(answers),
        cmocka_unit_test(replaced_tokens),
        cmocka_unit_test(likelihoods),
        cmocka_unit_test(normalized_answers),
        cmocka_unit_test(intervals_are_as_wide_as_theory_says),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(runs_are_compared_over_the_same_draws),
        cmocka_unit_test(a_clear_difference_is_significant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
