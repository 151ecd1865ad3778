/* What short ASCII words were cut into, remembered: most words of a text have been seen before. */
#ifndef LIB_TEXT_WORD_CACHE_H
#define LIB_TEXT_WORD_CACHE_H

#include "ascii.h"

enum {
    CACHED_PIECES = 3,
    CACHED_WORDS = 1 << 15, /* a megabyte, which the second-level cache of most processors holds */
};

/* A word and its tokens. */
struct cached_word {
    uint64_t low, high; /* its bytes, as in struct ascii_word */
    uint32_t ids[CACHED_PIECES];
    uint8_t n; /* tokens; 0: the slot is free */
    uint8_t ends[CACHED_PIECES];
};

/* One slot for each word: the last one that came there. */
static inline size_t cached_word_slot(const struct ascii_word *word) {
    uint64_t hash =
        (word->low ^ word->high * UINT64_C(0xC2B2AE3D27D4EB4F)) * UINT64_C(0x9E3779B97F4A7C15);
    return hash >> 49; /* 15 bits */
}

#endif
