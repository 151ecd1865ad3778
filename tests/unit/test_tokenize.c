/* Tokenization: one test for each rule, and the ways in which it can be misused.
 * Equality with the reference is test_golden.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/random.h"
#include "electra/tokenize.h"

#include "scratch.h"

static const char lines[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\na\nb\nab\n##b\n##c\n!\n,\ne\n"
    "##é\né\nHello\n中\n[\n]\nmask\nun\n##aff\n##able\nσ\nς\n##σ\n##ς\n";

struct fixture {
    struct elc_vocab *vocab;
    struct elc_tokenizer *uncased, *cased;
};

static struct elc_tokenizer *make(const struct elc_vocab *vocab, bool cased, int strip_accents) {
    struct elc_tokenizer *tokenizer;
    const struct elc_tokenizer_options options = {.cased = cased, .strip_accents = strip_accents};
    if (elc_tokenizer_new(&tokenizer, vocab, &options) < 0)
        fail_msg("%s", elc_error());
    return tokenizer;
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    *state = fixture;
    if (elc_vocab_parse(&fixture->vocab, lines, strlen(lines), "v") < 0)
        return -1;
    fixture->uncased = make(fixture->vocab, false, -1);
    fixture->cased = make(fixture->vocab, true, -1);
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    elc_tokenizer_destroy(fixture->uncased);
    elc_tokenizer_destroy(fixture->cased);
    elc_vocab_destroy(fixture->vocab);
    free(fixture);
    return 0;
}

/* "token@start-end/word" for each token, between spaces. */
static void check(const struct fixture *fixture, const struct elc_tokenizer *tokenizer,
                  const char *text, size_t len, const char *expected) {
    struct elc_encoding encoding = {0};
    struct elc_buffer found = {0};
    if (elc_tokenizer_encode(tokenizer, text, len, SIZE_MAX, &encoding) < 0)
        fail_msg("%s", elc_error());
    for (size_t i = 0; i < encoding.n; i++)
        assert_int_equal(elc_buffer_printf(&found, "%s%s@%u-%u/%u", i > 0 ? " " : "",
                                           elc_vocab_token(fixture->vocab, encoding.ids[i], NULL),
                                           encoding.ranges[i].start, encoding.ranges[i].end,
                                           encoding.words[i]),
                         0);
    assert_int_equal(elc_buffer_append(&found, "", 1), 0);
    assert_string_equal((const char *)found.data, expected);
    elc_buffer_free(&found);
    elc_encoding_free(&encoding);
}

#define UNCASED(text, expected) check(f, f->uncased, text, sizeof(text) - 1, expected)
#define CASED(text, expected) check(f, f->cased, text, sizeof(text) - 1, expected)

static void words_are_cut_at_spaces_and_punctuation(void **state) {
    const struct fixture *f = *state;
    UNCASED("", "");
    UNCASED(" \t\r\n", "");
    UNCASED("Hello, worlds!", "hello@0-5/0 ,@5-6/1 world@7-12/2 ##s@12-13/2 !@13-14/3");
    UNCASED("a\xC2\xA0"
            "b\xE3\x80\x80"
            "a\xE2\x80\xA8"
            "b",
            "a@0-1/0 b@3-4/1 a@7-8/2 b@11-12/3");
    UNCASED("a\xE2\x82\xAC"
            "b",
            "[UNK]@0-5/0"); /* the euro sign is a letter to BERT */
    UNCASED("a$b", "a@0-1/0 [UNK]@1-2/1 b@2-3/2");
}

static void pieces_are_the_longest(void **state) {
    const struct fixture *f = *state;
    UNCASED("unaffable", "un@0-2/0 ##aff@2-5/0 ##able@5-9/0");
    UNCASED("abc", "ab@0-2/0 ##c@2-3/0");
    UNCASED("abx", "[UNK]@0-3/0"); /* no way back */
    CASED("Hello hello", "Hello@0-5/0 hello@6-11/1");
}

/* Words of one to twelve pieces, in numbers that drive each other out of the cache, against words
 * by a pattern, which are not remembered. */
static void what_is_remembered_is_what_was_found(void **state) {
    const struct fixture *fixture = *state;
    enum { WORDS = 60000, LONGEST = 12, TEXT = WORDS * (LONGEST + 1) };
    const struct elc_tokenizer_options by_pattern = {.strip_accents = -1, .pattern = "[^ ]+"};
    struct elc_tokenizer *reference;
    struct elc_encoding found = {0}, expected = {0};
    struct elc_random random;
    char *text = malloc(TEXT);
    size_t len = 0;
    assert_non_null(text);
    elc_random_init(&random, 1, 0, 0, 0);
    for (int i = 0; i < WORDS; i++) {
        /* the shorter, the oftener it comes */
        const size_t n = 1 + elc_random_below(&random, 1 + elc_random_below(&random, LONGEST));
        text[len++] = 'a';
        for (size_t k = 1; k < n; k++)
            text[len++] = "bcbcbcx"[elc_random_below(&random, 7)]; /* an x: [UNK] */
        text[len++] = ' ';
    }
    assert_int_equal(elc_tokenizer_new(&reference, fixture->vocab, &by_pattern), 0);
    assert_int_equal(elc_tokenizer_encode(fixture->uncased, text, len, SIZE_MAX, &found), 0);
    assert_int_equal(elc_tokenizer_encode(reference, text, len, SIZE_MAX, &expected), 0);
    assert_int_equal(found.n, expected.n);
    assert_memory_equal(found.ids, expected.ids, found.n * sizeof *found.ids);
    assert_memory_equal(found.ranges, expected.ranges, found.n * sizeof *found.ranges);
    assert_memory_equal(found.words, expected.words, found.n * sizeof *found.words);
    elc_encoding_free(&found);
    elc_encoding_free(&expected);
    elc_tokenizer_destroy(reference);
    free(text);
}

static void case_and_accents_go_together_unless_told(void **state) {
    const struct fixture *f = *state;
    UNCASED("\xC3\x89", "e@0-2/0");  /* É */
    UNCASED("E\xCC\x81", "e@0-1/0"); /* a dropped mark covers nothing */
    UNCASED("e\xCC\x81"
            "b",
            "e@0-1/0 ##b@3-4/0");
    CASED("\xC3\xA9", "\xC3\xA9@0-2/0"); /* é */
    struct elc_tokenizer *lower = make(f->vocab, false, 0);
    check(f, lower, "A\xC3\x89", 3, "a@0-1/0 ##\xC3\xA9@1-3/0");
    elc_tokenizer_destroy(lower);
    struct elc_tokenizer *plain = make(f->vocab, true, 1);
    check(f, plain, "\xC3\xA9", 2, "e@0-2/0");
    elc_tokenizer_destroy(plain);
}

static void lower_case_knows_no_final_sigma(void **state) {
    const struct fixture *f = *state;
    UNCASED("\xCE\xA3\xCE\xA3", "\xCF\x83@0-2/0 ##\xCF\x83@2-4/0"); /* ΣΣ */
}

static void controls_vanish_without_a_trace(void **state) {
    const struct fixture *f = *state;
    UNCASED("a\0b", "ab@0-3/0");
    UNCASED("a\x0B"
            "b",
            "ab@0-3/0");
    UNCASED("\xEF\xBB\xBF"
            "a\xE2\x80\x8B"
            "b",
            "ab@3-8/0"); /* BOM, zero-width space */
    UNCASED("a\xEF\xBF\xBD"
            "b",
            "ab@0-5/0"); /* U+FFFD */
}

static void chinese_characters_stand_alone(void **state) {
    const struct fixture *f = *state;
    UNCASED("a\xE4\xB8\xAD"
            "b",
            "a@0-1/0 \xE4\xB8\xAD@1-4/1 b@4-5/2");
}

static void special_tokens_are_kept_whole(void **state) {
    const struct fixture *f = *state;
    UNCASED("a[MASK]b", "a@0-1/0 [MASK]@1-7/1 b@7-8/2");
    UNCASED("[mask]", "[@0-1/0 mask@1-5/1 ]@5-6/2");
    UNCASED("[[SEP]]", "[@0-1/0 [SEP]@1-6/1 ]@6-7/2");
    UNCASED("[MASK", "[@0-1/0 mask@1-5/1");
}

static void long_words_are_unknown(void **state) {
    const struct fixture *f = *state;
    char text[205];
    struct elc_encoding encoding = {0};
    memset(text, 'b', sizeof text);
    assert_int_equal(elc_tokenizer_encode(f->uncased, text, 100, SIZE_MAX, &encoding), 0);
    assert_int_equal(encoding.n, 100);
    assert_int_equal(elc_tokenizer_encode(f->uncased, text, 101, SIZE_MAX, &encoding), 0);
    assert_int_equal(encoding.n, 1);
    assert_int_equal(encoding.ids[0], 1);
    assert_int_equal(encoding.ranges[0].end, 101);
    elc_encoding_free(&encoding);
}

static void what_is_cut_is_counted(void **state) {
    const struct fixture *f = *state;
    struct elc_encoding encoding = {0};
    const char text[] = "a unaffable b";
    for (size_t limit = 0; limit <= 6; limit++) {
        assert_int_equal(elc_tokenizer_encode(f->uncased, text, sizeof text - 1, limit, &encoding),
                         0);
        assert_int_equal(encoding.n, limit < 5 ? limit : 5);
        assert_int_equal(encoding.cut, limit < 5 ? 5 - limit : 0);
    }
    elc_encoding_free(&encoding);
}

static void an_encoding_belongs_to_one_tokenizer(void **state) {
    const struct fixture *f = *state;
    struct elc_encoding encoding = {0};
    assert_int_equal(elc_tokenizer_encode(f->uncased, "a", 1, 1, &encoding), 0);
    assert_int_equal(elc_tokenizer_encode(f->cased, "a", 1, 1, &encoding), ELC_EINVAL);
    elc_encoding_free(&encoding);
    assert_int_equal(elc_tokenizer_encode(f->cased, "a", 1, 1, &encoding), 0);
    elc_encoding_free(&encoding);
}

static struct elc_tokenizer *make_with(const struct elc_vocab *vocab,
                                       struct elc_tokenizer_options options) {
    struct elc_tokenizer *tokenizer;
    if (elc_tokenizer_new(&tokenizer, vocab, &options) < 0)
        fail_msg("%s", elc_error());
    return tokenizer;
}

static void google_s_rules_differ(void **state) {
    const struct fixture *f = *state;
    const struct elc_tokenizer_options options = {.google = true, .strip_accents = -1};
    struct elc_tokenizer *google = make_with(f->vocab, options);
#define GOOGLE(text, expected) check(f, google, text, sizeof(text) - 1, expected)
    GOOGLE("[MASK]", "[@0-1/0 mask@1-5/1 ]@5-6/2");
    GOOGLE("\xCE\xA3\xCE\xA3", "\xCF\x83@0-2/0 ##\xCF\x82@2-4/0"); /* ΣΣ */
    GOOGLE("\xCE\xA3", "\xCF\x83@0-2/0");                          /* no letter before */
    /* what is between may be ignorable (a point, a soft hyphen) but ends no word by that */
    GOOGLE("\xCE\xA3\xC2\xAD\xCE\xA3\xC2\xAD", "\xCF\x83@0-2/0 ##\xCF\x82@4-6/0");
    GOOGLE("\xCE\xA3\xCE\xA3.\xCE\xA3",
           "\xCF\x83@0-2/0 ##\xCF\x83@2-4/0 [UNK]@4-5/1 \xCF\x82@5-7/2");
    GOOGLE("a\xCD\xB8"
           "b",
           "ab@0-4/0"); /* U+0378, unassigned, is dropped */
    GOOGLE("a\xF0\xAB\xA0\xA0"
           "b",
           "a@0-1/0 [UNK]@1-5/1 b@5-6/2"); /* U+2B820 */
#undef GOOGLE
    struct elc_encoding encoding = {0};
    char text[201];
    memset(text, 'b', sizeof text);
    assert_int_equal(elc_tokenizer_encode(google, text, 200, SIZE_MAX, &encoding), 0);
    assert_int_equal(encoding.n, 200);
    assert_int_equal(elc_tokenizer_encode(google, text, 201, SIZE_MAX, &encoding), 0);
    assert_int_equal(encoding.n, 1);
    elc_encoding_free(&encoding);
    elc_tokenizer_destroy(google);
}

static void a_pattern_s_matches_are_the_words(void **state) {
    const struct fixture *f = *state;
    struct elc_tokenizer_options options = {.strip_accents = -1, .pattern = "\\pL+|\\d"};
    struct elc_tokenizer *letters = make_with(f->vocab, options);
    check(f, letters, "Hello,Worlds [MASK]!", 20,
          "hello@0-5/0 world@6-11/1 ##s@11-12/1 [MASK]@13-19/2");
    check(f, letters, "\xC3\x89\xE4\xB8\xAD!", 6, "e@0-2/0 \xE4\xB8\xAD@2-5/1");
    check(f, letters, "", 0, "");
    check(f, letters, "[SEP][SEP]", 10, "[SEP]@0-5/0 [SEP]@5-10/1");
    elc_tokenizer_destroy(letters);
    options.pattern = "l+o?\\K[^ ]| \\pL"; /* a word may begin behind where its match does */
    struct elc_tokenizer *odd = make_with(f->vocab, options);
    check(f, odd, "hello, a", 8, ",@5-6/0 [UNK]@6-8/1");
    elc_tokenizer_destroy(odd);
}

/* As Hugging Face's WordPiece has it: tokenizers 0.23 gave what is expected. */
static void a_pattern_s_word_may_begin_with_signs(void **state) {
    (void)state;
    static const char signs[] =
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n#\n##\n###\n##b\n####b\n";
    static const struct elc_tokenizer_options options = {.strip_accents = -1, .pattern = "[^ ]+"};
    struct fixture f = {0};
    assert_int_equal(elc_vocab_parse(&f.vocab, signs, strlen(signs), "v"), 0);
    assert_int_equal(elc_tokenizer_new(&f.uncased, f.vocab, &options), 0);
    check(&f, f.uncased, "##b ## ####b", 12, "##b@0-3/0 ##@4-6/1 ####b@7-12/2");
    check(&f, f.uncased, "a##b ab ##bb ###", 16,
          "a@0-1/0 ####b@1-4/0 a@5-6/1 ##b@6-7/1 ##b@8-11/2 ##b@11-12/2 ###@13-16/3");
    elc_tokenizer_destroy(f.uncased);
    elc_vocab_destroy(f.vocab);
}

static void patterns_are_refused(void **state) {
    const struct fixture *f = *state;
    static const struct {
        const char *pattern, *message;
    } bad[] = {
        {"(", "pattern '(': byte 1: missing closing parenthesis"},
        {"a**", "byte 2: quantifier does not follow"},
        {"\\w*", "pattern '\\w*' can match nothing at all"},
        {"", "can match nothing at all"},
        {"\\b", "can match nothing at all"},
        {"\\C", "using \\C is disabled"},
        {"\xFF", "UTF-8 error"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct elc_tokenizer *tokenizer;
        const struct elc_tokenizer_options options = {.pattern = bad[i].pattern};
        assert_int_equal(elc_tokenizer_new(&tokenizer, f->vocab, &options), ELC_EINVAL);
        if (!strstr(elc_error(), bad[i].message))
            fail_msg("'%s' does not say '%s'", elc_error(), bad[i].message);
    }
}

static void a_pattern_that_explodes_is_stopped(void **state) {
    const struct fixture *f = *state;
    static const char *const bad[] = {"(a+)+b", "(a|aa)+$b", "(?:a*)*b|(.*)*c"};
    char text[5000];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct elc_tokenizer_options options = {.pattern = bad[i]};
        struct elc_tokenizer *tokenizer = make_with(f->vocab, options);
        struct elc_encoding encoding = {0};
        assert_int_equal(elc_tokenizer_encode(tokenizer, text, sizeof text, SIZE_MAX, &encoding),
                         ELC_ELIMIT);
        assert_non_null(strstr(elc_error(), "the pattern takes too many steps on this text"));
        assert_int_equal(elc_tokenizer_encode(tokenizer, "ab", 2, SIZE_MAX, &encoding), 0);
        elc_encoding_free(&encoding);
        elc_tokenizer_destroy(tokenizer);
    }
}

/* As if a place saw all of the text at once. */
static void a_pattern_s_match_may_be_long(void **state) {
    const struct fixture *f = *state;
    static const struct {
        const char *pattern, *expected;
    } cases[] = {
        {"a+\\w", "[UNK]@0-300000/0"},
        {"a+(?=b)|b", "[UNK]@0-299999/0 b@299999-300000/1"},
        {"(?s).+", "[UNK]@0-300000/0"},
        {"b\\z", "b@299999-300000/0"},
    };
    enum { LEN = 300000 };
    char *text = malloc(LEN);
    assert_non_null(text);
    memset(text, 'a', LEN);
    text[LEN - 1] = 'b';
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct elc_tokenizer_options options = {.pattern = cases[i].pattern};
        struct elc_tokenizer *tokenizer = make_with(f->vocab, options);
        check(f, tokenizer, text, LEN, cases[i].expected);
        elc_tokenizer_destroy(tokenizer);
    }
    free(text);
}

/* Places that are hard to match are counted over a whole text, whatever special tokens cut it. */
static void a_pattern_that_explodes_between_special_tokens_is_stopped(void **state) {
    const struct fixture *f = *state;
    static const char stretch[] = "aaaaaaaaaaaaaaaa[SEP]"; /* beyond the few steps of a first try */
    enum { STRETCHES = 60, LEN = sizeof stretch - 1 };
    const struct elc_tokenizer_options options = {.pattern = "(a+)+[bc]"};
    struct elc_tokenizer *tokenizer = make_with(f->vocab, options);
    struct elc_encoding encoding = {0};
    char text[STRETCHES * LEN];
    for (size_t i = 0; i < STRETCHES; i++)
        memcpy(text + i * LEN, stretch, LEN);
    assert_int_equal(elc_tokenizer_encode(tokenizer, text, sizeof text, SIZE_MAX, &encoding),
                     ELC_ELIMIT);
    for (int i = 0; i < 60; i++) /* but each text has its own */
        assert_int_equal(elc_tokenizer_encode(tokenizer, text, LEN, SIZE_MAX, &encoding), 0);
    elc_encoding_free(&encoding);
    elc_tokenizer_destroy(tokenizer);
}

static void bert_s_rules_as_a_model_has_them(void **state) {
    const struct fixture *f = *state;
    const struct elc_tokenizer_options raw = {
        .strip_accents = -1, .keep_controls = true, .chinese_joined = true, .word_chars = 3};
    struct elc_tokenizer *tokenizer = make_with(f->vocab, raw);
    check(f, tokenizer,
          "a\x01"
          "b a\x0B"
          "b",
          7, "[UNK]@0-3/0 a@4-5/1 b@6-7/2");
    check(f, tokenizer,
          "a\xE4\xB8\xAD"
          "b",
          5, "[UNK]@0-5/0");
    check(f, tokenizer, "abb abbb bb\xC3\xA9", 13, "ab@0-2/0 ##b@2-3/0 [UNK]@4-8/1 [UNK]@9-13/2");
    elc_tokenizer_destroy(tokenizer);
    const struct elc_tokenizer_options bad[] = {{.word_chars = 1001},
                                                {.google = true, .keep_controls = true}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(elc_tokenizer_new(&tokenizer, f->vocab, &bad[i]), ELC_EINVAL);
}

static void the_header_says_which_rules(void **state) {
    const struct fixture *f = *state;
    struct elc_arena arena = {0};
    struct elc_tokenizer_id id;
    assert_int_equal(elc_tokenizer_describe(f->uncased, &id, &arena), 0);
    assert_false(id.cased);
    assert_true(id.strip_accents);
    assert_string_equal(id.compat, "fast");
    assert_null(id.pattern);
    assert_true(id.unicode[0] >= '1' && strchr(id.unicode, '.'));
    assert_int_equal(elc_tokenizer_describe(f->cased, &id, &arena), 0);
    assert_true(id.cased);
    assert_false(id.strip_accents);
    elc_arena_free(&arena);
}

/* ---- words ---- */

static int join(void *context, const char *bytes, size_t len) {
    struct elc_buffer *buffer = context;
    int rc = elc_buffer_append(buffer, bytes, len);
    return rc < 0 ? rc : elc_buffer_append(buffer, "|", 1);
}

static int stop(void *context, const char *bytes, size_t len) {
    (void)bytes;
    (void)len;
    return ++*(int *)context == 2 ? ELC_EIO : 0;
}

static void words_for_learning_need_no_vocabulary(void **state) {
    (void)state;
    struct elc_tokenizer *tokenizer = make(NULL, false, -1);
    struct elc_encoding scratch = {0};
    struct elc_buffer found = {0};
    char text[300] = "\xC3\x89t\xC3\xA9, don't [MASK] ";
    memset(text + strlen(text), 'x', 101);
    assert_int_equal(elc_tokenizer_words(tokenizer, text, strlen(text), &scratch, join, &found), 0);
    assert_int_equal(elc_buffer_append(&found, "", 1), 0);
    assert_string_equal((char *)found.data, "ete|,|don|'|t|");
    int calls = 0;
    assert_int_equal(elc_tokenizer_words(tokenizer, "a b c", 5, &scratch, stop, &calls), ELC_EIO);
    assert_int_equal(calls, 2);
    elc_buffer_free(&found);
    elc_encoding_free(&scratch);
    elc_tokenizer_destroy(tokenizer);
}

/* ---- options of a model ---- */

static int read_options(const char *tokenizer, const char *config,
                        struct elc_tokenizer_options *options) {
    char *directory = scratch_new();
    char *tokenizer_path = elc_path_join(directory, "tokenizer.json");
    char *config_path = elc_path_join(directory, "tokenizer_config.json");
    if (tokenizer)
        scratch_write(tokenizer_path, tokenizer);
    if (config)
        scratch_write(config_path, config);
    *options = (struct elc_tokenizer_options){.strip_accents = -1};
    int rc = elc_tokenizer_options_read(options, directory);
    free(tokenizer_path);
    free(config_path);
    scratch_delete(directory);
    return rc;
}

#define CASED_JSON "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false}}"

static void two_files_may_say_the_same(void **state) {
    (void)state;
    static const char *const configs[] = {
        "{}",
        "{\"do_lower_case\":false,\"tokenizer_class\":\"ElectraTokenizerFast\"}",
        "{\"do_lower_case\":false,\"strip_accents\":false,\"tokenize_chinese_chars\":true}",
        "{\"tokenizer_class\":null,\"word_tokenizer_type\":\"basic\"}",
        "{\"tokenizer_class\":\"TokenizersBackend\",\"do_lower_case\":true}", /* not obeyed */
    };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        struct elc_tokenizer_options options;
        if (read_options(CASED_JSON, configs[i], &options) != 0)
            fail_msg("%s: %s", configs[i], elc_error());
        assert_true(options.cased);
    }
}

static void a_model_says_how_it_wants_its_texts(void **state) {
    (void)state;
    struct elc_tokenizer_options options;
    assert_int_equal(read_options(NULL, NULL, &options), 0);
    assert_false(options.cased);
    assert_int_equal(options.strip_accents, -1);
    assert_int_equal(read_options(NULL, "{\"do_lower_case\": false, \"x\": 1}", &options), 0);
    assert_true(options.cased);
    assert_int_equal(read_options(NULL, "{\"compat\": null, \"pattern\": null}", &options), 0);
    assert_false(options.google);
    /* as transformers writes them */
    static const char saved[] =
        "{\"added_tokens_decoder\": {\"2\": {\"content\": \"[CLS]\", \"special\": true}},"
        "\"additional_special_tokens\": [], \"cls_token\": \"[CLS]\", \"mask_token\":"
        "{\"content\": \"[MASK]\"}, \"pad_token\": null, \"do_lower_case\": false,"
        "\"extra_special_tokens\": {}, \"bos_token\": \"[CLS]\", \"eos_token\": null, "
        "\"model_max_length\": 1000000000000000019884624838656}";
    if (read_options(NULL, saved, &options) != 0)
        fail_msg("%s", elc_error());
    assert_true(options.cased);
    assert_int_equal(
        read_options("{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false,"
                     "\"strip_accents\":true}}",
                     NULL, &options),
        0);
    assert_true(options.cased);
    assert_int_equal(options.strip_accents, 1);
    assert_int_equal(read_options("{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true,"
                                  "\"strip_accents\":false}}",
                                  "{\"do_lower_case\":true,\"strip_accents\":false}", &options),
                     0);
    assert_false(options.cased);
    assert_int_equal(options.strip_accents, 0);
    assert_int_equal(
        read_options("{\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":false,"
                     "\"handle_chinese_chars\":false},\"model\":{\"max_input_chars_per_word\":7}}",
                     "{\"tokenize_chinese_chars\":false,\"compat\":\"google\",\"pattern\":\"x+\"}",
                     &options),
        0);
    assert_true(options.keep_controls && options.chinese_joined && options.google);
    assert_int_equal(options.word_chars, 7);
    assert_string_equal(options.pattern, "x+");
    elc_tokenizer_options_free(&options);
    assert_null(options.pattern);
}

static void rules_that_are_not_there_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *tokenizer, *config, *message;
    } bad[] = {
        {"{\"normalizer\":{\"type\":\"NFKC\"}}", NULL, "normalizer 'NFKC' is not supported"},
        {"{\"pre_tokenizer\":{\"type\":\"Metaspace\"}}", NULL, "pre_tokenizer 'Metaspace'"},
        {"{\"normalizer\":{\"type\":\"\"}}", NULL, "normalizer '' is not supported"},
        {"{\"pre_tokenizer\":{\"type\":\"\"}}", NULL, "pre_tokenizer '' is not supported"},
        {"{\"normalizer\":null}", NULL, "normalizer 'null' is not supported"},
        {"{\"normalizer\":[]}", NULL, "normalizer '?' is not supported"},
        {"{\"post_processor\":{\"type\":\"RobertaProcessing\"}}", NULL, "'RobertaProcessing'"},
        {"{\"model\":{\"max_input_chars_per_word\":\"x\"}}", NULL, "'max_input_chars_per_word'"},
        {"{\"model\":{\"max_input_chars_per_word\":-1}}", NULL, "'max_input_chars_per_word'"},
        {NULL, "{\"do_basic_tokenize\":false}", "'do_basic_tokenize' false"},
        {NULL, "{\"compat\":\"slow\"}", "'compat' is neither"},
        {"{\"model\":{\"max_input_chars_per_word\":100.5}}", NULL, "'max_input_chars_per_word'"},
        {"{\"model\":{\"type\":\"BPE\"}}", NULL, "type 'BPE' is not supported"},
        {"{\"model\":{\"continuing_subword_prefix\":\"@@\"}}", NULL, "it must be '##'"},
        {"{\"added_tokens\":[{\"content\":\"[MASK]\",\"lstrip\":true}]}", NULL,
         "added token '[MASK]': 'lstrip' is not supported"},
        {NULL, "{\"mask_token\":{\"content\":\"[MASK]\",\"lstrip\":true}}",
         "added token '[MASK]': 'lstrip' is not supported"},
        {NULL, "{\"added_tokens_decoder\":{\"4\":{\"content\":\"[MASK]\",\"normalized\":true}}}",
         "added token '[MASK]': 'normalized' is not supported"},
        {NULL, "{\"tokenizer_class\":\"BertJapaneseTokenizer\"}",
         "tokenizer_class 'BertJapaneseTokenizer' is not supported"},
        {NULL, "{\"tokenizer_class\":\"AlbertTokenizerFast\"}",
         "tokenizer_class 'AlbertTokenizerFast'"},
        {NULL, "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}", "needs a tokenizer.json"},
        {NULL, "{\"tokenizer_class\":7}", "tokenizer_class '?'"},
        {NULL, "{\"word_tokenizer_type\":\"mecab\"}", "word_tokenizer_type 'mecab'"},
        {NULL, "{\"subword_tokenizer_type\":\"character\"}", "subword_tokenizer_type 'character'"},
        {NULL, "{\"wordpieces_prefix\":\"@@\"}", "wordpieces_prefix '@@'"},
        {CASED_JSON, "{\"do_lower_case\":true}", "'do_lower_case' here differs"},
        {CASED_JSON, "{\"tokenizer_class\":\"ElectraTokenizer\"}",
         "'do_lower_case' is not here, and its default differs from the tokenizer.json"},
        {CASED_JSON, "{\"do_lower_case\":false,\"strip_accents\":true}", "'strip_accents' here"},
        {CASED_JSON, "{\"tokenize_chinese_chars\":false}", "'tokenize_chinese_chars' here"},
        {NULL, "{\"bos_token\":\"<s>\"}", "bos_token: added token '<s>'"},
        {NULL, "{\"eos_token\":{\"content\":\"</s>\"}}", "eos_token: added token '</s>'"},
        {NULL, "{\"model_specific_special_tokens\":{\"image_token\":\"<i>\"}}",
         "added token '<i>'"},
        {NULL, "{\"pattern\":1}", "'pattern' is no text"},
        {NULL, "{\"do_lower_case\":1}", "'do_lower_case' is not true or false"},
        {NULL, "{\"cls_token\":\"<s>\"}", "cls_token '<s>' is not supported; it must be '[CLS]'"},
        {NULL, "{\"sep_token\":{\"content\":\"x\"}}", "sep_token 'x' is not supported"},
        {NULL, "{\"mask_token\":{}}", "mask_token '?' is not supported"},
        {NULL, "{\"additional_special_tokens\":[\"<e1>\"]}", "added token '<e1>'"},
        {NULL, "{\"added_tokens_decoder\":{\"9\":{\"content\":\"new\"}}}", "added token 'new'"},
        {NULL, "{\"added_tokens_decoder\":{\"9\":{}}}", "an added token has no content"},
        {"{\"added_tokens\":[{\"content\":\"new\"}]}", NULL, "added token 'new'"},
        {NULL, "[]", "not an object"},
        {NULL, "", "tokenizer_config.json: line 1:"},
        {NULL, "{\"a\":1,\"a\":1}", "duplicate"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct elc_tokenizer_options options;
        assert_true(read_options(bad[i].tokenizer, bad[i].config, &options) < 0);
        if (!strstr(elc_error(), bad[i].message))
            fail_msg("'%s' does not say '%s'", elc_error(), bad[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_cut_at_spaces_and_punctuation),
        cmocka_unit_test(pieces_are_the_longest),
        cmocka_unit_test(what_is_remembered_is_what_was_found),
        cmocka_unit_test(case_and_accents_go_together_unless_told),
        cmocka_unit_test(lower_case_knows_no_final_sigma),
        cmocka_unit_test(controls_vanish_without_a_trace),
        cmocka_unit_test(chinese_characters_stand_alone),
        cmocka_unit_test(special_tokens_are_kept_whole),
        cmocka_unit_test(long_words_are_unknown),
        cmocka_unit_test(what_is_cut_is_counted),
        cmocka_unit_test(an_encoding_belongs_to_one_tokenizer),
        cmocka_unit_test(google_s_rules_differ),
        cmocka_unit_test(a_pattern_s_matches_are_the_words),
        cmocka_unit_test(a_pattern_s_word_may_begin_with_signs),
        cmocka_unit_test(patterns_are_refused),
        cmocka_unit_test(a_pattern_s_match_may_be_long),
        cmocka_unit_test(a_pattern_that_explodes_is_stopped),
        cmocka_unit_test(a_pattern_that_explodes_between_special_tokens_is_stopped),
        cmocka_unit_test(bert_s_rules_as_a_model_has_them),
        cmocka_unit_test(the_header_says_which_rules),
        cmocka_unit_test(words_for_learning_need_no_vocabulary),
        cmocka_unit_test(a_model_says_how_it_wants_its_texts),
        cmocka_unit_test(two_files_may_say_the_same),
        cmocka_unit_test(rules_that_are_not_there_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
