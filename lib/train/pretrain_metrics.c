#include "pretrain_metrics.h"

static double mlm_loss(const struct elc_pretrain_sums *sums) {
    return sums->n_masked > 0 ? sums->generator_loss / (double)sums->n_masked : 0;
}

static double disc_loss(const struct elc_pretrain_sums *sums) {
    return sums->n_tokens > 0 ? sums->discriminator_loss / (double)sums->n_tokens : 0;
}

double elc_pretrain_loss(const struct elc_pretrain_config *config,
                         const struct elc_pretrain_sums *sums) {
    return config->gen_weight * mlm_loss(sums) + config->disc_weight * disc_loss(sums);
}

void elc_pretrain_window_add(struct elc_pretrain_window *window,
                             const struct elc_pretrain_sums *sums) {
    elc_pretrain_sums_add(&window->sums, sums);
    window->n_steps++;
    window->mlm_loss += mlm_loss(sums);
    window->disc_loss += disc_loss(sums);
}

/* What training and validation report alike. */
static int add_sums(json_t *line, const char *prefix, const struct elc_pretrain_sums *s) {
    const double n_masked = (double)s->n_masked, n_tokens = (double)s->n_tokens;
    const struct elc_named values[] = {
        {"mlm_accuracy", elc_ratio((double)s->generator_correct, n_masked)},
        {"sampled_mlm_accuracy", elc_ratio((double)s->sampled_correct, n_masked)},
        {"replaced", elc_ratio((double)s->n_replaced, n_tokens)},
        {"disc_accuracy", elc_ratio((double)s->discriminator_correct, n_tokens)},
        {"disc_precision", elc_ratio((double)s->true_positives, (double)s->n_predicted)},
        {"disc_recall", elc_ratio((double)s->true_positives, (double)s->n_replaced)},
    };
    return elc_metrics_add(line, prefix, values, sizeof values / sizeof *values);
}

int elc_pretrain_report(json_t *line, const struct elc_pretrain_window *window) {
    const double n = (double)window->n_steps;
    const struct elc_named losses[] = {
        {"mlm_loss", elc_ratio(window->mlm_loss, n)},
        {"disc_loss", elc_ratio(window->disc_loss, n)},
    };
    int err = elc_metrics_add(line, "", losses, sizeof losses / sizeof *losses);
    return err ? err : add_sums(line, "", &window->sums);
}

const char *const elc_pretrain_valid_names[] = {
    "loss",
    "mlm_loss",
    "disc_loss",
    "disc_auc",
    "frequency_auc",
    "mlm_accuracy",
    "sampled_mlm_accuracy",
    "replaced",
    "disc_accuracy",
    "disc_precision",
    "disc_recall",
    NULL,
};

int elc_pretrain_report_valid(json_t *line, const struct elc_pretrain_config *config,
                              const struct elc_pretrain_sums *sums, double auc,
                              double frequency_auc) {
    const struct elc_named values[] = {
        {"loss", elc_pretrain_loss(config, sums)},
        {"mlm_loss", mlm_loss(sums)},
        {"disc_loss", disc_loss(sums)},
        {"disc_auc", auc},
        {"frequency_auc", frequency_auc},
    };
    int err = elc_metrics_add(line, "valid_", values, sizeof values / sizeof *values);
    return err ? err : add_sums(line, "valid_", sums);
}

/* ---- exact copies for checkpoints ---- */

static const struct elc_member members[] = {
    ELC_REAL_MEMBER(elc_pretrain_window, sums.generator_loss),
    ELC_REAL_MEMBER(elc_pretrain_window, sums.discriminator_loss),
    ELC_COUNT_MEMBER(elc_pretrain_window, sums.n_masked),
    ELC_COUNT_MEMBER(elc_pretrain_window, sums.n_tokens),
    ELC_COUNT_MEMBER(elc_pretrain_window, sums.generator_correct),
    ELC_COUNT_MEMBER(elc_pretrain_window, sums.sampled_correct),
    ELC_COUNT_MEMBER(elc_pretrain_window, sums.n_replaced),
    ELC_COUNT_MEMBER(elc_pretrain_window, sums.discriminator_correct),
    ELC_COUNT_MEMBER(elc_pretrain_window, sums.true_positives),
    ELC_COUNT_MEMBER(elc_pretrain_window, sums.n_predicted),
    ELC_COUNT_MEMBER(elc_pretrain_window, n_steps),
    ELC_REAL_MEMBER(elc_pretrain_window, mlm_loss),
    ELC_REAL_MEMBER(elc_pretrain_window, disc_loss),
};
enum { N_MEMBERS = sizeof members / sizeof *members };

json_t *elc_pretrain_window_json(const struct elc_pretrain_window *window) {
    return elc_members_json(members, N_MEMBERS, window);
}

int elc_pretrain_window_parse(struct elc_pretrain_window *window, const json_t *json) {
    return elc_members_parse(members, N_MEMBERS, window, json);
}
