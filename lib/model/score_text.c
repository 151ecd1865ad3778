/* Reading a record for scoring, and finding the word around a token. */
#include <string.h>

#include "electra/items.h"
#include "score.h"

/* ---- reading ---- */

static int read_types(struct elc_score_text *text, const struct elc_score_limits *limits) {
    size_t len;
    int got = elc_record_bin(text->record, "types", &text->types, &len);
    if (got <= 0)
        return got;
    if (len != text->n)
        return elc_fail(ELC_EFORMAT, "key 'types' has %zu numbers for %zu tokens", len, text->n);
    for (size_t i = 0; i < len; i++)
        if (text->types[i] >= limits->n_types)
            return elc_fail(ELC_EMISMATCH, "key 'types' has type %u where the model has %u",
                            text->types[i], limits->n_types);
    return 0;
}

static bool is_pair(const struct elc_score_text *text, size_t token) {
    return text->types && text->types[token] == 1;
}

static int read_offsets(struct elc_score_text *text) {
    int got = elc_record_numbers(text->record, "offsets", 4, 2 * text->n, &text->offset_buffer);
    if (got <= 0)
        return got;
    text->offsets = (const uint32_t *)(const void *)text->offset_buffer.data;
    for (size_t i = 0; i < text->n; i++) {
        uint32_t start = text->offsets[2 * i], end = text->offsets[2 * i + 1];
        bool pair = is_pair(text, i);
        bool cuttable = pair ? text->pair != NULL : text->text != NULL;
        if (start > end || (cuttable && end > (pair ? text->pair_len : text->text_len)))
            return elc_fail(ELC_EFORMAT, "key 'offsets' of token %zu is outside the text", i);
    }
    return 0;
}

/* A record that an earlier program rejected says why, and has no text to score. */
static int check_not_rejected(const struct elc_record *record) {
    const char *why;
    size_t len;
    int got = elc_record_str(record, "error", &why, &len);
    return got > 0
               ? elc_fail(ELC_EFORMAT, "rejected before: %.*s", (int)(len < 500 ? len : 500), why)
               : got;
}

/* Its place among a text's windows. */
static int read_window(struct elc_score_text *text) {
    const struct elc_record *record = text->record;
    size_t len = 0;
    text->best = NULL;
    text->text_start = text->pair_start = 0;
    int got = elc_record_window(record, &text->window, &text->n_windows);
    if (got >= 0)
        got = elc_record_bin(record, "best", &text->best, &len);
    if (got > 0 && len != text->n)
        return elc_fail(ELC_EFORMAT, "key 'best' has %zu numbers for %zu tokens", len, text->n);
    if (got >= 0)
        got = elc_record_uint(record, "text_start", &text->text_start);
    if (got >= 0)
        got = elc_record_uint(record, "pair_start", &text->pair_start);
    return got;
}

bool elc_score_continues(const struct elc_record *record) {
    uint64_t k, n;
    return elc_record_window(record, &k, &n) == 0 && k > 1;
}

int elc_score_text_read(struct elc_score_text *text, const struct elc_record *record,
                        const struct elc_score_limits *limits) {
    text->record = record;
    text->id_width = limits->id_width;
    text->types = NULL;
    text->offsets = text->words = NULL;
    text->rows = text->original = NULL;
    text->n_rows = 0;
    text->text = text->pair = NULL;
    int got = check_not_rejected(record);
    if (got < 0)
        return got;
    got = elc_record_ids(record, "ids", limits->id_width, limits->vocab.size, &text->id_buffer);
    if (got < 0)
        return got;
    text->ids = (const uint32_t *)(const void *)text->id_buffer.data;
    text->n = text->id_buffer.len / sizeof *text->ids;
    if (text->n == 0)
        return elc_fail(ELC_EFORMAT, "key 'ids' is empty");
    if (text->n > limits->max_length)
        return elc_fail(ELC_EMISMATCH, "%zu tokens, but the model has %u positions", text->n,
                        limits->max_length);
    if ((got = read_types(text, limits)) < 0)
        return got;
    if ((got = elc_record_str(record, "text", &text->text, &text->text_len)) < 0)
        return got;
    if ((got = elc_record_str(record, "pair", &text->pair, &text->pair_len)) < 0)
        return got;
    if ((got = read_offsets(text)) < 0)
        return got;
    if ((got = read_window(text)) < 0)
        return got;
    got = elc_record_numbers(record, "words", 4, text->n, &text->word_buffer);
    if (got > 0)
        text->words = (const uint32_t *)(const void *)text->word_buffer.data;
    return got < 0 ? got : 0;
}

void elc_score_text_free(struct elc_score_text *text) {
    elc_buffer_free(&text->id_buffer);
    elc_buffer_free(&text->offset_buffer);
    elc_buffer_free(&text->word_buffer);
    elc_buffer_free(&text->row_buffer);
    elc_buffer_free(&text->original_buffer);
    *text = (struct elc_score_text){0};
}

bool elc_score_is_special(const struct elc_vocab_id *vocab, uint32_t id) {
    return id == vocab->cls || id == vocab->sep || id == vocab->pad;
}

/* ---- words ---- */

void elc_score_text_range(const struct elc_score_text *text, size_t token, uint32_t *start,
                          uint32_t *end) {
    *start = text->offsets ? text->offsets[2 * token] : 0;
    *end = text->offsets ? text->offsets[2 * token + 1] : 0;
}

const char *elc_score_text_source(const struct elc_score_text *text, size_t token) {
    return is_pair(text, token) ? text->pair : text->text;
}

static bool is_continuation(const char *token, size_t len) {
    return len > 2 && token[0] == '#' && token[1] == '#';
}

/* Do tokens i and i + 1 belong to one word? By its number or, where words are not numbered, by
 * the "##" in front of a token that continues one. */
static bool joins(const struct elc_score_text *text, size_t i, const struct elc_vocab *vocab) {
    if (is_pair(text, i) != is_pair(text, i + 1))
        return false;
    if (text->words)
        return text->words[i] != UINT32_MAX && text->words[i] == text->words[i + 1];
    size_t len;
    const char *token = elc_vocab_token(vocab, text->ids[i + 1], &len);
    return token && is_continuation(token, len);
}

static int join_tokens(struct elc_buffer *joined, const struct elc_score_text *text, size_t first,
                       size_t last, const struct elc_vocab *vocab) {
    joined->len = 0;
    int err = elc_buffer_reserve(joined, 1);
    for (size_t i = first; !err && i <= last; i++) {
        size_t len;
        const char *token = elc_vocab_token(vocab, text->ids[i], &len);
        size_t skip = token && is_continuation(token, len) ? 2 : 0;
        if (token)
            err = elc_buffer_append(joined, token + skip, len - skip);
    }
    return err;
}

int elc_score_text_word(struct elc_score_word *word, const struct elc_score_text *text,
                        size_t token, const struct elc_vocab *vocab, struct elc_buffer *joined) {
    size_t first = token, last = token;
    while (first > 0 && joins(text, first - 1, vocab))
        first--;
    while (last + 1 < text->n && joins(text, last, vocab))
        last++;
    uint32_t start, end, unused;
    elc_score_text_range(text, first, &start, &unused);
    elc_score_text_range(text, last, &unused, &end);
    *word = (struct elc_score_word){.start = start, .end = end};
    const char *source = elc_score_text_source(text, token);
    if (source && text->offsets && start <= end) {
        word->text = source + start;
        word->len = end - start;
        return 0;
    }
    int err = join_tokens(joined, text, first, last, vocab);
    word->text = (const char *)joined->data;
    word->len = joined->len;
    return err;
}
