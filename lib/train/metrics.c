#include "metrics.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "electra/json_text.h"

static double ratio(double a, double b) {
    return b > 0 ? a / b : NAN;
}

static double mlm_loss(const struct elc_pretrain_sums *sums) {
    return sums->n_masked > 0 ? sums->generator_loss / (double)sums->n_masked : 0;
}

static double disc_loss(const struct elc_pretrain_sums *sums) {
    return sums->n_tokens > 0 ? sums->discriminator_loss / (double)sums->n_tokens : 0;
}

void elc_window_add(struct elc_window *window, const struct elc_pretrain_config *config,
                    const struct elc_pretrain_sums *sums, double grad_norm, double learning_rate) {
    elc_pretrain_sums_add(&window->sums, sums);
    window->n_steps++;
    window->mlm_loss += mlm_loss(sums);
    window->disc_loss += disc_loss(sums);
    window->loss += config->gen_weight * mlm_loss(sums) + config->disc_weight * disc_loss(sums);
    window->grad_norm += grad_norm;
    window->learning_rate = learning_rate;
}

int elc_json_set_real(json_t *object, const char *key, double value) {
    char digits[32];
    (void)snprintf(digits, sizeof digits, "%.6g", value);
    json_t *json = isfinite(value) ? json_real(strtod(digits, NULL)) : json_null();
    return json_object_set_new(object, key, json) == 0 ? 0 : elc_fail_memory(0);
}

static int set_count(json_t *object, const char *key, uint64_t value) {
    return json_object_set_new(object, key, json_integer((json_int_t)value)) == 0
               ? 0
               : elc_fail_memory(0);
}

/* What training and validation report alike, under keys with a prefix. */
struct named {
    const char *key;
    double value;
};

static int set_all(json_t *object, const char *prefix, const struct named *values, size_t n) {
    int err = 0;
    for (size_t i = 0; !err && i < n; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s%s", prefix, values[i].key);
        err = elc_json_set_real(object, key, values[i].value);
    }
    return err;
}

static int set_sums(json_t *object, const char *prefix, const struct elc_pretrain_sums *s) {
    const double n_masked = (double)s->n_masked, n_tokens = (double)s->n_tokens;
    const struct named values[] = {
        {"mlm_accuracy", ratio((double)s->generator_correct, n_masked)},
        {"sampled_mlm_accuracy", ratio((double)s->sampled_correct, n_masked)},
        {"replaced", ratio((double)s->n_replaced, n_tokens)},
        {"disc_accuracy", ratio((double)s->discriminator_correct, n_tokens)},
        {"disc_precision", ratio((double)s->true_positives, (double)s->n_predicted)},
        {"disc_recall", ratio((double)s->true_positives, (double)s->n_replaced)},
    };
    return set_all(object, prefix, values, sizeof values / sizeof *values);
}

static json_t *finish(json_t *object, int err) {
    if (!object)
        elc_fail_memory(0);
    if (!err)
        return object;
    json_decref(object);
    return NULL;
}

json_t *elc_metrics_train(const struct elc_window *window, const struct elc_progress *progress,
                          double epoch, double tokens_per_second) {
    json_t *object = json_object();
    double n = (double)window->n_steps;
    const struct named losses[] = {
        {"epoch", epoch},
        {"loss", ratio(window->loss, n)},
        {"mlm_loss", ratio(window->mlm_loss, n)},
        {"disc_loss", ratio(window->disc_loss, n)},
    };
    const struct named rest[] = {
        {"learning_rate", window->learning_rate}, {"grad_norm", ratio(window->grad_norm, n)},
        {"tokens_per_second", tokens_per_second}, {"flops", progress->flops},
        {"flops_paper", progress->flops_paper},   {"seconds", progress->seconds},
    };
    int err = object ? set_count(object, "step", progress->step) : ELC_ENOMEM;
    if (!err)
        err = set_all(object, "", losses, sizeof losses / sizeof *losses);
    if (!err)
        err = set_sums(object, "", &window->sums);
    if (!err)
        err = set_count(object, "tokens", progress->n_tokens);
    if (!err)
        err = set_all(object, "", rest, sizeof rest / sizeof *rest);
    return finish(object, err);
}

json_t *elc_metrics_valid(const struct elc_pretrain_config *config,
                          const struct elc_pretrain_sums *sums, uint64_t step, double auc,
                          double frequency_auc) {
    json_t *object = json_object();
    const struct named values[] = {
        {"loss", config->gen_weight * mlm_loss(sums) + config->disc_weight * disc_loss(sums)},
        {"mlm_loss", mlm_loss(sums)},
        {"disc_loss", disc_loss(sums)},
        {"disc_auc", auc},
        {"frequency_auc", frequency_auc},
    };
    int err = object ? set_count(object, "step", step) : ELC_ENOMEM;
    if (!err)
        err = set_all(object, "valid_", values, sizeof values / sizeof *values);
    if (!err)
        err = set_sums(object, "valid_", sums);
    return finish(object, err);
}

int elc_json_line(struct elc_buffer *line, json_t *object) {
    char *text = object ? elc_json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(object);
    if (!text)
        return elc_fail_memory(0);
    line->len = 0;
    int err = elc_buffer_append(line, text, strlen(text));
    if (!err)
        err = elc_buffer_append(line, "\n", 1);
    free(text);
    return err;
}

/* ---- exact copies for checkpoints ---- */

/* The members of both structs, so that writing and reading cannot disagree. */
struct member {
    const char *key;
    size_t offset;
    bool real; /* double; else uint64_t */
};
#define COUNT(type, name, key)                                                                     \
    { key, offsetof(struct type, name), false }
#define REAL(type, name, key)                                                                      \
    { key, offsetof(struct type, name), true }

static const struct member window_members[] = {
    REAL(elc_window, sums.generator_loss, "generator_loss_sum"),
    REAL(elc_window, sums.discriminator_loss, "discriminator_loss_sum"),
    COUNT(elc_window, sums.n_masked, "n_masked"),
    COUNT(elc_window, sums.n_tokens, "n_tokens"),
    COUNT(elc_window, sums.generator_correct, "generator_correct"),
    COUNT(elc_window, sums.sampled_correct, "sampled_correct"),
    COUNT(elc_window, sums.n_replaced, "n_replaced"),
    COUNT(elc_window, sums.discriminator_correct, "discriminator_correct"),
    COUNT(elc_window, sums.true_positives, "true_positives"),
    COUNT(elc_window, sums.n_predicted, "n_predicted"),
    COUNT(elc_window, n_steps, "n_steps"),
    REAL(elc_window, mlm_loss, "mlm_loss"),
    REAL(elc_window, disc_loss, "disc_loss"),
    REAL(elc_window, loss, "loss"),
    REAL(elc_window, grad_norm, "grad_norm"),
    REAL(elc_window, learning_rate, "learning_rate"),
};
static const struct member progress_members[] = {
    COUNT(elc_progress, step, "step"),
    COUNT(elc_progress, n_texts, "n_texts"),
    COUNT(elc_progress, n_tokens, "n_tokens"),
    REAL(elc_progress, flops, "flops"),
    REAL(elc_progress, flops_paper, "flops_paper"),
};
enum {
    N_WINDOW = sizeof window_members / sizeof *window_members,
    N_PROGRESS = sizeof progress_members / sizeof *progress_members,
};

static json_t *pack_members(const struct member *members, size_t n, const void *from) {
    json_t *object = json_object();
    int err = object ? 0 : ELC_ENOMEM;
    for (size_t i = 0; !err && i < n; i++) {
        const char *at = (const char *)from + members[i].offset;
        json_t *value = members[i].real
                            ? json_real(*(const double *)(const void *)at)
                            : json_integer((json_int_t) * (const uint64_t *)(const void *)at);
        if (json_object_set_new(object, members[i].key, value) != 0)
            err = elc_fail_memory(0);
    }
    return finish(object, err);
}

static int parse_members(const struct member *members, size_t n, void *to, const json_t *json) {
    for (size_t i = 0; i < n; i++) {
        char *at = (char *)to + members[i].offset;
        const json_t *value = json_object_get(json, members[i].key);
        if (members[i].real ? !json_is_number(value) : !json_is_integer(value))
            return elc_fail(ELC_EFORMAT, "state.json: key '%s' is missing or no number",
                            members[i].key);
        if (members[i].real)
            *(double *)(void *)at = json_number_value(value);
        else
            *(uint64_t *)(void *)at = (uint64_t)json_integer_value(value);
    }
    return 0;
}

json_t *elc_window_json(const struct elc_window *window) {
    return pack_members(window_members, N_WINDOW, window);
}

json_t *elc_progress_json(const struct elc_progress *progress) {
    return pack_members(progress_members, N_PROGRESS, progress);
}

int elc_window_parse(struct elc_window *window, const json_t *json) {
    return parse_members(window_members, N_WINDOW, window, json);
}

int elc_progress_parse(struct elc_progress *progress, const json_t *json) {
    return parse_members(progress_members, N_PROGRESS, progress, json);
}
