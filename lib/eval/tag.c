/* tag: a label for each word. Where all labels are of the form of BIO or BIOES, what counts are the
 * spans that they make; else the labels themselves. */
#include "evaluation.h"

#include <stdlib.h>
#include <string.h>

#include "electra/entities.h"

static const char spans_need[] = "labels such as B-LOC, I-LOC, O";
static const struct elc_metric metrics[] = {
    {"f1", true, spans_need},
    {"precision", true, spans_need},
    {"recall", true, spans_need},
    {"f1_macro", true, "texts"},
    {"precision_macro", false, "texts"},
    {"recall_macro", false, "texts"},
    {"f1_weighted", true, "texts"},
    {"precision_weighted", false, "texts"},
    {"recall_weighted", false, "texts"},
    {"matthews", true, "labels that are not of spans"},
    {"accuracy", true, "texts"},
    {0},
};
static const struct elc_eval_key keys[] = {{"label", "gold"}, {"predicted", "labels"}, {0}};

enum { NO_LABEL = 0xFFFFFFFF }; /* of a word that was cut off */

struct state {
    struct elc_names labels;
    struct word {
        uint32_t gold, predicted;
    } * words; /* of all texts, one after another */
    size_t n_words, word_capacity;
    struct text {
        size_t end; /* behind its last word */
        size_t n, n_correct;
    } * texts;
    size_t text_capacity;
    uint64_t n_cut;
    bool spans;
    struct elc_tag *tags; /* [labels]: spans */
};

/* ---- reading ---- */

static int take_label(uint32_t *label, struct state *state, const json_t *value, const char *key) {
    if (!json_is_string(value))
        return elc_fail(ELC_EFORMAT, "'%s' is not an array of strings", key);
    return elc_names_add(label, &state->labels, json_string_value(value),
                         json_string_length(value));
}

static int add(struct elc_evaluation *evaluation, const json_t *gold, const json_t *result) {
    struct state *state = evaluation->state;
    const json_t *labels = json_object_get(result, "labels");
    size_t n = json_array_size(gold), n_predicted = json_array_size(labels);
    if (!json_is_array(gold) || !json_is_array(labels))
        return elc_fail(ELC_EFORMAT, "'%s' is not an array of labels",
                        json_is_array(gold) ? "labels" : "gold");
    if (n_predicted > n)
        return elc_fail(ELC_EFORMAT, "%zu words have a predicted label, but only %zu a gold one",
                        n_predicted, n);
    int err =
        elc_grow(&state->words, &state->word_capacity, state->n_words + n, sizeof *state->words);
    if (!err)
        err =
            elc_grow(&state->texts, &state->text_capacity, evaluation->n + 1, sizeof *state->texts);
    size_t n_correct = 0;
    for (size_t i = 0; !err && i < n; i++) {
        struct word *word = &state->words[state->n_words + i];
        word->predicted = NO_LABEL;
        err = take_label(&word->gold, state, json_array_get(gold, i), "gold");
        if (!err && i < n_predicted)
            err = take_label(&word->predicted, state, json_array_get(labels, i), "labels");
        n_correct += word->gold == word->predicted;
    }
    if (err)
        return err;
    state->n_words += n;
    state->n_cut += n - n_predicted;
    state->texts[evaluation->n] = (struct text){state->n_words, n, n_correct};
    return 0;
}

/* ---- behind the last text ---- */

/* Reads all labels as tags of spans; false if one is none, or all are O. */
static bool are_spans(const struct elc_names *labels) {
    char prefix;
    const char *type;
    size_t len;
    bool any = false;
    for (size_t i = 0; i < labels->n; i++) {
        if (!elc_tag_split(&prefix, &type, &len, labels->items[i].text, labels->items[i].len))
            return false;
        any = any || prefix != 'O';
    }
    return any;
}

static int make_tags(struct elc_evaluation *evaluation, struct state *state) {
    const struct elc_names *labels = &state->labels;
    int err = 0;
    state->tags = calloc(labels->n + 1, sizeof *state->tags);
    if (!state->tags)
        return elc_fail_memory(labels->n * sizeof *state->tags);
    for (size_t i = 0; !err && i < labels->n; i++) {
        const char *type;
        size_t len;
        struct elc_tag *tag = &state->tags[i];
        (void)elc_tag_split(&tag->prefix, &type, &len, labels->items[i].text, labels->items[i].len);
        if (tag->prefix != 'O')
            err = elc_names_add(&tag->type, &evaluation->classes, type, len);
    }
    return err;
}

/* The parts of one text's spans. `scratch`: two tags for each word, and counts of all types, zero
 * before and after. */
static int add_spans(struct elc_evaluation *evaluation, const struct state *state, size_t text,
                     struct elc_tag *tags, struct elc_counts *counts) {
    size_t n = state->texts[text].n, begin = state->texts[text].end - n;
    int err = 0;
    for (size_t i = 0; i < n; i++) {
        const struct word *word = &state->words[begin + i];
        tags[i] = state->tags[word->gold];
        tags[n + i] =
            word->predicted == NO_LABEL ? (struct elc_tag){'O', 0} : state->tags[word->predicted];
    }
    elc_span_count(counts, tags, tags + n, n);
    for (size_t i = 0; !err && i < 2 * n; i++) {
        struct elc_counts *of_type = &counts[tags[i].type];
        if (tags[i].prefix == 'O' || of_type->gold + of_type->predicted == 0)
            continue;
        struct elc_part part = {(uint32_t)text, tags[i].type, (uint32_t)of_type->gold,
                                (uint32_t)of_type->predicted, (uint32_t)of_type->correct};
        err = elc_eval_add_part(evaluation, &part);
        *of_type = (struct elc_counts){0};
    }
    return err;
}

static int finish_spans(struct elc_evaluation *evaluation, struct state *state) {
    size_t longest = 1;
    int err = make_tags(evaluation, state);
    for (size_t i = 0; i < evaluation->n; i++)
        longest = state->texts[i].n > longest ? state->texts[i].n : longest;
    struct elc_tag *tags = calloc(2 * longest, sizeof *tags);
    struct elc_counts *counts = calloc(evaluation->classes.n + 1, sizeof *counts);
    if (!err && (!tags || !counts))
        err = elc_fail_memory(2 * longest * sizeof *tags);
    for (size_t i = 0; !err && i < evaluation->n; i++)
        err = add_spans(evaluation, state, i, tags, counts);
    free(tags);
    free(counts);
    elc_eval_fit(evaluation, "f1");
    elc_eval_fit(evaluation, "precision");
    elc_eval_fit(evaluation, "recall");
    return err;
}

static int finish_words(struct elc_evaluation *evaluation, struct state *state) {
    const struct elc_names *labels = &state->labels;
    uint32_t class, none = 0;
    int err = 0;
    for (size_t i = 0; !err && i < labels->n; i++) /* in this order, so with the same numbers */
        err = elc_names_add(&class, &evaluation->classes, labels->items[i].text,
                            labels->items[i].len);
    if (!err && state->n_cut > 0)
        err = elc_names_add(&none, &evaluation->classes, "", 0);
    for (size_t text = 0, i = 0; !err && text < evaluation->n; text++)
        for (; !err && i < state->texts[text].end; i++) {
            const struct word *word = &state->words[i];
            err = elc_eval_add_pair(evaluation, text, word->gold,
                                    word->predicted == NO_LABEL ? none : word->predicted);
        }
    elc_eval_fit(evaluation, "matthews");
    return err ? err : elc_eval_confusion(evaluation);
}

static int finish(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    state->spans = are_spans(&state->labels);
    if (state->n_cut > 0)
        elc_evaluation_warn(evaluation, "%llu words were cut off: %s",
                            (unsigned long long)state->n_cut,
                            state->spans ? "they count as O" : "they count as wrong");
    elc_eval_fit(evaluation, "accuracy");
    elc_eval_fit(evaluation, "f1_*");
    elc_eval_fit(evaluation, "precision_*");
    elc_eval_fit(evaluation, "recall_*");
    return state->spans ? finish_spans(evaluation, state) : finish_words(evaluation, state);
}

/* ---- metrics ---- */

static int compute(const struct elc_evaluation *evaluation, const uint32_t *weights,
                   double *values) {
    const struct state *state = evaluation->state;
    size_t n = evaluation->classes.n;
    double words = 0, correct = 0;
    struct elc_counts *counts = elc_eval_counts(evaluation, weights);
    if (!counts)
        return ELC_ENOMEM;
    for (size_t i = 0; i < evaluation->n; i++) {
        words += elc_eval_weight(weights, i) * (double)state->texts[i].n;
        correct += elc_eval_weight(weights, i) * (double)state->texts[i].n_correct;
    }
    elc_eval_set(evaluation, values, "accuracy", correct / words);
    elc_eval_set(evaluation, values, "matthews", elc_matthews(counts, n));
    elc_eval_set_prf(evaluation, values, "", elc_prf_average(counts, n, ELC_MICRO, true));
    elc_eval_set_prf(evaluation, values, "_macro", elc_prf_average(counts, n, ELC_MACRO, true));
    elc_eval_set_prf(evaluation, values, "_weighted",
                     elc_prf_average(counts, n, ELC_WEIGHTED, true));
    free(counts);
    return 0;
}

static void free_state(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    elc_names_free(&state->labels);
    free(state->words);
    free(state->texts);
    free(state->tags);
}

const struct elc_eval_task elc_eval_tag = {
    .name = "tag",
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
