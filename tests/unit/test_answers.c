/* Answers out of windows: what a span of tokens may be, whatever their offsets are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "electra/answers.h"

enum { N = 4 };

/* The answers of one window: a token that is not context, then three with these ranges; each start
 * is better than the one before it, and each end. */
static void add(struct elc_answers *answers, const uint32_t ranges[2 * (N - 1)]) {
    static const elc_float logits[2 * N] = {0, 0, 1, 1, 2, 2, 3, 3};
    static const uint8_t types[N] = {0, 1, 1, 1};
    uint32_t offsets[2 * N] = {0};
    for (size_t i = 0; i < 2 * (N - 1); i++)
        offsets[2 + i] = ranges[i];
    const struct elc_answer_window window = {
        .logits = logits, .n = N, .types = types, .offsets = offsets, .context_start = 100};
    answers->n_best = 20;
    answers->max_tokens = 3;
    elc_answers_begin(answers);
    assert_int_equal(elc_answers_add(answers, &window), 0);
    elc_answers_finish(answers, true);
}

static void test_spans(void **state) {
    (void)state;
    struct elc_answers answers = {0};
    add(&answers, (const uint32_t[]){0, 2, 3, 5, 6, 9});
    assert_int_equal(elc_answers_count(&answers), 6);
    const struct elc_answer *best = elc_answers_list(&answers);
    assert_int_equal(best->start, 106);
    assert_int_equal(best->end, 109);
    elc_answers_free(&answers);
}

/* Each token is within the context, but they stand in it the other way round. */
static void test_offsets_that_descend(void **state) {
    (void)state;
    struct elc_answers answers = {0};
    add(&answers, (const uint32_t[]){6, 9, 3, 5, 0, 2});
    assert_int_equal(elc_answers_count(&answers), 3);
    for (size_t i = 0; i < elc_answers_count(&answers); i++)
        assert_true(elc_answers_list(&answers)[i].start < elc_answers_list(&answers)[i].end);
    elc_answers_free(&answers);
}

/* ---- beams ---- */

/* Tokens 0, 1 and 3 of the window above as starts, each with ends 3, 1 and 0. */
static struct elc_answer_beam three_starts(double impossible) {
    struct elc_answer_beam beam = {
        .n = 3, .starts = {3, 1, 0}, .start_log_p = {-1, -1.5, -0.5}, .impossible = impossible};
    for (size_t i = 0; i < 3; i++) {
        const uint32_t ends[3] = {3, 1, 0};
        const double log_p[3] = {-1, -0.25, -3};
        memcpy(beam.ends[i], ends, sizeof ends);
        memcpy(beam.end_log_p[i], log_p, sizeof log_p);
    }
    return beam;
}

static int add_beam(struct elc_answers *answers, const struct elc_answer_beam *beam,
                    uint64_t context_start) {
    static const uint8_t types[N] = {0, 1, 1, 1};
    static const uint32_t offsets[2 * N] = {0, 0, 0, 2, 3, 5, 6, 9};
    const struct elc_answer_window window = {
        .beam = beam, .n = N, .types = types, .offsets = offsets, .context_start = context_start};
    return elc_answers_add(answers, &window);
}

static void assert_near(double found, double expected) {
    if (!(fabs(found - expected) < 1e-12))
        fail_msg("%.17g, not %.17g", found, expected);
}

static void test_beam(void **state) {
    (void)state;
    struct elc_answers answers = {.n_best = 20, .max_tokens = 3};
    const struct elc_answer_beam beam = three_starts(-2);
    elc_answers_begin(&answers);
    assert_int_equal(add_beam(&answers, &beam, 0), 0);
    elc_answers_finish(&answers, true);
    /* 1 to 1, 3 to 3, 1 to 3: no other pair is an answer. */
    const double logits[] = {-1.75, -2, -2.5};
    static const uint64_t bytes[][2] = {{0, 2}, {6, 9}, {0, 9}};
    const double sum = exp(logits[0]) + exp(logits[1]) + exp(logits[2]);
    const struct elc_answer *list = elc_answers_list(&answers);
    assert_int_equal(elc_answers_count(&answers), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(list[i].start, bytes[i][0]);
        assert_int_equal(list[i].end, bytes[i][1]);
        assert_near(list[i].logit, logits[i]);
        assert_near(list[i].p, exp(logits[i]) / sum);
    }
    assert_near(elc_answers_null_odds(&answers), -2);
    assert_near(answers.null_p, 1 / (1 + exp(2)));
    elc_answers_finish(&answers, false);
    assert_near(list[0].p, exp(logits[0]) / sum);
    assert_true(answers.null_p == 0);
    elc_answers_free(&answers);
}

/* The least logit of any window decides whether there is an answer. */
static void test_beams_of_windows(void **state) {
    (void)state;
    struct elc_answers answers = {.n_best = 2, .max_tokens = 1};
    const double impossible[] = {3, -4, 0};
    elc_answers_begin(&answers);
    for (size_t i = 0; i < 3; i++) {
        const struct elc_answer_beam beam = three_starts(impossible[i]);
        assert_int_equal(add_beam(&answers, &beam, 10 * i), 0);
    }
    elc_answers_finish(&answers, true);
    assert_near(elc_answers_null_odds(&answers), -4);
    assert_int_equal(elc_answers_count(&answers), 2);
    assert_int_equal(elc_answers_list(&answers)[0].start, 0); /* the first of equals */
    assert_int_equal(elc_answers_list(&answers)[1].start, 10);
    elc_answers_free(&answers);
}

/* google's n best are n texts, each where it is best; run_qa's are n places. */
static void test_same_text(void **state) {
    (void)state;
    static const char context[] = "ab cd ab ";
    static const uint8_t types[N] = {0, 1, 1, 1};
    static const uint32_t offsets[2 * N] = {0, 0, 0, 2,
                                            3, 5, 6, 8}; /* the first and the last: ab */
    static const elc_float logits[2 * N] = {0, 0, 1, 1, 2, 2, 3, 3};
    const struct elc_answer_beam beam = {
        .n = 3,
        .starts = {1, 2, 3},
        .start_log_p = {-3, -2, -1},
        .ends = {{1, 2, 3}, {2, 3, 1}, {3, 1, 2}},
    };
    for (int joint = 0; joint < 2; joint++) {
        const struct elc_answer_window window = {
            .beam = joint ? &beam : NULL,
            .logits = logits,
            .n = N,
            .types = types,
            .offsets = offsets,
        };
        struct elc_answers answers = {.n_best = 3, .max_tokens = 1};
        elc_answers_begin(&answers);
        assert_int_equal(elc_answers_context(&answers, context, strlen(context), 0), 0);
        assert_int_equal(elc_answers_add(&answers, &window), 0);
        elc_answers_finish(&answers, false);
        const struct elc_answer *list = elc_answers_list(&answers);
        assert_int_equal(elc_answers_count(&answers), joint ? 2 : 3);
        assert_int_equal(list[0].start, 6);
        assert_int_equal(list[1].start, 3);
        if (joint)
            assert_near(list[0].p + list[1].p, 1);
        elc_answers_free(&answers);
    }
}

static void test_beams_without_answers(void **state) {
    (void)state;
    struct elc_answers answers = {.n_best = 2, .max_tokens = 3};
    struct elc_answer_beam beam = three_starts(-5);
    beam.n = 0;
    elc_answers_begin(&answers);
    assert_int_equal(add_beam(&answers, &beam, 0), 0);
    elc_answers_finish(&answers, true);
    assert_int_equal(elc_answers_count(&answers), 0);
    assert_near(elc_answers_null_odds(&answers), -5);
    beam = three_starts(NAN);
    assert_int_equal(add_beam(&answers, &beam, 0), ELC_ENUMERIC);
    beam = three_starts(0);
    beam.end_log_p[1][2] = -INFINITY;
    assert_int_equal(add_beam(&answers, &beam, 0), ELC_ENUMERIC);
    elc_answers_free(&answers);
}

static void test_best_places(void **state) {
    (void)state;
    elc_float logits[2 * 50];
    uint32_t places[ELC_ANSWER_BEAM];
    for (size_t i = 0; i < 100; i++)
        logits[i] = (elc_float)(i * 37 % 50 / 2);
    assert_int_equal(elc_answer_best(places, logits, 2, 3), 3);
    assert_int_equal(elc_answer_best(places, logits, 2, 50), ELC_ANSWER_BEAM);
    for (size_t i = 1; i < ELC_ANSWER_BEAM; i++) {
        const elc_float before = logits[2 * places[i - 1]], here = logits[2 * places[i]];
        assert_true(before > here || (before == here && places[i - 1] < places[i]));
    }
    for (uint32_t i = 0; i < 50; i++) {
        bool there = false;
        for (size_t k = 0; k < ELC_ANSWER_BEAM; k++)
            there |= places[k] == i;
        assert_true(there || logits[2 * i] <= logits[2 * places[ELC_ANSWER_BEAM - 1]]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),       cmocka_unit_test(test_offsets_that_descend),
        cmocka_unit_test(test_beam),        cmocka_unit_test(test_beams_of_windows),
        cmocka_unit_test(test_same_text),   cmocka_unit_test(test_beams_without_answers),
        cmocka_unit_test(test_best_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
