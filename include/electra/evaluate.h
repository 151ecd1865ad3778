/* Evaluation: the results of electra-score beside what was right, as metrics.
 *
 * A run's results are read whole: what a metric needs of each text, not the texts themselves. All
 * metrics are functions of how often each text counts, so that a bootstrap is the same computation
 * with other weights.
 */
#ifndef ELECTRA_EVALUATE_H
#define ELECTRA_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/counts.h"
#include "electra/error.h"
#include "electra/memory.h"
#include "electra/parallel.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ELC_METRICS_LIMIT = 24 }; /* of one task */

enum elc_squad_rules { ELC_RULES_BY_DATA, ELC_RULES_1_1, ELC_RULES_2_0 };

struct elc_evaluation_options {
    bool jsonl;           /* JSON Lines of electra-score; else a stream of scores */
    bool force;           /* streams may come from a terminal */
    bool keep_going;      /* leave out texts that were rejected or have no gold; else they fail */
    const char *positive; /* binary classes: that of f1, auc, …; NULL: the second in order */
    enum elc_squad_rules squad;
    bool has_threshold;
    double threshold; /* qa: no answer where null_odds is larger; else as predicted */
    void *context;    /* of the function below, which may be NULL */
    void (*warn)(void *context, const char *message);
};

/* The results of one run. */
struct elc_evaluation;
/* Reads operands (n_paths 0: standard input) to their end; borrows nothing. ELC_EFORMAT and
 * ELC_EMISMATCH name the operand and the record or line. */
int elc_evaluation_read(struct elc_evaluation **evaluation, char *const *paths, size_t n_paths,
                        const struct elc_evaluation_options *options) ELC_MUST_CHECK;
void elc_evaluation_destroy(struct elc_evaluation *evaluation); /* NULL: nothing */

const char *elc_evaluation_task(const struct elc_evaluation *evaluation);
size_t elc_evaluation_texts(const struct elc_evaluation *evaluation);
uint64_t elc_evaluation_rejected(const struct elc_evaluation *evaluation);

/* A metric of the task. */
struct elc_metric {
    const char *name;
    bool usual;        /* shown where nothing is chosen, if the data allow it */
    const char *needs; /* of the data, for messages */
};
/* The task's metrics; *n of them, borrowed from a constant table. */
const struct elc_metric *elc_evaluation_metrics(const struct elc_evaluation *evaluation, size_t *n);
/* Do the data have what metric i needs? */
bool elc_evaluation_fits(const struct elc_evaluation *evaluation, size_t i);
/* values [metrics of the task]: NaN for what does not fit or is not defined for these data.
 * weights [texts]: how often each text counts; NULL: once. May be called by several threads. */
int elc_evaluation_compute(const struct elc_evaluation *evaluation, const uint32_t *weights,
                           double *values) ELC_MUST_CHECK;

/* ELC_EMISMATCH, naming the first text, unless both have the same task, the same texts in the same
 * order by their ids, and the same gold. */
int elc_evaluation_check_same(const struct elc_evaluation *a,
                              const struct elc_evaluation *b) ELC_MUST_CHECK;

/* The classes of classify and rtd, the labels of a set, the types of spans or the labels of words;
 * 0 for other tasks. Class i by the bytes of their names. */
size_t elc_evaluation_classes(const struct elc_evaluation *evaluation);
const char *elc_evaluation_class(const struct elc_evaluation *evaluation, size_t i, size_t *len);
struct elc_counts elc_evaluation_counts(const struct elc_evaluation *evaluation, size_t i);
/* Is there a confusion matrix? Not of sets and spans, nor of more than ELC_CONFUSION_LIMIT classes.
 */
enum { ELC_CONFUSION_LIMIT = 1000 };
bool elc_evaluation_has_confusion(const struct elc_evaluation *evaluation);
/* How many items of one class were predicted to be of another. */
uint64_t elc_evaluation_confusion(const struct elc_evaluation *evaluation, size_t gold,
                                  size_t predicted);

/* ---- how sure is a metric? ---- */

struct elc_interval {
    double low, high; /* the 2.5th and 97.5th percentile over resamples; NaN: not defined in any */
};
struct elc_bootstrap {
    uint64_t n;            /* resamples: as many texts as there are, drawn with replacement */
    uint64_t seed;         /* names the draws: Philox by (seed, ELC_BOOTSTRAP, resample) */
    struct elc_pool *pool; /* NULL: the calling thread alone; changes no bit */
};
/* Intervals of every metric. Resamples in which a metric is not defined do not count for it. */
int elc_bootstrap(struct elc_interval *intervals, const struct elc_evaluation *evaluation,
                  const struct elc_bootstrap *bootstrap) ELC_MUST_CHECK;

struct elc_difference {
    struct elc_interval interval; /* of a's value minus b's over the same resamples of both */
    double p; /* twice the smaller share of resamples, plus one each, where a is at most, or at
               * least, b; at most 1 */
};
/* The same for the difference of two runs that elc_evaluation_check_same accepts. */
int elc_bootstrap_paired(struct elc_difference *differences, const struct elc_evaluation *a,
                         const struct elc_evaluation *b,
                         const struct elc_bootstrap *bootstrap) ELC_MUST_CHECK;

/* ---- as text ---- */

struct elc_report {
    const struct elc_evaluation *evaluation;
    const struct elc_evaluation *against; /* NULL: none */
    const char *const *metrics;           /* names, and the tables "classes" and "confusion" */
    size_t n_metrics;                     /* 0: what is usual */
    bool json;                      /* one object; else TSV, with a blank line between tables */
    bool names;                     /* TSV: a first line that names the columns */
    struct elc_bootstrap bootstrap; /* n 0: no intervals */
    void *context;                  /* of the function below, which may be NULL */
    void (*warn)(void *context, const char *message);
};
/* Appends the report. ELC_EINVAL: a name that is no metric of the task; ELC_EMISMATCH: one that
 * does not fit the data. */
int elc_report(struct elc_buffer *out, const struct elc_report *report) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
