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

/* `n` numbers with one more in front and behind, in the layout's scratch. */
static const uint32_t *surround(struct elc_layout *layout, uint32_t first, const uint32_t *numbers,
                                size_t n, uint32_t last) {
    layout->numbers[0] = first;
    if (n > 0)
        memcpy(layout->numbers + 1, numbers, n * sizeof *numbers);
    layout->numbers[n + 1] = last;
    return layout->numbers;
}

static int put_ids(struct elc_builder *builder, struct elc_layout *layout,
                   const struct elc_encoding *encoding) {
    const uint32_t *ids =
        surround(layout, layout->vocab->cls, encoding->ids, encoding->n, layout->vocab->sep);
    return elc_builder_numbers(builder, "ids", ids, encoding->n + 2,
                               elc_id_width(layout->vocab->size));
}

/* Pairs of bytes; 0, 0 for the specials. */
static int put_offsets(struct elc_builder *builder, struct elc_layout *layout,
                       const struct elc_encoding *encoding) {
    uint32_t *pair = layout->numbers;
    *pair++ = 0;
    *pair++ = 0;
    for (size_t i = 0; i < encoding->n; i++) {
        *pair++ = encoding->starts[i];
        *pair++ = encoding->ends[i];
    }
    *pair++ = 0;
    *pair++ = 0;
    return elc_builder_numbers(builder, "offsets", layout->numbers, 2 * (encoding->n + 2), 4);
}

int elc_layout_text(struct elc_builder *builder, struct elc_layout *layout, uint64_t id,
                    const char *text, const struct elc_encoding *encoding) {
    size_t n = encoding->n;
    int rc = reserve(layout, 2 * (n + 2));
    elc_builder_reset(builder);
    if (rc == 0)
        rc = elc_builder_uint(builder, "id", id);
    if (rc == 0)
        rc = put_ids(builder, layout, encoding);
    if (rc == 0 && layout->text)
        rc = elc_builder_str(builder, "text", text, n > 0 ? encoding->ends[n - 1] : 0);
    if (rc == 0 && layout->text)
        rc = put_offsets(builder, layout, encoding);
    if (rc == 0 && (layout->text || layout->words)) {
        const uint32_t *words = surround(layout, NO_WORD, encoding->words, n, NO_WORD);
        rc = elc_builder_numbers(builder, "words", words, n + 2, 4);
    }
    if (rc == 0 && encoding->cut > 0)
        rc = elc_builder_uint(builder, "cut", encoding->cut);
    return rc < 0 ? rc : elc_builder_finish(builder);
}

int elc_layout_rejected(struct elc_builder *builder, struct elc_layout *layout, uint64_t id,
                        const char *why) {
    const struct elc_encoding empty = {0};
    int rc = reserve(layout, 2);
    elc_builder_reset(builder);
    if (rc == 0)
        rc = elc_builder_uint(builder, "id", id);
    if (rc == 0)
        rc = put_ids(builder, layout, &empty);
    if (rc == 0)
        rc = elc_builder_str(builder, "error", why, strlen(why));
    return rc < 0 ? rc : elc_builder_finish(builder);
}

int elc_layout_example(struct elc_builder *builder, struct elc_layout *layout, uint64_t id,
                       const struct elc_packed *example) {
    elc_builder_reset(builder);
    int rc = elc_builder_uint(builder, "id", id);
    if (rc == 0)
        rc = elc_builder_numbers(builder, "ids", example->ids, example->n,
                                 elc_id_width(layout->vocab->size));
    if (rc == 0 && example->pair)
        rc = elc_builder_numbers(builder, "types", example->types, example->n, 1);
    if (rc == 0 && layout->words)
        rc = elc_builder_numbers(builder, "words", example->words, example->n, 4);
    return rc < 0 ? rc : elc_builder_finish(builder);
}
