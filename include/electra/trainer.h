/* Runs: what all kinds of training have in common. Steps, the schedule of the learning rate,
 * metrics, validation, checkpoints, resuming (electra-train(1) describes them from outside).
 * pretrain_run.h starts one.
 */
#ifndef ELECTRA_TRAINER_H
#define ELECTRA_TRAINER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/examples.h"
#include "electra/optimizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How weights are updated. */
struct elc_recipe {
    uint64_t batch_size; /* texts in a step */
    double learning_rate;
    double decay_power; /* of the fall to 0 over the budget; 1: linear */
    double warmup;      /* steps; below 1: that share of the budget */
    struct elc_adam adam;
    double max_grad_norm; /* 0: no clipping */
};

/* What a run is. Everything is borrowed and stays unchanged while it runs. */
struct elc_run_options {
    struct elc_recipe recipe;
    struct elc_examples *train;
    struct elc_examples *valid; /* NULL: no validation; opened ELC_IN_ORDER */
    const char *directory;      /* DIR; made if it is not there */
    uint64_t seed;
    uint64_t steps;        /* the budget; 0: hours or epochs decide */
    double hours;          /* used when steps is 0; 0: epochs decides */
    uint64_t epochs;       /* used when both are 0 */
    bool double_epochs;    /* twice as many */
    uint64_t valid_every;  /* steps; 0: only at the end */
    bool valid_by_default; /* valid_every follows from other options; a run goes on without it */
    uint64_t log_every;    /* steps between lines of metrics */
    uint64_t checkpoint_steps; /* steps between checkpoints; 0: by time */
    double checkpoint_seconds; /* used when checkpoint_steps is 0 */
    const char *metric;        /* of validation: the links lead to the checkpoint with the best;
                                  NULL: to the latest */
    uint64_t patience;         /* validations in a row without a better `metric` that end the run;
                                  0: none do */
    bool resume;
    bool keep_divergence; /* numbers that are not finite end the run for good, with DIR/diverged in
                             place of done: to resume it is ELC_ENUMERIC at once */
    int n_threads;
    struct elc_profile *profiles; /* [n_threads], to be added to; NULL: nothing is counted */

    /* Set from signal handlers; polled between steps. */
    const volatile sig_atomic_t *stop; /* save and end */
    volatile sig_atomic_t *save;       /* save and go on; cleared */
    double stop_after;                 /* seconds after which to save and end; 0: never */

    /* One line of metrics (JSON, with its LF), as it goes to metrics.jsonl. NULL: nobody listens.
     * A negative result, with its message, ends the run as a failed step would. */
    int (*metrics)(void *context, const char *line, size_t len);
    /* What happened besides: a note ("resumed from checkpoint-200"), or a warning. */
    void (*note)(void *context, bool warning, const char *text);
    /* After each step. `done` is the share of the budget that is spent. */
    void (*progress)(void *context, uint64_t step, double done, double loss,
                     double tokens_per_second);
    void *context;
};

/* What functions that run return when they do not fail. An error leaves the last good checkpoint
 * in place; ELC_EINVAL are options that cannot work or, when resuming, differ from those that the
 * run was started with. */
enum elc_run_end {
    ELC_RUN_DONE = 0,
    ELC_RUN_STOPPED = 1, /* by `stop` or `stop_after`; what steps were done, if any, is saved */
};
/* How much one call trained on, and how far the run is. */
struct elc_run_work {
    uint64_t n_texts, n_tokens;
    uint64_t step; /* steps done by all calls; 0 of trials */
};

/* Is DIR/done there? Then --resume has nothing to do. */
bool elc_run_is_done(const char *directory);

#ifdef __cplusplus
}
#endif
#endif
