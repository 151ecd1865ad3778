/* Trials: a fine-tuning run with one seed after another, and what it achieves on average. One run
 * says little where there are few texts (google-research/electra's num_trials).
 *
 *     DIR/trial-1/ …               runs with the seeds S, S + 1 …, as each would be by itself
 *     DIR/trial-K/diverged         in place of done: its numbers became infinite, or none
 *     DIR/metrics.jsonl            a line for each trial that is done, then one for all of them
 *     DIR/model -> trial-K/model   K: the best so far; DIR/config.json … lead into it
 *     DIR/done
 */
#ifndef ELECTRA_TRIALS_H
#define ELECTRA_TRIALS_H

#include "electra/finetune_run.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What became of the trials: the values of options.metric that their models were chosen by. */
struct elc_trials {
    uint64_t n;
    uint64_t best; /* the number, from 1, of the first trial with the best value */
    double best_value;
    double mean, median, deviation; /* deviation: of a sample, NaN of one; all NaN where a trial's
                                       metric cannot be told, or it diverged */
};

/* Runs `n` trials in options->directory, with the seeds from options->seed on; options->metric and
 * options->valid are there. A trial that is done keeps its newest checkpoint and its best one.
 * With options->resume those that are over are checked, not repeated, and the one that was stopped
 * goes on; `n` may have changed. One that diverges has no value and is no model; the others go on.
 * ELC_ENUMERIC: all did. An elc_run_end, or an error; `trials` is set when all are done, `work`,
 * which may be NULL, in any case. */
int elc_trials_run(struct elc_trials *trials, uint64_t n, const struct elc_run_options *options,
                   struct elc_finetune_job *job, struct elc_run_work *work) ELC_MUST_CHECK;
/* Are `n` trials done, or more? Then nothing is left to do. */
bool elc_trials_are_done(const char *directory, uint64_t n);
/* ELC_EINVAL if the directory has trials: no single run may begin there. */
int elc_trials_check_none(const char *directory) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
