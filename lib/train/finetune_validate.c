/* Validation of fine-tuning: the network without dropout on a stream of its own, and the metrics
 * of its task, by the names that electra-eval has for them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/correlation.h"
#include "electra/counts.h"
#include "electra/entities.h"
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
    uint64_t n_exact;                  /* SET: texts with all labels right */
    struct answer_sums answers;        /* QA */
    struct elc_buffer gold, predicted; /* double: REGRESS */
    struct elc_buffer tags;            /* struct elc_tag: TAG, of each class */
    struct elc_buffer text_gold, text_predicted; /* struct elc_tag: of one text's words */
    bool spans;                                  /* TAG: the labels are BIO's or BIOES's */
};

/* ---- tags ---- */

/* The number of a type: the first class that has it. */
static uint32_t type_number(const struct validation *v, const char *type, size_t len) {
    const struct elc_config *config = &v->f->config;
    for (uint32_t i = 0; i < config->num_labels; i++) {
        char prefix;
        const char *other;
        size_t other_len;
        const char *name = config->labels[i];
        if (elc_tag_split(&prefix, &other, &other_len, name, strlen(name)) && prefix != 'O' &&
            other_len == len && memcmp(other, type, len) == 0)
            return i;
    }
    return 0;
}

/* Takes the classes' names apart; labels that are not all tags of spans have no spans. */
static int split_tags(struct validation *v) {
    const struct elc_config *config = &v->f->config;
    v->spans = v->f->job->task == ELC_TASK_TAG;
    int err = 0;
    for (uint32_t i = 0; !err && v->spans && i < config->num_labels; i++) {
        struct elc_tag tag = {.prefix = 'O'};
        const char *type;
        size_t len;
        v->spans =
            elc_tag_split(&tag.prefix, &type, &len, config->labels[i], strlen(config->labels[i]));
        if (v->spans && tag.prefix != 'O')
            tag.type = type_number(v, type, len);
        err = elc_buffer_append(&v->tags, &tag, sizeof tag);
    }
    return err;
}

/* ---- predictions ---- */

static uint32_t likeliest(const elc_float *logits, size_t n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

static void count_class(struct validation *v, uint32_t gold, uint32_t predicted) {
    v->counts[gold].gold++;
    v->counts[predicted].predicted++;
    v->counts[gold].correct += gold == predicted;
}

static void add_classes(struct validation *v, const struct elc_task_batch *batch,
                        const elc_float *logits) {
    const size_t n = v->f->config.num_labels;
    for (size_t i = 0; i < batch->n_items; i++)
        count_class(v, batch->classes[i], likeliest(logits + i * n, n));
}

static void add_sets(struct validation *v, const struct elc_task_batch *batch,
                     const elc_float *logits) {
    const size_t n = v->f->config.num_labels;
    for (size_t i = 0; i < batch->n_items; i++) {
        bool exact = true;
        for (size_t k = 0; k < n; k++) {
            const bool gold = batch->values[i * n + k] > 0, predicted = logits[i * n + k] > 0;
            v->counts[k].gold += gold;
            v->counts[k].predicted += predicted;
            v->counts[k].correct += gold && predicted;
            exact = exact && gold == predicted;
        }
        v->n_exact += exact;
    }
}

static int add_numbers(struct validation *v, const struct elc_task_batch *batch,
                       const elc_float *outputs) {
    const size_t n = batch->n_items * v->f->config.num_labels;
    int err = 0;
    for (size_t i = 0; !err && i < n; i++) {
        const double gold = (double)batch->values[i], predicted = (double)outputs[i];
        err = elc_buffer_append(&v->gold, &gold, sizeof gold);
        if (!err)
            err = elc_buffer_append(&v->predicted, &predicted, sizeof predicted);
    }
    return err;
}

/* The words of each text as tags, and the spans that they make. */
static int add_spans(struct validation *v, const struct elc_task_batch *batch,
                     const elc_float *logits) {
    const struct elc_tag *tags = (const struct elc_tag *)(const void *)v->tags.data;
    const size_t n = v->f->config.num_labels;
    int err = 0;
    for (size_t text = 0, i = 0; !err && text < batch->texts.n_sequences; text++) {
        v->text_gold.len = v->text_predicted.len = 0;
        for (; !err && i < batch->n_items && batch->rows[i] < batch->texts.starts[text + 1]; i++) {
            err = elc_buffer_append(&v->text_gold, &tags[batch->classes[i]], sizeof *tags);
            if (!err)
                err = elc_buffer_append(&v->text_predicted, &tags[likeliest(logits + i * n, n)],
                                        sizeof *tags);
        }
        elc_span_count(v->counts, (const struct elc_tag *)(const void *)v->text_gold.data,
                       (const struct elc_tag *)(const void *)v->text_predicted.data,
                       v->text_gold.len / sizeof *tags);
    }
    return err;
}

static int add_part(struct validation *v, const struct elc_task_batch *batch) {
    struct elc_finetune_sums sums;
    int err = elc_finetune_evaluate(&sums, v->f->finetune, batch);
    if (err || batch->n_items == 0)
        return err;
    const elc_float *logits = elc_finetune_logits(v->f->finetune);
    elc_finetune_sums_add(&v->sums, &sums);
    switch (v->f->job->task) {
    case ELC_TASK_CLASSIFY:
        add_classes(v, batch, logits);
        return 0;
    case ELC_TASK_SET:
        add_sets(v, batch, logits);
        return 0;
    case ELC_TASK_REGRESS:
        return add_numbers(v, batch, logits);
    case ELC_TASK_TAG:
        if (v->spans)
            return add_spans(v, batch, logits);
        add_classes(v, batch, logits);
        return 0;
    case ELC_TASK_QA: /* window by window, in read_answers */
        return 0;
    }
    return 0;
}

/* ---- reading ---- */

static int evaluate(struct validation *v) {
    struct elc_task_batches *batches = &v->f->valid_batches;
    int err = 0;
    for (size_t i = 0; !err && i < batches->n_parts; i++)
        err = add_part(v, &batches->parts[i]);
    elc_task_batches_clear(batches);
    return err;
}

/* A window of a question's context by itself: its record says where its tokens are. */
static int evaluate_window(struct validation *v, const struct elc_record *record) {
    const size_t n = v->f->valid_batches.labelled.n;
    int err = evaluate(v);
    return err ? err : answer_sums_add(&v->answers, v->f, record, n);
}

/* Labels that were not seen in training are here only if they are to be passed over. */
static int add_record(struct validation *v, const struct elc_record *record) {
    struct finetuning *f = v->f;
    struct elc_task_batches *batches = &f->valid_batches;
    int err = elc_labelled_read(&batches->labelled, record, f->valid_header, &f->labelling);
    if (err)
        return batches->labelled.unseen && f->job->keep_going ? 0 : err;
    err = elc_task_batches_add(batches, &f->labelling);
    if (err)
        return err;
    if (f->job->task == ELC_TASK_QA)
        return evaluate_window(v, record);
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
        {"accuracy", elc_ratio((double)v->n_exact, (double)v->sums.n_items)},
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
        {"accuracy", elc_ratio((double)v->sums.n_correct, (double)v->sums.n_items)},
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
    v.counts = calloc(v.f->config.num_labels, sizeof *v.counts);
    int err = v.counts ? split_tags(&v) : elc_fail_memory(0);
    if (!err)
        err = read_stream(&v);
    if (!err)
        err = report(&v, line);
    free(v.counts);
    elc_buffer_free(&v.gold);
    elc_buffer_free(&v.predicted);
    elc_buffer_free(&v.tags);
    elc_buffer_free(&v.text_gold);
    elc_buffer_free(&v.text_predicted);
    answer_sums_free(&v.answers);
    return err;
}
