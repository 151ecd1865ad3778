/* Chance: random numbers as a pure function of a name and an index.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011):
 * no state has to be saved, and no number depends on which thread asks, or when.
 * A sequence of numbers is named by (seed, purpose, a, b); e.g. the masked positions of
 * a text are drawn from (seed, ELC_MASK_POSITIONS, epoch, XXH3-64 of its ids).
 */
#ifndef ELECTRA_RANDOM_H
#define ELECTRA_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the numbers are for; each purpose has sequences of its own. The values are part of
 * what makes a run reproducible: append, never renumber. */
enum elc_purpose {
    ELC_SHUFFLE = 1,        /* a: 0, b: 0 */
    ELC_PACK = 2,           /* a: document, b: example */
    ELC_MASK_POSITIONS = 3, /* a: epoch, b: XXH3-64 of the ids as u32 */
    ELC_MASK_KEEP = 4,      /* same */
    ELC_REPLACE = 5,        /* same: replacements drawn by electra-corrupt */
    ELC_EPOCH_ORDER = 6,    /* a: epoch, b: 0 */
    ELC_SAMPLE = 7,         /* a: step, b: place of the sequence in the global batch */
    ELC_INIT = 8,           /* a: XXH3-64 of the parameter's name, b: 1 for a generator */
    ELC_BOOTSTRAP = 9,      /* a: resample, b: 0 */
    ELC_DROPOUT = 16,       /* a: step, b: place in the global batch; + site, see nn.h */
};

struct elc_random {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    unsigned used; /* numbers of `block` already given out */
};

/* One block of Philox4x32-10: four numbers from a counter and a key. */
void elc_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

/* Starts the sequence (seed, purpose, a, b) at its first number. */
void elc_random_init(struct elc_random *random, uint64_t seed, uint32_t purpose, uint64_t a,
                     uint64_t b);

/* The next 32 bits. */
uint32_t elc_random_u32(struct elc_random *random);

/* Uniform in [0, 1), a multiple of 2^-53; takes two numbers. */
double elc_random_unit(struct elc_random *random);

/* Uniform in 0 … n-1 without bias, n ≥ 1 (Lemire 2019 for 32 bits; rejection above). */
uint64_t elc_random_below(struct elc_random *random, uint64_t n);

/* Numbers 4·first_block … of a sequence that elc_random_init has just started, in bulk:
 * writes 4·n_blocks numbers. Vectorised; the same numbers as elc_random_u32 gives. */
void elc_random_bulk(uint32_t *out, const struct elc_random *start, uint32_t first_block,
                     size_t n_blocks);

/* A uniform permutation of 0 … n-1 by Fisher and Yates. */
void elc_random_permutation(uint64_t *order, uint64_t n, struct elc_random *random);

#ifdef __cplusplus
}
#endif
#endif
