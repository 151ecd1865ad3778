/* A pre-training run from its first step to its last: batches, steps, metrics, validation,
 * checkpoints, resuming (electra-train(1) describes it from outside).
 */
#ifndef ELECTRA_TRAINER_H
#define ELECTRA_TRAINER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/config.h"
#include "electra/error.h"
#include "electra/examples.h"
#include "electra/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a run is. Everything is borrowed and stays unchanged while it runs. */
struct elc_run_options {
    struct elc_pretrain_config config; /* both vocab_size set; rate, warm-up and batch as wanted */
    const struct elc_vocab *vocab;
    struct elc_examples *train;
    struct elc_examples *valid; /* NULL: no validation; opened ELC_IN_ORDER */
    const char *directory;      /* DIR; made if it is not there */
    uint64_t seed;
    uint64_t steps;             /* the budget; 0: epochs decides */
    uint64_t epochs;            /* used when steps is 0 */
    uint64_t valid_every;       /* steps; 0: only at the end */
    uint64_t log_every;         /* steps between lines of metrics */
    uint64_t checkpoint_steps;  /* steps between checkpoints; 0: by time */
    double checkpoint_seconds;  /* used when checkpoint_steps is 0 */
    const char *metric;         /* of validation: the links lead to the checkpoint with the best;
                                   NULL: to the latest */
    bool resume;
    int n_threads;

    /* Set from signal handlers; polled between steps. */
    const volatile sig_atomic_t *stop; /* save and end */
    volatile sig_atomic_t *save;       /* save and go on; cleared */
    double stop_after;                 /* seconds after which to save and end; 0: never */

    /* One line of metrics (JSON, with its LF), as it goes to metrics.jsonl. NULL: nobody listens.
     * A negative result, with its message, ends the run as a failed step would. */
    int (*metrics)(void *context, const char *line, size_t len);
    /* What happened besides: a note ("resumed from checkpoint-200"), or a warning. */
    void (*note)(void *context, bool warning, const char *text);
    /* After each step. */
    void (*progress)(void *context, uint64_t step, uint64_t steps, double loss,
                     double tokens_per_second);
    void *context;
};

enum elc_run_end {
    ELC_RUN_DONE = 0,
    ELC_RUN_STOPPED = 1, /* by `stop` or `stop_after`; a checkpoint was saved */
};

/* Is DIR/done there? Then --resume has nothing to do. */
bool elc_run_is_done(const char *directory);

/* Runs. An elc_run_end, or an error: then the last good checkpoint is in place. ELC_EINVAL: options
 * that cannot work or, when resuming, differ from those that the run was started with.
 * `*texts` and `*tokens` (both may be NULL) tell how much this call trained on. */
int elc_run(const struct elc_run_options *options, uint64_t *texts,
            uint64_t *tokens) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
