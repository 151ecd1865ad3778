/* Masking: which positions of a text a generator has to fill (paper 3; electra.md 1.2).
 *
 * k = max(1, min(limit, round-half-even(n · mask_prob))) distinct positions, n counting [CLS] and
 * [SEP], are drawn uniformly without replacement among those whose token is not [CLS], [SEP],
 * [MASK] or [PAD]; limit = int((mask_prob + 0.005) · max_length). Each then shows [MASK] with
 * probability 0.85 and its own token with probability 0.15. (google-research/electra draws with
 * replacement, a known flaw.) Draws are keyed by (seed, epoch, XXH3-64 of the ids as u32):
 * sharding, joining or shuffling a stream changes no mask.
 */
#ifndef ELECTRA_MASK_H
#define ELECTRA_MASK_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

struct elc_mask_options {
    double mask_prob;    /* 0 < p < 1; the paper's 0.15 */
    uint32_t max_length; /* of the stream's header */
    uint64_t seed;
};

/* The masks of one text; a zeroed struct is empty. */
struct elc_masks {
    uint32_t *positions; /* ascending */
    uint8_t *keep;       /* 1: shows its own token, 0: shows [MASK] */
    size_t n;            /* 0 when no position may be masked */
    size_t capacity;
    uint32_t *candidates; /* scratch: positions, or first positions of words */
    size_t candidates_capacity;
};
int elc_mask(struct elc_masks *masks, const uint32_t *ids, size_t n_ids,
             const struct elc_vocab_id *vocab, const struct elc_mask_options *options,
             uint64_t epoch) ELC_MUST_CHECK;
/* The same for whole words: tokens side by side with the same number in `words` [n_ids] are one.
 * Words are drawn in random order, each taken whole unless that made more than k; of a text where
 * none fits the first is taken nevertheless. [MASK] or own token is drawn for each token. (BERT's
 * whole-word masking, but for that last resort; as there, long words fit, and are masked, a little
 * less often than short ones.) */
int elc_mask_words(struct elc_masks *masks, const uint32_t *ids, size_t n_ids,
                   const uint32_t *words, const struct elc_vocab_id *vocab,
                   const struct elc_mask_options *options, uint64_t epoch) ELC_MUST_CHECK;
void elc_masks_free(struct elc_masks *masks);

/* XXH3-64 of the ids as u32: the key under which a text draws its masks. */
uint64_t elc_ids_key(const uint32_t *ids, size_t n_ids);

#ifdef __cplusplus
}
#endif
#endif
