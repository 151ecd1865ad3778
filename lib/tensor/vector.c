/* Functions of one variable over arrays, and sums. */
#include "electra/tensor.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "electra/simd.h"

/* ---- exp, erf, tanh ----
 *
 * Bounds are taken on the bits of a number, whose order as integers is that of magnitudes, or in a
 * loop of their own: compilers turn `x < a ? a : x` in front of a polynomial into branches. */

#ifdef ELC_DOUBLE

static inline double exp_bounded(double x) {
    return exp(x);
}
static inline double exp_negative(double x) {
    return exp(x);
}
static inline double erf_of(double x) {
    return erf(x);
}
static inline double tanh_of(double x) {
    return tanh(x);
}

#else

static inline int32_t to_bits(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline float from_bits(int32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
/* x where |x| ≤ bound, else ±bound. */
static inline float clamp_magnitude(float x, float bound) {
    int32_t magnitude = to_bits(x) & INT32_MAX;
    int32_t limit = to_bits(bound);
    magnitude = magnitude < limit ? magnitude : limit;
    return from_bits(magnitude | (to_bits(x) & INT32_MIN));
}

/* exp(x) for -87 ≤ x ≤ 88; NaN stays NaN. x = n·ln 2 + r with |r| ≤ ln 2 / 2, e^r by Cephes's
 * polynomial; ln 2 comes in two parts so that n·(its first) is exact. Adding 1.5·2^23 rounds to a
 * whole number, which then is in the lowest bits: shifted up, they are 2^n's exponent. */
static inline float exp_bounded(float x) {
    const float magic = 12582912.0f;
    float rounded = x * 1.44269504f + magic;
    float n = rounded - magic;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * (r * r) + r) + 1.0f;
    const uint32_t one = 0x3F800000;
    return p * from_bits((int32_t)(((uint32_t)to_bits(rounded) << 23) + one));
}

/* exp(x) for any x ≤ 0; below -87 the smallest normal numbers stand for what is smaller. */
static inline float exp_negative(float x) {
    return exp_bounded(clamp_magnitude(x, 87.0f));
}

/* erf(x) as x·P(x²)/Q(x²) on [-4, 4], beyond which it is ±1 in float (coefficients as in Eigen). */
static inline float erf_of(float x) {
    x = clamp_magnitude(x, 4.0f);
    float s = x * x;
    float p = -2.72614225801306e-10f;
    p = p * s + 2.77068142495902e-08f;
    p = p * s + -2.10102402082508e-06f;
    p = p * s + -5.69250639462346e-05f;
    p = p * s + -7.34990630326855e-04f;
    p = p * s + -2.95459980854025e-03f;
    p = p * s + -1.60960333262415e-02f;
    float q = -1.45660718464996e-05f;
    q = q * s + -2.13374055278905e-04f;
    q = q * s + -1.68282697438203e-03f;
    q = q * s + -7.37332916720468e-03f;
    q = q * s + -1.42647390514189e-02f;
    return x * p / q;
}

static inline float tanh_of(float x) {
    float e = exp_negative(-2 * from_bits(to_bits(x) & INT32_MAX));
    float magnitude = (1 - e) / (1 + e);
    return from_bits(to_bits(magnitude) | (to_bits(x) & INT32_MIN));
}

#endif

/* ---- activations ---- */

static const elc_float sqrt_half = (elc_float)0.70710678118654752440;      /* 1/√2 */
static const elc_float normal_density = (elc_float)0.39894228040143267794; /* 1/√(2π) */
static const elc_float tanh_scale = (elc_float)0.79788456080286535588;     /* √(2/π) */
static const elc_float tanh_cubic = (elc_float)0.044715;

ELC_VECTOR static void gelu(elc_float *y, const elc_float *x, size_t n) {
    const elc_float half = (elc_float)0.5;
    for (size_t i = 0; i < n; i++)
        y[i] = half * x[i] * (1 + erf_of(x[i] * sqrt_half));
}

ELC_VECTOR static void gelu_backward(elc_float *d, elc_float *y, const elc_float *x, size_t n) {
    const elc_float half = (elc_float)0.5;
    for (size_t i = 0; i < n; i++) {
        elc_float cdf = half * (1 + erf_of(x[i] * sqrt_half));
        elc_float pdf = normal_density * exp_negative(-half * x[i] * x[i]);
        d[i] *= cdf + x[i] * pdf;
        y[i] = x[i] * cdf;
    }
}

ELC_VECTOR static void gelu_new(elc_float *y, const elc_float *x, size_t n) {
    const elc_float half = (elc_float)0.5;
    for (size_t i = 0; i < n; i++) {
        elc_float u = tanh_scale * (x[i] + tanh_cubic * x[i] * x[i] * x[i]);
        y[i] = half * x[i] * (1 + tanh_of(u));
    }
}

ELC_VECTOR static void gelu_new_backward(elc_float *d, elc_float *y, const elc_float *x, size_t n) {
    const elc_float half = (elc_float)0.5;
    for (size_t i = 0; i < n; i++) {
        elc_float u = tanh_scale * (x[i] + tanh_cubic * x[i] * x[i] * x[i]);
        elc_float d_u = tanh_scale * (1 + 3 * tanh_cubic * x[i] * x[i]);
        elc_float t = tanh_of(u);
        d[i] *= half * (1 + t) + half * x[i] * (1 - t * t) * d_u;
        y[i] = half * x[i] * (1 + t);
    }
}

ELC_VECTOR static void relu(elc_float *y, const elc_float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > 0 ? x[i] : 0;
}

ELC_VECTOR static void relu_backward(elc_float *d, elc_float *y, const elc_float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        d[i] = x[i] > 0 ? d[i] : 0;
        y[i] = x[i] > 0 ? x[i] : 0;
    }
}

ELC_VECTOR static void hyperbolic(elc_float *y, const elc_float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = tanh_of(x[i]);
}

ELC_VECTOR static void hyperbolic_backward(elc_float *d, elc_float *y, const elc_float *x,
                                           size_t n) {
    for (size_t i = 0; i < n; i++) {
        y[i] = tanh_of(x[i]);
        d[i] *= 1 - y[i] * y[i];
    }
}

void elc_activate(elc_float *y, const elc_float *x, size_t n, enum elc_activation activation) {
    switch (activation) {
    case ELC_GELU:
        gelu(y, x, n);
        break;
    case ELC_GELU_NEW:
        gelu_new(y, x, n);
        break;
    case ELC_RELU:
        relu(y, x, n);
        break;
    case ELC_TANH:
        hyperbolic(y, x, n);
        break;
    }
}

void elc_activate_backward(elc_float *d, elc_float *y, const elc_float *x, size_t n,
                           enum elc_activation activation) {
    switch (activation) {
    case ELC_GELU:
        gelu_backward(d, y, x, n);
        break;
    case ELC_GELU_NEW:
        gelu_new_backward(d, y, x, n);
        break;
    case ELC_RELU:
        relu_backward(d, y, x, n);
        break;
    case ELC_TANH:
        hyperbolic_backward(d, y, x, n);
        break;
    }
}

/* ---- sums ----
 *
 * Element i goes to partial sum i mod ELC_LANES; the partial sums meet in a fixed tree. */

static inline elc_float lanes_sum(elc_float lanes[ELC_LANES]) {
    for (int width = ELC_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            lanes[i] += lanes[i + width];
    return lanes[0];
}

ELC_VECTOR elc_float elc_max(const elc_float *x, size_t n) {
    elc_float lanes[ELC_LANES];
    for (int l = 0; l < ELC_LANES; l++)
        lanes[l] = x[0];
    size_t i = 0;
    for (; i + ELC_LANES <= n; i += ELC_LANES)
        for (int l = 0; l < ELC_LANES; l++)
            lanes[l] = x[i + l] > lanes[l] ? x[i + l] : lanes[l];
    for (; i < n; i++)
        lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
    elc_float max = lanes[0];
    for (int l = 1; l < ELC_LANES; l++)
        max = lanes[l] > max ? lanes[l] : max;
    return max;
}

ELC_VECTOR elc_float elc_sum(const elc_float *x, size_t n) {
    elc_float lanes[ELC_LANES] = {0};
    size_t i = 0;
    for (; i + ELC_LANES <= n; i += ELC_LANES)
        for (int l = 0; l < ELC_LANES; l++)
            lanes[l] += x[i + l];
    for (int l = 0; i < n; i++, l++)
        lanes[l] += x[i];
    return lanes_sum(lanes);
}

ELC_VECTOR elc_float elc_exp_sum(elc_float *y, const elc_float *x, size_t n, elc_float scale,
                                 elc_float shift) {
    const elc_float lowest = -87;
    for (size_t i = 0; i < n; i++) {
        /* Not scale·x - scale·shift: fused, that rounds once and may come out above 0, by more than
         * exp_bounded can take when the numbers are large. */
        elc_float shifted = scale * (x[i] - shift);
        y[i] = shifted < lowest ? lowest : shifted; /* lets a NaN through */
    }
    for (size_t i = 0; i < n; i++)
        y[i] = exp_bounded(y[i]);
    return elc_sum(y, n);
}

ELC_VECTOR elc_float elc_dot(const elc_float *x, const elc_float *y, size_t n) {
    elc_float lanes[ELC_LANES] = {0};
    size_t i = 0;
    for (; i + ELC_LANES <= n; i += ELC_LANES)
        for (int l = 0; l < ELC_LANES; l++)
            lanes[l] += x[i + l] * y[i + l];
    for (int l = 0; i < n; i++, l++)
        lanes[l] += x[i] * y[i];
    return lanes_sum(lanes);
}

ELC_VECTOR void elc_axpy(elc_float *y, elc_float a, const elc_float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

ELC_VECTOR void elc_multiply(elc_float *y, const elc_float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] *= x[i];
}

ELC_VECTOR void elc_add_residual(elc_float *y, const elc_float *factors, const elc_float *residual,
                                 size_t n) {
    if (factors) {
        for (size_t i = 0; i < n; i++)
            y[i] = residual[i] + factors[i] * y[i];
    } else {
        for (size_t i = 0; i < n; i++)
            y[i] = residual[i] + y[i];
    }
}
