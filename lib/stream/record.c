/* Typed accessors of records. */
#include "electra/record.h"

#include <string.h>

#include "wire.h"

int elc_wire_check_record(const uint8_t *data, size_t len, size_t *size) {
    struct elc_record record;
    int err = elc_wire_map(&record, data, len, ELC_DEPTH_LIMIT);
    if (err)
        return err;
    *size = record.raw_len;
    for (size_t i = 0; i < record.n_fields; i++) {
        struct elc_field *field = &record.fields[i];
        if (field->key_len != 2 || memcmp(field->key, "id", 2) != 0)
            continue;
        err = elc_wire_decode(field);
        if (!err && field->type != ELC_STR && field->type != ELC_UINT && field->type != ELC_INT)
            err = elc_fail(ELC_EFORMAT, "key 'id' is neither a string nor a whole number");
        return err;
    }
    return elc_fail(ELC_EFORMAT, "key 'id' is missing");
}

int elc_record_next(struct elc_record *record, const struct elc_buffer *payload, size_t *position) {
    if (*position >= payload->len)
        return 0;
    int err =
        elc_wire_map(record, payload->data + *position, payload->len - *position, ELC_DEPTH_LIMIT);
    for (size_t i = 0; !err && i < record->n_fields; i++)
        err = elc_wire_decode(&record->fields[i]);
    if (err)
        return err;
    *position += record->raw_len;
    return 1;
}

int elc_record_next_raw(const uint8_t **raw, size_t *len, const struct elc_buffer *payload,
                        size_t *position) {
    if (*position >= payload->len)
        return 0;
    uint64_t size;
    int got =
        elc_wire_scan(payload->data + *position, payload->len - *position, ELC_DEPTH_LIMIT, &size);
    if (got <= 0)
        return got < 0 ? got : elc_fail(ELC_EFORMAT, "a record runs past the end of its block");
    *raw = payload->data + *position;
    *len = (size_t)size;
    *position += *len;
    return 1;
}

const struct elc_field *elc_record_find(const struct elc_record *record, const char *key) {
    size_t len = strlen(key);
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct elc_field *field = &record->fields[i];
        if (field->key_len == len && memcmp(field->key, key, len) == 0)
            return field;
    }
    return NULL;
}

static int wrong_type(const char *key, const char *wanted) {
    return elc_fail(ELC_EFORMAT, "key '%s' is not %s", key, wanted);
}

int elc_record_uint(const struct elc_record *record, const char *key, uint64_t *value) {
    const struct elc_field *field = elc_record_find(record, key);
    if (!field)
        return 0;
    if (field->type != ELC_UINT)
        return wrong_type(key, "a whole number");
    *value = field->as.uint;
    return 1;
}

int elc_record_str(const struct elc_record *record, const char *key, const char **text,
                   size_t *len) {
    const struct elc_field *field = elc_record_find(record, key);
    if (!field)
        return 0;
    if (field->type != ELC_STR)
        return wrong_type(key, "a string");
    *text = (const char *)field->as.bytes.data;
    *len = field->as.bytes.len;
    return 1;
}

int elc_record_bin(const struct elc_record *record, const char *key, const uint8_t **bytes,
                   size_t *len) {
    const struct elc_field *field = elc_record_find(record, key);
    if (!field)
        return 0;
    if (field->type != ELC_BIN)
        return wrong_type(key, "binary data");
    *bytes = field->as.bytes.data;
    *len = field->as.bytes.len;
    return 1;
}

/* Makes n little-endian numbers of `width` bytes the contents, as uint32_t; there is room. */
static inline void widen(struct elc_buffer *numbers, const uint8_t *bytes, size_t n,
                         unsigned width) {
    uint8_t *to = numbers->data;
    for (size_t i = 0; i < n; i++, bytes += width, to += sizeof(uint32_t)) {
        uint32_t value = bytes[0];
        if (width > 1)
            value |= (uint32_t)bytes[1] << 8;
        if (width > 2)
            value |= (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
        memcpy(to, &value, sizeof value);
    }
    numbers->len = n * sizeof(uint32_t);
}

int elc_record_numbers(const struct elc_record *record, const char *key, unsigned width,
                       size_t count, struct elc_buffer *numbers) {
    const struct elc_field *field = elc_record_find(record, key);
    if (!field)
        return 0;
    if (field->type != ELC_BIN)
        return wrong_type(key, "binary data");
    const uint8_t *bytes = field->as.bytes.data;
    size_t len = field->as.bytes.len;
    if (len % width != 0)
        return elc_fail(ELC_EFORMAT, "key '%s' has %zu bytes, no multiple of %u", key, len, width);
    size_t n = len / width;
    if (count != SIZE_MAX && n != count)
        return elc_fail(ELC_EFORMAT, "key '%s' has %zu numbers where %zu belong", key, n, count);
    numbers->len = 0; /* so that the room is for the new contents */
    int err = elc_buffer_reserve(numbers, n * sizeof(uint32_t));
    if (err)
        return err;
    switch (width) { /* constants let the compiler unroll each loop by itself */
    case 1:
        widen(numbers, bytes, n, 1);
        break;
    case 2:
        widen(numbers, bytes, n, 2);
        break;
    default:
        widen(numbers, bytes, n, 4);
        break;
    }
    return 1;
}

int elc_record_ids(const struct elc_record *record, const char *key, unsigned id_width,
                   uint64_t vocab_size, struct elc_buffer *ids) {
    int got = elc_record_numbers(record, key, id_width, SIZE_MAX, ids);
    if (got < 0)
        return got;
    if (got == 0)
        return elc_fail(ELC_EFORMAT, "key '%s' is missing", key);
    const uint32_t *values = (const uint32_t *)(const void *)ids->data;
    uint32_t largest = 0;
    size_t n = ids->len / sizeof *values;
    for (size_t i = 0; i < n; i++)
        largest = values[i] > largest ? values[i] : largest;
    if (n > 0 && largest >= vocab_size)
        return elc_fail(ELC_EFORMAT, "key '%s' has id %lu where the vocabulary has %llu tokens",
                        key, (unsigned long)largest, (unsigned long long)vocab_size);
    return 0;
}
