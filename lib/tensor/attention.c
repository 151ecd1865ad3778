/* Attention of one head over one text, a block of queries at a time, so that no matrix of
 * probabilities outlives its block: Rabe and Staats 2021, Dao et al. 2022 without the tiling of
 * keys, which at a few hundred tokens stay in cache anyway. */
#include <math.h>

#include "electra/nn.h"
#include "electra/simd.h"

/* The scratch memory of a head: two blocks [ELC_ATTENTION_ROWS, ld] and one row. */
struct scratch {
    elc_float *scores, *d_scores, *factors;
    size_t ld;
};

static struct scratch scratch_of(const struct elc_attention *a) {
    const size_t ld = (a->n + 15) / 16 * 16;
    const size_t block = ELC_ATTENTION_ROWS * ld;
    return (struct scratch){a->scratch, a->scratch + block, a->scratch + 2 * block, ld};
}

static size_t block_rows(size_t n, size_t first) {
    return n - first < ELC_ATTENTION_ROWS ? n - first : ELC_ATTENTION_ROWS;
}

static elc_float score_scale(const struct elc_attention *a) {
    return 1 / (elc_float)sqrt((double)a->d);
}

/* scores[m, n] = Q·Kᵀ for the queries first … first + m - 1, not yet divided by √d. */
static void block_scores(const struct scratch *s, const struct elc_attention *a, size_t first,
                         size_t m) {
    elc_linear(s->scores, s->ld, a->query + first * a->ld, a->ld, a->key, a->ld, NULL, m, a->n,
               a->d);
}

ELC_VECTOR static void scale_by(elc_float *y, elc_float a, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] *= a;
}

void elc_attention_forward(elc_float *context, elc_float *log_sum, const struct elc_attention *a) {
    const struct scratch s = scratch_of(a);
    const elc_float scale = score_scale(a);
    const size_t n = a->n, n_queries = a->n_queries ? a->n_queries : n;
    for (size_t first = 0; first < n_queries; first += ELC_ATTENTION_ROWS) {
        const size_t m = block_rows(n_queries, first);
        elc_float sums[ELC_ATTENTION_ROWS];
        block_scores(&s, a, first, m);
        for (size_t i = 0; i < m; i++) {
            elc_float *row = s.scores + i * s.ld;
            const elc_float max = elc_max(row, n);
            sums[i] = elc_exp_sum(row, row, n, scale, max);
            if (log_sum)
                log_sum[first + i] = max + (elc_float)log(sums[i]) / scale;
            if (a->dropout->threshold) {
                elc_dropout_factors(s.factors, &a->random, a->dropout, first + i, n);
                elc_multiply(row, s.factors, n);
            }
        }
        elc_float *out = context + first * a->ld_context;
        elc_gemm(ELC_PLAIN, ELC_PLAIN, m, a->d, n, s.scores, s.ld, a->value, a->ld, false, out,
                 a->ld_context);
        for (size_t i = 0; i < m; i++)
            scale_by(out + i * a->ld_context, 1 / sums[i], a->d);
    }
}

/* One row of the softmax's backward pass. p holds probabilities, d_p their gradient after dropout;
 * out come p after dropout, and the gradient of the scores before the division by √d. `along` is
 * Σ p·d_p, which equals the product of the row's context and its gradient. */
ELC_VECTOR static void softmax_backward(elc_float *p, elc_float *d_p, const elc_float *factors,
                                        elc_float along, elc_float scale, size_t n) {
    for (size_t j = 0; j < n; j++) {
        elc_float d = d_p[j] * factors[j] - along;
        d_p[j] = scale * p[j] * d;
        p[j] *= factors[j];
    }
}

void elc_attention_backward(elc_float *d_query, elc_float *d_key, elc_float *d_value,
                            const elc_float *d_context, const elc_float *context,
                            const elc_float *log_sum, const struct elc_attention *a) {
    const struct scratch s = scratch_of(a);
    const elc_float scale = score_scale(a);
    const size_t n = a->n;
    for (size_t j = 0; j < n; j++)
        s.factors[j] = 1;
    for (size_t first = 0; first < n; first += ELC_ATTENTION_ROWS) {
        const size_t m = block_rows(n, first);
        const bool add = first > 0; /* the first block sets, the others add */
        const elc_float *d_out = d_context + first * a->ld_context;
        const elc_float *out = context + first * a->ld_context;
        block_scores(&s, a, first, m);
        elc_gemm(ELC_PLAIN, ELC_TRANSPOSED, m, n, a->d, d_out, a->ld_context, a->value, a->ld,
                 false, s.d_scores, s.ld);
        for (size_t i = 0; i < m; i++) {
            elc_float *row = s.scores + i * s.ld;
            elc_exp_sum(row, row, n, scale, log_sum[first + i]);
            if (a->dropout->threshold)
                elc_dropout_factors(s.factors, &a->random, a->dropout, first + i, n);
            elc_float along = elc_dot(d_out + i * a->ld_context, out + i * a->ld_context, a->d);
            softmax_backward(row, s.d_scores + i * s.ld, s.factors, along, scale, n);
        }
        elc_gemm(ELC_TRANSPOSED, ELC_PLAIN, n, a->d, m, s.scores, s.ld, d_out, a->ld_context, add,
                 d_value, a->ld);
        elc_gemm(ELC_TRANSPOSED, ELC_PLAIN, n, a->d, m, s.d_scores, s.ld, a->query + first * a->ld,
                 a->ld, add, d_key, a->ld);
        elc_gemm(ELC_PLAIN, ELC_PLAIN, m, a->d, n, s.d_scores, s.ld, a->key, a->ld, false,
                 d_query + first * a->ld, a->ld);
    }
}
