/* LayerNorm. */
#include <math.h>

#include "electra/nn.h"
#include "electra/simd.h"

elc_float elc_norm_row(elc_float *hat, const elc_float *x, size_t n, elc_float eps) {
    const elc_float least = (elc_float)1e-30; /* a constant row with eps 0: 0·10^15, not 0/0 */
    const elc_float mean = elc_sum(x, n) / (elc_float)n;
    for (size_t i = 0; i < n; i++)
        hat[i] = x[i] - mean;
    elc_float variance = elc_dot(hat, hat, n) / (elc_float)n + eps;
    elc_float rstd = 1 / (elc_float)sqrt(variance < least ? least : variance);
    for (size_t i = 0; i < n; i++)
        hat[i] *= rstd;
    return rstd;
}

ELC_VECTOR void elc_norm_scale(elc_float *y, const elc_float *hat, const elc_float *gamma,
                               const elc_float *beta, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = gamma[i] * hat[i] + beta[i];
}

/* With g = d_y·gamma: d_x = rstd·(g - mean(g) - x̂·mean(g·x̂)). */
ELC_VECTOR void elc_norm_backward_row(elc_float *d_x, elc_float *restrict d_gamma,
                                      elc_float *restrict d_beta, const elc_float *d_y,
                                      const elc_float *restrict hat, elc_float rstd,
                                      const elc_float *restrict gamma, size_t n) {
    for (size_t i = 0; i < n; i++) {
        elc_float d = d_y[i];
        d_gamma[i] += d * hat[i];
        d_beta[i] += d;
        d_x[i] = d * gamma[i];
    }
    const elc_float mean = elc_sum(d_x, n) / (elc_float)n;
    const elc_float along = elc_dot(d_x, hat, n) / (elc_float)n;
    for (size_t i = 0; i < n; i++)
        d_x[i] = rstd * (d_x[i] - mean - hat[i] * along);
}
