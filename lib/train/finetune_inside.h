/* The inside of fine-tuning, shared by its parts: finetune_run.c (steps), finetune_validate.c. */
#ifndef ELC_TRAIN_FINETUNE_INSIDE_H
#define ELC_TRAIN_FINETUNE_INSIDE_H

#include <jansson.h>

#include "electra/answers.h"
#include "electra/finetune_run.h"
#include "electra/optimizer.h"
#include "run.h"
#include "task_batches.h"

struct finetuning {
    struct elc_finetune_job *job;
    const struct elc_run *run;
    const struct elc_header *header, *valid_header; /* of the streams */

    struct elc_classes classes; /* of the training stream */
    size_t n_values;            /* REGRESS: numbers in a label */
    struct elc_labelling labelling;

    struct elc_config config; /* of the whole network */
    bool has_head;            /* the model to start from has it already */
    char init_hash[33];
    struct elc_table table;
    elc_float *values;
    struct elc_trained trained;
    struct elc_finetune *finetune;

    bool has_impossible; /* QA: some question of the validation stream has no answer */
    struct elc_task_batches batches, valid_batches;
    struct elc_finetune_sums window;
};

/* The names of what validation reports, NULL at the end (struct elc_task). */
const char *const *elc_finetune_metrics(enum elc_finetune_task task);
/* The function of struct elc_task. */
int elc_finetune_validate(void *self, json_t *line) ELC_MUST_CHECK;

/* Answers over a stream (finetune_answers.c). A zeroed struct is empty. */
struct answer_sums {
    struct elc_answers answers; /* of the text that the last window belongs to */
    uint64_t n_texts;
    double exact, f1; /* sums over texts */
    struct elc_buffer offsets, gold;
};
/* The window of a record with n tokens, evaluated last; the last of a text adds the text. */
int answer_sums_add(struct answer_sums *sums, const struct finetuning *f,
                    const struct elc_record *record, size_t n) ELC_MUST_CHECK;
void answer_sums_free(struct answer_sums *sums);

#endif
