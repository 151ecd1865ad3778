/* The tokens of an answer, found in a context that is one word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "electra/random.h"

#include "../../lib/text/spans.h"

/* Each byte is a token of the same number. */
static struct elc_encoding encode(const char *text, size_t n) {
    struct elc_encoding encoding = {
        .ids = calloc(n, sizeof *encoding.ids),
        .ranges = calloc(n, sizeof *encoding.ranges),
        .words = calloc(n, sizeof *encoding.words),
        .n = n,
    };
    assert_true(encoding.ids && encoding.ranges && encoding.words);
    for (size_t i = 0; i < n; i++) {
        encoding.ids[i] = (unsigned char)text[i];
        encoding.ranges[i] = (struct elc_range){(uint32_t)i, (uint32_t)i + 1};
    }
    return encoding;
}

/* The first place of an answer that stands at `start`. */
static size_t place_of(const char *context, size_t len, size_t start, size_t answer_len) {
    struct elc_encoding tokens = encode(context, len);
    struct elc_encoding sought = encode(context + start, answer_len);
    const struct answer answer = {.text = context + start, .len = answer_len, .start = start};
    size_t first, last;
    assert_true(answer_span(&tokens, context, len, &answer, &sought, &first, &last));
    assert_int_equal(last, first + answer_len - 1);
    elc_encoding_free(&tokens);
    elc_encoding_free(&sought);
    return first;
}

static void the_first_place_is_found(void **state) {
    (void)state;
    struct elc_random random;
    elc_random_init(&random, 1, 0, 0, 0);
    for (int i = 0; i < 3000; i++) {
        char text[24];
        const size_t len = 1 + elc_random_below(&random, sizeof text);
        for (size_t k = 0; k < len; k++)
            text[k] = "ab"[elc_random_below(&random, 2)];
        const size_t start = elc_random_below(&random, len);
        const size_t n = 1 + elc_random_below(&random, len - start);
        size_t expected = 0;
        while (memcmp(text + expected, text + start, n) != 0)
            expected++;
        assert_int_equal(place_of(text, len, start, n), expected);
    }
}

/* Of which each beginning is as good as the right one, but for its last token: compared anew at
 * each place they would take minutes. */
static void long_answers_are_found_in_linear_time(void **state) {
    (void)state;
    enum { LEN = 2000000 };
    char *text = malloc(LEN);
    assert_non_null(text);
    memset(text, 'a', LEN);
    text[LEN - 1] = 'b';
    assert_int_equal(place_of(text, LEN, LEN / 2, LEN / 2), LEN / 2);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_place_is_found),
        cmocka_unit_test(long_answers_are_found_in_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
