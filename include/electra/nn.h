/* Layers: LayerNorm, dropout, attention, losses, weight gradients; each backward pass beside its
 * forward. They work on rows of the caller's matrices and allocate nothing.
 *
 * d_x is the gradient of the loss by x. Gradients of weights are added to what is there,
 * gradients of activations are set unless said otherwise.
 */
#ifndef ELECTRA_NN_H
#define ELECTRA_NN_H

#include <stddef.h>
#include <stdint.h>

#include "electra/random.h"
#include "electra/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- LayerNorm (Ba et al. 2016): y = gamma·x̂ + beta, x̂ = (x - mean(x)) / √(var(x) + eps) ----
 *
 * Kept for the backward pass are x̂ (`hat`) and 1/√… (`rstd`). A row whose numbers are all equal
 * has x̂ = 0, also when eps is 0. */

/* One row: x̂ into `hat`, which may be x. Returns rstd. */
elc_float elc_norm_row(elc_float *hat, const elc_float *x, size_t n, elc_float eps);
/* y = gamma·x̂ + beta; y may be x̂. */
void elc_norm_scale(elc_float *y, const elc_float *hat, const elc_float *gamma,
                    const elc_float *beta, size_t n);
/* Backward through one row; d_x may be d_y. Adds to d_gamma and d_beta. */
void elc_norm_backward_row(elc_float *d_x, elc_float *d_gamma, elc_float *d_beta,
                           const elc_float *d_y, const elc_float *hat, elc_float rstd,
                           const elc_float *gamma, size_t n);

/* ---- dropout ----
 *
 * A number is kept with probability 1 - rate and then divided by it. Which ones is a function of
 * (seed, step, place of the text, site in the network, row of the text, column), so that the
 * backward pass draws the same again and nothing is stored. `rate` is rounded to a multiple of
 * 2^-16, and the division uses the rounded one. */
struct elc_dropout {
    elc_float scale;    /* 1 / (1 - rate) */
    uint32_t threshold; /* 16 bits below it drop the number; 0: no dropout at all */
    uint64_t seed, step;
};
void elc_dropout_init(struct elc_dropout *dropout, double rate, uint64_t seed, uint64_t step);
/* A place in a network where numbers are dropped: `unit` 0 and 1 are the outputs of a layer's
 * attention and feed-forward block (0 of layer 0 the embeddings, layers counting from 1), 2 + h
 * the probabilities of its head h. */
static inline uint32_t elc_dropout_site(unsigned network, unsigned layer, unsigned unit) {
    return ((uint32_t)network << 9 | layer) << 14 | unit;
}
void elc_dropout_begin(struct elc_random *random, const struct elc_dropout *dropout, uint64_t place,
                       uint32_t site);
/* factors[0 … n-1] of one row: 0 or scale each. `factors` has room for n rounded up to a multiple
 * of 8. */
void elc_dropout_factors(elc_float *factors, const struct elc_random *random,
                         const struct elc_dropout *dropout, size_t row, size_t n);

/* ---- attention of one head over one text ---- */

enum { ELC_ATTENTION_ROWS = 96 }; /* queries at a time: what the scratch memory is made for */

/* One head of one text: n tokens, d numbers each; rows of queries, keys and values are `ld` apart,
 * rows of the context `ld_context`. */
struct elc_attention {
    const elc_float *query, *key, *value;
    size_t n, d, ld, ld_context;
    size_t n_queries; /* the first so many alone are asked, forward; 0: all n */
    const struct elc_dropout *dropout;
    struct elc_random random; /* begun at this text and head; unused without dropout */
    elc_float *scratch;       /* elc_attention_scratch(n) numbers */
};
static inline size_t elc_attention_scratch(size_t n) {
    return (2 * (size_t)ELC_ATTENTION_ROWS + 1) * ((n + 15) / 16 * 16);
}
/* context = dropout(softmax(Q·Kᵀ/√d))·V. `log_sum` [n], or NULL: the logarithm of each row's
 * normaliser, times √d, all that the backward pass needs to have the probabilities again. */
void elc_attention_forward(elc_float *context, elc_float *log_sum, const struct elc_attention *a);
/* d_query, d_key, d_value have the layout of query, key, value. */
void elc_attention_backward(elc_float *d_query, elc_float *d_key, elc_float *d_value,
                            const elc_float *d_context, const elc_float *context,
                            const elc_float *log_sum, const struct elc_attention *a);

/* ---- the softmax (softmax.c) ---- */

/* p [n] = exp(x) / Σ exp(x), n ≥ 1; p and x may be the same. All NaN where an x is NaN, or infinite
 * and above all others. */
void elc_softmax(elc_float *p, const elc_float *x, size_t n);
/* The same of finite x, in double precision. */
void elc_softmax_double(double *p, const elc_float *x, size_t n);
/* log Σ exp(x) in double precision. */
double elc_log_sum_exp(const elc_float *x, size_t n);
/* The place of the largest of p [n], n ≥ 1; the first of equals. */
size_t elc_likeliest(const double *p, size_t n);

/* ---- losses ---- */

struct elc_cross_entropy {
    double loss;   /* -log softmax(logits)[target] */
    uint32_t best; /* the likeliest token, the lowest of equals */
    uint32_t sampled;
};
/* One row of n logits against `target`. Draws a token from softmax(logits / temperature) by the
 * inverse of its distribution function at `uniform` in [0, 1). With a weight other than 0 the
 * logits are replaced by weight·(softmax(logits) - onehot(target)), their gradient; else they
 * are clobbered. `temperature` > 0. */
void elc_cross_entropy_row(struct elc_cross_entropy *result, elc_float *logits, size_t n,
                           uint32_t target, elc_float weight, elc_float temperature, double uniform,
                           elc_float *scratch /* [n] */);
/* Binary cross-entropy of a logit: log(1 + exp(±logit)), and its derivative. */
double elc_binary_cross_entropy(double logit, int label, double *d_logit);

/* ---- gradients of a linear layer's weights ----
 *
 * d_weight[out, in] += d_yᵀ·x and d_bias[out] += column sums of d_y, where d_y is [T, out] and x is
 * [T, in]. The weight is cut into fixed tiles, each with all tokens inside, which different
 * threads may take: no result depends on who did what. */
struct elc_weight_gradient {
    elc_float *d_weight; /* [n_out, n_in] */
    elc_float *d_bias;   /* [n_out], or NULL */
    const elc_float *d_y, *x;
    size_t ld_d_y, ld_x, n_rows, n_out, n_in;
    size_t ld_d_weight; /* 0: n_in */
};
size_t elc_weight_gradient_tiles(const struct elc_weight_gradient *g);
void elc_weight_gradient_tile(const struct elc_weight_gradient *g, size_t tile);

/* ---- what an optimizer does to numbers (optimizer.h says to which) ---- */

struct elc_adam_rule {
    elc_float factor;                     /* of the gradient: clipping */
    elc_float beta1, rest1, beta2, rest2; /* rest is 1 - beta, rounded once */
    elc_float m_correction, v_correction; /* 1 without bias correction */
    elc_float epsilon, rate, decay;
};
/* One pass: m and v move on by the gradient times `factor`, w by
 * -rate·(m·m_correction / (√(v·v_correction) + epsilon) + decay·w), and g becomes 0. */
void elc_adam_apply(elc_float *w, elc_float *g, elc_float *m, elc_float *v, size_t n,
                    const struct elc_adam_rule *rule);
/* The sum of the squares, in double, in a fixed order. */
double elc_squares(const elc_float *x, size_t n);

#ifdef __cplusplus
}
#endif
#endif
