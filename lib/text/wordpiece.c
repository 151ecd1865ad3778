/* Longest match: few of the lengths that a token could have are tried. No token ends inside a
 * character, because vocabulary and text are valid UTF-8. */
#include "wordpiece.h"

#include <stdlib.h>
#include <string.h>

enum { BEGINNING_BYTES = 3, BEGINNING_BITS = 14, LENGTH_BITS = 64 };

/* The place in `lengths` of tokens that begin with these three bytes, inside a word or not. */
static inline size_t beginning(const char *bytes, bool inside) {
    const uint8_t *b = (const uint8_t *)bytes;
    uint32_t key =
        (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)inside << 24;
    return key * UINT32_C(0x9E3779B1) >> (32 - BEGINNING_BITS);
}

int wordpiece_init(struct wordpiece *pieces, const struct elc_vocab *vocab) {
    *pieces = (struct wordpiece){.vocab = vocab};
    pieces->lengths = calloc(1 << BEGINNING_BITS, sizeof *pieces->lengths);
    if (!pieces->lengths)
        return elc_fail_memory(sizeof *pieces->lengths << BEGINNING_BITS);
    const char *token;
    size_t len;
    for (uint32_t id = 0; (token = elc_vocab_token(vocab, id, &len)); id++) {
        bool inside = len > 2 && memcmp(token, "##", 2) == 0;
        token += inside ? 2 : 0;
        len -= inside ? 2 : 0;
        pieces->longest = len > pieces->longest ? len : pieces->longest;
        if (len >= BEGINNING_BYTES)
            pieces->lengths[beginning(token, inside)] |=
                UINT64_C(1) << (len < LENGTH_BITS ? len - 1 : LENGTH_BITS - 1);
    }
    return 0;
}

void wordpiece_free(struct wordpiece *pieces) {
    free(pieces->lengths);
    *pieces = (struct wordpiece){0};
}

uint32_t wordpiece_match(const struct wordpiece *pieces, struct word *word, size_t at,
                         size_t *end) {
    const struct elc_vocab *vocab = pieces->vocab;
    char *piece = word_bytes(word) + at;
    size_t left = word->len - at, prefix = at > 0 ? 2 : 0;
    uint64_t lengths = 3; /* of one byte and two there are few */
    if (left >= BEGINNING_BYTES)
        lengths |= pieces->lengths[beginning(piece, at > 0)];
    if (prefix) /* over what has been matched already */
        memcpy(piece - 2, "##", 2);
    if (left >= LENGTH_BITS && lengths >> (LENGTH_BITS - 1)) {
        for (size_t n = left < pieces->longest ? left : pieces->longest; n >= LENGTH_BITS; n--) {
            uint32_t id = elc_vocab_lookup(vocab, piece - prefix, n + prefix);
            *end = at + n;
            if (id != ELC_NO_TOKEN)
                return id;
        }
    }
    lengths &= left < LENGTH_BITS ? (UINT64_C(1) << left) - 1 : UINT64_MAX >> 1;
    while (lengths != 0) {
        size_t n = LENGTH_BITS - (size_t)__builtin_clzll(lengths);
        uint32_t id = elc_vocab_lookup(vocab, piece - prefix, n + prefix);
        *end = at + n;
        if (id != ELC_NO_TOKEN)
            return id;
        lengths ^= UINT64_C(1) << (n - 1);
    }
    return ELC_NO_TOKEN;
}
