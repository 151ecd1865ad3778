/* rtd: of each token, was it replaced? Tokens of a text are drawn together by a bootstrap. */
#include "evaluation.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/auc.h"

static const struct elc_metric metrics[] = {
    {"auc", true, "both kinds of tokens"},
    {"accuracy", true, "tokens"},
    {"f1", true, "tokens"},
    {"precision", true, "tokens"},
    {"recall", true, "tokens"},
    {"matthews", false, "tokens"},
    {"log_loss", true, "tokens"},
    {0},
};
static const struct elc_eval_key keys[] = {{"replaced", "gold"}, {"tokens", "tokens"}, {0}};

enum { ORIGINAL, REPLACED }; /* classes */

struct state {
    struct elc_scored scored;
    struct text {
        double loss; /* sum over its tokens */
        size_t n;
    } * texts;
    size_t capacity;
};

static int add_classes(struct elc_evaluation *evaluation) {
    uint32_t class;
    int err = elc_names_add(&class, &evaluation->classes, "original", 8);
    return err ? err : elc_names_add(&class, &evaluation->classes, "replaced", 8);
}

/* Begins a text: room for it, and the two classes before the first. */
static int begin(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    int err = elc_grow(&state->texts, &state->capacity, evaluation->n + 1, sizeof *state->texts);
    if (!err && evaluation->n == 0)
        err = add_classes(evaluation);
    if (!err)
        state->texts[evaluation->n] = (struct text){0};
    return err;
}

static int take_token(struct elc_evaluation *evaluation, struct elc_part parts[2], double p,
                      bool replaced) {
    struct state *state = evaluation->state;
    struct text *text = &state->texts[evaluation->n];
    bool predicted = p > 0.5;
    if (!(p >= 0 && p <= 1))
        return elc_fail(ELC_EFORMAT, "'p' is not a probability");
    parts[replaced].gold++;
    parts[predicted].predicted++;
    parts[predicted].correct += replaced == predicted;
    text->loss -= log(fmax(replaced ? p : 1 - p, DBL_EPSILON));
    text->n++;
    return elc_scored_add_of(&state->scored, p, replaced, (uint32_t)evaluation->n);
}

static int end(struct elc_evaluation *evaluation, struct elc_part parts[2]) {
    int err = 0;
    for (uint32_t class = ORIGINAL; !err && class <= REPLACED; class ++) {
        parts[class].text = (uint32_t)evaluation->n;
        parts[class].class = class;
        err = elc_eval_add_part(evaluation, &parts[class]);
    }
    return err;
}

static int different_lengths(size_t n_scored, size_t n_gold) {
    return elc_fail(ELC_EFORMAT, "%zu tokens are scored, but gold has %zu", n_scored, n_gold);
}

static int add(struct elc_evaluation *evaluation, const json_t *gold, const json_t *result) {
    const json_t *tokens = json_object_get(result, "tokens");
    size_t n = json_array_size(tokens);
    struct elc_part parts[2] = {0};
    if (json_array_size(gold) != n)
        return different_lengths(n, json_array_size(gold));
    int err = begin(evaluation);
    for (size_t i = 0; !err && i < n; i++) {
        const json_t *token = json_array_get(tokens, i);
        double p, replaced;
        err = elc_eval_number(&p, json_object_get(token, "p"), "p");
        if (!err)
            err = elc_eval_number(&replaced, json_array_get(gold, i), "gold");
        if (!err)
            err = take_token(evaluation, parts, p, replaced != 0);
    }
    return err ? err : end(evaluation, parts);
}

static int add_record(struct elc_evaluation *evaluation, const struct elc_record *record,
                      const struct elc_header *header) {
    const uint8_t *p, *replaced;
    size_t len, n;
    struct elc_part parts[2] = {0};
    (void)header;
    int got = elc_record_bin(record, "p", &p, &len);
    if (got > 0)
        got = elc_record_bin(record, "replaced", &replaced, &n);
    if (got <= 0)
        return got < 0 ? got : elc_fail(ELC_EFORMAT, "there is no result ('p')");
    if (len != n * sizeof(float))
        return different_lengths(len / sizeof(float), n);
    int err = begin(evaluation);
    for (size_t i = 0; !err && i < n; i++) {
        float value;
        memcpy(&value, p + i * sizeof value, sizeof value);
        err = take_token(evaluation, parts, (double)value, replaced[i] != 0);
    }
    return err ? err : end(evaluation, parts);
}

static int finish(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    struct elc_counts *counts = elc_eval_counts(evaluation, NULL);
    uint64_t *confusion = calloc(4, sizeof *confusion);
    if (!counts || !confusion) {
        free(counts);
        free(confusion);
        return elc_fail_memory(0);
    }
    for (int class = ORIGINAL; class <= REPLACED; class ++) {
        confusion[class * 2 + class] = counts[class].correct;
        confusion[class * 2 + !class] = counts[class].gold - counts[class].correct;
    }
    free(counts);
    evaluation->confusion = confusion;
    elc_scored_sort(&state->scored);
    elc_eval_fit(evaluation, "*");
    return 0;
}

static int compute(const struct elc_evaluation *evaluation, const uint32_t *weights,
                   double *values) {
    const struct state *state = evaluation->state;
    struct elc_counts *counts = elc_eval_counts(evaluation, weights);
    double loss = 0, n = 0;
    if (!counts)
        return ELC_ENOMEM;
    for (size_t i = 0; i < evaluation->n; i++) {
        loss += elc_eval_weight(weights, i) * state->texts[i].loss;
        n += elc_eval_weight(weights, i) * (double)state->texts[i].n;
    }
    elc_eval_set(evaluation, values, "auc", elc_auc_weighted(&state->scored, weights));
    elc_eval_set(evaluation, values, "accuracy", elc_accuracy(counts, 2));
    elc_eval_set(evaluation, values, "matthews", elc_matthews(counts, 2));
    elc_eval_set_prf(evaluation, values, "", elc_prf(&counts[REPLACED]));
    elc_eval_set(evaluation, values, "log_loss", loss / n);
    free(counts);
    return 0;
}

static void free_state(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    free(state->texts);
    elc_scored_free(&state->scored);
}

const struct elc_eval_task elc_eval_rtd = {
    .name = "rtd",
    .metrics = metrics,
    .keys = keys,
    .state_size = sizeof(struct state),
    .has_gold = true,
    .add = add,
    .add_record = add_record,
    .finish = finish,
    .compute = compute,
    .free = free_state,
};
