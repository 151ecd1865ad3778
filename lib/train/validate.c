/* Validation: both networks without dropout on a stream of their own, masked the same way each
 * time. */
#include "run.h"

#include <math.h>
#include <string.h>

enum { VALID_TEXTS = 64 }; /* read at a time */

struct validation {
    struct elc_pretrain_sums sums;
    struct elc_scored by_logit;
    struct elc_scored by_frequency; /* the same tokens, rare ones scoring high */
};

static int score_tokens(struct validation *validation, const struct elc_run *run, size_t n_tokens) {
    const elc_float *logits = elc_pretrain_logits(run->pretrain);
    const uint8_t *labels = elc_pretrain_labels(run->pretrain);
    const uint32_t *ids = elc_pretrain_corrupted(run->pretrain);
    const uint64_t *frequencies = elc_examples_frequencies(run->options->train);
    int err = 0;
    for (size_t i = 0; !err && i < n_tokens; i++) {
        err = elc_scored_add(&validation->by_logit, (float)logits[i], labels[i]);
        if (!err && frequencies)
            err = elc_scored_add(&validation->by_frequency,
                                 (float)-log((double)frequencies[ids[i]] + 1), labels[i]);
    }
    return err;
}

static int evaluate_batch(struct validation *validation, struct elc_run *run,
                          struct elc_global_batch *batch) {
    int err = 0;
    for (size_t i = 0; !err && i < batch->n_parts; i++) {
        struct elc_pretrain_sums sums = {0};
        err = elc_pretrain_evaluate(&sums, run->pretrain, &batch->parts[i], 0);
        elc_pretrain_sums_add(&validation->sums, &sums);
        if (!err)
            err = score_tokens(validation, run, batch->parts[i].texts.n_tokens);
    }
    return err;
}

/* Does a metric's value beat the best so far? Losses are better when low. */
static bool is_better(const char *metric, double value, bool has_best, double best) {
    if (!isfinite(value))
        return false;
    if (!has_best)
        return true;
    return strstr(metric, "loss") ? value < best : value > best;
}

static const json_t *find_metric(const json_t *object, const char *metric) {
    char key[64];
    (void)snprintf(key, sizeof key, "valid_%s", metric);
    return json_object_get(object, key);
}

int elc_run_check_metric(const struct elc_run *run) {
    const char *metric = run->options->metric;
    const struct elc_pretrain_sums none = {0};
    json_t *object = elc_metrics_valid(&run->options->config, &none, 0, NAN, NAN);
    if (!object)
        return ELC_ENOMEM;
    bool known = !metric || find_metric(object, metric);
    json_decref(object);
    return known ? 0 : elc_fail(ELC_EINVAL, "--metric: '%s' is no metric of validation", metric);
}

static int note_best(struct elc_run *run, const json_t *object) {
    const char *metric = run->options->metric;
    if (!metric)
        return 0;
    const json_t *value = find_metric(object, metric);
    if (is_better(metric, json_number_value(value), run->has_best, run->best_value) &&
        json_is_number(value)) {
        run->has_best = true;
        run->best_step = run->progress.step;
        run->best_value = json_number_value(value);
        return elc_run_save(run);
    }
    return 0;
}

int elc_run_validate(struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    struct validation validation = {0};
    struct elc_global_batch batch = {0};
    uint64_t n = elc_examples_count(options->valid);
    int err = 0;
    for (uint64_t first = 0; !err && first < n; first += VALID_TEXTS) {
        uint64_t count = n - first < VALID_TEXTS ? n - first : VALID_TEXTS;
        err = elc_global_batch_fill(&batch, options->valid, first, count, &run->masking);
        /* places name the random numbers: number the texts through */
        for (size_t i = 0; !err && i < batch.n_parts; i++)
            for (size_t k = 0; k < batch.parts[i].texts.n_sequences; k++)
                batch.parts[i].texts.places[k] += first;
        if (!err)
            err = evaluate_batch(&validation, run, &batch);
    }
    json_t *object = NULL;
    if (!err) {
        double frequency_auc =
            validation.by_frequency.n > 0 ? elc_auc(&validation.by_frequency) : NAN;
        object = elc_metrics_valid(&options->config, &validation.sums, run->progress.step,
                                   elc_auc(&validation.by_logit), frequency_auc);
        err = object ? elc_run_report(run, json_incref(object)) : ELC_ENOMEM;
    }
    if (!err)
        err = note_best(run, object);
    json_decref(object);
    elc_scored_free(&validation.by_logit);
    elc_scored_free(&validation.by_frequency);
    elc_global_batch_free(&batch);
    return err ? elc_context(err, "validation") : 0;
}
