/* How well a vocabulary fits a text. */
#include <stdlib.h>

#include "electra/learn.h"
#include "electra/tokenize.h"

#include "utf8.h"
#include "word_counts.h"

static uint64_t count_characters(const struct string *word) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < word->len; i++)
        n += !utf8_continues(word->text[i]);
    return n;
}

/* Adds a word's tokens to the sum, and notes which they are. */
static void add_word(struct elc_fit *fit, const struct elc_encoding *encoding, uint32_t unk,
                     uint64_t n_characters, uint64_t n, bool *seen) {
    bool unknown = encoding->n == 1 && encoding->ids[0] == unk;
    fit->words += n;
    fit->tokens += n * encoding->n;
    fit->characters += n * n_characters;
    fit->unknown += unknown ? n : 0;
    fit->covered += unknown ? 0 : n * n_characters;
    for (size_t i = 0; i < encoding->n; i++)
        seen[encoding->ids[i]] = true;
}

int elc_fit(struct elc_fit *fit, const struct elc_word_counts *counts,
            const struct elc_vocab *vocab) {
    /* The words are normalized already, so that only the cutting into tokens is left to do. */
    const struct elc_tokenizer_options rules = {.cased = true, .strip_accents = 0};
    struct elc_tokenizer *tokenizer;
    struct elc_encoding encoding = {0};
    const struct elc_vocab_id *id = elc_vocab_id(vocab);
    *fit = (struct elc_fit){.distinct = counts->words.n};
    int rc = elc_tokenizer_new(&tokenizer, vocab, &rules);
    if (rc < 0)
        return rc;
    bool *seen = calloc(id->size, sizeof *seen);
    if (!seen)
        rc = elc_fail_memory(id->size);
    for (size_t i = 0; i < counts->words.n && rc == 0; i++) {
        const struct string *word = &counts->words.items[i];
        rc = elc_tokenizer_encode(tokenizer, word->text, word->len, SIZE_MAX, &encoding);
        if (rc == 0)
            add_word(fit, &encoding, id->unk, count_characters(word), counts->n[i], seen);
    }
    for (uint64_t i = 0; i < id->size && seen; i++)
        fit->unseen += !seen[i];
    free(seen);
    elc_encoding_free(&encoding);
    elc_tokenizer_destroy(tokenizer);
    return rc;
}
