/* Descriptions as text. */
#include "electra/describe.h"

#include <inttypes.h>
#include <string.h>
#include <jansson.h>

#include "electra/json_text.h"
#include "electra/tsv.h"

/* 15 digits are the most that give back every decimal number as it was written. */
enum { DIGITS = 15 };

int elc_description_json(struct elc_buffer *text, const struct json_t *object) {
    char *line = elc_json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    int err = line ? elc_buffer_printf(text, "%s\n", line) : elc_fail_memory(0);
    free(line);
    return err;
}

/* ---- TSV ---- */

static int put_value(struct elc_buffer *text, const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        return elc_tsv_text(text, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        return elc_buffer_printf(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        return elc_buffer_printf(text, "%.*g", DIGITS, json_real_value(value));
    case JSON_TRUE:
    case JSON_FALSE:
        return elc_buffer_printf(text, "%s", json_is_true(value) ? "true" : "false");
    case JSON_ARRAY: {
        int err = 0;
        for (size_t i = 0; !err && i < json_array_size(value); i++) {
            err = i > 0 ? elc_buffer_append(text, ",", 1) : 0;
            if (!err)
                err = put_value(text, json_array_get(value, i));
        }
        return err;
    }
    case JSON_OBJECT: /* of a row's values there are none deeper */
    case JSON_NULL:
        break;
    }
    return 0;
}

/* `key TAB value…`: the values of an object, or the one value. */
static int put_row(struct elc_buffer *text, const char *key, const json_t *row) {
    int err = elc_tsv_text(text, key, strlen(key));
    if (!err && !json_is_object(row)) {
        err = elc_buffer_append(text, "\t", 1);
        if (!err)
            err = put_value(text, row);
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)row, name, value) {
        if (!err)
            err = elc_buffer_append(text, "\t", 1);
        if (!err)
            err = put_value(text, value);
    }
    return err ? err : elc_buffer_append(text, "\n", 1);
}

static int put_rows(struct elc_buffer *text, const char *key, const json_t *rows) {
    int err = 0;
    for (size_t i = 0; !err && i < json_array_size(rows); i++)
        err = put_row(text, key, json_array_get(rows, i));
    return err;
}

/* `outer` is empty or ends in a point. */
static int put_object(struct elc_buffer *text, const char *outer, const json_t *object) {
    struct elc_buffer key = {0};
    const char *name;
    json_t *value;
    int err = 0;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        const bool inner = json_is_object(value);
        key.len = 0;
        if (!err)
            err = elc_buffer_printf(&key, "%s%s%s", outer, name, inner ? "." : "");
        if (!err)
            err = elc_buffer_append(&key, "", 1); /* the NUL */
        if (err)
            break;
        const char *full = (const char *)key.data;
        if (inner)
            err = put_object(text, full, value);
        else if (json_is_object(json_array_get(value, 0)))
            err = put_rows(text, full, value);
        else
            err = put_row(text, full, value);
    }
    elc_buffer_free(&key);
    return err;
}

int elc_description_tsv(struct elc_buffer *text, const struct json_t *object) {
    return put_object(text, "", object);
}
