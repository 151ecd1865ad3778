/* Short words of simple characters, found a block of text at a time: nearly all of most texts.
 *
 * A short word is a run of ASCII letters and digits, or one character of punctuation or Chinese.
 */
#ifndef LIB_TEXT_SHORT_WORDS_H
#define LIB_TEXT_SHORT_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "electra/error.h"

#include "words.h"

enum {
    SHORT_WORD_BYTES = 16,
    SHORT_WORDS = 128, /* found at a time, at most */
};

/* A word, lower-cased or as it is: its bytes, and zeros behind them, as two numbers. It has as many
 * bytes in the text. */
struct short_word {
    uint64_t bytes[SHORT_WORD_BYTES / sizeof(uint64_t)];
    uint32_t start; /* in the text */
    uint32_t len;   /* bytes */
};

static inline uint32_t short_word_chars(const struct short_word *word) {
    const uint8_t first = *(const uint8_t *)word->bytes;
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
