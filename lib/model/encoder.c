/* The encoder, forward. */
#include <string.h>

#include "activations.h"

/* ---- what forward and backward share ---- */

void elc_rows_backward(elc_float *d_x, size_t ld_x, const elc_float *d_y, size_t ld_y,
                       const elc_float *weight, size_t n, size_t n_out, size_t n_in, bool add) {
    elc_gemm(ELC_PLAIN, ELC_PLAIN, n, n_in, n_out, d_y, ld_y, weight, n_in, add, d_x, ld_x);
}

/* The text that a row belongs to. */
static size_t text_of(const struct elc_batch *batch, size_t row) {
    size_t low = 0, high = batch->n_sequences;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (batch->starts[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

const elc_float *elc_row_factors(struct elc_row_dropout *dropout, size_t row, size_t width,
                                 elc_float *factors) {
    const struct elc_pass *pass = dropout->pass;
    if (!pass->hidden_dropout.threshold)
        return NULL;
    if (row >= dropout->end) {
        const size_t text = text_of(pass->batch, row);
        elc_dropout_begin(&dropout->random, &pass->hidden_dropout, pass->batch->places[text],
                          dropout->site);
        dropout->end = pass->batch->starts[text + 1];
    }
    elc_dropout_factors(factors, &dropout->random, &pass->hidden_dropout,
                        pass->batch->positions[row], width);
    return factors;
}

/* ---- rows ---- */

/* The matrices of the layer that the pass is at, packed, or NULL. */
static const struct elc_packed_layer *packed_layer(const struct elc_pass *pass) {
    const struct elc_packed *packed = pass->a->keep ? pass->a->packed : pass->weights->packed;
    return packed ? &packed->layers[pass->layer] : NULL;
}

/* y = linear(x) for n rows of x that lie close together, where `linear` is one of the layer's. */
static void forward_rows(const struct elc_pass *pass, elc_float *y, size_t ld_y, const elc_float *x,
                         const struct elc_linear *linear, enum elc_matrix matrix, size_t n,
                         size_t n_out, size_t n_in) {
    const struct elc_packed_layer *packed = packed_layer(pass);
    if (packed)
        elc_multiply_packed(y, ld_y, x, n_in, packed->forward[matrix], linear->bias, false, n,
                            n_out, n_in);
    else
        elc_linear(y, ld_y, x, n_in, linear->weight, n_in, linear->bias, n, n_out, n_in);
}

/* A place where a block's output joins the residual stream, and the LayerNorm behind it. */
struct join {
    const struct elc_norm *norm;
    unsigned unit;         /* of the dropout's site */
    elc_float *hat, *rstd; /* [T, H], [T]: kept for the backward pass, or NULL */
};

/* out = LayerNorm(residual + dropout(product)). `product` is overwritten; `out` may be
 * `residual`. All start at the tile's first row. */
static void add_and_norm(const struct elc_pass *pass, const struct elc_tile *tile, elc_float *out,
                         elc_float *product, const elc_float *residual, elc_float *factors,
                         const struct join *join) {
    const size_t h = pass->weights->config.hidden_size;
    const elc_float eps = (elc_float)pass->weights->config.layer_norm_eps;
    struct elc_row_dropout dropout = {
        .pass = pass, .site = elc_dropout_site(pass->site_network, pass->layer + 1, join->unit)};
    for (size_t i = 0; i < tile->n; i++) {
        const size_t row = tile->first + i;
        elc_float *sum = product + i * h;
        elc_float *hat = join->hat ? join->hat + row * h : sum;
        elc_add_residual(sum, elc_row_factors(&dropout, row, h, factors), residual + i * h, h);
        elc_float rstd = elc_norm_row(hat, sum, h, eps);
        if (join->rstd)
            join->rstd[row] = rstd;
        elc_norm_scale(out + i * h, hat, join->norm->weight, join->norm->bias, h);
    }
}

/* Queries, keys and values of pass->layer from the tile's hidden states. */
static void project_qkv(const struct elc_pass *pass, const struct elc_tile *tile) {
    const size_t h = pass->weights->config.hidden_size;
    const struct elc_layer *layer = &pass->weights->layers[pass->layer];
    const struct elc_linear *parts[] = {&layer->query, &layer->key, &layer->value};
    const elc_float *x = pass->a->hidden + tile->first * h;
    elc_float *qkv = pass->a->layers[pass->layer].qkv + tile->first * 3 * h;
    for (size_t i = 0; i < 3; i++)
        forward_rows(pass, qkv + i * h, 3 * h, x, parts[i], (enum elc_matrix)(ELC_QUERY + i),
                     tile->n, h, h);
}

/* ---- embeddings ---- */

static void embed_row(const struct elc_pass *pass, elc_float *sum, size_t row) {
    const size_t e = pass->weights->config.embedding_size;
    const struct elc_embeddings *tables = &pass->weights->embeddings;
    memcpy(sum, tables->word + pass->batch->ids[row] * e, e * sizeof *sum);
    elc_axpy(sum, 1, tables->type + pass->batch->types[row] * e, e);
    elc_axpy(sum, 1, tables->position + pass->batch->positions[row] * e, e);
}

/* dropout(LayerNorm(word + type + position)) into the worker's product. */
static void embed(const struct elc_pass *pass, const struct elc_tile *tile,
                  struct elc_worker_memory *worker) {
    const struct elc_config *config = &pass->weights->config;
    const struct elc_norm *norm = &pass->weights->embeddings.norm;
    struct elc_activations *a = pass->a;
    const size_t e = config->embedding_size;
    struct elc_row_dropout dropout = {.pass = pass,
                                      .site = elc_dropout_site(pass->site_network, 0, 0)};
    for (size_t i = 0; i < tile->n; i++) {
        const size_t row = tile->first + i;
        elc_float *out = worker->product + i * e;
        elc_float *hat = a->keep ? a->embedding_hat + row * e : out;
        embed_row(pass, out, row);
        elc_float rstd = elc_norm_row(hat, out, e, (elc_float)config->layer_norm_eps);
        if (a->keep)
            a->embedding_rstd[row] = rstd;
        elc_norm_scale(out, hat, norm->weight, norm->bias, e);
        const elc_float *factors = elc_row_factors(&dropout, row, e, worker->factors);
        if (factors)
            elc_multiply(out, factors, e);
    }
}

static int embed_tile(void *context, size_t item, int worker) {
    struct elc_pass *pass = context;
    const struct elc_config *config = &pass->weights->config;
    struct elc_activations *a = pass->a;
    const size_t e = config->embedding_size, h = config->hidden_size;
    const struct elc_tile tile = elc_tile(item, pass->batch->n_tokens);
    struct elc_worker_memory *memory = &a->workers[worker];
    elc_float *hidden = a->hidden + tile.first * h;
    struct elc_lap lap = elc_pass_lap(pass, worker);
    embed(pass, &tile, memory);
    if (e != h)
        elc_linear(hidden, h, memory->product, e, pass->weights->project.weight, e,
                   pass->weights->project.bias, tile.n, h, e);
    else
        memcpy(hidden, memory->product, tile.n * h * sizeof *hidden);
    if (a->keep)
        memcpy(a->projected + tile.first * h, hidden, tile.n * h * sizeof *hidden);
    elc_lap_product(&lap, ELC_OP_EMBED, tile.n, h, e != h ? e : 0);
    if (config->num_hidden_layers > 0)
        project_qkv(pass, &tile);
    elc_lap_product(&lap, ELC_OP_QKV, tile.n, 3 * h, h);
    return 0;
}

/* ---- a layer ---- */

/* Is it the last layer, of which only each text's first token is wanted? */
static bool wants_first(const struct elc_pass *pass) {
    return pass->first_only && pass->layer + 1 == pass->weights->config.num_hidden_layers;
}

static int attend(void *context, size_t item, int worker) {
    struct elc_pass *pass = context;
    const struct elc_config *config = &pass->weights->config;
    const struct elc_layer_activations *layer = &pass->a->layers[pass->layer];
    struct elc_attention attention;
    const size_t row = elc_attention_of(&attention, pass, item, worker);
    const size_t head = item % config->num_attention_heads;
    elc_float *log_sum =
        layer->log_sum ? layer->log_sum + head * pass->batch->n_tokens + row : NULL;
    struct elc_lap lap = elc_pass_lap(pass, worker);
    elc_attention_forward(layer->context + row * config->hidden_size + head * attention.d, log_sum,
                          &attention);
    const size_t asked = attention.n_queries ? attention.n_queries : attention.n;
    elc_lap_end(&lap, ELC_OP_ATTENTION, 4.0 * (double)(asked * attention.n * attention.d),
                4.0 * (double)(attention.n * attention.d));
    return 0;
}

size_t elc_attention_of(struct elc_attention *attention, const struct elc_pass *pass, size_t item,
                        int worker) {
    const struct elc_config *config = &pass->weights->config;
    const size_t h = config->hidden_size, n_heads = config->num_attention_heads;
    const size_t text = item / n_heads, head = item % n_heads;
    const size_t row = pass->batch->starts[text];
    const elc_float *query = pass->a->layers[pass->layer].qkv + row * 3 * h + head * (h / n_heads);
    *attention = (struct elc_attention){
        .query = query,
        .key = query + h,
        .value = query + 2 * h,
        .n = pass->batch->starts[text + 1] - row,
        .n_queries = wants_first(pass) ? 1 : 0,
        .d = h / n_heads,
        .ld = 3 * h,
        .ld_context = h,
        .dropout = &pass->attention_dropout,
        .scratch = pass->a->workers[worker].attention,
    };
    if (pass->attention_dropout.threshold)
        elc_dropout_begin(
            &attention->random, &pass->attention_dropout, pass->batch->places[text],
            elc_dropout_site(pass->site_network, pass->layer + 1, 2 + (unsigned)head));
    return row;
}

/* From the attention's output to the layer's, and on to the next layer's queries. */
static int layer_tile(void *context, size_t item, int worker) {
    struct elc_pass *pass = context;
    const struct elc_config *config = &pass->weights->config;
    const struct elc_layer *layer = &pass->weights->layers[pass->layer];
    const struct elc_layer_activations *saved = &pass->a->layers[pass->layer];
    const size_t h = config->hidden_size, f = config->intermediate_size;
    const size_t n_rows = wants_first(pass) ? pass->batch->n_sequences : pass->batch->n_tokens;
    const struct elc_tile tile = elc_tile(item, n_rows);
    struct elc_worker_memory *memory = &pass->a->workers[worker];
    elc_float *hidden = pass->a->hidden + tile.first * h;
    elc_float *inner = saved->inner ? saved->inner + tile.first * f : memory->inner;

    struct elc_lap lap = elc_pass_lap(pass, worker);
    const struct join after_attention = {&layer->attention_norm, 0, saved->attention_hat,
                                         saved->attention_rstd};
    forward_rows(pass, memory->product, h, saved->context + tile.first * h,
                 &layer->attention_output, ELC_ATTENTION_OUTPUT, tile.n, h, h);
    elc_lap_product(&lap, ELC_OP_ATTENTION_OUTPUT, tile.n, h, h);
    add_and_norm(pass, &tile, memory->middle, memory->product, hidden, memory->factors,
                 &after_attention);

    elc_lap_end(&lap, ELC_OP_NORM, 0, 3.0 * (double)(tile.n * h));
    const struct join after_output = {&layer->output_norm, 1, saved->output_hat,
                                      saved->output_rstd};
    forward_rows(pass, inner, f, memory->middle, &layer->intermediate, ELC_INTERMEDIATE, tile.n, f,
                 h);
    elc_lap_product(&lap, ELC_OP_INTERMEDIATE, tile.n, f, h);
    elc_activate(memory->active, inner, tile.n * f, config->hidden_act);
    elc_lap_end(&lap, ELC_OP_ACTIVATION, 0, 2.0 * (double)(tile.n * f));
    forward_rows(pass, memory->product, h, memory->active, &layer->output, ELC_OUTPUT, tile.n, h,
                 f);
    elc_lap_product(&lap, ELC_OP_OUTPUT, tile.n, h, f);
    add_and_norm(pass, &tile, hidden, memory->product, memory->middle, memory->factors,
                 &after_output);
    elc_lap_end(&lap, ELC_OP_NORM, 0, 3.0 * (double)(tile.n * h));

    if (pass->layer + 1 < config->num_hidden_layers) {
        struct elc_pass next = *pass;
        next.layer++;
        project_qkv(&next, &tile);
        elc_lap_product(&lap, ELC_OP_QKV, tile.n, 3 * h, h);
    }
    return 0;
}

/* The rows of the texts' first tokens move to the front: text i becomes row i. */
static void gather_first(const struct elc_pass *pass) {
    const size_t h = pass->weights->config.hidden_size;
    elc_float *hidden = pass->a->hidden, *context = pass->a->layers[pass->layer].context;
    for (size_t i = 0; i < pass->batch->n_sequences; i++) {
        const size_t row = pass->batch->starts[i];
        memmove(hidden + i * h, hidden + row * h, h * sizeof *hidden);
        memmove(context + i * h, context + row * h, h * sizeof *context);
    }
}

int elc_encoder_pass(struct elc_pass *pass) {
    const struct elc_config *config = &pass->weights->config;
    const size_t n_tiles = elc_tiles(pass->batch->n_tokens);
    const size_t n_attentions = pass->batch->n_sequences * config->num_attention_heads;
    pass->layer = 0;
    int err = pass->a->keep ? elc_packed_fill(pass->a->packed, pass->weights, pass->pool) : 0;
    if (!err)
        err = elc_parallel_for(pass->pool, n_tiles, embed_tile, pass);
    for (unsigned i = 0; !err && i < config->num_hidden_layers; i++) {
        pass->layer = i;
        err = elc_parallel_for(pass->pool, n_attentions, attend, pass);
        size_t n = n_tiles;
        if (wants_first(pass)) {
            gather_first(pass);
            n = elc_tiles(pass->batch->n_sequences);
        }
        if (!err)
            err = elc_parallel_for(pass->pool, n, layer_tile, pass);
    }
    return err;
}

/* ---- without dropout ---- */

static int forward(const elc_float **hidden, struct elc_workspace *workspace,
                   const struct elc_weights *weights, const struct elc_batch *batch,
                   bool first_only) {
    int err = elc_batch_check(batch, &weights->config);
    if (!err)
        err = elc_activations_prepare(&workspace->activations, &weights->config, batch, false,
                                      elc_pool_threads(workspace->pool));
    if (err)
        return err;
    struct elc_pass pass = elc_pass_of(workspace, weights, batch);
    pass.first_only = first_only;
    *hidden = pass.a->hidden;
    return elc_encoder_pass(&pass);
}

int elc_encoder_forward(const elc_float **hidden, struct elc_workspace *workspace,
                        const struct elc_weights *weights, const struct elc_batch *batch) {
    return forward(hidden, workspace, weights, batch, false);
}

int elc_encoder_forward_first(const elc_float **hidden, struct elc_workspace *workspace,
                              const struct elc_weights *weights, const struct elc_batch *batch) {
    return forward(hidden, workspace, weights, batch, true);
}

void elc_workspace_free(struct elc_workspace *workspace) {
    elc_activations_free(workspace->activations);
    workspace->activations = NULL;
}
