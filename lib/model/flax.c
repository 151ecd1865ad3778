/* Flax's checkpoints: one msgpack map of maps, whose leaves are arrays.
 *
 * An array is an extension of type 1 that holds msgpack in turn: [shape, name of the type, bytes].
 * (flax/serialization.py, msgpack_serialize.) Names are the keys on the way to a leaf, joined by
 * '/'. Maps are walked by their heads, so that no count is trusted and nothing is allocated for
 * what is not there.
 */
#include <string.h>

#include "dtype.h"
#include "electra/walk.h"
#include "foreign.h"

enum {
    DEPTH_LIMIT = 32,
    NAME_BYTES = 512,
    EXT_ARRAY = 1, /* 2: a complex number; 3: a scalar of NumPy */
    RANK_LIMIT = sizeof((struct elc_stored *)0)->shape / sizeof(uint64_t),
};

/* Bytes that are still to be read. */
struct cursor {
    const uint8_t *at, *end;
};

/* The head of the next value, and past it. What it counts is known to be there: that many bytes,
 * elements (of a byte at least) or pairs (of two). */
static int next_head(struct elc_head *head, struct cursor *cursor) {
    int got = elc_wire_head(head, cursor->at, (size_t)(cursor->end - cursor->at));
    if (got < 0)
        return got;
    if (got > 0)
        cursor->at += head->len;
    const uint64_t left = (uint64_t)(cursor->end - cursor->at);
    if (got == 0 || head->count > (head->shape == ELC_SHAPE_MAP ? left / 2 : left))
        return elc_fail(ELC_ETRUNCATED, "ends within a value");
    return 0;
}

/* ---- arrays ---- */

static int read_number(uint64_t *number, struct cursor *cursor) {
    struct elc_head head;
    struct elc_field field = {.raw = cursor->at};
    int err = next_head(&head, cursor);
    if (err)
        return err;
    if (head.shape == ELC_SCALAR) {
        cursor->at += head.count;
        field.raw_len = (size_t)(cursor->at - field.raw);
        err = elc_wire_decode(&field);
    }
    if (!err && (head.shape != ELC_SCALAR || field.type != ELC_UINT))
        err = elc_fail(ELC_EFORMAT, "its shape holds something that is no size");
    *number = field.as.uint;
    return err;
}

static int read_shape(struct elc_stored *tensor, struct cursor *cursor) {
    struct elc_head head;
    int err = next_head(&head, cursor);
    if (!err && head.shape != ELC_SHAPE_ARRAY)
        err = elc_fail(ELC_EFORMAT, "it has no shape");
    if (!err && head.count > RANK_LIMIT)
        err = elc_fail(ELC_ELIMIT, "more than %d dimensions", (int)RANK_LIMIT);
    if (err)
        return err;
    tensor->rank = (size_t)head.count;
    for (size_t i = 0; !err && i < tensor->rank; i++)
        err = read_number(&tensor->shape[i], cursor);
    return err;
}

/* NumPy's name of a type, as safetensors calls it. */
static int read_dtype(struct elc_stored *tensor, struct cursor *cursor) {
    static const char *const names[][2] = {
        {"float32", "F32"}, {"bfloat16", "BF16"}, {"float16", "F16"},
        {"float64", "F64"}, {"int32", "I32"},     {"int64", "I64"},
        {"uint32", "U32"},  {"uint8", "U8"},      {"bool", "BOOL"},
    };
    struct elc_head head;
    int err = next_head(&head, cursor);
    if (err)
        return err;
    const char *text = (const char *)cursor->at;
    if (head.shape != ELC_SHAPE_STR)
        return elc_fail(ELC_EFORMAT, "its type has no name");
    cursor->at += head.count;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i][0]) == head.count && memcmp(names[i][0], text, head.count) == 0)
            tensor->dtype = names[i][1];
    if (!tensor->dtype)
        return elc_fail(ELC_EFORMAT, "its type '%.*s' is unknown",
                        (int)(head.count < 32 ? head.count : 32), text);
    return 0;
}

static int read_numbers(struct elc_stored *tensor, struct cursor *cursor) {
    struct elc_head head;
    int err = next_head(&head, cursor);
    size_t bytes = 0;
    if (!err && head.shape != ELC_SHAPE_BIN)
        err = elc_fail(ELC_EFORMAT, "it has no numbers");
    if (!err)
        err = elc_foreign_bytes(&bytes, tensor->dtype, tensor->shape, tensor->rank);
    if (!err && bytes != head.count)
        err = elc_fail(ELC_EFORMAT, "its shape takes %zu bytes, and it has %llu", bytes,
                       (unsigned long long)head.count);
    if (err)
        return err;
    tensor->data = cursor->at;
    tensor->bytes = bytes;
    cursor->at += bytes;
    return 0;
}

/* The payload of an extension, which is all of `cursor`. */
static int read_array(struct elc_foreign *foreign, struct cursor cursor, const char *name) {
    struct elc_stored tensor = {.name = name};
    struct elc_head head;
    int err = next_head(&head, &cursor);
    if (!err && (head.shape != ELC_SHAPE_ARRAY || head.count != 3))
        err = elc_fail(ELC_EFORMAT, "it is not made of shape, type and numbers");
    if (!err)
        err = read_shape(&tensor, &cursor);
    if (!err)
        err = read_dtype(&tensor, &cursor);
    if (!err)
        err = read_numbers(&tensor, &cursor);
    if (!err && cursor.at != cursor.end)
        err = elc_fail(ELC_EFORMAT, "bytes behind its numbers");
    return err ? err : elc_foreign_add(foreign, &tensor);
}

/* ---- maps ---- */

/* The way to where the walk is: keys joined by '/'. */
struct path {
    char name[NAME_BYTES];
    size_t len;
    unsigned depth;
    bool blamed; /* an error's message names it already */
};

static int read_map(struct elc_foreign *foreign, struct cursor *cursor, struct path *path);

static int read_value(struct elc_foreign *foreign, struct cursor *cursor, struct path *path) {
    struct cursor start = *cursor;
    struct elc_head head;
    int err = next_head(&head, cursor);
    if (err)
        return err;
    if (head.shape == ELC_SHAPE_MAP) {
        *cursor = start;
        return read_map(foreign, cursor, path);
    }
    if (head.shape == ELC_SHAPE_ARRAY)
        return elc_fail(ELC_EFORMAT, "a list, where only maps and tensors are known");
    struct cursor payload = {cursor->at, cursor->at + head.count};
    cursor->at = payload.end;
    if (head.shape != ELC_SHAPE_EXT || *payload.at++ != EXT_ARRAY)
        return 0; /* a number or a word: nothing of a network's */
    return read_array(foreign, payload, path->name);
}

/* Appends a key to the path; the caller takes it off again. */
static int read_key(struct cursor *cursor, struct path *path) {
    struct elc_head head;
    int err = next_head(&head, cursor);
    if (err)
        return err;
    const char *text = (const char *)cursor->at;
    if (head.shape != ELC_SHAPE_STR || memchr(text, '\0', (size_t)head.count))
        return elc_fail(ELC_EFORMAT, "is no map of tensors by name: a key is no word");
    cursor->at += head.count;
    if (head.count + 2 > NAME_BYTES - path->len)
        return elc_fail(ELC_ELIMIT, "a name of more than %d bytes", NAME_BYTES);
    if (path->len > 0)
        path->name[path->len++] = '/';
    memcpy(path->name + path->len, text, (size_t)head.count);
    path->len += (size_t)head.count;
    path->name[path->len] = '\0';
    return 0;
}

static int read_map(struct elc_foreign *foreign, struct cursor *cursor, struct path *path) {
    struct elc_head head;
    const size_t outer = path->len;
    int err = next_head(&head, cursor);
    if (!err && head.shape != ELC_SHAPE_MAP)
        err = elc_fail(ELC_EFORMAT, "is not a map of tensors");
    if (!err && ++path->depth > DEPTH_LIMIT)
        err = elc_fail(ELC_ELIMIT, "nested deeper than %d", DEPTH_LIMIT);
    for (uint64_t i = 0; !err && i < head.count; i++) {
        err = read_key(cursor, path);
        if (!err && strstr(path->name, "__msgpack_chunked_array__"))
            err = elc_fail(ELC_ELIMIT, "a tensor of more than 2^30 bytes, in chunks");
        if (!err)
            err = read_value(foreign, cursor, path);
        if (err && !path->blamed && path->len > 0)
            err = elc_context(err, "'%s'", path->name);
        path->blamed = err != 0;
        path->len = outer;
        path->name[outer] = '\0';
    }
    path->depth--;
    return err;
}

int elc_flax_read(struct elc_foreign *foreign, const struct elc_map *map) {
    struct cursor cursor = {map->data, map->data + map->len};
    struct path path = {.len = 0};
    int err = read_map(foreign, &cursor, &path);
    if (!err && cursor.at != cursor.end)
        err = elc_fail(ELC_EFORMAT, "%zu bytes behind the checkpoint",
                       (size_t)(cursor.end - cursor.at));
    return err;
}
