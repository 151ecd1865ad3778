/* Inside the networks: the memory of a pass, and what the passes share.
 *
 * Everything but attention works on rows, and nothing in a row depends on other rows. So a layer
 * is two parallel loops: one over (text, head) for attention, one over tiles of rows for all the
 * rest, from the attention's output to the next layer's queries, keys and values, while the tile is
 * in cache. Backward is the same two loops in reverse and a third over tiles of the weights'
 * gradients.
 */
#ifndef ELECTRA_MODEL_ACTIVATIONS_H
#define ELECTRA_MODEL_ACTIVATIONS_H

#include "electra/encoder.h"
#include "electra/nn.h"
#include "packed.h"

/* Rows of a tile, at most: as many as leave two rows-by-F matrices in cache. */
enum { ELC_TILE_ROWS = 48 };

/* Which network a random number belongs to. */
enum { ELC_SITE_DISCRIMINATOR, ELC_SITE_GENERATOR };

/* What the forward pass leaves of one layer for the backward pass: not what is cheap to have
 * again (LayerNorm's output from x̂, GELU's from its input, probabilities from their log-sum). */
struct elc_layer_activations {
    elc_float *qkv;            /* [T, 3·H] queries, keys, values side by side */
    elc_float *context;        /* [T, H] attention's output */
    elc_float *log_sum;        /* [heads, T] */
    elc_float *attention_hat;  /* [T, H] x̂ of the LayerNorm after attention */
    elc_float *attention_rstd; /* [T] */
    elc_float *inner;          /* [T, F] what goes into the activation */
    elc_float *output_hat;     /* [T, H] */
    elc_float *output_rstd;    /* [T] */
};

/* Memory of one worker for the tile or head at hand. */
struct elc_worker_memory {
    elc_float *product; /* [ELC_TILE_ROWS, max(H, E)] */
    elc_float *middle;  /* [ELC_TILE_ROWS, H] between attention and feed-forward */
    elc_float *inner;   /* [ELC_TILE_ROWS, F] */
    elc_float *active;  /* [ELC_TILE_ROWS, F] */
    elc_float *factors; /* [max(H, E)] of dropout */
    elc_float *attention;
};

struct elc_activations {
    /* What the memory was made for. */
    size_t rows, longest, n_workers;
    bool keep; /* for a backward pass: each layer has its own memory, else they share */
    struct elc_config config;

    elc_float *block; /* everything below lies in it */
    struct elc_layer_activations *layers;
    struct elc_worker_memory *workers;
    elc_float *hidden;         /* [T, H] a layer's input, then its output, in place */
    elc_float *head_inner;     /* [T, H] of the discriminator's head */
    elc_float *logits;         /* [T] */
    elc_float *embedding_hat;  /* [T, E], kept */
    elc_float *embedding_rstd; /* [T] */
    elc_float *projected;      /* [T, H] layer 0's input, kept */

    /* Of the backward pass, one layer at a time. */
    elc_float *d_hidden;    /* [T, H] by a layer's output, then by its input */
    elc_float *d_output;    /* [T, H] by the feed-forward product */
    elc_float *active;      /* [T, F] the activation's output, once more */
    elc_float *d_inner;     /* [T, F] */
    elc_float *middle;      /* [T, H] the first LayerNorm's output, once more */
    elc_float *d_attention; /* [T, H] by the attention's output product */
    elc_float *d_context;   /* [T, H] */
    elc_float *d_qkv;       /* [T, 3·H] */
    elc_float *input;       /* [T, H] the layer's input, once more */
    elc_float *embedding;   /* [T, E] the projection's input, once more */
    elc_float *d_embedding; /* [T, E] */
    elc_float *partial;     /* [tiles, 4·max(H, E)] the tiles' parts of LayerNorms' gradients */

    struct elc_generator_memory *generator; /* of its head; made when first needed */
    struct elc_packed *packed; /* the weights of the pass, if `keep`; filled by elc_encoder_pass */
};

/* One pass over one batch. */
struct elc_pass {
    struct elc_activations *a;
    const struct elc_weights *weights;
    const struct elc_weights *gradients; /* where the backward pass adds */
    const struct elc_batch *batch;
    struct elc_pool *pool;
    struct elc_profile *profile; /* of a pass without a pool, or NULL */
    struct elc_dropout hidden_dropout, attention_dropout;
    unsigned site_network;
    unsigned layer;  /* the one that a parallel loop is at */
    bool first_only; /* of the last layer only each text's first token is wanted: then row i of
                        `hidden` is that of text i. Forward, without dropout */
};

/* Makes the pass's memory large enough for its batch. */
int elc_activations_prepare(struct elc_activations **activations, const struct elc_config *config,
                            const struct elc_batch *batch, bool keep, int n_workers);
void elc_activations_free(struct elc_activations *activations);

/* A forward pass in the memory of a workspace, without dropout. */
static inline struct elc_pass elc_pass_of(const struct elc_workspace *workspace,
                                          const struct elc_weights *weights,
                                          const struct elc_batch *batch) {
    return (struct elc_pass){
        .a = workspace->activations,
        .weights = weights,
        .batch = batch,
        .pool = workspace->pool,
        .profile = workspace->profile,
    };
}

/* Where a thread that works on the pass counts what it does. */
static inline struct elc_lap elc_pass_lap(const struct elc_pass *pass, int worker) {
    return elc_lap_begin(pass->profile ? pass->profile : elc_pool_profile(pass->pool, worker));
}
/* The end of a product of [m, k] by [k, n]. */
static inline void elc_lap_product(struct elc_lap *lap, enum elc_operation operation, size_t m,
                                   size_t n, size_t k) {
    elc_lap_end(lap, operation, 2.0 * (double)m * (double)n * (double)k,
                (double)(m * k + n * k + m * n));
}

/* Cuts n numbers off a block, each piece starting on a cache line. With block NULL it only counts:
 * lay memory out once to know its size, and again to have it. */
elc_float *elc_carve(elc_float *block, size_t *used, size_t n);
/* Between the two: a block of at least `needed` numbers. What was in a smaller one is lost. */
int elc_carve_room(elc_float **block, size_t *capacity, size_t needed) ELC_MUST_CHECK;

/* A tile of rows: number `item` of those that n_rows rows are cut into. Few rows make smaller tiles
 * rather than fewer: of three, one of two threads would have twice as many as the other. */
struct elc_tile {
    size_t first, n;
};
enum { ELC_TILES_WANTED = 24 };
static inline size_t elc_tile_rows(size_t n_rows) {
    enum { STRIP = 12 }; /* rows that a product takes at a time, or a multiple of them */
    const size_t rows =
        (n_rows + ELC_TILES_WANTED * STRIP - 1) / (ELC_TILES_WANTED * STRIP) * STRIP;
    return rows < STRIP ? STRIP : rows < ELC_TILE_ROWS ? rows : ELC_TILE_ROWS;
}
static inline size_t elc_tiles(size_t n_rows) {
    return (n_rows + elc_tile_rows(n_rows) - 1) / elc_tile_rows(n_rows);
}
static inline struct elc_tile elc_tile(size_t item, size_t n_rows) {
    const size_t rows = elc_tile_rows(n_rows), first = item * rows;
    return (struct elc_tile){first, n_rows - first < rows ? n_rows - first : rows};
}

/* d_x[n, n_in] = d_y[n, n_out]·W, or with `add` d_x + d_y·W, for n rows. */
void elc_rows_backward(elc_float *d_x, size_t ld_x, const elc_float *d_y, size_t ld_y,
                       const elc_float *weight, size_t n, size_t n_out, size_t n_in, bool add);

/* The dropout of rows at one site, asked for in ascending order. */
struct elc_row_dropout {
    const struct elc_pass *pass;
    uint32_t site;
    size_t end; /* row behind the text that `random` belongs to; 0: none yet */
    struct elc_random random;
};
/* The factors of a row, in `factors`, or NULL where nothing is dropped. */
const elc_float *elc_row_factors(struct elc_row_dropout *dropout, size_t row, size_t width,
                                 elc_float *factors);

/* The attention of item number `item` = text · heads + head of pass->layer. Returns the text's
 * first row. */
size_t elc_attention_of(struct elc_attention *attention, const struct elc_pass *pass, size_t item,
                        int worker);

/* hidden = encoder(batch); with `keep`, ready for elc_encoder_backward, which goes from d_hidden
 * to the gradients of all encoder weights. */
int elc_encoder_pass(struct elc_pass *pass);
int elc_encoder_backward(struct elc_pass *pass);

/* Adds several linear layers' weight gradients. */
int elc_weight_gradients(struct elc_pool *pool, const struct elc_weight_gradient *gradients,
                         size_t n);

#endif
