/* Corruption: tokens records to corrupted records, as electra-corrupt writes them.
 *
 * A corrupted record has every key of the record it is made from, and `masked` (u16 positions) and
 * `original` (the ids that were there). Its ids show at the masked positions
 *
 *     without a replacer   [MASK] or, for 15 % of them, the original: what a generator reads
 *     with one             replacements, which `replaced` (u8 of each token) tells from the
 *                          original: what a discriminator reads. A replacement that happens to be
 *                          the original counts as that, 0 (electra.md 1.3).
 *
 * Which positions these are does not depend on what is put there (mask.h).
 */
#ifndef ELECTRA_CORRUPT_H
#define ELECTRA_CORRUPT_H

#include "electra/mask.h"
#include "electra/record.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- replacements ---- */

/* A text, where it is masked, and what is put there. */
struct elc_masked_text {
    const uint32_t *ids;  /* [n] the original */
    const uint8_t *types; /* [n], or NULL: all 0 */
    size_t n;
    const uint32_t *positions; /* [n_masked] ascending */
    const uint8_t *keep;       /* [n_masked] 1: a generator reads the original there, 0: [MASK] */
    uint32_t *replacements;    /* [n_masked] to be drawn */
    size_t n_masked;
};

/* What names the chance of a text's replacements, with its ids: ELC_REPLACE of random.h. */
struct elc_draws {
    uint64_t seed, epoch;
    bool never_original; /* draw among all other tokens */
    int worker;          /* which thread asks, from 0: for memory of its own */
};

/* Where replacements come from: unigrams below, a generator (replace.h), or a caller's own. */
struct elc_replacer {
    const char *method; /* as a stream's header names it */
    /* ELC_EMISMATCH, naming both sides, unless it knows the tokens of streams with this header. */
    int (*check)(struct elc_replacer *replacer, const struct elc_header *header, const char *name);
    /* Draws all replacements. Called by several threads at once, with different workers. */
    int (*draw)(struct elc_replacer *replacer, struct elc_masked_text *texts, size_t n_texts,
                const struct elc_draws *draws);
};

/* Draws each token with a probability of its own, the same everywhere; never [PAD], [UNK], [CLS],
 * [SEP] or [MASK]. */
struct elc_unigrams {
    struct elc_replacer replacer;
    char *name; /* of the stream that was counted; NULL: none */
    struct elc_vocab_id vocab;
    uint64_t *below; /* [vocab.size + 1] summed counts of the ids below each; [size]: of all */
    char hash[33];   /* XXH3-128 of them, in hexadecimal */
};
/* Counts the tokens of a stream. ELC_EFORMAT where there is none that may be drawn. */
int elc_unigrams_read(struct elc_unigrams *unigrams, const char *path) ELC_MUST_CHECK;
/* All tokens alike: takes the vocabulary of the first header that it checks. */
void elc_unigrams_uniform(struct elc_unigrams *unigrams);
void elc_unigrams_free(struct elc_unigrams *unigrams);

/* ---- records ---- */

struct elc_corruption {
    double mask_prob; /* mask.h */
    uint64_t seed;
    bool whole_word;               /* masks whole words: records then need `words` */
    bool never_original;           /* of replacements */
    struct elc_replacer *replacer; /* NULL: [MASK] */
};

/* Working memory of one thread; a zeroed struct is empty. */
struct elc_corrupter {
    int worker; /* of its draws; the caller's to set */
    struct elc_masks masks;
    /* Of the texts of a block, one after another. */
    struct elc_buffer ids;       /* uint32_t each: what records show in the end */
    struct elc_buffer types;     /* uint8_t each */
    struct elc_buffer positions; /* uint32_t each */
    struct elc_buffer keep;      /* uint8_t each */
    struct elc_buffer original;  /* uint32_t each */
    struct elc_buffer drawn;     /* uint32_t each */
    struct elc_buffer texts;     /* struct elc_masked_text each */
    struct elc_buffer words;     /* uint32_t each, of one text */
    struct elc_builder builder;
    struct elc_record record;
    uint64_t n_tokens; /* that have come by so far */
};
/* Corrupts all records of a block; `out` gets the same first and count. ELC_EFORMAT, naming the
 * record, for one that is corrupted already, has no words where they are needed, or is longer than
 * the header, or 65,535 tokens, allow. */
int elc_corrupt_block(struct elc_corrupter *corrupter, struct elc_block *out,
                      const struct elc_block *in, const struct elc_header *header,
                      const struct elc_corruption *corruption, uint64_t epoch) ELC_MUST_CHECK;
void elc_corrupter_free(struct elc_corrupter *corrupter);
/* ELC_EMISMATCH unless the stream called `name` can be corrupted: it holds tokens, and the
 * replacer knows them. Before the first of its blocks. */
int elc_corrupt_check(const struct elc_corruption *corruption, const struct elc_header *header,
                      const char *name) ELC_MUST_CHECK;
/* Turns a tokens header into that of the corrupted stream. */
int elc_corrupt_header(struct elc_header *header, const struct elc_corruption *corruption,
                       uint64_t epoch) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
