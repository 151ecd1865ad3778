/* The global batch of one step, cut into micro-batches. */
#ifndef ELC_TRAIN_BATCHES_H
#define ELC_TRAIN_BATCHES_H

#include "electra/examples.h"
#include "electra/mask.h"
#include "electra/pretrain.h"

/* Tokens after which a micro-batch is closed: large enough for long matrix products, small enough
 * that the activations of one fit in modest memory. Part of what makes a run reproducible. */
enum { ELC_MICRO_TOKENS = 2048 };
/* Do n more tokens go into a micro-batch of these texts? A text that is longer has its own. */
static inline bool elc_micro_fits(const struct elc_batch *texts, size_t n) {
    return texts->n_tokens == 0 || texts->n_tokens + n <= ELC_MICRO_TOKENS;
}

struct elc_global_batch {
    struct elc_pretrain_batch *parts;
    size_t n_parts, parts_capacity; /* parts beyond n_parts keep their memory */
    struct elc_pretrain_totals totals;
    uint64_t n_texts;
    double squares;             /* sum of the squares of the texts' lengths */
    struct elc_example example; /* scratch */
    struct elc_masks masks;
};

/* Fills the batch with examples first … first + count - 1, masked afresh unless they come masked;
 * the text of example `first + i` has place i. Fewer when a live input ends. */
int elc_global_batch_fill(struct elc_global_batch *batch, struct elc_examples *examples,
                          uint64_t first, uint64_t count,
                          const struct elc_mask_options *masking) ELC_MUST_CHECK;
void elc_global_batch_free(struct elc_global_batch *batch);

#endif
