/* TensorFlow's checkpoints ("tensor bundles"): PREFIX.index, a table of names and where their
 * numbers lie, and PREFIX.data-00000-of-00001, the numbers.
 *
 * The table's values are protocol buffers (tensorflow/core/protobuf/tensor_bundle.proto):
 *
 *     key ""     BundleHeaderProto  1 num_shards, 2 endianness (0: little)
 *     a name     BundleEntryProto   1 dtype, 2 shape, 3 shard_id, 4 offset, 5 size, 6 crc32c,
 *                                   7 slices (of a partitioned variable)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "foreign.h"
#include "tensorflow_table.h"

enum { SHARDS_LIMIT = 1000 };

/* ---- protocol buffers ---- */

/* One field: a number, or bytes. */
struct field {
    uint64_t tag, number;
    const uint8_t *bytes; /* NULL: a number */
    size_t len;
};

/* The next field of a message: 1, or 0 at its end. */
static int next_field(struct field *field, const uint8_t **at, const uint8_t *end) {
    enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };
    uint64_t key, len;
    *field = (struct field){0};
    if (*at == end)
        return 0;
    if (!elc_varint(&key, at, end))
        return elc_fail(ELC_EFORMAT, "an entry ends within a field");
    field->tag = key >> 3;
    switch (key & 7) {
    case VARINT:
        if (!elc_varint(&field->number, at, end))
            return elc_fail(ELC_EFORMAT, "an entry ends within a number");
        return 1;
    case LENGTH:
        if (!elc_varint(&len, at, end) || len > (uint64_t)(end - *at))
            return elc_fail(ELC_EFORMAT, "an entry ends within a field");
        field->bytes = *at;
        field->len = (size_t)len;
        *at += len;
        return 1;
    case FIXED64:
    case FIXED32:
        len = (key & 7) == FIXED64 ? 8 : 4;
        if (len > (uint64_t)(end - *at))
            return elc_fail(ELC_EFORMAT, "an entry ends within a number");
        field->number = elc_little(*at, (size_t)len);
        *at += len;
        return 1;
    default:
        return elc_fail(ELC_EFORMAT, "an entry has a field of unknown kind");
    }
}

/* ---- entries ---- */

struct shard {
    const uint8_t *data; /* NULL: not mapped yet */
    size_t len;
    size_t taken; /* bytes that tensors have claimed */
};

struct bundle {
    struct elc_foreign *foreign;
    const char *path; /* of the index */
    struct shard *shards;
    uint64_t n_shards;
};

struct entry {
    struct elc_stored stored;
    uint64_t dtype, shard, offset, size, crc;
    bool sliced;
};

/* TensorShapeProto: 2 dim (1 size, 2 name), 3 unknown_rank. */
static int read_shape(struct elc_stored *stored, const struct field *shape) {
    enum { RANK_LIMIT = sizeof stored->shape / sizeof *stored->shape };
    struct field dim, size;
    const uint8_t *at = shape->bytes, *end = at + shape->len;
    int more;
    while ((more = next_field(&dim, &at, end)) == 1) {
        if (dim.tag != 2 || !dim.bytes)
            continue;
        if (stored->rank == RANK_LIMIT)
            return elc_fail(ELC_ELIMIT, "more than %d dimensions", RANK_LIMIT);
        const uint8_t *inner = dim.bytes, *inner_end = inner + dim.len;
        uint64_t n = 0;
        int got;
        while ((got = next_field(&size, &inner, inner_end)) == 1)
            if (size.tag == 1 && !size.bytes)
                n = size.number;
        if (got < 0)
            return got;
        stored->shape[stored->rank++] = n;
    }
    return more;
}

static int read_entry(struct entry *entry, const uint8_t *value, size_t len) {
    const uint8_t *at = value, *end = value + len;
    struct field field;
    int more, err = 0;
    while (!err && (more = next_field(&field, &at, end)) != 0) {
        if (more < 0)
            return more;
        if (field.tag == 1)
            entry->dtype = field.number;
        else if (field.tag == 2 && field.bytes)
            err = read_shape(&entry->stored, &field);
        else if (field.tag == 3)
            entry->shard = field.number;
        else if (field.tag == 4)
            entry->offset = field.number;
        else if (field.tag == 5)
            entry->size = field.number;
        else if (field.tag == 6)
            entry->crc = field.number;
        else if (field.tag == 7)
            entry->sliced = true;
    }
    return err;
}

static int read_header(struct bundle *bundle, const uint8_t *value, size_t len) {
    const uint8_t *at = value, *end = value + len;
    struct field field;
    int more;
    bundle->n_shards = 0;
    while ((more = next_field(&field, &at, end)) == 1) {
        if (field.tag == 1)
            bundle->n_shards = field.number;
        else if (field.tag == 2 && field.number != 0)
            return elc_fail(ELC_EFORMAT, "was written on a big-endian machine");
    }
    if (more < 0)
        return more;
    if (bundle->n_shards < 1 || bundle->n_shards > SHARDS_LIMIT)
        return elc_fail(ELC_ELIMIT, "has its numbers in %llu files, not 1 to %d",
                        (unsigned long long)bundle->n_shards, SHARDS_LIMIT);
    const size_t size = (size_t)bundle->n_shards * sizeof *bundle->shards;
    bundle->shards = elc_arena_alloc(&bundle->foreign->arena, size);
    if (!bundle->shards)
        return ELC_ENOMEM;
    memset(bundle->shards, 0, size);
    return 0;
}

/* Maps PREFIX.data-00000-of-00001 and its like. */
static int open_shard(struct bundle *bundle, size_t i) {
    struct elc_buffer path = {0};
    const int prefix = (int)(strlen(bundle->path) - strlen(".index"));
    int err = elc_buffer_printf(&path, "%.*s.data-%05zu-of-%05zu", prefix, bundle->path, i,
                                (size_t)bundle->n_shards);
    if (!err)
        err = elc_buffer_append(&path, "", 1);
    const struct elc_map *map;
    if (!err)
        err = elc_foreign_map(&map, bundle->foreign, (char *)path.data);
    if (!err) /* a pointer that is not NULL even where the file is empty */
        bundle->shards[i] =
            (struct shard){map->data ? map->data : (const uint8_t *)"", map->len, 0};
    elc_buffer_free(&path);
    return err;
}

/* What a type of TensorFlow (types.proto) is called in safetensors; NULL: nothing there. */
static const char *dtype_name(uint64_t dtype) {
    static const char *const names[] = {
        [1] = "F32", [2] = "F64",   [3] = "I32",   [4] = "U8",   [5] = "I16",  [6] = "I8",
        [9] = "I64", [10] = "BOOL", [14] = "BF16", [19] = "F16", [22] = "U32", [23] = "U64",
    };
    return dtype < sizeof names / sizeof *names ? names[dtype] : NULL;
}

static int take_numbers(struct bundle *bundle, struct entry *entry) {
    struct elc_stored *stored = &entry->stored;
    size_t bytes;
    stored->dtype = dtype_name(entry->dtype);
    if (!stored->dtype)
        return elc_fail(ELC_EFORMAT, "its type %llu is unknown", (unsigned long long)entry->dtype);
    if (entry->sliced)
        return elc_fail(ELC_EFORMAT, "it is cut into slices");
    if (entry->shard >= bundle->n_shards)
        return elc_fail(ELC_EFORMAT, "it is in file %llu of %llu", (unsigned long long)entry->shard,
                        (unsigned long long)bundle->n_shards);
    int err = elc_foreign_bytes(&bytes, stored->dtype, stored->shape, stored->rank);
    if (!err && bytes != entry->size)
        err = elc_fail(ELC_EFORMAT, "its shape takes %zu bytes, and it has %llu", bytes,
                       (unsigned long long)entry->size);
    struct shard *shard = &bundle->shards[entry->shard];
    if (!err && !shard->data)
        err = open_shard(bundle, (size_t)entry->shard);
    if (err)
        return err;
    if (entry->offset > shard->len || bytes > shard->len - entry->offset)
        return elc_fail(ELC_ETRUNCATED, "its numbers lie outside the file's %zu bytes", shard->len);
    shard->taken += bytes;
    if (shard->taken > shard->len)
        return elc_fail(ELC_EFORMAT, "tensors overlap");
    stored->data = shard->data + entry->offset;
    stored->bytes = bytes;
    if (elc_masked_crc(stored->data, bytes) != entry->crc)
        return elc_fail(ELC_EFORMAT, "it is damaged: it has not its checksum");
    return 0;
}

/* A pair of the table. The header, whose key is empty, comes before all others. */
static int found(void *context, const char *key, size_t key_len, const uint8_t *value,
                 size_t value_len) {
    struct bundle *bundle = context;
    if (key_len == 0)
        return bundle->n_shards ? elc_fail(ELC_EFORMAT, "has two headers")
                                : read_header(bundle, value, value_len);
    if (bundle->n_shards == 0)
        return elc_fail(ELC_EFORMAT, "is a table, but none of a checkpoint: it has no header");
    if (memchr(key, '\0', key_len)) /* of a slice */
        return 0;
    char name[1024 + 1];
    snprintf(name, sizeof name, "%.*s", (int)key_len, key);
    struct entry entry = {.stored = {.name = name}};
    int err = read_entry(&entry, value, value_len);
    if (!err && elc_foreign_is_state(bundle->foreign, name))
        return 0;                 /* the moments of Adam take twice as much as the network */
    if (!err && entry.dtype == 7) /* strings: graphs of objects */
        return 0;
    if (!err)
        err = take_numbers(bundle, &entry);
    return err ? elc_context(err, "tensor '%s'", name)
               : elc_foreign_add(bundle->foreign, &entry.stored);
}

int elc_tensorflow_read(struct elc_foreign *foreign, const struct elc_map *map, const char *path) {
    const size_t len = strlen(path), end = strlen(".index");
    if (len <= end || strcmp(path + len - end, ".index") != 0)
        return elc_fail(ELC_EINVAL, "%s: is TensorFlow's, but its name does not end in .index",
                        path);
    struct bundle bundle = {.foreign = foreign, .path = path};
    int err = elc_leveldb_walk(map->data, map->len, found, &bundle);
    return err ? elc_context(err, "%s", path) : 0;
}
