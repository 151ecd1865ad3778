/* The discriminator's head, forward and backward. */
#include "discriminator.h"

#include <string.h>

static int head_tile(void *context, size_t item, int worker) {
    struct elc_pass *pass = context;
    const struct elc_config *config = &pass->weights->config;
    const struct elc_discriminator_head *head = &pass->weights->discriminator;
    struct elc_activations *a = pass->a;
    const size_t h = config->hidden_size, first = item * ELC_TILE_ROWS;
    const size_t n = elc_tile_rows(pass->batch->n_tokens, item);
    elc_float *inner = a->head_inner + first * h, *active = a->workers[worker].product;
    elc_tile_forward(inner, h, a->hidden + first * h, h, head->dense.weight, h, h);
    elc_add_bias(inner, h, head->dense.bias, n, h);
    elc_activate(active, inner, n * h, config->hidden_act);
    for (size_t i = 0; i < n; i++)
        a->logits[first + i] = elc_dot(active + i * h, head->dense_prediction.weight, h) +
                               *head->dense_prediction.bias;
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
    struct elc_pass pass = {
        .a = workspace->activations,
        .weights = weights,
        .batch = batch,
        .pool = workspace->pool,
    };
    *logits = pass.a->logits;
    return elc_discriminator_head(&pass);
}

/* ---- backward ---- */

struct head_backward {
    struct elc_pass *pass;
    const elc_float *d_logits;
};

/* The layers' backward buffers are free at this time: `active` holds the activation's output,
 * `d_output` the gradient by its input. */
static int head_tile_backward(void *context, size_t item, int worker) {
    (void)worker;
    const struct head_backward *backward = context;
    const struct elc_weights *weights = backward->pass->weights;
    const struct elc_discriminator_head *head = &weights->discriminator;
    struct elc_activations *a = backward->pass->a;
    const size_t h = weights->config.hidden_size, first = item * ELC_TILE_ROWS;
    const size_t n = elc_tile_rows(backward->pass->batch->n_tokens, item);
    for (size_t row = first; row < first + n; row++) {
        elc_float *d = a->d_output + row * h;
        memset(d, 0, h * sizeof *d);
        elc_axpy(d, backward->d_logits[row], head->dense_prediction.weight, h);
    }
    elc_activate_backward(a->d_output + first * h, a->active + first * h, a->head_inner + first * h,
                          n * h, weights->config.hidden_act);
    elc_tile_backward(a->d_hidden + first * h, h, a->d_output + first * h, h, head->dense.weight, h,
                      h, 0);
    return 0;
}

int elc_discriminator_head_backward(struct elc_pass *pass, const elc_float *d_logits) {
    struct elc_activations *a = pass->a;
    const struct elc_discriminator_head *d = &pass->gradients->discriminator;
    const size_t t = pass->batch->n_tokens, h = pass->weights->config.hidden_size;
    struct head_backward backward = {pass, d_logits};
    int err = elc_parallel_for(pass->pool, elc_tiles(t), head_tile_backward, &backward);
    if (err)
        return err;
    const struct elc_weight_gradient gradients[] = {
        {d->dense.weight, d->dense.bias, a->d_output, a->hidden, h, h, t, h, h},
        {d->dense_prediction.weight, d->dense_prediction.bias, d_logits, a->active, 1, h, t, 1, h},
    };
    return elc_weight_gradients(pass->pool, gradients, 2);
}
