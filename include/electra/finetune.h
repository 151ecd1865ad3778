/* Fine-tuning's mathematics: one micro-batch of labelled texts through encoder, head and loss, with
 * gradients (electra.md 2 and 3.5; pretrain.h is its counterpart).
 *
 * What a head predicts something about is an item: a text (classify, regress, qa) or a word (tag,
 * whose label is predicted at the word's first token). Losses of items, before they are weighed:
 *
 *     ELC_TASK_CLASSIFY   cross-entropy of the text's class among n
 *     ELC_TASK_SET        mean of the binary cross-entropies of n labels
 *     ELC_TASK_REGRESS    mean of n squared errors
 *     ELC_TASK_TAG        cross-entropy of the word's label among n
 *     ELC_TASK_QA         mean of the cross-entropies of first and last token of the answer, each
 *                         among the tokens of its text; ELC_GOOGLE_ANSWERER: among those of type 1
 *                         and [CLS], the last one's given the first, plus answerable_weight times
 *                         the binary cross-entropy of whether there is no answer
 *
 * As in pre-training a global batch may be cut into micro-batches: sums and gradients add up, and
 * dropout is named by the place of a text in the global batch. Same cut, same bits, for any team.
 */
#ifndef ELECTRA_FINETUNE_H
#define ELECTRA_FINETUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/answers.h"
#include "electra/batch.h"
#include "electra/config.h"
#include "electra/memory.h"
#include "electra/parallel.h"
#include "electra/params.h"

#ifdef __cplusplus
extern "C" {
#endif

enum elc_finetune_task {
    ELC_TASK_CLASSIFY,
    ELC_TASK_SET, /* classify, several labels for a text */
    ELC_TASK_REGRESS,
    ELC_TASK_TAG,
    ELC_TASK_QA,
};

/* ---- batches ---- */

/* What is known of one text. */
struct elc_target {
    uint32_t label;         /* CLASSIFY: the number of its class */
    const float *values;    /* [n] REGRESS: numbers; SET: 1 for each label it has, else 0 */
    size_t n_words;         /* TAG */
    const uint32_t *words;  /* [n_words] the first token of each word, ascending */
    const uint32_t *labels; /* [n_words] */
    uint32_t start, end;    /* QA: first and last token of the answer; 0, 0: none in this text */
    bool impossible;        /* QA: the question has no answer at all (google's head) */
};

/* The first token of each word, as uint32_t, from words [n], the number of each token's word
 * (UINT32_MAX: of none). *n_words, the last one's number + 1, is larger where words have no token:
 * they are nothing but characters that the tokenizer drops. What does not ascend is passed over. */
int elc_first_tokens(struct elc_buffer *firsts, size_t *n_words, const uint32_t *words,
                     size_t n) ELC_MUST_CHECK;

/* Some labelled texts of a global batch. A zeroed struct is empty. */
struct elc_task_batch {
    struct elc_batch texts;
    size_t n_items;
    uint32_t *rows;    /* [n_rows] of `texts`, ascending: those that the head reads */
    size_t n_rows;     /* items, but all tokens for QA */
    uint32_t *classes; /* [n_items] CLASSIFY, TAG */
    float *values;     /* [n_items, n] REGRESS, SET */
    uint32_t *spans;   /* [n_items][2] QA: start and end in the text */
    bool *impossible;  /* [n_items] QA */
    size_t row_capacity, class_capacity, value_capacity, span_capacity, impossible_capacity;
};
void elc_task_batch_clear(struct elc_task_batch *batch);
/* Appends one text. `n` is the number of the head's outputs. `place`: of the text in the global
 * batch. ELC_EMISMATCH: a class or a token that does not exist. */
int elc_task_batch_add(struct elc_task_batch *batch, enum elc_finetune_task task, size_t n,
                       const uint32_t *ids, const uint8_t *types, size_t n_ids,
                       const struct elc_target *target, uint64_t place) ELC_MUST_CHECK;
void elc_task_batch_free(struct elc_task_batch *batch);

/* ---- steps ---- */

/* What stays the same for a whole run. Everything is borrowed, and has to outlive the handle. */
struct elc_finetune_setup {
    enum elc_finetune_task task;
    const struct elc_config *config; /* its architecture has the task's head */
    const struct elc_table *table;   /* of the whole network */
    elc_float *values, *gradients;   /* blocks with its layout; no gradients: evaluation alone */
    uint64_t seed;                   /* names dropout */
    struct elc_pool *pool;           /* NULL: the calling thread alone */
    double answerable_weight;        /* ELC_GOOGLE_ANSWERER: of that part of its loss */
};

/* Holds the activations of a micro-batch between its passes; grows to the largest one. */
struct elc_finetune;
int elc_finetune_new(struct elc_finetune **finetune,
                     const struct elc_finetune_setup *setup) ELC_MUST_CHECK;
void elc_finetune_destroy(struct elc_finetune *finetune); /* NULL: nothing */

/* Sums over the items of one micro-batch. */
struct elc_finetune_sums {
    double loss;
    uint64_t n_items;
    uint64_t n_correct; /* CLASSIFY, TAG: items whose likeliest class is the right one */
};
void elc_finetune_sums_add(struct elc_finetune_sums *sums, const struct elc_finetune_sums *more);

/* Forward with dropout, and backward: gradients of `weight` times the summed loss are added to the
 * gradient block. `step` names the random numbers. ELC_ENUMERIC when the loss is not finite (the
 * gradients are then useless). */
int elc_finetune_step(struct elc_finetune_sums *sums, struct elc_finetune *finetune,
                      const struct elc_task_batch *batch, uint64_t step,
                      double weight) ELC_MUST_CHECK;
/* Forward alone, without dropout. */
int elc_finetune_evaluate(struct elc_finetune_sums *sums, struct elc_finetune *finetune,
                          const struct elc_task_batch *batch) ELC_MUST_CHECK;
/* The head's outputs of the last of those [n_rows, n], valid until the next; NULL for
 * ELC_GOOGLE_ANSWERER, which has beams instead. */
const elc_float *elc_finetune_logits(const struct elc_finetune *finetune);
/* (*beams)[n_texts] of the last of those, valid until the next; NULL for other heads. */
int elc_finetune_beams(const struct elc_answer_beam **beams,
                       struct elc_finetune *finetune) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
