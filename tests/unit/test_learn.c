/* Learning a vocabulary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "electra/file.h"
#include "electra/learn.h"
#include "electra/tokenize.h"

struct count {
    const char *word;
    uint64_t n;
};

/* The vocabulary learned from these words, on one line; malloced. */
static char *learn(const struct count *counts, size_t n, struct elc_learn_options options) {
    struct elc_word_counts *words;
    struct elc_buffer lines = {0};
    assert_int_equal(elc_word_counts_new(&words), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(
            elc_word_counts_add(words, counts[i].word, strlen(counts[i].word), counts[i].n), 0);
    long long size = elc_learn(&lines, words, &options);
    if (size < 0)
        fail_msg("%s", elc_error());
    long long n_lines = 0;
    for (size_t i = 0; i < lines.len; i++)
        if (lines.data[i] == '\n') {
            lines.data[i] = ' ';
            n_lines++;
        }
    assert_int_equal(n_lines, size);
    assert_int_equal(elc_buffer_append(&lines, "", 1), 0);
    elc_word_counts_destroy(words);
    return (char *)lines.data;
}

static void check(const struct count *counts, size_t n, struct elc_learn_options options,
                  const char *expected) {
    char *found = learn(counts, n, options);
    assert_string_equal(found, expected);
    free(found);
}

#define SPECIALS "[PAD] [UNK] [CLS] [SEP] [MASK] "
#define N(counts) (sizeof(counts) / sizeof *(counts))

static const struct elc_learn_options defaults = {
    .size = 1000, .min_frequency = 2, .limit_alphabet = 1000};

static void the_most_frequent_pair_becomes_a_token(void **state) {
    (void)state;
    const struct count counts[] = {{"hug", 10}, {"pug", 5}, {"pun", 12}, {"bun", 4}, {"hugs", 5}};
    struct elc_learn_options options = defaults;
    options.size = 5 + 5 + 4 + 3; /* b g h n p s, ##g ##n ##s ##u, merges */
    options.size += 1;
    check(counts, N(counts), options, SPECIALS "b g h n p s u ##g ##n ##s ##u ##ug ##un ");
}

static void the_merged_token_s_neighbours_are_counted_anew(void **state) {
    (void)state;
    const struct count counts[] = {{"aaaaa", 3}, {"abab", 7}, {"b", 1}};
    /* ##a ##a 9 times; then three pairs 7 times each, of which ##a ##b is the first text */
    check(counts, N(counts), defaults, SPECIALS "a b ##a ##b ##aa ##ab ##bab abab ##aaaa aaaaa ");
}

static void ties_go_to_the_first_texts(void **state) {
    (void)state;
    const struct count counts[] = {{"zy", 5}, {"xw", 5}, {"ab", 5}, {"aab", 5}};
    char *one = learn(counts, N(counts), defaults);
    const struct count other_order[] = {{"ab", 5}, {"aab", 2}, {"xw", 5}, {"zy", 5}, {"aab", 3}};
    check(other_order, N(other_order), defaults, one);
    assert_string_equal(one, SPECIALS "a b w x y z ##a ##b ##w ##y ##ab aab ab xw zy ");
    free(one);
}

static void frequencies_below_the_least_are_not_merged(void **state) {
    (void)state;
    const struct count counts[] = {{"ab", 3}, {"cd", 2}};
    struct elc_learn_options options = defaults;
    options.min_frequency = 3;
    check(counts, N(counts), options, SPECIALS "a b c d ##b ##d ab ");
}

static void the_alphabet_keeps_the_most_frequent(void **state) {
    (void)state;
    const struct count counts[] = {{"aé", 9}, {"b", 5}, {"c", 5}, {"ad", 2}};
    struct elc_learn_options options = defaults;
    options.limit_alphabet = 3; /* a é b; of b and c, the lower one */
    check(counts, N(counts), options, SPECIALS "a b é ##é aé ");
}

static void places_are_reserved(void **state) {
    (void)state;
    const struct count counts[] = {{"ab", 3}};
    struct elc_learn_options options = defaults;
    options.reserve = 2;
    check(counts, N(counts), options, SPECIALS "[unused0] [unused1] a b ##b ab ");
}

static void the_size_is_exact_or_refused(void **state) {
    (void)state;
    const struct count counts[] = {{"ab", 3}, {"cd", 4}};
    struct elc_learn_options options = defaults;
    options.size = 12;
    check(counts, N(counts), options, SPECIALS "a b c d ##b ##d cd ");
    struct elc_word_counts *words;
    struct elc_buffer lines = {0};
    assert_int_equal(elc_word_counts_new(&words), 0);
    assert_int_equal(elc_learn(&lines, words, &options), ELC_EFORMAT);
    assert_non_null(strstr(elc_error(), "no words to learn from"));
    assert_int_equal(elc_word_counts_add(words, "abcdef", 6, 1), 0);
    options.size = 15;
    assert_int_equal(elc_learn(&lines, words, &options), ELC_EINVAL);
    assert_non_null(strstr(elc_error(), "of 15 tokens has no room for the alphabet: 16"));
    elc_word_counts_destroy(words);
    elc_buffer_free(&lines);
}

static void counts_pass_32_bits(void **state) {
    (void)state;
    const struct count counts[] = {{"ab", UINT64_C(5000000000)},
                                   {"cd", UINT64_C(4999999999)},
                                   {"ef", 705032704 + 1} /* more than the first modulo 2^32 */};
    struct elc_learn_options options = defaults;
    options.size = 5 + 6 + 3 + 2;
    check(counts, N(counts), options, SPECIALS "a b c d e f ##b ##d ##f ab cd ");
}

static void counts_can_be_merged(void **state) {
    (void)state;
    struct elc_word_counts *one, *two;
    assert_int_equal(elc_word_counts_new(&one), 0);
    assert_int_equal(elc_word_counts_new(&two), 0);
    assert_int_equal(elc_word_counts_add(one, "a", 1, 1), 0);
    assert_int_equal(elc_word_counts_add(two, "a", 1, 1), 0);
    assert_int_equal(elc_word_counts_add(two, "b", 1, 1), 0);
    assert_int_equal(elc_word_counts_merge(one, two), 0);
    assert_int_equal(elc_word_counts_distinct(one), 2);
    elc_word_counts_destroy(one);
    elc_word_counts_destroy(two);
}

/* ---- against Hugging Face, on a corpus without ties ---- */

static int add_word(void *context, const char *word, size_t len) {
    return elc_word_counts_add(context, word, len, 1);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void the_reference_learns_the_same(void **state) {
    (void)state;
    struct elc_tokenizer *tokenizer;
    struct elc_encoding scratch = {0};
    struct elc_word_counts *words;
    struct elc_map corpus, expected;
    const struct elc_tokenizer_options rules = {.strip_accents = -1};
    assert_int_equal(elc_tokenizer_new(&tokenizer, NULL, &rules), 0);
    assert_int_equal(elc_word_counts_new(&words), 0);
    assert_int_equal(elc_map_open(&corpus, "tests/golden/tokenizer/learn.txt"), 0);
    assert_int_equal(elc_map_open(&expected, "tests/golden/tokenizer/learn.vocab"), 0);
    assert_int_equal(elc_tokenizer_words(tokenizer, (const char *)corpus.data, corpus.len, &scratch,
                                         add_word, words),
                     0);
    struct elc_buffer lines = {0};
    struct elc_learn_options options = defaults;
    options.size = 45;
    assert_int_equal(elc_learn(&lines, words, &options), 45);
    assert_int_equal(elc_buffer_append(&lines, "", 1), 0);

    char *tokens[45], *at = (char *)lines.data;
    for (int i = 0; i < 45; i++) {
        tokens[i] = at;
        at = strchr(at, '\n');
        *at++ = '\0';
    }
    qsort(tokens, 45, sizeof *tokens, by_text);
    const char *want = (const char *)expected.data;
    for (int i = 0; i < 45; i++) {
        size_t len = strlen(tokens[i]);
        assert_memory_equal(want, tokens[i], len);
        assert_int_equal(want[len], '\n');
        want += len + 1;
    }
    elc_buffer_free(&lines);
    elc_map_close(&corpus);
    elc_map_close(&expected);
    elc_word_counts_destroy(words);
    elc_encoding_free(&scratch);
    elc_tokenizer_destroy(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_frequent_pair_becomes_a_token),
        cmocka_unit_test(the_merged_token_s_neighbours_are_counted_anew),
        cmocka_unit_test(ties_go_to_the_first_texts),
        cmocka_unit_test(frequencies_below_the_least_are_not_merged),
        cmocka_unit_test(the_alphabet_keeps_the_most_frequent),
        cmocka_unit_test(places_are_reserved),
        cmocka_unit_test(the_size_is_exact_or_refused),
        cmocka_unit_test(counts_pass_32_bits),
        cmocka_unit_test(counts_can_be_merged),
        cmocka_unit_test(the_reference_learns_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
