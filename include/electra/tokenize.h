/* Tokenization: text to WordPiece ids with byte offsets into the original text.
 *
 * BERT normalization and pre-tokenization followed by greedy longest-match WordPiece, equal to
 * Hugging Face tokenizers' BertNormalizer, BertPreTokenizer and WordPiece (compat "fast") or to
 * google-research/electra's tokenization.py, which made the published models' training data
 * (compat "google"). Google's differs in this: special tokens in a text are text; unassigned code
 * points are dropped; U+2B820 … U+2B91F are Chinese characters too; a sigma that ends a word
 * becomes the final one; words up to 200 characters are cut into pieces, not up to 100.
 */
#ifndef ELECTRA_TOKENIZE_H
#define ELECTRA_TOKENIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"
#include "electra/utf8.h"
#include "electra/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

struct elc_tokenizer_options {
    bool cased;        /* keep case */
    int strip_accents; /* 1 yes, 0 no, -1: exactly when not cased */
    bool google;       /* compat: false "fast", true "google" */
    /* PCRE2 pattern (UTF, UCP) whose matches in the normalized text are the words, in place of the
     * cutting at white space and punctuation; NULL: BERT's rules. In that text white space is
     * spaces, and a Chinese character has one on both sides. What no match covers is dropped. */
    const char *pattern;
    uint32_t word_chars; /* longer words are [UNK]; 0: 100, for Google 200; at most 1000 */
    bool keep_controls;  /* BertNormalizer without clean_text; not of google */
    bool chinese_joined; /* BertNormalizer without handle_chinese_chars */
};

/* Immutable once made; safe to share between threads, each with an encoding of its own. */
struct elc_tokenizer;
/* The vocabulary is borrowed; NULL leaves a tokenizer for elc_tokenizer_words alone. */
int elc_tokenizer_new(struct elc_tokenizer **tokenizer, const struct elc_vocab *vocab,
                      const struct elc_tokenizer_options *options) ELC_MUST_CHECK;
void elc_tokenizer_destroy(struct elc_tokenizer *tokenizer);
/* Fills the tokenizer of a header; strings from the arena. */
int elc_tokenizer_describe(const struct elc_tokenizer *tokenizer, struct elc_tokenizer_id *id,
                           struct elc_arena *arena) ELC_MUST_CHECK;
/* Reads how `path` wants its texts: a model directory's tokenizer.json and tokenizer_config.json,
 * where present, or a tokenizer.json itself; nothing of another file. Where
 * both are silent options keep their values, where they disagree they are refused; but a class that
 * obeys tokenizer.json alone (PreTrainedTokenizerFast) has no other rules. A tokenizer.json's
 * limit of 100 characters, Hugging Face's default, leaves word_chars 0. Rules that this
 * tokenizer does not have are refused by name, as are tokenizer_class where it is none of BERT's
 * (there or in config.json), tokens added to the vocabulary and special tokens by other names, in
 * these files, added_tokens.json or special_tokens_map.json. A pattern is allocated:
 * options->pattern must be NULL before, and elc_tokenizer_options_free frees it. */
int elc_tokenizer_options_read(struct elc_tokenizer_options *options,
                               const char *path) ELC_MUST_CHECK;
/* ELC_EMISMATCH, naming both sides, unless the rules of the stream `name` are those that `path`
 * wants. What the files of `path` do not speak of may be either way, but for a pattern. */
int elc_tokenizer_options_check(const char *path, const struct elc_tokenizer_id *rules,
                                const char *name) ELC_MUST_CHECK;
/* The rules as a header has them, but for the tables' version; compat "fast" is NULL. Strings are
 * those of the options. */
struct elc_tokenizer_id elc_tokenizer_options_id(const struct elc_tokenizer_options *options);
/* Frees what elc_tokenizer_options_read has allocated. */
void elc_tokenizer_options_free(struct elc_tokenizer_options *options);

/* Bytes `start` … `end` - 1. */
struct elc_range {
    uint32_t start, end;
};

/* Tokens of one text. A zeroed struct is empty; reuse it, with the one tokenizer that first filled
 * it, then elc_encoding_free. */
struct elc_encoding {
    uint32_t *ids;
    struct elc_range *ranges; /* bytes of each token in the original text; neither end ever
                               * decreases from a token to the next */
    uint32_t *words;          /* number of the pre-token it belongs to */
    size_t n;
    size_t cut; /* how many more tokens the text has */
    size_t capacity;
    void *scratch; /* the tokenizer's own */
};
/* Replaces the contents of `encoding` by the first `limit` tokens of `text` (SIZE_MAX: all), no
 * [CLS] or [SEP] added; what follows them is counted in `cut`. The five special tokens are kept
 * whole where they stand in the text, but by Google's rules. ELC_ELIMIT where a pattern takes too
 * many steps. `text` must be valid UTF-8 (elc_utf8_clean), at most 2^32-1
 * bytes. */
int elc_tokenizer_encode(const struct elc_tokenizer *tokenizer, const char *text, size_t len,
                         size_t limit, struct elc_encoding *encoding) ELC_MUST_CHECK;
void elc_encoding_free(struct elc_encoding *encoding);

/* The words of a text, normalized, as vocabulary learning counts them: calls
 * found(context, bytes, len) for each and stops at its first negative result. Special tokens and
 * words of more than options.word_chars characters, which no vocabulary can help, are left out. */
int elc_tokenizer_words(const struct elc_tokenizer *tokenizer, const char *text, size_t len,
                        struct elc_encoding *scratch,
                        int (*found)(void *context, const char *bytes, size_t len),
                        void *context) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
