/* The inside of fine-tuning, shared by its parts: finetune_run.c (steps), finetune_validate.c, and
 * of that finetune_tags.c and finetune_answers.c. */
#ifndef ELC_TRAIN_FINETUNE_INSIDE_H
#define ELC_TRAIN_FINETUNE_INSIDE_H

#include <jansson.h>

#include "electra/answers.h"
#include "electra/counts.h"
#include "electra/entities.h"
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

    struct elc_buffer passed_over; /* uint8_t of each record of the validation stream: 1 if it is */
    bool has_impossible;           /* QA: some question of the validation stream has no answer */
    struct elc_task_batches batches, valid_batches;
    struct elc_finetune_sums window;
};

/* Everything that validation would stumble over (finetune_check.c): each text has all its windows,
 * in order, none of which was rejected before, and labels that were seen in training; with
 * --keep-going, texts without are marked in f->passed_over and counted. */
int elc_finetune_check_valid(struct finetuning *f, struct elc_examples *valid) ELC_MUST_CHECK;
/* The names of what validation reports, NULL at the end (struct elc_task). */
const char *const *elc_finetune_metrics(enum elc_finetune_task task);
/* The function of struct elc_task. */
int elc_finetune_validate(void *self, json_t *line) ELC_MUST_CHECK;

/* Labels of words over a stream (finetune_tags.c). A zeroed struct is empty. */
struct tag_sums {
    struct elc_counts *counts; /* [n_classes] by class or, if `spans`, of the types' spans */
    size_t n_classes;
    bool spans; /* all labels are those of BIO or BIOES */
    uint64_t n_words, n_correct;
    struct elc_buffer tags;  /* struct elc_tag of each class */
    struct elc_buffer words; /* of the text that the last window belongs to */
    struct elc_buffer gold, predicted;
};
/* `counts`, zero, are the caller's. */
int tag_sums_begin(struct tag_sums *sums, const struct elc_config *config,
                   struct elc_counts *counts) ELC_MUST_CHECK;
/* Words of a text, all or those of a window. */
struct tag_window {
    size_t n;
    const uint32_t *gold;    /* [n] classes */
    const elc_float *logits; /* [n, n_classes] */
    const uint32_t *tokens;  /* [n] each one's first token; NULL: these are all words there are */
    const uint32_t *words;   /* the number of each token's word */
    const uint8_t *best;     /* 1: the token has the most context here; or NULL */
    bool is_last;            /* no other window follows */
};
/* A record's key 'best' of n tokens, for a window; NULL if it has none. */
int tag_best(const uint8_t **best, const struct elc_record *record, size_t n) ELC_MUST_CHECK;
/* The last window of a text adds the text. */
int tag_sums_add(struct tag_sums *sums, const struct tag_window *window) ELC_MUST_CHECK;
void tag_sums_free(struct tag_sums *sums);

/* Answers over a stream (finetune_answers.c). A zeroed struct is empty. */
struct answer_sums {
    struct elc_answers answers; /* of the text that the last window belongs to */
    uint64_t n_texts;
    double exact, f1;          /* sums over texts */
    bool is_last;              /* no other window follows the last one that was read */
    struct elc_buffer offsets; /* uint32_t: of its tokens */
    struct elc_buffer gold;    /* struct elc_text: its record's answers */
};
/* What the record of a window with n tokens says, which takes the text's context that far. */
int answer_sums_read(struct answer_sums *sums, struct elc_answer_window *window,
                     const struct elc_record *record, size_t n) ELC_MUST_CHECK;
/* The window of a record with n tokens, evaluated last; the last of a text adds the text. */
int answer_sums_add(struct answer_sums *sums, const struct finetuning *f,
                    const struct elc_record *record, size_t n) ELC_MUST_CHECK;
void answer_sums_free(struct answer_sums *sums);

#endif
