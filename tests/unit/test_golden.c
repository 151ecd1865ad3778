/* Tokens and offsets against Hugging Face tokenizers: see tests/golden/tokenizer/README.md.
 *
 * The small files of tests/golden/tokenizer are always checked, the large ones of
 * $ELECTRA_SHARED/data/tokenizer/golden where they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "electra/tokenize.h"

static const char *shared(void) {
    const char *path = getenv("ELECTRA_SHARED");
    return path ? path : "../shared";
}

struct setting {
    const char *name; /* "uncased", "cased" */
    struct elc_vocab *vocab;
    struct elc_tokenizer *tokenizer;
};

static void load(struct setting *setting, const char *name, struct elc_tokenizer_options options,
                 const char *vocab_path) {
    setting->name = name;
    if (elc_vocab_read(&setting->vocab, vocab_path) < 0 ||
        elc_tokenizer_new(&setting->tokenizer, setting->vocab, &options) < 0)
        fail_msg("%s", elc_error());
}

static void unload(struct setting *setting) {
    elc_tokenizer_destroy(setting->tokenizer);
    elc_vocab_destroy(setting->vocab);
}

/* Code points before byte `at`. */
static uint32_t code_points(const char *text, uint32_t at) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < at; i++)
        n += ((uint8_t)text[i] & 0xC0) != 0x80;
    return n;
}

static bool same_numbers(const json_t *expected, size_t offset, size_t stride,
                         const uint32_t *found, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (json_integer_value(json_array_get(expected, offset + i * stride)) != found[i])
            return false;
    return true;
}

/* One golden line: text, ids with [CLS] and [SEP], perhaps offsets and words. */
static bool line_agrees(const struct setting *setting, const json_t *line,
                        struct elc_encoding *encoding) {
    const json_t *text = json_object_get(line, "text");
    const json_t *ids = json_object_get(line, "ids");
    const json_t *offsets = json_object_get(line, "offsets");
    const json_t *words = json_object_get(line, "words");
    const char *bytes = json_string_value(text);
    assert_non_null(bytes);
    if (elc_tokenizer_encode(setting->tokenizer, bytes, json_string_length(text), SIZE_MAX,
                             encoding) < 0)
        fail_msg("%s", elc_error());
    if (json_array_size(ids) != encoding->n + 2 ||
        !same_numbers(ids, 1, 1, encoding->ids, encoding->n))
        return false;
    if (words && !same_numbers(words, 0, 1, encoding->words, encoding->n))
        return false;
    if (!offsets)
        return true;
    for (size_t i = 0; i < encoding->n; i++) {
        struct elc_range *range = &encoding->ranges[i];
        range->start = code_points(bytes, range->start);
        range->end = code_points(bytes, range->end);
    }
    return encoding->n == 0 ||
           same_numbers(offsets, 2, 1, &encoding->ranges->start, 2 * encoding->n);
}

/* A golden file, plain or compressed. */
static FILE *open_lines(const char *path) {
    char command[1100];
    size_t len = strlen(path);
    bool compressed = len > 3 && strcmp(path + len - 3, ".gz") == 0;
    (void)snprintf(command, sizeof command, "exec %s '%s'", compressed ? "gzip -dc" : "cat", path);
    FILE *file = popen(command, "r");
    assert_non_null(file);
    return file;
}

static void check_lines(const struct setting *setting, const char *path) {
    FILE *file = open_lines(path);
    struct elc_encoding encoding = {0};
    char *line = NULL;
    size_t capacity = 0, n_lines = 0, n_wrong = 0;
    while (getline(&line, &capacity, file) > 0) {
        json_error_t error;
        json_t *object = json_loads(line, JSON_ALLOW_NUL, &error);
        if (!object)
            fail_msg("%s: line %zu: %s", path, n_lines + 1, error.text);
        n_lines++;
        if (!line_agrees(setting, object, &encoding) && n_wrong++ < 5)
            print_error("%s: line %zu differs: %s", path, n_lines, line);
        json_decref(object);
    }
    free(line);
    elc_encoding_free(&encoding);
    assert_int_equal(pclose(file), 0);
    if (n_lines == 0 || n_wrong > 0)
        fail_msg("%s: %zu of %zu lines differ", path, n_wrong, n_lines);
}

/* "hex TAB ids": the tokens of "aXb" for one code point X. */
static void check_sweep(const struct setting *setting, const char *path) {
    FILE *file = open_lines(path);
    struct elc_encoding encoding = {0};
    char *line = NULL;
    size_t capacity = 0, n_lines = 0, n_wrong = 0;
    while (getline(&line, &capacity, file) > 0) {
        char text[8] = "a", *rest;
        unsigned long c = strtoul(line, &rest, 16);
        size_t len = 1;
        if (c < 0x80) {
            text[len++] = (char)c;
        } else if (c < 0x800) {
            text[len++] = (char)(0xC0 | c >> 6);
            text[len++] = (char)(0x80 | (c & 0x3F));
        } else {
            if (c < 0x10000) {
                text[len++] = (char)(0xE0 | c >> 12);
            } else {
                text[len++] = (char)(0xF0 | c >> 18);
                text[len++] = (char)(0x80 | (c >> 12 & 0x3F));
            }
            text[len++] = (char)(0x80 | (c >> 6 & 0x3F));
            text[len++] = (char)(0x80 | (c & 0x3F));
        }
        text[len++] = 'b';
        if (elc_tokenizer_encode(setting->tokenizer, text, len, SIZE_MAX, &encoding) < 0)
            fail_msg("%s", elc_error());
        n_lines++;
        bool same = true;
        size_t n = 0;
        for (; rest && strpbrk(rest, "0123456789"); n++) {
            unsigned long id = strtoul(strpbrk(rest, "0123456789"), &rest, 10);
            same = same && n < encoding.n && encoding.ids[n] == id;
        }
        if ((!same || n != encoding.n) && n_wrong++ < 5)
            print_error("%s: U+%04lX differs: %s", path, c, line);
    }
    free(line);
    elc_encoding_free(&encoding);
    assert_int_equal(pclose(file), 0);
    if (n_lines == 0 || n_wrong > 0)
        fail_msg("%s: %zu of %zu code points differ", path, n_wrong, n_lines);
}

static void check_all(const char *name) {
    static const char *const sets[] = {
        "edge",
        "blns",
        "emoji",
        "normalizationtest",
        "wordbreaktest",
        "udhr",
        "multilingual_text",
        "sms",
        "sst2_dev",
        "cola_dev",
        "squad_contexts",
    };
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/data/tokenizer/vocab/bert-base-%s-vocab.txt", shared(),
                   name);
    if (access(path, R_OK) != 0) {
        print_message("%s is not there\n", path);
        skip();
    }
    struct setting setting;
    const struct elc_tokenizer_options options = {.cased = strcmp(name, "cased") == 0,
                                                  .strip_accents = -1};
    load(&setting, name, options, path);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        (void)snprintf(path, sizeof path, "%s/data/tokenizer/golden/%s.%s.jsonl.gz", shared(), name,
                       sets[i]);
        check_lines(&setting, path);
    }
    (void)snprintf(path, sizeof path, "%s/data/tokenizer/golden/%s.codepoint_sweep_aXb.tsv.gz",
                   shared(), name);
    check_sweep(&setting, path);
    unload(&setting);
}

static void small_goldens(void **state) {
    static const struct {
        const char *name;
        struct elc_tokenizer_options options;
    } settings[] = {
        {"uncased", {.strip_accents = -1}},
        {"cased", {.cased = true, .strip_accents = -1}},
        {"uncased_accents", {.strip_accents = 0}},
        {"cased_no_accents", {.cased = true, .strip_accents = 1}},
        {"google", {.google = true, .strip_accents = -1}},
        {"google_cased", {.google = true, .cased = true, .strip_accents = -1}},
        {"pattern", {.strip_accents = -1, .pattern = "\\pL+|\\pN{1,3}|[^ \\pL\\pN]"}},
        {"raw",
         {.strip_accents = -1, .keep_controls = true, .chinese_joined = true, .word_chars = 30}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct setting setting;
        char path[128];
        load(&setting, settings[i].name, settings[i].options, "tests/golden/tokenizer/vocab.txt");
        (void)snprintf(path, sizeof path, "tests/golden/tokenizer/%s.jsonl", settings[i].name);
        check_lines(&setting, path);
        unload(&setting);
    }
}

static void all_uncased_goldens(void **state) {
    (void)state;
    check_all("uncased");
}

static void all_cased_goldens(void **state) {
    (void)state;
    check_all("cased");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_goldens),
        cmocka_unit_test(all_uncased_goldens),
        cmocka_unit_test(all_cased_goldens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
