/* The inside of pre-training's mathematics: pretrain.c has the handle and the order of things,
 * pretrain_generator.c and pretrain_discriminator.c a network each. */
#ifndef ELECTRA_MODEL_PRETRAIN_PASS_H
#define ELECTRA_MODEL_PRETRAIN_PASS_H

#include "activations.h"
#include "electra/nn.h"
#include "electra/pretrain.h"

/* One of the two networks, if the objective has it. */
struct elc_side {
    bool present;
    struct elc_weights weights, gradients;
    struct elc_activations *activations;
};

/* Positions where a network predicts tokens. */
struct elc_predictions {
    size_t capacity;
    uint32_t *rows;    /* of the micro-batch */
    uint32_t *targets; /* the original tokens */
    double *uniforms;  /* in [0, 1): what draws a token */
    struct elc_cross_entropy *results;
};

struct elc_pretrain {
    struct elc_pretrain_setup setup;
    const struct elc_objective_parts *parts;
    struct elc_side discriminator, generator;
    struct elc_predictions filled;   /* the generator's, at the masked positions */
    struct elc_predictions restored; /* the discriminator's, where it predicts tokens */

    /* One number for each token of the micro-batch, [T]. */
    size_t token_capacity;
    uint32_t *masked_ids; /* what the generator reads */
    uint32_t *corrupted;  /* what the discriminator reads */
    uint8_t *labels;
    elc_float *d_logits;
};

/* One call: what it works on, and how its two losses are weighed. */
struct elc_pretrain_call {
    struct elc_pretrain *pretrain;
    const struct elc_pretrain_batch *batch;
    struct elc_pretrain_sums *sums;
    uint64_t step;
    bool train;
    double generator_weight;     /* of one masked position */
    double discriminator_weight; /* of one position that counts in the discriminator's loss */
};

/* Opens a pass of one network over `texts`. */
int elc_pretrain_open_pass(struct elc_pass *pass, const struct elc_pretrain_call *call,
                           struct elc_side *side, const struct elc_batch *texts,
                           unsigned site_network);
int elc_predictions_reserve(struct elc_predictions *predictions, size_t n);

/* The generator over the masked texts: its loss, its gradients, and a token drawn for each masked
 * position, in `filled`. */
int elc_pretrain_generator(const struct elc_pretrain_call *call);
/* The discriminator over the corrupted texts: its loss and its gradients. */
int elc_pretrain_discriminator(const struct elc_pretrain_call *call);

#endif
