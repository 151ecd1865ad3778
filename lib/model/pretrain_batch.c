/* Micro-batches of pre-training: texts with their masks. */
#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"
#include "electra/pretrain.h"

void elc_pretrain_batch_clear(struct elc_pretrain_batch *batch) {
    elc_batch_clear(&batch->texts);
    batch->n_masked = 0;
    batch->given = false;
}

static int reserve(struct elc_pretrain_batch *batch, size_t n) {
    int err = elc_grow(&batch->rows, &batch->masked_capacity, n, sizeof *batch->rows);
    if (!err)
        err = elc_grow(&batch->keep, &batch->keep_capacity, n, sizeof *batch->keep);
    if (!err)
        err = elc_grow(&batch->replacements, &batch->replacements_capacity, n,
                       sizeof *batch->replacements);
    return err;
}

int elc_pretrain_batch_add(struct elc_pretrain_batch *batch, const uint32_t *ids,
                           const uint8_t *types, size_t n_ids, const struct elc_masks *masks,
                           const uint32_t *replacements, uint64_t place) {
    const size_t first = batch->texts.n_tokens, n = masks->n;
    for (size_t i = 0; i < n; i++)
        if (masks->positions[i] >= n_ids ||
            (i > 0 && masks->positions[i] <= masks->positions[i - 1]))
            return elc_fail(ELC_EFORMAT, "masked position %u in a text of %zu tokens",
                            masks->positions[i], n_ids);
    int err = reserve(batch, batch->n_masked + n);
    if (!err)
        err = elc_batch_add(&batch->texts, ids, types, n_ids, place);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++) {
        batch->rows[batch->n_masked + i] = (uint32_t)(first + masks->positions[i]);
        batch->keep[batch->n_masked + i] = masks->keep[i];
        batch->replacements[batch->n_masked + i] = replacements ? replacements[i] : 0;
    }
    batch->n_masked += n;
    batch->given = replacements != NULL;
    return 0;
}

void elc_pretrain_batch_free(struct elc_pretrain_batch *batch) {
    elc_batch_free(&batch->texts);
    free(batch->rows);
    free(batch->keep);
    free(batch->replacements);
    *batch = (struct elc_pretrain_batch){0};
}

void elc_pretrain_sums_add(struct elc_pretrain_sums *sums, const struct elc_pretrain_sums *more) {
    sums->generator_loss += more->generator_loss;
    sums->discriminator_loss += more->discriminator_loss;
    sums->n_masked += more->n_masked;
    sums->n_tokens += more->n_tokens;
    sums->generator_correct += more->generator_correct;
    sums->sampled_correct += more->sampled_correct;
    sums->n_replaced += more->n_replaced;
    sums->discriminator_correct += more->discriminator_correct;
    sums->true_positives += more->true_positives;
    sums->n_predicted += more->n_predicted;
    sums->token_correct += more->token_correct;
}
