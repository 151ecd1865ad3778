/* A pre-training run from its first step to its last. */
#ifndef ELECTRA_PRETRAIN_RUN_H
#define ELECTRA_PRETRAIN_RUN_H

#include "electra/config.h"
#include "electra/directory.h"
#include "electra/pretrain.h"
#include "electra/trainer.h"
#include "electra/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Weights to start from. */
struct elc_pretrain_init {
    /* Of the network that the objective is about: MODEL itself, or its discriminator; under
     * ELC_OBJECTIVE_MLM its generator, or else its discriminator. */
    struct elc_network main;
    struct elc_network generator; /* for the other network of an objective that has two */
    bool has_generator;
};
/* Loads from a model directory, a run of electra-train, or a directory with the models
 * discriminator/ and generator/. A head of another kind than the objective's is left out. */
int elc_pretrain_init_open(struct elc_pretrain_init *init, const char *path,
                           enum elc_objective objective) ELC_MUST_CHECK;
/* The configuration that goes with them. ELC_EINVAL for overrides that would change a shape. */
int elc_pretrain_init_config(struct elc_pretrain_config *config,
                             const struct elc_pretrain_init *init, const char *const *overrides,
                             size_t n_overrides) ELC_MUST_CHECK;
void elc_pretrain_init_close(struct elc_pretrain_init *init); /* idempotent */

/* What pre-training adds to the options of a run. Borrowed.
 *
 * Checkpoints have "discriminator", the network that reads the corrupted text (under
 * ELC_OBJECTIVE_REPLACE_MLM and ELC_OBJECTIVE_ALL_TOKENS_MLM an ElectraForMaskedLM), and
 * "generator", the one that reads masked text, as far as the objective has them. */
struct elc_pretrain_job {
    enum elc_objective objective;
    struct elc_pretrain_config config; /* both vocab_size set */
    const struct elc_vocab *vocab;
    const struct elc_pretrain_init *init; /* NULL: random weights */
};

/* What of a configuration is common to all kinds of training. */
struct elc_recipe elc_pretrain_recipe(const struct elc_pretrain_config *config);

/* Runs; `recipe` of the options comes from the configuration. An elc_run_end, or an error.
 * `work` may be NULL. */
int elc_pretrain_run(const struct elc_run_options *options, const struct elc_pretrain_job *job,
                     struct elc_run_work *work) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
