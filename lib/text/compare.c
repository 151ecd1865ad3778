/* Lines tokenized twice. */
#include "electra/compare.h"

#include <inttypes.h>
#include <stdbool.h>

#include "electra/lines.h"

enum { TOKENS_LIMIT = 1 << 22 }; /* of a line, which takes 128 MB */

struct pair {
    struct elc_encoding one, other;
    size_t first;              /* the first token that differs */
    size_t one_end, other_end; /* behind the last ones */
};

static bool same_token(const struct elc_encoding *a, size_t i, const struct elc_encoding *b,
                       size_t k) {
    return a->ids[i] == b->ids[k] && a->ranges[i].start == b->ranges[k].start &&
           a->ranges[i].end == b->ranges[k].end;
}

/* Finds what lies between the tokens that both begin with and those that both end with. */
static bool differ(struct pair *pair) {
    const struct elc_encoding *one = &pair->one, *other = &pair->other;
    size_t i = one->n, k = other->n, first = 0;
    while (first < i && first < k && same_token(one, first, other, first))
        first++;
    while (i > first && k > first && same_token(one, i - 1, other, k - 1)) {
        i--;
        k--;
    }
    pair->first = first;
    pair->one_end = i;
    pair->other_end = k;
    return i > first || k > first;
}

static int add_escaped(struct elc_buffer *row, const char *text, size_t len) {
    int rc = 0;
    for (size_t i = 0; i < len && rc == 0; i++) {
        const char c = text[i];
        const char *escape = c == '\t'   ? "\\t"
                             : c == '\n' ? "\\n"
                             : c == '\r' ? "\\r"
                             : c == '\\' ? "\\\\"
                                         : NULL;
        rc = escape ? elc_buffer_append(row, escape, 2) : elc_buffer_append(row, &c, 1);
    }
    return rc;
}

/* The text that the tokens `first` … `end` of both come from. */
static int add_text(struct elc_buffer *row, const char *text, const struct pair *pair) {
    uint32_t start = UINT32_MAX, end = 0;
    const struct elc_encoding *encodings[] = {&pair->one, &pair->other};
    const size_t ends[] = {pair->one_end, pair->other_end};
    for (int e = 0; e < 2; e++)
        for (size_t i = pair->first; i < ends[e]; i++) {
            start = encodings[e]->ranges[i].start < start ? encodings[e]->ranges[i].start : start;
            end = encodings[e]->ranges[i].end > end ? encodings[e]->ranges[i].end : end;
        }
    return start < end ? add_escaped(row, text + start, end - start) : 0;
}

static int add_tokens(struct elc_buffer *row, const struct elc_vocab *vocab,
                      const struct elc_encoding *encoding, size_t first, size_t end) {
    int rc = 0;
    for (size_t i = first; i < end && rc == 0; i++) {
        size_t len;
        const char *token = elc_vocab_token(vocab, encoding->ids[i], &len);
        if (i > first)
            rc = elc_buffer_append(row, " ", 1);
        if (rc == 0)
            rc = add_escaped(row, token, len);
    }
    return rc;
}

static int make_row(struct elc_buffer *row, const struct elc_comparison *comparison,
                    const struct elc_chunk *chunk, uint64_t line, const char *text,
                    const struct pair *pair) {
    const struct elc_vocab *vocab = comparison->vocab;
    row->len = 0;
    int rc = elc_buffer_printf(row, "%s:%" PRIu64 "\t", chunk->name, line);
    if (rc == 0)
        rc = add_text(row, text, pair);
    if (rc == 0)
        rc = elc_buffer_append(row, "\t", 1);
    if (rc == 0)
        rc = add_tokens(row, vocab, &pair->one, pair->first, pair->one_end);
    if (rc == 0)
        rc = elc_buffer_append(row, "\t", 1);
    if (rc == 0)
        rc = add_tokens(row, vocab, &pair->other, pair->first, pair->other_end);
    return rc < 0 ? rc : elc_buffer_append(row, "\n", 1);
}

/* What one run works with besides. */
struct scratch {
    struct pair pair;
    struct elc_chunk chunk;
    struct elc_buffer clean, row;
};

static int compare_line(struct elc_comparison *comparison, struct scratch *scratch, uint64_t line,
                        const char *text, size_t len) {
    struct pair *pair = &scratch->pair;
    if (elc_utf8_valid(text, len) != len) {
        scratch->clean.len = 0;
        long long replaced = elc_utf8_clean(&scratch->clean, text, len);
        if (replaced < 0)
            return (int)replaced;
        text = (const char *)scratch->clean.data;
        len = scratch->clean.len;
    }
    comparison->n_lines++;
    int rc = elc_tokenizer_encode(comparison->one, text, len, TOKENS_LIMIT, &pair->one);
    if (rc == 0)
        rc = elc_tokenizer_encode(comparison->other, text, len, TOKENS_LIMIT, &pair->other);
    if (rc == 0 && (pair->one.cut > 0 || pair->other.cut > 0))
        rc = elc_fail(ELC_ELIMIT, "more than %d tokens, which cannot be compared", TOKENS_LIMIT);
    if (rc < 0 || !differ(pair))
        return rc < 0 ? elc_context(rc, "%s: line %" PRIu64, scratch->chunk.name, line) : 0;
    comparison->n_differ++;
    struct elc_buffer *row = &scratch->row;
    rc = make_row(row, comparison, &scratch->chunk, line, text, pair);
    return rc < 0 ? rc : elc_output_write(comparison->output, row->data, row->len);
}

/* The present error is about one line, and not the end. */
static bool is_passed_over(struct elc_comparison *comparison, int rc) {
    if (!comparison->keep_going || (rc != ELC_ELIMIT && rc != ELC_EFORMAT))
        return false;
    comparison->n_rejected++;
    if (comparison->rejected)
        comparison->rejected(comparison->context, elc_error());
    return true;
}

static int compare_chunk(struct elc_comparison *comparison, struct scratch *scratch) {
    const struct elc_chunk *chunk = &scratch->chunk;
    const char *text;
    size_t position = 0, len;
    uint64_t number = chunk->first_line;
    for (; elc_chunk_line(chunk, &position, &text, &len); number++) {
        const int rc = compare_line(comparison, scratch, number, text, len);
        if (rc < 0 && !is_passed_over(comparison, rc))
            return rc;
    }
    return chunk->waiting ? elc_output_flush(comparison->output) : 0;
}

int elc_compare(struct elc_comparison *comparison) {
    struct elc_lines *lines;
    struct scratch scratch = {0};
    int more = elc_lines_new(&lines, comparison->paths, comparison->n_paths, comparison->live);
    int rc = more;
    while (rc == 0 && (more = elc_lines_next(lines, &scratch.chunk)) > 0)
        rc = compare_chunk(comparison, &scratch);
    elc_lines_destroy(lines);
    elc_encoding_free(&scratch.pair.one);
    elc_encoding_free(&scratch.pair.other);
    elc_buffer_free(&scratch.chunk.text);
    elc_buffer_free(&scratch.clean);
    elc_buffer_free(&scratch.row);
    return rc < 0 ? rc : more;
}
