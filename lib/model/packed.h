/* The layers' matrices in the layout of products (tensor.h), so that a pass over many tiles of rows
 * packs each matrix once. */
#ifndef ELECTRA_MODEL_PACKED_H
#define ELECTRA_MODEL_PACKED_H

#include "electra/encoder.h"

/* One for each matrix of a layer. */
enum elc_matrix {
    ELC_QUERY,
    ELC_KEY,
    ELC_VALUE,
    ELC_ATTENTION_OUTPUT,
    ELC_INTERMEDIATE,
    ELC_OUTPUT,
    ELC_N_MATRICES,
};

struct elc_packed_layer {
    elc_float *forward[ELC_N_MATRICES];  /* Wᵀ, for y = x·Wᵀ */
    elc_float *backward[ELC_N_MATRICES]; /* W, for d_x = d_y·W; NULL if not wanted */
};
struct elc_packed {
    struct elc_config config;
    struct elc_packed_layer *layers; /* [num_hidden_layers] */
    elc_float *block;
    bool with_backward;
};

/* Room for a network of this shape. */
int elc_packed_new(struct elc_packed **packed, const struct elc_config *config,
                   bool with_backward) ELC_MUST_CHECK;
void elc_packed_free(struct elc_packed *packed); /* NULL: nothing */
/* Copies the weights as they are now. */
int elc_packed_fill(struct elc_packed *packed, const struct elc_weights *weights,
                    struct elc_pool *pool) ELC_MUST_CHECK;

#endif
