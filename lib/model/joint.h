/* google-research/electra's head for questions: where the answer starts, where it ends given where
 * it starts, and whether there is one (finetune/qa/qa_tasks.py with its default options).
 *
 * Its places are a text's [CLS], which stands for no answer, and the tokens of type 1, the context
 * with the [SEP] behind it. With h_t the hidden state of place t,
 *
 *     start_t       = start(h_t)
 *     end_t given s = end.out_proj(GELU(end.dense([h_s ; h_t])))
 *     mean          = Σ_t softmax(start)_t·h_t
 *     impossible    = answerable.out_proj(GELU(answerable.dense([h_CLS ; mean])))
 *
 * where s is the right start in training and, in prediction, each of the likeliest. The loss of a
 * text is the mean of the cross-entropies of start and end, and a part of that of `impossible`:
 * answerable_weight, 0.5. There is no dropout.
 *
 * The reference lowers the logits of all other tokens by 1000; here they are left out, which is the
 * same. end.dense is taken apart: one half meets each place once, the other each start.
 *
 * P is the number of places of all texts, S of texts, W = ELC_ANSWERER_WIDTH.
 */
#ifndef ELECTRA_MODEL_JOINT_H
#define ELECTRA_MODEL_JOINT_H

#include "activations.h"
#include "electra/answers.h"

/* A pass leaves it for the loss, the backward pass and the beams. A zeroed struct is empty. */
struct elc_joint_memory {
    size_t n_places, n_texts;
    size_t longest;    /* places of a text */
    uint32_t *places;  /* [P] rows of the batch */
    uint32_t *firsts;  /* [S + 1] the first place of each text */
    uint32_t *targets; /* [S][2] start and end as places of their text; only with targets */
    size_t place_capacity, first_capacity, target_capacity;

    elc_float *hidden;        /* [P, H] */
    elc_float *start;         /* [P] logits */
    elc_float *p_start;       /* [P] */
    elc_float *token_inner;   /* [P, W] end.dense's half for h_t */
    elc_float *answer_input;  /* [S, 2H] what answerable.dense reads */
    elc_float *answer_inner;  /* [S, W] what goes into its activation */
    elc_float *answer_active; /* [S, W] what comes out */
    elc_float *impossible;    /* [S] logits */

    /* With targets alone. */
    elc_float *start_hidden;    /* [S, H] h_s */
    elc_float *start_inner;     /* [S, W] end.dense's half for h_s, with the bias */
    elc_float *inner;           /* [P, W] the sum of both halves */
    elc_float *active;          /* [P, W] */
    elc_float *end;             /* [P] logits given s */
    elc_float *d_start, *d_end; /* [P] */
    elc_float *d_impossible;    /* [S] */
    elc_float *d_inner;         /* [P, W] */
    elc_float *d_start_inner;   /* [S, W] */
    elc_float *d_answer_inner;  /* [S, W] */
    elc_float *d_answer_input;  /* [S, 2H] */
    elc_float *d_hidden;        /* [P, H] */

    elc_float *scratch;            /* of the beams, for each worker */
    struct elc_answer_beam *beams; /* [S] */
    size_t beam_capacity;

    elc_float *block; /* all numbers lie in it */
    size_t capacity;  /* of the block */
};
void elc_joint_memory_free(struct elc_joint_memory *memory); /* idempotent */

/* The head over pass->a->hidden. `spans` [S][2]: first and last token of each text's answer in the
 * text, 0, 0 where it has none; NULL: there are no targets, only beams will be wanted.
 * ELC_EMISMATCH: an answer is not among its text's places. */
int elc_joint_forward(struct elc_joint_memory *memory, struct elc_pass *pass,
                      const uint32_t *spans);
/* memory->beams from what the forward pass left. */
int elc_joint_beams(struct elc_joint_memory *memory, const struct elc_pass *pass);
/* Encoder and head without dropout: (*beams)[S], in `memory` until its next use. */
int elc_joint_answers(const struct elc_answer_beam **beams, struct elc_joint_memory *memory,
                      struct elc_workspace *workspace, const struct elc_weights *weights,
                      const struct elc_batch *batch);

/* ---- training (joint_backward.c) ---- */

/* The summed loss of the texts; `impossible` [S]. With `weight` other than 0 the gradients of
 * weight times the loss by the logits are left for the backward pass. */
double elc_joint_loss(struct elc_joint_memory *memory, const bool *impossible,
                      double answerable_weight, double weight);
/* From there to pass->a->d_hidden (set, 0 in other rows) and the head's gradients. */
int elc_joint_backward(struct elc_joint_memory *memory, struct elc_pass *pass);

#endif
