/* Places of texts in a batch, such that none's results depend on the others. */
#include <stdlib.h>
#include <string.h>

#include "electra/random.h"
#include "electra/tensor.h"
#include "score.h"

/* ---- the period ---- */

/* Does the product of equal rows have equal rows, a period apart? */
static bool has_period(const elc_float *product, size_t width, size_t period) {
    for (size_t row = period; row < ELC_TILE_ROWS; row++)
        if (memcmp(product + row * width, product + row % period * width,
                   width * sizeof *product) != 0)
            return false;
    return true;
}

/* Enlarges the period until it holds for products of this shape. */
static void measure(size_t *period, elc_float *product, const elc_float *rows,
                    const elc_float *weight, size_t n_out, size_t n_in) {
    elc_gemm(ELC_PLAIN, ELC_TRANSPOSED, ELC_TILE_ROWS, n_out, n_in, 1, rows, n_in, weight, n_in, 0,
             product, n_out);
    while (*period < ELC_TILE_ROWS &&
           (ELC_TILE_ROWS % *period != 0 || !has_period(product, n_out, *period)))
        ++*period;
}

/* ELC_TILE_ROWS equal rows of numbers that no product of theirs is exact of. */
static void fill_rows(elc_float *rows, size_t width) {
    struct elc_random random;
    elc_random_init(&random, 0, 0, 0, 0);
    for (size_t i = 0; i < width; i++)
        rows[i] = (elc_float)(elc_random_unit(&random) - 0.5);
    for (size_t row = 1; row < ELC_TILE_ROWS; row++)
        memcpy(rows + row * width, rows, width * sizeof *rows);
}

int elc_score_period(size_t *period, const struct elc_weights *weights) {
    const struct elc_config *config = &weights->config;
    const struct elc_layer *layer = &weights->layers[0];
    const size_t e = config->embedding_size, h = config->hidden_size, f = config->intermediate_size;
    const struct {
        const elc_float *weight;
        size_t n_out, n_in;
    } products[] = {
        {weights->project.weight, h, e},
        {layer->query.weight, h, h},
        {layer->intermediate.weight, f, h},
        {layer->output.weight, h, f},
    };
    const size_t width = e > f ? (e > h ? e : h) : (f > h ? f : h);
    elc_float *rows = elc_calloc_aligned(2 * ELC_TILE_ROWS, width * sizeof *rows);
    if (!rows)
        return ELC_ENOMEM;
    *period = 1;
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        if (!products[i].weight)
            continue;
        fill_rows(rows, products[i].n_in);
        measure(period, rows + ELC_TILE_ROWS * width, rows, products[i].weight, products[i].n_out,
                products[i].n_in);
    }
    free(rows);
    return 0;
}

/* ---- places ---- */

/* Where a text of n tokens starts, modulo the period. */
static size_t start_of(size_t n, size_t period) {
    size_t rest = n % period;
    return rest <= period / 2 ? 0 : period - rest;
}

size_t elc_score_next(size_t *gap, const struct elc_score_item *items, size_t n_items, size_t row,
                      size_t period) {
    size_t best = n_items;
    *gap = period;
    for (size_t i = 0; i<n_items && * gap> 0; i++) {
        if (items[i].placed || items[i].n == 0)
            continue;
        size_t wait = (start_of(items[i].n, period) + period - row % period) % period;
        if (wait < *gap) {
            best = i;
            *gap = wait;
        }
    }
    return best;
}
