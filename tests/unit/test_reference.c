/* The fast path against the definition: BERT's cutting into words, written as one PCRE2 pattern
 * over the normalized text, must give what the reader of words, its batches and its cache give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "electra/random.h"
#include "electra/tokenize.h"

#define PUNCTUATION "!-/:-@\\[-`{-~\\p{P}"
/* One punctuation character, or others that are no space. Chinese characters have spaces around. */
static const char definition[] = "[" PUNCTUATION "]|[^ " PUNCTUATION "]+";

/* From where a text's characters come: ranges of code points, the more often the more there are. */
static const uint32_t ranges[][2] = {
    {'a', 'z'},       {'a', 'z'},       {'A', 'Z'},       {'0', '9'},         {' ', ' '},
    {' ', ' '},       {'!', '/'},       {'[', '`'},       {0, 0x7F},          {0xA0, 0x17F},
    {0x300, 0x345},   {0x370, 0x3FF},   {0x3A3, 0x3A3},   {0x400, 0x45F},     {0x5B0, 0x5EA},
    {0x900, 0x97F},   {0xAC00, 0xAC20}, {0x1E00, 0x1FFF}, {0x2000, 0x206F},   {0x3000, 0x30FF},
    {0x4E00, 0x4E20}, {0xF900, 0xFAFF}, {0xFFF0, 0xFFFF}, {0x1D150, 0x1D17F}, {0x2B800, 0x2B940},
    {0, 0x10FFFF},
};

static size_t encode(char *out, uint32_t c) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(0xF00 >> n | c);
    return n;
}

/* A text of few sorts of characters, so that they meet each other. */
static size_t make_text(char *text, size_t n_chars, struct elc_random *random) {
    const uint32_t(*sorts[4])[2];
    size_t len = 0;
    for (int i = 0; i < 4; i++)
        sorts[i] = &ranges[elc_random_below(random, sizeof ranges / sizeof *ranges)];
    for (size_t i = 0; i < n_chars; i++) {
        const uint32_t *range = *sorts[elc_random_below(random, 4)];
        uint32_t c = range[0] + (uint32_t)elc_random_below(random, range[1] - range[0] + 1);
        if (c < 0xD800 || c > 0xDFFF)
            len += encode(text + len, c);
    }
    return len;
}

static void check_same(const struct elc_encoding *a, const struct elc_encoding *b, const char *text,
                       size_t len) {
    bool same = a->n == b->n;
    for (size_t i = 0; i < a->n && same; i++)
        same = a->ids[i] == b->ids[i] && a->ranges[i].start == b->ranges[i].start &&
               a->ranges[i].end == b->ranges[i].end && a->words[i] == b->words[i];
    if (!same)
        fail_msg("%zu and %zu tokens of '%.*s'", a->n, b->n, (int)len, text);
}

static void compare(struct elc_tokenizer_options options, uint64_t seed) {
    enum { CHARS = 250 };
    const char *wanted = getenv("ELECTRA_TEXTS"); /* how many; tests/long asks for more */
    const unsigned long n_texts = wanted ? strtoul(wanted, NULL, 10) : 5000;
    struct elc_vocab *vocab;
    struct elc_tokenizer *fast, *reference;
    struct elc_encoding one = {0}, other = {0};
    char text[4 * CHARS];
    if (elc_vocab_read(&vocab, "tests/golden/tokenizer/vocab.txt") < 0 ||
        elc_tokenizer_new(&fast, vocab, &options) < 0)
        fail_msg("%s", elc_error());
    options.pattern = definition;
    assert_int_equal(elc_tokenizer_new(&reference, vocab, &options), 0);
    for (uint32_t i = 0; i < n_texts; i++) {
        struct elc_random random;
        elc_random_init(&random, seed, 0, i, 0);
        size_t len = make_text(text, elc_random_below(&random, i % 10 ? 30 : CHARS), &random);
        size_t limit = i % 7 ? SIZE_MAX : elc_random_below(&random, 20);
        assert_int_equal(elc_tokenizer_encode(fast, text, len, limit, &one), 0);
        assert_int_equal(elc_tokenizer_encode(reference, text, len, limit, &other), 0);
        check_same(&one, &other, text, len);
        assert_int_equal(one.cut, other.cut);
    }
    elc_encoding_free(&one);
    elc_encoding_free(&other);
    elc_tokenizer_destroy(fast);
    elc_tokenizer_destroy(reference);
    elc_vocab_destroy(vocab);
}

static void uncased_words_are_as_defined(void **state) {
    (void)state;
    compare((struct elc_tokenizer_options){.google = true, .strip_accents = -1}, 1);
}

static void cased_words_are_as_defined(void **state) {
    (void)state;
    compare((struct elc_tokenizer_options){.google = true, .cased = true, .strip_accents = -1}, 2);
}

static void words_with_accents_are_as_defined(void **state) {
    (void)state;
    compare((struct elc_tokenizer_options){.google = true, .strip_accents = 0}, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uncased_words_are_as_defined),
        cmocka_unit_test(cased_words_are_as_defined),
        cmocka_unit_test(words_with_accents_are_as_defined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
