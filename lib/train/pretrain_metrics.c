#include "pretrain_metrics.h"

#include <string.h>

/* How many positions count in the discriminator's loss. */
static uint64_t n_counted(enum elc_objective objective, const struct elc_pretrain_sums *sums) {
    return elc_objective_parts(objective)->everywhere ? sums->n_tokens : sums->n_masked;
}

static double mean(double sum, uint64_t n) {
    return n > 0 ? sum / (double)n : 0;
}

double elc_pretrain_loss(enum elc_objective objective, const struct elc_pretrain_config *config,
                         const struct elc_pretrain_sums *sums) {
    bool predicts = elc_objective_parts(objective)->predicts_tokens;
    double weight = predicts ? config->token_weight : config->disc_weight;
    return config->gen_weight * mean(sums->generator_loss, sums->n_masked) +
           weight * mean(sums->discriminator_loss, n_counted(objective, sums));
}

void elc_pretrain_window_add(struct elc_pretrain_window *window, enum elc_objective objective,
                             const struct elc_pretrain_sums *sums) {
    elc_pretrain_sums_add(&window->sums, sums);
    window->n_steps++;
    window->mlm_loss += mean(sums->generator_loss, sums->n_masked);
    window->disc_loss += mean(sums->discriminator_loss, n_counted(objective, sums));
}

/* ---- what is reported ---- */

/* A metric, and the part of an objective without which it means nothing. */
enum needs {
    OF_GENERATOR,
    OF_SAMPLES,    /* the generator's, which a discriminator reads */
    OF_CORRUPTION, /* a discriminator */
    OF_DETECTION,  /* … that tells which tokens were replaced */
    OF_TOKENS,     /* … that predicts tokens */
};
struct metric {
    enum needs needs;
    struct elc_named named;
};

static bool has(const struct elc_objective_parts *parts, enum needs needs) {
    switch (needs) {
    case OF_GENERATOR:
        return parts->generator;
    case OF_SAMPLES:
        return parts->generator && parts->discriminator;
    case OF_CORRUPTION:
        return parts->discriminator;
    case OF_DETECTION:
        return parts->discriminator && !parts->predicts_tokens;
    case OF_TOKENS:
        return parts->predicts_tokens;
    }
    return false;
}

enum { N_LOSSES = 3, N_SUMS = 7, N_AUCS = 2 };

static void fill_losses(struct metric metrics[N_LOSSES], double mlm, double discriminator) {
    const struct metric all[N_LOSSES] = {
        {OF_GENERATOR, {"mlm_loss", mlm}},
        {OF_DETECTION, {"disc_loss", discriminator}},
        {OF_TOKENS, {"token_loss", discriminator}},
    };
    memcpy(metrics, all, sizeof all);
}

static void fill_sums(struct metric metrics[N_SUMS], enum elc_objective objective,
                      const struct elc_pretrain_sums *s) {
    const double n_masked = (double)s->n_masked, n_tokens = (double)s->n_tokens;
    const double n_judged = (double)n_counted(objective, s);
    const struct metric all[N_SUMS] = {
        {OF_GENERATOR, {"mlm_accuracy", elc_ratio((double)s->generator_correct, n_masked)}},
        {OF_SAMPLES, {"sampled_mlm_accuracy", elc_ratio((double)s->sampled_correct, n_masked)}},
        {OF_CORRUPTION, {"replaced", elc_ratio((double)s->n_replaced, n_tokens)}},
        {OF_DETECTION, {"disc_accuracy", elc_ratio((double)s->discriminator_correct, n_judged)}},
        {OF_DETECTION,
         {"disc_precision", elc_ratio((double)s->true_positives, (double)s->n_predicted)}},
        {OF_DETECTION,
         {"disc_recall", elc_ratio((double)s->true_positives, (double)s->n_replaced)}},
        {OF_TOKENS, {"token_accuracy", elc_ratio((double)s->token_correct, n_masked)}},
    };
    memcpy(metrics, all, sizeof all);
}

static int add(json_t *line, const char *prefix, enum elc_objective objective,
               const struct metric *metrics, size_t n) {
    const struct elc_objective_parts *parts = elc_objective_parts(objective);
    int err = 0;
    for (size_t i = 0; !err && i < n; i++)
        if (has(parts, metrics[i].needs))
            err = elc_metrics_add(line, prefix, &metrics[i].named, 1);
    return err;
}

int elc_pretrain_report(json_t *line, enum elc_objective objective,
                        const struct elc_pretrain_window *window) {
    const double n = (double)window->n_steps;
    struct metric metrics[N_LOSSES + N_SUMS];
    fill_losses(metrics, elc_ratio(window->mlm_loss, n), elc_ratio(window->disc_loss, n));
    fill_sums(metrics + N_LOSSES, objective, &window->sums);
    return add(line, "", objective, metrics, N_LOSSES + N_SUMS);
}

static void fill_valid(struct metric metrics[N_LOSSES + N_AUCS + N_SUMS],
                       enum elc_objective objective, const struct elc_pretrain_sums *sums,
                       double auc, double frequency_auc) {
    const struct metric aucs[N_AUCS] = {
        {OF_DETECTION, {"disc_auc", auc}},
        {OF_DETECTION, {"frequency_auc", frequency_auc}},
    };
    fill_losses(metrics, mean(sums->generator_loss, sums->n_masked),
                mean(sums->discriminator_loss, n_counted(objective, sums)));
    memcpy(metrics + N_LOSSES, aucs, sizeof aucs);
    fill_sums(metrics + N_LOSSES + N_AUCS, objective, sums);
}

int elc_pretrain_report_valid(json_t *line, enum elc_objective objective,
                              const struct elc_pretrain_config *config,
                              const struct elc_pretrain_sums *sums, double auc,
                              double frequency_auc) {
    struct metric metrics[N_LOSSES + N_AUCS + N_SUMS];
    fill_valid(metrics, objective, sums, auc, frequency_auc);
    const struct elc_named loss = {"loss", elc_pretrain_loss(objective, config, sums)};
    int err = elc_metrics_add(line, "valid_", &loss, 1);
    return err ? err : add(line, "valid_", objective, metrics, sizeof metrics / sizeof *metrics);
}

void elc_pretrain_valid_names(const char *names[ELC_PRETRAIN_METRICS_LIMIT],
                              enum elc_objective objective) {
    const struct elc_objective_parts *parts = elc_objective_parts(objective);
    struct metric metrics[N_LOSSES + N_AUCS + N_SUMS];
    size_t n = 0;
    names[n++] = "loss";
    fill_valid(metrics, objective, &(struct elc_pretrain_sums){0}, 0, 0);
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        if (has(parts, metrics[i].needs))
            names[n++] = metrics[i].named.key;
    names[n] = NULL;
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
    ELC_COUNT_MEMBER(elc_pretrain_window, sums.token_correct),
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
