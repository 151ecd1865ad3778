/* Philox4x32-10 and what is drawn from it. */
#include "electra/random.h"

#include <stdbool.h>

#include "electra/simd.h"

enum { ROUNDS = 10 };

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u

void elc_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* The name (seed, purpose, a, b) has more bits than a counter and a key, so it is hashed by two
 * Philox blocks. counter[0] numbers the sequence's blocks, counter[1..3] belong to its name. */
void elc_random_init(struct elc_random *random, uint64_t seed, uint32_t purpose, uint64_t a,
                     uint64_t b) {
    const uint32_t seed_key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t pair[4] = {(uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32)};
    uint32_t hash[4];
    elc_philox(hash, pair, seed_key);
    const uint32_t purpose_key[2] = {purpose, 0};
    uint32_t name[4];
    elc_philox(name, hash, purpose_key);
    random->key[0] = name[0];
    random->key[1] = name[1];
    random->counter[0] = 0;
    random->counter[1] = name[2];
    random->counter[2] = name[3];
    random->counter[3] = purpose;
    random->used = 4;
}

uint32_t elc_random_u32(struct elc_random *random) {
    if (random->used == 4) {
        elc_philox(random->block, random->counter, random->key);
        random->counter[0]++;
        random->used = 0;
    }
    return random->block[random->used++];
}

double elc_random_unit(struct elc_random *random) {
    uint64_t high = elc_random_u32(random) >> 5; /* 27 bits */
    uint64_t low = elc_random_u32(random) >> 6;  /* 26 bits */
    return (double)(high << 26 | low) * 0x1p-53;
}

uint64_t elc_random_below(struct elc_random *random, uint64_t n) {
    if (n <= UINT32_MAX) {
        uint64_t product = (uint64_t)elc_random_u32(random) * n;
        if ((uint32_t)product < n) {
            uint32_t reject_below = (uint32_t)(-(uint32_t)n % (uint32_t)n);
            while ((uint32_t)product < reject_below)
                product = (uint64_t)elc_random_u32(random) * n;
        }
        return product >> 32;
    }
    uint64_t mask = UINT64_MAX >> __builtin_clzll(n - 1);
    while (true) {
        uint64_t high = elc_random_u32(random);
        uint64_t value = (high << 32 | elc_random_u32(random)) & mask;
        if (value < n)
            return value;
    }
}

/* The same rounds as elc_philox, on LANES counters side by side so that compilers vectorise. */
ELC_VECTOR void elc_random_bulk(uint32_t *out, const struct elc_random *start, uint32_t first_block,
                                size_t n_blocks) {
    enum { LANES = 16 };
    for (size_t done = 0; done < n_blocks; done += LANES) {
        uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
        uint32_t k0 = start->key[0], k1 = start->key[1];
        for (unsigned i = 0; i < LANES; i++) {
            c0[i] = first_block + (uint32_t)done + i;
            c1[i] = start->counter[1];
            c2[i] = start->counter[2];
            c3[i] = start->counter[3];
        }
        for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 1 /* as a loop it is vectorised, unrolled it is not: three times the time */
            for (unsigned i = 0; i < LANES; i++) {
                const uint32_t high0 = (uint32_t)((uint64_t)PHILOX_M0 * c0[i] >> 32);
                const uint32_t high1 = (uint32_t)((uint64_t)PHILOX_M1 * c2[i] >> 32);
                const uint32_t low0 = PHILOX_M0 * c0[i], low1 = PHILOX_M1 * c2[i];
                c0[i] = high1 ^ c1[i] ^ k0;
                c2[i] = high0 ^ c3[i] ^ k1;
                c1[i] = low1;
                c3[i] = low0;
            }
            k0 += PHILOX_W0;
            k1 += PHILOX_W1;
        }
        size_t lanes = n_blocks - done < LANES ? n_blocks - done : LANES;
        for (size_t i = 0; i < lanes; i++) {
            uint32_t *four = out + 4 * (done + i);
            four[0] = c0[i];
            four[1] = c1[i];
            four[2] = c2[i];
            four[3] = c3[i];
        }
    }
}

void elc_random_permutation(uint64_t *order, uint64_t n, struct elc_random *random) {
    for (uint64_t i = 0; i < n; i++)
        order[i] = i;
    for (uint64_t i = n; i > 1; i--) {
        uint64_t j = elc_random_below(random, i);
        uint64_t last = order[i - 1];
        order[i - 1] = order[j];
        order[j] = last;
    }
}
