/* The memory of a pass: one block, laid out for the largest batch so far. */
#include "activations.h"

#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"
#include "generator.h"

elc_float *elc_carve(elc_float *block, size_t *used, size_t n) {
    enum { LINE = 64 / sizeof(elc_float) };
    elc_float *piece = block ? block + *used : NULL;
    *used += (n + LINE - 1) / LINE * LINE;
    return piece;
}

int elc_carve_room(elc_float **block, size_t *capacity, size_t needed) {
    if (needed <= *capacity)
        return 0;
    elc_float *larger = elc_calloc_aligned(needed, sizeof *larger);
    if (!larger)
        return ELC_ENOMEM;
    free(*block);
    *block = larger;
    *capacity = needed;
    return 0;
}

static size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}

static void layout_layers(struct elc_activations *a, size_t *used) {
    const size_t t = a->rows, h = a->config.hidden_size, f = a->config.intermediate_size;
    for (size_t i = 0; i < a->config.num_hidden_layers; i++) {
        struct elc_layer_activations *layer = &a->layers[i];
        if (i > 0 && !a->keep) {
            *layer = a->layers[0];
            continue;
        }
        layer->qkv = elc_carve(a->block, used, t * 3 * h);
        layer->context = elc_carve(a->block, used, t * h);
        if (!a->keep)
            continue;
        layer->log_sum = elc_carve(a->block, used, t * a->config.num_attention_heads);
        layer->attention_hat = elc_carve(a->block, used, t * h);
        layer->attention_rstd = elc_carve(a->block, used, t);
        layer->inner = elc_carve(a->block, used, t * f);
        layer->output_hat = elc_carve(a->block, used, t * h);
        layer->output_rstd = elc_carve(a->block, used, t);
    }
}

static void layout_workers(struct elc_activations *a, size_t *used) {
    const size_t h = a->config.hidden_size, f = a->config.intermediate_size;
    const size_t widest = max_size(h, a->config.embedding_size);
    for (size_t i = 0; i < a->n_workers; i++) {
        struct elc_worker_memory *worker = &a->workers[i];
        worker->product = elc_carve(a->block, used, ELC_TILE_ROWS * widest);
        worker->middle = elc_carve(a->block, used, ELC_TILE_ROWS * h);
        worker->inner = elc_carve(a->block, used, ELC_TILE_ROWS * f);
        worker->active = elc_carve(a->block, used, ELC_TILE_ROWS * f);
        worker->factors = elc_carve(a->block, used, widest + 8);
        worker->attention = elc_carve(a->block, used, elc_attention_scratch(a->longest));
    }
}

static void layout_backward(struct elc_activations *a, size_t *used) {
    const size_t t = a->rows, e = a->config.embedding_size;
    const size_t h = a->config.hidden_size, f = a->config.intermediate_size;
    a->embedding_hat = elc_carve(a->block, used, t * e);
    a->embedding_rstd = elc_carve(a->block, used, t);
    a->projected = elc_carve(a->block, used, t * h);
    a->d_hidden = elc_carve(a->block, used, t * h);
    a->d_output = elc_carve(a->block, used, t * h);
    a->active = elc_carve(a->block, used, t * max_size(f, h));
    a->d_inner = elc_carve(a->block, used, t * f);
    a->middle = elc_carve(a->block, used, t * h);
    a->d_attention = elc_carve(a->block, used, t * h);
    a->d_context = elc_carve(a->block, used, t * h);
    a->d_qkv = elc_carve(a->block, used, t * 3 * h);
    a->input = elc_carve(a->block, used, t * h);
    a->embedding = elc_carve(a->block, used, t * e);
    a->d_embedding = elc_carve(a->block, used, t * e);
    a->partial =
        elc_carve(a->block, used, max_size(elc_tiles(t), ELC_TILES_WANTED) * 4 * max_size(h, e));
}

/* Names every piece; returns the numbers needed. */
static size_t layout(struct elc_activations *a) {
    size_t used = 0;
    layout_layers(a, &used);
    layout_workers(a, &used);
    a->hidden = elc_carve(a->block, &used, a->rows * a->config.hidden_size);
    a->head_inner = elc_carve(a->block, &used, a->rows * a->config.hidden_size);
    a->logits = elc_carve(a->block, &used, a->rows);
    if (a->keep)
        layout_backward(a, &used);
    return used;
}

static bool same_shape(const struct elc_config *a, const struct elc_config *b) {
    return a->vocab_size == b->vocab_size && a->embedding_size == b->embedding_size &&
           a->hidden_size == b->hidden_size && a->num_hidden_layers == b->num_hidden_layers &&
           a->num_attention_heads == b->num_attention_heads &&
           a->intermediate_size == b->intermediate_size;
}

static size_t longest_text(const struct elc_batch *batch) {
    size_t longest = 0;
    for (size_t i = 0; i < batch->n_sequences; i++)
        longest = max_size(longest, batch->starts[i + 1] - batch->starts[i]);
    return longest;
}

static int allocate(struct elc_activations *a) {
    const size_t n_layers = a->config.num_hidden_layers;
    a->layers = calloc(n_layers ? n_layers : 1, sizeof *a->layers);
    a->workers = calloc(a->n_workers, sizeof *a->workers);
    if (!a->layers || !a->workers)
        return elc_fail_memory(0);
    a->block = elc_calloc_aligned(layout(a), sizeof *a->block);
    if (!a->block)
        return ELC_ENOMEM;
    layout(a);
    return a->keep ? elc_packed_new(&a->packed, &a->config, true) : 0;
}

int elc_activations_prepare(struct elc_activations **activations, const struct elc_config *config,
                            const struct elc_batch *batch, bool keep, int n_workers) {
    struct elc_activations *old = *activations;
    const bool same = old && same_shape(&old->config, config);
    /* Rounded up, so that batches which differ by a few tokens do not each want new memory. */
    struct elc_activations wanted = {
        .rows = (batch->n_tokens + 255) / 256 * 256,
        .longest = (longest_text(batch) + 63) / 64 * 64,
        .n_workers = (size_t)n_workers,
        .keep = keep,
        .config = *config,
    };
    if (same) {
        if (wanted.rows <= old->rows && wanted.longest <= old->longest &&
            wanted.n_workers <= old->n_workers && keep <= old->keep)
            return 0;
        wanted.rows = max_size(wanted.rows, old->rows);
        wanted.longest = max_size(wanted.longest, old->longest);
        wanted.n_workers = max_size(wanted.n_workers, old->n_workers);
        wanted.keep = keep || old->keep;
    }
    elc_activations_free(old);
    *activations = NULL;
    struct elc_activations *new = malloc(sizeof *new);
    if (!new)
        return elc_fail_memory(sizeof *new);
    *new = wanted;
    int err = allocate(new);
    if (err) {
        elc_activations_free(new);
        return err;
    }
    *activations = new;
    return 0;
}

void elc_activations_free(struct elc_activations *a) {
    if (!a)
        return;
    elc_generator_memory_free(a->generator);
    elc_packed_free(a->packed);
    free(a->layers);
    free(a->workers);
    free(a->block);
    free(a);
}
