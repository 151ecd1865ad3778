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

/* ---- matrix products (product.c) ----
 *
 * Each number of a product is the sum of chains of 256 multiply-adds, in the order of k: its bits
 * depend on its row of A and its column of B alone, not on its place, on other rows or columns or
 * their number, nor on the machine, as long as that has fused multiply-adds. All run in the calling
 * thread. */

enum elc_transpose { ELC_PLAIN, ELC_TRANSPOSED };

/* C[m, n] = A·B, or with `add` C + A·B, where A is [m, k] and B is [k, n] after the transpositions
 * asked for. Without `add` C is not read. */
void elc_gemm(enum elc_transpose transpose_a, enum elc_transpose transpose_b, size_t m, size_t n,
              size_t k, const elc_float *a, size_t lda, const elc_float *b, size_t ldb, bool add,
              elc_float *c, size_t ldc);

/* y = x·Wᵀ + b for rows of x [n_rows, n_in], W [n_out, n_in], b [n_out] or NULL. */
void elc_linear(elc_float *y, size_t ld_y, const elc_float *x, size_t ld_x, const elc_float *weight,
                size_t ld_weight, const elc_float *bias, size_t n_rows, size_t n_out, size_t n_in);

/* What both do first is copy B into panels of ELC_PANEL columns, side by side in the order in which
 * the product wants them. Whoever multiplies few rows by the same B again and again does so once:
 * B [k, n] after the transposition into `packed`, elc_packed_size(n, k) numbers. */
enum { ELC_PANEL = 16 };
static inline size_t elc_packed_size(size_t n, size_t k) {
    return (n + ELC_PANEL - 1) / ELC_PANEL * ELC_PANEL * k;
}
void elc_pack(elc_float *packed, enum elc_transpose transpose_b, size_t n, size_t k,
              const elc_float *b, size_t ldb);
/* C[m, n] = A·B + bias [n] (NULL: none), or with `add`, and no bias, C + A·B. */
void elc_multiply_packed(elc_float *c, size_t ldc, const elc_float *a, size_t lda,
                         const elc_float *packed, const elc_float *bias, bool add, size_t m,
                         size_t n, size_t k);

/* ---- functions of one variable, over arrays (vector.c) ----
 *
 * In float: polynomials that compilers vectorise. Errors against the true value: exp 2 ulp,
 * GELU and its derivative 5e-7·max(1, |x|). In double: libm. */

enum elc_activation { ELC_GELU /* erf */, ELC_GELU_NEW /* tanh */, ELC_RELU, ELC_TANH };

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
