/* The tokens that a word can be made of, found by how it goes on. */
#ifndef LIB_TEXT_WORDPIECE_H
#define LIB_TEXT_WORDPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "electra/vocab.h"

#include "places.h"
#include "words.h"

/* Tokens of at most ASCII_KEY bytes. */
struct piece_table {
    struct place *places; /* a tag has the length too */
    unsigned bits;        /* 2^bits places */
    uint64_t (*keys)[2];  /* of each id: its bytes, see ascii.h */
};

struct wordpiece {
    const struct elc_vocab *vocab; /* borrowed */
    /* For each beginning of a token, of four bytes or all of three, hashed: how long the tokens are
     * that begin so. Bit n - 1: n bytes; the last one: as many or more. */
    uint16_t *lengths;
    size_t longest; /* bytes of any token */
    /* All tokens, for the beginning of a word; those that go on with one, without their "##". */
    struct piece_table bare, inside;
};
int wordpiece_init(struct wordpiece *pieces, const struct elc_vocab *vocab) ELC_MUST_CHECK;
void wordpiece_free(struct wordpiece *pieces); /* of a zeroed struct too */
/* The longest token that the word goes on with at byte `at`: its id, and its end as `*end`;
 * ELC_NO_TOKEN if there is none. May write "##" over the bytes of the word before `at`. */
uint32_t wordpiece_match(const struct wordpiece *pieces, struct word *word, size_t at, size_t *end);

#endif
