/* tokenizer.json, as Hugging Face tokenizers writes it: the vocabulary inside it.
 *
 * What changes how text is cut into pieces is either understood or refused, so that no text is
 * silently tokenized in another way than its model expects.
 */
#include "vocab_json.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "electra/memory.h"

static bool is_special(const char *token) {
    for (size_t i = 0; i < ELC_N_SPECIALS; i++) {
        if (strcmp(token, elc_special_tokens[i]) == 0)
            return true;
    }
    return false;
}

/* A key, where present and not null, must have this value. */
static int expect_string(const json_t *object, const char *key, const char *value) {
    const json_t *found = json_object_get(object, key);
    if (!found || json_is_null(found))
        return 0;
    if (!json_is_string(found) || strcmp(json_string_value(found), value) != 0)
        return elc_fail(ELC_EINVAL, "%s '%s' is not supported; it must be '%s'", key,
                        json_is_string(found) ? json_string_value(found) : "?", value);
    return 0;
}

int elc_wordpiece_check(const json_t *model) {
    int rc = expect_string(model, "type", "WordPiece");
    if (rc == 0)
        rc = expect_string(model, "unk_token", "[UNK]");
    if (rc == 0)
        rc = expect_string(model, "continuing_subword_prefix", "##");
    return rc;
}

const char *elc_token_text(const json_t *token) {
    return json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
}

int elc_added_token_check(const json_t *token) {
    static const char *const flags[] = {"lstrip", "rstrip", "single_word", "normalized"};
    const char *text = elc_token_text(token);
    if (!text)
        return elc_fail(ELC_EFORMAT, "an added token has no content");
    if (!is_special(text))
        return elc_fail(
            ELC_EINVAL,
            "added token '%s' is not supported; only [PAD] [UNK] [CLS] [SEP] [MASK] are", text);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (json_is_true(json_object_get(token, flags[i])))
            return elc_fail(ELC_EINVAL, "added token '%s': '%s' is not supported", text, flags[i]);
    return 0;
}

static int check_model(const json_t *model) {
    if (!json_is_object(json_object_get(model, "vocab")))
        return elc_fail(ELC_EFORMAT, "no model.vocab with tokens and ids");
    return elc_wordpiece_check(model);
}

static int check_added_tokens(const json_t *added) {
    size_t i;
    json_t *token;
    int rc = 0;
    json_array_foreach(added, i, token) {
        if (rc == 0)
            rc = elc_added_token_check(token);
    }
    return rc;
}

/* Puts one token in its place. `tokens` has `size` places. */
static int place_token(const char **tokens, size_t size, const char *token, const json_t *value) {
    json_int_t id = json_integer_value(value);
    if (!json_is_integer(value) || id < 0 || (size_t)id >= size)
        return elc_fail(ELC_EFORMAT, "token '%s' has no id in 0 … %zu", token, size - 1);
    if (tokens[id] && strcmp(tokens[id], token) != 0)
        return elc_fail(ELC_EFORMAT, "tokens '%s' and '%s' have the same id %" JSON_INTEGER_FORMAT,
                        tokens[id], token, id);
    if (strchr(token, '\n') || token[0] == '\0')
        return elc_fail(ELC_EFORMAT,
                        "token with id %" JSON_INTEGER_FORMAT " is empty or has a line break in it",
                        id);
    tokens[id] = token;
    return 0;
}

/* Tokens in id order. The added ones may be missing from model.vocab: ids behind its last. */
static int order_tokens(const char **tokens, size_t size, json_t *vocab, const json_t *added) {
    const char *token;
    json_t *value;
    int rc = 0;
    json_object_foreach(vocab, token, value) {
        rc = place_token(tokens, size, token, value);
        if (rc < 0)
            return rc;
    }
    size_t i;
    json_array_foreach(added, i, value) {
        rc = place_token(tokens, size, elc_token_text(value), json_object_get(value, "id"));
        if (rc < 0)
            return rc;
    }
    for (size_t id = 0; id < size; id++) {
        if (!tokens[id])
            return elc_fail(ELC_EFORMAT, "no token has id %zu", id);
    }
    return 0;
}

static size_t count_tokens(const json_t *vocab, const json_t *added) {
    size_t n = json_object_size(vocab), i;
    json_t *entry;
    json_array_foreach(added, i, entry) {
        n += json_object_get(vocab, elc_token_text(entry)) == NULL;
    }
    return n;
}

static int write_lines(struct elc_buffer *lines, const char *const *tokens, size_t size) {
    int rc = 0;
    for (size_t id = 0; id < size && rc == 0; id++) {
        rc = elc_buffer_append(lines, tokens[id], strlen(tokens[id]));
        if (rc == 0)
            rc = elc_buffer_append(lines, "\n", 1);
    }
    return rc;
}

static int parse_root(struct elc_vocab **vocab, const json_t *root, const char *name) {
    const json_t *model = json_object_get(root, "model");
    const json_t *added = json_object_get(root, "added_tokens");
    int rc = check_model(model);
    if (rc == 0)
        rc = check_added_tokens(added);
    if (rc < 0)
        return elc_context(rc, "%s", name);

    json_t *entries = json_object_get(model, "vocab");
    size_t size = count_tokens(entries, added);
    if (size == 0)
        return elc_fail(ELC_EFORMAT, "%s: no tokens", name);
    struct elc_buffer lines = {0};
    const char **tokens = calloc(size, sizeof *tokens);
    rc = tokens ? order_tokens(tokens, size, entries, added)
                : elc_fail_memory(size * sizeof *tokens);
    if (rc == 0)
        rc = write_lines(&lines, tokens, size);
    if (rc < 0)
        rc = elc_context(rc, "%s", name);
    else
        rc = elc_vocab_parse(vocab, (const char *)lines.data, lines.len, name);
    free(tokens);
    elc_buffer_free(&lines);
    return rc;
}

int elc_vocab_parse_json(struct elc_vocab **vocab, const char *text, size_t len, const char *name) {
    *vocab = NULL;
    if (len == 0)
        return elc_fail(ELC_EFORMAT, "%s: empty file", name);
    json_error_t error;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return elc_fail(ELC_EFORMAT, "%s: line %d: %s", name, error.line, error.text);
    int rc = parse_root(vocab, root, name);
    json_decref(root);
    return rc;
}
