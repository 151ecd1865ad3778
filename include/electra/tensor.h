/* Tensors: the number type, matrix products, and the loops over rows that surround them.
 *
 * A matrix is row-major; `ld` is the distance between its rows in numbers. Dimensions are named
 * once for all: T tokens (rows), E embedding width, H hidden width, F width inside the
 * feed-forward block, V vocabulary, n length of a text.
 *
 * Every function here is pure arithmetic on the caller's memory: nothing allocates or fails.
 */
#ifndef ELECTRA_TENSOR_H
#define ELECTRA_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* float; double in the build that checks gradients against central differences. */
#ifdef ELC_DOUBLE
typedef double elc_float;
#else
typedef float elc_float;
#endif

/* ---- matrix products (gemm.c: the one place that knows of BLAS) ---- */

enum elc_transpose { ELC_PLAIN, ELC_TRANSPOSED };

/* C[m, n] = alpha·A·B + beta·C, where A is [m, k] and B is [k, n] after the transpositions asked
 * for. Runs in the calling thread, and keeps the BLAS library from starting threads of its own;
 * beta 0 never reads C. */
void elc_gemm(enum elc_transpose transpose_a, enum elc_transpose transpose_b, size_t m, size_t n,
              size_t k, elc_float alpha, const elc_float *a, size_t lda, const elc_float *b,
              size_t ldb, elc_float beta, elc_float *c, size_t ldc);

/* y = x·Wᵀ + b for rows of x [n_rows, n_in], W [n_out, n_in], b [n_out] or NULL (linear.c). The
 * bits of a row of y depend on that row of x alone, not on its place, the other rows or their
 * number. */
void elc_linear(elc_float *y, size_t ld_y, const elc_float *x, size_t ld_x, const elc_float *weight,
                size_t ld_weight, const elc_float *bias, size_t n_rows, size_t n_out, size_t n_in);

/* ---- functions of one variable, over arrays (vector.c) ----
 *
 * In float: polynomials that compilers vectorise. Errors against the true value: exp 2 ulp,
 * GELU and its derivative 5e-7·max(1, |x|). In double: libm. */

enum elc_activation { ELC_GELU /* erf */, ELC_GELU_NEW /* tanh */, ELC_RELU };

/* y[i] = f(x[i]); x and y may be the same. */
void elc_activate(elc_float *y, const elc_float *x, size_t n, enum elc_activation activation);
/* From x, what went into the activation: d[i] *= f'(x[i]), and y[i] = f(x[i]) once more, so that
 * only x has to be kept for the backward pass. */
void elc_activate_backward(elc_float *d, elc_float *y, const elc_float *x, size_t n,
                           enum elc_activation activation);

/* y[i] = exp(scale·(x[i] - shift)), where scale > 0 and x[i] ≤ shift; returns the sum of all y, in
 * a fixed order. x and y may be the same. */
elc_float elc_exp_sum(elc_float *y, const elc_float *x, size_t n, elc_float scale, elc_float shift);
elc_float elc_max(const elc_float *x, size_t n); /* n ≥ 1 */
elc_float elc_sum(const elc_float *x, size_t n);
elc_float elc_dot(const elc_float *x, const elc_float *y, size_t n);
/* y += a·x */
void elc_axpy(elc_float *y, elc_float a, const elc_float *x, size_t n);
/* y *= x */
void elc_multiply(elc_float *y, const elc_float *x, size_t n);
/* y = residual + factors·y, `factors` NULL standing for ones. */
void elc_add_residual(elc_float *y, const elc_float *factors, const elc_float *residual, size_t n);

#ifdef __cplusplus
}
#endif
#endif
