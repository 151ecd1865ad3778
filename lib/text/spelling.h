/* Words spelled in the letters of an alphabet: where vocabulary learning begins. */
#ifndef LIB_TEXT_SPELLING_H
#define LIB_TEXT_SPELLING_H

#include "strings.h"
#include "word_counts.h"

/* A word as symbols, a symbol being the number of a token's text. */
struct spelling {
    size_t start; /* in the symbols of all words */
    uint32_t len;
    uint64_t n; /* how often the word occurs */
};

/* A zeroed struct is empty. */
struct spelled {
    struct strings tokens; /* first the letters, bare, then with "##", each by code point */
    uint32_t *symbols;
    struct spelling *words;
    size_t n_words;
};
/* Finds the `limit` most frequent characters and spells every word that has no others. */
int spell_words(struct spelled *spelled, const struct elc_word_counts *counts,
                uint64_t limit) ELC_MUST_CHECK;
void spelled_free(struct spelled *spelled);

#endif
