/* A pre-training run from its first step to its last. */
#ifndef ELECTRA_PRETRAIN_RUN_H
#define ELECTRA_PRETRAIN_RUN_H

#include "electra/config.h"
#include "electra/pretrain.h"
#include "electra/trainer.h"
#include "electra/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What pre-training adds to the options of a run. Borrowed.
 *
 * Checkpoints have "discriminator", the network that reads the corrupted text (under
 * ELC_OBJECTIVE_REPLACE_MLM and ELC_OBJECTIVE_ALL_TOKENS_MLM an ElectraForMaskedLM), and
 * "generator", the one that reads masked text, as far as the objective has them. */
struct elc_pretrain_job {
    enum elc_objective objective;
    struct elc_pretrain_config config; /* both vocab_size set */
    const struct elc_vocab *vocab;
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
