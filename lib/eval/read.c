/* Reading results: records of a stream, or lines of JSON, to one JSON object for each text. */
#include "evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/items.h"
#include "electra/json.h"
#include "electra/lines.h"
#include "electra/tokenize.h"

/* ---- which task? ---- */

static bool has(const json_t *result, const char *key) {
    return json_object_get(result, key) != NULL;
}

static const struct elc_eval_task *classification(const json_t *labels) {
    return json_is_array(labels) ? &elc_eval_set_of_labels : &elc_eval_classify;
}

/* By the keys of a line; NULL: of none. */
static const struct elc_eval_task *task_of_line(const json_t *result) {
    if (has(result, "pll"))
        return &elc_eval_pll;
    if (has(result, "answer"))
        return &elc_eval_qa;
    if (has(result, "labels"))
        return &elc_eval_tag;
    if (has(result, "value"))
        return &elc_eval_regress;
    if (has(result, "label"))
        return classification(json_object_get(result, "label"));
    if (has(result, "tokens"))
        return has(result, "score") ? &elc_eval_rtd : &elc_eval_fill;
    return NULL;
}

/* By the header's name; NULL: of none. */
static const struct elc_eval_task *task_of_name(const char *name) {
    static const struct elc_eval_task *const tasks[] = {
        &elc_eval_classify, &elc_eval_regress, &elc_eval_tag, &elc_eval_qa,
        &elc_eval_rtd,      &elc_eval_fill,    &elc_eval_pll};
    for (size_t i = 0; name && i < sizeof tasks / sizeof *tasks; i++)
        if (strcmp(tasks[i]->name, name) == 0)
            return tasks[i];
    return NULL;
}

/* Options that have a meaning for some tasks alone. */
static int check_options(const struct elc_evaluation_options *options,
                         const struct elc_eval_task *task) {
    if (options->positive && task != &elc_eval_classify)
        return elc_fail(ELC_EINVAL, "there is no positive class among results of %s%s", task->name,
                        task == &elc_eval_set_of_labels ? " with several labels" : "");
    if ((options->squad != ELC_RULES_BY_DATA || options->has_threshold) && task != &elc_eval_qa)
        return elc_fail(ELC_EINVAL, "rules and thresholds of SQuAD are not for results of %s",
                        task->name);
    return 0;
}

/* From now on results are of this task. */
static int begin(struct elc_evaluation *evaluation, const struct elc_eval_task *task) {
    int err = check_options(&evaluation->options, task);
    if (err)
        return err;
    evaluation->task = task;
    evaluation->state = calloc(1, task->state_size);
    return evaluation->state ? 0 : elc_fail_memory(task->state_size);
}

/* ---- one text ---- */

/* Why a program rejected the text, or NULL. */
static const char *why_rejected(const struct elc_evaluation *evaluation, const json_t *result) {
    const json_t *error = json_object_get(result, "error");
    if (error)
        return json_is_string(error) ? json_string_value(error) : "rejected";
    if (evaluation->options.keep_going && evaluation->task && evaluation->task->has_gold &&
        !has(result, "gold"))
        return "there is no gold";
    return NULL;
}

/* A text that electra-score rejected: left out, or the end. */
static int reject(struct elc_evaluation *evaluation, const char *why) {
    evaluation->n_rejected++;
    if (!evaluation->options.keep_going)
        return elc_fail(ELC_EFORMAT, "it was rejected: %s", why);
    return 0;
}

/* ---- JSON Lines ---- */

static int take_line(struct elc_evaluation *evaluation, const char *line, size_t len) {
    json_error_t error;
    json_t *result = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    int err = 0;
    const char *why = NULL;
    if (!result && error.text[0] == '\0') /* Jansson has no words for it */
        return elc_fail_memory(0);
    if (!result)
        return elc_fail(ELC_EFORMAT, "not JSON: %s (column %d)", error.text, error.column);
    if (!json_is_object(result))
        err = elc_fail(ELC_EFORMAT, "it is no object of JSON");
    if (!err && !evaluation->task && !has(result, "error")) {
        const struct elc_eval_task *task = task_of_line(result);
        err = task ? begin(evaluation, task)
                   : elc_fail(ELC_EFORMAT, "it has no result that can be evaluated");
    }
    if (!err)
        why = why_rejected(evaluation, result);
    if (why)
        err = reject(evaluation, why);
    else if (!err)
        err = elc_evaluation_add(evaluation, &(struct elc_eval_result){result, NULL, NULL});
    json_decref(result);
    return err;
}

static int read_lines(struct elc_evaluation *evaluation, char *const *paths, size_t n_paths) {
    struct elc_lines *lines = NULL;
    struct elc_chunk chunk = {0};
    int err = elc_lines_new(&lines, paths, n_paths, false), got = 0;
    while (!err && (got = elc_lines_next(lines, &chunk)) > 0) {
        const char *line;
        size_t position = 0, len;
        for (uint64_t i = 0; !err && elc_chunk_line(&chunk, &position, &line, &len); i++) {
            err = take_line(evaluation, line, len);
            if (err)
                err = elc_context(err, "%s: line %llu", chunk.name,
                                  (unsigned long long)(chunk.first_line + i));
        }
    }
    elc_buffer_free(&chunk.text);
    elc_lines_destroy(lines);
    return err ? err : got;
}

/* ---- streams ---- */

/* {"$map": [[key, value]…]}, as maps are written that have keys with a $, as an object. */
static json_t *plain_map(json_t *value) {
    const json_t *pairs = json_object_get(value, "$map");
    json_t *object = pairs ? json_object() : NULL;
    if (!pairs)
        return value;
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        const json_t *pair = json_array_get(pairs, i);
        const char *key = json_string_value(json_array_get(pair, 0));
        if (key)
            (void)json_object_set(object, key, json_array_get(pair, 1));
    }
    json_decref(value);
    return object;
}

/* A value that is no text, number or truth, by way of its JSON. */
static int from_container(json_t **value, const struct elc_field *field) {
    struct elc_buffer text = {0};
    json_error_t error;
    int err = elc_json_from_value(&text, field);
    *value = err ? NULL
                 : json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL,
                              &error);
    if (!err && !*value)
        err = error.text[0] ? elc_fail(ELC_EFORMAT, "%s", error.text) : elc_fail_memory(0);
    elc_buffer_free(&text);
    if (!err && !(*value = plain_map(*value)))
        err = elc_fail_memory(0);
    return err;
}

static int from_field(json_t **value, const struct elc_field *field) {
    const char *text = (const char *)field->as.bytes.data;
    if (field->type == ELC_STR)
        *value = json_stringn(text, field->as.bytes.len);
    else if (field->type == ELC_UINT && field->as.uint <= INT64_MAX)
        *value = json_integer((json_int_t)field->as.uint);
    else if (field->type == ELC_INT)
        *value = json_integer(field->as.sint);
    else if (field->type == ELC_REAL && isfinite(field->as.real))
        *value = json_real(field->as.real);
    else if (field->type == ELC_BOOL)
        *value = json_boolean(field->as.boolean);
    else
        return from_container(value, field);
    return *value ? 0 : elc_fail_memory(0);
}

static int take_field(json_t *result, const struct elc_record *record, const char *key,
                      const char *name) {
    const struct elc_field *field = elc_record_find(record, key);
    if (!field)
        return 0;
    if (field->type == ELC_STR && elc_utf8_valid((const char *)field->as.bytes.data,
                                                 field->as.bytes.len) < field->as.bytes.len)
        return elc_fail(ELC_EFORMAT, "key '%s' is not UTF-8", key);
    json_t *value;
    int err = from_field(&value, field);
    if (err)
        return elc_context(err, "key '%s'", key);
    return json_object_set_new(result, name, value) == 0 ? 0 : elc_fail_memory(0);
}

/* What the task reads of a record, with JSON Lines' keys. */
static int convert(json_t *result, const struct elc_eval_task *task,
                   const struct elc_record *record) {
    int err = take_field(result, record, "id", "id");
    if (!err)
        err = take_field(result, record, "error", "error");
    for (const struct elc_eval_key *key = task->keys; !err && !task->add_record && key->record;
         key++)
        err = take_field(result, record, key->record, key->json);
    if (!err && task->add_record && elc_record_find(record, task->keys->record))
        err = json_object_set_new(result, "gold", json_true()) ? elc_fail_memory(0) : 0;
    if (!err && json_is_true(json_object_get(result, "impossible")) && !has(result, "gold"))
        err = json_object_set_new(result, "gold", json_array()) ? elc_fail_memory(0) : 0;
    return err;
}

static int take_record(struct elc_evaluation *evaluation, const struct elc_record *record,
                       const struct elc_header *header) {
    uint64_t window, n_windows;
    const struct elc_eval_task *task = task_of_name(header->task);
    int err = elc_record_window(record, &window, &n_windows);
    if (err || (task->windows && window > 1))
        return err;
    const struct elc_field *predicted = elc_record_find(record, "predicted");
    json_t *result = json_object();
    err = result ? convert(result, task, record) : elc_fail_memory(0);
    if (!err && !evaluation->task && !has(result, "error")) {
        if (task == &elc_eval_classify && predicted && predicted->type == ELC_ARRAY)
            task = &elc_eval_set_of_labels;
        err = begin(evaluation, task);
    }
    const char *why = err ? NULL : why_rejected(evaluation, result);
    if (why)
        err = reject(evaluation, why);
    else if (!err)
        err = elc_evaluation_add(evaluation, &(struct elc_eval_result){result, record, header});
    json_decref(result);
    return err;
}

static int check_header(const struct elc_evaluation *evaluation, const struct elc_header *header) {
    if (header->kind != ELC_SCORES)
        return elc_fail(ELC_EMISMATCH, "it holds %s, not scores (electra-score --format stream)",
                        elc_kind_name(header->kind));
    if (!task_of_name(header->task))
        return elc_fail(ELC_EMISMATCH, "it has results of %s, which cannot be evaluated",
                        header->task ? header->task : "no task");
    if (evaluation->task && strcmp(evaluation->task->name, header->task) != 0)
        return elc_fail(ELC_EMISMATCH, "it has results of %s, what came before of %s", header->task,
                        evaluation->task->name);
    return 0;
}

static int take_block(struct elc_evaluation *evaluation, const struct elc_block *block,
                      const struct elc_reader *reader) {
    struct elc_record record;
    size_t position = 0;
    int got = 0, err = 0;
    for (uint64_t i = 1; !err && (got = elc_record_next(&record, &block->payload, &position)) > 0;
         i++) {
        err = take_record(evaluation, &record, elc_reader_header(reader));
        if (err)
            err = elc_context(err, "%s: record %llu", elc_reader_name(reader),
                              (unsigned long long)(block->first + i));
    }
    return err ? err : got;
}

static int read_stream(struct elc_evaluation *evaluation, char *const *paths, size_t n_paths) {
    struct elc_reader *reader = NULL;
    struct elc_block block = {0};
    int err = elc_reader_new(&reader, paths, n_paths, evaluation->options.force), event = ELC_END;
    if (!err)
        elc_reader_hint(reader, "electra-score --format stream writes one",
                        "--from jsonl reads results in JSON Lines");
    while (!err && (event = elc_reader_next(reader, &block)) > 0) {
        if (event == ELC_BLOCK)
            err = take_block(evaluation, &block, reader);
        else if (event == ELC_HEADER && (err = check_header(evaluation, elc_reader_header(reader))))
            err = elc_context(err, "%s", elc_reader_name(reader));
    }
    elc_buffer_free(&block.payload);
    elc_reader_destroy(reader);
    return err ? err : event;
}

/* ---- all of it ---- */

int elc_evaluation_read(struct elc_evaluation **evaluation, char *const *paths, size_t n_paths,
                        const struct elc_evaluation_options *options) {
    *evaluation = NULL;
    if (options->has_threshold && options->squad == ELC_RULES_1_1)
        return elc_fail(ELC_EINVAL, "SQuAD 1.1's rules know no threshold");
    struct elc_evaluation *made = calloc(1, sizeof *made);
    if (!made)
        return elc_fail_memory(sizeof *made);
    made->options = *options;
    made->name = n_paths > 0 && strcmp(paths[0], "-") != 0 ? paths[0] : "standard input";
    int err = options->jsonl ? read_lines(made, paths, n_paths) : read_stream(made, paths, n_paths);
    if (!err && (err = elc_evaluation_finish(made)))
        err = elc_context(err, "%s", made->name);
    made->name = NULL; /* what is borrowed */
    made->options.positive = NULL;
    if (err) {
        elc_evaluation_destroy(made);
        return err;
    }
    *evaluation = made;
    return 0;
}
