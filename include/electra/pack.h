/* Packing: lines of documents become pre-training examples of one or two segments.
 *
 * As google-research/electra's build_pretraining_dataset.py, with two differences: tokens that do
 * not fit an example open the next one of their document instead of being thrown away, and chance
 * is keyed by (seed, document, example), so that an example depends on its document alone.
 *
 *   target   max_length, or with probability 0.05 uniform in 5 … max_length. Lines are collected
 *            until they have that many tokens or the document ends.
 *   A        takes the first line, and each further one while A stays shorter than half the
 *            target ((target - 3) / 2; everything with probability 0.1) or, once, when a fair
 *            coin says so; B takes the others.
 *   example  [CLS] A [SEP] and, unless B is empty, B [SEP]; A is cut to max_length - 2 tokens, B
 *            to what is left.
 */
#ifndef ELECTRA_PACK_H
#define ELECTRA_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ELC_PACK_MIN_LENGTH = 5 }; /* the shortest max_length */

/* One example; borrowed for the call that shows it. */
struct elc_packed {
    const uint32_t *ids;
    const uint32_t *words; /* each token's word, 2^32-1 for specials; NULL: unknown */
    const uint32_t *types; /* 0 in [CLS] A [SEP], 1 in B [SEP] */
    size_t n;
    bool pair; /* there is a B */
};

struct elc_packer;
/* Each finished example is given to emit(context, example); its negative results end the call
 * that led to it. */
typedef int elc_packed_emit(void *context, const struct elc_packed *example);
int elc_packer_new(struct elc_packer **packer, const struct elc_vocab_id *vocab,
                   uint32_t max_length, uint64_t seed, elc_packed_emit *emit,
                   void *context) ELC_MUST_CHECK;
/* The next line of the present document, as tokens without specials and the numbers of their
 * words (NULL in all calls: not wanted). A line without a token ends the document. */
int elc_packer_line(struct elc_packer *packer, const uint32_t *ids, const uint32_t *words,
                    size_t n) ELC_MUST_CHECK;
/* Ends the document; nothing if none has begun. */
int elc_packer_end_document(struct elc_packer *packer) ELC_MUST_CHECK;
void elc_packer_destroy(struct elc_packer *packer);

#ifdef __cplusplus
}
#endif
#endif
