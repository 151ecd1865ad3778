/* The heads' linear layers over some rows, forward and backward. */
#include "head.h"

#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"

/* Sites of dropout: behind those of the last layer. */
static uint32_t site(const struct elc_pass *pass, unsigned unit) {
    return elc_dropout_site(pass->site_network, pass->weights->config.num_hidden_layers + 1, unit);
}

enum { BEFORE_DENSE, BEFORE_OUTPUT };

int elc_row_head_of_weights(struct elc_row_head *head, const struct elc_weights *weights,
                            const struct elc_weights *gradients) {
    const enum elc_architecture architecture = weights->config.architecture;
    if (!weights->task.output.weight || weights->task.end_dense.weight)
        return elc_fail(ELC_EMISMATCH, "%s has no head of one output layer",
                        elc_architecture_name(architecture));
    *head = (struct elc_row_head){
        .dense = weights->task.dense,
        .output = weights->task.output,
        .n_outputs = architecture == ELC_QUESTION_ANSWERER ? 2 : weights->config.num_labels,
        .activation = architecture == ELC_BERT_CLASSIFIER ? ELC_TANH : ELC_GELU,
        .drops_input = architecture == ELC_SEQUENCE_CLASSIFIER,
        .drops = architecture != ELC_QUESTION_ANSWERER,
    };
    if (gradients) {
        head->d_dense = gradients->task.dense;
        head->d_output = gradients->task.output;
    }
    return 0;
}

/* ---- memory ---- */

static size_t factors_width(const struct elc_config *config) {
    return (config->hidden_size + 7) / 8 * 8;
}

/* Names every piece; returns the numbers needed. */
static size_t layout(struct elc_head_memory *memory, const struct elc_row_head *head,
                     const struct elc_pass *pass) {
    const struct elc_config *config = &pass->weights->config;
    const size_t r = memory->n_rows, h = config->hidden_size;
    size_t used = 0;
    memory->input = elc_carve(memory->block, &used, r * h);
    memory->logits = elc_carve(memory->block, &used, r * head->n_outputs);
    memory->d_logits = elc_carve(memory->block, &used, r * head->n_outputs);
    memory->d_input = elc_carve(memory->block, &used, r * h);
    memory->inner = memory->d_inner = NULL;
    memory->active = memory->input;
    if (head->dense.weight) {
        memory->inner = elc_carve(memory->block, &used, r * h);
        memory->active = elc_carve(memory->block, &used, r * h);
        memory->d_inner = elc_carve(memory->block, &used, r * h);
    }
    memory->factors = elc_carve(memory->block, &used,
                                (size_t)elc_pool_threads(pass->pool) * factors_width(config));
    return used;
}

static int prepare(struct elc_head_memory *memory, const struct elc_row_head *head,
                   const struct elc_pass *pass) {
    int err = elc_carve_room(&memory->block, &memory->capacity, layout(memory, head, pass));
    if (!err)
        layout(memory, head, pass);
    return err;
}

void elc_head_memory_free(struct elc_head_memory *memory) {
    free(memory->block);
    *memory = (struct elc_head_memory){0};
}

/* ---- forward ---- */

/* A parallel loop over tiles of the head's rows. `pass` is the caller's with the head's dropout in
 * the place of the encoder's. */
struct call {
    struct elc_head_memory *memory;
    const struct elc_row_head *head;
    struct elc_pass pass;
};

static struct call open_call(struct elc_head_memory *memory, const struct elc_row_head *head,
                             const struct elc_pass *pass) {
    struct call call = {memory, head, *pass};
    call.pass.hidden_dropout = head->dropout;
    return call;
}

/* x, the tile's rows [H] of the head, is dropped out. */
static void drop(const struct call *call, elc_float *x, const struct elc_tile *tile, unsigned unit,
                 int worker) {
    const size_t h = call->pass.weights->config.hidden_size;
    elc_float *factors =
        call->memory->factors + (size_t)worker * factors_width(&call->pass.weights->config);
    struct elc_row_dropout dropout = {.pass = &call->pass, .site = site(&call->pass, unit)};
    for (size_t i = 0; i < tile->n; i++) {
        const elc_float *kept =
            elc_row_factors(&dropout, call->memory->rows[tile->first + i], h, factors);
        if (kept)
            elc_multiply(x + i * h, kept, h);
    }
}

static int forward_tile(void *context, size_t item, int worker) {
    const struct call *call = context;
    const struct elc_row_head *head = call->head;
    struct elc_head_memory *memory = call->memory;
    const size_t h = call->pass.weights->config.hidden_size, n = head->n_outputs;
    const struct elc_tile tile = elc_tile(item, memory->n_rows);
    elc_float *input = memory->input + tile.first * h;
    for (size_t i = 0; i < tile.n; i++)
        memcpy(input + i * h, call->pass.a->hidden + memory->rows[tile.first + i] * h,
               h * sizeof *input);
    elc_float *active = memory->active + tile.first * h;
    if (head->dense.weight) {
        elc_float *inner = memory->inner + tile.first * h;
        if (head->drops_input)
            drop(call, input, &tile, BEFORE_DENSE, worker);
        elc_linear(inner, h, input, h, head->dense.weight, h, head->dense.bias, tile.n, h, h);
        elc_activate(active, inner, tile.n * h, head->activation);
    }
    drop(call, active, &tile, BEFORE_OUTPUT, worker);
    elc_linear(memory->logits + tile.first * n, n, active, h, head->output.weight, h,
               head->output.bias, tile.n, n, h);
    return 0;
}

int elc_head_forward(struct elc_head_memory *memory, const struct elc_row_head *head,
                     struct elc_pass *pass, const uint32_t *rows, size_t n_rows) {
    memory->rows = rows;
    memory->n_rows = n_rows;
    int err = prepare(memory, head, pass);
    struct call call = open_call(memory, head, pass);
    return err ? err : elc_parallel_for(pass->pool, elc_tiles(n_rows), forward_tile, &call);
}

int elc_head_outputs(const elc_float **outputs, struct elc_head_memory *memory,
                     struct elc_workspace *workspace, const struct elc_weights *weights,
                     const struct elc_batch *batch, const uint32_t *rows, size_t n_rows,
                     bool first) {
    struct elc_row_head head;
    const elc_float *hidden;
    int err = elc_row_head_of_weights(&head, weights, NULL);
    if (!err)
        err = first ? elc_encoder_forward_first(&hidden, workspace, weights, batch)
                    : elc_encoder_forward(&hidden, workspace, weights, batch);
    if (err)
        return err;
    struct elc_pass pass = elc_pass_of(workspace, weights, batch);
    err = elc_head_forward(memory, &head, &pass, rows, n_rows);
    *outputs = memory->logits;
    return err;
}

/* ---- backward ---- */

static int backward_tile(void *context, size_t item, int worker) {
    const struct call *call = context;
    const struct elc_row_head *head = call->head;
    struct elc_head_memory *memory = call->memory;
    const size_t h = call->pass.weights->config.hidden_size, n = head->n_outputs;
    const struct elc_tile tile = elc_tile(item, memory->n_rows);
    const size_t at = tile.first * h;
    elc_float *d_input = memory->d_input + at;
    elc_float *d_active = head->dense.weight ? memory->d_inner + at : d_input;
    elc_rows_backward(d_active, h, memory->d_logits + tile.first * n, n, head->output.weight,
                      tile.n, n, h, 0);
    drop(call, d_active, &tile, BEFORE_OUTPUT, worker);
    if (head->dense.weight) {
        /* brings the activation's output without dropout, which is not what the weights saw */
        elc_activate_backward(d_active, d_input, memory->inner + at, tile.n * h, head->activation);
        elc_rows_backward(d_input, h, d_active, h, head->dense.weight, tile.n, h, h, 0);
        if (head->drops_input)
            drop(call, d_input, &tile, BEFORE_DENSE, worker);
    }
    for (size_t i = 0; i < tile.n; i++)
        memcpy(call->pass.a->d_hidden + memory->rows[tile.first + i] * h, d_input + i * h,
               h * sizeof *d_input);
    return 0;
}

int elc_head_backward(struct elc_head_memory *memory, const struct elc_row_head *head,
                      struct elc_pass *pass) {
    const size_t h = pass->weights->config.hidden_size, n = head->n_outputs, r = memory->n_rows;
    memset(pass->a->d_hidden, 0, pass->batch->n_tokens * h * sizeof *pass->a->d_hidden);
    struct call call = open_call(memory, head, pass);
    int err = elc_parallel_for(pass->pool, elc_tiles(r), backward_tile, &call);
    if (err)
        return err;
    const struct elc_weight_gradient gradients[] = {
        {head->d_output.weight, head->d_output.bias, memory->d_logits, memory->active, n, h, r, n,
         h},
        {head->d_dense.weight, head->d_dense.bias, memory->d_inner, memory->input, h, h, r, h, h},
    };
    return elc_weight_gradients(pass->pool, gradients, head->dense.weight ? 2 : 1);
}
