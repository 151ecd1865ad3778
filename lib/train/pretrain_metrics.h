/* What pre-training reports. */
#ifndef ELC_TRAIN_PRETRAIN_METRICS_H
#define ELC_TRAIN_PRETRAIN_METRICS_H

#include "electra/config.h"
#include "electra/pretrain.h"
#include "metrics.h"

/* Sums since the last line of metrics. */
struct elc_pretrain_window {
    struct elc_pretrain_sums sums;
    uint64_t n_steps;
    double mlm_loss, disc_loss; /* sums over steps of each step's means */
};

/* The loss of a batch, or of any positions that sums were taken over. */
double elc_pretrain_loss(const struct elc_pretrain_config *config,
                         const struct elc_pretrain_sums *sums);
void elc_pretrain_window_add(struct elc_pretrain_window *window,
                             const struct elc_pretrain_sums *sums);
int elc_pretrain_report(json_t *line, const struct elc_pretrain_window *window) ELC_MUST_CHECK;

/* The names of what elc_pretrain_report_valid adds, without "valid_"; NULL at the end. */
extern const char *const elc_pretrain_valid_names[];
int elc_pretrain_report_valid(json_t *line, const struct elc_pretrain_config *config,
                              const struct elc_pretrain_sums *sums, double auc,
                              double frequency_auc) ELC_MUST_CHECK;

json_t *elc_pretrain_window_json(const struct elc_pretrain_window *window);
int elc_pretrain_window_parse(struct elc_pretrain_window *window,
                              const json_t *json) ELC_MUST_CHECK;

#endif
