/* Heads of fine-tuned networks: one or two linear layers over some rows of hidden states, forward
 * and backward, and their losses.
 *
 *     transformers   classify, regress   dropout, dense, GELU, dropout, out_proj   over [CLS]
 *                    tag                 dropout, linear       over each word's first token
 *                    qa                  linear, two outputs   over all tokens
 *     google         classify, regress   dropout, linear       over [CLS]
 *                    tag                 linear                over each word's first token
 *
 * R is the number of rows that a head reads, n the number of its outputs.
 * (electra.md 2.2, 2.4, 3.5; google's head for qa is joint.h.)
 */
#ifndef ELECTRA_MODEL_HEAD_H
#define ELECTRA_MODEL_HEAD_H

#include "activations.h"

/* A head's weights, and where its gradients go. */
struct elc_row_head {
    struct elc_linear dense;  /* [H, H], NULL: the output layer reads the hidden states */
    struct elc_linear output; /* [n, H] */
    struct elc_linear d_dense, d_output; /* used by the backward pass alone */
    size_t n_outputs;                    /* n */
    enum elc_activation activation;      /* behind the dense layer, whatever the layers use */
    bool drops_input;                    /* is there dropout before the dense layer, */
    bool drops;                          /* and before the output layer? */
    struct elc_dropout dropout;
};
/* The head of a network; `gradients` NULL: there is no backward pass. ELC_EMISMATCH: its
 * architecture has none of this kind. */
int elc_row_head_of_weights(struct elc_row_head *head, const struct elc_weights *weights,
                            const struct elc_weights *gradients);

/* What a head leaves for its backward pass. A zeroed struct is empty. */
struct elc_head_memory {
    const uint32_t *rows; /* [R] of the batch, ascending; borrowed from the forward pass's caller */
    size_t n_rows;
    elc_float *input;    /* [R, H] the hidden states at those rows, after dropout */
    elc_float *inner;    /* [R, H] what goes into the activation */
    elc_float *active;   /* [R, H] what the output layer reads */
    elc_float *logits;   /* [R, n] */
    elc_float *d_logits; /* [R, n] the caller's to set before the backward pass */
    elc_float *d_inner;  /* [R, H] */
    elc_float *d_input;  /* [R, H] */
    elc_float *factors;  /* [workers, H rounded up to 8] of dropout */
    elc_float *block;    /* all of them lie in it */
    size_t capacity;     /* numbers in the block */
};
void elc_head_memory_free(struct elc_head_memory *memory); /* idempotent */

/* memory->logits from pass->a->hidden. The numbers of a row depend on that row alone. */
int elc_head_forward(struct elc_head_memory *memory, const struct elc_row_head *head,
                     struct elc_pass *pass, const uint32_t *rows, size_t n_rows);
/* Encoder and head without dropout: (*outputs)[R, n], in `memory` until its next use. `first`: the
 * head reads first tokens alone, and `rows` are numbers of texts. */
int elc_head_outputs(const elc_float **outputs, struct elc_head_memory *memory,
                     struct elc_workspace *workspace, const struct elc_weights *weights,
                     const struct elc_batch *batch, const uint32_t *rows, size_t n_rows,
                     bool first);
/* From memory->d_logits to pass->a->d_hidden (set, 0 in other rows) and the head's gradients. */
int elc_head_backward(struct elc_head_memory *memory, const struct elc_row_head *head,
                      struct elc_pass *pass);

/* ---- losses of one row of n logits (head_loss.c) ----
 *
 * Each returns the row's loss, and with `weight` other than 0 sets d_logits[n] to weight times the
 * gradient. */

/* Cross-entropy against class `target`, which is less than n. `*best`: the likeliest class, the
 * lowest of equals. */
double elc_loss_class(elc_float *d_logits, uint32_t *best, const elc_float *logits, size_t n,
                      uint32_t target, double weight);
/* The mean of n binary cross-entropies: targets[i] is 0 or 1. */
double elc_loss_set(elc_float *d_logits, const elc_float *logits, const float *targets, size_t n,
                    double weight);
/* The mean of n squared errors. */
double elc_loss_squares(elc_float *d_logits, const elc_float *outputs, const float *targets,
                        size_t n, double weight);
/* Cross-entropies of a start and an end among the n tokens of a text, their mean. Row i of
 * logits and d_logits is {start, end} of token i. */
double elc_loss_span(elc_float *d_logits, const elc_float *logits, size_t n, uint32_t start,
                     uint32_t end, double weight);

#endif
