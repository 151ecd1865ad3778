/* What runs report: lines of JSON, and the sums that they are made of. */
#ifndef ELC_TRAIN_METRICS_H
#define ELC_TRAIN_METRICS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/memory.h"

/* Sums since the last line of metrics; part of a checkpoint, so that a resumed run reports the same
 * numbers. */
struct elc_window {
    uint64_t n_steps;
    double loss, grad_norm; /* sums over steps */
    double learning_rate;   /* of the last step */
};
/* Totals since the run's first step. */
struct elc_progress {
    uint64_t step;
    uint64_t n_texts, n_tokens;
    double flops, flops_paper;
    double seconds; /* not in checkpoints, whose bytes no clock may change: metrics.jsonl has it */
};

/* A number under a name. */
struct elc_named {
    const char *key;
    double value;
};
/* Adds numbers to an object under `prefix` + key, with six significant digits; null for what is not
 * finite. */
int elc_metrics_add(json_t *object, const char *prefix, const struct elc_named *values,
                    size_t n) ELC_MUST_CHECK;
int elc_metrics_add_count(json_t *object, const char *key, uint64_t value) ELC_MUST_CHECK;
/* a / b; NaN, which becomes null, where there is nothing to divide by. */
double elc_ratio(double a, double b);
/* The object as one line with its LF, replacing `line`; takes the object, NULL: out of memory. */
int elc_metrics_line(struct elc_buffer *line, json_t *object) ELC_MUST_CHECK;

/* ---- numbers of a struct as JSON, exactly, and back ----
 *
 * One table serves both ways, so that writing and reading cannot disagree. */
struct elc_member {
    const char *key;
    size_t offset;
    bool real; /* double; else uint64_t */
};
#define ELC_COUNT_MEMBER(type, name)                                                               \
    { #name, offsetof(struct type, name), false }
#define ELC_REAL_MEMBER(type, name)                                                                \
    { #name, offsetof(struct type, name), true }
/* A new object; NULL: out of memory. */
json_t *elc_members_json(const struct elc_member *members, size_t n, const void *from);
int elc_members_parse(const struct elc_member *members, size_t n, void *to,
                      const json_t *json) ELC_MUST_CHECK;

json_t *elc_window_json(const struct elc_window *window);
json_t *elc_progress_json(const struct elc_progress *progress);
int elc_window_parse(struct elc_window *window, const json_t *json) ELC_MUST_CHECK;
int elc_progress_parse(struct elc_progress *progress, const json_t *json) ELC_MUST_CHECK;

#endif
