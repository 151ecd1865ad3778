/* Words of ASCII letters and digits, eight bytes at a time: most of most texts. */
#ifndef LIB_TEXT_ASCII_H
#define LIB_TEXT_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A byte's value, eight times. */
#define EIGHT(byte) ((byte)*UINT64_C(0x0101010101010101))

enum { ASCII_WORD_BYTES = 16 /* the longest word that is read this way */ };

/* A word, lower-cased or as it is, as two numbers: its bytes, the first one lowest, and zeros. */
struct ascii_word {
    uint64_t low, high;
    unsigned len;
    uint32_t start; /* in the text; the reader's */
};

static inline uint64_t little_endian(uint64_t x) {
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(x);
#else
    return x;
#endif
}

/* Which of eight bytes are ASCII letters: bit 7 of each. The sums do not carry into the next byte,
 * because bit 7 has been cleared before. */
static inline uint64_t ascii_letters(uint64_t bytes) {
    uint64_t lower = (bytes & EIGHT(0x7F)) | EIGHT(0x20);
    return (lower + EIGHT(0x80 - 'a')) & ~(lower + EIGHT(0x7F - 'z')) & ~bytes & EIGHT(0x80);
}

static inline uint64_t ascii_digits(uint64_t bytes) {
    uint64_t low = bytes & EIGHT(0x7F);
    return (low + EIGHT(0x80 - '0')) & ~(low + EIGHT(0x7F - '9')) & ~bytes & EIGHT(0x80);
}

/* The letters and digits that eight bytes begin with, lower-cased if so asked; `*n` is how many. */
static inline uint64_t ascii_run(uint64_t bytes, bool lower, unsigned *n) {
    uint64_t letters = ascii_letters(bytes);
    uint64_t others = ~(letters | ascii_digits(bytes)) & EIGHT(0x80);
    if (lower)
        bytes |= letters >> 2; /* 0x80 becomes 0x20 */
    *n = others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
    return others ? bytes & (((others & (0 - others)) - 1) >> 7) : bytes;
}

/* Reads the letters and digits at `text`, of which ASCII_WORD_BYTES bytes can be read; if all of
 * them are, more may follow. Returns how many. */
static inline unsigned ascii_word_read(struct ascii_word *word, const char *text, bool lower) {
    uint64_t low, high = 0;
    unsigned n, more = 0;
    memcpy(&low, text, sizeof low);
    low = ascii_run(little_endian(low), lower, &n);
    if (n == sizeof low) {
        memcpy(&high, text + sizeof low, sizeof high);
        high = ascii_run(little_endian(high), lower, &more);
    }
    word->low = low;
    word->high = high;
    word->len = n + more;
    return n + more;
}

/* The same where only `len` bytes can be read. */
static inline unsigned ascii_word_read_last(struct ascii_word *word, const char *text, size_t len,
                                            bool lower) {
    char bytes[ASCII_WORD_BYTES] = {0};
    memcpy(bytes, text, len);
    return ascii_word_read(word, bytes, lower);
}

/* Writes the word's bytes, ASCII_WORD_BYTES with the zeros behind it. */
static inline void ascii_word_write(char *out, const struct ascii_word *word) {
    uint64_t low = little_endian(word->low), high = little_endian(word->high);
    memcpy(out, &low, sizeof low);
    memcpy(out + sizeof low, &high, sizeof high);
}

#endif
