/* The inside of pre-training as a task of a run: pretrain_run.c has its steps, pretrain_networks.c
 * what is trained, pretrain_valid.c validation. */
#ifndef ELC_TRAIN_PRETRAINING_H
#define ELC_TRAIN_PRETRAINING_H

#include "batches.h"
#include "electra/pretrain_run.h"
#include "pretrain_metrics.h"
#include "run.h"

enum { ELC_READER = 0, ELC_FILLER = 1 }; /* discriminator, generator */

struct elc_pretraining {
    const struct elc_pretrain_job *job;
    const struct elc_objective_parts *parts;
    struct elc_pretrain_config config; /* the job's, in the shape of its objective */
    struct elc_run *run;
    struct elc_table tables[2];
    elc_float *values[2];
    struct elc_trained trained[2]; /* those that the objective has not stay zeroed */
    struct elc_buffer notes;       /* about the weights to start with, NUL-terminated each */
    struct elc_pretrain *pretrain;
    struct elc_mask_options masking;
    struct elc_global_batch batch;
    struct elc_pretrain_window window;
};

/* pretrain_networks.c: makes the networks of the objective, with the weights that they start
 * with, and describes them in run->checkpoint. */
int elc_pretraining_open_networks(struct elc_pretraining *p) ELC_MUST_CHECK;
void elc_pretraining_close_networks(struct elc_pretraining *p);

/* pretrain_init.c: copies what there is of job->init into p->values, and notes what there is not.
 */
int elc_pretraining_init(struct elc_pretraining *p) ELC_MUST_CHECK;

/* pretrain_valid.c: what a stream must hold for the objective, and validation (run.h). */
int elc_pretraining_check_streams(const struct elc_pretraining *p) ELC_MUST_CHECK;
int elc_pretraining_validate(void *self, json_t *line) ELC_MUST_CHECK;

#endif
