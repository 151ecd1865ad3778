/* fill and pll: how likely are the right tokens? */
#include "evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct state {
    struct text {
        double log_likelihood; /* sum over its tokens, natural logarithm */
        double n, n_correct;   /* tokens */
    } * texts;
    size_t capacity;
};

static int add_text(struct elc_evaluation *evaluation, const struct text *text) {
    struct state *state = evaluation->state;
    int err = elc_grow(&state->texts, &state->capacity, evaluation->n + 1, sizeof *state->texts);
    if (!err)
        state->texts[evaluation->n] = *text;
    return err;
}

static int finish(struct elc_evaluation *evaluation) {
    elc_eval_fit(evaluation, "*");
    return 0;
}

/* Sums over texts. */
static struct text sum(const struct elc_evaluation *evaluation, const uint32_t *weights) {
    const struct state *state = evaluation->state;
    struct text sum = {0};
    for (size_t i = 0; i < evaluation->n; i++) {
        double weight = elc_eval_weight(weights, i);
        sum.log_likelihood += weight * state->texts[i].log_likelihood;
        sum.n += weight * state->texts[i].n;
        sum.n_correct += weight * state->texts[i].n_correct;
    }
    return sum;
}

static void free_state(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    free(state->texts);
}

/* ---- fill ---- */

static const struct elc_metric fill_metrics[] = {
    {"accuracy", true, "masked tokens"},
    {"log_loss", true, "masked tokens"},
    {"perplexity", true, "masked tokens"},
    {0},
};
static const struct elc_eval_key fill_keys[] = {{"original", "gold"}, {"tokens", "tokens"}, {0}};

/* One masked token. A probability of 0 makes the loss infinite, as it is. */
static int take_token(struct text *text, double p, bool is_correct) {
    if (!(p >= 0 && p <= 1))
        return elc_fail(ELC_EFORMAT, "'p_original' is not a probability");
    text->log_likelihood += log(p);
    text->n++;
    text->n_correct += is_correct;
    return 0;
}

static int add_fill(struct elc_evaluation *evaluation, const json_t *gold, const json_t *result) {
    const json_t *tokens = json_object_get(result, "tokens");
    struct text text = {0};
    int err = 0;
    if (json_array_size(gold) != json_array_size(tokens))
        return elc_fail(ELC_EFORMAT, "%zu tokens are filled in, but gold has %zu",
                        json_array_size(tokens), json_array_size(gold));
    for (size_t i = 0; !err && i < json_array_size(tokens); i++) {
        const json_t *token = json_array_get(tokens, i);
        const json_t *best = json_object_get(token, "token");
        double p;
        err = elc_eval_number(&p, json_object_get(token, "p_original"), "p_original");
        if (!err)
            err =
                take_token(&text, p, best && json_equal(best, json_object_get(token, "original")));
    }
    return err ? err : add_text(evaluation, &text);
}

static int add_fill_record(struct elc_evaluation *evaluation, const struct elc_record *record,
                           const struct elc_header *header) {
    const uint8_t *original, *predicted, *p;
    size_t original_len, predicted_len, p_len, width = header->id_width;
    struct text text = {0};
    int got = elc_record_bin(record, "original", &original, &original_len);
    if (got > 0)
        got = elc_record_bin(record, "predicted", &predicted, &predicted_len);
    if (got > 0)
        got = elc_record_bin(record, "p_original", &p, &p_len);
    if (got <= 0)
        return got < 0 ? got : elc_fail(ELC_EFORMAT, "there is no result ('p_original')");
    size_t n = original_len / width, each = n > 0 ? predicted_len / n : 0; /* candidates */
    if (original_len % width != 0 || p_len != n * sizeof(float) || predicted_len != n * each ||
        each % width != 0 || (n > 0 && each == 0))
        return elc_fail(ELC_EFORMAT, "the numbers of tokens filled in and of gold differ");
    int err = 0;
    for (size_t i = 0; !err && i < n; i++) {
        float value;
        memcpy(&value, p + i * sizeof value, sizeof value);
        err = take_token(&text, (double)value,
                         memcmp(predicted + i * each, original + i * width, width) == 0);
    }
    return err ? err : add_text(evaluation, &text);
}

static int compute_fill(const struct elc_evaluation *evaluation, const uint32_t *weights,
                        double *values) {
    struct text all = sum(evaluation, weights);
    elc_eval_set(evaluation, values, "accuracy", all.n_correct / all.n);
    elc_eval_set(evaluation, values, "log_loss", -all.log_likelihood / all.n);
    elc_eval_set(evaluation, values, "perplexity", exp(-all.log_likelihood / all.n));
    return 0;
}

const struct elc_eval_task elc_eval_fill = {
    .name = "fill",
    .metrics = fill_metrics,
    .keys = fill_keys,
    .state_size = sizeof(struct state),
    .has_gold = true,
    .add = add_fill,
    .add_record = add_fill_record,
    .finish = finish,
    .compute = compute_fill,
    .free = free_state,
};

/* ---- pll ---- */

static const struct elc_metric pll_metrics[] = {
    {"perplexity", true, "tokens"},
    {"log_loss", true, "tokens"},
    {"pll", true, "texts"},
    {0},
};
static const struct elc_eval_key pll_keys[] = {{"pll", "pll"}, {"tokens", "tokens"}, {0}};

static int add_pll(struct elc_evaluation *evaluation, const json_t *gold, const json_t *result) {
    struct text text = {0};
    (void)gold; /* the text itself */
    int err = elc_eval_number(&text.log_likelihood, json_object_get(result, "pll"), "pll");
    if (!err)
        err = elc_eval_number(&text.n, json_object_get(result, "tokens"), "tokens");
    return err ? err : add_text(evaluation, &text);
}

static int compute_pll(const struct elc_evaluation *evaluation, const uint32_t *weights,
                       double *values) {
    struct text all = sum(evaluation, weights);
    double n = 0;
    for (size_t i = 0; i < evaluation->n; i++)
        n += elc_eval_weight(weights, i);
    elc_eval_set(evaluation, values, "perplexity", exp(-all.log_likelihood / all.n));
    elc_eval_set(evaluation, values, "log_loss", -all.log_likelihood / all.n);
    elc_eval_set(evaluation, values, "pll", all.log_likelihood / n);
    return 0;
}

const struct elc_eval_task elc_eval_pll = {
    .name = "pll",
    .metrics = pll_metrics,
    .keys = pll_keys,
    .state_size = sizeof(struct state),
    .add = add_pll,
    .finish = finish,
    .compute = compute_pll,
    .free = free_state,
};
