/* Random order in bounded memory.
 *
 * Record number i of the input gets a 64-bit key, numbers 2i and 2i+1 of the sequence
 * (seed, ELC_SHUFFLE, 0, 0), and the output is sorted by (key, i): a uniformly random
 * permutation that depends on the seed and the number of records alone. What does not fit in memory
 * is sorted in runs, spilled to an unlinked file in $TMPDIR and merged.
 */
#ifndef ELECTRA_SHUFFLE_H
#define ELECTRA_SHUFFLE_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ELC_SHUFFLE_MEMORY_MIN = 1024 * 1024 };

struct elc_shuffle;
/* `memory`: bytes to use for records and their places, at least ELC_SHUFFLE_MEMORY_MIN. */
int elc_shuffle_new(struct elc_shuffle **shuffle, uint64_t seed, size_t memory) ELC_MUST_CHECK;
/* Takes a copy of a record. All are added before the first is taken out. */
int elc_shuffle_add(struct elc_shuffle *shuffle, const void *record, size_t len) ELC_MUST_CHECK;
/* The next record in the new order, borrowed until the next call. 1, 0 after the last, or an
 * error. */
int elc_shuffle_next(struct elc_shuffle *shuffle, const void **record, size_t *len) ELC_MUST_CHECK;
void elc_shuffle_destroy(struct elc_shuffle *shuffle);

#ifdef __cplusplus
}
#endif
#endif
