/* What short words were cut into, remembered: most words of a text have been seen before. */
#ifndef LIB_TEXT_WORD_CACHE_H
#define LIB_TEXT_WORD_CACHE_H

#include "short_words.h"

enum {
    CACHED_PIECES = 3,
    CACHE_SET_BITS = 15, /* two megabytes in all */
    CACHE_SETS = 1 << CACHE_SET_BITS,
};

/* A word and its tokens. */
struct cached_word {
    uint64_t key[2]; /* as in struct short_word */
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
                                                   const struct short_word *word) {
    const struct cached_word *ways = set->ways;
    const struct cached_word *found = &ways[!ascii_same(ways[0].key, word->key)];
    return ascii_same(found->key, word->key) ? found : NULL;
}

/* Where the word is if it is there. */
static inline struct cache_set *cache_set_of(struct cache_set *cache,
                                             const struct short_word *word) {
    return &cache[ascii_hash(word->key) >> (64 - CACHE_SET_BITS)];
}

/* The place for a new word of the set: the one that was filled longer ago. */
static inline struct cached_word *cache_place(struct cache_set *set) {
    set->ways[1] = set->ways[0];
    return &set->ways[0];
}

#endif
