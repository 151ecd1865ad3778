/* The generator's head, forward and backward. */
#include "generator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"

enum {
    CHUNK = 192,       /* rows whose logits are there at one time */
    VOCAB_TILE = 1024, /* columns of logits that a thread computes at a time */
    ROWS_AT_ONCE = 8,  /* rows of cross-entropy, likewise */
    D_OUT_ROWS = 96,   /* rows and columns of the product back from the vocabulary, likewise */
    D_OUT_COLUMNS = 32,
};

/* Whatever hidden_act says, as in transformers. */
static const enum elc_activation HEAD_ACTIVATION = ELC_GELU;

/* M rows, E and H wide; d_… are gradients. */
struct elc_generator_memory {
    size_t rows, chunk, n_workers;
    elc_float *block;
    elc_float *gathered; /* [M, H] hidden states */
    elc_float *inner;    /* [M, E] what goes into the activation */
    elc_float *active;   /* [M, E] what comes out, once more */
    elc_float *hat;      /* [M, E] of the LayerNorm */
    elc_float *rstd;     /* [M] */
    elc_float *out;      /* [M, E] the LayerNorm's output */
    elc_float *d_out;    /* [M, E], then by the LayerNorm's input, then by the activation's */
    elc_float *d_rows;   /* [M, H] */
    elc_float *logits;   /* [chunk, V] */
    elc_float *scratch;  /* [n_workers, V] */
};

static size_t layout(struct elc_generator_memory *memory, const struct elc_config *config) {
    const size_t m = memory->rows, v = config->vocab_size;
    const size_t e = config->embedding_size, h = config->hidden_size;
    size_t used = 0;
    memory->gathered = elc_carve(memory->block, &used, m * h);
    memory->inner = elc_carve(memory->block, &used, m * e);
    memory->active = elc_carve(memory->block, &used, m * e);
    memory->hat = elc_carve(memory->block, &used, m * e);
    memory->rstd = elc_carve(memory->block, &used, m);
    memory->out = elc_carve(memory->block, &used, m * e);
    memory->d_out = elc_carve(memory->block, &used, m * e);
    memory->d_rows = elc_carve(memory->block, &used, m * h);
    memory->logits = elc_carve(memory->block, &used, memory->chunk * v);
    memory->scratch = elc_carve(memory->block, &used, memory->n_workers * v);
    return used;
}

void elc_generator_memory_free(struct elc_generator_memory *memory) {
    if (!memory)
        return;
    free(memory->block);
    free(memory);
}

/* Room for n rows, and logits for `chunk` of them. It lives in the activations, which are made anew
 * when the shape of the network or the number of workers changes. */
static int prepare(const struct elc_pass *pass, size_t n, size_t chunk) {
    struct elc_generator_memory *old = pass->a->generator;
    struct elc_generator_memory wanted = {
        .rows = (n + 127) / 128 * 128, .chunk = chunk, .n_workers = pass->a->n_workers};
    if (old && wanted.rows <= old->rows && wanted.chunk <= old->chunk)
        return 0;
    if (old && old->rows > wanted.rows)
        wanted.rows = old->rows;
    if (old && old->chunk > wanted.chunk)
        wanted.chunk = old->chunk;
    elc_generator_memory_free(old);
    pass->a->generator = NULL;
    struct elc_generator_memory *new = malloc(sizeof *new);
    if (!new)
        return elc_fail_memory(sizeof *new);
    *new = wanted;
    new->block = elc_calloc_aligned(layout(new, &pass->weights->config), sizeof *new->block);
    if (!new->block) {
        elc_generator_memory_free(new);
        return ELC_ENOMEM;
    }
    layout(new, &pass->weights->config);
    pass->a->generator = new;
    return 0;
}

/* ---- up to the LayerNorm ---- */

struct head {
    struct elc_pass *pass;
    const struct elc_generator_targets *targets;
    size_t first, n; /* the chunk at hand */
};

static int gather_tile(void *context, size_t item, int worker) {
    const struct head *head = context;
    const struct elc_pass *pass = head->pass;
    const struct elc_config *config = &pass->weights->config;
    const struct elc_generator_head *weights = &pass->weights->generator;
    struct elc_generator_memory *memory = pass->a->generator;
    const size_t e = config->embedding_size, h = config->hidden_size;
    const struct elc_tile tile = elc_tile(item, head->targets->n);
    const size_t first = tile.first, end = tile.first + tile.n;
    struct elc_lap lap = elc_pass_lap(pass, worker);
    for (size_t i = first; i < end; i++)
        memcpy(memory->gathered + i * h, pass->a->hidden + head->targets->rows[i] * h,
               h * sizeof *memory->gathered);
    elc_float *inner = memory->inner + first * e, *out = memory->out + first * e;
    elc_linear(inner, e, memory->gathered + first * h, h, weights->dense.weight, h,
               weights->dense.bias, tile.n, e, h);
    elc_activate(out, inner, tile.n * e, HEAD_ACTIVATION);
    for (size_t i = first; i < end; i++) {
        memory->rstd[i] = elc_norm_row(memory->hat + i * e, memory->out + i * e, e,
                                       (elc_float)config->layer_norm_eps);
        elc_norm_scale(memory->out + i * e, memory->hat + i * e, weights->norm.weight,
                       weights->norm.bias, e);
    }
    elc_lap_product(&lap, ELC_OP_HEAD, tile.n, e, h);
    return 0;
}

/* ---- logits ---- */

static int logits_tile(void *context, size_t item, int worker) {
    const struct head *head = context;
    const struct elc_weights *weights = head->pass->weights;
    struct elc_generator_memory *memory = head->pass->a->generator;
    const size_t e = weights->config.embedding_size, v = weights->config.vocab_size;
    const size_t column = item * VOCAB_TILE;
    const size_t n_columns = v - column < VOCAB_TILE ? v - column : VOCAB_TILE;
    struct elc_lap lap = elc_pass_lap(head->pass, worker);
    elc_linear(memory->logits + column, v, memory->out + head->first * e, e,
               weights->embeddings.word + column * e, e, weights->generator.bias + column, head->n,
               n_columns, e);
    elc_lap_product(&lap, ELC_OP_VOCABULARY, head->n, n_columns, e);
    return 0;
}

static int chunk_logits(struct head *head) {
    const size_t v = head->pass->weights->config.vocab_size;
    return elc_parallel_for(head->pass->pool, (v + VOCAB_TILE - 1) / VOCAB_TILE, logits_tile, head);
}

int elc_generator_logits(const elc_float **logits, struct elc_workspace *workspace,
                         const struct elc_weights *weights, const uint32_t *rows, size_t n_rows) {
    if (!weights->generator.bias)
        return elc_fail(ELC_EMISMATCH, "the model has no generator's head");
    struct elc_pass pass = elc_pass_of(workspace, weights, NULL);
    const struct elc_generator_targets targets = {.rows = rows, .n = n_rows};
    struct head head = {.pass = &pass, .targets = &targets, .n = n_rows};
    int err = prepare(&pass, n_rows, n_rows);
    if (!err)
        err = elc_parallel_for(pass.pool, elc_tiles(n_rows), gather_tile, &head);
    if (err)
        return err;
    *logits = pass.a->generator->logits;
    return chunk_logits(&head);
}

/* ---- cross-entropy ---- */

/* log(1 + exp(x)) */
static double softplus(double x) {
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

/* Makes of the softmax's loss and gradient those of the mixture. With a = log(1 - r) where the
 * target is what was read, else -infinity, and b = log(r) - loss:
 *
 *     loss' = -log(exp(a) + exp(b))                        w = exp(b + loss'): not copied, given
 *     d_logits' = w · d_logits    d_copy_logit = r - w         that this is the target
 */
static void mix_copy(struct elc_cross_entropy *result, elc_float *logits, size_t v,
                     const struct elc_generator_targets *targets, size_t i) {
    const struct elc_copy *copy = targets->copy;
    const uint32_t row = targets->rows[i];
    const double logit = (double)copy->logits[row];
    const double b = -softplus(-logit) - result->loss;
    double w = 1;
    if (copy->read[row] == targets->targets[i]) {
        const double a = -softplus(logit);
        w = 1 / (1 + exp(a - b));
        result->loss = (a > b ? -a : -b) - log1p(exp(-fabs(a - b)));
    } else {
        result->loss = -b;
    }
    if (targets->weight == 0)
        return;
    for (size_t k = 0; k < v; k++)
        logits[k] *= (elc_float)w;
    const double r = 1 / (1 + exp(-logit));
    copy->d_logits[row] = (elc_float)((double)targets->weight * (r - w));
}

static int cross_entropy_rows(void *context, size_t item, int worker) {
    const struct head *head = context;
    const struct elc_generator_targets *targets = head->targets;
    const struct elc_generator_memory *memory = head->pass->a->generator;
    const size_t v = head->pass->weights->config.vocab_size;
    const size_t first = item * ROWS_AT_ONCE;
    const size_t end = head->n - first < ROWS_AT_ONCE ? head->n : first + ROWS_AT_ONCE;
    struct elc_lap lap = elc_pass_lap(head->pass, worker);
    for (size_t row = first; row < end; row++) {
        const size_t i = head->first + row;
        elc_cross_entropy_row(&targets->results[i], memory->logits + row * v, v,
                              targets->targets[i], targets->weight, targets->temperature,
                              targets->uniforms[i], memory->scratch + (size_t)worker * v);
        if (targets->copy)
            mix_copy(&targets->results[i], memory->logits + row * v, v, targets, i);
    }
    elc_lap_end(&lap, ELC_OP_CROSS_ENTROPY, 0, 2.0 * (double)((end - first) * v));
    return 0;
}

/* A part of d_out = d_logits·word. */
static int vocab_backward_tile(void *context, size_t item, int worker) {
    const struct head *head = context;
    const struct elc_weights *weights = head->pass->weights;
    const struct elc_generator_memory *memory = head->pass->a->generator;
    const size_t e = weights->config.embedding_size, v = weights->config.vocab_size;
    const size_t across = (e + D_OUT_COLUMNS - 1) / D_OUT_COLUMNS;
    const size_t first = item / across * D_OUT_ROWS, column = item % across * D_OUT_COLUMNS;
    const size_t n = head->n - first < D_OUT_ROWS ? head->n - first : D_OUT_ROWS;
    const size_t n_columns = e - column < D_OUT_COLUMNS ? e - column : D_OUT_COLUMNS;
    struct elc_lap lap = elc_pass_lap(head->pass, worker);
    elc_gemm(ELC_PLAIN, ELC_PLAIN, n, n_columns, v, memory->logits + first * v, v,
             weights->embeddings.word + column, e, false,
             memory->d_out + (head->first + first) * e + column, e);
    elc_lap_product(&lap, ELC_OP_VOCABULARY_BACKWARD, n, n_columns, v);
    return 0;
}

static int chunk_backward(struct head *head) {
    const struct elc_pass *pass = head->pass;
    const struct elc_generator_memory *memory = pass->a->generator;
    const size_t e = pass->weights->config.embedding_size, v = pass->weights->config.vocab_size;
    const struct elc_weight_gradient output = {pass->gradients->embeddings.word,
                                               pass->gradients->generator.bias,
                                               memory->logits,
                                               memory->out + head->first * e,
                                               v,
                                               e,
                                               head->n,
                                               v,
                                               e};
    const size_t n_tiles =
        (head->n + D_OUT_ROWS - 1) / D_OUT_ROWS * ((e + D_OUT_COLUMNS - 1) / D_OUT_COLUMNS);
    int err = elc_parallel_for(pass->pool, n_tiles, vocab_backward_tile, head);
    return err ? err : elc_weight_gradients(pass->pool, &output, 1);
}

int elc_generator_head_loss(struct elc_pass *pass, const struct elc_generator_targets *targets) {
    struct head head = {.pass = pass, .targets = targets};
    int err = prepare(pass, targets->n, targets->n < CHUNK ? targets->n : CHUNK);
    if (!err)
        err = elc_parallel_for(pass->pool, elc_tiles(targets->n), gather_tile, &head);
    for (; !err && head.first < targets->n; head.first += CHUNK) {
        head.n = targets->n - head.first < CHUNK ? targets->n - head.first : CHUNK;
        err = chunk_logits(&head);
        if (!err)
            err = elc_parallel_for(pass->pool, (head.n + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE,
                                   cross_entropy_rows, &head);
        if (!err && targets->weight != 0)
            err = chunk_backward(&head);
    }
    return err;
}

/* ---- from the LayerNorm back ---- */

static int scatter_tile(void *context, size_t item, int worker) {
    const struct head *head = context;
    const struct elc_pass *pass = head->pass;
    const struct elc_config *config = &pass->weights->config;
    const struct elc_generator_head *weights = &pass->weights->generator;
    struct elc_generator_memory *memory = pass->a->generator;
    const size_t e = config->embedding_size, h = config->hidden_size;
    const struct elc_tile tile = elc_tile(item, head->targets->n);
    const size_t first = tile.first, end = tile.first + tile.n;
    elc_float *partial = pass->a->partial + item * 2 * e;
    struct elc_lap lap = elc_pass_lap(pass, worker);
    memset(partial, 0, 2 * e * sizeof *partial);
    for (size_t i = first; i < end; i++)
        elc_norm_backward_row(memory->d_out + i * e, partial, partial + e, memory->d_out + i * e,
                              memory->hat + i * e, memory->rstd[i], weights->norm.weight, e);
    elc_activate_backward(memory->d_out + first * e, memory->active + first * e,
                          memory->inner + first * e, tile.n * e, HEAD_ACTIVATION);
    elc_rows_backward(memory->d_rows + first * h, h, memory->d_out + first * e, e,
                      weights->dense.weight, tile.n, e, h, 0);
    for (size_t i = first; i < end; i++)
        memcpy(pass->a->d_hidden + head->targets->rows[i] * h, memory->d_rows + i * h,
               h * sizeof *memory->d_rows);
    elc_lap_product(&lap, ELC_OP_HEAD_BACKWARD, tile.n, h, e);
    return 0;
}

int elc_generator_head_backward(struct elc_pass *pass,
                                const struct elc_generator_targets *targets) {
    const struct elc_config *config = &pass->weights->config;
    const struct elc_generator_head *d = &pass->gradients->generator;
    const struct elc_generator_memory *memory = pass->a->generator;
    const size_t e = config->embedding_size, h = config->hidden_size, m = targets->n;
    struct head head = {.pass = pass, .targets = targets};
    memset(pass->a->d_hidden, 0, pass->batch->n_tokens * h * sizeof *pass->a->d_hidden);
    int err = elc_parallel_for(pass->pool, elc_tiles(m), scatter_tile, &head);
    if (err)
        return err;
    for (size_t tile = 0; tile < elc_tiles(m); tile++) {
        const elc_float *partial = pass->a->partial + tile * 2 * e;
        elc_axpy(d->norm.weight, 1, partial, e);
        elc_axpy(d->norm.bias, 1, partial + e, e);
    }
    const struct elc_weight_gradient dense = {
        d->dense.weight, d->dense.bias, memory->d_out, memory->gathered, e, h, m, e, h};
    return elc_weight_gradients(pass->pool, &dense, 1);
}
