/* Texts that are too long: how pairs are cut, and windows that slide over a text.
 *
 * Windows have `room` tokens, the last one fewer, and each shares `overlap` of them with the one
 * before, as Hugging Face tokenizers' `stride`. (Google's `doc_stride` is room - overlap.) The last
 * window is the first one that reaches the end.
 */
#ifndef ELECTRA_WINDOWS_H
#define ELECTRA_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"
#include "electra/record.h"

#ifdef __cplusplus
extern "C" {
#endif

enum elc_truncation {
    ELC_LONGEST_FIRST, /* tokens of the longer text go first */
    ELC_ONLY_FIRST,    /* of a pair; a single text is always the first */
    ELC_ONLY_SECOND,
};

/* *n1 and *n2 tokens become what `room` holds of them. `google`: where longest-first leaves an odd
 * token to one of two long texts, the first one gets it (google-research/electra pops tokens off
 * the longer, off the second on ties); else the one that was longer, the second on ties (Hugging
 * Face tokenizers). ELC_ELIMIT: the text that may be shortened would vanish. */
int elc_truncate_pair(size_t *n1, size_t *n2, size_t room, enum elc_truncation truncation,
                      bool google) ELC_MUST_CHECK;

struct elc_windows {
    size_t n;             /* tokens of the text */
    size_t room, overlap; /* overlap < room */
};
/* At least 1. */
size_t elc_windows_count(const struct elc_windows *windows);
/* The tokens *first … *end - 1 of window k, from 0. */
void elc_windows_range(const struct elc_windows *windows, size_t k, size_t *first, size_t *end);
/* The window in which a token has the most context: the first one that maximizes the lesser of
 * the numbers of tokens on either side + 0.01 · the window's length (google-research/bert). */
size_t elc_windows_best(const struct elc_windows *windows, size_t token);

/* A reader's place among windows, which stand in a stream in order, all of a text together: the
 * last one was number k of n. A zeroed struct is before the first text. */
struct elc_window_order {
    uint64_t k, n;
    const uint8_t *id; /* [id_len] msgpack of the text's id, in the record of its first window */
    size_t id_len;
};
/* Is the text whole? */
static inline bool elc_windows_done(const struct elc_window_order *order) {
    return order->k == order->n;
}
/* Window k of n is the next one, and its record says which text it is of; NULL: it does not. The
 * records of a text's windows are there until it is whole. ELC_EFORMAT: another one belongs there.
 */
int elc_windows_follow(struct elc_window_order *order, uint64_t k, uint64_t n,
                       const struct elc_field *id) ELC_MUST_CHECK;
/* No other window of this text follows. ELC_EFORMAT: it should. */
int elc_windows_end(const struct elc_window_order *order) ELC_MUST_CHECK;

/* The whole text again: adds to `whole` what is new in the next window, whose part of the text
 * [len] begins at byte `start`. Windows that share nothing may have space between them. ELC_EFORMAT
 * if it is too much, or the text larger than the block that its windows are from. */
int elc_windows_join(struct elc_buffer *whole, const char *text, size_t len,
                     uint64_t start) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
