/* Lines of JSON to records and headers. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/json.h"
#include "electra/parse.h"
#include "header.h"
#include "twin.h"
#include "wire.h"

static int pack_value(msgpack_packer *packer, const json_t *json, unsigned depth);

/* ---- what JSON has no word for ---- */

static int pack_base64(msgpack_packer *packer, const json_t *json,
                       int (*pack)(msgpack_packer *, const void *, size_t)) {
    struct elc_buffer bytes = {0};
    int err = json_is_string(json)
                  ? elc_base64_decode(&bytes, json_string_value(json), json_string_length(json))
                  : elc_fail(ELC_EFORMAT, "not base64");
    if (!err)
        err = pack(packer, bytes.data, bytes.len);
    elc_buffer_free(&bytes);
    return err;
}

static int pack_bin(msgpack_packer *packer, const json_t *json, unsigned depth) {
    (void)depth;
    return pack_base64(packer, json, elc_pack_bin);
}

static int pack_bytes_as_str(msgpack_packer *packer, const void *bytes, size_t len) {
    return elc_pack_str(packer, bytes, len);
}

static int pack_str(msgpack_packer *packer, const json_t *json, unsigned depth) {
    (void)depth;
    return pack_base64(packer, json, pack_bytes_as_str);
}

static int pack_ext(msgpack_packer *packer, const json_t *json, unsigned depth) {
    (void)depth;
    const json_t *type = json_array_get(json, 0), *text = json_array_get(json, 1);
    if (json_array_size(json) != 2 || !json_is_integer(type) || !json_is_string(text) ||
        json_integer_value(type) < INT8_MIN || json_integer_value(type) > INT8_MAX)
        return elc_fail(ELC_EFORMAT, "not [type, base64]");
    struct elc_buffer bytes = {0};
    int err = elc_base64_decode(&bytes, json_string_value(text), json_string_length(text));
    if (!err)
        err = msgpack_pack_ext_with_body(packer, bytes.data, bytes.len,
                                         (int8_t)json_integer_value(type));
    elc_buffer_free(&bytes);
    return err;
}

static int pack_uint(msgpack_packer *packer, const json_t *json, unsigned depth) {
    (void)depth;
    uint64_t number;
    if (!json_is_string(json))
        return elc_fail(ELC_EFORMAT, "not a string of digits");
    int err = elc_parse_uint(&number, json_string_value(json), 0, UINT64_MAX);
    return err ? err : msgpack_pack_uint64(packer, number);
}

static int pack_double(msgpack_packer *packer, const json_t *json, unsigned depth) {
    (void)depth;
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    if (strcmp(text, "inf") == 0)
        return msgpack_pack_double(packer, HUGE_VAL);
    if (strcmp(text, "-inf") == 0)
        return msgpack_pack_double(packer, -HUGE_VAL);
    uint64_t bits = UINT64_C(0x7ff8000000000000);
    if (strcmp(text, "nan") != 0) {
        if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
            return elc_fail(ELC_EFORMAT, "neither nan, inf, -inf nor 16 hexadecimal digits");
        bits = strtoull(text, NULL, 16);
    }
    double real;
    memcpy(&real, &bits, sizeof real);
    return msgpack_pack_double(packer, real);
}

static int pack_array(msgpack_packer *packer, const json_t *json, unsigned depth) {
    if (!json_is_array(json))
        return elc_fail(ELC_EFORMAT, "not an array");
    int err = msgpack_pack_array(packer, json_array_size(json));
    for (size_t i = 0; !err && i < json_array_size(json); i++)
        err = pack_value(packer, json_array_get(json, i), depth + 1);
    return err;
}

static int pack_pairs(msgpack_packer *packer, const json_t *json, unsigned depth) {
    int err = json_is_array(json) ? msgpack_pack_map(packer, json_array_size(json))
                                  : elc_fail(ELC_EFORMAT, "not an array of pairs");
    for (size_t i = 0; !err && i < json_array_size(json); i++) {
        const json_t *pair = json_array_get(json, i);
        if (json_array_size(pair) != 2)
            return elc_fail(ELC_EFORMAT, "not an array of pairs");
        err = pack_value(packer, json_array_get(pair, 0), depth + 1);
        if (!err)
            err = pack_value(packer, json_array_get(pair, 1), depth + 1);
    }
    return err;
}

static const struct {
    const char *tag;
    int (*pack)(msgpack_packer *packer, const json_t *json, unsigned depth);
} tags[] = {
    {"$bin", pack_bin},       {"$str", pack_str},     {"$ext", pack_ext},   {"$uint", pack_uint},
    {"$double", pack_double}, {"$array", pack_array}, {"$map", pack_pairs},
};

/* The tag of {"$tag": value}, or NULL. */
static const char *tag_of(const json_t *json, const json_t **value) {
    void *only = json_object_iter((json_t *)(uintptr_t)json);
    if (json_object_size(json) != 1 || json_object_iter_key(only)[0] != '$')
        return NULL;
    *value = json_object_iter_value(only);
    return json_object_iter_key(only);
}

static int pack_tagged(msgpack_packer *packer, const char *tag, const json_t *value,
                       unsigned depth) {
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (strcmp(tags[i].tag, tag) == 0) {
            int err = tags[i].pack(packer, value, depth);
            return err ? elc_context(err, "'%s'", tag) : 0;
        }
    return elc_fail(ELC_EFORMAT, "'%s' is unknown", tag);
}

/* ---- values ---- */

static int pack_object(msgpack_packer *packer, const json_t *json, unsigned depth) {
    const json_t *value;
    const char *tag = tag_of(json, &value);
    if (tag)
        return pack_tagged(packer, tag, value, depth);
    int err = msgpack_pack_map(packer, json_object_size(json));
    json_t *object = (json_t *)(uintptr_t)json; /* Jansson's iterators want it so */
    for (void *at = json_object_iter(object); at && !err; at = json_object_iter_next(object, at)) {
        err = elc_pack_str(packer, json_object_iter_key(at), json_object_iter_key_len(at));
        if (!err)
            err = pack_value(packer, json_object_iter_value(at), depth + 1);
    }
    return err;
}

static int pack_value(msgpack_packer *packer, const json_t *json, unsigned depth) {
    if (depth > ELC_DEPTH_LIMIT && (json_is_object(json) || json_is_array(json))) {
        const json_t *value;
        if (!tag_of(json, &value)) /* most tags stand for what does not nest */
            return elc_fail(ELC_ELIMIT, "nested deeper than %d", ELC_DEPTH_LIMIT);
    }
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return pack_object(packer, json, depth);
    case JSON_ARRAY:
        return pack_array(packer, json, depth);
    case JSON_STRING:
        return elc_pack_str(packer, json_string_value(json), json_string_length(json));
    case JSON_INTEGER:
        return msgpack_pack_int64(packer, json_integer_value(json));
    case JSON_REAL:
        return msgpack_pack_double(packer, json_real_value(json));
    case JSON_TRUE:
        return msgpack_pack_true(packer);
    case JSON_FALSE:
        return msgpack_pack_false(packer);
    case JSON_NULL:
        return msgpack_pack_nil(packer);
    }
    return elc_fail(ELC_EFORMAT, "no JSON value");
}

/* ---- arrays of numbers ---- */

static int append_number(struct elc_buffer *bytes, const json_t *json, unsigned width,
                         uint64_t limit) {
    json_int_t number = json_integer_value(json);
    if (!json_is_integer(json) || number < 0 || (uint64_t)number >= limit)
        return elc_fail(ELC_EFORMAT, "an element is not a whole number below %llu",
                        (unsigned long long)limit);
    uint8_t little[4];
    for (unsigned i = 0; i < width; i++)
        little[i] = (uint8_t)(number >> 8 * i);
    return elc_buffer_append(bytes, little, width);
}

static int append_element(struct elc_buffer *bytes, const json_t *json, enum elc_numbers numbers,
                          const struct elc_json_options *options) {
    unsigned width = elc_twin_width(numbers, options->id_width);
    uint64_t limit = numbers == ELC_IDS ? options->vocab_size : UINT64_C(1) << 8 * width;
    if (numbers == ELC_WORDS && json_is_null(json))
        return elc_buffer_append(bytes, "\xff\xff\xff\xff", 4);
    if (numbers != ELC_OFFSETS)
        return append_number(bytes, json, width, limit);
    if (json_array_size(json) != 2)
        return elc_fail(ELC_EFORMAT, "an element is not [start, end]");
    int err = append_number(bytes, json_array_get(json, 0), width, limit);
    return err ? err : append_number(bytes, json_array_get(json, 1), width, limit);
}

static int pack_numbers(msgpack_packer *packer, const json_t *array, enum elc_numbers numbers,
                        const struct elc_json_options *options) {
    struct elc_buffer bytes = {0};
    int err = 0;
    for (size_t i = 0; !err && i < json_array_size(array); i++)
        err = append_element(&bytes, json_array_get(array, i), numbers, options);
    if (!err)
        err = elc_pack_bin(packer, bytes.data, bytes.len);
    elc_buffer_free(&bytes);
    return err;
}

/* ---- records ---- */

/* Are these the tokens that elc_json_from_record adds? */
static bool is_added(const json_t *object, const char *key, const json_t *value) {
    if (strcmp(key, "tokens") != 0 || !json_is_array(value) ||
        json_array_size(value) != json_array_size(json_object_get(object, "ids")))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return false;
    return true;
}

static int pack_record(msgpack_packer *packer, json_t *object,
                       const struct elc_json_options *options) {
    const json_t *value;
    if (tag_of(object, &value))
        return pack_object(packer, object, 1);
    bool drops = is_added(object, "tokens", json_object_get(object, "tokens"));
    int err = msgpack_pack_map(packer, json_object_size(object) - drops);
    for (void *at = json_object_iter(object); at && !err; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        size_t key_len = json_object_iter_key_len(at);
        value = json_object_iter_value(at);
        if (drops && strcmp(key, "tokens") == 0)
            continue;
        enum elc_numbers numbers = elc_twin_numbers(key, key_len);
        err = elc_pack_str(packer, key, key_len);
        if (!err && numbers != ELC_NO_NUMBERS && json_is_array(value))
            err = pack_numbers(packer, value, numbers, options);
        else if (!err)
            err = pack_value(packer, value, 2);
        if (err)
            return elc_context(err, "key '%s'", key);
    }
    return err;
}

static int read_record(struct elc_buffer *record, json_t *object,
                       const struct elc_json_options *options) {
    msgpack_packer packer;
    if (options->id_width == 0)
        return elc_fail(ELC_EFORMAT, "a record before any {\"header\":…}: write the lines with "
                                     "--header, or name the vocabulary");
    record->len = 0;
    elc_packer_init(&packer, record);
    int err = pack_record(&packer, object, options);
    size_t size = 0;
    return err ? err : elc_wire_check_record(record->data, record->len, &size);
}

static int read_header(struct elc_header *header, const json_t *json) {
    struct elc_buffer bytes = {0};
    msgpack_packer packer;
    elc_packer_init(&packer, &bytes);
    int err = json_is_object(json) ? pack_value(&packer, json, 1)
                                   : elc_fail(ELC_EFORMAT, "not an object");
    if (!err && bytes.len > ELC_HEADER_LIMIT)
        err = elc_fail(ELC_ELIMIT, "more than %d bytes", ELC_HEADER_LIMIT);
    if (!err)
        err = elc_header_unpack(header, bytes.data, bytes.len);
    elc_buffer_free(&bytes);
    return err ? elc_context(err, "header") : ELC_HEADER;
}

int elc_json_parse(struct elc_buffer *record, struct elc_header *header, const char *line,
                   size_t len, const struct elc_json_options *options) {
    json_error_t error;
    json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json)
        return elc_fail(ELC_EFORMAT, "not JSON: %s (column %d)", error.text, error.column);
    int got;
    if (!json_is_object(json))
        got = elc_fail(ELC_EFORMAT, "not an object");
    else if (json_object_size(json) == 1 && json_object_get(json, "header"))
        got = read_header(header, json_object_get(json, "header"));
    else
        got = read_record(record, json, options);
    json_decref(json);
    return got;
}

int elc_json_build(struct elc_builder *builder, const char *key, const struct json_t *value) {
    struct elc_buffer raw = {0};
    msgpack_packer packer;
    elc_packer_init(&packer, &raw);
    int err = pack_value(&packer, value, 2);
    struct elc_field field = {
        .key = key, .key_len = strlen(key), .raw = raw.data, .raw_len = raw.len};
    if (!err)
        err = elc_builder_field(builder, &field);
    elc_buffer_free(&raw);
    return err;
}
