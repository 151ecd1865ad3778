/* The area under the ROC curve against its definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "electra/auc.h"
#include "electra/random.h"

/* The probability that a positive scores above a negative, ties counting half, pair by pair. */
static double by_definition(const struct elc_scored *scored) {
    double sum = 0, pairs = 0;
    for (size_t i = 0; i < scored->n; i++)
        for (size_t k = 0; k < scored->n; k++)
            if (scored->pairs[i].label && !scored->pairs[k].label) {
                double p = scored->pairs[i].score, n = scored->pairs[k].score;
                sum += p > n ? 1 : p == n ? 0.5 : 0;
                pairs++;
            }
    return sum / pairs;
}

static void equals_the_count_of_pairs(void **state) {
    (void)state;
    struct elc_random random;
    elc_random_init(&random, 3, ELC_SAMPLE, 0, 0);
    for (uint64_t levels = 1; levels <= 1u << 20; levels *= 4) /* few levels: many ties */
        for (size_t n = 2; n < 600; n = n * 2 + 1) {
            struct elc_scored scored = {0};
            for (size_t i = 0; i < n; i++) {
                uint32_t label = i == 0 ? 0 : i == 1 ? 1 : (uint32_t)elc_random_below(&random, 2);
                float score = (float)elc_random_below(&random, levels) - (float)(levels / 2);
                assert_int_equal(
                    elc_scored_add(&scored, score + (label ? (float)levels / 5 : 0), label), 0);
            }
            double expected = by_definition(&scored);
            assert_true(fabs(elc_auc(&scored) - expected) < 1e-12);
            elc_scored_free(&scored);
        }
}

static double auc_of(const float *scores, const uint32_t *labels, size_t n) {
    struct elc_scored scored = {0};
    for (size_t i = 0; i < n; i++)
        assert_int_equal(elc_scored_add(&scored, scores[i], labels[i]), 0);
    double auc = elc_auc(&scored);
    elc_scored_free(&scored);
    elc_scored_free(&scored);
    return auc;
}

static void clear_cases_are_clear(void **state) {
    (void)state;
    const float rising[] = {1, 2, 3, 4}, same[] = {7, 7, 7, 7};
    const float endless[] = {-INFINITY, 0, 1, INFINITY};
    assert_true(auc_of(rising, (const uint32_t[]){0, 0, 1, 1}, 4) == 1);
    assert_true(auc_of(rising, (const uint32_t[]){1, 1, 0, 0}, 4) == 0);
    assert_true(auc_of(rising, (const uint32_t[]){0, 1, 0, 1}, 4) == 0.75);
    assert_true(auc_of(same, (const uint32_t[]){0, 1, 1, 1}, 4) == 0.5);
    assert_true(auc_of(endless, (const uint32_t[]){0, 0, 1, 1}, 4) == 1);
    assert_true(auc_of((const float[]){0.0f, -0.0f}, (const uint32_t[]){0, 1}, 2) == 0.5);
}

static void what_has_no_answer_gives_nan(void **state) {
    (void)state;
    const float scores[] = {1, 2, 3, 4};
    assert_true(isnan(auc_of(scores, NULL, 0)));
    assert_true(isnan(auc_of(scores, (const uint32_t[]){0, 0, 0, 0}, 4)));
    assert_true(isnan(auc_of(scores, (const uint32_t[]){1, 1, 1, 1}, 4)));
    for (size_t at = 0; at < 40; at++) { /* wherever sorting leaves it */
        float many[40];
        uint32_t labels[40];
        for (size_t i = 0; i < 40; i++) {
            many[i] = i == at ? NAN : (float)(i * 17 % 40);
            labels[i] = i % 2;
        }
        assert_true(isnan(auc_of(many, labels, 40)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_count_of_pairs),
        cmocka_unit_test(clear_cases_are_clear),
        cmocka_unit_test(what_has_no_answer_gives_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
