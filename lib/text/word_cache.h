/* What short words were cut into, remembered: most words of a text have been seen before. */
#ifndef LIB_TEXT_WORD_CACHE_H
#define LIB_TEXT_WORD_CACHE_H

#include "short_words.h"

enum {
    CACHED_PIECES = 3,
    CACHED_PIECES_LIMIT = 2 * CACHED_PIECES,
    CACHE_SET_BITS = 15, /* two megabytes in all */
    CACHE_SETS = 1 << CACHE_SET_BITS,
};

/* A word and its tokens. One of more than CACHED_PIECES, up to CACHED_PIECES_LIMIT, has the others
 * in the place behind it, which then has no word of its own. */
struct cached_word {
    uint64_t key[2]; /* as in struct short_word; zeros: no word */
    uint32_t ids[CACHED_PIECES];
    uint8_t n; /* tokens */
    uint8_t ends[CACHED_PIECES];
};

/* Where a word may be, the one that came last in front: a line of the processor's cache. */
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

/* Enters a word of `n` tokens, in the place of the one that came longer ago, or of both. Its
 * tokens, and the place behind it if there are many, are the caller's to fill. */
static inline struct cached_word *cache_enter(struct cache_set *set, const struct short_word *word,
                                              size_t n) {
    const bool keep = n <= CACHED_PIECES && set->ways[0].n <= CACHED_PIECES;
    set->ways[1] = keep ? set->ways[0] : (struct cached_word){0};
    set->ways[0] = (struct cached_word){.key = {word->key[0], word->key[1]}, .n = (uint8_t)n};
    return set->ways;
}

#endif
