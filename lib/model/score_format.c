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

/* Tab, newline and backslash as \t, \n and \\. */
static int append_escaped(struct elc_buffer *out, const char *text, size_t len) {
    int err = 0;
    for (size_t at = 0; !err && at < len;) {
        size_t plain = at;
        while (plain < len && text[plain] != '\t' && text[plain] != '\n' && text[plain] != '\\')
            plain++;
        err = elc_buffer_append(out, text + at, plain - at);
        if (!err && plain < len)
            err = elc_buffer_append(out,
                                    text[plain] == '\t'   ? "\\t"
                                    : text[plain] == '\n' ? "\\n"
                                                          : "\\\\",
                                    2);
        at = plain + 1;
    }
    return err;
}

static int append_id(struct elc_buffer *out, const struct elc_record *record) {
    const struct elc_field *id = elc_record_find(record, "id");
    if (!id)
        return elc_fail(ELC_EFORMAT, "key 'id' is missing");
    if (id->type == ELC_STR)
        return append_escaped(out, (const char *)id->as.bytes.data, id->as.bytes.len);
    if (id->type == ELC_UINT)
        return elc_buffer_printf(out, "%llu", (unsigned long long)id->as.uint);
    return elc_buffer_printf(out, "%lld", (long long)id->as.sint);
}

static int tsv_tokens(struct elc_buffer *out, const struct elc_score_layout *layout,
                      const struct elc_score_text *text, const struct elc_score_result *result) {
    int err = 0;
    for (size_t i = 0; !err && i < text->n; i++) {
        size_t len = 0;
        const char *token = elc_vocab_token(layout->vocab, text->ids[i], &len);
        uint32_t start, end;
        elc_score_text_range(text, i, &start, &end);
        err = append_id(out, text->record);
        if (!err)
            err = elc_buffer_append(out, "\t", 1);
        if (!err && token)
            err = append_escaped(out, token, len);
        if (!err)
            err = elc_buffer_printf(out, "\t%u\t%u\t%.6g\n", start, end, result->p[i]);
    }
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int tsv_rtd(struct elc_buffer *out, const struct elc_score_result *result) {
    const struct elc_score_word *word = &result->word;
    int err = elc_buffer_printf(out, "\t%.6g\t%.6g\t", result->score, result->max);
    if (!err)
        err = append_escaped(out, word->text, word->len);
    return err ? err : elc_buffer_printf(out, "\t%u\t%u\n", word->start, word->end);
}

static int tsv_embed(struct elc_buffer *out, const struct elc_score_result *result) {
    int err = 0;
    for (size_t i = 0; !err && i < result->width; i++)
        err = elc_buffer_printf(out, "\t%.6g", (double)result->embedding[i]);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int tsv_result(struct elc_buffer *out, const struct elc_score_layout *layout,
                      const struct elc_score_text *text, const struct elc_score_result *result) {
    if (layout->options->tokens)
        return tsv_tokens(out, layout, text, result);
    int err = append_id(out, text->record);
    if (err)
        return err;
    return layout->options->task == ELC_SCORE_RTD ? tsv_rtd(out, result) : tsv_embed(out, result);
}

int elc_score_format_names(struct elc_buffer *out, const struct elc_score_layout *layout) {
    if (layout->options->task == ELC_SCORE_RTD)
        return elc_buffer_printf(out, "%s\n",
                                 layout->options->tokens ? "id\ttoken\tstart\tend\tp"
                                                         : "id\tscore\tmax\tword\tstart\tend");
    int err = elc_buffer_append(out, "id", 2);
    for (size_t i = 1; !err && i <= layout->width; i++)
        err = elc_buffer_printf(out, "\tv%zu", i);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

/* ---- JSON Lines ---- */

/* A number as %.9g has it, which names every float; printing it with 15 digits shows no more. */
static json_t *json_number(double value) {
    char text[40];
    (void)snprintf(text, sizeof text, "%.9g", value);
    return json_real(strtod(text, NULL));
}

/* Bytes that are not UTF-8 become U+FFFD. */
static json_t *json_text(const char *text, size_t len) {
    json_t *string = json_stringn(text, len);
    struct elc_buffer clean = {0};
    if (!string && elc_utf8_clean(&clean, text, len) >= 0)
        string = json_stringn((const char *)clean.data, clean.len);
    elc_buffer_free(&clean);
    return string;
}

/* {"id": …, "gold": …} of a record, by way of its JSON twin. NULL and a message on failure. */
static json_t *json_head(const struct elc_record *record, struct elc_builder *builder) {
    const struct elc_field *id = elc_record_find(record, "id");
    const struct elc_field *label = elc_record_find(record, "label");
    struct elc_buffer line = {0};
    struct elc_record head;
    size_t position = 0;
    json_t *object = NULL;
    elc_builder_reset(builder);
    int err = id ? elc_builder_field(builder, id) : elc_fail(ELC_EFORMAT, "key 'id' is missing");
    if (!err && label)
        err = elc_builder_field(builder, label);
    if (!err)
        err = elc_builder_finish(builder);
    if (!err)
        err = elc_record_next(&head, &builder->record, &position);
    if (err >= 0)
        err = elc_json_from_record(&line, &head, &(struct elc_json_options){.id_width = 4});
    if (!err) {
        object = json_loadb((const char *)line.data, line.len, 0, NULL);
        json_t *gold = object ? json_object_get(object, "label") : NULL;
        if (!object || (gold && (json_object_set(object, "gold", gold) != 0 ||
                                 json_object_del(object, "label") != 0)))
            elc_fail_memory(0);
    }
    elc_buffer_free(&line);
    return object;
}

/* object[key] = value, which is taken over; false when out of memory. */
static bool set(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

static json_t *json_token(const struct elc_score_layout *layout, const struct elc_score_text *text,
                          const struct elc_score_result *result, size_t i) {
    size_t len = 0;
    const char *token = elc_vocab_token(layout->vocab, text->ids[i], &len);
    bool has_word = text->words && text->words[i] != UINT32_MAX;
    uint32_t start, end;
    elc_score_text_range(text, i, &start, &end);
    json_t *object = json_object();
    if (!object || !set(object, "token", token ? json_text(token, len) : json_null()) ||
        !set(object, "word", has_word ? json_integer(text->words[i]) : json_null()) ||
        !set(object, "start", json_integer(start)) || !set(object, "end", json_integer(end)) ||
        !set(object, "p", json_number(result->p[i]))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static bool json_rtd(json_t *object, const struct elc_score_layout *layout,
                     const struct elc_score_text *text, const struct elc_score_result *result) {
    const struct elc_score_word *word = &result->word;
    json_t *tokens = json_array();
    bool good = set(object, "score", json_number(result->score)) &&
                set(object, "max", json_number(result->max)) &&
                set(object, "word", json_text(word->text, word->len)) &&
                set(object, "start", json_integer(word->start)) &&
                set(object, "end", json_integer(word->end)) && set(object, "tokens", tokens);
    for (size_t i = 0; good && i < text->n; i++)
        good = json_array_append_new(tokens, json_token(layout, text, result, i)) == 0;
    return good;
}

static bool json_embed(json_t *object, const struct elc_score_result *result) {
    json_t *embedding = json_array();
    bool good = set(object, "embedding", embedding);
    for (size_t i = 0; good && i < result->width; i++)
        good = json_array_append_new(embedding, json_number((double)result->embedding[i])) == 0;
    return good;
}

/* Appends the object as a line and lets go of it. */
static int json_line(struct elc_buffer *out, json_t *object, bool good) {
    char *text = good ? elc_json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(object);
    int err = text ? elc_buffer_append(out, text, strlen(text)) : elc_fail_memory(0);
    free(text);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int json_result(struct elc_buffer *out, const struct elc_score_layout *layout,
                       const struct elc_score_text *text, const struct elc_score_result *result,
                       struct elc_builder *builder) {
    json_t *object = json_head(text->record, builder);
    if (!object)
        return ELC_ENOMEM;
    bool good = layout->options->task == ELC_SCORE_RTD ? json_rtd(object, layout, text, result)
                                                       : json_embed(object, result);
    return json_line(out, object, good);
}

/* ---- records ---- */

/* Keys that results take; those of the input give way. */
static const char *const result_keys[] = {"score", "max", "word",      "start",
                                          "end",   "p",   "embedding", "error"};

static bool is_result_key(const struct elc_field *field) {
    for (size_t i = 0; i < sizeof result_keys / sizeof *result_keys; i++)
        if (strlen(result_keys[i]) == field->key_len &&
            memcmp(result_keys[i], field->key, field->key_len) == 0)
            return true;
    return false;
}

static int copy_fields(struct elc_builder *builder, const struct elc_record *record) {
    int err = 0;
    elc_builder_reset(builder);
    for (size_t i = 0; !err && i < record->n_fields; i++)
        if (!is_result_key(&record->fields[i]))
            err = elc_builder_field(builder, &record->fields[i]);
    return err;
}

static int finish_record(struct elc_buffer *out, struct elc_builder *builder) {
    int err = elc_builder_finish(builder);
    return err ? err : elc_buffer_append(out, builder->record.data, builder->record.len);
}

static int build_rtd(struct elc_builder *builder, const struct elc_score_text *text,
                     const struct elc_score_result *result, struct elc_buffer *floats) {
    const struct elc_score_word *word = &result->word;
    int err = elc_builder_double(builder, "score", result->score);
    if (!err)
        err = elc_builder_double(builder, "max", result->max);
    if (!err)
        err = elc_builder_str(builder, "word", word->text, word->len);
    if (!err)
        err = elc_builder_uint(builder, "start", word->start);
    if (!err)
        err = elc_builder_uint(builder, "end", word->end);
    for (size_t i = 0; !err && i < text->n; i++) {
        float p = (float)result->p[i];
        err = elc_buffer_append(floats, &p, sizeof p);
    }
    return err ? err : elc_builder_bin(builder, "p", floats->data, floats->len);
}

static int stream_result(struct elc_buffer *out, const struct elc_score_layout *layout,
                         const struct elc_score_text *text, const struct elc_score_result *result,
                         struct elc_builder *builder) {
    struct elc_buffer floats = {0};
    int err = copy_fields(builder, text->record);
    if (!err && layout->options->task == ELC_SCORE_RTD)
        err = build_rtd(builder, text, result, &floats);
    else if (!err)
        err = elc_builder_bin(builder, "embedding", result->embedding,
                              result->width * sizeof *result->embedding);
    elc_buffer_free(&floats);
    return err ? err : finish_record(out, builder);
}

/* ---- all of them ---- */

int elc_score_format_result(struct elc_buffer *out, const struct elc_score_layout *layout,
                            const struct elc_score_text *text,
                            const struct elc_score_result *result, struct elc_builder *builder) {
    switch (layout->options->format) {
    case ELC_SCORE_TSV:
        return tsv_result(out, layout, text, result);
    case ELC_SCORE_JSONL:
        return json_result(out, layout, text, result, builder);
    case ELC_SCORE_STREAM:
        return stream_result(out, layout, text, result, builder);
    case ELC_SCORE_F32:
        break;
    }
    return elc_buffer_append(out, result->embedding, result->width * sizeof *result->embedding);
}

static int tsv_rejected(struct elc_buffer *out, const struct elc_score_layout *layout,
                        const struct elc_record *record) {
    int err = append_id(out, record);
    return err ? err : elc_buffer_printf(out, "\t!error\n%s", layout->options->tokens ? "\n" : "");
}

static int stream_rejected(struct elc_buffer *out, const struct elc_record *record,
                           const char *message, struct elc_builder *builder) {
    int err = copy_fields(builder, record);
    if (!err)
        err = elc_builder_str(builder, "error", message, strlen(message));
    return err ? err : finish_record(out, builder);
}

int elc_score_format_rejected(struct elc_buffer *out, const struct elc_score_layout *layout,
                              const struct elc_record *record, const char *message,
                              struct elc_builder *builder) {
    const float nan_value = NAN;
    int err = 0;
    json_t *object;
    switch (layout->options->format) {
    case ELC_SCORE_TSV:
        return tsv_rejected(out, layout, record);
    case ELC_SCORE_JSONL:
        object = json_head(record, builder);
        if (!object)
            return ELC_ENOMEM;
        return json_line(out, object, set(object, "error", json_text(message, strlen(message))));
    case ELC_SCORE_STREAM:
        return stream_rejected(out, record, message, builder);
    case ELC_SCORE_F32:
        for (size_t i = 0; !err && i < layout->width; i++)
            err = elc_buffer_append(out, &nan_value, sizeof nan_value);
        return err;
    }
    return err;
}
