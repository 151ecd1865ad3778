/* Answers out of windows: what a span of tokens may be, whatever their offsets are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_offsets_that_descend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
