/* The layers' matrices, packed. */
#include "packed.h"

#include <stdlib.h>

#include "activations.h"
#include "electra/memory.h"

/* A matrix of a layer, [n_out, n_in]. */
struct matrix {
    const elc_float *weight;
    size_t n_out, n_in;
};

static struct matrix matrix_of(const struct elc_config *config, const struct elc_layer *layer,
                               enum elc_matrix which) {
    const size_t h = config->hidden_size, f = config->intermediate_size;
    switch (which) {
    case ELC_QUERY:
        return (struct matrix){layer->query.weight, h, h};
    case ELC_KEY:
        return (struct matrix){layer->key.weight, h, h};
    case ELC_VALUE:
        return (struct matrix){layer->value.weight, h, h};
    case ELC_ATTENTION_OUTPUT:
        return (struct matrix){layer->attention_output.weight, h, h};
    case ELC_INTERMEDIATE:
        return (struct matrix){layer->intermediate.weight, f, h};
    case ELC_OUTPUT:
    case ELC_N_MATRICES:
        break;
    }
    return (struct matrix){layer->output.weight, h, f};
}

/* Names every piece; returns the numbers needed. */
static size_t layout(struct elc_packed *packed) {
    size_t used = 0;
    for (unsigned i = 0; i < packed->config.num_hidden_layers; i++)
        for (int m = 0; m < ELC_N_MATRICES; m++) {
            const struct matrix matrix =
                matrix_of(&packed->config, &(struct elc_layer){0}, (enum elc_matrix)m);
            packed->layers[i].forward[m] =
                elc_carve(packed->block, &used, elc_packed_size(matrix.n_out, matrix.n_in));
            if (packed->with_backward)
                packed->layers[i].backward[m] =
                    elc_carve(packed->block, &used, elc_packed_size(matrix.n_in, matrix.n_out));
        }
    return used;
}

int elc_packed_new(struct elc_packed **packed_out, const struct elc_config *config,
                   bool with_backward) {
    const size_t n_layers = config->num_hidden_layers;
    struct elc_packed *packed = calloc(1, sizeof *packed);
    if (!packed)
        return elc_fail_memory(sizeof *packed);
    packed->config = *config;
    packed->with_backward = with_backward;
    packed->layers = calloc(n_layers ? n_layers : 1, sizeof *packed->layers);
    if (packed->layers)
        packed->block = elc_calloc_aligned(layout(packed), sizeof *packed->block);
    else
        elc_fail_memory(n_layers * sizeof *packed->layers);
    if (!packed->block) {
        elc_packed_free(packed);
        return ELC_ENOMEM;
    }
    layout(packed);
    *packed_out = packed;
    return 0;
}

void elc_packed_free(struct elc_packed *packed) {
    if (!packed)
        return;
    free(packed->layers);
    free(packed->block);
    free(packed);
}

struct fill {
    struct elc_pool *pool;
    struct elc_packed *packed;
    const struct elc_weights *weights;
};

static int fill_matrix(void *context, size_t item, int worker) {
    const struct fill *fill = context;
    struct elc_lap lap = elc_lap_begin(elc_pool_profile(fill->pool, worker));
    const size_t layer = item / ELC_N_MATRICES;
    const enum elc_matrix which = (enum elc_matrix)(item % ELC_N_MATRICES);
    const struct elc_packed_layer *to = &fill->packed->layers[layer];
    const struct matrix m = matrix_of(&fill->packed->config, &fill->weights->layers[layer], which);
    elc_pack(to->forward[which], ELC_TRANSPOSED, m.n_out, m.n_in, m.weight, m.n_in);
    if (to->backward[which])
        elc_pack(to->backward[which], ELC_PLAIN, m.n_in, m.n_out, m.weight, m.n_in);
    elc_lap_end(&lap, ELC_OP_PACK, 0,
                (to->backward[which] ? 4.0 : 2.0) * (double)(m.n_in * m.n_out));
    return 0;
}

int elc_packed_fill(struct elc_packed *packed, const struct elc_weights *weights,
                    struct elc_pool *pool) {
    struct fill fill = {pool, packed, weights};
    const size_t n = (size_t)ELC_N_MATRICES * packed->config.num_hidden_layers;
    return elc_parallel_for(pool, n, fill_matrix, &fill);
}

int elc_weights_pack(struct elc_weights *weights) {
    int err = 0;
    if (!weights->packed)
        err = elc_packed_new(&weights->packed, &weights->config, false);
    return err ? err : elc_packed_fill(weights->packed, weights, NULL);
}
