#include "task_batches.h"

#include <stdlib.h>

#include "batches.h"

/* The micro-batch that takes the next text of n tokens. */
static int open_part(struct elc_task_batches *batches, size_t n, struct elc_task_batch **part) {
    if (batches->n_parts > 0) {
        *part = &batches->parts[batches->n_parts - 1];
        if (elc_micro_fits(&(*part)->texts, n))
            return 0;
    }
    int err = elc_grow_zeroed(&batches->parts, &batches->parts_capacity, batches->n_parts + 1,
                              sizeof **part);
    if (err)
        return err;
    *part = &batches->parts[batches->n_parts++];
    elc_task_batch_clear(*part);
    return 0;
}

void elc_task_batches_clear(struct elc_task_batches *batches) {
    batches->n_parts = 0;
    batches->n_texts = batches->n_tokens = batches->n_items = 0;
    batches->squares = 0;
}

int elc_task_batches_add(struct elc_task_batches *batches, const struct elc_labelling *labelling) {
    const struct elc_labelled *labelled = &batches->labelled;
    const uint32_t *ids = (const uint32_t *)(const void *)labelled->ids.data;
    const uint8_t *types = labelled->types.len > 0 ? labelled->types.data : NULL;
    struct elc_task_batch *part;
    int err = open_part(batches, labelled->n, &part);
    if (err)
        return err;
    const size_t items_before = part->n_items;
    err = elc_task_batch_add(part, labelling->task, labelling->n_outputs, ids, types, labelled->n,
                             &labelled->target, batches->n_texts);
    if (err)
        return err;
    batches->n_items += part->n_items - items_before;
    batches->n_texts++;
    batches->n_tokens += labelled->n;
    batches->squares += (double)labelled->n * (double)labelled->n;
    return 0;
}

void elc_task_batches_free(struct elc_task_batches *batches) {
    for (size_t i = 0; i < batches->parts_capacity; i++)
        elc_task_batch_free(&batches->parts[i]);
    free(batches->parts);
    elc_labelled_free(&batches->labelled);
    *batches = (struct elc_task_batches){0};
}
