/* The encoder, backward: from d_hidden, the gradient by the last layer's output, to the gradients
 * of all its weights. */
#include <string.h>

#include "activations.h"

/* ---- weight gradients, in fixed tiles ---- */

struct weight_gradients {
    const struct elc_weight_gradient *gradients;
    size_t n;
    struct elc_pool *pool;
};

/* Takes tile number *item of all gradients together; false, with *item lessened, if there are
 * fewer. */
static bool take_tile(const struct weight_gradients *all, size_t *item, int worker) {
    for (size_t i = 0; i < all->n; i++) {
        const size_t n_tiles = elc_weight_gradient_tiles(&all->gradients[i]);
        if (*item < n_tiles) {
            struct elc_lap lap = elc_lap_begin(elc_pool_profile(all->pool, worker));
            const struct elc_weight_gradient *g = &all->gradients[i];
            elc_weight_gradient_tile(g, *item);
            const double share = 1 / (double)n_tiles;
            elc_lap_end(
                &lap, ELC_OP_WEIGHTS, 2.0 * share * (double)(g->n_out * g->n_in * g->n_rows),
                share * (double)(g->n_rows * (g->n_out + g->n_in) + 2 * g->n_out * g->n_in));
            return true;
        }
        *item -= n_tiles;
    }
    return false;
}

static size_t count_tiles(const struct weight_gradients *all) {
    size_t n_tiles = 0;
    for (size_t i = 0; i < all->n; i++)
        n_tiles += elc_weight_gradient_tiles(&all->gradients[i]);
    return n_tiles;
}

static int weight_tile(void *context, size_t item, int worker) {
    take_tile(context, &item, worker);
    return 0;
}

int elc_weight_gradients(struct elc_pool *pool, const struct elc_weight_gradient *gradients,
                         size_t n) {
    struct weight_gradients all = {gradients, n, pool};
    return elc_parallel_for(pool, count_tiles(&all), weight_tile, &all);
}

/* ---- LayerNorm ----
 *
 * A tile adds up its own part of d_gamma and d_beta in a slot of `partial`; the parts are added in
 * the order of the tiles once all are there. A slot holds the parts of up to two LayerNorms. */

static size_t slot_width(const struct elc_config *config) {
    const size_t h = config->hidden_size, e = config->embedding_size;
    return 4 * (h > e ? h : e);
}

static void add_partials(const struct elc_pass *pass, const struct elc_norm *gradient,
                         size_t offset, size_t width) {
    const size_t slot = slot_width(&pass->weights->config);
    for (size_t tile = 0; tile < elc_tiles(pass->batch->n_tokens); tile++) {
        const elc_float *part = pass->a->partial + tile * slot + offset;
        elc_axpy(gradient->weight, 1, part, width);
        elc_axpy(gradient->bias, 1, part + width, width);
    }
}

/* ---- a layer's rows ---- */

/* Back through LayerNorm(residual + dropout(product)): d, by the LayerNorm's output, becomes the
 * gradient by the residual; d_product is that behind the dropout. */
static void join_backward(const struct elc_pass *pass, const struct elc_tile *tile, elc_float *d,
                          elc_float *d_product, elc_float *partial, const elc_float *hat,
                          const elc_float *rstd, const elc_float *gamma, unsigned unit,
                          elc_float *memory) {
    const size_t h = pass->weights->config.hidden_size;
    struct elc_row_dropout dropout = {
        .pass = pass, .site = elc_dropout_site(pass->site_network, pass->layer + 1, unit)};
    for (size_t row = tile->first; row < tile->first + tile->n; row++) {
        elc_norm_backward_row(d + row * h, partial, partial + h, d + row * h, hat + row * h,
                              rstd[row], gamma, h);
        memcpy(d_product + row * h, d + row * h, h * sizeof *d);
        const elc_float *factors = elc_row_factors(&dropout, row, h, memory);
        if (factors)
            elc_multiply(d_product + row * h, factors, h);
    }
}

/* The input of pass->layer once more: the output of the LayerNorm before it. */
static void restore_input(const struct elc_pass *pass, const struct elc_tile *tile) {
    if (pass->layer == 0)
        return; /* `projected` was kept */
    const size_t h = pass->weights->config.hidden_size;
    const struct elc_norm *norm = &pass->weights->layers[pass->layer - 1].output_norm;
    const elc_float *hat = pass->a->layers[pass->layer - 1].output_hat;
    for (size_t row = tile->first; row < tile->first + tile->n; row++)
        elc_norm_scale(pass->a->input + row * h, hat + row * h, norm->weight, norm->bias, h);
}

/* From d_hidden, by the layer's output, to d_context; d_hidden becomes the gradient by the layer's
 * input as far as it went past attention. */
static int layer_tile(void *context, size_t item, int worker) {
    struct elc_pass *pass = context;
    const struct elc_config *config = &pass->weights->config;
    const struct elc_layer *layer = &pass->weights->layers[pass->layer];
    const struct elc_layer_activations *saved = &pass->a->layers[pass->layer];
    const struct elc_packed_layer *packed = &pass->a->packed->layers[pass->layer];
    struct elc_activations *a = pass->a;
    const size_t h = config->hidden_size, f = config->intermediate_size;
    const struct elc_tile tile = elc_tile(item, pass->batch->n_tokens);
    const size_t at_h = tile.first * h, at_f = tile.first * f;
    elc_float *factors = a->workers[worker].factors;
    elc_float *partial = a->partial + item * slot_width(config);
    memset(partial, 0, 4 * h * sizeof *partial);
    struct elc_lap lap = elc_pass_lap(pass, worker);

    join_backward(pass, &tile, a->d_hidden, a->d_output, partial + 2 * h, saved->output_hat,
                  saved->output_rstd, layer->output_norm.weight, 1, factors);
    elc_lap_end(&lap, ELC_OP_NORM_BACKWARD, 0, 4.0 * (double)(tile.n * h));
    elc_multiply_packed(a->d_inner + at_f, f, a->d_output + at_h, h, packed->backward[ELC_OUTPUT],
                        NULL, false, tile.n, f, h);
    elc_lap_product(&lap, ELC_OP_ROWS_BACKWARD, tile.n, f, h);
    elc_activate_backward(a->d_inner + at_f, a->active + at_f, saved->inner + at_f, tile.n * f,
                          config->hidden_act);
    elc_lap_end(&lap, ELC_OP_ACTIVATION_BACKWARD, 0, 4.0 * (double)(tile.n * f));
    elc_multiply_packed(a->d_hidden + at_h, h, a->d_inner + at_f, f,
                        packed->backward[ELC_INTERMEDIATE], NULL, true, tile.n, h, f);
    elc_lap_product(&lap, ELC_OP_ROWS_BACKWARD, tile.n, h, f);
    join_backward(pass, &tile, a->d_hidden, a->d_attention, partial, saved->attention_hat,
                  saved->attention_rstd, layer->attention_norm.weight, 0, factors);
    elc_lap_end(&lap, ELC_OP_NORM_BACKWARD, 0, 4.0 * (double)(tile.n * h));
    elc_multiply_packed(a->d_context + at_h, h, a->d_attention + at_h, h,
                        packed->backward[ELC_ATTENTION_OUTPUT], NULL, false, tile.n, h, h);
    elc_lap_product(&lap, ELC_OP_ROWS_BACKWARD, tile.n, h, h);

    for (size_t row = tile.first; row < tile.first + tile.n; row++)
        elc_norm_scale(a->middle + row * h, saved->attention_hat + row * h,
                       layer->attention_norm.weight, layer->attention_norm.bias, h);
    restore_input(pass, &tile);
    elc_lap_end(&lap, ELC_OP_NORM_BACKWARD, 0, 4.0 * (double)(tile.n * h));
    return 0;
}

/* ---- attention ---- */

static int attend_backward(void *context, size_t item, int worker) {
    struct elc_pass *pass = context;
    const struct elc_config *config = &pass->weights->config;
    const struct elc_layer_activations *saved = &pass->a->layers[pass->layer];
    const size_t h = config->hidden_size, n_heads = config->num_attention_heads;
    struct elc_attention attention;
    const size_t row = elc_attention_of(&attention, pass, item, worker);
    struct elc_lap lap = elc_pass_lap(pass, worker);
    const size_t head = item % n_heads, column = head * attention.d;
    elc_float *d_query = pass->a->d_qkv + row * 3 * h + column;
    elc_attention_backward(d_query, d_query + h, d_query + 2 * h,
                           pass->a->d_context + row * h + column, saved->context + row * h + column,
                           saved->log_sum + head * pass->batch->n_tokens + row, &attention);
    elc_lap_end(&lap, ELC_OP_ATTENTION_BACKWARD,
                10.0 * (double)(attention.n * attention.n * attention.d),
                8.0 * (double)(attention.n * attention.d));
    return 0;
}

/* ---- a layer's weights, and what attention sends back to its input ---- */

enum { WEIGHTS_OF_LAYER = 6 };

static void layer_weights(struct elc_weight_gradient gradients[WEIGHTS_OF_LAYER],
                          const struct elc_pass *pass) {
    const struct elc_config *config = &pass->weights->config;
    const struct elc_layer *d = &pass->gradients->layers[pass->layer];
    const struct elc_activations *a = pass->a;
    const size_t t = pass->batch->n_tokens, h = config->hidden_size, f = config->intermediate_size;
    const elc_float *input = pass->layer == 0 ? a->projected : a->input;
    const struct elc_linear *parts[] = {&d->query, &d->key, &d->value};
    for (size_t i = 0; i < 3; i++)
        gradients[i] = (struct elc_weight_gradient){
            parts[i]->weight, parts[i]->bias, a->d_qkv + i * h, input, 3 * h, h, t, h, h};
    gradients[3] = (struct elc_weight_gradient){d->attention_output.weight,
                                                d->attention_output.bias,
                                                a->d_attention,
                                                a->layers[pass->layer].context,
                                                h,
                                                h,
                                                t,
                                                h,
                                                h};
    gradients[4] = (struct elc_weight_gradient){
        d->intermediate.weight, d->intermediate.bias, a->d_inner, a->middle, f, h, t, f, h};
    gradients[5] = (struct elc_weight_gradient){
        d->output.weight, d->output.bias, a->d_output, a->active, h, f, t, h, f};
}

/* Weight tiles first, they take longest; then tiles of rows; the LayerNorms are the last item. */
struct layer_end {
    const struct elc_pass *pass;
    struct weight_gradients weights;
    size_t n_row_tiles;
};

static void qkv_backward(const struct elc_pass *pass, size_t item, int worker) {
    const size_t h = pass->weights->config.hidden_size;
    const struct elc_tile tile = elc_tile(item, pass->batch->n_tokens);
    const struct elc_packed_layer *packed = &pass->a->packed->layers[pass->layer];
    struct elc_lap lap = elc_pass_lap(pass, worker);
    for (size_t i = 0; i < 3; i++)
        elc_multiply_packed(pass->a->d_hidden + tile.first * h, h,
                            pass->a->d_qkv + tile.first * 3 * h + i * h, 3 * h,
                            packed->backward[ELC_QUERY + i], NULL, true, tile.n, h, h);
    elc_lap_product(&lap, ELC_OP_ROWS_BACKWARD, tile.n, h, 3 * h);
}

static int layer_end_item(void *context, size_t item, int worker) {
    const struct layer_end *end = context;
    const struct elc_pass *pass = end->pass;
    if (take_tile(&end->weights, &item, worker))
        return 0;
    if (item < end->n_row_tiles) {
        qkv_backward(pass, item, worker);
        return 0;
    }
    const size_t h = pass->weights->config.hidden_size;
    const struct elc_layer *d = &pass->gradients->layers[pass->layer];
    add_partials(pass, &d->attention_norm, 0, h);
    add_partials(pass, &d->output_norm, 2 * h, h);
    return 0;
}

static int layer_backward(struct elc_pass *pass) {
    const size_t n_tiles = elc_tiles(pass->batch->n_tokens);
    const size_t n_attentions =
        pass->batch->n_sequences * pass->weights->config.num_attention_heads;
    int err = elc_parallel_for(pass->pool, n_tiles, layer_tile, pass);
    if (!err)
        err = elc_parallel_for(pass->pool, n_attentions, attend_backward, pass);
    if (err)
        return err;
    struct elc_weight_gradient gradients[WEIGHTS_OF_LAYER];
    layer_weights(gradients, pass);
    struct layer_end end = {pass, {gradients, WEIGHTS_OF_LAYER, pass->pool}, n_tiles};
    return elc_parallel_for(pass->pool, count_tiles(&end.weights) + n_tiles + 1, layer_end_item,
                            &end);
}

/* ---- embeddings ---- */

/* d_embedding becomes the gradient by word + type + position. */
static int embedding_tile(void *context, size_t item, int worker) {
    struct elc_pass *pass = context;
    const struct elc_config *config = &pass->weights->config;
    const struct elc_norm *norm = &pass->weights->embeddings.norm;
    struct elc_activations *a = pass->a;
    const size_t e = config->embedding_size, h = config->hidden_size;
    const struct elc_tile tile = elc_tile(item, pass->batch->n_tokens);
    elc_float *partial = a->partial + item * slot_width(config);
    memset(partial, 0, 2 * e * sizeof *partial);
    struct elc_lap lap = elc_pass_lap(pass, worker);
    if (e != h)
        elc_rows_backward(a->d_embedding + tile.first * e, e, a->d_hidden + tile.first * h, h,
                          pass->weights->project.weight, tile.n, h, e, 0);
    else
        memcpy(a->d_embedding + tile.first * e, a->d_hidden + tile.first * h,
               tile.n * h * sizeof *partial);
    struct elc_row_dropout dropout = {.pass = pass,
                                      .site = elc_dropout_site(pass->site_network, 0, 0)};
    for (size_t row = tile.first; row < tile.first + tile.n; row++) {
        elc_float *d = a->d_embedding + row * e, *out = a->embedding + row * e;
        const elc_float *hat = a->embedding_hat + row * e;
        const elc_float *factors = elc_row_factors(&dropout, row, e, a->workers[worker].factors);
        elc_norm_scale(out, hat, norm->weight, norm->bias, e);
        if (factors) {
            elc_multiply(out, factors, e);
            elc_multiply(d, factors, e);
        }
        elc_norm_backward_row(d, partial, partial + e, d, hat, a->embedding_rstd[row], norm->weight,
                              e);
    }
    elc_lap_product(&lap, ELC_OP_EMBED_BACKWARD, tile.n, e, e != h ? h : 0);
    return 0;
}

/* Adds rows to the tables, in order, for some columns: so no two threads meet. */
enum { TABLE_COLUMNS = 32 };

static int table_columns(void *context, size_t item, int worker) {
    const struct elc_pass *pass = context;
    const struct elc_batch *batch = pass->batch;
    struct elc_lap lap = elc_pass_lap(pass, worker);
    const struct elc_embeddings *d = &pass->gradients->embeddings;
    const size_t e = pass->weights->config.embedding_size, first = item * TABLE_COLUMNS;
    const size_t n = e - first < TABLE_COLUMNS ? e - first : TABLE_COLUMNS;
    for (size_t row = 0; row < batch->n_tokens; row++) {
        const elc_float *d_row = pass->a->d_embedding + row * e + first;
        elc_axpy(d->word + batch->ids[row] * e + first, 1, d_row, n);
        elc_axpy(d->type + batch->types[row] * e + first, 1, d_row, n);
        elc_axpy(d->position + batch->positions[row] * e + first, 1, d_row, n);
    }
    elc_lap_end(&lap, ELC_OP_EMBED_BACKWARD, 0, 7.0 * (double)(batch->n_tokens * n));
    return 0;
}

static int embeddings_backward(struct elc_pass *pass) {
    const size_t e = pass->weights->config.embedding_size, h = pass->weights->config.hidden_size;
    const struct elc_activations *a = pass->a;
    const size_t t = pass->batch->n_tokens;
    int err = elc_parallel_for(pass->pool, elc_tiles(t), embedding_tile, pass);
    if (!err && e != h) {
        const struct elc_linear *d = &pass->gradients->project;
        const struct elc_weight_gradient project = {
            d->weight, d->bias, a->d_hidden, a->embedding, h, e, t, h, e};
        err = elc_weight_gradients(pass->pool, &project, 1);
    }
    if (err)
        return err;
    add_partials(pass, &pass->gradients->embeddings.norm, 0, e);
    return elc_parallel_for(pass->pool, (e + TABLE_COLUMNS - 1) / TABLE_COLUMNS, table_columns,
                            pass);
}

int elc_encoder_backward(struct elc_pass *pass) {
    int err = 0;
    for (unsigned i = pass->weights->config.num_hidden_layers; !err && i > 0; i--) {
        pass->layer = i - 1;
        err = layer_backward(pass);
    }
    return err ? err : embeddings_backward(pass);
}
