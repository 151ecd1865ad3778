/* The global batch of one step of fine-tuning, cut into micro-batches. */
#ifndef ELC_TRAIN_TASK_BATCHES_H
#define ELC_TRAIN_TASK_BATCHES_H

#include "electra/examples.h"
#include "labelled.h"

struct elc_task_batches {
    struct elc_task_batch *parts;
    size_t n_parts, parts_capacity; /* parts beyond n_parts keep their memory */
    uint64_t n_texts, n_tokens, n_items;
    double squares;               /* sum of the squares of the texts' lengths */
    struct elc_labelled labelled; /* the text that was read last */
};

void elc_task_batches_clear(struct elc_task_batches *batches);
/* Adds batches->labelled; its place in the global batch is the number of texts before it. */
int elc_task_batches_add(struct elc_task_batches *batches,
                         const struct elc_labelling *labelling) ELC_MUST_CHECK;
void elc_task_batches_free(struct elc_task_batches *batches);

#endif
