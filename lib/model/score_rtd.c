/* Task rtd, replaced token detection: P(replaced) of every token, and the word that has the most.
 */
#include <math.h>

#include "score.h"

static int forward(struct elc_score_pass *pass) {
    return elc_discriminator_forward(&pass->outputs, &pass->workspace, &pass->scorer->weights,
                                     &pass->texts);
}

static int compute(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place) {
    const struct elc_vocab *vocab = pass->scorer->vocab;
    const elc_float *logits = pass->outputs + place->token;
    double *p = elc_score_numbers(result, text->n, sizeof *p);
    if (!p)
        return ELC_ENOMEM;
    double sum = 0;
    size_t n_counted = 0, suspect = 0;
    for (size_t i = 0; i < text->n; i++) {
        if (!isfinite(logits[i]))
            return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
        p[i] = 1 / (1 + exp(-(double)logits[i]));
        if (elc_score_is_special(elc_vocab_id(vocab), text->ids[i]))
            continue;
        if (n_counted++ == 0 || p[i] > p[suspect])
            suspect = i;
        sum += p[i];
    }
    result->p = p;
    result->score = result->max = 0;
    result->word = (struct elc_score_word){.text = ""};
    if (n_counted == 0)
        return 0;
    result->score = sum / (double)n_counted;
    result->max = p[suspect];
    return elc_score_text_word(&result->word, text, suspect, vocab, &result->joined);
}

/* ---- TSV ---- */

static int names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    return elc_buffer_printf(out, "%s\n",
                             scorer->options.tokens ? "id\ttoken\tstart\tend\tp"
                                                    : "id\tscore\tmax\tword\tstart\tend");
}

static int tsv_tokens(struct elc_buffer *out, const struct elc_scorer *scorer,
                      const struct elc_score_text *text, const struct elc_score_result *result) {
    int err = 0;
    for (size_t i = 0; !err && i < text->n; i++) {
        uint32_t start, end;
        elc_score_text_range(text, i, &start, &end);
        err = elc_tsv_id(out, text->record);
        if (!err)
            err = elc_buffer_append(out, "\t", 1);
        if (!err)
            err = elc_tsv_token(out, scorer, text->ids[i]);
        if (!err)
            err = elc_buffer_printf(out, "\t%u\t%u\t%.6g\n", start, end, result->p[i]);
    }
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int tsv(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result) {
    const struct elc_score_word *word = &result->word;
    if (scorer->options.tokens)
        return tsv_tokens(out, scorer, text, result);
    int err = elc_tsv_id(out, text->record);
    if (!err)
        err = elc_buffer_printf(out, "\t%.6g\t%.6g\t", result->score, result->max);
    if (!err)
        err = elc_tsv_text(out, word->text, word->len);
    return err ? err : elc_buffer_printf(out, "\t%u\t%u\n", word->start, word->end);
}

/* ---- JSON Lines ---- */

static json_t *json_token(const struct elc_scorer *scorer, const struct elc_score_text *text,
                          const struct elc_score_result *result, size_t i) {
    bool has_word = text->words && text->words[i] != UINT32_MAX;
    uint32_t start, end;
    float p = (float)result->p[i]; /* as records have it, so that tokens rank alike in both */
    elc_score_text_range(text, i, &start, &end);
    json_t *object = json_object();
    if (!object ||
        !elc_score_json_set(object, "token", elc_score_json_token(scorer, text->ids[i])) ||
        !elc_score_json_set(object, "word",
                            has_word ? json_integer(text->words[i]) : json_null()) ||
        !elc_score_json_set(object, "start", json_integer(start)) ||
        !elc_score_json_set(object, "end", json_integer(end)) ||
        !elc_score_json_set(object, "p", elc_score_json_number((double)p))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static bool json(json_t *object, const struct elc_scorer *scorer, const struct elc_score_text *text,
                 const struct elc_score_result *result) {
    const struct elc_score_word *word = &result->word;
    json_t *tokens = json_array();
    bool good = elc_score_json_set(object, "score", elc_score_json_number(result->score)) &&
                elc_score_json_set(object, "max", elc_score_json_number(result->max)) &&
                elc_score_json_set(object, "word", elc_score_json_text(word->text, word->len)) &&
                elc_score_json_set(object, "start", json_integer(word->start)) &&
                elc_score_json_set(object, "end", json_integer(word->end)) &&
                elc_score_json_set(object, "tokens", tokens);
    for (size_t i = 0; good && i < text->n; i++)
        good = json_array_append_new(tokens, json_token(scorer, text, result, i)) == 0;
    return good;
}

/* ---- records ---- */

static int record(struct elc_builder *builder, const struct elc_scorer *scorer,
                  const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer;
    const struct elc_score_word *word = &result->word;
    struct elc_buffer floats = {0};
    int err = elc_builder_double(builder, "score", result->score);
    if (!err)
        err = elc_builder_double(builder, "max", result->max);
    if (!err)
        err = elc_builder_str(builder, "word", word->text, word->len);
    if (!err)
        err = elc_builder_uint(builder, "start", word->start);
    if (!err)
        err = elc_builder_uint(builder, "end", word->end);
    for (size_t i = 0; !err && i < text->n; i++) {
        float p = (float)result->p[i];
        err = elc_buffer_append(&floats, &p, sizeof p);
    }
    if (!err)
        err = elc_builder_bin(builder, "p", floats.data, floats.len);
    elc_buffer_free(&floats);
    return err;
}

static const char *const keys[] = {"score", "max", "word", "start", "end", "p", NULL};

const struct elc_score_entry elc_score_rtd = {
    .name = "rtd",
    .architecture = ELC_DISCRIMINATOR,
    .replaced = true,
    .gold = "replaced",
    .keys = keys,
    .forward = forward,
    .compute = compute,
    .names = names,
    .tsv = tsv,
    .json = json,
    .record = record,
};
