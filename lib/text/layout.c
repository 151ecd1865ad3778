/* Tokens as the records of a tokens stream. */
#include "electra/layout.h"

#include <stdlib.h>
#include <string.h>

enum { NO_WORD = UINT32_MAX };

unsigned elc_id_width(uint64_t vocab_size) {
    return vocab_size <= UINT16_MAX ? 2 : 4;
}

/* Tokens of a record, specials included. */
static size_t length_of(const struct elc_layout_record *record) {
    return record->text.n + (record->pair.encoding ? record->pair.n + 3 : 2);
}

/* ---- numbers of each token ---- */

/* A number of each token of a part, of those of its encoding's, and one for the special token
 * behind it. */
static uint8_t *put(uint8_t *to, const struct elc_layout_part *part, const uint32_t *numbers,
                    uint32_t special, unsigned width) {
    if (part->n > 0)
        to = elc_put_numbers(to, numbers + part->first, part->n, width);
    return elc_put_numbers(to, &special, 1, width);
}

static int put_ids(struct elc_builder *builder, const struct elc_layout *layout,
                   const struct elc_layout_record *record) {
    const struct elc_layout_part *text = &record->text, *pair = &record->pair;
    const struct elc_vocab_id *vocab = layout->vocab;
    const unsigned width = elc_id_width(vocab->size);
    uint8_t *to;
    int err = elc_builder_room(builder, "ids", length_of(record) * width, &to);
    if (err)
        return err;
    to = elc_put_numbers(to, &vocab->cls, 1, width);
    to = put(to, text, text->encoding->ids, vocab->sep, width);
    if (pair->encoding)
        put(to, pair, pair->encoding->ids, vocab->sep, width);
    return 0;
}

static int put_words(struct elc_builder *builder, const struct elc_layout_record *record) {
    const struct elc_layout_part *text = &record->text, *pair = &record->pair;
    const uint32_t no_word = NO_WORD;
    uint8_t *to;
    int err = elc_builder_room(builder, "words", length_of(record) * sizeof no_word, &to);
    if (err)
        return err;
    to = elc_put_numbers(to, &no_word, 1, sizeof no_word);
    to = put(to, text, text->encoding->words, no_word, sizeof no_word);
    if (pair->encoding)
        put(to, pair, pair->encoding->words, no_word, sizeof no_word);
    return 0;
}

/* 0 in [CLS] text [SEP], 1 in pair [SEP]. */
static int put_types(struct elc_builder *builder, const struct elc_layout_record *record) {
    const size_t n = length_of(record), first = record->text.n + 2;
    uint8_t *types;
    int err = elc_builder_room(builder, "types", n, &types);
    if (err)
        return err;
    memset(types, 0, first);
    memset(types + first, 1, n - first);
    return 0;
}

static int put_best(struct elc_builder *builder, const struct elc_layout_record *record) {
    const size_t n = length_of(record), first = record->windowed_pair ? record->text.n + 2 : 1;
    const struct elc_layout_part *part = record->windowed_pair ? &record->pair : &record->text;
    uint8_t *best;
    int err = elc_builder_room(builder, "best", n, &best);
    if (err)
        return err;
    memset(best, 0, n);
    elc_put_numbers(best + first, record->best, part->n, 1);
    return 0;
}

/* ---- text ---- */

/* The bytes of a part's text that the record keeps: from the part's first token, or the text's
 * beginning if that is the text's first, to the end of its last. */
static struct elc_range kept_of(const struct elc_layout_part *part) {
    const struct elc_range *ranges = part->encoding->ranges;
    if (part->n == 0)
        return (struct elc_range){0, 0};
    return (struct elc_range){part->first > 0 ? ranges[part->first].start : 0,
                              ranges[part->first + part->n - 1].end};
}

static uint8_t *put_range(uint8_t *to, struct elc_range range) {
    to = elc_put_numbers(to, &range.start, 1, sizeof range.start);
    return elc_put_numbers(to, &range.end, 1, sizeof range.end);
}

/* The ranges of a part's tokens, in what is kept of its text from `start` on, and of the special
 * token behind it. */
static uint8_t *put_ranges(uint8_t *to, const struct elc_layout_part *part, uint32_t start) {
    const struct elc_range *ranges = part->encoding->ranges;
    _Static_assert(sizeof *ranges == 2 * sizeof start, "a range is two numbers");
    if (start == 0 && part->n > 0) /* all at once: they stand one behind the other */
        to = elc_put_numbers(to, (const uint32_t *)(const void *)(ranges + part->first),
                             2 * part->n, sizeof start);
    for (size_t i = part->first; start > 0 && i < part->first + part->n; i++)
        to = put_range(to, (struct elc_range){ranges[i].start - start, ranges[i].end - start});
    return put_range(to, (struct elc_range){0, 0});
}

static int put_kept(struct elc_builder *builder, const char *key,
                    const struct elc_layout_part *part, struct elc_range kept) {
    return elc_builder_str(builder, key, part->text + kept.start, kept.end - kept.start);
}

/* The texts and each token's bytes in them. */
static int put_text(struct elc_builder *builder, const struct elc_layout_record *record) {
    const struct elc_layout_part *text = &record->text, *pair = &record->pair;
    const struct elc_range kept = kept_of(text);
    const struct elc_range kept_pair = pair->encoding ? kept_of(pair) : (struct elc_range){0, 0};
    uint8_t *to;
    int err = put_kept(builder, "text", text, kept);
    if (!err && pair->encoding)
        err = put_kept(builder, "pair", pair, kept_pair);
    if (!err)
        err = elc_builder_room(builder, "offsets", length_of(record) * sizeof kept, &to);
    if (err)
        return err;
    to = put_range(to, (struct elc_range){0, 0});
    to = put_ranges(to, text, kept.start);
    if (pair->encoding)
        put_ranges(to, pair, kept_pair.start);
    if (record->n_windows == 0)
        return 0;
    return record->windowed_pair ? elc_builder_uint(builder, "pair_start", kept_pair.start)
                                 : elc_builder_uint(builder, "text_start", kept.start);
}

/* ---- records ---- */

static int put_id(struct elc_builder *builder, const struct elc_layout_id *id) {
    return id->text ? elc_builder_str(builder, "id", id->text, id->len)
                    : elc_builder_uint(builder, "id", id->number);
}

static int put_two(struct elc_builder *builder, const char *key, uint64_t a, uint64_t b) {
    int err = elc_builder_array(builder, key, 2);
    if (!err)
        err = elc_builder_element_uint(builder, a);
    return err ? err : elc_builder_element_uint(builder, b);
}

static int put_window(struct elc_builder *builder, const struct elc_layout_record *record) {
    int err = put_two(builder, "window", record->window, record->n_windows);
    if (!err && record->best)
        err = put_best(builder, record);
    if (!err && record->has_span)
        err = put_two(builder, "span", record->span[0], record->span[1]);
    return err;
}

int elc_layout_record(struct elc_builder *builder, const struct elc_layout *layout,
                      const struct elc_layout_record *record) {
    elc_builder_reset(builder);
    int err = put_id(builder, &record->id);
    if (!err)
        err = put_ids(builder, layout, record);
    if (!err && record->pair.encoding)
        err = put_types(builder, record);
    if (!err && layout->text)
        err = put_text(builder, record);
    if (!err && (layout->text || layout->words))
        err = put_words(builder, record);
    if (!err && record->cut > 0)
        err = elc_builder_uint(builder, "cut", record->cut);
    if (!err && record->n_windows > 0)
        err = put_window(builder, record);
    if (!err && record->extra)
        err = elc_builder_append(builder, record->extra);
    return err;
}

int elc_layout_rejected(struct elc_builder *builder, const struct elc_layout *layout,
                        const struct elc_layout_id *id, const char *why) {
    const struct elc_encoding empty = {0};
    const struct elc_layout_record record = {.id = *id, .text = {.encoding = &empty}};
    elc_builder_reset(builder);
    int err = put_id(builder, id);
    if (!err)
        err = put_ids(builder, layout, &record);
    if (!err)
        err = elc_builder_str(builder, "error", why, strlen(why));
    return err;
}

int elc_layout_example(struct elc_builder *builder, const struct elc_layout *layout, uint64_t id,
                       const struct elc_packed *example) {
    elc_builder_reset(builder);
    int err = elc_builder_uint(builder, "id", id);
    if (!err)
        err = elc_builder_numbers(builder, "ids", example->ids, example->n,
                                  elc_id_width(layout->vocab->size));
    if (!err && example->pair)
        err = elc_builder_numbers(builder, "types", example->types, example->n, 1);
    if (!err && layout->words)
        err = elc_builder_numbers(builder, "words", example->words, example->n, 4);
    return err;
}
