/* JSON Lines: an object a line. */
#include <string.h>

#include "electra/json.h"
#include "samples.h"

/* The string at a key that has to be there. */
static int read_text(const json_t *object, const char *key, const char **text, size_t *len) {
    const json_t *value = json_object_get(object, key);
    if (!value)
        return elc_fail(ELC_EFORMAT, "no key '%s'", key);
    if (!json_is_string(value))
        return elc_fail(ELC_EFORMAT, "key '%s' is not a string", key);
    *text = json_string_value(value);
    *len = json_string_length(value);
    return 0;
}

static int read_id(const json_t *object, const char *key, struct elc_layout_id *id) {
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *id = (struct elc_layout_id){.number = (uint64_t)json_integer_value(value)};
        return 0;
    }
    if (value && !json_is_string(value))
        return elc_fail(ELC_EFORMAT, "key '%s' is neither a string nor a whole number", key);
    return read_text(object, key, &id->text, &id->len);
}

/* Anything but nothing and objects; its type is kept. */
static int read_label(const json_t *object, const char *key, struct elc_builder *extra) {
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return elc_fail(ELC_EFORMAT, "no key '%s', or null, where the label should be", key);
    if (json_is_object(value))
        return elc_fail(ELC_EFORMAT, "key '%s', the label, is an object", key);
    int err = elc_json_build(extra, "label", value);
    return err ? elc_context(err, "key '%s'", key) : 0;
}

int jsonl_next(struct sample_reader *reader, struct sample *sample) {
    const struct elc_columns *keys = &reader->options->columns;
    const char *line;
    size_t len;
    int got = sample_line(reader, sample, &line, &len);
    if (got <= 0)
        return got;
    json_error_t error;
    json_decref(reader->json);
    int err = sample_parse(&reader->json, line, len, JSON_REJECT_DUPLICATES, &error);
    if (err)
        return err == ELC_EFORMAT ? elc_fail(err, "%s (column %d)", elc_error(), error.column)
                                  : err;
    const json_t *object = reader->json;
    if (!json_is_object(object))
        return elc_fail(ELC_EFORMAT, "not a JSON object");
    err = keys->id ? read_id(object, keys->id, &sample->id) : 0;
    if (!err)
        err = read_text(object, keys->text ? keys->text : "text", &sample->text, &sample->text_len);
    if (!err && keys->pair)
        err = read_text(object, keys->pair, &sample->pair, &sample->pair_len);
    if (!err && keys->label)
        err = read_label(object, keys->label, &sample->extra);
    return err ? err : 1;
}
