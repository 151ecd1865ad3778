/* classify: one class for each text. */
#include "evaluation.h"

#include <math.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "electra/auc.h"

static const struct elc_metric metrics[] = {
    {"accuracy", true, "texts"},
    {"f1", true, "two classes"},
    {"precision", true, "two classes"},
    {"recall", true, "two classes"},
    {"f1_micro", false, "texts"},
    {"precision_micro", false, "texts"},
    {"recall_micro", false, "texts"},
    {"f1_macro", true, "texts"},
    {"precision_macro", false, "texts"},
    {"recall_macro", false, "texts"},
    {"f1_weighted", true, "texts"},
    {"precision_weighted", false, "texts"},
    {"recall_weighted", false, "texts"},
    {"matthews", true, "texts"},
    {"auc", true, "two classes, both among the gold ones, and their probabilities"},
    {"log_loss", true, "probabilities"},
    {0},
};
static const struct elc_eval_key keys[] = {
    {"label", "gold"}, {"predicted", "label"}, {"probabilities", "probabilities"}, {0}};

struct state {
    struct probabilities {
        double gold;   /* of the gold class */
        double two[2]; /* of classes 0 and 1: all that there are where there are two */
    } * texts;         /* [n]; NaN: not known */
    size_t capacity;
    uint64_t n_unknown;  /* texts whose gold is none of the model's classes */
    const char *unknown; /* the first such class, in the names' arena */
    uint32_t positive;
    struct elc_scored scored; /* by the probability of the positive class */
};

/* ---- reading ---- */

static int take_probabilities(struct elc_evaluation *evaluation, struct probabilities *taken,
                              uint32_t gold, const json_t *map) {
    struct state *state = evaluation->state;
    const char *name;
    json_t *value;
    bool found = false;
    *taken = (struct probabilities){NAN, {NAN, NAN}};
    json_object_foreach((json_t *)(uintptr_t)map, name, value) {
        uint32_t class;
        double p;
        int err = elc_names_add(&class, &evaluation->classes, name, strlen(name));
        if (!err)
            err = elc_eval_number(&p, value, "probabilities");
        if (err)
            return err;
        if (class < 2)
            taken->two[class] = p;
        if (class == gold) {
            taken->gold = p;
            found = true;
        }
    }
    if (map && !found) {
        taken->gold = 0;
        if (state->n_unknown++ == 0)
            state->unknown = evaluation->classes.items[gold].text;
    }
    return 0;
}

static int add(struct elc_evaluation *evaluation, const json_t *gold, const json_t *result) {
    struct state *state = evaluation->state;
    uint32_t gold_class, predicted;
    int err = elc_eval_class(&gold_class, evaluation, gold, "gold");
    if (!err)
        err = elc_eval_class(&predicted, evaluation, json_object_get(result, "label"), "label");
    if (!err)
        err = elc_grow(&state->texts, &state->capacity, evaluation->n + 1, sizeof *state->texts);
    if (!err)
        err = take_probabilities(evaluation, &state->texts[evaluation->n], gold_class,
                                 json_object_get(result, "probabilities"));
    return err ? err : elc_eval_add_pair(evaluation, evaluation->n, gold_class, predicted);
}

/* ---- behind the last text ---- */

static int find_positive(struct elc_evaluation *evaluation, struct state *state) {
    const struct elc_names *classes = &evaluation->classes;
    const char *name = evaluation->options.positive;
    state->positive = classes->n == 2 ? classes->sorted[1] : 0;
    if (name && !elc_names_find(&state->positive, classes, name, strlen(name)))
        return elc_fail(ELC_EMISMATCH, "no text has or gets the positive class '%s'", name);
    if (name && classes->n > 2)
        return elc_fail(ELC_EINVAL, "one of two classes can be the positive one; there are %zu",
                        (size_t)classes->n);
    return 0;
}

/* The probabilities of the positive class with the gold, if all of them are known. */
static int score_pairs(struct elc_evaluation *evaluation, struct state *state) {
    int err = 0;
    for (size_t i = 0; !err && i < evaluation->n_parts; i++) {
        const struct elc_part *part = &evaluation->parts[i];
        double p = state->texts[part->text].two[state->positive];
        if (isnan(p)) {
            elc_scored_free(&state->scored);
            return 0;
        }
        if (part->gold)
            err = elc_scored_add_of(&state->scored, p, part->class == state->positive, part->text);
    }
    elc_scored_sort(&state->scored);
    return err;
}

static void warn_of_classes(const struct elc_evaluation *evaluation, const struct state *state,
                            const struct elc_counts *counts) {
    const char *first = NULL;
    size_t n = 0;
    for (size_t i = evaluation->classes.n; i-- > 0;) {
        uint32_t class = evaluation->classes.sorted[i];
        if (counts[class].gold > 0 && counts[class].predicted == 0 && ++n > 0)
            first = evaluation->classes.items[class].text;
    }
    if (n == 1)
        elc_evaluation_warn(evaluation, "class '%s' is never predicted: its precision counts as 0",
                            first);
    else if (n > 1)
        elc_evaluation_warn(evaluation,
                            "%zu classes, '%s' first, are never predicted: their precision "
                            "counts as 0",
                            n, first);
    if (state->n_unknown > 0)
        elc_evaluation_warn(evaluation,
                            "%llu texts have a class that the model does not know, '%s' first",
                            (unsigned long long)state->n_unknown, state->unknown);
}

static bool all_have_probabilities(const struct elc_evaluation *evaluation,
                                   const struct state *state) {
    for (size_t i = 0; i < evaluation->n; i++)
        if (isnan(state->texts[i].gold))
            return false;
    return true;
}

static int finish(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    bool binary = evaluation->classes.n == 2;
    struct elc_counts *counts = elc_eval_counts(evaluation, NULL);
    int err = counts ? find_positive(evaluation, state) : ELC_ENOMEM;
    if (!err && binary)
        err = score_pairs(evaluation, state);
    if (!err)
        err = elc_eval_confusion(evaluation);
    if (!err)
        warn_of_classes(evaluation, state, counts);
    free(counts);
    elc_eval_fit(evaluation, "accuracy");
    elc_eval_fit(evaluation, "matthews");
    elc_eval_fit(evaluation, binary ? "f1*" : "f1_*");
    elc_eval_fit(evaluation, binary ? "precision*" : "precision_*");
    elc_eval_fit(evaluation, binary ? "recall*" : "recall_*");
    if (state->scored.n > 0)
        elc_eval_fit(evaluation, "auc");
    if (all_have_probabilities(evaluation, state))
        elc_eval_fit(evaluation, "log_loss");
    return err;
}

/* ---- metrics ---- */

static double log_loss(const struct elc_evaluation *evaluation, const struct state *state,
                       const uint32_t *weights) {
    double sum = 0, n = 0;
    for (size_t i = 0; i < evaluation->n; i++) {
        double weight = elc_eval_weight(weights, i);
        sum -= weight * log(fmin(fmax(state->texts[i].gold, DBL_EPSILON), 1 - DBL_EPSILON));
        n += weight;
    }
    return sum / n;
}

static int compute(const struct elc_evaluation *evaluation, const uint32_t *weights,
                   double *values) {
    const struct state *state = evaluation->state;
    size_t n = evaluation->classes.n;
    struct elc_counts *counts = elc_eval_counts(evaluation, weights);
    if (!counts)
        return ELC_ENOMEM;
    elc_eval_set(evaluation, values, "accuracy", elc_accuracy(counts, n));
    elc_eval_set(evaluation, values, "matthews", elc_matthews(counts, n));
    elc_eval_set_prf(evaluation, values, "", elc_prf(&counts[state->positive]));
    elc_eval_set_prf(evaluation, values, "_micro", elc_prf_average(counts, n, ELC_MICRO, true));
    elc_eval_set_prf(evaluation, values, "_macro", elc_prf_average(counts, n, ELC_MACRO, true));
    elc_eval_set_prf(evaluation, values, "_weighted",
                     elc_prf_average(counts, n, ELC_WEIGHTED, true));
    elc_eval_set(evaluation, values, "auc", elc_auc_weighted(&state->scored, weights));
    elc_eval_set(evaluation, values, "log_loss", log_loss(evaluation, state, weights));
    free(counts);
    return 0;
}

static void free_state(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    free(state->texts);
    elc_scored_free(&state->scored);
}

const struct elc_eval_task elc_eval_classify = {
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
