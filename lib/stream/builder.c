/* Records under construction. */
#include <string.h>

#include "electra/record.h"
#include "wire.h"

/* Starts a key-value pair. */
static int begin_field(struct elc_builder *builder, msgpack_packer *packer, const char *key,
                       size_t key_len) {
    if (builder->n_fields == ELC_FIELDS_LIMIT)
        return elc_fail(ELC_ELIMIT, "a record of more than %d keys", ELC_FIELDS_LIMIT);
    builder->n_fields++;
    elc_packer_init(packer, &builder->fields);
    return elc_pack_str(packer, key, key_len);
}

void elc_builder_reset(struct elc_builder *builder) {
    builder->fields.len = 0;
    builder->n_fields = 0;
}

int elc_builder_uint(struct elc_builder *builder, const char *key, uint64_t value) {
    msgpack_packer packer;
    int err = begin_field(builder, &packer, key, strlen(key));
    return err ? err : msgpack_pack_uint64(&packer, value);
}

int elc_builder_double(struct elc_builder *builder, const char *key, double value) {
    msgpack_packer packer;
    int err = begin_field(builder, &packer, key, strlen(key));
    return err ? err : msgpack_pack_double(&packer, value);
}

int elc_builder_bool(struct elc_builder *builder, const char *key, bool value) {
    msgpack_packer packer;
    int err = begin_field(builder, &packer, key, strlen(key));
    if (err)
        return err;
    return value ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
}

int elc_builder_str(struct elc_builder *builder, const char *key, const char *text, size_t len) {
    msgpack_packer packer;
    int err = begin_field(builder, &packer, key, strlen(key));
    return err ? err : elc_pack_str(&packer, text, len);
}

int elc_builder_bin(struct elc_builder *builder, const char *key, const void *bytes, size_t len) {
    msgpack_packer packer;
    int err = begin_field(builder, &packer, key, strlen(key));
    return err ? err : elc_pack_bin(&packer, bytes, len);
}

int elc_builder_room(struct elc_builder *builder, const char *key, size_t len, uint8_t **room) {
    msgpack_packer packer;
    if (len > UINT32_MAX)
        return elc_fail(ELC_ELIMIT, "key '%s' has more than 2^32 bytes", key);
    int err = begin_field(builder, &packer, key, strlen(key));
    if (!err)
        err = msgpack_pack_bin(&packer, len);
    if (!err)
        err = elc_buffer_reserve(&builder->fields, len);
    if (err)
        return err;
    *room = builder->fields.data + builder->fields.len;
    builder->fields.len += len;
    return 0;
}

/* A `width` that is constant lets the compiler unroll the loop by itself. */
static inline uint8_t *put_numbers(uint8_t *to, const uint32_t *numbers, size_t n, unsigned width) {
    for (size_t i = 0; i < n; i++, to += width) {
        const uint8_t number[4] = {(uint8_t)numbers[i], (uint8_t)(numbers[i] >> 8),
                                   (uint8_t)(numbers[i] >> 16), (uint8_t)(numbers[i] >> 24)};
        memcpy(to, number, width);
    }
    return to;
}

uint8_t *elc_put_numbers(uint8_t *to, const uint32_t *numbers, size_t count, unsigned width) {
    switch (width) {
    case 1:
        return put_numbers(to, numbers, count, 1);
    case 2:
        return put_numbers(to, numbers, count, 2);
    default:
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (count > 0) /* memcpy must not be given NULL */
            memcpy(to, numbers, count * sizeof *numbers);
        return to + count * sizeof *numbers;
#else
        return put_numbers(to, numbers, count, 4);
#endif
    }
}

int elc_builder_numbers(struct elc_builder *builder, const char *key, const uint32_t *numbers,
                        size_t count, unsigned width) {
    if (count > UINT32_MAX / width)
        return elc_fail(ELC_ELIMIT, "key '%s' has more than 2^32 bytes", key);
    uint8_t *room = NULL;
    int err = elc_builder_room(builder, key, count * width, &room);
    if (!err)
        elc_put_numbers(room, numbers, count, width);
    return err;
}

int elc_builder_field(struct elc_builder *builder, const struct elc_field *field) {
    msgpack_packer packer;
    int err = begin_field(builder, &packer, field->key, field->key_len);
    return err ? err : elc_buffer_append(&builder->fields, field->raw, field->raw_len);
}

int elc_builder_array(struct elc_builder *builder, const char *key, size_t count) {
    msgpack_packer packer;
    int err = begin_field(builder, &packer, key, strlen(key));
    return err ? err : msgpack_pack_array(&packer, count);
}

int elc_builder_element_str(struct elc_builder *builder, const char *text, size_t len) {
    msgpack_packer packer;
    elc_packer_init(&packer, &builder->fields);
    return elc_pack_str(&packer, text, len);
}

int elc_builder_element_uint(struct elc_builder *builder, uint64_t value) {
    msgpack_packer packer;
    elc_packer_init(&packer, &builder->fields);
    return msgpack_pack_uint64(&packer, value);
}

int elc_builder_element_double(struct elc_builder *builder, double value) {
    msgpack_packer packer;
    elc_packer_init(&packer, &builder->fields);
    return msgpack_pack_double(&packer, value);
}

int elc_builder_element_map(struct elc_builder *builder, size_t n_pairs) {
    msgpack_packer packer;
    elc_packer_init(&packer, &builder->fields);
    return msgpack_pack_map(&packer, n_pairs);
}

int elc_builder_map(struct elc_builder *builder, const char *key, size_t n_pairs) {
    msgpack_packer packer;
    int err = begin_field(builder, &packer, key, strlen(key));
    return err ? err : msgpack_pack_map(&packer, n_pairs);
}

int elc_builder_append(struct elc_builder *builder, const struct elc_builder *more) {
    if (more->n_fields > ELC_FIELDS_LIMIT - builder->n_fields)
        return elc_fail(ELC_ELIMIT, "a record of more than %d keys", ELC_FIELDS_LIMIT);
    builder->n_fields += more->n_fields;
    return elc_buffer_append(&builder->fields, more->fields.data, more->fields.len);
}

int elc_builder_write(const struct elc_builder *builder, struct elc_buffer *records) {
    msgpack_packer packer;
    elc_packer_init(&packer, records);
    int err = msgpack_pack_map(&packer, builder->n_fields);
    return err ? err : elc_buffer_append(records, builder->fields.data, builder->fields.len);
}

int elc_builder_finish(struct elc_builder *builder) {
    builder->record.len = 0;
    return elc_builder_write(builder, &builder->record);
}

void elc_builder_free(struct elc_builder *builder) {
    elc_buffer_free(&builder->fields);
    elc_buffer_free(&builder->record);
    *builder = (struct elc_builder){0};
}
