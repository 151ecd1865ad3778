/* Batches: texts side by side as rows of one matrix, no padding anywhere.
 *
 * T is the number of tokens in a batch, S the number of texts (sequences). Everything but attention
 * works on T rows; only attention looks at `starts`.
 */
#ifndef ELECTRA_BATCH_H
#define ELECTRA_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct elc_batch {
    size_t n_tokens;    /* T */
    size_t n_sequences; /* S */
    uint32_t *ids;      /* [T] what the encoder reads */
    uint8_t *types;     /* [T] segment ids */
    uint32_t *positions; /* [T] place of the token in its text, from 0 */
    uint32_t *starts;   /* [S + 1] first row of each text; starts[S] = T */
    uint64_t *places;   /* [S] place in the step's global batch: names random numbers */
    size_t token_capacity, sequence_capacity;
};
void elc_batch_clear(struct elc_batch *batch);
/* Appends one text. `types` NULL: all 0. */
int elc_batch_add(struct elc_batch *batch, const uint32_t *ids, const uint8_t *types, size_t n,
                  uint64_t place) ELC_MUST_CHECK;
void elc_batch_free(struct elc_batch *batch);

#ifdef __cplusplus
}
#endif
#endif
