/* The alphabet of a corpus, and its words spelled in it. */
#include "spelling.h"

#include <stdbool.h>
#include <stdlib.h>

#include "utf8.h"

enum { CODE_POINTS = 0x110000 };

/* ---- alphabet ---- */

struct letter {
    uint32_t c;
    uint64_t n;
    bool inside;              /* seen behind another character */
    uint32_t bare, continued; /* symbols */
};

/* Letters by code point; `places` maps a code point to its letter's number + 1. */
struct alphabet {
    struct letter *letters;
    size_t n;
    uint32_t *places;
};

static int by_frequency(const void *a, const void *b) {
    const struct letter *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return (x->c > y->c) - (x->c < y->c);
}

static int by_code_point(const void *a, const void *b) {
    const struct letter *x = a, *y = b;
    return (x->c > y->c) - (x->c < y->c);
}

static int count_letters(struct alphabet *alphabet, const struct elc_word_counts *counts) {
    size_t capacity = 0;
    for (size_t w = 0; w < counts->words.n; w++) {
        const struct string *word = &counts->words.items[w];
        unsigned len;
        for (uint32_t at = 0; at < word->len; at += len) {
            uint32_t c = utf8_decode(word->text + at, &len);
            if (alphabet->places[c] == 0) {
                int rc = elc_grow(&alphabet->letters, &capacity, alphabet->n + 1,
                                  sizeof *alphabet->letters);
                if (rc < 0)
                    return rc;
                alphabet->letters[alphabet->n++] = (struct letter){.c = c};
                alphabet->places[c] = (uint32_t)alphabet->n;
            }
            alphabet->letters[alphabet->places[c] - 1].n += counts->n[w];
        }
    }
    return 0;
}

static int find_alphabet(struct alphabet *alphabet, const struct elc_word_counts *counts,
                         uint64_t limit) {
    alphabet->places = calloc(CODE_POINTS, sizeof *alphabet->places);
    if (!alphabet->places)
        return elc_fail_memory(CODE_POINTS * sizeof *alphabet->places);
    int rc = count_letters(alphabet, counts);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < alphabet->n; i++)
        alphabet->places[alphabet->letters[i].c] = 0;
    qsort(alphabet->letters, alphabet->n, sizeof *alphabet->letters, by_frequency);
    if (alphabet->n > limit)
        alphabet->n = (size_t)limit;
    qsort(alphabet->letters, alphabet->n, sizeof *alphabet->letters, by_code_point);
    for (size_t i = 0; i < alphabet->n; i++)
        alphabet->places[alphabet->letters[i].c] = (uint32_t)i + 1;
    return 0;
}

/* Whether every character of the word is in the alphabet; notes which stand inside it. */
static bool is_covered(struct alphabet *alphabet, const struct string *word) {
    unsigned len;
    for (uint32_t at = 0; at < word->len; at += len)
        if (alphabet->places[utf8_decode(word->text + at, &len)] == 0)
            return false;
    for (uint32_t at = 0; at < word->len; at += len) {
        uint32_t c = utf8_decode(word->text + at, &len);
        if (at > 0)
            alphabet->letters[alphabet->places[c] - 1].inside = true;
    }
    return true;
}

/* ---- words ---- */

/* Makes tokens of the letters: all of them bare, then those inside words with "##". */
static int name_letters(struct spelled *spelled, struct alphabet *alphabet) {
    char text[2 + 4] = "##";
    for (int continued = 0; continued <= 1; continued++) {
        for (size_t i = 0; i < alphabet->n; i++) {
            struct letter *letter = &alphabet->letters[i];
            unsigned len = utf8_encode(text + 2, letter->c);
            if (continued && !letter->inside)
                continue;
            long long symbol = strings_add(&spelled->tokens, continued ? text : text + 2,
                                           continued ? len + 2 : len);
            if (symbol < 0)
                return (int)symbol;
            *(continued ? &letter->continued : &letter->bare) = (uint32_t)symbol;
        }
    }
    return 0;
}

/* Writes the symbols of a covered word behind `end`. */
static void spell(struct spelled *spelled, const struct alphabet *alphabet,
                  const struct string *word, uint64_t n, size_t *end) {
    struct spelling *spelling = &spelled->words[spelled->n_words++];
    *spelling = (struct spelling){.start = *end, .n = n};
    unsigned len;
    for (uint32_t at = 0; at < word->len; at += len) {
        uint32_t place = alphabet->places[utf8_decode(word->text + at, &len)];
        const struct letter *letter = &alphabet->letters[place - 1];
        spelled->symbols[(*end)++] = at > 0 ? letter->continued : letter->bare;
    }
    spelling->len = (uint32_t)(*end - spelling->start);
}

static int spell_covered(struct spelled *spelled, struct alphabet *alphabet,
                         const struct elc_word_counts *counts) {
    size_t n_words = counts->words.n, n_symbols = 0, end = 0;
    for (size_t w = 0; w < n_words; w++)
        n_symbols += counts->words.items[w].len;
    spelled->words = calloc(n_words + 1, sizeof *spelled->words);
    spelled->symbols = calloc(n_symbols + 1, sizeof *spelled->symbols);
    bool *covered = calloc(n_words + 1, sizeof *covered);
    int rc = spelled->words && spelled->symbols && covered
                 ? 0
                 : elc_fail_memory(n_symbols * sizeof *spelled->symbols);
    for (size_t w = 0; w < n_words && rc == 0; w++)
        covered[w] = is_covered(alphabet, &counts->words.items[w]);
    if (rc == 0)
        rc = name_letters(spelled, alphabet);
    for (size_t w = 0; w < n_words && rc == 0; w++)
        if (covered[w])
            spell(spelled, alphabet, &counts->words.items[w], counts->n[w], &end);
    free(covered);
    return rc;
}

int spell_words(struct spelled *spelled, const struct elc_word_counts *counts, uint64_t limit) {
    struct alphabet alphabet = {0};
    int rc = find_alphabet(&alphabet, counts, limit);
    if (rc == 0)
        rc = spell_covered(spelled, &alphabet, counts);
    free(alphabet.letters);
    free(alphabet.places);
    return rc;
}

void spelled_free(struct spelled *spelled) {
    strings_free(&spelled->tokens);
    free(spelled->symbols);
    free(spelled->words);
    *spelled = (struct spelled){0};
}
