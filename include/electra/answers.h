/* Answers: from the starts and ends that a network gives tokens to spans of a text, over all its
 * windows, as transformers' run_qa (postprocess_qa_predictions) and google-research/bert combine
 * them.
 *
 * In each window the 20 best starts meet the 20 best ends; a pair counts if both are tokens of the
 * context, the start has its most context in this window, and the end lies at most so many tokens
 * behind it. A pair's score is the sum of its two logits; that of no answer is the least sum at
 * [CLS] of any window. The n best of a text, and no answer, share a softmax.
 *
 * google-research/electra's head (finetune/qa/qa_metrics.py) finds ends for each start by itself:
 * a beam. A pair's score is then log P(start) + log P(end | start), and of pairs with the same text
 * the best counts, so that the n best are n texts (run_qa keeps them apart). They share a softmax
 * by themselves: whether there is no answer is asked apart, and the least of the windows' logits
 * decides.
 */
#ifndef ELECTRA_ANSWERS_H
#define ELECTRA_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"
#include "electra/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ELC_ANSWER_BEAM = 20 }; /* starts and ends looked at */

/* The places of the largest of n logits, `stride` apart, the best first, the earlier of equals;
 * returns how many. */
size_t elc_answer_best(uint32_t places[ELC_ANSWER_BEAM], const elc_float *logits, size_t stride,
                       size_t n);

struct elc_answer {
    uint64_t start, end; /* bytes of the context */
    double logit;        /* sum of the two, or of the beam's logarithms */
    double p;            /* among the n best, and no answer where logits make that possible */
};

/* The likeliest starts of a window, and for each the likeliest ends if it is the start. */
struct elc_answer_beam {
    size_t n; /* starts, and ends of each: ELC_ANSWER_BEAM, or as many as there are */
    uint32_t starts[ELC_ANSWER_BEAM]; /* tokens, the likeliest first, the earlier of equals */
    double start_log_p[ELC_ANSWER_BEAM];
    uint32_t ends[ELC_ANSWER_BEAM][ELC_ANSWER_BEAM]; /* of start i: ends[i][0 … n-1] */
    double end_log_p[ELC_ANSWER_BEAM][ELC_ANSWER_BEAM];
    double impossible; /* the logit of: there is no answer */
};

/* One window, as the network saw it. */
struct elc_answer_window {
    const elc_float *logits;            /* [n, 2] start and end of each token, or */
    const struct elc_answer_beam *beam; /* NULL: logits; the windows of a text have the same */
    size_t n;
    const uint8_t *types;    /* [n] 1: the context */
    const uint32_t *offsets; /* [2n] bytes of each token in the window's context */
    const uint8_t *best;     /* [n] 1: the token has its most context here; NULL: all have */
    uint64_t context_start;  /* byte of the context where the window's begins */
};

/* Of one text. A zeroed struct is empty. */
struct elc_answers {
    struct elc_buffer list; /* struct elc_answer, the best first */
    double null_logit;      /* of no answer */
    double null_p;
    bool joint;                /* the windows had beams */
    struct elc_buffer context; /* bytes, of all windows */
    size_t n_best, max_tokens; /* set by the caller: of answers kept; in an answer */
};
void elc_answers_begin(struct elc_answers *answers);
/* Puts the context together again, window after window, before the window's answers are added:
 * `text` is what begins at byte `start`. */
int elc_answers_context(struct elc_answers *answers, const char *text, size_t len,
                        uint64_t start) ELC_MUST_CHECK;
/* Whatever the offsets are, an answer begins before it ends. ELC_ENUMERIC when a logit is not
 * finite. */
int elc_answers_add(struct elc_answers *answers,
                    const struct elc_answer_window *window) ELC_MUST_CHECK;
/* After the last window: probabilities. `null`: no answer is a possibility. */
void elc_answers_finish(struct elc_answers *answers, bool null);
static inline size_t elc_answers_count(const struct elc_answers *answers) {
    return answers->list.len / sizeof(struct elc_answer);
}
static inline struct elc_answer *elc_answers_list(const struct elc_answers *answers) {
    return (struct elc_answer *)(void *)answers->list.data;
}
/* How much better no answer is than the best, or with beams its logit: none is given above a
 * threshold. */
double elc_answers_null_odds(const struct elc_answers *answers);
/* The references' threshold: 0, or with beams google-research/electra's qa_na_threshold. */
static inline double elc_answers_threshold(bool joint) {
    return joint ? -2.75 : 0;
}
void elc_answers_free(struct elc_answers *answers); /* idempotent */

#ifdef __cplusplus
}
#endif
#endif
