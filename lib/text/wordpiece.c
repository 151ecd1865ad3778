/* Longest match: few of the lengths that a token could have are tried. No token ends inside a
 * character, because vocabulary and text are valid UTF-8. */
#include "wordpiece.h"

#include <stdlib.h>
#include <string.h>

#include "ascii.h"

enum { BEGINNING_BITS = 15, LENGTH_BITS = 16 };

/* 2^32 over the golden ratio, to multiply by, as GOLDEN_64 of ascii.h; and any number of many bits,
 * for the insides of words to be found elsewhere than their beginnings. */
#define GOLDEN_32 UINT32_C(0x9E3779B1)
#define INSIDE UINT32_C(0x85EBCA6B)

/* ---- tables of short tokens ---- */

static int table_init(struct piece_table *table, size_t n_tokens, size_t n_ids) {
    table->bits = 4;
    while ((size_t)1 << table->bits < n_tokens + n_tokens / 2)
        table->bits++;
    const size_t bytes = sizeof *table->places << table->bits;
    table->places = malloc(bytes);
    table->keys = calloc(n_ids, sizeof *table->keys);
    if (!table->places || !table->keys)
        return elc_fail_memory(bytes);
    memset(table->places, 0xFF, bytes); /* every id ELC_NO_TOKEN */
    return 0;
}

static void table_free(struct piece_table *table) {
    free(table->places);
    free(table->keys);
}

static inline size_t table_mask(const struct piece_table *table) {
    return ((size_t)1 << table->bits) - 1;
}

/* Where the search for a token begins. */
static inline size_t home_of(const struct piece_table *table, uint64_t hash) {
    return hash >> (64 - table->bits);
}

/* The place of a token, or the free one where it would go, with the tag for it. The length tells
 * bytes that are 0 from none. */
static inline struct place *find_place(const struct piece_table *table, const uint64_t key[2],
                                       size_t len, uint32_t *tag) {
    enum { LENGTH_MASK = 31 };
    const uint64_t hash = ascii_hash(key);
    const size_t mask = table_mask(table);
    *tag = ((uint32_t)(hash >> 16) & ~(uint32_t)LENGTH_MASK) | (uint32_t)len;
    for (size_t i = home_of(table, hash);; i = (i + 1) & mask) {
        struct place *place = &table->places[i];
        if (place->id == ELC_NO_TOKEN ||
            (place->tag == *tag && ascii_same(table->keys[place->id], key)))
            return place;
    }
}

static int table_add(struct piece_table *table, const char *token, size_t len, uint32_t id) {
    uint64_t *key = table->keys[id];
    memcpy(key, token, len);
    uint32_t tag;
    struct place *place = find_place(table, key, len, &tag);
    *place = (struct place){tag, id};
    return place_check(table->places, table_mask(table), home_of(table, ascii_hash(key)), place,
                       token);
}

/* ---- the lengths of tokens ---- */

/* The place in `lengths` of tokens that begin with these `n` bytes, 3 or 4, inside a word or not.
 */
static inline size_t beginning(const char *bytes, size_t n, bool inside) {
    uint32_t key = 0;
    memcpy(&key, bytes, n);
    return (key ^ (inside ? INSIDE : 0)) * GOLDEN_32 >> (32 - BEGINNING_BITS);
}

static inline uint16_t length_bit(size_t len) {
    return (uint16_t)(1 << (len < LENGTH_BITS ? len - 1 : LENGTH_BITS - 1));
}

/* How long a token may be that the bytes begin with. Of one byte and two there are few. */
static inline unsigned possible_lengths(const struct wordpiece *pieces, const char *bytes,
                                        size_t left, bool inside) {
    unsigned lengths = length_bit(1) | length_bit(2);
    if (left >= 3)
        lengths |= pieces->lengths[beginning(bytes, 3, inside)] & length_bit(3);
    if (left >= 4)
        lengths |= pieces->lengths[beginning(bytes, 4, inside)];
    return lengths;
}

static int add_token(struct wordpiece *pieces, const char *token, size_t len, bool inside,
                     uint32_t id) {
    pieces->longest = len > pieces->longest ? len : pieces->longest;
    if (len >= 3)
        pieces->lengths[beginning(token, len > 3 ? 4 : 3, inside)] |= length_bit(len);
    return len <= ASCII_KEY ? table_add(inside ? &pieces->inside : &pieces->bare, token, len, id)
                            : 0;
}

static bool goes_on(const char *token, size_t len) {
    return len > 2 && memcmp(token, "##", 2) == 0;
}

int wordpiece_init(struct wordpiece *pieces, const struct elc_vocab *vocab) {
    *pieces = (struct wordpiece){.vocab = vocab};
    const char *token;
    size_t len, n = 0, n_inside = 0;
    for (; (token = elc_vocab_token(vocab, (uint32_t)n, &len)); n++)
        n_inside += goes_on(token, len);
    pieces->lengths = calloc(1 << BEGINNING_BITS, sizeof *pieces->lengths);
    int rc = pieces->lengths ? 0 : elc_fail_memory(sizeof *pieces->lengths << BEGINNING_BITS);
    if (rc == 0)
        rc = table_init(&pieces->bare, n, n);
    if (rc == 0)
        rc = table_init(&pieces->inside, n_inside, n);
    for (uint32_t id = 0; rc == 0 && (token = elc_vocab_token(vocab, id, &len)); id++) {
        rc = add_token(pieces, token, len, false, id);
        if (rc == 0 && goes_on(token, len))
            rc = add_token(pieces, token + 2, len - 2, true, id);
    }
    if (rc == 0)
        rc = places_check(pieces->bare.places, table_mask(&pieces->bare), vocab);
    if (rc == 0)
        rc = places_check(pieces->inside.places, table_mask(&pieces->inside), vocab);
    if (rc < 0)
        wordpiece_free(pieces);
    return rc;
}

void wordpiece_free(struct wordpiece *pieces) {
    free(pieces->lengths);
    table_free(&pieces->bare);
    table_free(&pieces->inside);
    *pieces = (struct wordpiece){0};
}

/* ---- matching ---- */

/* The token of `len` bytes that the word goes on with at `at`, or ELC_NO_TOKEN. */
static inline uint32_t find_token(const struct wordpiece *pieces, struct word *word, size_t at,
                                  size_t len) {
    char *bytes = word_bytes(word) + at;
    if (len <= ASCII_KEY) {
        uint64_t key[2];
        uint32_t tag;
        ascii_key(key, bytes, len, false);
        return find_place(at > 0 ? &pieces->inside : &pieces->bare, key, len, &tag)->id;
    }
    if (at == 0)
        return elc_vocab_lookup(pieces->vocab, bytes, len);
    memcpy(bytes - 2, "##", 2); /* over what has been matched already */
    return elc_vocab_lookup(pieces->vocab, bytes - 2, len + 2);
}

uint32_t wordpiece_match(const struct wordpiece *pieces, struct word *word, size_t at,
                         size_t *end) {
    const size_t left = word->len - at;
    unsigned lengths = possible_lengths(pieces, word_bytes(word) + at, left, at > 0);
    uint32_t id = ELC_NO_TOKEN;
    if (left >= LENGTH_BITS && lengths >> (LENGTH_BITS - 1)) {
        size_t n = left < pieces->longest ? left : pieces->longest;
        for (; n >= LENGTH_BITS && id == ELC_NO_TOKEN; n--) {
            id = find_token(pieces, word, at, n);
            *end = at + n;
        }
    }
    lengths &= (1u << (left < LENGTH_BITS ? left : LENGTH_BITS - 1)) - 1;
    while (lengths != 0 && id == ELC_NO_TOKEN) {
        const unsigned n = 32 - (unsigned)__builtin_clz(lengths);
        id = find_token(pieces, word, at, n);
        *end = at + n;
        lengths ^= 1u << (n - 1);
    }
    return id;
}
