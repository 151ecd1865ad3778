/* Texts, gold, classes and metrics of any task. */
#include "evaluation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "electra/json_text.h"

/* ---- for the tasks ---- */

void elc_evaluation_warn(const struct elc_evaluation *evaluation, const char *format, ...) {
    char message[512];
    int len = snprintf(message, 200, "%s: ", evaluation->name);
    va_list arguments;
    va_start(arguments, format);
    len = len < 200 ? len : 199;
    (void)vsnprintf(message + len, sizeof message - (size_t)len, format, arguments);
    va_end(arguments);
    if (evaluation->options.warn)
        evaluation->options.warn(evaluation->options.context, message);
}

int elc_eval_number(double *number, const json_t *value, const char *key) {
    *number = json_number_value(value);
    if (!json_is_number(value) || !isfinite(*number))
        return elc_fail(ELC_EFORMAT, "'%s' is not a finite number", key);
    return 0;
}

int elc_eval_class(uint32_t *number, struct elc_evaluation *evaluation, const json_t *value,
                   const char *key) {
    if (json_is_string(value))
        return elc_names_add(number, &evaluation->classes, json_string_value(value),
                             json_string_length(value));
    if (!json_is_number(value) && !json_is_boolean(value))
        return elc_fail(ELC_EFORMAT, "'%s' is not a class", key);
    char *text = elc_json_dumps(value, JSON_ENCODE_ANY);
    int err =
        text ? elc_names_add(number, &evaluation->classes, text, strlen(text)) : elc_fail_memory(0);
    free(text);
    return err;
}

int elc_eval_add_part(struct elc_evaluation *evaluation, const struct elc_part *part) {
    int err = elc_grow(&evaluation->parts, &evaluation->part_capacity, evaluation->n_parts + 1,
                       sizeof *evaluation->parts);
    if (!err)
        evaluation->parts[evaluation->n_parts++] = *part;
    return err;
}

int elc_eval_add_pair(struct elc_evaluation *evaluation, size_t text, uint32_t gold,
                      uint32_t predicted) {
    uint32_t correct = gold == predicted;
    struct elc_part part = {(uint32_t)text, gold, 1, correct, correct};
    int err = elc_eval_add_part(evaluation, &part);
    part = (struct elc_part){(uint32_t)text, predicted, 0, 1, 0};
    return err || correct ? err : elc_eval_add_part(evaluation, &part);
}

int elc_eval_confusion(struct elc_evaluation *evaluation) {
    size_t n = evaluation->classes.n;
    if (n == 0 || n > ELC_CONFUSION_LIMIT)
        return 0;
    evaluation->confusion = calloc(n * n, sizeof *evaluation->confusion);
    if (!evaluation->confusion)
        return elc_fail_memory(n * n * sizeof *evaluation->confusion);
    for (size_t i = 0; i < evaluation->n_parts; i++) {
        const struct elc_part *gold = &evaluation->parts[i];
        const struct elc_part *predicted = gold->correct ? gold : &evaluation->parts[++i];
        evaluation->confusion[gold->class * n + predicted->class]++;
    }
    return 0;
}

struct elc_counts *elc_eval_counts(const struct elc_evaluation *evaluation,
                                   const uint32_t *weights) {
    struct elc_counts *counts = calloc(evaluation->classes.n + 1, sizeof *counts);
    if (!counts) {
        elc_fail_memory(evaluation->classes.n * sizeof *counts);
        return NULL;
    }
    for (size_t i = 0; i < evaluation->n_parts; i++) {
        const struct elc_part *part = &evaluation->parts[i];
        uint64_t weight = weights ? weights[part->text] : 1;
        counts[part->class].gold += weight * part->gold;
        counts[part->class].predicted += weight * part->predicted;
        counts[part->class].correct += weight * part->correct;
    }
    return counts;
}

static size_t metric(const struct elc_eval_task *task, const char *name) {
    size_t i = 0;
    while (strcmp(task->metrics[i].name, name) != 0)
        i++;
    return i;
}

void elc_eval_fit(struct elc_evaluation *evaluation, const char *name) {
    size_t len = strcspn(name, "*");
    const struct elc_metric *metrics = evaluation->task->metrics;
    for (size_t i = 0; metrics[i].name; i++)
        if (strncmp(metrics[i].name, name, name[len] ? len : len + 1) == 0)
            evaluation->fits[i] = true;
}

void elc_eval_set(const struct elc_evaluation *evaluation, double *values, const char *name,
                  double value) {
    values[metric(evaluation->task, name)] = value;
}

void elc_eval_set_prf(const struct elc_evaluation *evaluation, double *values, const char *suffix,
                      struct elc_prf prf) {
    char name[32];
    (void)snprintf(name, sizeof name, "f1%s", suffix);
    elc_eval_set(evaluation, values, name, prf.f1);
    (void)snprintf(name, sizeof name, "precision%s", suffix);
    elc_eval_set(evaluation, values, name, prf.precision);
    (void)snprintf(name, sizeof name, "recall%s", suffix);
    elc_eval_set(evaluation, values, name, prf.recall);
}

/* ---- texts ---- */

/* XXH3-64 of the value's JSON, keys sorted. */
static int digest_json(uint64_t *digest, const json_t *value) {
    char *text = elc_json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return elc_fail_memory(0);
    *digest = XXH3_64bits(text, strlen(text));
    free(text);
    return 0;
}

/* An id as text: what a string says, a number in digits. */
static int keep_id(const char **kept, struct elc_arena *arena, const json_t *id) {
    char digits[32];
    const char *text = json_string_value(id);
    size_t len = json_string_length(id);
    if (json_is_integer(id)) {
        len = (size_t)snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT,
                               json_integer_value(id));
        text = digits;
    }
    if (!text)
        return elc_fail(ELC_EFORMAT, "'id' is neither a string nor a whole number");
    *kept = elc_arena_text(arena, text, len);
    return *kept ? 0 : ELC_ENOMEM;
}

/* What is gold, as a number that differs where it differs. */
static int digest_gold(uint64_t *digest, const struct elc_eval_task *task,
                       const struct elc_eval_result *result) {
    const json_t *gold = json_object_get(result->json, "gold");
    const struct elc_field *field =
        result->record ? elc_record_find(result->record, task->keys[0].record) : NULL;
    if (task->add_record && field) {
        *digest = XXH3_64bits(field->raw, field->raw_len);
        return 0;
    }
    if (gold)
        return digest_json(digest, gold);
    return task->has_gold ? elc_fail(ELC_EFORMAT, "there is no gold ('%s')",
                                     result->record ? task->keys[0].record : "gold")
                          : 0;
}

int elc_evaluation_add(struct elc_evaluation *evaluation, const struct elc_eval_result *result) {
    const struct elc_eval_task *task = evaluation->task;
    struct elc_eval_text text = {0};
    if (evaluation->n == UINT32_MAX)
        return elc_fail(ELC_ELIMIT, "there are more than %lu texts", (unsigned long)UINT32_MAX);
    int err = elc_grow(&evaluation->texts, &evaluation->capacity, evaluation->n + 1,
                       sizeof *evaluation->texts);
    if (!err)
        err = keep_id(&text.id, &evaluation->arena, json_object_get(result->json, "id"));
    if (!err)
        err = digest_gold(&text.gold, task, result);
    if (!err && result->record && task->add_record)
        err = task->add_record(evaluation, result->record, result->header);
    else if (!err)
        err = task->add(evaluation, json_object_get(result->json, "gold"), result->json);
    if (!err)
        evaluation->texts[evaluation->n++] = text;
    return err;
}

int elc_evaluation_finish(struct elc_evaluation *evaluation) {
    if (evaluation->n == 0)
        return elc_fail(ELC_EFORMAT, "there is no text to evaluate");
    int err = evaluation->task->finish(evaluation);
    if (!err && evaluation->classes.n > 0) {
        evaluation->counts = elc_eval_counts(evaluation, NULL);
        err = evaluation->counts ? 0 : ELC_ENOMEM;
    }
    return err;
}

void elc_evaluation_destroy(struct elc_evaluation *evaluation) {
    if (!evaluation)
        return;
    if (evaluation->task && evaluation->state)
        evaluation->task->free(evaluation);
    free(evaluation->state);
    free(evaluation->texts);
    free(evaluation->parts);
    free(evaluation->counts);
    free(evaluation->confusion);
    elc_names_free(&evaluation->classes);
    elc_arena_free(&evaluation->arena);
    free(evaluation);
}

/* ---- what there is ---- */

const char *elc_evaluation_task(const struct elc_evaluation *evaluation) {
    return evaluation->task->name;
}

size_t elc_evaluation_texts(const struct elc_evaluation *evaluation) {
    return evaluation->n;
}

uint64_t elc_evaluation_rejected(const struct elc_evaluation *evaluation) {
    return evaluation->n_rejected;
}

const struct elc_metric *elc_evaluation_metrics(const struct elc_evaluation *evaluation,
                                                size_t *n) {
    const struct elc_metric *metrics = evaluation->task->metrics;
    for (*n = 0; metrics[*n].name;)
        ++*n;
    return metrics;
}

bool elc_evaluation_fits(const struct elc_evaluation *evaluation, size_t i) {
    return evaluation->fits[i];
}

int elc_evaluation_compute(const struct elc_evaluation *evaluation, const uint32_t *weights,
                           double *values) {
    size_t n;
    (void)elc_evaluation_metrics(evaluation, &n);
    for (size_t i = 0; i < n; i++)
        values[i] = NAN;
    int err = evaluation->task->compute(evaluation, weights, values);
    for (size_t i = 0; i < n; i++)
        if (!evaluation->fits[i])
            values[i] = NAN;
    return err;
}

int elc_evaluation_check_same(const struct elc_evaluation *a, const struct elc_evaluation *b) {
    if (a->task != b->task)
        return elc_fail(ELC_EMISMATCH, "one has results of %s, the other of %s", a->task->name,
                        b->task->name);
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        if (strcmp(a->texts[i].id, b->texts[i].id) != 0)
            return elc_fail(ELC_EMISMATCH, "text %zu has the id '%s' in one, '%s' in the other",
                            i + 1, a->texts[i].id, b->texts[i].id);
        if (a->texts[i].gold != b->texts[i].gold)
            return elc_fail(ELC_EMISMATCH, "text '%s' does not have the same gold in both",
                            a->texts[i].id);
    }
    if (a->n != b->n)
        return elc_fail(ELC_EMISMATCH, "one has %zu texts, the other %zu", a->n, b->n);
    return 0;
}

size_t elc_evaluation_classes(const struct elc_evaluation *evaluation) {
    return evaluation->counts ? evaluation->classes.n : 0;
}

const char *elc_evaluation_class(const struct elc_evaluation *evaluation, size_t i, size_t *len) {
    const struct elc_name *name = &evaluation->classes.items[evaluation->classes.sorted[i]];
    *len = name->len;
    return name->text;
}

struct elc_counts elc_evaluation_counts(const struct elc_evaluation *evaluation, size_t i) {
    return evaluation->counts[evaluation->classes.sorted[i]];
}

bool elc_evaluation_has_confusion(const struct elc_evaluation *evaluation) {
    return evaluation->confusion != NULL;
}

uint64_t elc_evaluation_confusion(const struct elc_evaluation *evaluation, size_t gold,
                                  size_t predicted) {
    const uint32_t *sorted = evaluation->classes.sorted;
    return evaluation->confusion[sorted[gold] * evaluation->classes.n + sorted[predicted]];
}
