/* Adam's update of some weights, and sums of squares. */
#include <math.h>

#include "electra/nn.h"
#include "electra/simd.h"

static inline elc_float root(elc_float x) {
#ifdef ELC_DOUBLE
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

ELC_VECTOR void elc_adam_apply(elc_float *restrict w, elc_float *restrict g, elc_float *restrict m,
                               elc_float *restrict v, size_t n, const struct elc_adam_rule *rule) {
    const struct elc_adam_rule r = *rule;
    for (size_t i = 0; i < n; i++) {
        const elc_float gradient = g[i] * r.factor;
        m[i] = r.beta1 * m[i] + r.rest1 * gradient;
        v[i] = r.beta2 * v[i] + r.rest2 * gradient * gradient;
        const elc_float change = m[i] * r.m_correction / (root(v[i] * r.v_correction) + r.epsilon);
        w[i] -= r.rate * (change + r.decay * w[i]);
        g[i] = 0;
    }
}

ELC_VECTOR double elc_squares(const elc_float *x, size_t n) {
    double lanes[ELC_LANES] = {0};
    size_t i = 0;
    for (; i + ELC_LANES <= n; i += ELC_LANES)
        for (int l = 0; l < ELC_LANES; l++)
            lanes[l] += (double)x[i + l] * (double)x[i + l];
    for (int l = 0; i < n; i++, l++)
        lanes[l] += (double)x[i] * (double)x[i];
    double sum = 0;
    for (int l = 0; l < ELC_LANES; l++)
        sum += lanes[l];
    return sum;
}
