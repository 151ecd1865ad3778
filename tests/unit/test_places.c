/* Vocabularies made to turn hash tables into lists are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "electra/tokenize.h"
#include "electra/vocab.h"

#include "../../lib/text/ascii.h"

enum {
    N = 1200,            /* tokens besides the specials, more than may meet */
    VOCAB_PLACES = 4096, /* of so many tokens: at most half are occupied, */
    PIECE_PLACES = 2048, /* or two thirds */
};

/* Where the search for a token begins. */
static size_t vocab_home(const char *token, size_t len) {
    return XXH3_64bits(token, len) % VOCAB_PLACES;
}

static size_t piece_home(const char *token, size_t len) {
    uint64_t key[2] = {0};
    memcpy(key, token, len);
    return ascii_hash(key) >> 53; /* the top eleven bits */
}

/* A vocabulary of N numbers, whose searches begin at place 0 all, or one at each of the places from
 * 0 on. */
static struct elc_buffer make(size_t (*home)(const char *token, size_t len), bool all_at_one) {
    static const char specials[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    struct elc_buffer lines = {0};
    bool taken[VOCAB_PLACES] = {false};
    assert_int_equal(elc_buffer_append(&lines, specials, sizeof specials - 1), 0);
    for (uint32_t number = 0, n = 0; n < N; number++) {
        char token[16];
        const size_t len = (size_t)snprintf(token, sizeof token, "%u", number);
        const size_t at = home(token, len);
        if (all_at_one ? at > 0 : at >= N || taken[at])
            continue;
        taken[at] = true;
        n++;
        assert_int_equal(elc_buffer_printf(&lines, "%s\n", token), 0);
    }
    return lines;
}

static void tokens_that_meet_are_refused(void **state) {
    (void)state;
    for (int all_at_one = 0; all_at_one < 2; all_at_one++) {
        struct elc_buffer lines = make(vocab_home, all_at_one);
        struct elc_vocab *vocab;
        assert_int_equal(elc_vocab_parse(&vocab, (const char *)lines.data, lines.len, "v"),
                         ELC_ELIMIT);
        assert_non_null(strstr(elc_error(), "v: token '"));
        assert_non_null(strstr(elc_error(), "' meets more than 1000 others"));
        elc_buffer_free(&lines);
    }
}

static void pieces_that_meet_are_refused(void **state) {
    (void)state;
    for (int all_at_one = 0; all_at_one < 2; all_at_one++) {
        struct elc_buffer lines = make(piece_home, all_at_one);
        const struct elc_tokenizer_options options = {.strip_accents = -1};
        struct elc_tokenizer *tokenizer;
        struct elc_vocab *vocab;
        assert_int_equal(elc_vocab_parse(&vocab, (const char *)lines.data, lines.len, "v"), 0);
        assert_int_equal(elc_tokenizer_new(&tokenizer, vocab, &options), ELC_ELIMIT);
        assert_non_null(strstr(elc_error(), "' meets more than 1000 others"));
        elc_vocab_destroy(vocab);
        elc_buffer_free(&lines);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_that_meet_are_refused),
        cmocka_unit_test(pieces_that_meet_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
