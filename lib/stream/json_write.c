/* Records and headers to lines of JSON. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/json.h"
#include "electra/json_text.h"
#include "electra/utf8.h"
#include "header.h"
#include "twin.h"
#include "wire.h"

enum { DIGITS = 15, ALL_DIGITS = 17 }; /* that are right in any double; that tell all apart */

/* A tree under construction. `digits`, DIGITS to ALL_DIGITS, bring each of its doubles back. */
struct tree {
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
        for (char text[32]; tree->digits < ALL_DIGITS; tree->digits++) {
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
    const char *text = (const char *)value->as.bytes.data;
    const size_t len = value->as.bytes.len;
    if (elc_utf8_valid(text, len) != len)
        return tagged("$str", base64(value->as.bytes.data, len));
    json_t *string = json_stringn(text, len);
    return string ? string : no_memory(NULL);
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
    return elc_utf8_valid(bytes, len) == len;
}

/* Can this map be a JSON object? Its keys are looked at before any value is converted: trying and
 * starting over would double the work with each level of nesting. 1, 0, or -1: out of memory. */
static int is_plain_map(const struct elc_field *map) {
    const uint8_t *at = elc_wire_elements(map), *end = map->raw + map->raw_len;
    json_t *seen = json_object();
    bool out_of_memory = !seen;
    size_t n_plain = 0;
    while (!out_of_memory && n_plain < map->as.count) {
        struct elc_field key, value;
        if (elc_wire_value(&key, at, (size_t)(end - at)) != 0 || key.type != ELC_STR)
            break;
        at += key.raw_len;
        if (elc_wire_value(&value, at, (size_t)(end - at)) != 0)
            break;
        at += value.raw_len;
        const char *bytes = (const char *)key.as.bytes.data;
        size_t len = key.as.bytes.len;
        if (!is_plain_key(bytes, len) || json_object_getn(seen, bytes, len))
            break;
        out_of_memory = json_object_setn_new(seen, bytes, len, json_null()) != 0;
        n_plain++;
    }
    json_decref(seen);
    return out_of_memory ? -1 : n_plain == map->as.count;
}

static json_t *from_map(struct tree *tree, const struct elc_field *value) {
    const int plain = is_plain_map(value);
    if (plain <= 0)
        return plain < 0 ? no_memory(NULL) : from_pairs(tree, value);
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

/* ---- text ---- */

static int put(struct elc_buffer *line, const char *text) {
    return elc_buffer_append(line, text, strlen(text));
}

/* Appends the tree, which it takes. */
static int dump(struct elc_buffer *text, const struct tree *tree, json_t *json) {
    if (!json)
        return elc_fail_memory(0);
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION((size_t)tree->digits);
    int err = elc_json_append(text, json, flags);
    json_decref(json);
    return err;
}

int elc_json_from_value(struct elc_buffer *text, const struct elc_field *value) {
    struct tree tree = {DIGITS};
    return dump(text, &tree, from_value(&tree, value));
}

/* Appends "key": with a comma in front of all but the first. */
static int put_key(struct elc_buffer *line, const char *key, size_t len, bool is_first) {
    struct tree tree = {DIGITS};
    int err = is_first ? 0 : put(line, ",");
    if (!err)
        err = dump(line, &tree, json_stringn(key, len));
    return err ? err : put(line, ":");
}

/* ---- arrays of numbers ----
 *
 * They are most of a record. Written here they cost a tenth of what a tree of them would. */

static uint32_t number_at(const uint8_t *bytes, unsigned width) {
    uint32_t number = 0;
    for (unsigned i = 0; i < width; i++)
        number |= (uint32_t)bytes[i] << 8 * i;
    return number;
}

enum { NUMBER_TEXT = 10 }; /* digits of the largest */

static uint8_t *put_number(uint8_t *to, uint32_t number) {
    uint8_t digits[NUMBER_TEXT];
    size_t n = 0;
    do
        digits[n++] = (uint8_t)('0' + number % 10);
    while (number /= 10);
    while (n > 0)
        *to++ = digits[--n];
    return to;
}

static uint8_t *put_element(uint8_t *to, const uint8_t *bytes, unsigned width,
                            enum elc_numbers numbers) {
    uint32_t number = number_at(bytes, width);
    if (numbers == ELC_WORDS && number == UINT32_MAX) {
        memcpy(to, "null", 4);
        return to + 4;
    }
    if (numbers != ELC_OFFSETS)
        return put_number(to, number);
    *to++ = '[';
    to = put_number(to, number);
    *to++ = ',';
    to = put_number(to, number_at(bytes + width, width));
    *to++ = ']';
    return to;
}

static int put_numbers(struct elc_buffer *line, const struct elc_field *field, unsigned width,
                       enum elc_numbers numbers) {
    unsigned step = numbers == ELC_OFFSETS ? 2 * width : width;
    size_t n = field->as.bytes.len / step;
    size_t element = numbers == ELC_OFFSETS ? 2 * NUMBER_TEXT + 4 : NUMBER_TEXT + 1;
    int err = elc_buffer_reserve(line, 2 + n * element);
    if (err)
        return err;
    uint8_t *to = line->data + line->len;
    *to++ = '[';
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *to++ = ',';
        to = put_element(to, field->as.bytes.data + i * step, width, numbers);
    }
    *to++ = ']';
    line->len = (size_t)(to - line->data);
    return 0;
}

/* ---- records ---- */

/* A field of a record: what its key says it is, where it is that. */
static int put_field(struct elc_buffer *line, const struct elc_field *field,
                     const struct elc_json_options *options) {
    enum elc_numbers numbers = elc_twin_numbers(field->key, field->key_len);
    unsigned width = elc_twin_width(numbers, options->id_width);
    unsigned step = numbers == ELC_OFFSETS ? 2 * width : width;
    struct tree tree = {DIGITS};
    if (numbers != ELC_NO_NUMBERS && field->type == ELC_ARRAY)
        return dump(line, &tree, tagged("$array", from_array(&tree, field)));
    if (numbers == ELC_NO_NUMBERS || field->type != ELC_BIN || field->as.bytes.len % step != 0)
        return dump(line, &tree, from_value(&tree, field));
    return put_numbers(line, field, width, numbers);
}

static int put_tokens(struct elc_buffer *line, const struct elc_record *record,
                      const struct elc_json_options *options) {
    const struct elc_field *ids = elc_record_find(record, "ids");
    struct tree tree = {DIGITS};
    size_t n = ids && ids->type == ELC_BIN ? ids->as.bytes.len / options->id_width : 0;
    json_t *array = json_array();
    for (size_t i = 0; array && i < n; i++) {
        size_t len = 0;
        uint32_t id = number_at(ids->as.bytes.data + i * options->id_width, options->id_width);
        const char *token = options->token(options->context, id, &len);
        if (json_array_append_new(array, token ? json_stringn(token, len) : json_null()) != 0)
            return dump(line, &tree, no_memory(array));
    }
    return dump(line, &tree, array ? array : no_memory(NULL));
}

/* A record whose keys cannot all be those of an object. */
static int put_odd_record(struct elc_buffer *line, const struct elc_record *record) {
    struct tree tree = {DIGITS};
    struct elc_field map = {.raw = record->raw, .raw_len = record->raw_len};
    int err = elc_wire_decode(&map);
    return err ? err : dump(line, &tree, from_pairs(&tree, &map));
}

static int put_record(struct elc_buffer *line, const struct elc_record *record,
                      const struct elc_json_options *options) {
    for (size_t i = 0; i < record->n_fields; i++)
        if (!is_plain_key(record->fields[i].key, record->fields[i].key_len))
            return put_odd_record(line, record);
    int err = put(line, "{");
    for (size_t i = 0; !err && i < record->n_fields; i++) {
        const struct elc_field *field = &record->fields[i];
        err = put_key(line, field->key, field->key_len, i == 0);
        if (!err)
            err = put_field(line, field, options);
    }
    if (!err && options->token && !elc_record_find(record, "tokens")) {
        err = put_key(line, "tokens", strlen("tokens"), record->n_fields == 0);
        if (!err)
            err = put_tokens(line, record, options);
    }
    return err ? err : put(line, "}");
}

int elc_json_from_record(struct elc_buffer *line, const struct elc_record *record,
                         const struct elc_json_options *options) {
    int err = put_record(line, record, options);
    return err ? err : put(line, "\n");
}

int elc_json_from_header(struct elc_buffer *line, const struct elc_header *header) {
    struct elc_buffer bytes = {0};
    struct elc_field map;
    struct tree tree = {DIGITS};
    int err = elc_header_pack(&bytes, header);
    if (!err)
        err = elc_wire_value(&map, bytes.data, bytes.len);
    if (!err)
        err = dump(line, &tree, tagged("header", from_value(&tree, &map)));
    elc_buffer_free(&bytes);
    return err ? err : put(line, "\n");
}
