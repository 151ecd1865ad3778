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
    /* Sums over steps of each step's means: the generator's, and the discriminator's, be it about
     * replacements or about tokens. */
    double mlm_loss, disc_loss;
};

/* The loss of a batch, or of any positions that sums were taken over. */
double elc_pretrain_loss(enum elc_objective objective, const struct elc_pretrain_config *config,
                         const struct elc_pretrain_sums *sums);
void elc_pretrain_window_add(struct elc_pretrain_window *window, enum elc_objective objective,
                             const struct elc_pretrain_sums *sums);
/* Both lines have what means something under the objective, and nothing else. */
int elc_pretrain_report(json_t *line, enum elc_objective objective,
                        const struct elc_pretrain_window *window) ELC_MUST_CHECK;
int elc_pretrain_report_valid(json_t *line, enum elc_objective objective,
                              const struct elc_pretrain_config *config,
                              const struct elc_pretrain_sums *sums, double auc,
                              double frequency_auc) ELC_MUST_CHECK;
/* The names of what elc_pretrain_report_valid adds, without "valid_"; NULL at the end. */
enum { ELC_PRETRAIN_METRICS_LIMIT = 16 };
void elc_pretrain_valid_names(const char *names[ELC_PRETRAIN_METRICS_LIMIT],
                              enum elc_objective objective);

json_t *elc_pretrain_window_json(const struct elc_pretrain_window *window);
int elc_pretrain_window_parse(struct elc_pretrain_window *window,
                              const json_t *json) ELC_MUST_CHECK;

#endif
