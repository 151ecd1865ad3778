/* Learning a WordPiece vocabulary from the words of a corpus.
 *
 * Pair merging, as Hugging Face's WordPieceTrainer does it: every word is cut into characters, the
 * first bare and the others with "##" in front; then, again and again, the pair of neighbours that
 * is most frequent in the corpus becomes a token. What differs:
 *
 *   ties        go to the pair whose first token comes first in byte order, then whose second
 *               does ("##" included), so that the result depends on the counts of the words alone
 *   alphabet    the `limit_alphabet` most frequent characters; of equally frequent ones those with
 *               the lower code points. Words with any other character are left out of the
 *               counting: no token can cover them
 *   size        is never exceeded; it is an error if the alphabet alone does not fit
 *
 * Order of the result: [PAD] [UNK] [CLS] [SEP] [MASK], at the ids asked for; [unused0] … in the
 * places between them and then until there are `reserve`; the alphabet bare, then, of those seen
 * inside words, with "##", each by code point; then what was merged, in order.
 */
#ifndef ELECTRA_LEARN_H
#define ELECTRA_LEARN_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"
#include "electra/tokenize.h"
#include "electra/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How often each word occurs. */
struct elc_word_counts;
int elc_word_counts_new(struct elc_word_counts **counts) ELC_MUST_CHECK;
void elc_word_counts_destroy(struct elc_word_counts *counts);
/* Counts a normalized word (elc_tokenizer_words) `n` more times. */
int elc_word_counts_add(struct elc_word_counts *counts, const char *word, size_t len,
                        uint64_t n) ELC_MUST_CHECK;
/* Adds what `more` holds. */
int elc_word_counts_merge(struct elc_word_counts *counts,
                          const struct elc_word_counts *more) ELC_MUST_CHECK;
size_t elc_word_counts_distinct(const struct elc_word_counts *counts);
/* From now on the `n`-th distinct word is the last: another one is ELC_ELIMIT. */
void elc_word_counts_limit(struct elc_word_counts *counts, uint64_t n);

/* A run of counting, and what its caller learns while it goes on. Everything is borrowed. */
struct elc_count_run {
    const struct elc_tokenizer *tokenizer; /* whose words are counted; without a vocabulary */
    char *const *paths;                    /* operands of text; n_paths 0: standard input */
    size_t n_paths;
    size_t n_threads;
    /* Distinct words of the input; more are ELC_ELIMIT, whatever n_threads is. Until the threads'
     * counts are merged at the end, each thread may hold as many. */
    uint64_t max_words;
    void *context;
    void (*progress)(void *context, const struct elc_count_run *run); /* may be NULL */
    uint64_t n_lines;
    uint64_t n_replaced; /* invalid UTF-8 sequences, taken for U+FFFD */
};
/* Counts the words of all operands; the counts are the caller's to destroy. */
int elc_count_run(struct elc_word_counts **counts, struct elc_count_run *run) ELC_MUST_CHECK;

struct elc_learn_options {
    uint64_t size;           /* tokens of the vocabulary, specials and reserve included */
    uint64_t min_frequency;  /* of a pair to be merged; at least 1 */
    uint64_t limit_alphabet; /* characters */
    uint64_t reserve;        /* [unusedK] tokens; or more, if the special tokens' ids leave room */
    uint32_t special_ids[ELC_N_SPECIALS]; /* of [PAD] [UNK] [CLS] [SEP] [MASK]; all 0: 0 to 4 */
};
/* Appends the vocabulary to `lines`, a token and a LF each. The number of tokens, less than `size`
 * where the corpus has no more pairs; or a negative error. */
long long elc_learn(struct elc_buffer *lines, const struct elc_word_counts *counts,
                    const struct elc_learn_options *options) ELC_MUST_CHECK;

/* How well a vocabulary fits the words that were counted, each as often as it occurs. */
struct elc_fit {
    uint64_t words, tokens, unknown; /* an unknown word is one token */
    uint64_t characters, covered;    /* covered: of words that are not unknown */
    size_t distinct, unseen;         /* words; tokens of the vocabulary that none of them needs */
};
int elc_fit(struct elc_fit *fit, const struct elc_word_counts *counts,
            const struct elc_vocab *vocab) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
