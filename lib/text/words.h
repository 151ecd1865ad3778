/* Words: a text normalized and cut by BERT's rules, each word with its place in the text. */
#ifndef LIB_TEXT_WORDS_H
#define LIB_TEXT_WORDS_H

#include "electra/vocab.h"

#include "characters.h"

enum {
    WORD_CHARS = 100, /* longer words are [UNK] whatever is in them: Hugging Face's number, */
    WORD_CHARS_GOOGLE = 200,
    WORD_CHARS_LIMIT = 1000, /* of what a tokenizer.json may ask for */
    WORD_BYTES = 4 * WORD_CHARS_LIMIT,
    WORD_ROOM = 2,  /* for WordPiece to put "##" in front of any part of a word, */
    WORD_TAIL = 16, /* and to read a key (ascii.h) from any byte of it */
};

struct word {
    uint32_t max_chars;  /* set by the reader */
    uint32_t n_chars;    /* of the normalized word; those beyond max_chars are only counted */
    uint32_t len;        /* bytes of it that are kept */
    uint32_t start, end; /* the bytes of the text that it came from */
    uint32_t special;    /* id if this is a special token as it stood in the text, ELC_NO_TOKEN */
    /* Whether byte i came from byte start + i. If not, see starts and ends. */
    bool aligned;
    char bytes[WORD_ROOM + WORD_BYTES + WORD_TAIL]; /* see word_bytes */
    uint32_t starts[WORD_BYTES], ends[WORD_BYTES];  /* the character of the text behind each byte */
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
void find_specials(struct special specials[ELC_N_SPECIALS], const struct elc_vocab *vocab);

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
    const struct special *specials; /* NULL: none are kept whole */
    uint32_t max_chars;             /* of a word */

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
/* Whether no character before `position` is still to come. */
static inline bool word_reader_is_between(const struct word_reader *reader) {
    return reader->ready_next == reader->ready_n;
}

/* ---- for readers of another kind, normalized.c ---- */

/* Makes ready what the character at the reader's position becomes, and moves behind it. */
int word_reader_expand(struct word_reader *reader) ELC_MUST_CHECK;
/* The special token at the reader's position, or NULL. */
const struct special *word_reader_special(const struct word_reader *reader);
/* A special token where it stands in the text. */
struct found_special {
    uint32_t id, start, end;
};
/* Moves behind a special token. */
struct found_special word_reader_take(struct word_reader *reader, const struct special *special);

/* A stretch of normalized text, and where each byte of it came from. A zeroed struct is empty. */
struct normalized {
    char *text;
    uint32_t *starts, *ends; /* the character of the original text behind each byte */
    size_t len, capacity;
};
/* Replaces the contents of `normalized` by the text up to the next special token, which becomes
 * `special`, or to the end of the text. White space is one space for each of it, and Chinese
 * characters have one on both sides. 1 with a special token, 0 at the end, or a negative error. */
int word_reader_normalize(struct word_reader *reader, struct normalized *normalized,
                          struct found_special *special) ELC_MUST_CHECK;
/* The bytes `start` … `end` of a normalized text, or a special token, as a word. */
void word_of_normalized(struct word *word, const struct word_reader *reader,
                        const struct normalized *normalized, size_t start, size_t end);
void word_of_special(struct word *word, const struct found_special *special);
void normalized_free(struct normalized *normalized);

#endif
