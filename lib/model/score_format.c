/* Results as TSV, JSON Lines, records of a stream, and raw floats. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "electra/json.h"
#include "electra/json_text.h"
#include "electra/tokenize.h"
#include "score.h"

/* ---- TSV ---- */

int elc_tsv_token(struct elc_buffer *out, const struct elc_scorer *scorer, uint32_t id) {
    size_t len = 0;
    const char *token = elc_vocab_token(scorer->vocab, id, &len);
    return token ? elc_tsv_text(out, token, len) : 0;
}

int elc_tsv_id(struct elc_buffer *out, const struct elc_record *record) {
    const struct elc_field *id = elc_record_find(record, "id");
    if (!id)
        return elc_fail(ELC_EFORMAT, "key 'id' is missing");
    if (id->type == ELC_STR)
        return elc_tsv_text(out, (const char *)id->as.bytes.data, id->as.bytes.len);
    if (id->type == ELC_UINT)
        return elc_buffer_printf(out, "%llu", (unsigned long long)id->as.uint);
    return elc_buffer_printf(out, "%lld", (long long)id->as.sint);
}

int elc_score_format_names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    return scorer->task->names(out, scorer);
}

/* ---- JSON Lines ---- */

json_t *elc_score_json_number(double value) {
    char text[40];
    if (!isfinite(value))
        return json_null();
    /* Printing this with 15 digits shows no more than these 9. */
    (void)snprintf(text, sizeof text, "%.9g", value);
    return json_real(strtod(text, NULL));
}

json_t *elc_score_json_text(const char *text, size_t len) {
    json_t *string = json_stringn(text, len);
    struct elc_buffer clean = {0};
    if (!string && elc_utf8_clean(&clean, text, len) >= 0)
        string = json_stringn((const char *)clean.data, clean.len);
    elc_buffer_free(&clean);
    return string;
}

json_t *elc_score_json_token(const struct elc_scorer *scorer, uint32_t id) {
    size_t len = 0;
    const char *token = elc_vocab_token(scorer->vocab, id, &len);
    return token ? elc_score_json_text(token, len) : json_null();
}

bool elc_score_json_set(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

/* The key that has the right answers, or NULL where the record has none. */
static const char *find_gold(const struct elc_scorer *scorer, const struct elc_record *record) {
    const char *gold = scorer->task->gold;
    if (gold && elc_record_find(record, gold))
        return gold;
    return elc_record_find(record, "label") ? "label" : NULL;
}

/* Is it a question that is known to have no answer? */
static bool is_impossible(const struct elc_record *record) {
    const struct elc_field *impossible = elc_record_find(record, "impossible");
    return impossible && impossible->type == ELC_BOOL && impossible->as.boolean;
}

/* object.gold = object[key], which goes; or no answers, where it is known that there are none. */
static bool set_gold(json_t *object, const char *key, const struct elc_record *record) {
    if (!key)
        return !is_impossible(record) || elc_score_json_set(object, "gold", json_array());
    return json_object_set(object, "gold", json_object_get(object, key)) == 0 &&
           json_object_del(object, key) == 0;
}

/* *object = {"id": …, "gold": …} of a record, by way of its JSON twin. */
static int json_head(json_t **object, const struct elc_scorer *scorer,
                     const struct elc_record *record, unsigned id_width,
                     struct elc_builder *builder) {
    const struct elc_field *id = elc_record_find(record, "id");
    const char *gold = find_gold(scorer, record);
    struct elc_buffer line = {0};
    struct elc_record head;
    size_t position = 0;
    json_error_t error;
    *object = NULL;
    elc_builder_reset(builder);
    int err = id ? elc_builder_field(builder, id) : elc_fail(ELC_EFORMAT, "key 'id' is missing");
    if (!err && gold)
        err = elc_builder_field(builder, elc_record_find(record, gold));
    if (!err)
        err = elc_builder_finish(builder);
    if (!err)
        err = elc_record_next(&head, &builder->record, &position);
    if (err >= 0)
        err = elc_json_from_record(&line, &head, &(struct elc_json_options){.id_width = id_width});
    if (!err) {
        *object = json_loadb((const char *)line.data, line.len, JSON_ALLOW_NUL, &error);
        if (!*object) /* Jansson has no words for it when there is no memory */
            err = error.text[0] ? elc_fail(ELC_EFORMAT, "%s", error.text) : elc_fail_memory(0);
    }
    if (!err && !set_gold(*object, gold, record)) {
        err = elc_fail_memory(0);
        json_decref(*object);
    }
    elc_buffer_free(&line);
    return err;
}

/* Appends the object as a line and lets go of it. */
static int json_line(struct elc_buffer *out, json_t *object, bool good) {
    char *text = good ? elc_json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(object);
    int err = text ? elc_buffer_append(out, text, strlen(text)) : elc_fail_memory(0);
    free(text);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int json_result(struct elc_buffer *out, const struct elc_scorer *scorer,
                       const struct elc_score_text *text, const struct elc_score_result *result,
                       struct elc_builder *builder) {
    json_t *object;
    int err = json_head(&object, scorer, text->record, text->id_width, builder);
    return err ? err : json_line(out, object, scorer->task->json(object, scorer, text, result));
}

/* ---- records ---- */

static bool is_key(const struct elc_field *field, const char *key) {
    return strlen(key) == field->key_len && memcmp(key, field->key, field->key_len) == 0;
}

/* Keys that results take; those of the input give way. */
static bool is_result_key(const struct elc_scorer *scorer, const struct elc_field *field) {
    for (const char *const *key = scorer->task->keys; *key; key++)
        if (is_key(field, *key))
            return true;
    return is_key(field, "error");
}

static int copy_fields(struct elc_builder *builder, const struct elc_scorer *scorer,
                       const struct elc_record *record) {
    int err = 0;
    elc_builder_reset(builder);
    for (size_t i = 0; !err && i < record->n_fields; i++)
        if (!is_result_key(scorer, &record->fields[i]))
            err = elc_builder_field(builder, &record->fields[i]);
    return err;
}

static int finish_record(struct elc_buffer *out, struct elc_builder *builder) {
    int err = elc_builder_finish(builder);
    return err ? err : elc_buffer_append(out, builder->record.data, builder->record.len);
}

static int stream_result(struct elc_buffer *out, const struct elc_scorer *scorer,
                         const struct elc_score_text *text, const struct elc_score_result *result,
                         struct elc_builder *builder) {
    int err = copy_fields(builder, scorer, text->record);
    if (!err)
        err = scorer->task->record(builder, scorer, text, result);
    return err ? err : finish_record(out, builder);
}

int elc_score_format_bare(struct elc_buffer *out, const struct elc_scorer *scorer,
                          const struct elc_record *record, struct elc_builder *builder) {
    if (scorer->options.format != ELC_SCORE_STREAM)
        return 0;
    int err = copy_fields(builder, scorer, record);
    return err ? err : finish_record(out, builder);
}

/* ---- all of them ---- */

int elc_score_format_result(struct elc_buffer *out, const struct elc_scorer *scorer,
                            const struct elc_score_text *text,
                            const struct elc_score_result *result, struct elc_builder *builder) {
    switch (scorer->options.format) {
    case ELC_SCORE_TSV:
        return scorer->task->tsv(out, scorer, text, result);
    case ELC_SCORE_JSONL:
        return json_result(out, scorer, text, result, builder);
    case ELC_SCORE_STREAM:
        return stream_result(out, scorer, text, result, builder);
    case ELC_SCORE_F32:
        break;
    }
    return elc_buffer_append(out, result->vector, result->width * sizeof *result->vector);
}

static int tsv_rejected(struct elc_buffer *out, const struct elc_scorer *scorer,
                        const struct elc_record *record) {
    const bool blank_line = scorer->options.tokens || scorer->task->blank_line;
    int err = elc_tsv_id(out, record);
    return err ? err : elc_buffer_printf(out, "\t!error\n%s", blank_line ? "\n" : "");
}

static int json_rejected(struct elc_buffer *out, const struct elc_scorer *scorer,
                         const struct elc_record *record, unsigned id_width, const char *message,
                         struct elc_builder *builder) {
    json_t *object;
    int err = json_head(&object, scorer, record, id_width, builder);
    if (err)
        return err;
    return json_line(
        out, object,
        elc_score_json_set(object, "error", elc_score_json_text(message, strlen(message))));
}

static int stream_rejected(struct elc_buffer *out, const struct elc_scorer *scorer,
                           const struct elc_record *record, const char *message,
                           struct elc_builder *builder) {
    int err = copy_fields(builder, scorer, record);
    if (!err)
        err = elc_builder_str(builder, "error", message, strlen(message));
    return err ? err : finish_record(out, builder);
}

static int f32_rejected(struct elc_buffer *out, const struct elc_scorer *scorer) {
    const float nan_value = NAN;
    int err = 0;
    for (size_t i = 0; !err && i < scorer->task->width(scorer); i++)
        err = elc_buffer_append(out, &nan_value, sizeof nan_value);
    return err;
}

int elc_score_format_rejected(struct elc_buffer *out, const struct elc_scorer *scorer,
                              const struct elc_record *record, unsigned id_width,
                              const char *message, struct elc_builder *builder) {
    switch (scorer->options.format) {
    case ELC_SCORE_TSV:
        return tsv_rejected(out, scorer, record);
    case ELC_SCORE_JSONL:
        return json_rejected(out, scorer, record, id_width, message, builder);
    case ELC_SCORE_STREAM:
        return stream_rejected(out, scorer, record, message, builder);
    case ELC_SCORE_F32:
        break;
    }
    return f32_rejected(out, scorer);
}
