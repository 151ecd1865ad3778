/* Adam in one pass over the block, cut into fixed tiles. */
#include "electra/optimizer.h"

#include <math.h>
#include <stdlib.h>

double elc_learning_rate(double base, uint64_t step, uint64_t total, uint64_t warmup,
                         double power) {
    if (step >= total)
        return 0;
    double rate = base * pow(1 - (double)step / (double)total, power);
    return step < warmup ? rate * ((double)step / (double)warmup) : rate;
}

int elc_trained_init(struct elc_trained *trained, const struct elc_table *table,
                     elc_float *values) {
    *trained = (struct elc_trained){.table = table, .values = values};
    trained->gradients = elc_calloc_aligned(table->total, sizeof *trained->gradients);
    trained->m = elc_calloc_aligned(table->total, sizeof *trained->m);
    trained->v = elc_calloc_aligned(table->total, sizeof *trained->v);
    if (trained->gradients && trained->m && trained->v)
        return 0;
    elc_trained_free(trained);
    return ELC_ENOMEM;
}

void elc_trained_free(struct elc_trained *trained) {
    free(trained->gradients);
    free(trained->m);
    free(trained->v);
    *trained = (struct elc_trained){0};
}

enum { TILE = 1 << 16, LANES = 16 };

static size_t tile_count(size_t total) {
    return (total + TILE - 1) / TILE;
}

static size_t tile_end(size_t tile, size_t total) {
    size_t end = (tile + 1) * TILE;
    return end < total ? end : total;
}

/* ---- norm ---- */

struct squares {
    const elc_float *gradients;
    size_t total;
    double *sums; /* one for each tile */
};

static int squares_tile(void *context, size_t tile, int worker) {
    const struct squares *s = context;
    (void)worker;
    double lanes[LANES] = {0};
    size_t i = tile * TILE, end = tile_end(tile, s->total);
    for (; i + LANES <= end; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += (double)s->gradients[i + lane] * (double)s->gradients[i + lane];
    for (; i < end; i++)
        lanes[0] += (double)s->gradients[i] * (double)s->gradients[i];
    double sum = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        sum += lanes[lane];
    s->sums[tile] = sum;
    return 0;
}

double elc_gradient_squares(struct elc_pool *pool, const struct elc_trained *trained) {
    size_t n_tiles = tile_count(trained->table->total);
    struct squares s = {trained->gradients, trained->table->total, calloc(n_tiles, sizeof(double))};
    if (!s.sums)
        return NAN;
    double sum = 0;
    if (elc_parallel_for(pool, n_tiles, squares_tile, &s) != 0)
        sum = NAN;
    for (size_t tile = 0; tile < n_tiles; tile++)
        sum += s.sums[tile];
    free(s.sums);
    return sum;
}

double elc_clip_factor(double norm, double max_norm) {
    return max_norm > 0 && norm > max_norm ? max_norm / norm : 1;
}

/* ---- update ---- */

struct update {
    const struct elc_trained *trained;
    double rate, layer_decay;
    uint32_t head_depth; /* the largest of any tensor */
    elc_float factor, beta1, beta2, epsilon, weight_decay;
    elc_float rest1, rest2;               /* 1 − beta1 and 1 − beta2, rounded once */
    elc_float m_correction, v_correction; /* 1 without bias correction */
};

static void update_range(const struct update *u, size_t begin, size_t end, elc_float rate,
                         elc_float decay) {
    elc_float *restrict w = u->trained->values;
    elc_float *restrict g = u->trained->gradients;
    elc_float *restrict m = u->trained->m;
    elc_float *restrict v = u->trained->v;
    const elc_float beta1 = u->beta1, beta2 = u->beta2, rest1 = u->rest1, rest2 = u->rest2;
    const elc_float factor = u->factor;
    const elc_float epsilon = u->epsilon, mc = u->m_correction, vc = u->v_correction;
    for (size_t i = begin; i < end; i++) {
        elc_float gradient = g[i] * factor;
        m[i] = beta1 * m[i] + rest1 * gradient;
        v[i] = beta2 * v[i] + rest2 * gradient * gradient;
        elc_float root = (elc_float)(sizeof(elc_float) == sizeof(float) ? sqrtf((float)(v[i] * vc))
                                                                        : sqrt(v[i] * vc));
        w[i] -= rate * (m[i] * mc / (root + epsilon) + decay * w[i]);
        g[i] = 0;
    }
}

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
    (void)worker;
    for (size_t i = 0; i < table->n_tensors; i++) {
        const struct elc_tensor *tensor = &table->tensors[i];
        size_t from = tensor->offset, to = tensor->offset + tensor->count;
        if (from < begin)
            from = begin;
        if (to > end)
            to = end;
        if (from < to)
            update_range(u, from, to, rate_of(u, tensor), tensor->decay ? u->weight_decay : 0);
    }
    return 0;
}

void elc_adam_update(struct elc_pool *pool, const struct elc_trained *trained,
                     const struct elc_adam *adam, double learning_rate, double factor,
                     uint64_t step) {
    struct update u = {
        .trained = trained,
        .factor = (elc_float)factor,
        .rate = learning_rate,
        .layer_decay = adam->layer_decay,
        .beta1 = (elc_float)adam->beta1,
        .beta2 = (elc_float)adam->beta2,
        .rest1 = (elc_float)(1 - adam->beta1),
        .rest2 = (elc_float)(1 - adam->beta2),
        .epsilon = (elc_float)adam->epsilon,
        .weight_decay = (elc_float)adam->weight_decay,
        .m_correction = 1,
        .v_correction = 1,
    };
    if (adam->bias_correction) {
        u.m_correction = (elc_float)(1 / (1 - pow(adam->beta1, (double)step + 1)));
        u.v_correction = (elc_float)(1 / (1 - pow(adam->beta2, (double)step + 1)));
    }
    for (size_t i = 0; i < trained->table->n_tensors; i++)
        if (trained->table->tensors[i].depth > u.head_depth)
            u.head_depth = trained->table->tensors[i].depth;
    int never_fails = elc_parallel_for(pool, tile_count(trained->table->total), update_tile, &u);
    (void)never_fails;
}
