/* Records: the maps inside blocks, read through typed accessors and built key by key.
 *
 * No program touches raw msgpack: what is here has the type, length and range that the
 * function's name says, or is an error that names the key.
 */
#ifndef ELECTRA_RECORD_H
#define ELECTRA_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ELC_FIELDS_LIMIT = 64 }; /* keys of one record */

enum elc_type {
    ELC_NIL,
    ELC_BOOL,
    ELC_UINT, /* any integer ≥ 0 */
    ELC_INT,  /* an integer < 0 */
    ELC_REAL, /* float 32 or 64 */
    ELC_STR,
    ELC_BIN,
    ELC_ARRAY,
    ELC_MAP,
    ELC_EXT,
};

/* One key with its value. Everything points into the block's payload. */
struct elc_field {
    const char *key; /* not NUL-terminated */
    size_t key_len;
    const uint8_t *raw; /* the value's own msgpack bytes */
    size_t raw_len;
    enum elc_type type;
    union {
        bool boolean;
        uint64_t uint;
        int64_t sint;
        double real;
        struct {
            const uint8_t *data;
            size_t len;
        } bytes;      /* str, bin */
        size_t count; /* array, map */
    } as;
};

struct elc_record {
    const uint8_t *raw; /* the whole map */
    size_t raw_len;
    size_t n_fields;
    struct elc_field fields[ELC_FIELDS_LIMIT];
};

/* Walks the records of a payload that a reader has verified. 1 a record, 0 no more, or an error
 * (`*position` starts at 0 and is advanced). */
int elc_record_next(struct elc_record *record, const struct elc_buffer *payload,
                    size_t *position) ELC_MUST_CHECK;

/* The same walk without looking inside: only the record's bytes (borrowed from the payload). */
int elc_record_next_raw(const uint8_t **raw, size_t *len, const struct elc_buffer *payload,
                        size_t *position) ELC_MUST_CHECK;

/* The field, or NULL. */
const struct elc_field *elc_record_find(const struct elc_record *record, const char *key);

/* 1 present, 0 absent (outputs untouched), ELC_EFORMAT "key 'x' is not …" for another type. */
int elc_record_uint(const struct elc_record *record, const char *key,
                    uint64_t *value) ELC_MUST_CHECK;
int elc_record_str(const struct elc_record *record, const char *key, const char **text,
                   size_t *len) ELC_MUST_CHECK;
int elc_record_bin(const struct elc_record *record, const char *key, const uint8_t **bytes,
                   size_t *len) ELC_MUST_CHECK;

/* The token ids, widened from id_width bytes each, every one below vocab_size: replaces the
 * contents of `ids` (uint32_t each; ids->len is in bytes). ELC_EFORMAT if absent or wrong. */
int elc_record_ids(const struct elc_record *record, const char *key, unsigned id_width,
                   uint64_t vocab_size, struct elc_buffer *ids) ELC_MUST_CHECK;

/* Numbers of 1, 2 or 4 little-endian bytes, widened to uint32_t, `count` of them exactly (any
 * number when count is SIZE_MAX). 1 present, 0 absent, ELC_EFORMAT. */
int elc_record_numbers(const struct elc_record *record, const char *key, unsigned width,
                       size_t count, struct elc_buffer *numbers) ELC_MUST_CHECK;

/* A record under construction: a zeroed struct is empty; elc_builder_free at the end. */
struct elc_builder {
    struct elc_buffer fields; /* key-value pairs */
    size_t n_fields;
    struct elc_buffer record; /* what elc_builder_finish made */
};
void elc_builder_reset(struct elc_builder *builder);
int elc_builder_uint(struct elc_builder *builder, const char *key, uint64_t value) ELC_MUST_CHECK;
int elc_builder_double(struct elc_builder *builder, const char *key, double value) ELC_MUST_CHECK;
int elc_builder_bool(struct elc_builder *builder, const char *key, bool value) ELC_MUST_CHECK;
int elc_builder_str(struct elc_builder *builder, const char *key, const char *text,
                    size_t len) ELC_MUST_CHECK;
int elc_builder_bin(struct elc_builder *builder, const char *key, const void *bytes,
                    size_t len) ELC_MUST_CHECK;
/* `len` bytes of binary data, which the caller writes to *room before it calls anything else. */
int elc_builder_room(struct elc_builder *builder, const char *key, size_t len,
                     uint8_t **room) ELC_MUST_CHECK;
/* Writes `count` numbers to `to`, little-endian, in `width` (1, 2, 4) bytes each. Returns where
 * they end. `numbers` may be NULL where there are none. */
uint8_t *elc_put_numbers(uint8_t *to, const uint32_t *numbers, size_t count, unsigned width);
/* `count` numbers stored in this way. */
int elc_builder_numbers(struct elc_builder *builder, const char *key, const uint32_t *numbers,
                        size_t count, unsigned width) ELC_MUST_CHECK;
/* A field of another record, byte for byte. */
int elc_builder_field(struct elc_builder *builder, const struct elc_field *field) ELC_MUST_CHECK;
/* An array of `count` elements: exactly so many elements follow, before any other key. A map among
 * them is followed by `n_pairs` times a string and an element. */
int elc_builder_array(struct elc_builder *builder, const char *key, size_t count) ELC_MUST_CHECK;
int elc_builder_element_str(struct elc_builder *builder, const char *text,
                            size_t len) ELC_MUST_CHECK;
int elc_builder_element_uint(struct elc_builder *builder, uint64_t value) ELC_MUST_CHECK;
int elc_builder_element_double(struct elc_builder *builder, double value) ELC_MUST_CHECK;
int elc_builder_element_map(struct elc_builder *builder, size_t n_pairs) ELC_MUST_CHECK;
/* A map as a field: n_pairs times a string and an element follow. */
int elc_builder_map(struct elc_builder *builder, const char *key, size_t n_pairs) ELC_MUST_CHECK;
/* All fields of another record under construction. */
int elc_builder_append(struct elc_builder *builder, const struct elc_builder *more) ELC_MUST_CHECK;
/* Appends the complete map to `records`. */
int elc_builder_write(const struct elc_builder *builder, struct elc_buffer *records) ELC_MUST_CHECK;
/* The complete map in builder->record; valid until the next call. */
int elc_builder_finish(struct elc_builder *builder) ELC_MUST_CHECK;
void elc_builder_free(struct elc_builder *builder);

#ifdef __cplusplus
}
#endif
#endif
