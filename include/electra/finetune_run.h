/* A fine-tuning run from its first step to its last.
 *
 *     struct elc_finetune_job job = {.task = ELC_TASK_CLASSIFY};
 *     elc_finetune_job_open(&job, "model", NULL, NULL);        config, vocabulary, defaults
 *     elc_finetune_job_set(&job, …);                           "key=value" overrides
 *     …open options.train and options.valid; options.recipe = elc_finetune_recipe(&job.config);
 *     elc_finetune_run(&options, &job, &work);
 *     elc_finetune_job_free(&job);
 */
#ifndef ELECTRA_FINETUNE_RUN_H
#define ELECTRA_FINETUNE_RUN_H

#include "electra/finetune.h"
#include "electra/finetune_config.h"
#include "electra/trainer.h"
#include "electra/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What fine-tuning adds to the options of a run. Set the first members, then open it. */
struct elc_finetune_job {
    enum elc_finetune_task task;
    bool google;       /* google-research/electra's head, not transformers' */
    bool double_order; /* pairs are seen in both orders, epochs taking turns */
    bool keep_going;   /* texts of the validation stream that were rejected before, or are without a
                          known label, are passed over */

    char *init;                /* the model to start from, a directory; NULL: random weights */
    struct elc_config network; /* its shape; `labels` and `architecture` are those it comes with */
    struct elc_labels labels;
    struct elc_vocab *vocab;
    struct elc_finetune_config config;
    uint64_t n_passed_over; /* texts of the validation stream, counted by the run */
};

/* Reads config and vocabulary of the model `init`; or else, `init` NULL, what
 * elc_finetune_config_read knows by `config`, and the vocabulary of a file. */
int elc_finetune_job_open(struct elc_finetune_job *job, const char *init, const char *config,
                          const char *vocab) ELC_MUST_CHECK;
/* As elc_finetune_config_set, after it was opened. */
int elc_finetune_job_set(struct elc_finetune_job *job, const char *const *overrides,
                         size_t n_overrides) ELC_MUST_CHECK;
/* Has it google-research/electra's head for questions? */
bool elc_finetune_job_is_joint(const struct elc_finetune_job *job);
void elc_finetune_job_free(struct elc_finetune_job *job);

/* What of a configuration is common to all kinds of training. */
struct elc_recipe elc_finetune_recipe(const struct elc_finetune_config *config);

/* The metric that a checkpoint is best by where nothing else is said, as options.metric has it. */
const char *elc_finetune_metric(enum elc_finetune_task task);

/* Runs: checks every label of the training stream, takes the names of classes from there (a model
 * that has this head already keeps its own, where they are all there are), trains. An elc_run_end,
 * or an error. `work` may be NULL. */
int elc_finetune_run(const struct elc_run_options *options, struct elc_finetune_job *job,
                     struct elc_run_work *work) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
