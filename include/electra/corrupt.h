/* Corruption: tokens records to corrupted records, as electra-corrupt writes them.
 *
 * A corrupted record has every key of the record it is made from, its ids with [MASK] (or, for the
 * 15 % of masked positions that show their own token, the original) at the masked positions, and
 * `masked` (u16 positions) and `original` (the ids that were there).
 */
#ifndef ELECTRA_CORRUPT_H
#define ELECTRA_CORRUPT_H

#include "electra/mask.h"
#include "electra/record.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Working memory of one thread; a zeroed struct is empty. */
struct elc_corrupter {
    struct elc_masks masks;
    struct elc_buffer ids;      /* uint32_t each */
    struct elc_buffer original; /* uint32_t each */
    struct elc_builder builder; /* the finished record */
    struct elc_record record;
    uint64_t n_tokens; /* that have come by so far */
};
/* Makes `corrupter->builder.record` of one record. ELC_EFORMAT for one that is corrupted already or
 * longer than the header, or 65,535 tokens, allow. */
int elc_corrupt_record(struct elc_corrupter *corrupter, const struct elc_record *record,
                       const struct elc_header *header, const struct elc_mask_options *options,
                       uint64_t epoch) ELC_MUST_CHECK;
/* The same for all records of a block; `out` gets the same first and count. */
int elc_corrupt_block(struct elc_corrupter *corrupter, struct elc_block *out,
                      const struct elc_block *in, const struct elc_header *header,
                      const struct elc_mask_options *options, uint64_t epoch) ELC_MUST_CHECK;
void elc_corrupter_free(struct elc_corrupter *corrupter);
/* Turns a tokens header into that of the corrupted stream. ELC_EMISMATCH for another kind. */
int elc_corrupt_header(struct elc_header *header, const struct elc_mask_options *options,
                       uint64_t epoch) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
