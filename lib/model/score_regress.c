/* Task regress: a number for each text, or several. */
#include <math.h>

#include "score.h"

static bool fits(const struct elc_config *config) {
    if (!elc_architecture_is_classifier(config->architecture))
        return false;
    return config->problem_type == ELC_PROBLEM_UNSET
               ? config->num_labels == 1
               : config->problem_type == ELC_PROBLEM_REGRESSION;
}

/* Of a text in windows the mean of each number. */
static int compute(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place) {
    const size_t n = pass->scorer->network.config.num_labels;
    const elc_float *outputs = pass->outputs + place->text * n;
    double *values = elc_score_window(result, text, n);
    if (!values)
        return ELC_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(outputs[i]))
            return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
        values[i] = (double)outputs[i];
    }
    result->values = elc_score_mean(result, text, n);
    result->n_labels = n;
    return 0;
}

static int names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    const size_t n = scorer->network.config.num_labels;
    if (n == 1)
        return elc_buffer_printf(out, "id\tvalue\n");
    int err = elc_buffer_append(out, "id", 2);
    for (size_t i = 1; !err && i <= n; i++)
        err = elc_buffer_printf(out, "\tvalue%zu", i);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int tsv(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer;
    int err = elc_tsv_id(out, text->record);
    for (size_t i = 0; !err && i < result->n_labels; i++)
        err = elc_buffer_printf(out, "\t%.6g", result->values[i]);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static bool json(json_t *object, const struct elc_scorer *scorer, const struct elc_score_text *text,
                 const struct elc_score_result *result) {
    (void)scorer, (void)text;
    if (result->n_labels == 1)
        return elc_score_json_set(object, "value", elc_score_json_number(result->values[0]));
    json_t *values = json_array();
    bool good = elc_score_json_set(object, "value", values);
    for (size_t i = 0; good && i < result->n_labels; i++)
        good = json_array_append_new(values, elc_score_json_number(result->values[i])) == 0;
    return good;
}

static int record(struct elc_builder *builder, const struct elc_scorer *scorer,
                  const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer, (void)text;
    if (result->n_labels == 1)
        return elc_builder_double(builder, "value", result->values[0]);
    int err = elc_builder_array(builder, "value", result->n_labels);
    for (size_t i = 0; !err && i < result->n_labels; i++)
        err = elc_builder_element_double(builder, result->values[i]);
    return err;
}

static const char *const keys[] = {"value", NULL};

const struct elc_score_entry elc_score_regress = {
    .name = "regress",
    .architecture = ELC_SEQUENCE_CLASSIFIER,
    .fits = fits,
    .keys = keys,
    .windows = true,
    .collect = elc_score_collect_first,
    .forward = elc_score_forward_first,
    .compute = compute,
    .names = names,
    .tsv = tsv,
    .json = json,
    .record = record,
};
