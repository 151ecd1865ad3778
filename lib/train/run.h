/* The inside of a run: what all kinds of training share, and the seam to what is particular to one.
 *
 * Shared are run.c (the loop of steps, the update of the weights), validate.c (the best checkpoint,
 * patience), state.c (checkpoints and resuming) and metrics.c (lines of JSON). A kind of training
 * is a struct elc_task: its networks, its batches, its losses. To add one: write the functions of
 * struct elc_task over a struct of one's own, and a public function that calls elc_run
 * (pretrain_run.c is the example).
 */
#ifndef ELC_TRAIN_RUN_H
#define ELC_TRAIN_RUN_H

#include "electra/checkpoint.h"
#include "electra/memory.h"
#include "electra/optimizer.h"
#include "electra/parallel.h"
#include "electra/trainer.h"
#include "metrics.h"

struct elc_run;

/* What one batch of a task adds to the totals of the run. */
struct elc_batch_counts {
    uint64_t n_texts, n_tokens;
    double flops;       /* of all matrix products, forward and backward */
    double flops_paper; /* as the ELECTRA paper counts; 0: not reported */
};

/* One kind of training. All functions get `self`, and return 0 or an error unless said otherwise;
 * they are called by one thread. */
struct elc_task {
    void *self;
    /* The names of what validation reports, without their "valid_": what --metric may say. The last
     * one is NULL. */
    const char *const *metrics;

    /* Once, before everything else: makes the networks and describes them in run->checkpoint.
     * run->options, steps, n_texts and pool are there; so is what was opened for training. */
    int (*open)(void *self, struct elc_run *run);
    /* Adds what must not change when the run is resumed, besides what the options of the run and
     * the recipe say (state.c). */
    int (*settings)(const void *self, json_t *settings);
    /* Makes examples first … first + count - 1 of options->train the batch of the next step; fewer
     * only where a live input ends. */
    int (*read)(void *self, uint64_t first, uint64_t count, struct elc_batch_counts *counts);
    /* Forward and backward: adds the gradients of the batch to the networks of run->checkpoint,
     * where the run clips and uses them, and sets its loss. ELC_ENUMERIC when that is not
     * finite. `step` counts from 0 and names the chances of dropout. */
    int (*train)(void *self, uint64_t step, double *loss);
    /* Adds what was seen since the last report to a line of metrics, which has step, epoch and loss
     * already, and forgets it. */
    int (*report)(void *self, json_t *line);
    /* Adds the metrics of options->valid to a line, with "valid_" before their names. */
    int (*validate)(void *self, json_t *line);
    /* What was seen since the last report, for a checkpoint (a new object, NULL: out of memory),
     * and back again. */
    json_t *(*save)(const void *self);
    int (*restore)(void *self, const json_t *saved);
};

struct elc_run {
    const struct elc_run_options *options;
    const struct elc_task *task;
    uint64_t steps;   /* the budget; 0: it is options->hours */
    uint64_t n_texts; /* of the whole run; 0: as many as the budget needs */
    struct elc_pool *pool;
    struct elc_checkpoint checkpoint; /* the task's */

    struct elc_window window;
    struct elc_progress progress;
    double earlier_seconds; /* of the parts of this run before this one; counted under --hours */
    bool finished;          /* the budget is spent, or the patience */
    bool has_best;
    uint64_t best_step;
    bool best_is_lost; /* found so when the run was resumed: its checkpoint cannot be shown */
    double best_value;
    uint64_t since_best; /* validations */

    int metrics_fd; /* DIR/metrics.jsonl */
    char *metrics_path;
    uint64_t metrics_lines;
    struct elc_buffer line;

    uint64_t data_digest; /* of the input up to the last step's texts */
    uint64_t saved_step;  /* of the newest checkpoint; UINT64_MAX: none */
    double saved_at;      /* seconds, monotonic */
    double started_at;
    double window_started_at;
    uint64_t window_tokens; /* seen since then */
};

/* Runs a task to its end. An elc_run_end, or an error; `work` may be NULL. The task's own memory
 * stays the caller's to free. */
int elc_run(const struct elc_run_options *options, const struct elc_task *task,
            struct elc_run_work *work) ELC_MUST_CHECK;

/* The rest is for the files named above. */
double elc_run_clock(void); /* seconds, monotonic */
/* Seconds that the run took in all its parts, saving and validating included. */
double elc_run_elapsed(const struct elc_run *run);
/* Writes a line of metrics to the file and the listener; takes the object, NULL: out of memory. */
int elc_run_report(struct elc_run *run, json_t *object) ELC_MUST_CHECK;
void elc_run_note(const struct elc_run *run, bool warning, const char *format, ...)
    ELC_PRINTF(3, 4);

/* state.c */
int elc_run_save(struct elc_run *run) ELC_MUST_CHECK;
/* Finds out where to begin: makes DIR, refuses one that has a run in it, or resumes. */
int elc_run_begin(struct elc_run *run) ELC_MUST_CHECK;
int elc_run_mark_done(const char *directory) ELC_MUST_CHECK;
/* DIR/diverged holds the settings, so that the run is known for the same when it is resumed. */
int elc_run_mark_diverged(const struct elc_run *run) ELC_MUST_CHECK;

/* validate.c */
/* Is a metric of validation better when it is low? Losses are, and the squared error. */
bool elc_metric_is_low(const char *name);
/* ELC_EINVAL for a --metric that validation does not report. */
int elc_run_check_metric(const struct elc_run *run) ELC_MUST_CHECK;
int elc_run_validate(struct elc_run *run) ELC_MUST_CHECK;
/* --patience: have there been so many validations in a row without a better one? */
bool elc_run_is_out_of_patience(const struct elc_run *run);

#endif
