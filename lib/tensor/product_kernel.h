/* The innermost loops of a matrix product, for one kind of processor. product.c includes this once
 * for each, having defined
 *
 *     KERNEL   the function's name
 *     TARGET   attributes of the function that name the processor
 *     LANES    numbers in a register, a divisor of PANEL
 *     ROWS     rows at a time, so that ROWS·PANEL sums stay in registers
 *
 * Each number of C is one chain of multiply-adds in the order of k: neither LANES nor ROWS changes
 * a bit where multiply-adds are fused. */

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define vector PASTE(KERNEL, _vector)
#define stored PASTE(KERNEL, _stored)
#define block PASTE(KERNEL, _block)
#define VECTORS (PANEL / LANES)

/* Vectors of gcc and clang; `stored` in memory, where numbers are aligned as numbers. */
typedef elc_float vector __attribute__((vector_size(LANES * sizeof(elc_float))));
typedef elc_float stored
    __attribute__((vector_size(LANES * sizeof(elc_float)), aligned(sizeof(elc_float)), may_alias));

/* `rows` rows of a slab from its row `row` on: at most ROWS, a constant where it is inlined. */
static inline TARGET __attribute__((always_inline)) void block(const struct slab *s, size_t row,
                                                               int rows) {
    const elc_float *a = s->a + row * s->ld_a;
    vector sums[ROWS][VECTORS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < VECTORS; v++)
            sums[i][v] = (vector){0};
    for (size_t k = 0; k < s->depth; k++) {
        vector b[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            b[v] = *(const stored *)(s->panel + k * PANEL + (size_t)v * LANES);
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < VECTORS; v++)
                sums[i][v] += a[(size_t)i * s->ld_a + k * s->step_a] * b[v];
    }
    for (int i = 0; i < rows; i++) {
        elc_float *c = s->c + (row + (size_t)i) * s->ld_c;
        const elc_float *start = s->start + (row + (size_t)i) * s->ld_start;
        for (int v = 0; v < VECTORS; v++)
            *(stored *)(c + (size_t)v * LANES) =
                *(const stored *)(start + (size_t)v * LANES) + sums[i][v];
    }
}

static TARGET void KERNEL(const struct slab *s) {
    size_t row = 0;
    for (; row + ROWS <= s->n_rows; row += ROWS)
        block(s, row, ROWS);
    for (; row + ROWS / 2 <= s->n_rows; row += ROWS / 2)
        block(s, row, ROWS / 2);
    for (; row < s->n_rows; row++)
        block(s, row, 1);
}

#undef VECTORS
#undef block
#undef stored
#undef vector
#undef PASTE
#undef PASTE_
#undef KERNEL
#undef TARGET
#undef LANES
#undef ROWS
