/* The places of a hash table of tokens: open addressing with linear probing. */
#ifndef LIB_TEXT_PLACES_H
#define LIB_TEXT_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "electra/vocab.h"

/* Small, for most of those that are looked at are not the right ones. */
struct place {
    uint32_t tag; /* a part of the token's hash: most other tokens differ here already */
    uint32_t id;  /* ELC_NO_TOKEN: free */
};

/* Occupied places side by side, at most: a search passes over all of them. A million of words,
 * pieces or numbers have runs of about a hundred; only tokens that were made to meet have more, so
 * that whoever loads them, or reads a text with them, would wait for hours. */
enum { RUN_LIMIT = 1000 };

/* ELC_ELIMIT where a search that begins at `home` goes so far to reach `place`. There are
 * `mask` + 1 places, a power of two. */
int place_check(const struct place *places, size_t mask, size_t home, const struct place *place,
                const char *token) ELC_MUST_CHECK;
/* ELC_ELIMIT where that many places side by side are occupied. */
int places_check(const struct place *places, size_t mask,
                 const struct elc_vocab *vocab) ELC_MUST_CHECK;

#endif
