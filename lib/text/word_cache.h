/* What short ASCII words were cut into, remembered: most words of a text have been seen before. */
#ifndef LIB_TEXT_WORD_CACHE_H
#define LIB_TEXT_WORD_CACHE_H

#include "ascii.h"

enum {
    CACHED_PIECES = 3,
    CACHE_SET_BITS = 15, /* two megabytes in all */
    CACHE_SETS = 1 << CACHE_SET_BITS,
};

/* A word and its tokens. */
struct cached_word {
    uint64_t low, high; /* its bytes, as in struct ascii_word */
    uint32_t ids[CACHED_PIECES];
    uint8_t n; /* tokens */
    uint8_t ends[CACHED_PIECES];
};

/* Where a word may be, the place filled last in front: a line of the processor's cache. */
struct cache_set {
    struct cached_word ways[2];
};

/* The place that holds the word, or NULL. Which of the two it is cannot be foreseen, so that a
 * branch would cost more than to look at both. */
static inline const struct cached_word *cache_find(const struct cache_set *set,
                                                   const struct ascii_word *word) {
    const struct cached_word *ways = set->ways;
    uint64_t other = (ways[0].low ^ word->low) | (ways[0].high ^ word->high);
    const struct cached_word *found = &ways[other != 0];
    return ((found->low ^ word->low) | (found->high ^ word->high)) == 0 ? found : NULL;
}

/* Where the word is if it is there. */
static inline struct cache_set *cache_set_of(struct cache_set *cache,
                                             const struct ascii_word *word) {
    uint64_t hash =
        (word->low ^ word->high * UINT64_C(0xC2B2AE3D27D4EB4F)) * UINT64_C(0x9E3779B97F4A7C15);
    return &cache[hash >> (64 - CACHE_SET_BITS)];
}

/* The place for a new word of the set: the one that was filled longer ago. */
static inline struct cached_word *cache_place(struct cache_set *set) {
    set->ways[1] = set->ways[0];
    return &set->ways[0];
}

#endif
