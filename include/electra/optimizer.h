/* Adam, its learning-rate schedule and gradient clipping, as google-research/electra's
 * model/optimization.py has them (electra.md 1.6).
 *
 * The differences from what most libraries call AdamW: no bias correction (an option here), epsilon
 * outside the square root, warm-up and decay that multiply, and decay of the weights inside the
 * update, skipped for LayerNorms and biases:
 *
 *     m = b1·m + (1 − b1)·g        v = b2·v + (1 − b2)·g²
 *     w = w − lr · (m / (√v + eps) + wd·w)
 *     lr(t) = lr0 · (1 − t/T)^power · min(1, t/W)          t = steps done, so lr(0) = 0
 */
#ifndef ELECTRA_OPTIMIZER_H
#define ELECTRA_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/parallel.h"
#include "electra/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The learning rate of the step that follows `step` finished ones; `total` ≥ 1 steps in all,
 * `warmup` 0: none. Past `total` it is 0. */
double elc_learning_rate(double base, uint64_t step, uint64_t total, uint64_t warmup, double power);

struct elc_adam {
    double beta1, beta2, epsilon;
    double weight_decay;
    bool bias_correction; /* of m and v, as in Kingma and Ba 2015 */
    /* Layer-wise rates of fine-tuning (electra.md 2.1): a tensor's is the learning rate times this
     * to the power of head depth (layers + 2) − its depth, so the last layer has its square. 0 or
     * 1: one rate for all. */
    double layer_decay;
};

/* One network under training: blocks of the same layout, `table->total` numbers each. */
struct elc_trained {
    const struct elc_table *table;
    elc_float *values, *gradients, *m, *v;
    double *sums; /* scratch of elc_gradient_squares */
};
/* Allocates gradients, m and v, all zero, and scratch; `values` stays the caller's. */
int elc_trained_init(struct elc_trained *trained, const struct elc_table *table,
                     elc_float *values) ELC_MUST_CHECK;
void elc_trained_free(struct elc_trained *trained); /* what init allocated; idempotent */

/* The sum of the squares of a network's gradients, in double, in an order that does not depend on
 * the team. Not finite when a gradient is not. */
double elc_gradient_squares(struct elc_pool *pool, const struct elc_trained *trained);

/* The factor that clips a gradient of this norm to `max_norm` (0: no clipping). */
double elc_clip_factor(double norm, double max_norm);

/* One update: gradients are scaled by `factor`, used, and cleared, in one pass. `step` counts from
 * 0 and matters only to bias_correction. */
void elc_adam_update(struct elc_pool *pool, const struct elc_trained *trained,
                     const struct elc_adam *adam, double learning_rate, double factor,
                     uint64_t step);

#ifdef __cplusplus
}
#endif
#endif
