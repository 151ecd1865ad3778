/* What is kept of a run's results, and what each task makes of them.
 *
 *     read.c        streams and JSON Lines to one JSON object for each text
 *     evaluation.c  texts, gold and metrics of any task
 *     classify.c set.c regress.c tag.c qa.c rtd.c likelihood.c   the tasks
 *     resample.c    bootstrap
 *     report.c      TSV and JSON
 */
#ifndef ELC_EVAL_EVALUATION_H
#define ELC_EVAL_EVALUATION_H

#include <jansson.h>

#include "electra/evaluate.h"
#include "electra/record.h"
#include "electra/stream.h"
#include "names.h"

/* A key of a record and its name in JSON Lines, which tasks read. */
struct elc_eval_key {
    const char *record, *json;
};

struct elc_eval_task {
    const char *name;                 /* in the header of a stream */
    const struct elc_metric *metrics; /* ended by one without a name */
    const struct elc_eval_key *keys;  /* ended by one without a name; "gold" among them */
    size_t state_size;                /* of what it keeps: evaluation->state, zeroed */
    bool has_gold;                    /* texts without gold are refused */
    bool windows; /* of a text in windows the first record has the result of all */
    /* Takes the next text, number evaluation->n. `result` has JSON Lines' keys. */
    int (*add)(struct elc_evaluation *evaluation, const json_t *gold, const json_t *result);
    /* The same from a record's binary data, or NULL: such keys are not read. */
    int (*add_record)(struct elc_evaluation *evaluation, const struct elc_record *record,
                      const struct elc_header *header);
    /* Behind the last text: sets `fits`. */
    int (*finish)(struct elc_evaluation *evaluation);
    /* As elc_evaluation_compute; what does not fit is NaN already. */
    int (*compute)(const struct elc_evaluation *evaluation, const uint32_t *weights,
                   double *values);
    void (*free)(struct elc_evaluation *evaluation);
};

/* What one text adds to the counts of one class. */
struct elc_part {
    uint32_t text, class;
    uint32_t gold, predicted, correct;
};

struct elc_evaluation {
    const struct elc_eval_task *task;
    struct elc_evaluation_options options; /* strings are borrowed, while reading alone */
    const char *name;                      /* of the first operand; borrowed likewise */
    size_t n;                              /* texts */
    uint64_t n_rejected;
    struct elc_eval_text {
        const char *id; /* in the arena */
        uint64_t gold;  /* digest */
    } * texts;
    size_t capacity;
    struct elc_arena arena;
    struct elc_names classes;
    struct elc_part *parts; /* of tasks with classes */
    size_t n_parts, part_capacity;
    struct elc_counts *counts; /* [classes.n], by number: the parts' sums; NULL: no classes */
    uint64_t *confusion;       /* [classes.n, classes.n], by number, or NULL */
    bool fits[ELC_METRICS_LIMIT];
    void *state;
};

extern const struct elc_eval_task elc_eval_classify, elc_eval_set_of_labels, elc_eval_regress,
    elc_eval_tag, elc_eval_qa, elc_eval_rtd, elc_eval_fill, elc_eval_pll;

/* Takes one text: its result with JSON Lines' keys, "id" and "gold" among them, and the record that
 * they are from, or NULL. */
struct elc_eval_result {
    json_t *json;
    const struct elc_record *record;
    const struct elc_header *header; /* of the record */
};
int elc_evaluation_add(struct elc_evaluation *evaluation,
                       const struct elc_eval_result *result) ELC_MUST_CHECK;
/* Behind the last text. */
int elc_evaluation_finish(struct elc_evaluation *evaluation) ELC_MUST_CHECK;
void elc_evaluation_warn(const struct elc_evaluation *evaluation, const char *format, ...)
    ELC_PRINTF(2, 3);

/* ---- for the tasks ---- */

/* A finite number; ELC_EFORMAT says that 'key' is none. */
int elc_eval_number(double *number, const json_t *value, const char *key) ELC_MUST_CHECK;
/* A class by its text: a string, or the JSON of a number, true, false. */
int elc_eval_class(uint32_t *number, struct elc_evaluation *evaluation, const json_t *value,
                   const char *key) ELC_MUST_CHECK;
/* How often text i counts. */
static inline double elc_eval_weight(const uint32_t *weights, size_t i) {
    return weights ? (double)weights[i] : 1;
}
int elc_eval_add_part(struct elc_evaluation *evaluation,
                      const struct elc_part *part) ELC_MUST_CHECK;
/* The parts of an item of this text that has one gold and one predicted class. */
int elc_eval_add_pair(struct elc_evaluation *evaluation, size_t text, uint32_t gold,
                      uint32_t predicted) ELC_MUST_CHECK;
/* evaluation->confusion from parts that were all added by pairs, if there are not too many classes.
 */
int elc_eval_confusion(struct elc_evaluation *evaluation) ELC_MUST_CHECK;
/* The counts [classes] of the parts, each as often as its text counts; malloced, NULL: ENOMEM. */
struct elc_counts *elc_eval_counts(const struct elc_evaluation *evaluation,
                                   const uint32_t *weights) ELC_MUST_CHECK;
/* Says what fits, by name; a name that ends in '*' stands for all that begin so. */
void elc_eval_fit(struct elc_evaluation *evaluation, const char *name);
void elc_eval_set(const struct elc_evaluation *evaluation, double *values, const char *name,
                  double value);
/* Precision, recall and F1 under their names with `suffix` behind: "_micro", "". */
void elc_eval_set_prf(const struct elc_evaluation *evaluation, double *values, const char *suffix,
                      struct elc_prf prf);

#endif
