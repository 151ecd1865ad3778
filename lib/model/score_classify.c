/* Task classify: the class of a text, or its labels, with the probabilities of all. */
#include <math.h>
#include <string.h>

#include "score.h"

static bool is_multi_label(const struct elc_config *config) {
    return config->problem_type == ELC_PROBLEM_MULTI;
}

static bool fits(const struct elc_config *config) {
    if (config->architecture != ELC_SEQUENCE_CLASSIFIER &&
        config->architecture != ELC_GOOGLE_CLASSIFIER)
        return false;
    return config->problem_type == ELC_PROBLEM_UNSET
               ? config->num_labels > 1
               : config->problem_type != ELC_PROBLEM_REGRESSION;
}

static int sigmoids(double *p, const elc_float *logits, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(logits[i]))
            return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
        p[i] = 1 / (1 + exp(-(double)logits[i]));
    }
    return 0;
}

static int compute(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place) {
    const struct elc_config *config = &pass->scorer->network.config;
    const size_t n = config->num_labels;
    const elc_float *logits = pass->outputs + place->text * n;
    (void)text;
    double *p = elc_score_numbers(result, n, sizeof *p);
    if (!p)
        return ELC_ENOMEM;
    result->values = p;
    result->labels = pass->scorer->labels;
    result->n_labels = n;
    result->multi_label = is_multi_label(config);
    int err = result->multi_label ? sigmoids(p, logits, n) : elc_score_softmax(p, logits, n);
    result->best = 0;
    for (size_t i = 1; i < n; i++)
        if (p[i] > p[result->best])
            result->best = i;
    return err;
}

static bool applies(const struct elc_score_result *result, size_t i) {
    return result->multi_label ? result->values[i] > 0.5 : i == result->best;
}

/* ---- TSV ---- */

static int names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    return elc_buffer_printf(out, "%s\n",
                             is_multi_label(&scorer->network.config) ? "id\tlabels\tprobabilities"
                                                                     : "id\tlabel\tprobability");
}

/* Several labels, and their probabilities, are separated by commas. */
static int tsv(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer;
    int err = elc_tsv_id(out, text->record);
    const char *separator = "\t";
    for (size_t i = 0; !err && i < result->n_labels; i++) {
        if (!applies(result, i))
            continue;
        err = elc_buffer_append(out, separator, 1);
        if (!err)
            err = elc_tsv_text(out, result->labels[i], strlen(result->labels[i]));
        separator = ",";
    }
    if (!err && *separator == '\t')
        err = elc_buffer_append(out, "\t\t", 2);
    separator = "\t";
    for (size_t i = 0; !err && i < result->n_labels; i++) {
        if (!applies(result, i))
            continue;
        err = elc_buffer_printf(out, "%s%.6g", separator, result->values[i]);
        separator = ",";
    }
    return err ? err : elc_buffer_append(out, "\n", 1);
}

/* ---- JSON Lines ---- */

static bool set_labels(json_t *object, const struct elc_score_result *result) {
    json_t *labels = json_array();
    bool good = elc_score_json_set(object, "label", labels);
    for (size_t i = 0; good && i < result->n_labels; i++)
        if (applies(result, i))
            good = json_array_append_new(labels, json_string(result->labels[i])) == 0;
    return good;
}

static bool json(json_t *object, const struct elc_scorer *scorer, const struct elc_score_text *text,
                 const struct elc_score_result *result) {
    (void)scorer, (void)text;
    const char *label = result->labels[result->best];
    bool good = result->multi_label
                    ? set_labels(object, result)
                    : elc_score_json_set(object, "label", json_string(label)) &&
                          elc_score_json_set(object, "probability",
                                             elc_score_json_number(result->values[result->best]));
    json_t *all = json_object();
    good = elc_score_json_set(object, "probabilities", all) && good;
    for (size_t i = 0; good && i < result->n_labels; i++)
        good = elc_score_json_set(all, result->labels[i], elc_score_json_number(result->values[i]));
    return good;
}

/* ---- records ---- */

static int record_labels(struct elc_builder *builder, const struct elc_score_result *result) {
    size_t n = 0;
    for (size_t i = 0; i < result->n_labels; i++)
        n += applies(result, i);
    int err = elc_builder_array(builder, "predicted", n);
    for (size_t i = 0; !err && i < result->n_labels; i++)
        if (applies(result, i))
            err = elc_builder_element_str(builder, result->labels[i], strlen(result->labels[i]));
    return err;
}

static int record(struct elc_builder *builder, const struct elc_scorer *scorer,
                  const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer, (void)text;
    const char *label = result->labels[result->best];
    int err = result->multi_label ? record_labels(builder, result)
                                  : elc_builder_str(builder, "predicted", label, strlen(label));
    if (!err && !result->multi_label)
        err = elc_builder_double(builder, "probability", result->values[result->best]);
    if (!err)
        err = elc_builder_map(builder, "probabilities", result->n_labels);
    for (size_t i = 0; !err && i < result->n_labels; i++) {
        err = elc_builder_element_str(builder, result->labels[i], strlen(result->labels[i]));
        if (!err)
            err = elc_builder_element_double(builder, result->values[i]);
    }
    return err;
}

static const char *const keys[] = {"predicted", "probability", "probabilities", NULL};

const struct elc_score_entry elc_score_classify = {
    .name = "classify",
    .architecture = ELC_SEQUENCE_CLASSIFIER,
    .fits = fits,
    .keys = keys,
    .collect = elc_score_collect_first,
    .forward = elc_score_forward_first,
    .compute = compute,
    .names = names,
    .tsv = tsv,
    .json = json,
    .record = record,
};
