/* Matrix products.
 *
 * Why not a BLAS: its kernels round a row differently according to its place in the matrix
 * (OpenBLAS for AVX2 sums rows 0 to 5 and 6 to 11 of every twelve in different orders, and other
 * processors have other kernels), so that a text's score would depend on its neighbours and a
 * trained model on the machine; and it copies a layer's weights into a layout of its own at every
 * call, which takes hundreds of rows to repay. Here each number of C is a sum of chains of DEPTH
 * products in the order of k: the same bits in any place, among any rows, cut into any tiles, on
 * any machine with fused multiply-adds. The method is Goto and van de Geijn's (2008): a panel of B,
 * DEPTH by PANEL numbers, stays in the first cache while rows of A go past it.
 */
#include <string.h>

#include "electra/tensor.h"
#include "electra/simd.h"

enum {
    PANEL = ELC_PANEL,
    DEPTH = 256, /* a panel takes half of a first-level cache of 32 KiB */
    STRIP = 12,  /* rows of a transposed A side by side: a multiple of all kernels' ROWS */
    STRIPS = 22, /* at a time: 264 rows, with DEPTH 264 KiB, stay in a second-level cache */
};

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* A product's part that one panel of B has: C = start + A·panel. */
struct slab {
    elc_float *c;
    const elc_float *start; /* rows ld_start apart: C itself, or a bias with ld_start 0 */
    const elc_float *a;
    const elc_float *panel; /* [depth, PANEL] */
    size_t ld_c, ld_start, ld_a;
    size_t step_a; /* from column to column of A */
    size_t n_rows, depth;
};

/* ---- kernels, and the choice among them ---- */

#if defined(__x86_64__)
#define KERNEL kernel_v4
#define TARGET __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")))
#define LANES 16
#define ROWS 12
#include "product_kernel.h"

#define KERNEL kernel_v3
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define ROWS 6
#include "product_kernel.h"

#define KERNEL kernel_any
#define TARGET
#define LANES 4
#define ROWS 2 /* of sixteen registers, eight hold sums */
#include "product_kernel.h"

static void multiply(const struct slab *s) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        kernel_v4(s);
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        kernel_v3(s);
    else
        kernel_any(s);
}
#else
#define KERNEL multiply
#define TARGET
#define LANES 4
#define ROWS 6 /* of 32 registers, 24 hold sums */
#include "product_kernel.h"
#endif

/* The panel's columns that C has: at the right edge a part of them, in rows of a copy. */
static void multiply_panel(const struct slab *s, size_t n_columns) {
    enum { COPIED = STRIP };
    if (n_columns == PANEL) {
        multiply(s);
        return;
    }
    for (size_t row = 0; row < s->n_rows; row += COPIED) {
        elc_float c[COPIED * PANEL] = {0};
        struct slab copy = *s;
        copy.n_rows = least(COPIED, s->n_rows - row);
        for (size_t i = 0; i < copy.n_rows; i++)
            memcpy(c + i * PANEL, s->start + (row + i) * s->ld_start, n_columns * sizeof *c);
        copy.c = c;
        copy.start = c;
        copy.ld_c = copy.ld_start = PANEL;
        copy.a = s->a + row * s->ld_a;
        multiply(&copy);
        for (size_t i = 0; i < copy.n_rows; i++)
            memcpy(s->c + (row + i) * s->ld_c, c + i * PANEL, n_columns * sizeof *c);
    }
}

/* ---- packing ---- */

enum { SQUARE = 8 };

typedef elc_float eight __attribute__((vector_size(SQUARE * sizeof(elc_float))));
typedef elc_float stored_eight
    __attribute__((vector_size(SQUARE * sizeof(elc_float)), aligned(sizeof(elc_float)), may_alias));

/* to[j, i] = from[i, j] for 8 by 8 numbers. */
static inline __attribute__((always_inline)) void
transpose_square(elc_float *to, size_t ld_to, const elc_float *from, size_t ld_from) {
    eight r[SQUARE], s[SQUARE];
    for (size_t i = 0; i < SQUARE; i++)
        r[i] = *(const stored_eight *)(from + i * ld_from);
    for (size_t i = 0; i < SQUARE; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (size_t i = 0; i < SQUARE; i += 4)
        for (size_t j = i; j < i + 2; j++) {
            r[j] = __builtin_shufflevector(s[j], s[j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            r[j + 2] = __builtin_shufflevector(s[j], s[j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (size_t i = 0; i < 4; i++) {
        *(stored_eight *)(to + i * ld_to) =
            __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(stored_eight *)(to + (i + 4) * ld_to) =
            __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

/* to[j, i] = from[i, j] for n_rows by n_columns numbers of `from`. */
ELC_VECTOR static void transpose(elc_float *to, size_t ld_to, const elc_float *from, size_t ld_from,
                                 size_t n_rows, size_t n_columns) {
    size_t i = 0;
    for (; i + SQUARE <= n_rows; i += SQUARE) {
        size_t j = 0;
        for (; j + SQUARE <= n_columns; j += SQUARE)
            transpose_square(to + j * ld_to + i, ld_to, from + i * ld_from + j, ld_from);
        for (; j < n_columns; j++)
            for (size_t in = i; in < i + SQUARE; in++)
                to[j * ld_to + in] = from[in * ld_from + j];
    }
    for (; i < n_rows; i++)
        for (size_t j = 0; j < n_columns; j++)
            to[j * ld_to + i] = from[i * ld_from + j];
}

/* B as it lies in memory. */
struct source {
    const elc_float *b;
    size_t ld;
    enum elc_transpose transpose;
};

/* Rows k … k + depth - 1 of the n_columns columns from `column` on. */
static void pack_panel(elc_float *panel, const struct source *source, size_t k, size_t depth,
                       size_t column, size_t n_columns) {
    if (n_columns < PANEL)
        memset(panel, 0, depth * PANEL * sizeof *panel);
    if (source->transpose == ELC_TRANSPOSED) {
        transpose(panel, PANEL, source->b + column * source->ld + k, source->ld, n_columns, depth);
        return;
    }
    const elc_float *b = source->b + k * source->ld + column;
    if (n_columns == PANEL)
        for (size_t i = 0; i < depth; i++)
            memcpy(panel + i * PANEL, b + i * source->ld, PANEL * sizeof *b);
    else
        for (size_t i = 0; i < depth; i++)
            memcpy(panel + i * PANEL, b + i * source->ld, n_columns * sizeof *b);
}

void elc_pack(elc_float *packed, enum elc_transpose transpose_b, size_t n, size_t k,
              const elc_float *b, size_t ldb) {
    const struct source source = {b, ldb, transpose_b};
    for (size_t column = 0; column < n; column += PANEL)
        pack_panel(packed + column * k, &source, 0, k, column, least(PANEL, n - column));
}

/* ---- products ---- */

static const elc_float zeros[PANEL];

/* C[m, n] = start + A·B, where `start` is C (add), or a bias in every row, or NULL for zeros. */
struct product {
    elc_float *c;
    const elc_float *bias;
    const elc_float *a;      /* [m, k] */
    const elc_float *packed; /* B in panels, or NULL: `b`, to be packed */
    struct source b;
    size_t ld_c, ld_a;
    size_t m, n, k;
    bool add;
};

/* A stretch of k after the other, so that its part of A stays in cache while all panels go by. */
static void multiply_all(const struct product *p) {
    elc_float scratch[DEPTH * PANEL];
    for (size_t k = 0; k == 0 || k < p->k; k += DEPTH) {
        const size_t depth = least(DEPTH, p->k - k);
        const bool add = p->add || k > 0;
        for (size_t column = 0; column < p->n; column += PANEL) {
            const size_t n_columns = least(PANEL, p->n - column);
            if (!p->packed)
                pack_panel(scratch, &p->b, k, depth, column, n_columns);
            const struct slab slab = {
                .c = p->c + column,
                .start = add       ? p->c + column
                         : p->bias ? p->bias + column
                                   : zeros,
                .a = p->a + k,
                .panel = p->packed ? p->packed + column * p->k + k * PANEL : scratch,
                .ld_c = p->ld_c,
                .ld_start = add ? p->ld_c : 0,
                .ld_a = p->ld_a,
                .step_a = 1,
                .n_rows = p->m,
                .depth = depth,
            };
            multiply_panel(&slab, n_columns);
        }
    }
}

/* Rows of A, which lies transposed, side by side: strips[·, k, STRIP], the last with what is left.
 */
static void pack_strips(elc_float *strips, const elc_float *a, size_t lda, size_t depth, size_t n) {
    for (size_t row = 0; row < n; row += STRIP)
        if (n - row >= STRIP)
            for (size_t k = 0; k < depth; k++)
                memcpy(strips + row * depth + k * STRIP, a + k * lda + row, STRIP * sizeof *a);
        else
            for (size_t k = 0; k < depth; k++)
                memcpy(strips + row * depth + k * STRIP, a + k * lda + row, (n - row) * sizeof *a);
}

/* The product with A transposed, of some rows and some of k. */
static void multiply_strips(const struct product *p, size_t first, size_t n_rows, size_t k) {
    elc_float strips[STRIPS * STRIP * DEPTH], panel[DEPTH * PANEL];
    const size_t depth = least(DEPTH, p->k - k);
    const bool add = p->add || k > 0;
    pack_strips(strips, p->a + k * p->ld_a + first, p->ld_a, depth, n_rows);
    for (size_t column = 0; column < p->n; column += PANEL) {
        const size_t n_columns = least(PANEL, p->n - column);
        pack_panel(panel, &p->b, k, depth, column, n_columns);
        for (size_t row = 0; row < n_rows; row += STRIP) {
            elc_float *c = p->c + (first + row) * p->ld_c + column;
            const struct slab slab = {
                .c = c,
                .start = add ? c : zeros,
                .a = strips + row * depth,
                .panel = panel,
                .ld_c = p->ld_c,
                .ld_start = add ? p->ld_c : 0,
                .ld_a = 1,
                .step_a = STRIP,
                .n_rows = least(STRIP, n_rows - row),
                .depth = depth,
            };
            multiply_panel(&slab, n_columns);
        }
    }
}

/* A lies transposed: [k, m]. */
static void multiply_transposed(const struct product *p) {
    for (size_t k = 0; k == 0 || k < p->k; k += DEPTH)
        for (size_t row = 0; row < p->m; row += STRIPS * STRIP)
            multiply_strips(p, row, least(STRIPS * STRIP, p->m - row), k);
}

void elc_gemm(enum elc_transpose transpose_a, enum elc_transpose transpose_b, size_t m, size_t n,
              size_t k, const elc_float *a, size_t lda, const elc_float *b, size_t ldb, bool add,
              elc_float *c, size_t ldc) {
    const struct product product = {
        .c = c,
        .a = a,
        .b = {b, ldb, transpose_b},
        .ld_c = ldc,
        .ld_a = lda,
        .m = m,
        .n = n,
        .k = k,
        .add = add,
    };
    if (transpose_a == ELC_TRANSPOSED)
        multiply_transposed(&product);
    else
        multiply_all(&product);
}

void elc_linear(elc_float *y, size_t ld_y, const elc_float *x, size_t ld_x, const elc_float *weight,
                size_t ld_weight, const elc_float *bias, size_t n_rows, size_t n_out, size_t n_in) {
    const struct product product = {
        .c = y,
        .bias = bias,
        .a = x,
        .b = {weight, ld_weight, ELC_TRANSPOSED},
        .ld_c = ld_y,
        .ld_a = ld_x,
        .m = n_rows,
        .n = n_out,
        .k = n_in,
    };
    multiply_all(&product);
}

void elc_multiply_packed(elc_float *c, size_t ldc, const elc_float *a, size_t lda,
                         const elc_float *packed, const elc_float *bias, bool add, size_t m,
                         size_t n, size_t k) {
    const struct product product = {
        .c = c,
        .bias = bias,
        .a = a,
        .packed = packed,
        .ld_c = ldc,
        .ld_a = lda,
        .m = m,
        .n = n,
        .k = k,
        .add = add,
    };
    multiply_all(&product);
}
