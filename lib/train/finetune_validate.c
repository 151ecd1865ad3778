/* Validation of fine-tuning: the network without dropout on a stream of its own, and the metrics
 * of its task, by the names that electra-eval has for them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/correlation.h"
#include "electra/counts.h"
#include "electra/items.h"
#include "electra/nn.h"
#include "finetune_inside.h"

enum { VALID_TEXTS = 64 }; /* read at a time */

static const char *const classify_metrics[] = {"accuracy", "f1",   "f1_macro",
                                               "matthews", "loss", NULL};
static const char *const set_metrics[] = {"f1_micro", "f1_macro", "accuracy", "loss", NULL};
static const char *const regress_metrics[] = {"pearson", "spearman", "mse", "loss", NULL};
static const char *const tag_metrics[] = {"f1", "precision", "recall", "accuracy", "loss", NULL};
static const char *const qa_metrics[] = {"f1", "exact", "loss", NULL};

const char *const *elc_finetune_metrics(enum elc_finetune_task task) {
    switch (task) {
    case ELC_TASK_CLASSIFY:
        return classify_metrics;
    case ELC_TASK_SET:
        return set_metrics;
    case ELC_TASK_REGRESS:
        return regress_metrics;
    case ELC_TASK_TAG:
        return tag_metrics;
    case ELC_TASK_QA:
        return qa_metrics;
    }
    return NULL;
}

const char *elc_finetune_metric(enum elc_finetune_task task) {
    return elc_finetune_metrics(task)[0];
}

/* What is gathered over the stream. */
struct validation {
    struct finetuning *f;
    struct elc_finetune_sums sums;
    struct elc_counts *counts;         /* [n] of classes; of spans' types, which are fewer */
    uint64_t n_texts;                  /* SET */
    uint64_t n_exact;                  /* SET: texts with all labels right */
    struct tag_sums tags;              /* TAG */
    struct answer_sums answers;        /* QA */
    struct elc_buffer gold, predicted; /* double: REGRESS */
    struct elc_buffer places;          /* struct place of each text that waits to be evaluated */
    double *scores;                    /* [n] of a text: probabilities of classes, or numbers */
    double *window;                    /* [n] of a window: probabilities of classes */
};

/* A text among windows: it is number k of n. */
struct place {
    uint64_t k, n;
};

/* ---- predictions, one text at a time ---- */

static void add_class(struct validation *v, uint32_t gold) {
    const size_t best = elc_likeliest(v->scores, v->f->config.num_labels);
    v->counts[gold].gold++;
    v->counts[best].predicted++;
    v->counts[gold].correct += gold == best;
}

static void add_set(struct validation *v, const float *gold) {
    bool exact = true;
    for (size_t i = 0; i < v->f->config.num_labels; i++) {
        const bool is = gold[i] > 0, predicted = v->scores[i] > 0.5;
        v->counts[i].gold += is;
        v->counts[i].predicted += predicted;
        v->counts[i].correct += is && predicted;
        exact = exact && is == predicted;
    }
    v->n_exact += exact;
    v->n_texts++;
}

static int add_numbers(struct validation *v, const float *gold) {
    int err = 0;
    for (size_t i = 0; !err && i < v->f->config.num_labels; i++) {
        const double number = (double)gold[i];
        err = elc_buffer_append(&v->gold, &number, sizeof number);
        if (!err)
            err = elc_buffer_append(&v->predicted, &v->scores[i], sizeof number);
    }
    return err;
}

/* The probabilities of a window's classes, or its numbers, added to those of the windows before, as
 * electra-score does. */
static void add_window(struct validation *v, const elc_float *logits, const struct place *place) {
    const size_t n = v->f->config.num_labels;
    const enum elc_finetune_task task = v->f->job->task;
    if (task == ELC_TASK_CLASSIFY)
        elc_softmax_double(v->window, logits, n);
    for (size_t i = 0; i < n; i++) {
        const double number = task == ELC_TASK_CLASSIFY ? v->window[i]
                              : task == ELC_TASK_SET    ? 1 / (1 + exp(-(double)logits[i]))
                                                        : (double)logits[i];
        v->scores[i] = (place->k == 1 ? 0 : v->scores[i]) + number;
    }
}

/* Text i of a batch, which has one item. */
static int add_item(struct validation *v, const struct elc_task_batch *batch, size_t i,
                    const elc_float *logits, const struct place *place) {
    const size_t n = v->f->config.num_labels;
    add_window(v, logits + i * n, place);
    if (place->k < place->n)
        return 0;
    for (size_t k = 0; k < n; k++)
        v->scores[k] /= (double)place->n;
    switch (v->f->job->task) {
    case ELC_TASK_CLASSIFY:
        add_class(v, batch->classes[i]);
        return 0;
    case ELC_TASK_SET:
        add_set(v, batch->values + i * n);
        return 0;
    default:
        return add_numbers(v, batch->values + i * n);
    }
}

/* The words of each text of a batch. */
static int add_words(struct validation *v, const struct elc_task_batch *batch,
                     const elc_float *logits) {
    const size_t n = v->f->config.num_labels;
    int err = 0;
    for (size_t text = 0, i = 0; !err && text < batch->texts.n_sequences; text++) {
        const size_t first = i;
        while (i < batch->n_items && batch->rows[i] < batch->texts.starts[text + 1])
            i++;
        const struct tag_window all = {
            .n = i - first,
            .gold = batch->classes + first,
            .logits = logits + first * n,
            .is_last = true,
        };
        err = tag_sums_add(&v->tags, &all);
    }
    return err;
}

/* Texts of a batch, whose places are there. */
static int add_part(struct validation *v, const struct elc_task_batch *batch,
                    const struct place *places) {
    struct elc_finetune_sums sums;
    int err = elc_finetune_evaluate(&sums, v->f->finetune, batch);
    if (err || batch->n_items == 0)
        return err;
    const elc_float *logits = elc_finetune_logits(v->f->finetune);
    elc_finetune_sums_add(&v->sums, &sums);
    if (v->f->job->task == ELC_TASK_QA) /* window by window, in read_answers */
        return 0;
    if (v->f->job->task == ELC_TASK_TAG)
        return add_words(v, batch, logits);
    for (size_t i = 0; !err && i < batch->n_items; i++)
        err = add_item(v, batch, i, logits, &places[i]);
    return err;
}

/* ---- reading ---- */

static int evaluate(struct validation *v) {
    struct elc_task_batches *batches = &v->f->valid_batches;
    const struct place *places = (const struct place *)(const void *)v->places.data;
    int err = 0;
    for (size_t i = 0; !err && i < batches->n_parts; i++) {
        err = add_part(v, &batches->parts[i], places);
        places += batches->parts[i].texts.n_sequences;
    }
    elc_task_batches_clear(batches);
    v->places.len = 0;
    return err;
}

/* A window of a question's context by itself: its record says where its tokens are. */
static int evaluate_question(struct validation *v, const struct elc_record *record) {
    const size_t n = v->f->valid_batches.labelled.n;
    int err = evaluate(v);
    return err ? err : answer_sums_add(&v->answers, v->f, record, n);
}

/* A window of a text whose words have labels, the only text of the batches, likewise. */
static int evaluate_words(struct validation *v, const struct elc_record *record,
                          const struct place *place) {
    struct elc_task_batches *batches = &v->f->valid_batches;
    const struct elc_labelled *labelled = &batches->labelled;
    struct elc_finetune_sums sums;
    struct tag_window window = {
        .n = labelled->target.n_words,
        .gold = labelled->target.labels,
        .tokens = labelled->target.words,
        .words = (const uint32_t *)(const void *)labelled->numbers.data,
        .is_last = place->k == place->n,
    };
    int err = tag_best(&window.best, record, labelled->n);
    if (!err)
        err = elc_finetune_evaluate(&sums, v->f->finetune, &batches->parts[0]);
    if (err)
        return err;
    elc_finetune_sums_add(&v->sums, &sums);
    window.logits = elc_finetune_logits(v->f->finetune);
    err = tag_sums_add(&v->tags, &window);
    elc_task_batches_clear(batches);
    v->places.len = 0;
    return err;
}

static int add_record(struct validation *v, const struct elc_record *record) {
    struct finetuning *f = v->f;
    struct elc_task_batches *batches = &f->valid_batches;
    struct place place;
    int err = elc_record_window(record, &place.k, &place.n);
    if (!err)
        err = elc_labelled_read(&batches->labelled, record, f->valid_header, &f->labelling);
    if (err)
        return err;
    const bool apart = f->job->task == ELC_TASK_TAG && place.n > 1;
    if (apart && (err = evaluate(v)))
        return err;
    err = elc_task_batches_add(batches, &f->labelling);
    if (!err)
        err = elc_buffer_append(&v->places, &place, sizeof place);
    if (err)
        return err;
    if (f->job->task == ELC_TASK_QA)
        return evaluate_question(v, record);
    if (apart)
        return evaluate_words(v, record, &place);
    return batches->n_texts == VALID_TEXTS ? evaluate(v) : 0;
}

static int read_stream(struct validation *v) {
    struct finetuning *f = v->f;
    struct elc_examples *valid = f->run->options->valid;
    const uint64_t n = elc_examples_count(valid);
    f->labelling.swap = false;
    elc_task_batches_clear(&f->valid_batches);
    int err = 0;
    for (uint64_t i = 0; !err && i < n; i++) {
        const struct elc_record *record;
        if (f->passed_over.data[i])
            continue;
        err = elc_examples_at(valid, i, &record);
        err = err < 0 ? err : add_record(v, record);
    }
    return err ? err : evaluate(v);
}

/* ---- metrics ---- */

static int report_classes(struct validation *v, json_t *line) {
    const size_t n = v->f->config.num_labels;
    const bool two = n == 2;
    const struct elc_named values[] = {
        {"accuracy", elc_accuracy(v->counts, n)},
        {"f1_macro", elc_prf_average(v->counts, n, ELC_MACRO, true).f1},
        {"matthews", elc_matthews(v->counts, n)},
        {"f1", two ? elc_prf(&v->counts[1]).f1 : NAN},
    };
    return elc_metrics_add(line, "valid_", values, two ? 4 : 3);
}

static int report_sets(struct validation *v, json_t *line) {
    const size_t n = v->f->config.num_labels;
    const struct elc_named values[] = {
        {"f1_micro", elc_prf_average(v->counts, n, ELC_MICRO, false).f1},
        {"f1_macro", elc_prf_average(v->counts, n, ELC_MACRO, false).f1},
        {"accuracy", elc_ratio((double)v->n_exact, (double)v->n_texts)},
    };
    return elc_metrics_add(line, "valid_", values, sizeof values / sizeof *values);
}

static int report_numbers(struct validation *v, json_t *line) {
    const double *gold = (const double *)(const void *)v->gold.data;
    const double *predicted = (const double *)(const void *)v->predicted.data;
    const size_t n = v->gold.len / sizeof *gold;
    double spearman = NAN;
    int err = n > 0 ? elc_spearman(&spearman, gold, predicted, n) : 0;
    const struct elc_named values[] = {
        {"pearson", elc_pearson(gold, predicted, NULL, n)},
        {"spearman", spearman},
        {"mse", elc_errors(gold, predicted, NULL, n).mean_squared},
    };
    return err ? err : elc_metrics_add(line, "valid_", values, sizeof values / sizeof *values);
}

/* Labels that make no spans have precision and recall of their own, each word one. */
static int report_tags(struct validation *v, json_t *line) {
    const struct elc_prf prf = elc_prf_average(v->counts, v->f->config.num_labels, ELC_MICRO, true);
    const struct elc_named values[] = {
        {"f1", prf.f1},
        {"precision", prf.precision},
        {"recall", prf.recall},
        {"accuracy", elc_ratio((double)v->tags.n_correct, (double)v->tags.n_words)},
    };
    return elc_metrics_add(line, "valid_", values, sizeof values / sizeof *values);
}

static int report_answers(struct validation *v, json_t *line) {
    const double n = (double)v->answers.n_texts;
    const struct elc_named values[] = {
        {"f1", elc_ratio(v->answers.f1, n)},
        {"exact", elc_ratio(v->answers.exact, n)},
    };
    return elc_metrics_add(line, "valid_", values, sizeof values / sizeof *values);
}

static int report(struct validation *v, json_t *line) {
    const struct elc_named loss = {"loss", elc_ratio(v->sums.loss, (double)v->sums.n_items)};
    int err = elc_metrics_add(line, "valid_", &loss, 1);
    if (err)
        return err;
    switch (v->f->job->task) {
    case ELC_TASK_CLASSIFY:
        return report_classes(v, line);
    case ELC_TASK_SET:
        return report_sets(v, line);
    case ELC_TASK_REGRESS:
        return report_numbers(v, line);
    case ELC_TASK_TAG:
        return report_tags(v, line);
    case ELC_TASK_QA:
        return report_answers(v, line);
    }
    return 0;
}

int elc_finetune_validate(void *self, json_t *line) {
    struct validation v = {.f = self};
    const size_t n = v.f->config.num_labels;
    v.counts = calloc(n, sizeof *v.counts);
    v.scores = calloc(n, sizeof *v.scores);
    v.window = calloc(n, sizeof *v.window);
    int err = v.counts && v.scores && v.window ? 0 : elc_fail_memory(n * sizeof *v.counts);
    if (!err && v.f->job->task == ELC_TASK_TAG)
        err = tag_sums_begin(&v.tags, &v.f->config, v.counts);
    if (!err)
        err = read_stream(&v);
    if (!err)
        err = report(&v, line);
    free(v.counts);
    free(v.scores);
    free(v.window);
    elc_buffer_free(&v.gold);
    elc_buffer_free(&v.predicted);
    elc_buffer_free(&v.places);
    tag_sums_free(&v.tags);
    answer_sums_free(&v.answers);
    return err;
}
