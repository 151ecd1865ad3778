/* Dropout drawn from the counter-based generator. */
#include <string.h>

#include "electra/nn.h"
#include "electra/simd.h"

void elc_dropout_init(struct elc_dropout *dropout, double rate, uint64_t seed, uint64_t step) {
    const double levels = 65536;
    uint32_t threshold = rate > 0 ? (uint32_t)(rate * levels + 0.5) : 0;
    dropout->threshold = threshold < 65535 ? threshold : 65535;
    dropout->scale = (elc_float)(levels / (levels - dropout->threshold));
    dropout->seed = seed;
    dropout->step = step;
}

void elc_dropout_begin(struct elc_random *random, const struct elc_dropout *dropout, uint64_t place,
                       uint32_t site) {
    elc_random_init(random, dropout->seed, ELC_DROPOUT + site, dropout->step, place);
}

/* A row takes whole blocks of the generator, eight numbers from each. */
enum { PER_BLOCK = 8, BLOCKS_AT_ONCE = 64 };

ELC_VECTOR static void factors_from(elc_float *factors, const uint16_t *halves, size_t n,
                                    uint16_t threshold, elc_float scale) {
    for (size_t i = 0; i < n; i++)
        factors[i] = halves[i] < threshold ? 0 : scale;
}

void elc_dropout_factors(elc_float *factors, const struct elc_random *random,
                         const struct elc_dropout *dropout, size_t row, size_t n) {
    const size_t n_blocks = (n + PER_BLOCK - 1) / PER_BLOCK;
    for (size_t done = 0; done < n_blocks; done += BLOCKS_AT_ONCE) {
        uint32_t words[4 * BLOCKS_AT_ONCE];
        uint16_t halves[PER_BLOCK * BLOCKS_AT_ONCE];
        size_t blocks = n_blocks - done < BLOCKS_AT_ONCE ? n_blocks - done : BLOCKS_AT_ONCE;
        elc_random_bulk(words, random, (uint32_t)(row * n_blocks + done), blocks);
        memcpy(halves, words, blocks * 4 * sizeof words[0]);
        factors_from(factors + done * PER_BLOCK, halves, blocks * PER_BLOCK,
                     (uint16_t)dropout->threshold, dropout->scale);
    }
}
