/* Gradients of linear layers' weights, in tiles that threads share out among themselves. */
#include "electra/nn.h"
#include "electra/simd.h"

enum { TILE = 256 };

static size_t tiles_of(size_t n) {
    return (n + TILE - 1) / TILE;
}

size_t elc_weight_gradient_tiles(const struct elc_weight_gradient *g) {
    return tiles_of(g->n_out) * tiles_of(g->n_in);
}

/* Sums of up to TILE columns: rows within a stretch first, then the stretches, which keeps long
 * sums exact to a few units in the last place. */
ELC_VECTOR static void add_column_sums(elc_float *sums, const elc_float *x, size_t ld,
                                       size_t n_rows, size_t n) {
    enum { STRETCH = 64 };
    for (size_t first = 0; first < n_rows; first += STRETCH) {
        const size_t end = n_rows - first < STRETCH ? n_rows : first + STRETCH;
        elc_float partial[TILE] = {0};
        for (size_t row = first; row < end; row++)
            for (size_t i = 0; i < n; i++)
                partial[i] += x[row * ld + i];
        for (size_t i = 0; i < n; i++)
            sums[i] += partial[i];
    }
}

void elc_weight_gradient_tile(const struct elc_weight_gradient *g, size_t tile) {
    const size_t out = tile / tiles_of(g->n_in) * TILE;
    const size_t in = tile % tiles_of(g->n_in) * TILE;
    const size_t n_out = g->n_out - out < TILE ? g->n_out - out : TILE;
    const size_t n_in = g->n_in - in < TILE ? g->n_in - in : TILE;
    const size_t ld = g->ld_d_weight ? g->ld_d_weight : g->n_in;
    elc_gemm(ELC_TRANSPOSED, ELC_PLAIN, n_out, n_in, g->n_rows, g->d_y + out, g->ld_d_y, g->x + in,
             g->ld_x, true, g->d_weight + out * ld + in, ld);
    if (g->d_bias && in == 0)
        add_column_sums(g->d_bias + out, g->d_y + out, g->ld_d_y, g->n_rows, n_out);
}
