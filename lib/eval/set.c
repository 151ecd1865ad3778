/* classify with several labels for a text: each label is there or not. */
#include "evaluation.h"

#include <stdlib.h>
#include <string.h>

static const struct elc_metric metrics[] = {
    {"accuracy", true, "texts"}, /* all labels right */
    {"f1_micro", true, "texts"},
    {"precision_micro", true, "texts"},
    {"recall_micro", true, "texts"},
    {"f1_macro", true, "texts"},
    {"precision_macro", false, "texts"},
    {"recall_macro", false, "texts"},
    {"f1_weighted", true, "texts"},
    {"precision_weighted", false, "texts"},
    {"recall_weighted", false, "texts"},
    {"f1_samples", true, "texts"},
    {"precision_samples", false, "texts"},
    {"recall_samples", false, "texts"},
    {"hamming_loss", true, "texts"},
    {"jaccard", false, "texts"},
    {0},
};
static const struct elc_eval_key keys[] = {
    {"label", "gold"}, {"predicted", "label"}, {"probabilities", "probabilities"}, {0}};

struct set {
    uint32_t *items;
    size_t n, capacity;
};
struct state {
    struct elc_counts *texts; /* [n]: how many labels each has */
    size_t capacity;
    struct set gold, predicted; /* of one text */
};

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The labels of an array, or the one that stands alone, sorted and each once. */
static int take_labels(struct set *set, struct elc_evaluation *evaluation, const json_t *labels,
                       const char *key) {
    size_t n = json_is_array(labels) ? json_array_size(labels) : 1;
    int err = elc_grow(&set->items, &set->capacity, n + 1, sizeof *set->items);
    for (size_t i = 0; !err && i < n; i++)
        err = elc_eval_class(&set->items[i], evaluation,
                             json_is_array(labels) ? json_array_get(labels, i) : labels, key);
    set->n = 0;
    if (err)
        return err;
    qsort(set->items, n, sizeof *set->items, compare);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || set->items[i] != set->items[set->n - 1])
            set->items[set->n++] = set->items[i];
    return 0;
}

/* Labels that are there according to the model, also those that no text has. */
static int take_classes(struct elc_evaluation *evaluation, const json_t *probabilities) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)probabilities, name, value) {
        uint32_t class;
        int err = elc_names_add(&class, &evaluation->classes, name, strlen(name));
        if (err)
            return err;
    }
    return 0;
}

/* A part for each label of either set, and their numbers. */
static int compare_sets(struct elc_evaluation *evaluation, struct elc_counts *counts,
                        const struct set *gold, const struct set *predicted) {
    int err = 0;
    *counts = (struct elc_counts){gold->n, predicted->n, 0};
    for (size_t g = 0, p = 0; !err && (g < gold->n || p < predicted->n);) {
        bool take_gold =
            g < gold->n && (p == predicted->n || gold->items[g] <= predicted->items[p]);
        bool take_predicted =
            p < predicted->n && (g == gold->n || predicted->items[p] <= gold->items[g]);
        struct elc_part part = {
            .text = (uint32_t)evaluation->n,
            .class = take_gold ? gold->items[g] : predicted->items[p],
            .gold = take_gold,
            .predicted = take_predicted,
            .correct = take_gold && take_predicted,
        };
        counts->correct += part.correct;
        g += take_gold;
        p += take_predicted;
        err = elc_eval_add_part(evaluation, &part);
    }
    return err;
}

static int add(struct elc_evaluation *evaluation, const json_t *gold, const json_t *result) {
    struct state *state = evaluation->state;
    const json_t *labels = json_object_get(result, "label");
    if (!json_is_array(labels))
        return elc_fail(ELC_EFORMAT, "'label' is not an array, as it was before");
    int err = take_classes(evaluation, json_object_get(result, "probabilities"));
    if (!err)
        err = take_labels(&state->gold, evaluation, gold, "gold");
    if (!err)
        err = take_labels(&state->predicted, evaluation, labels, "label");
    if (!err)
        err = elc_grow(&state->texts, &state->capacity, evaluation->n + 1, sizeof *state->texts);
    return err ? err
               : compare_sets(evaluation, &state->texts[evaluation->n], &state->gold,
                              &state->predicted);
}

static int finish(struct elc_evaluation *evaluation) {
    elc_eval_fit(evaluation, "*");
    return 0;
}

/* Metrics that are means over texts. */
static void compute_samples(const struct elc_evaluation *evaluation, const uint32_t *weights,
                            double *values) {
    const struct state *state = evaluation->state;
    struct elc_prf samples = {0};
    double n = 0, exact = 0, jaccard = 0, wrong = 0;
    for (size_t i = 0; i < evaluation->n; i++) {
        const struct elc_counts *text = &state->texts[i];
        double weight = elc_eval_weight(weights, i);
        double either = (double)(text->gold + text->predicted - text->correct);
        struct elc_prf prf = elc_prf(text);
        n += weight;
        exact += weight * (either == (double)text->correct);
        jaccard += either > 0 ? weight * (double)text->correct / either : 0;
        wrong += weight * (either - (double)text->correct);
        samples.precision += weight * prf.precision;
        samples.recall += weight * prf.recall;
        samples.f1 += weight * prf.f1;
    }
    samples = (struct elc_prf){samples.precision / n, samples.recall / n, samples.f1 / n};
    elc_eval_set_prf(evaluation, values, "_samples", samples);
    elc_eval_set(evaluation, values, "accuracy", exact / n);
    elc_eval_set(evaluation, values, "jaccard", jaccard / n);
    elc_eval_set(evaluation, values, "hamming_loss", wrong / (n * (double)evaluation->classes.n));
}

static int compute(const struct elc_evaluation *evaluation, const uint32_t *weights,
                   double *values) {
    size_t n = evaluation->classes.n;
    struct elc_counts *counts = elc_eval_counts(evaluation, weights);
    if (!counts)
        return ELC_ENOMEM;
    elc_eval_set_prf(evaluation, values, "_micro", elc_prf_average(counts, n, ELC_MICRO, false));
    elc_eval_set_prf(evaluation, values, "_macro", elc_prf_average(counts, n, ELC_MACRO, false));
    elc_eval_set_prf(evaluation, values, "_weighted",
                     elc_prf_average(counts, n, ELC_WEIGHTED, false));
    compute_samples(evaluation, weights, values);
    free(counts);
    return 0;
}

static void free_state(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    free(state->texts);
    free(state->gold.items);
    free(state->predicted.items);
}

const struct elc_eval_task elc_eval_set_of_labels = {
    .name = "classify",
    .metrics = metrics,
    .keys = keys,
    .state_size = sizeof(struct state),
    .has_gold = true,
    .windows = true,
    .add = add,
    .finish = finish,
    .compute = compute,
    .free = free_state,
};
