/* What a run reports: sums over a window of steps, and lines of JSON made of them. */
#ifndef ELC_TRAIN_METRICS_H
#define ELC_TRAIN_METRICS_H

#include <jansson.h>

#include "electra/config.h"
#include "electra/memory.h"
#include "electra/pretrain.h"

/* Sums since the last line of metrics; part of a checkpoint, so that a resumed run reports the same
 * numbers. */
struct elc_window {
    struct elc_pretrain_sums sums;
    uint64_t n_steps;
    double mlm_loss, disc_loss, loss; /* sums over steps of each step's means */
    double grad_norm;
    double learning_rate; /* of the last step */
};
/* Totals since the run's first step. */
struct elc_progress {
    uint64_t step;
    uint64_t n_texts, n_tokens;
    double flops, flops_paper;
    double seconds; /* not in checkpoints, whose bytes no clock may change: metrics.jsonl has it */
};

void elc_window_add(struct elc_window *window, const struct elc_pretrain_config *config,
                    const struct elc_pretrain_sums *sums, double grad_norm, double learning_rate);
/* A new JSON object; NULL: ENOMEM set. `epoch` is texts seen over texts there are (NaN: unknown).
 */
json_t *elc_metrics_train(const struct elc_window *window, const struct elc_progress *progress,
                          double epoch, double tokens_per_second);
json_t *elc_metrics_valid(const struct elc_pretrain_config *config,
                          const struct elc_pretrain_sums *sums, uint64_t step, double auc,
                          double frequency_auc);
/* Six significant digits; null for what is not finite. */
int elc_json_set_real(json_t *object, const char *key, double value) ELC_MUST_CHECK;
/* The object as one line with its LF, replacing `line`; takes the object. */
int elc_json_line(struct elc_buffer *line, json_t *object) ELC_MUST_CHECK;

/* Both as JSON for a checkpoint, exactly, and back. */
json_t *elc_window_json(const struct elc_window *window);
json_t *elc_progress_json(const struct elc_progress *progress);
int elc_window_parse(struct elc_window *window, const json_t *json) ELC_MUST_CHECK;
int elc_progress_parse(struct elc_progress *progress, const json_t *json) ELC_MUST_CHECK;

#endif
