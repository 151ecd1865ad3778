/* Short words of simple characters, found a block of text at a time: nearly all of most texts.
 *
 * A short word is a run of ASCII letters and digits, or one character of punctuation or Chinese.
 */
#ifndef LIB_TEXT_SHORT_WORDS_H
#define LIB_TEXT_SHORT_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "electra/error.h"

#include "ascii.h"
#include "words.h"

enum { SHORT_WORDS = 128 /* found at a time, at most */ };

/* A word of at most ASCII_KEY bytes, lower-cased or as it is. It has as many in the text. */
struct short_word {
    uint64_t key[2]; /* its bytes: see ascii.h */
    uint32_t start;  /* in the text */
    uint32_t len;    /* bytes */
};

static inline uint32_t short_word_chars(const struct short_word *word) {
    const uint8_t first = *(const uint8_t *)word->key;
    return first < 0x80 ? word->len : 1;
}

struct short_words {
    size_t n;
    struct short_word words[SHORT_WORDS];
};

/* Reads the next words of a reader that is between words, for as long as they are short, and moves
 * behind them. 1: more may follow at once. 0: what comes next, if anything, is for
 * word_reader_next. Or a negative error. `lower`: in lower case. */
int short_words_read(struct short_words *words, struct word_reader *reader,
                     bool lower) ELC_MUST_CHECK;

#endif
