/* Adam in one pass over the block, cut into fixed tiles. */
#include "electra/optimizer.h"

#include <math.h>
#include <stdlib.h>

#include "electra/nn.h"

double elc_learning_rate(double base, uint64_t step, uint64_t total, uint64_t warmup,
                         double power) {
    if (step >= total)
        return 0;
    double rate = base * pow(1 - (double)step / (double)total, power);
    return step < warmup ? rate * ((double)step / (double)warmup) : rate;
}

enum { TILE = 1 << 16 };

static size_t tile_count(size_t total) {
    return (total + TILE - 1) / TILE;
}

static size_t tile_end(size_t tile, size_t total) {
    size_t end = (tile + 1) * TILE;
    return end < total ? end : total;
}

int elc_trained_init(struct elc_trained *trained, const struct elc_table *table,
                     elc_float *values) {
    *trained = (struct elc_trained){.table = table, .values = values};
    trained->gradients = elc_calloc_aligned(table->total, sizeof *trained->gradients);
    trained->m = elc_calloc_aligned(table->total, sizeof *trained->m);
    trained->v = elc_calloc_aligned(table->total, sizeof *trained->v);
    trained->sums = elc_calloc_aligned(tile_count(table->total), sizeof *trained->sums);
    if (trained->gradients && trained->m && trained->v && trained->sums)
        return 0;
    elc_trained_free(trained);
    return ELC_ENOMEM;
}

void elc_trained_free(struct elc_trained *trained) {
    free(trained->gradients);
    free(trained->m);
    free(trained->v);
    free(trained->sums);
    *trained = (struct elc_trained){0};
}

/* ---- norm ---- */

struct squares {
    struct elc_pool *pool;
    const elc_float *gradients;
    size_t total;
    double *sums; /* one for each tile */
};

static int squares_tile(void *context, size_t tile, int worker) {
    const struct squares *s = context;
    struct elc_lap lap = elc_lap_begin(elc_pool_profile(s->pool, worker));
    const size_t begin = tile * TILE;
    s->sums[tile] = elc_squares(s->gradients + begin, tile_end(tile, s->total) - begin);
    elc_lap_end(&lap, ELC_OP_GRADIENT_NORM, 0, (double)TILE);
    return 0;
}

double elc_gradient_squares(struct elc_pool *pool, const struct elc_trained *trained) {
    const size_t n_tiles = tile_count(trained->table->total);
    struct squares s = {pool, trained->gradients, trained->table->total, trained->sums};
    int never_fails = elc_parallel_for(pool, n_tiles, squares_tile, &s);
    (void)never_fails;
    double sum = 0;
    for (size_t tile = 0; tile < n_tiles; tile++)
        sum += s.sums[tile];
    return sum;
}

double elc_clip_factor(double norm, double max_norm) {
    return max_norm > 0 && norm > max_norm ? max_norm / norm : 1;
}

/* ---- update ---- */

struct update {
    struct elc_pool *pool;
    const struct elc_trained *trained;
    double rate, layer_decay;
    uint32_t head_depth; /* the largest of any tensor */
    elc_float weight_decay;
    struct elc_adam_rule rule; /* but for the rate and the decay, which are the tensors' own */
};

static elc_float rate_of(const struct update *u, const struct elc_tensor *tensor) {
    if (u->layer_decay == 0 || u->layer_decay == 1)
        return (elc_float)u->rate;
    return (elc_float)(u->rate * pow(u->layer_decay, (double)(u->head_depth - tensor->depth)));
}

/* The part of each tensor that lies in this tile; gaps between tensors stay zero. */
static int update_tile(void *context, size_t tile, int worker) {
    const struct update *u = context;
    const struct elc_table *table = u->trained->table;
    size_t begin = tile * TILE, end = tile_end(tile, table->total);
    struct elc_lap lap = elc_lap_begin(elc_pool_profile(u->pool, worker));
    for (size_t i = 0; i < table->n_tensors; i++) {
        const struct elc_tensor *tensor = &table->tensors[i];
        size_t from = tensor->offset, to = tensor->offset + tensor->count;
        if (from < begin)
            from = begin;
        if (to > end)
            to = end;
        if (from >= to)
            continue;
        struct elc_adam_rule rule = u->rule;
        rule.rate = rate_of(u, tensor);
        rule.decay = tensor->decay ? u->weight_decay : 0;
        elc_adam_apply(u->trained->values + from, u->trained->gradients + from,
                       u->trained->m + from, u->trained->v + from, to - from, &rule);
    }
    elc_lap_end(&lap, ELC_OP_ADAM, 0, 8.0 * (double)TILE);
    return 0;
}

void elc_adam_update(struct elc_pool *pool, const struct elc_trained *trained,
                     const struct elc_adam *adam, double learning_rate, double factor,
                     uint64_t step) {
    struct update u = {
        .pool = pool,
        .trained = trained,
        .rate = learning_rate,
        .layer_decay = adam->layer_decay,
        .weight_decay = (elc_float)adam->weight_decay,
        .rule = {.factor = (elc_float)factor,
                 .beta1 = (elc_float)adam->beta1,
                 .rest1 = (elc_float)(1 - adam->beta1),
                 .beta2 = (elc_float)adam->beta2,
                 .rest2 = (elc_float)(1 - adam->beta2),
                 .m_correction = 1,
                 .v_correction = 1,
                 .epsilon = (elc_float)adam->epsilon},
    };
    if (adam->bias_correction) {
        u.rule.m_correction = (elc_float)(1 / (1 - pow(adam->beta1, (double)step + 1)));
        u.rule.v_correction = (elc_float)(1 / (1 - pow(adam->beta2, (double)step + 1)));
    }
    for (size_t i = 0; i < trained->table->n_tensors; i++)
        if (trained->table->tensors[i].depth > u.head_depth)
            u.head_depth = trained->table->tensors[i].depth;
    int never_fails = elc_parallel_for(pool, tile_count(trained->table->total), update_tile, &u);
    (void)never_fails;
}
