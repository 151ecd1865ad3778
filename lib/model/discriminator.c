/* The discriminator's head, forward and backward. */
#include "discriminator.h"

#include <string.h>

static int head_tile(void *context, size_t item, int worker) {
    struct elc_pass *pass = context;
    const struct elc_config *config = &pass->weights->config;
    const struct elc_discriminator_head *head = &pass->weights->discriminator;
    struct elc_activations *a = pass->a;
    const size_t h = config->hidden_size;
    const struct elc_tile tile = elc_tile(item, pass->batch->n_tokens);
    elc_float *inner = a->head_inner + tile.first * h, *active = a->workers[worker].product;
    struct elc_lap lap = elc_pass_lap(pass, worker);
    elc_linear(inner, h, a->hidden + tile.first * h, h, head->dense.weight, h, head->dense.bias,
               tile.n, h, h);
    elc_activate(active, inner, tile.n * h, config->hidden_act);
    elc_linear(a->logits + tile.first, 1, active, h, head->dense_prediction.weight, h,
               head->dense_prediction.bias, tile.n, 1, h);
    elc_lap_product(&lap, ELC_OP_HEAD, tile.n, h + 1, h);
    return 0;
}

int elc_discriminator_head(struct elc_pass *pass) {
    return elc_parallel_for(pass->pool, elc_tiles(pass->batch->n_tokens), head_tile, pass);
}

int elc_discriminator_forward(const elc_float **logits, struct elc_workspace *workspace,
                              const struct elc_weights *weights, const struct elc_batch *batch) {
    if (!weights->discriminator.dense.weight)
        return elc_fail(ELC_EMISMATCH, "the model has no discriminator's head");
    const elc_float *hidden;
    int err = elc_encoder_forward(&hidden, workspace, weights, batch);
    if (err)
        return err;
    struct elc_pass pass = elc_pass_of(workspace, weights, batch);
    *logits = pass.a->logits;
    return elc_discriminator_head(&pass);
}

/* ---- backward ---- */

struct head_backward {
    struct elc_pass *pass;
    const elc_float *d_logits;
    enum elc_d_hidden mode;
};

/* The layers' backward buffers are free at this time: `active` holds the activation's output,
 * `d_output` the gradient by its input. */
static int head_tile_backward(void *context, size_t item, int worker) {
    const struct head_backward *backward = context;
    struct elc_lap lap = elc_pass_lap(backward->pass, worker);
    const struct elc_weights *weights = backward->pass->weights;
    const struct elc_discriminator_head *head = &weights->discriminator;
    struct elc_activations *a = backward->pass->a;
    const size_t h = weights->config.hidden_size;
    const struct elc_tile tile = elc_tile(item, backward->pass->batch->n_tokens);
    const size_t at = tile.first * h;
    for (size_t row = tile.first; row < tile.first + tile.n; row++) {
        elc_float *d = a->d_output + row * h;
        memset(d, 0, h * sizeof *d);
        elc_axpy(d, backward->d_logits[row], head->dense_prediction.weight, h);
    }
    elc_activate_backward(a->d_output + at, a->active + at, a->head_inner + at, tile.n * h,
                          weights->config.hidden_act);
    elc_rows_backward(a->d_hidden + at, h, a->d_output + at, h, head->dense.weight, tile.n, h, h,
                      backward->mode == ELC_ADD_D_HIDDEN);
    elc_lap_product(&lap, ELC_OP_HEAD_BACKWARD, tile.n, h, h);
    return 0;
}

int elc_discriminator_head_backward(struct elc_pass *pass, const elc_float *d_logits,
                                    enum elc_d_hidden mode) {
    struct elc_activations *a = pass->a;
    const struct elc_discriminator_head *d = &pass->gradients->discriminator;
    const size_t t = pass->batch->n_tokens, h = pass->weights->config.hidden_size;
    struct head_backward backward = {pass, d_logits, mode};
    int err = elc_parallel_for(pass->pool, elc_tiles(t), head_tile_backward, &backward);
    if (err)
        return err;
    const struct elc_weight_gradient gradients[] = {
        {d->dense.weight, d->dense.bias, a->d_output, a->hidden, h, h, t, h, h},
        {d->dense_prediction.weight, d->dense_prediction.bias, d_logits, a->active, 1, h, t, 1, h},
    };
    return elc_weight_gradients(pass->pool, gradients, 2);
}
