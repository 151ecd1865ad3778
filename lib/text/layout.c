/* Tokens as the records of a tokens stream. */
#include "electra/layout.h"

#include <stdlib.h>
#include <string.h>

enum { NO_WORD = UINT32_MAX };

unsigned elc_id_width(uint64_t vocab_size) {
    return vocab_size <= UINT16_MAX ? 2 : 4;
}

void elc_layout_free(struct elc_layout *layout) {
    free(layout->numbers);
    layout->numbers = NULL;
    layout->numbers_capacity = 0;
}

static int reserve(struct elc_layout *layout, size_t n) {
    return elc_grow(&layout->numbers, &layout->numbers_capacity, n, sizeof *layout->numbers);
}

/* Tokens of a record, specials included. */
static size_t length_of(const struct elc_layout_record *record) {
    return record->text.n + (record->pair.encoding ? record->pair.n + 3 : 2);
}

/* ---- numbers of each token ---- */

static uint32_t *put(uint32_t *to, const uint32_t *numbers, const struct elc_layout_part *part) {
    if (part->n > 0)
        memcpy(to, numbers + part->first, part->n * sizeof *to);
    return to + part->n;
}

static int put_ids(struct elc_builder *builder, struct elc_layout *layout,
                   const struct elc_layout_record *record) {
    uint32_t *to = layout->numbers;
    *to++ = layout->vocab->cls;
    to = put(to, record->text.encoding->ids, &record->text);
    *to++ = layout->vocab->sep;
    if (record->pair.encoding) {
        to = put(to, record->pair.encoding->ids, &record->pair);
        *to++ = layout->vocab->sep;
    }
    return elc_builder_numbers(builder, "ids", layout->numbers, length_of(record),
                               elc_id_width(layout->vocab->size));
}

static int put_words(struct elc_builder *builder, struct elc_layout *layout,
                     const struct elc_layout_record *record) {
    uint32_t *to = layout->numbers;
    *to++ = NO_WORD;
    to = put(to, record->text.encoding->words, &record->text);
    *to++ = NO_WORD;
    if (record->pair.encoding) {
        to = put(to, record->pair.encoding->words, &record->pair);
        *to++ = NO_WORD;
    }
    return elc_builder_numbers(builder, "words", layout->numbers, length_of(record), 4);
}

/* 0 in [CLS] text [SEP], 1 in pair [SEP]. */
static int put_types(struct elc_builder *builder, struct elc_layout *layout,
                     const struct elc_layout_record *record) {
    size_t n = length_of(record), first = record->text.n + 2;
    for (size_t i = 0; i < n; i++)
        layout->numbers[i] = i >= first;
    return elc_builder_numbers(builder, "types", layout->numbers, n, 1);
}

static int put_best(struct elc_builder *builder, struct elc_layout *layout,
                    const struct elc_layout_record *record) {
    size_t n = length_of(record);
    const struct elc_layout_part *part = record->windowed_pair ? &record->pair : &record->text;
    memset(layout->numbers, 0, n * sizeof *layout->numbers);
    memcpy(layout->numbers + (record->windowed_pair ? record->text.n + 2 : 1), record->best,
           part->n * sizeof *record->best);
    return elc_builder_numbers(builder, "best", layout->numbers, n, 1);
}

/* ---- text ---- */

struct slice {
    uint32_t start, end; /* bytes of a part's text that the record keeps */
};

/* From the part's first token, or the text's beginning if that is the text's first, to the end of
 * its last. */
static struct slice slice_of(const struct elc_layout_part *part) {
    const struct elc_encoding *encoding = part->encoding;
    if (part->n == 0)
        return (struct slice){0, 0};
    return (struct slice){part->first > 0 ? encoding->starts[part->first] : 0,
                          encoding->ends[part->first + part->n - 1]};
}

static uint32_t *put_ranges(uint32_t *to, const struct elc_layout_part *part, uint32_t start) {
    for (size_t i = part->first; i < part->first + part->n; i++) {
        *to++ = part->encoding->starts[i] - start;
        *to++ = part->encoding->ends[i] - start;
    }
    *to++ = 0; /* of the [SEP] behind it */
    *to++ = 0;
    return to;
}

/* The texts and each token's bytes in them. */
static int put_text(struct elc_builder *builder, struct elc_layout *layout,
                    const struct elc_layout_record *record) {
    const struct elc_layout_part *text = &record->text, *pair = &record->pair;
    struct slice slice = slice_of(text), pair_slice = {0, 0};
    uint32_t *to = layout->numbers;
    *to++ = 0;
    *to++ = 0;
    to = put_ranges(to, text, slice.start);
    int err = elc_builder_str(builder, "text", text->text + slice.start, slice.end - slice.start);
    if (!err && pair->encoding) {
        pair_slice = slice_of(pair);
        put_ranges(to, pair, pair_slice.start);
        err = elc_builder_str(builder, "pair", pair->text + pair_slice.start,
                              pair_slice.end - pair_slice.start);
    }
    if (!err)
        err = elc_builder_numbers(builder, "offsets", layout->numbers, 2 * length_of(record), 4);
    if (!err && record->n_windows > 0)
        err = record->windowed_pair ? elc_builder_uint(builder, "pair_start", pair_slice.start)
                                    : elc_builder_uint(builder, "text_start", slice.start);
    return err;
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

static int put_window(struct elc_builder *builder, struct elc_layout *layout,
                      const struct elc_layout_record *record) {
    int err = put_two(builder, "window", record->window, record->n_windows);
    if (!err && record->best)
        err = put_best(builder, layout, record);
    if (!err && record->has_span)
        err = put_two(builder, "span", record->span[0], record->span[1]);
    return err;
}

int elc_layout_record(struct elc_builder *builder, struct elc_layout *layout,
                      const struct elc_layout_record *record) {
    elc_builder_reset(builder);
    int err = reserve(layout, 2 * length_of(record));
    if (!err)
        err = put_id(builder, &record->id);
    if (!err)
        err = put_ids(builder, layout, record);
    if (!err && record->pair.encoding)
        err = put_types(builder, layout, record);
    if (!err && layout->text)
        err = put_text(builder, layout, record);
    if (!err && (layout->text || layout->words))
        err = put_words(builder, layout, record);
    if (!err && record->cut > 0)
        err = elc_builder_uint(builder, "cut", record->cut);
    if (!err && record->n_windows > 0)
        err = put_window(builder, layout, record);
    if (!err && record->extra)
        err = elc_builder_append(builder, record->extra);
    return err ? err : elc_builder_finish(builder);
}

int elc_layout_rejected(struct elc_builder *builder, struct elc_layout *layout,
                        const struct elc_layout_id *id, const char *why) {
    const struct elc_encoding empty = {0};
    const struct elc_layout_record record = {.id = *id, .text = {.encoding = &empty}};
    elc_builder_reset(builder);
    int err = reserve(layout, 2);
    if (!err)
        err = put_id(builder, id);
    if (!err)
        err = put_ids(builder, layout, &record);
    if (!err)
        err = elc_builder_str(builder, "error", why, strlen(why));
    return err ? err : elc_builder_finish(builder);
}

int elc_layout_example(struct elc_builder *builder, struct elc_layout *layout, uint64_t id,
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
    return err ? err : elc_builder_finish(builder);
}
