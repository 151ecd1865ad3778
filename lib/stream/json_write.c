/* Records and headers to lines of JSON. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/json.h"
#include "header.h"
#include "twin.h"
#include "wire.h"

/* A tree under construction. `digits` is what brings each of its doubles back: 15 to 17. */
struct tree {
    const struct elc_json_options *options;
    int digits;
};

static json_t *no_memory(json_t *partial) {
    json_decref(partial);
    elc_fail_memory(0);
    return NULL;
}

/* {"$tag": value}; takes the value. */
static json_t *tagged(const char *tag, json_t *value) {
    json_t *object = json_object();
    if (!object || json_object_set_new(object, tag, value) != 0)
        return no_memory(object);
    return object;
}

static json_t *base64(const uint8_t *bytes, size_t len) {
    struct elc_buffer text = {0};
    json_t *value = NULL;
    if (elc_base64_encode(&text, bytes, len) == 0)
        value = json_stringn_nocheck((const char *)text.data, text.len);
    elc_buffer_free(&text);
    return value;
}

static json_t *from_double(struct tree *tree, double real) {
    if (isfinite(real)) {
        for (char text[32]; tree->digits < 17; tree->digits++) {
            (void)snprintf(text, sizeof text, "%.*g", tree->digits, real);
            if (strtod(text, NULL) == real)
                break;
        }
        return json_real(real);
    }
    if (isinf(real))
        return tagged("$double", json_string(real > 0 ? "inf" : "-inf"));
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    if (bits == UINT64_C(0x7ff8000000000000))
        return tagged("$double", json_string("nan"));
    return tagged("$double", json_sprintf("%016llx", (unsigned long long)bits));
}

static json_t *from_uint(uint64_t number) {
    if (number <= INT64_MAX)
        return json_integer((json_int_t)number);
    return tagged("$uint", json_sprintf("%llu", (unsigned long long)number));
}

static json_t *from_string(const struct elc_field *value) {
    json_t *string =
        json_stringn((const char *)value->as.bytes.data, value->as.bytes.len); /* if UTF-8 */
    return string ? string : tagged("$str", base64(value->as.bytes.data, value->as.bytes.len));
}

static json_t *from_ext(const struct elc_field *value) {
    int type = (int8_t)value->as.bytes.data[0];
    json_t *pair = json_array();
    if (!pair || json_array_append_new(pair, json_integer(type)) != 0 ||
        json_array_append_new(pair, base64(value->as.bytes.data + 1, value->as.bytes.len - 1)) != 0)
        return no_memory(pair);
    return tagged("$ext", pair);
}

static json_t *from_value(struct tree *tree, const struct elc_field *value);

/* The value at *at, which moves behind it. */
static json_t *next_value(struct tree *tree, const uint8_t **at, const uint8_t *end) {
    struct elc_field value;
    if (elc_wire_value(&value, *at, (size_t)(end - *at)) != 0)
        return NULL;
    *at += value.raw_len;
    return from_value(tree, &value);
}

static json_t *from_array(struct tree *tree, const struct elc_field *value) {
    const uint8_t *at = elc_wire_elements(value);
    json_t *array = json_array();
    for (size_t i = 0; array && i < value->as.count; i++)
        if (json_array_append_new(array, next_value(tree, &at, value->raw + value->raw_len)) != 0)
            return no_memory(array);
    return array ? array : no_memory(NULL);
}

/* Any map, as an array of its pairs. */
static json_t *from_pairs(struct tree *tree, const struct elc_field *value) {
    const uint8_t *at = elc_wire_elements(value), *end = value->raw + value->raw_len;
    json_t *pairs = json_array();
    for (size_t i = 0; pairs && i < value->as.count; i++) {
        json_t *pair = json_array();
        if (!pair || json_array_append_new(pairs, pair) != 0 ||
            json_array_append_new(pair, next_value(tree, &at, end)) != 0 ||
            json_array_append_new(pair, next_value(tree, &at, end)) != 0)
            return no_memory(pairs);
    }
    return pairs ? tagged("$map", pairs) : no_memory(NULL);
}

/* Can these bytes be a key of a JSON object that the way back tells from a tag? */
static bool is_plain_key(const char *bytes, size_t len) {
    if (len > 0 && (bytes[0] == '$' || memchr(bytes, '\0', len)))
        return false;
    json_t *utf8 = json_stringn(bytes, len);
    json_decref(utf8);
    return utf8 != NULL;
}

/* Can this map be a JSON object? Its keys are looked at before any value is converted: trying and
 * starting over would double the work with each level of nesting. */
static bool is_plain_map(const struct elc_field *map) {
    const uint8_t *at = elc_wire_elements(map), *end = map->raw + map->raw_len;
    json_t *seen = json_object();
    size_t n_plain = 0;
    while (seen && n_plain < map->as.count) {
        struct elc_field key, value;
        if (elc_wire_value(&key, at, (size_t)(end - at)) != 0 || key.type != ELC_STR)
            break;
        at += key.raw_len;
        if (elc_wire_value(&value, at, (size_t)(end - at)) != 0)
            break;
        at += value.raw_len;
        const char *bytes = (const char *)key.as.bytes.data;
        size_t len = key.as.bytes.len;
        if (!is_plain_key(bytes, len) || json_object_getn(seen, bytes, len) ||
            json_object_setn_new(seen, bytes, len, json_null()) != 0)
            break;
        n_plain++;
    }
    json_decref(seen);
    return n_plain == map->as.count;
}

static json_t *from_map(struct tree *tree, const struct elc_field *value) {
    if (!is_plain_map(value))
        return from_pairs(tree, value);
    const uint8_t *at = elc_wire_elements(value), *end = value->raw + value->raw_len;
    json_t *object = json_object();
    for (size_t i = 0; object && i < value->as.count; i++) {
        struct elc_field key;
        if (elc_wire_value(&key, at, (size_t)(end - at)) != 0)
            return no_memory(object);
        at += key.raw_len;
        if (json_object_setn_new(object, (const char *)key.as.bytes.data, key.as.bytes.len,
                                 next_value(tree, &at, end)) != 0)
            return no_memory(object);
    }
    return object ? object : no_memory(NULL);
}

/* Recursion ends: what was read nests at most ELC_DEPTH_LIMIT deep. */
static json_t *from_value(struct tree *tree, const struct elc_field *value) {
    switch (value->type) {
    case ELC_NIL:
        return json_null();
    case ELC_BOOL:
        return json_boolean(value->as.boolean);
    case ELC_UINT:
        return from_uint(value->as.uint);
    case ELC_INT:
        return json_integer(value->as.sint);
    case ELC_REAL:
        return from_double(tree, value->as.real);
    case ELC_STR:
        return from_string(value);
    case ELC_BIN:
        return tagged("$bin", base64(value->as.bytes.data, value->as.bytes.len));
    case ELC_ARRAY:
        return from_array(tree, value);
    case ELC_MAP:
        return from_map(tree, value);
    case ELC_EXT:
        return from_ext(value);
    }
    return NULL;
}

/* ---- arrays of numbers ---- */

static uint32_t number_at(const uint8_t *bytes, unsigned width) {
    uint32_t number = 0;
    for (unsigned i = 0; i < width; i++)
        number |= (uint32_t)bytes[i] << 8 * i;
    return number;
}

static json_t *from_number(const uint8_t *bytes, unsigned width, enum elc_numbers numbers) {
    if (numbers == ELC_OFFSETS)
        return json_pack("[I,I]", (json_int_t)number_at(bytes, width),
                         (json_int_t)number_at(bytes + width, width));
    uint32_t number = number_at(bytes, width);
    return numbers == ELC_WORDS && number == UINT32_MAX ? json_null() : json_integer(number);
}

/* A field of a record: what its key says it is, where it is that. */
static json_t *from_field(struct tree *tree, const struct elc_field *field) {
    enum elc_numbers numbers = elc_twin_numbers(field->key, field->key_len);
    unsigned width = elc_twin_width(numbers, tree->options->id_width);
    unsigned step = numbers == ELC_OFFSETS ? 2 * width : width;
    if (numbers != ELC_NO_NUMBERS && field->type == ELC_ARRAY)
        return tagged("$array", from_array(tree, field));
    if (numbers == ELC_NO_NUMBERS || field->type != ELC_BIN || field->as.bytes.len % step != 0)
        return from_value(tree, field);
    json_t *array = json_array();
    for (size_t at = 0; array && at < field->as.bytes.len; at += step)
        if (json_array_append_new(array, from_number(field->as.bytes.data + at, width, numbers)))
            return no_memory(array);
    return array ? array : no_memory(NULL);
}

static json_t *tokens(const struct elc_json_options *options, const struct elc_record *record) {
    const struct elc_field *ids = elc_record_find(record, "ids");
    unsigned width = options->id_width;
    json_t *array = json_array();
    if (!ids || ids->type != ELC_BIN)
        return array;
    for (size_t at = 0; array && at + width <= ids->as.bytes.len; at += width) {
        size_t len = 0;
        const char *token =
            options->token(options->context, number_at(ids->as.bytes.data + at, width), &len);
        if (json_array_append_new(array, token ? json_stringn(token, len) : json_null()) != 0)
            return no_memory(array);
    }
    return array ? array : no_memory(NULL);
}

static json_t *from_record(struct tree *tree, const struct elc_record *record) {
    for (size_t i = 0; i < record->n_fields; i++)
        if (!is_plain_key(record->fields[i].key, record->fields[i].key_len)) {
            struct elc_field map = {.raw = record->raw, .raw_len = record->raw_len};
            return elc_wire_decode(&map) == 0 ? from_pairs(tree, &map) : NULL;
        }
    json_t *object = json_object();
    for (size_t i = 0; object && i < record->n_fields; i++) {
        const struct elc_field *field = &record->fields[i];
        if (json_object_setn_new(object, field->key, field->key_len, from_field(tree, field)) != 0)
            return no_memory(object);
    }
    if (!object)
        return no_memory(NULL);
    if (tree->options->token && !elc_record_find(record, "tokens") &&
        json_object_set_new(object, "tokens", tokens(tree->options, record)) != 0)
        return no_memory(object);
    return object;
}

/* ---- text ---- */

static int append_text(const char *bytes, size_t len, void *text) {
    return elc_buffer_append(text, bytes, len);
}

/* Appends the tree, which it takes. */
static int dump(struct elc_buffer *text, const struct tree *tree, json_t *json) {
    if (!json)
        return ELC_ENOMEM;
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION((size_t)tree->digits);
    int failed = json_dump_callback(json, append_text, text, flags);
    json_decref(json);
    return failed ? elc_fail_memory(0) : 0;
}

int elc_json_from_value(struct elc_buffer *text, const struct elc_field *value) {
    struct tree tree = {NULL, 15};
    return dump(text, &tree, from_value(&tree, value));
}

int elc_json_from_record(struct elc_buffer *line, const struct elc_record *record,
                         const struct elc_json_options *options) {
    struct tree tree = {options, 15};
    int err = dump(line, &tree, from_record(&tree, record));
    return err ? err : elc_buffer_append(line, "\n", 1);
}

int elc_json_from_header(struct elc_buffer *line, const struct elc_header *header) {
    struct elc_buffer bytes = {0};
    struct elc_field map;
    struct tree tree = {NULL, 15};
    int err = elc_header_pack(&bytes, header);
    if (!err)
        err = elc_wire_value(&map, bytes.data, bytes.len);
    if (!err)
        err = dump(line, &tree, tagged("header", from_value(&tree, &map)));
    elc_buffer_free(&bytes);
    return err ? err : elc_buffer_append(line, "\n", 1);
}
