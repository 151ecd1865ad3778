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

/* What goes into the records. */
struct elc_layout {
    const struct elc_vocab_id *vocab;
    bool text;  /* keep the text, with offsets and word numbers */
    bool words; /* keep word numbers, also without the text */
};

/* 2 when every id of a vocabulary of this size fits 16 bits, else 4. */
unsigned elc_id_width(uint64_t vocab_size);

/* Which text a record is about. */
struct elc_layout_id {
    const char *text; /* its name, or NULL: its number */
    size_t len;
    uint64_t number;
};

/* Tokens first … first + n - 1 of a text, and the bytes that the encoding was made from. */
struct elc_layout_part {
    const struct elc_encoding *encoding; /* NULL: there is no such text */
    const char *text;
    size_t first, n;
};

/* One record. */
struct elc_layout_record {
    struct elc_layout_id id;
    struct elc_layout_part text, pair;
    size_t cut;                      /* tokens that were left out for good */
    const struct elc_builder *extra; /* more fields; NULL: none */

    /* Where the record is one of several windows over its text, or with a pair of `windowed_pair`,
     * over that. */
    size_t window, n_windows; /* from 1; 0: no windows */
    bool windowed_pair;
    const uint32_t *best; /* [n] of the windowed part: is this the token's best window?
                           * NULL: not wanted */
    bool has_span;        /* there is an answer, or none: which tokens of the record it is */
    uint32_t span[2];
};
/* The fields of the record in `builder`, for elc_builder_write: id, ids, types, text, pair,
 * offsets, words, cut, window, text_start or pair_start, best, span, then the extra fields. [CLS]
 * text [SEP], or [CLS] text [SEP] pair [SEP]; texts up to the last token that is kept, from a
 * window's first. */
int elc_layout_record(struct elc_builder *builder, const struct elc_layout *layout,
                      const struct elc_layout_record *record) ELC_MUST_CHECK;
/* The same of a text that could not be read: no tokens but [CLS] [SEP], and why, as `error`. It
 * keeps the text's place. */
int elc_layout_rejected(struct elc_builder *builder, const struct elc_layout *layout,
                        const struct elc_layout_id *id, const char *why) ELC_MUST_CHECK;
/* The same of one packed example: id, ids, types if there are two segments, words if asked. */
int elc_layout_example(struct elc_builder *builder, const struct elc_layout *layout, uint64_t id,
                       const struct elc_packed *example) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
