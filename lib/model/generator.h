/* The generator's head (generator_predictions, generator_lm_head) over some rows of hidden states:
 * logits = LayerNorm(gelu(W·h + b))·wordᵀ + bias. */
#ifndef ELECTRA_MODEL_GENERATOR_H
#define ELECTRA_MODEL_GENERATOR_H

#include "activations.h"

struct elc_generator_memory;
void elc_generator_memory_free(struct elc_generator_memory *memory);

/* A copy mechanism (ELC_OBJECTIVE_ALL_TOKENS_MLM): the probability of token t is
 * (1 - r)·[t is what was read] + r·softmax(logits)[t], r = sigmoid(copy's logit). */
struct elc_copy {
    const elc_float *logits; /* [T] of r */
    const uint32_t *read;    /* [T] the tokens that the network reads */
    elc_float *d_logits;     /* [T] set in the rows at hand when there is a weight */
};

/* Positions where tokens are predicted, and what comes of them. */
struct elc_generator_targets {
    const uint32_t *rows;    /* [n] of the batch */
    const uint32_t *targets; /* [n] the original tokens */
    const double *uniforms;  /* [n] in [0, 1): what draws the replacements */
    size_t n;
    elc_float temperature;
    elc_float weight;                  /* of one position in the loss; 0: no gradients are wanted */
    struct elc_cross_entropy *results; /* [n] */
    const struct elc_copy *copy;       /* NULL: none */
};
/* The head and its cross-entropy, a chunk of rows at a time, so that there are never logits for
 * all of them. With a weight, gradients by the word embeddings as output matrix and by the bias are
 * added, and the rest of the way is prepared for elc_generator_head_backward. */
int elc_generator_head_loss(struct elc_pass *pass, const struct elc_generator_targets *targets);
/* On to d_hidden (set, 0 in other rows) and the gradients of the head's first layers. */
int elc_generator_head_backward(struct elc_pass *pass, const struct elc_generator_targets *targets);

#endif
