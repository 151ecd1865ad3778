#include "batches.h"

#include <stdlib.h>

/* The micro-batch that takes the next text of n tokens. */
static int open_part(struct elc_global_batch *batch, size_t n, struct elc_pretrain_batch **part) {
    if (batch->n_parts > 0) {
        *part = &batch->parts[batch->n_parts - 1];
        if (elc_micro_fits(&(*part)->texts, n))
            return 0;
    }
    int err =
        elc_grow_zeroed(&batch->parts, &batch->parts_capacity, batch->n_parts + 1, sizeof **part);
    if (err)
        return err;
    *part = &batch->parts[batch->n_parts++];
    elc_pretrain_batch_clear(*part);
    return 0;
}

/* Segment ids as bytes, in place of the numbers. */
static const uint8_t *narrow_types(struct elc_buffer *types) {
    size_t n = types->len / sizeof(uint32_t);
    const uint32_t *wide = (const uint32_t *)(const void *)types->data;
    for (size_t i = 0; i < n; i++)
        types->data[i] = (uint8_t)wide[i];
    return n > 0 ? types->data : NULL;
}

static int add_example(struct elc_global_batch *batch, const struct elc_header *header,
                       const struct elc_mask_options *masking, uint64_t place) {
    struct elc_example *example = &batch->example;
    const uint32_t *ids = (const uint32_t *)(const void *)example->ids.data;
    const struct elc_masks *masks = &example->masks;
    const uint32_t *replacements = NULL;
    int err = 0;
    if (!example->has_masks) {
        err = elc_mask(&batch->masks, ids, example->n, &header->vocab, masking, example->epoch);
        masks = &batch->masks;
    } else if (example->has_replacements) {
        replacements = (const uint32_t *)(const void *)example->replacements.data;
    }
    struct elc_pretrain_batch *part;
    if (!err)
        err = open_part(batch, example->n, &part);
    if (!err)
        err = elc_pretrain_batch_add(part, ids, narrow_types(&example->types), example->n, masks,
                                     replacements, place);
    if (err)
        return err;
    batch->totals.n_masked += masks->n;
    batch->totals.n_tokens += example->n;
    batch->squares += (double)example->n * (double)example->n;
    batch->n_texts++;
    return 0;
}

int elc_global_batch_fill(struct elc_global_batch *batch, struct elc_examples *examples,
                          uint64_t first, uint64_t count, const struct elc_mask_options *masking) {
    batch->n_parts = 0;
    batch->n_texts = 0;
    batch->totals = (struct elc_pretrain_totals){0};
    batch->squares = 0;
    for (uint64_t i = 0; i < count; i++) {
        int got = elc_examples_get(examples, first + i, &batch->example);
        if (got <= 0)
            return got;
        int err = add_example(batch, elc_examples_header(examples), masking, i);
        if (err)
            return err;
    }
    return 0;
}

void elc_global_batch_free(struct elc_global_batch *batch) {
    for (size_t i = 0; i < batch->parts_capacity; i++)
        elc_pretrain_batch_free(&batch->parts[i]);
    free(batch->parts);
    elc_example_free(&batch->example);
    elc_masks_free(&batch->masks);
    *batch = (struct elc_global_batch){0};
}
