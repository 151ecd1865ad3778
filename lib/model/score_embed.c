/* Task embed: one vector for each text, from the last layer. */
#include <math.h>

#include "score.h"

static size_t width(const struct elc_scorer *scorer) {
    return scorer->network.config.hidden_size;
}

static int forward(struct elc_score_pass *pass) {
    return elc_encoder_forward(&pass->outputs, &pass->workspace, &pass->scorer->weights,
                               &pass->texts);
}

/* The first token's row, or the mean of all. */
static int compute(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place) {
    const struct elc_score_options *options = &pass->scorer->options;
    const size_t h = width(pass->scorer), n_rows = options->mean ? text->n : 1;
    const elc_float *hidden = pass->outputs + place->token * h;
    float *vector = elc_score_numbers(result, h, sizeof *vector);
    if (!vector)
        return ELC_ENOMEM;
    double squares = 0;
    for (size_t j = 0; j < h; j++) {
        double sum = 0;
        for (size_t i = 0; i < n_rows; i++)
            sum += hidden[i * h + j];
        const double value = sum / (double)n_rows;
        if (!isfinite(value))
            return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
        vector[j] = (float)value;
        squares += value * value;
    }
    for (size_t j = 0; options->normalize && squares > 0 && j < h; j++)
        vector[j] = (float)(vector[j] / sqrt(squares));
    result->vector = vector;
    result->width = h;
    return 0;
}

static int names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    int err = elc_buffer_append(out, "id", 2);
    for (size_t i = 1; !err && i <= width(scorer); i++)
        err = elc_buffer_printf(out, "\tv%zu", i);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int tsv(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer;
    int err = elc_tsv_id(out, text->record);
    for (size_t i = 0; !err && i < result->width; i++)
        err = elc_buffer_printf(out, "\t%.6g", (double)result->vector[i]);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static bool json(json_t *object, const struct elc_scorer *scorer, const struct elc_score_text *text,
                 const struct elc_score_result *result) {
    (void)scorer, (void)text;
    json_t *embedding = json_array();
    bool good = elc_score_json_set(object, "embedding", embedding);
    for (size_t i = 0; good && i < result->width; i++)
        good =
            json_array_append_new(embedding, elc_score_json_number((double)result->vector[i])) == 0;
    return good;
}

static int record(struct elc_builder *builder, const struct elc_scorer *scorer,
                  const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer, (void)text;
    return elc_builder_bin(builder, "embedding", result->vector,
                           result->width * sizeof *result->vector);
}

static const char *const keys[] = {"embedding", NULL};

const struct elc_score_entry elc_score_embed = {
    .name = "embed",
    .architecture = ELC_ENCODER,
    .keys = keys,
    .forward = forward,
    .compute = compute,
    .width = width,
    .names = names,
    .tsv = tsv,
    .json = json,
    .record = record,
};
