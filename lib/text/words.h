/* Words: a text normalized and cut by BERT's rules, each word with its place in the text. */
#ifndef LIB_TEXT_WORDS_H
#define LIB_TEXT_WORDS_H

#include "electra/vocab.h"

#include "characters.h"

enum {
    WORD_CHARS = 100, /* longer words are [UNK] whatever is in them */
    WORD_BYTES = 4 * WORD_CHARS,
    WORD_ROOM = 2, /* for WordPiece to put "##" in front of any part of a word */
    N_SPECIALS = 5,
};

struct word {
    uint32_t n_chars;    /* of the normalized word; those beyond WORD_CHARS are only counted */
    uint32_t len;        /* bytes of it that are kept */
    uint32_t start, end; /* the bytes of the text that it came from */
    uint32_t special;    /* id if this is a special token as it stood in the text, ELC_NO_TOKEN */
    /* Whether byte i came from byte start + i. If not, see starts and ends. */
    bool aligned;
    char bytes[WORD_ROOM + WORD_BYTES];            /* see word_bytes */
    uint32_t starts[WORD_BYTES], ends[WORD_BYTES]; /* the character of the text behind each byte */
};

/* The normalized word, word->len bytes. */
static inline char *word_bytes(struct word *word) {
    return word->bytes + WORD_ROOM;
}

/* The special tokens that are kept whole where they stand in a text. Without a vocabulary their
 * ids are 0. */
struct special {
    char text[8];
    size_t len;
    uint32_t id;
};
void find_specials(struct special specials[N_SPECIALS], const struct elc_vocab *vocab);

/* A part of a normalized text that was worked out ahead. */
struct ready_char {
    uint32_t c;
    bool alone;
    uint32_t start, end;
};

/* Reads the words of texts, one after another. Zero it and fill the first group. */
struct word_reader {
    const struct char_rules *rules;
    struct char_table *table;
    const struct special *specials;

    const char *text;
    size_t len, position;
    size_t segment;     /* behind the last special token: combining marks do not act across it */
    uint8_t ascii[256]; /* what ASCII letters become; 0: no letter, or not ASCII */
    struct ready_char *ready;
    size_t ready_next, ready_n, ready_capacity;
    struct run_part *run; /* scratch of the canonical ordering */
    size_t run_capacity;
};
int word_reader_begin(struct word_reader *reader, const char *text, size_t len) ELC_MUST_CHECK;
/* 1 a word, 0 no more, or a negative error. */
int word_reader_next(struct word_reader *reader, struct word *word) ELC_MUST_CHECK;
void word_reader_free(struct word_reader *reader);

#endif
