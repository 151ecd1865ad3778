/* Scoring: a tokens stream in, one result for each text out, in the order of the stream.
 *
 * Batches are the next records of a block up to a token budget; several are worked on at once.
 * Neither the number of threads nor a text's neighbours change a byte of its result.
 */
#ifndef ELECTRA_SCORE_H
#define ELECTRA_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/file.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

enum elc_score_task {
    ELC_SCORE_AUTO,     /* what the model is made for: the first of these with its architecture */
    ELC_SCORE_RTD,      /* discriminator: P(replaced) of every token */
    ELC_SCORE_EMBED,    /* any network: one vector for the text */
    ELC_SCORE_FILL,     /* generator: the likeliest tokens for each [MASK] */
    ELC_SCORE_PLL,      /* generator: pseudo-log-likelihood, each token masked in turn */
    ELC_SCORE_CLASSIFY, /* sequence classifier: the text's class, or its labels */
    ELC_SCORE_REGRESS,  /* the same, of problem type regression: numbers */
    ELC_SCORE_TAG,      /* token classifier: a label for each word */
    ELC_SCORE_QA,       /* question answerer: a span of the context, or none */
};

enum elc_score_format {
    ELC_SCORE_TSV,
    ELC_SCORE_JSONL,
    ELC_SCORE_STREAM, /* the input's records with the results added, kind scores */
    ELC_SCORE_F32,    /* embed: rows of little-endian floats */
};

/* Of task qa; the options of any other task have these values. */
enum { ELC_SCORE_N_BEST = 20, ELC_SCORE_MAX_ANSWER = 30 };

struct elc_score_options {
    enum elc_score_task task;
    enum elc_score_format format;
    bool tokens;           /* TSV of rtd: a row for each token */
    bool names;            /* TSV: a first row that names the columns */
    bool mean;             /* embed: the mean over all tokens, not the first token's vector */
    bool normalize;        /* embed: to length 1 */
    size_t top_k;          /* fill: candidates for each position; 1 for other tasks */
    size_t n_best;         /* qa: answers that are kept; ELC_SCORE_N_BEST */
    size_t max_answer;     /* qa: tokens of an answer; ELC_SCORE_MAX_ANSWER */
    bool has_threshold;    /* qa: else null_threshold is the head's (elc_answers_threshold) */
    double null_threshold; /* qa: above these odds there is no answer */
    bool always_answer;    /* qa: there always is one */
    bool keep_going;       /* a rejected record gets a row that says so; else it ends the run */
    int n_threads;
};

/* A loaded model with its vocabulary. */
struct elc_scorer;
/* ELC_EINVAL: options that do not go together. ELC_EMISMATCH: a model without such a task, or
 * whose vocabulary does not fit it. `path` and the options are copied. */
int elc_scorer_new(struct elc_scorer **scorer, const char *path,
                   const struct elc_score_options *options) ELC_MUST_CHECK;
void elc_scorer_destroy(struct elc_scorer *scorer);
/* XXH3-128 of the model, in hexadecimal (elc_network); borrowed. */
const char *elc_scorer_hash(const struct elc_scorer *scorer);
/* Does it write binary? */
bool elc_scorer_is_binary(const struct elc_scorer *scorer);

/* What a caller learns while a run goes on; never called by two threads at once. */
struct elc_score_run {
    struct elc_reader *reader;
    struct elc_output *output; /* neither committed nor abandoned by the run */
    void *context;             /* of the functions below, each of which may be NULL */
    /* May change an output stream's header before it is written. */
    int (*header)(void *context, struct elc_header *header);
    void (*rejected)(void *context, const char *message);
    void (*progress)(void *context, const struct elc_score_run *run);
    struct elc_profile *profiles; /* [n_threads], to be added to; NULL: nothing is counted */
    uint64_t n_records, n_tokens, n_rejected; /* counted by the run */
};
/* Reads to the end and writes every result; results are flushed as soon as they are there. Fails
 * with the first record or block in stream order that is wrong, everything before the batch it
 * is in having been written. */
int elc_scorer_run(struct elc_scorer *scorer, struct elc_score_run *run) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
