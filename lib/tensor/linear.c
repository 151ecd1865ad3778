/* Linear layers, forward: y = x·Wᵀ + b, both operands as they lie in memory.
 *
 * Why not BLAS: its kernels round a row differently according to its place in the matrix (OpenBLAS
 * for AVX2 sums rows 0 to 5 and 6 to 11 of every twelve in different orders), so that a text's
 * score would depend on its neighbours. And BLAS copies W into a layout of its own at every call,
 * which takes hundreds of rows to repay. Here each number is LANES interleaved sums of products in
 * the order of k, met in one fixed tree: the same bits in any place, among any rows, cut into any
 * tiles, on any machine with fused multiply-adds.
 */
#include <string.h>

#include "electra/tensor.h"
#include "simd.h"

enum { LANES = 8, ROWS = 3, COLUMNS = 4 }; /* 12 sums: with 4 operands all that AVX2 has room for */

/* Vectors of gcc and clang: any width is compiled for any machine. */
typedef elc_float lanes __attribute__((vector_size(LANES * sizeof(elc_float))));
typedef elc_float quad __attribute__((vector_size(COLUMNS * sizeof(elc_float))));
/* The same in memory, where numbers are aligned as numbers. */
typedef elc_float stored_lanes
    __attribute__((vector_size(LANES * sizeof(elc_float)), aligned(sizeof(elc_float)), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* The sums over all lanes of four vectors: (0+4 + 2+6) + (1+5 + 3+7). */
INLINE void sum_lanes(quad *sums, const lanes *a, const lanes *b, const lanes *c, const lanes *d) {
#define HALVES(v)                                                                                  \
    (__builtin_shufflevector(*v, *v, 0, 1, 2, 3) + __builtin_shufflevector(*v, *v, 4, 5, 6, 7))
    quad ha = HALVES(a), hb = HALVES(b), hc = HALVES(c), hd = HALVES(d);
#undef HALVES
    quad ab =
        __builtin_shufflevector(ha, hb, 0, 4, 1, 5) + __builtin_shufflevector(ha, hb, 2, 6, 3, 7);
    quad cd =
        __builtin_shufflevector(hc, hd, 0, 4, 1, 5) + __builtin_shufflevector(hc, hd, 2, 6, 3, 7);
    *sums =
        __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/* sums += products of n columns; fewer than LANES are filled up with zeros. */
INLINE void add_end(lanes *sum, const elc_float *x, const elc_float *w, size_t n) {
    elc_float ends[2][LANES] = {{0}};
    memcpy(ends[0], x, n * sizeof *x);
    memcpy(ends[1], w, n * sizeof *w);
    *sum += *(const stored_lanes *)ends[0] * *(const stored_lanes *)ends[1];
}

struct operands {
    elc_float *y;
    const elc_float *x, *weight, *bias;
    size_t ld_y, ld_x, ld_weight, n_in;
};

/* `rows` by `columns` numbers of y, at most ROWS by COLUMNS, both constants where it is inlined. */
INLINE void block(const struct operands *o, size_t row, size_t column, int rows, int columns) {
    const elc_float *x = o->x + row * o->ld_x, *w = o->weight + column * o->ld_weight;
    lanes sums[ROWS][COLUMNS];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < COLUMNS; j++)
            sums[i][j] = (lanes){0};
    size_t k = 0;
    for (; k + LANES <= o->n_in; k += LANES) {
        lanes w_k[COLUMNS];
        for (int j = 0; j < columns; j++)
            w_k[j] = *(const stored_lanes *)(w + (size_t)j * o->ld_weight + k);
        for (int i = 0; i < rows; i++) {
            const lanes x_k = *(const stored_lanes *)(x + (size_t)i * o->ld_x + k);
            for (int j = 0; j < columns; j++)
                sums[i][j] += x_k * w_k[j];
        }
    }
    if (k < o->n_in)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
                add_end(&sums[i][j], x + (size_t)i * o->ld_x + k, w + (size_t)j * o->ld_weight + k,
                        o->n_in - k);
    const size_t bytes = (size_t)columns * sizeof *o->y;
    quad bias = {0};
    if (o->bias)
        memcpy(&bias, o->bias + column, bytes);
    for (int i = 0; i < rows; i++) {
        quad y;
        sum_lanes(&y, &sums[i][0], &sums[i][1], &sums[i][2], &sums[i][3]);
        y += bias;
        memcpy(o->y + (row + (size_t)i) * o->ld_y + column, &y, bytes);
    }
}

ELC_VECTOR void elc_linear(elc_float *y, size_t ld_y, const elc_float *x, size_t ld_x,
                           const elc_float *weight, size_t ld_weight, const elc_float *bias,
                           size_t n_rows, size_t n_out, size_t n_in) {
    const struct operands o = {y, x, weight, bias, ld_y, ld_x, ld_weight, n_in};
    size_t column = 0;
    for (; column + COLUMNS <= n_out; column += COLUMNS) {
        size_t row = 0;
        for (; row + ROWS <= n_rows; row += ROWS)
            block(&o, row, column, ROWS, COLUMNS);
        for (; row < n_rows; row++)
            block(&o, row, column, 1, COLUMNS);
    }
    for (; column < n_out; column++)
        for (size_t row = 0; row < n_rows; row++)
            block(&o, row, column, 1, 1);
}
