/* Batches of texts without padding. */
#include "electra/batch.h"

#include <stdlib.h>
#include <string.h>

#include "electra/encoder.h"
#include "electra/memory.h"

void elc_batch_clear(struct elc_batch *batch) {
    batch->n_tokens = 0;
    batch->n_sequences = 0;
}

/* The arrays of a batch grow together. Each tells elc_grow a capacity of its own, so that a
 * failure half-way leaves the batch as it was. */
static int reserve_tokens(struct elc_batch *batch, size_t needed) {
    size_t ids = batch->token_capacity, types = ids, positions = ids;
    int err = elc_grow(&batch->ids, &ids, needed, sizeof *batch->ids);
    if (!err)
        err = elc_grow(&batch->types, &types, needed, sizeof *batch->types);
    if (!err)
        err = elc_grow(&batch->positions, &positions, needed, sizeof *batch->positions);
    if (!err)
        batch->token_capacity = ids;
    return err;
}

static int reserve_sequences(struct elc_batch *batch, size_t needed) {
    size_t places = batch->sequence_capacity, starts = places ? places + 1 : 0;
    int err = elc_grow(&batch->places, &places, needed, sizeof *batch->places);
    if (!err)
        err = elc_grow(&batch->starts, &starts, places + 1, sizeof *batch->starts);
    if (!err)
        batch->sequence_capacity = places;
    return err;
}

int elc_batch_add(struct elc_batch *batch, const uint32_t *ids, const uint8_t *types, size_t n,
                  uint64_t place) {
    const size_t first = batch->n_tokens, text = batch->n_sequences;
    if (n > UINT32_MAX - first)
        return elc_fail(ELC_ELIMIT, "a batch of more than 2^32 tokens");
    int err = reserve_tokens(batch, first + n);
    if (!err)
        err = reserve_sequences(batch, text + 1);
    if (err)
        return err;
    if (n) {
        memcpy(batch->ids + first, ids, n * sizeof *ids);
        if (types)
            memcpy(batch->types + first, types, n);
        else
            memset(batch->types + first, 0, n);
    }
    for (size_t i = 0; i < n; i++)
        batch->positions[first + i] = (uint32_t)i;
    batch->places[text] = place;
    batch->starts[text] = (uint32_t)first;
    batch->starts[text + 1] = (uint32_t)(first + n);
    batch->n_tokens = first + n;
    batch->n_sequences = text + 1;
    return 0;
}

void elc_batch_free(struct elc_batch *batch) {
    free(batch->ids);
    free(batch->types);
    free(batch->positions);
    free(batch->starts);
    free(batch->places);
    *batch = (struct elc_batch){0};
}

int elc_batch_check(const struct elc_batch *batch, const struct elc_config *config) {
    for (size_t text = 0; text < batch->n_sequences; text++) {
        const uint32_t first = batch->starts[text], end = batch->starts[text + 1];
        const unsigned long long number = text + 1;
        if (end - first > config->max_position_embeddings)
            return elc_fail(ELC_EMISMATCH,
                            "text %llu of the batch has %u tokens, the model has room for %u",
                            number, end - first, config->max_position_embeddings);
        for (uint32_t i = first; i < end; i++) {
            if (batch->ids[i] >= config->vocab_size)
                return elc_fail(ELC_EMISMATCH,
                                "text %llu of the batch has token %u, the model knows %u tokens",
                                number, batch->ids[i], config->vocab_size);
            if (batch->types[i] >= config->type_vocab_size)
                return elc_fail(ELC_EMISMATCH,
                                "text %llu of the batch has type %u, the model knows %u types",
                                number, batch->types[i], config->type_vocab_size);
        }
    }
    return 0;
}
