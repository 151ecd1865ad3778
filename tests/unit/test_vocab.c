/* Vocabularies: what is read, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/vocab.h"

#include "scratch.h"

#define SPECIALS "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

static struct elc_vocab *parse(const char *text) {
    struct elc_vocab *vocab;
    if (elc_vocab_parse(&vocab, text, strlen(text), "v") < 0)
        fail_msg("%s", elc_error());
    return vocab;
}

static void tokens_have_the_numbers_of_their_lines(void **state) {
    (void)state;
    struct elc_vocab *vocab = parse(SPECIALS "hello\n##s\né\n");
    const struct elc_vocab_id *id = elc_vocab_id(vocab);
    assert_true(id->size == 8);
    assert_int_equal(id->pad, 0);
    assert_int_equal(id->unk, 1);
    assert_int_equal(id->cls, 2);
    assert_int_equal(id->sep, 3);
    assert_int_equal(id->mask, 4);
    assert_int_equal(elc_vocab_lookup(vocab, "hello", 5), 5);
    assert_int_equal(elc_vocab_lookup(vocab, "##s", 3), 6);
    assert_int_equal(elc_vocab_lookup(vocab, "\xC3\xA9", 2), 7);
    assert_int_equal(elc_vocab_lookup(vocab, "hell", 4), ELC_NO_TOKEN);
    assert_int_equal(elc_vocab_lookup(vocab, "", 0), ELC_NO_TOKEN);
    size_t len;
    assert_string_equal(elc_vocab_token(vocab, 5, &len), "hello");
    assert_int_equal(len, 5);
    assert_null(elc_vocab_token(vocab, 8, &len));
    elc_vocab_destroy(vocab);
}

static void the_hash_is_of_tokens_not_of_bytes(void **state) {
    (void)state;
    /* xxhsum -H2 of the lines with LF */
    const char *expected = "21a990b6b7be029b411b910da0d04cac";
    static const char *const forms[] = {
        SPECIALS "hello\n",
        SPECIALS "hello",
        "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\nhello\r\n",
        "[PAD]\n[UNK]\r\n[CLS]\n[SEP]\n[MASK]\nhello\r",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct elc_vocab *vocab = parse(forms[i]);
        assert_string_equal(elc_vocab_id(vocab)->xxh3, expected);
        elc_vocab_destroy(vocab);
    }
}

static void bad_vocabularies_are_refused_by_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *message;
    } bad[] = {
        {"", 0, "v: empty vocabulary (did the previous command fail?)"},
        {"\n", 1, "v: line 1: empty line; each line must be a token"},
        {"[PAD]\n\n[UNK]\n", 13, "v: line 2: empty line; each line must be a token"},
        {"[PAD]\na\n\n", 9, "v: line 3: empty line; each line must be a token"},
        {"a\nb\na\n", 6, "v: line 3: token 'a' is there twice, first on line 1"},
        {"a\nb\xFF\n", 5, "v: line 2: token is not valid UTF-8"},
        {"a\nb\0c\n", 6, "v: line 2: NUL byte in a token"},
        {"[PAD]\n[UNK]\n[CLS]\n[SEP]\n", 24, "v: no token [MASK] in the vocabulary"},
        {"hello\n", 6, "v: no token [PAD] in the vocabulary"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct elc_vocab *vocab;
        assert_true(elc_vocab_parse(&vocab, bad[i].text, bad[i].len, "v") < 0);
        assert_string_equal(elc_error(), bad[i].message);
        assert_null(vocab);
    }
}

static void tokens_have_a_longest_length(void **state) {
    (void)state;
    char text[sizeof SPECIALS + ELC_TOKEN_BYTES + 2] = SPECIALS;
    size_t start = strlen(text);
    memset(text + start, 'x', ELC_TOKEN_BYTES);
    struct elc_vocab *vocab = parse(text);
    assert_int_equal(elc_vocab_lookup(vocab, text + start, ELC_TOKEN_BYTES), 5);
    elc_vocab_destroy(vocab);
    text[start + ELC_TOKEN_BYTES] = 'x';
    assert_int_equal(elc_vocab_parse(&vocab, text, strlen(text), "v"), ELC_ELIMIT);
    assert_string_equal(elc_error(), "v: line 6: token of 1025 bytes; the limit is 1024");
}

static void there_is_a_largest_vocabulary(void **state) {
    (void)state;
    struct elc_buffer lines = {0};
    assert_int_equal(elc_buffer_printf(&lines, SPECIALS), 0);
    for (int i = 5; i < ELC_VOCAB_LIMIT; i++)
        assert_int_equal(elc_buffer_printf(&lines, "%d\n", i), 0);
    struct elc_vocab *vocab;
    assert_int_equal(elc_vocab_parse(&vocab, (const char *)lines.data, lines.len, "v"), 0);
    assert_int_equal(elc_vocab_id(vocab)->size, ELC_VOCAB_LIMIT);
    elc_vocab_destroy(vocab);
    assert_int_equal(elc_buffer_append(&lines, "x", 1), 0);
    assert_int_equal(elc_vocab_parse(&vocab, (const char *)lines.data, lines.len, "v"), ELC_ELIMIT);
    assert_string_equal(elc_error(), "v: vocabulary of 1048577 lines; the limit is 1048576 tokens");
    elc_buffer_free(&lines);
}

static void many_tokens_are_all_found(void **state) {
    (void)state;
    enum { N = 50000 };
    struct elc_buffer lines = {0};
    assert_int_equal(elc_buffer_printf(&lines, SPECIALS), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(elc_buffer_printf(&lines, "t%d\n", i), 0);
    struct elc_vocab *vocab;
    assert_int_equal(elc_vocab_parse(&vocab, (const char *)lines.data, lines.len, "v"), 0);
    for (uint32_t i = 0; i < N; i++) {
        char token[16];
        int len = snprintf(token, sizeof token, "t%u", i);
        assert_int_equal(elc_vocab_lookup(vocab, token, (size_t)len), i + 5);
    }
    assert_int_equal(elc_vocab_lookup(vocab, "t50000", 6), ELC_NO_TOKEN);
    elc_vocab_destroy(vocab);
    elc_buffer_free(&lines);
}

/* ---- files ---- */

static const char json[] =
    "{\"added_tokens\":[{\"id\":4,\"content\":\"[MASK]\",\"special\":true}],"
    "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\","
    "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,"
    "\"vocab\":{\"hello\":5,\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]\":3}}}";

static void directories_and_both_formats_are_read_alike(void **state) {
    (void)state;
    char *directory = scratch_new();
    char *txt = elc_path_join(directory, "vocab.txt");
    char *tokenizer = elc_path_join(directory, "tokenizer.json");
    struct elc_vocab *vocab, *other;
    assert_int_equal(elc_vocab_read(&vocab, directory), ELC_EIO);
    assert_non_null(strstr(elc_error(), "neither vocab.txt nor tokenizer.json is there"));
    assert_int_equal(elc_vocab_read(&vocab, txt), ELC_EIO);

    scratch_write(tokenizer, json);
    assert_int_equal(elc_vocab_read(&vocab, directory), 0);
    assert_int_equal(elc_vocab_write(vocab, txt), 0);
    scratch_expect(txt, SPECIALS "hello\n");
    assert_int_equal(elc_vocab_read(&other, directory), 0);
    assert_memory_equal(elc_vocab_id(vocab), elc_vocab_id(other), sizeof(struct elc_vocab_id));
    elc_vocab_destroy(vocab);
    elc_vocab_destroy(other);
    free(txt);
    free(tokenizer);
    scratch_delete(directory);
}

/* The good tokenizer.json with `from` replaced by `to` is refused with this message. */
static void refuse_json(const char *from, const char *to, const char *message) {
    char text[1024];
    const char *at = strstr(json, from);
    assert_non_null(at);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - json), json, to, at + strlen(from));
    char *directory = scratch_new();
    char *path = elc_path_join(directory, "t.json");
    scratch_write(path, text);
    struct elc_vocab *vocab;
    assert_true(elc_vocab_read(&vocab, path) < 0);
    assert_non_null(strstr(elc_error(), path));
    if (!strstr(elc_error(), message))
        fail_msg("'%s' does not say '%s'", elc_error(), message);
    free(path);
    scratch_delete(directory);
}

static void other_tokenizers_are_refused(void **state) {
    (void)state;
    refuse_json("WordPiece", "BPE", "type 'BPE' is not supported");
    refuse_json("\"##\"", "\"@@\"", "continuing_subword_prefix '@@' is not supported");
    refuse_json("[MASK]", "<new>", "added token '<new>' is not supported");
    refuse_json("\"hello\":5", "\"hello\":7", "token 'hello' has no id in 0");
    refuse_json("\"hello\":5", "\"hello\":3", "have the same id 3");
    refuse_json("\"hello\":5", "\"hello\":\"5\"", "has no id");
    refuse_json("\"hello\":5", "\"hel\\nlo\":5", "line break");
    refuse_json("{\"id\":4,\"content\":\"[MASK]\",\"special\":true}", "\"[MASK]\"",
                "token '[MASK]' has no id");
    refuse_json("\"vocab\"", "\"words\"", "no model.vocab");
    refuse_json("\"hello\":5", "\"[PAD]\":5", "duplicate");
    refuse_json("}}}", "}}", "line 1:");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_have_the_numbers_of_their_lines),
        cmocka_unit_test(the_hash_is_of_tokens_not_of_bytes),
        cmocka_unit_test(bad_vocabularies_are_refused_by_line),
        cmocka_unit_test(tokens_have_a_longest_length),
        cmocka_unit_test(there_is_a_largest_vocabulary),
        cmocka_unit_test(many_tokens_are_all_found),
        cmocka_unit_test(directories_and_both_formats_are_read_alike),
        cmocka_unit_test(other_tokenizers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
