/* Counting words. */
#include "word_counts.h"

#include <inttypes.h>
#include <stdlib.h>

int elc_word_counts_new(struct elc_word_counts **counts) {
    *counts = calloc(1, sizeof **counts);
    return *counts ? 0 : elc_fail_memory(sizeof **counts);
}

void elc_word_counts_destroy(struct elc_word_counts *counts) {
    if (!counts)
        return;
    strings_free(&counts->words);
    free(counts->n);
    free(counts);
}

int elc_word_counts_add(struct elc_word_counts *counts, const char *word, size_t len, uint64_t n) {
    size_t before = counts->words.n;
    long long i = strings_add(&counts->words, word, len);
    if (i < 0)
        return (int)i;
    if ((size_t)i == before) {
        if (counts->limit > 0 && before >= counts->limit)
            return elc_fail(ELC_ELIMIT,
                            "more than %" PRIu64
                            " distinct words: is this text? Give less of it, or --max-words",
                            counts->limit);
        int rc = elc_grow(&counts->n, &counts->capacity, before + 1, sizeof *counts->n);
        if (rc < 0)
            return rc;
        counts->n[i] = 0;
    }
    counts->n[i] += n;
    return 0;
}

int elc_word_counts_merge(struct elc_word_counts *counts, const struct elc_word_counts *more) {
    int rc = 0;
    for (size_t i = 0; i < more->words.n && rc == 0; i++)
        rc = elc_word_counts_add(counts, more->words.items[i].text, more->words.items[i].len,
                                 more->n[i]);
    return rc;
}

size_t elc_word_counts_distinct(const struct elc_word_counts *counts) {
    return counts->words.n;
}

void elc_word_counts_limit(struct elc_word_counts *counts, uint64_t n) {
    counts->limit = n;
}
