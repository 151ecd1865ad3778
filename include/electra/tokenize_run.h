/* A run of the tokenizer: operands of text in, a tokens stream out, on several threads.
 *
 * Some texts at a time are read, tokenized and written in their order; the number of threads
 * changes no byte.
 */
#ifndef ELECTRA_TOKENIZE_RUN_H
#define ELECTRA_TOKENIZE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/file.h"
#include "electra/stream.h"
#include "electra/tokenize.h"
#include "electra/vocab.h"
#include "electra/windows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What of the input is a text. */
enum elc_input_layout {
    ELC_INPUT_LINES, /* each line */
    ELC_INPUT_DOCS,  /* lines make documents, which are packed into examples (electra/pack.h) */
    ELC_INPUT_TSV,   /* each row: fields with tabs between them, nothing is quoted */
    ELC_INPUT_JSONL, /* each line: a JSON object */
    ELC_INPUT_CONLL, /* each sentence: a word a line, columns with white space between them */
    ELC_INPUT_SQUAD, /* each question, with its context as a pair: JSON of SQuAD 1.1 or 2.0 */
};

enum { ELC_QUESTION_TOKENS = 64 }; /* of a question; what is more is cut */

/* Where a text and what belongs to it stand: the number of a column, from 1, or its name in the
 * header (TSV, CoNLL without names), or a key (JSON Lines). NULL: the default, or not wanted. */
struct elc_columns {
    const char *text; /* column 1; key "text" */
    const char *pair;
    const char *label; /* CoNLL: the last column, if there is more than one */
    const char *id;
    bool header; /* TSV: each operand begins with a row of names, of which every row has a field */
};

struct elc_tokenize_options {
    enum elc_input_layout layout;
    struct elc_columns columns;
    uint32_t max_length; /* tokens of a record, with specials; at least ELC_PACK_MIN_LENGTH */
    enum elc_truncation truncation; /* of pairs; longest-first as the tokenizer's `compat` does */
    bool windows;                   /* a text that is too long becomes several records, not one
                                     * that is cut: of a pair the second text, or with
                                     * ELC_ONLY_FIRST the first. Always of questions */
    uint32_t overlap;               /* tokens that a window shares with the one before; without
                                     * `windows`, of a question whose windows are short, half of
                                     * them at most */
    bool text;            /* keep text, offsets and words in the records; never of documents */
    bool words;           /* keep words, also without the text */
    bool replace_invalid; /* invalid UTF-8 becomes U+FFFD; else its text is refused */
    bool keep_going;      /* a text that is refused becomes a record that says so; else it is an
                           * error */
    bool flush;           /* write what there is whenever the input would block */
    uint64_t seed;        /* of the packing */
    size_t n_threads;
};

/* What a run has counted. */
struct elc_tokenize_counts {
    uint64_t records;
    uint64_t tokens, unknown, words; /* that are kept; without [CLS] and [SEP] */
    uint64_t texts;                  /* or lines of documents */
    uint64_t windows;                /* records of the texts that have several */
    uint64_t cut_texts, cut_tokens;
    uint64_t replaced; /* invalid sequences */
    uint64_t rejected;
};

/* What a run works with, and what its caller learns while it goes on; the functions are never
 * called by two threads at once. Everything is borrowed. */
struct elc_tokenize_run {
    const struct elc_tokenizer *tokenizer;
    const struct elc_vocab *vocab; /* of the tokenizer */
    char *const *paths;            /* operands; n_paths 0: standard input */
    size_t n_paths;
    struct elc_output *output; /* neither committed nor abandoned by the run */
    void *context;             /* of the functions below, each of which may be NULL */
    /* May change the stream's header before it is written. */
    int (*header)(void *context, struct elc_header *header);
    void (*rejected)(void *context, const char *message);
    void (*progress)(void *context, const struct elc_tokenize_run *run);
    struct elc_tokenize_counts counts;
};
/* Reads to the end and writes a whole segment. Fails with the first text of the input that is
 * wrong, naming operand and line, or question; the segment then has no end. ELC_EINVAL also for a
 * column that there is not. */
int elc_tokenize_run(struct elc_tokenize_run *run,
                     const struct elc_tokenize_options *options) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
