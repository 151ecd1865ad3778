/* Pre-training's mathematics: one micro-batch through generator, sampling and discriminator, with
 * gradients (electra.md 1.3, 1.4), and the objectives that leave parts of it out or change them.
 *
 *     loss = gen_weight · mean over masked positions of the generator's cross-entropy
 *          + disc_weight · mean over all tokens, [CLS] and [SEP] too, of the discriminator's
 *            binary cross-entropy
 *
 * A global batch may be cut into micro-batches as memory demands: the means are taken with the
 * counts of the whole global batch, gradients and sums add up, and all chance (dropout, sampling)
 * is named by the place of a text in the global batch. Same cut, same bits, for any team.
 *
 * What this does not do: mask (mask.h), update weights (optimizer.h), or clear gradients.
 */
#ifndef ELECTRA_PRETRAIN_H
#define ELECTRA_PRETRAIN_H

#include "electra/batch.h"
#include "electra/config.h"
#include "electra/encoder.h"
#include "electra/mask.h"
#include "electra/parallel.h"
#include "electra/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is learned. The last three are the ablations of the ELECTRA paper (3.4 "Efficiency
 * Analysis"): what they call the discriminator is the network that reads the corrupted text. */
enum elc_objective {
    ELC_OBJECTIVE_ELECTRA, /* generator and discriminator, jointly */
    ELC_OBJECTIVE_RTD,     /* the discriminator alone, on given replacements */
    ELC_OBJECTIVE_MLM,     /* the generator alone: BERT without its second task */
    /* As ELECTRA, but only the masked positions count in the discriminator's loss. */
    ELC_OBJECTIVE_ELECTRA_15,
    /* As MLM, but where [MASK] would be stand tokens that a generator, trained jointly, has drawn:
     * the discriminator has a head like the generator's and predicts the original tokens at the
     * masked positions. */
    ELC_OBJECTIVE_REPLACE_MLM,
    /* The same at all tokens, with a copy mechanism: the probability of token t is
     * (1 - r)·[t is what was read] + r·softmax(logits)[t], where r, the probability that the token
     * was replaced, is what a discriminator's head beside the other one says. */
    ELC_OBJECTIVE_ALL_TOKENS_MLM,
    ELC_N_OBJECTIVES,
};

/* What an objective is made of. */
struct elc_objective_parts {
    const char *name;     /* "electra-15" */
    bool generator;       /* there is a network that predicts masked tokens */
    bool discriminator;   /* there is a network that reads the corrupted text */
    bool predicts_tokens; /* its head is a generator's, else it tells which were replaced */
    bool everywhere;      /* its loss is that of all tokens, else of the masked positions */
    bool copies;          /* it has the copy mechanism: a discriminator's head besides */
};
const struct elc_objective_parts *elc_objective_parts(enum elc_objective objective);
/* ELC_EINVAL, naming all there are, for an unknown name. */
int elc_objective_parse(enum elc_objective *objective, const char *name) ELC_MUST_CHECK;
/* Gives both networks the shape and the head that they have under an objective: the one network of
 * ELC_OBJECTIVE_MLM, called its generator, is as large as the discriminator would be, and what
 * predicts tokens has a generator's head. Does nothing the second time. */
void elc_objective_shape(struct elc_pretrain_config *config, enum elc_objective objective);

/* Some texts of a global batch, as they were before masking, and their masked positions.
 * A zeroed struct is empty. */
struct elc_pretrain_batch {
    struct elc_batch texts; /* the original ids */
    size_t n_masked;
    uint32_t *rows;         /* [n_masked] rows of `texts`, ascending */
    uint8_t *keep;          /* [n_masked] 1: the generator reads the original token, 0: [MASK] */
    uint32_t *replacements; /* [n_masked] what the discriminator reads there, if `given` */
    bool given;             /* replacements are given, else they are sampled */
    size_t masked_capacity, keep_capacity, replacements_capacity;
};
void elc_pretrain_batch_clear(struct elc_pretrain_batch *batch);
/* Appends one text with its masks. `replacements` [masks->n], or NULL: to be sampled; all texts of
 * a batch alike. `place`: of the text in the global batch. */
int elc_pretrain_batch_add(struct elc_pretrain_batch *batch, const uint32_t *ids,
                           const uint8_t *types, size_t n_ids, const struct elc_masks *masks,
                           const uint32_t *replacements, uint64_t place) ELC_MUST_CHECK;
void elc_pretrain_batch_free(struct elc_pretrain_batch *batch);

/* What stays the same for a whole run. Everything is borrowed, and has to outlive the handle. */
struct elc_pretrain_setup {
    /* Shapes (see elc_objective_shape), dropout, temperature, loss weights. */
    const struct elc_pretrain_config *config;
    enum elc_objective objective;
    /* Weights and gradients, blocks with the layout of the tables. Gradients may be NULL for
     * evaluation alone. Those of a network that the objective lacks are NULL. What a generator's
     * table leaves out (params.h, elc_sharing) is the discriminator's, whose gradients then receive
     * both networks' parts. The discriminator's has a second head where it copies
     * (elc_table_add_copy_head). */
    const struct elc_table *discriminator_table;
    elc_float *discriminator, *d_discriminator;
    const struct elc_table *generator_table;
    elc_float *generator, *d_generator;
    uint32_t mask_id;      /* the id of [MASK] */
    uint64_t seed;         /* names dropout and sampling */
    struct elc_pool *pool; /* NULL: the calling thread alone */
};

/* Holds the activations of a micro-batch between its passes; grows to the largest one. */
struct elc_pretrain;
int elc_pretrain_new(struct elc_pretrain **pretrain,
                     const struct elc_pretrain_setup *setup) ELC_MUST_CHECK;
void elc_pretrain_destroy(struct elc_pretrain *pretrain); /* NULL: nothing */

/* Sums over the positions of one micro-batch; add them up over a global batch with
 * elc_pretrain_sums_add. All are plain sums: divide by n_masked or n_tokens for means. */
struct elc_pretrain_sums {
    double generator_loss;     /* natural log; over masked positions */
    double discriminator_loss; /* over all tokens, or the masked positions, as the objective says */
    uint64_t n_masked;
    uint64_t n_tokens;
    uint64_t generator_correct; /* masked positions where the likeliest token is the original */
    uint64_t sampled_correct;   /* … where the token drawn is the original: no replacement */
    uint64_t n_replaced;        /* tokens with label 1 */
    /* Of the tokens that count in the discriminator's loss, where it tells which are replaced: */
    uint64_t discriminator_correct; /* tokens whose logit has the right sign */
    uint64_t true_positives;        /* replaced tokens with a logit above 0 */
    uint64_t n_predicted;           /* tokens with a logit above 0 */
    uint64_t token_correct; /* masked positions where the discriminator's likeliest token, copying
                               aside, is the original */
};
void elc_pretrain_sums_add(struct elc_pretrain_sums *sums, const struct elc_pretrain_sums *more);

/* Counts over the whole global batch: what the loss's two means divide by. */
struct elc_pretrain_totals {
    uint64_t n_masked;
    uint64_t n_tokens;
};
/* Forward with dropout, and backward: gradients of this micro-batch's share of the loss are added
 * to both gradient blocks. `step` names the random numbers. ELC_ENUMERIC when the loss is not
 * finite (the gradients are then useless). */
int elc_pretrain_step(struct elc_pretrain_sums *sums, struct elc_pretrain *pretrain,
                      const struct elc_pretrain_batch *batch, uint64_t step,
                      const struct elc_pretrain_totals *totals) ELC_MUST_CHECK;

/* Forward alone, without dropout; replacements not given are sampled as in `step`. */
int elc_pretrain_evaluate(struct elc_pretrain_sums *sums, struct elc_pretrain *pretrain,
                          const struct elc_pretrain_batch *batch, uint64_t step) ELC_MUST_CHECK;

/* Of the last step or evaluation, valid until the next, NULL where the objective has none:
 * the discriminator's logit [T] and label [T] of each token, and what it read [T]. */
const elc_float *elc_pretrain_logits(const struct elc_pretrain *pretrain);
const uint8_t *elc_pretrain_labels(const struct elc_pretrain *pretrain);
const uint32_t *elc_pretrain_corrupted(const struct elc_pretrain *pretrain);

#ifdef __cplusplus
}
#endif
#endif
