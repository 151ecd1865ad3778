/* Layouts: how tokens become the records of a tokens stream (electra-stream(5)). */
#ifndef ELECTRA_LAYOUT_H
#define ELECTRA_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/pack.h"
#include "electra/record.h"
#include "electra/stream.h"
#include "electra/tokenize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What goes into the records, and one thread's scratch: fill the first group of a zeroed struct,
 * then elc_layout_free. */
struct elc_layout {
    const struct elc_vocab_id *vocab;
    bool text;  /* keep the text, with offsets and word numbers */
    bool words; /* keep word numbers, also without the text */

    uint32_t *numbers;
    size_t numbers_capacity;
};
void elc_layout_free(struct elc_layout *layout);

/* 2 when every id of a vocabulary of this size fits 16 bits, else 4. */
unsigned elc_id_width(uint64_t vocab_size);

/* The record of one text in `builder`, between [CLS] and [SEP]: id, ids, text up to the last token,
 * offsets, words, cut. `text` is what the encoding was made from. */
int elc_layout_text(struct elc_builder *builder, struct elc_layout *layout, uint64_t id,
                    const char *text, const struct elc_encoding *encoding) ELC_MUST_CHECK;
/* The record of a line that could not be read: no tokens but [CLS] [SEP], and why, as `error`. It
 * keeps the line's place. */
int elc_layout_rejected(struct elc_builder *builder, struct elc_layout *layout, uint64_t id,
                        const char *why) ELC_MUST_CHECK;
/* The record of one packed example: id, ids, types if there are two segments, words if asked. */
int elc_layout_example(struct elc_builder *builder, struct elc_layout *layout, uint64_t id,
                       const struct elc_packed *example) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
