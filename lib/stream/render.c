/* TSV, text and HTML. */
#include "electra/render.h"

#include <string.h>

static int put(struct elc_buffer *out, const char *text) {
    return elc_buffer_append(out, text, strlen(text));
}

/* Appends `text` with each character of `special` replaced by the string at the same place of
 * `replacements`. */
static int put_escaped(struct elc_buffer *out, const char *text, size_t len, const char *special,
                       const char *const *replacements) {
    size_t begin = 0;
    int err = 0;
    for (size_t i = 0; !err && i < len; i++) {
        const char *found = text[i] ? strchr(special, text[i]) : NULL;
        if (!found)
            continue;
        err = elc_buffer_append(out, text + begin, i - begin);
        if (!err)
            err = put(out, replacements[found - special]);
        begin = i + 1;
    }
    return err ? err : elc_buffer_append(out, text + begin, len - begin);
}

static int put_tsv(struct elc_buffer *out, const char *text, size_t len) {
    static const char *const replacements[] = {"\\t", "\\n", "\\r", "\\\\"};
    return put_escaped(out, text, len, "\t\n\r\\", replacements);
}

static int put_line(struct elc_buffer *out, const char *text, size_t len) {
    static const char *const replacements[] = {" ", " ", " "};
    return put_escaped(out, text, len, "\t\n\r", replacements);
}

static int put_html(struct elc_buffer *out, const char *text, size_t len) {
    static const char *const replacements[] = {"&amp;", "&lt;", "&gt;", "&quot;"};
    return put_escaped(out, text, len, "&<>\"", replacements);
}

/* Any value as text: a string as it is, everything else as JSON. */
static int put_value(struct elc_buffer *out, const struct elc_field *value,
                     int (*escape)(struct elc_buffer *, const char *, size_t)) {
    if (!value)
        return 0;
    if (value->type == ELC_STR)
        return escape(out, (const char *)value->as.bytes.data, value->as.bytes.len);
    struct elc_buffer json = {0};
    int err = elc_json_from_value(&json, value);
    if (!err)
        err = escape(out, (const char *)json.data, json.len);
    elc_buffer_free(&json);
    return err;
}

/* A token by its name, or by its id where names are not known. */
static int put_token(struct elc_buffer *out, uint32_t id, const struct elc_json_options *options,
                     int (*escape)(struct elc_buffer *, const char *, size_t)) {
    size_t len = 0;
    const char *token = options->token ? options->token(options->context, id, &len) : NULL;
    return token ? escape(out, token, len) : elc_buffer_printf(out, "%lu", (unsigned long)id);
}

/* The ids under `key`, none where it is absent. */
static int get_ids(const struct elc_record *record, const char *key,
                   const struct elc_json_options *options, struct elc_buffer *ids,
                   const uint32_t **values, size_t *n) {
    ids->len = 0;
    int got = elc_record_numbers(record, key, options->id_width, SIZE_MAX, ids);
    *values = (const uint32_t *)(const void *)ids->data;
    *n = ids->len / sizeof(uint32_t);
    return got < 0 ? got : 0;
}

int elc_tsv_from_record(struct elc_buffer *line, const struct elc_record *record,
                        const struct elc_json_options *options) {
    static const char *const columns[] = {"id", "label", "text", "pair"};
    int err = 0;
    for (size_t i = 0; !err && i < sizeof columns / sizeof *columns; i++) {
        err = put_value(line, elc_record_find(record, columns[i]), put_tsv);
        if (!err)
            err = put(line, "\t");
    }
    struct elc_buffer ids = {0};
    const uint32_t *values;
    size_t n;
    if (!err)
        err = get_ids(record, "ids", options, &ids, &values, &n);
    for (size_t i = 0; !err && i < n; i++) {
        err = i > 0 ? put(line, " ") : 0;
        if (!err)
            err = put_token(line, values[i], options, put_tsv);
    }
    elc_buffer_free(&ids);
    return err ? err : put(line, "\n");
}

/* Tokens as words: ## joins a token to the one before, [SEP] is a TAB, [CLS] and [PAD] nothing. */
static int put_words(struct elc_buffer *line, const uint32_t *ids, size_t n,
                     const struct elc_vocab_id *vocab, const struct elc_json_options *options) {
    bool glued = true; /* no space before the next token */
    int err = 0;
    while (n > 0 && (ids[n - 1] == vocab->sep || ids[n - 1] == vocab->pad))
        n--;
    for (size_t i = 0; !err && i < n; i++) {
        size_t len = 0;
        const char *token = options->token(options->context, ids[i], &len);
        if (ids[i] == vocab->cls || ids[i] == vocab->pad || !token)
            continue;
        bool piece = len > 2 && memcmp(token, "##", 2) == 0;
        if (ids[i] == vocab->sep)
            err = put(line, "\t");
        else if (!glued && !piece)
            err = put(line, " ");
        glued = ids[i] == vocab->sep;
        if (!err && !glued)
            err = put_line(line, token + 2 * piece, len - 2 * piece);
    }
    return err;
}

int elc_text_from_record(struct elc_buffer *line, const struct elc_record *record,
                         const struct elc_header *header, const struct elc_json_options *options) {
    const struct elc_field *text = elc_record_find(record, "text");
    const struct elc_field *pair = elc_record_find(record, "pair");
    int err;
    if (text) {
        err = put_value(line, text, put_line);
        if (!err && pair)
            err = put(line, "\t");
        if (!err)
            err = put_value(line, pair, put_line);
    } else if (options->token) {
        struct elc_buffer ids = {0};
        const uint32_t *values;
        size_t n;
        err = get_ids(record, "ids", options, &ids, &values, &n);
        if (!err)
            err = put_words(line, values, n, &header->vocab, options);
        elc_buffer_free(&ids);
    } else {
        err = elc_fail(ELC_EINVAL, "it has no text: --vocab or -m prints its tokens");
    }
    return err ? err : put(line, "\n");
}

/* ---- HTML ---- */

int elc_html_begin(struct elc_buffer *page) {
    return put(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<title>electra-view</title>\n<style>\n"
                     "body { font-family: sans-serif; max-width: 60em; margin: 2em auto; }\n"
                     "p { line-height: 1.8; }\n"
                     "b { color: #777; margin-right: 1em; }\n"
                     "span, mark { margin-right: .3em; }\n"
                     "mark.replaced { background: #fbb; }\n"
                     "</style>\n</head>\n<body>\n");
}

int elc_html_end(struct elc_buffer *page) {
    return put(page, "</body>\n</html>\n");
}

/* The tokens of a record and what was done to them. */
struct marked {
    struct elc_buffer id_bytes, original_bytes, masked_bytes, replaced_bytes;
    const uint32_t *ids, *originals, *masked, *replaced;
    size_t n_ids, n_originals, n_masked, n_replaced;
    size_t next; /* of masked, whose positions ascend */
};

static int get_marked(struct marked *marked, const struct elc_record *record,
                      const struct elc_json_options *options) {
    const struct elc_json_options positions = {.id_width = 2}, flags = {.id_width = 1};
    int err = get_ids(record, "ids", options, &marked->id_bytes, &marked->ids, &marked->n_ids);
    if (!err)
        err = get_ids(record, "original", options, &marked->original_bytes, &marked->originals,
                      &marked->n_originals);
    if (!err)
        err = get_ids(record, "masked", &positions, &marked->masked_bytes, &marked->masked,
                      &marked->n_masked);
    if (!err)
        err = get_ids(record, "replaced", &flags, &marked->replaced_bytes, &marked->replaced,
                      &marked->n_replaced);
    return err;
}

static void free_marked(struct marked *marked) {
    elc_buffer_free(&marked->id_bytes);
    elc_buffer_free(&marked->original_bytes);
    elc_buffer_free(&marked->masked_bytes);
    elc_buffer_free(&marked->replaced_bytes);
}

static int put_marked(struct elc_buffer *page, struct marked *marked, size_t at,
                      const struct elc_json_options *options) {
    bool is_masked = marked->next < marked->n_masked && marked->masked[marked->next] == at;
    bool is_replaced = at < marked->n_replaced && marked->replaced[at];
    bool has_original = is_masked && marked->next < marked->n_originals;
    int err = put(page, is_masked || is_replaced ? "<mark" : "<span");
    if (!err && is_replaced)
        err = put(page, " class=\"replaced\"");
    if (!err && has_original)
        err = put(page, " title=\"");
    if (!err && has_original)
        err = put_token(page, marked->originals[marked->next], options, put_html);
    if (!err && has_original)
        err = put(page, "\"");
    if (!err)
        err = put(page, ">");
    if (!err)
        err = put_token(page, marked->ids[at], options, put_html);
    marked->next += is_masked;
    return err ? err : put(page, is_masked || is_replaced ? "</mark>" : "</span>");
}

int elc_html_from_record(struct elc_buffer *page, const struct elc_record *record,
                         const struct elc_json_options *options) {
    struct marked marked = {.next = 0};
    int err = get_marked(&marked, record, options);
    if (!err)
        err = put(page, "<p><b>");
    if (!err)
        err = put_value(page, elc_record_find(record, "id"), put_html);
    if (!err)
        err = put(page, "</b>");
    for (size_t i = 0; !err && i < marked.n_ids; i++)
        err = put_marked(page, &marked, i, options);
    free_marked(&marked);
    return err ? err : put(page, "</p>\n");
}
