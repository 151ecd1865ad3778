/* The inside of a run, shared by its three parts: run.c (steps), state.c (checkpoints and
 * resuming), validate.c. */
#ifndef ELC_TRAIN_RUN_H
#define ELC_TRAIN_RUN_H

#include "batches.h"
#include "electra/auc.h"
#include "electra/checkpoint.h"
#include "electra/optimizer.h"
#include "electra/parallel.h"
#include "electra/pretrain.h"
#include "electra/trainer.h"
#include "metrics.h"

struct elc_run {
    const struct elc_run_options *options;
    uint64_t steps;   /* the budget */
    uint64_t n_texts; /* of the whole run; 0: as many as `steps` need */
    struct elc_pool *pool;

    struct elc_table tables[2]; /* discriminator, generator */
    elc_float *values[2];
    struct elc_trained trained[2];
    struct elc_pretrain *pretrain;
    struct elc_checkpoint checkpoint;

    struct elc_global_batch batch;
    struct elc_mask_options masking;

    struct elc_window window;
    struct elc_progress progress;
    bool has_best;
    uint64_t best_step;
    double best_value;

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

double elc_run_clock(void); /* seconds, monotonic */
/* Writes a line of metrics to the file and the listener; takes the object. */
int elc_run_report(struct elc_run *run, json_t *object) ELC_MUST_CHECK;
void elc_run_note(const struct elc_run *run, bool warning, const char *format, ...)
    ELC_PRINTF(3, 4);

/* state.c */
int elc_run_save(struct elc_run *run) ELC_MUST_CHECK;
/* Finds out where to begin: makes DIR, refuses one that has a run in it, or resumes. */
int elc_run_begin(struct elc_run *run) ELC_MUST_CHECK;
int elc_run_mark_done(struct elc_run *run) ELC_MUST_CHECK;

/* validate.c */
/* ELC_EINVAL for a --metric that validation does not report. */
int elc_run_check_metric(const struct elc_run *run) ELC_MUST_CHECK;
int elc_run_validate(struct elc_run *run) ELC_MUST_CHECK;

#endif
