/* Reading safetensors: an 8-byte length, that many bytes of JSON, then the tensors' bytes.
 *
 * Every rule of the reference (huggingface/safetensors, SafeTensors::read_metadata and
 * Metadata::validate) is checked before a tensor is given out: what elc_stored points to lies in
 * the map, whatever the header says.
 */
#include "electra/params.h"

#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "dtype.h"
#include "electra/memory.h"
#include "load.h"
#include "settings.h"

enum { LENGTH_BYTES = 8, HEADER_LIMIT = 100 * 1000 * 1000 };

static const struct elc_dtype dtypes[] = {
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};

const struct elc_dtype *elc_dtype_find(const char *name) {
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return &dtypes[i];
    return NULL;
}

/* ---- one tensor's description ---- */

static int parse_shape(struct elc_stored *tensor, const json_t *shape, unsigned bits,
                       size_t *bytes) {
    enum { RANK_LIMIT = sizeof tensor->shape / sizeof *tensor->shape };
    if (!json_is_array(shape))
        return elc_fail(ELC_EFORMAT, "'shape' is no array");
    tensor->rank = json_array_size(shape);
    if (tensor->rank > RANK_LIMIT)
        return elc_fail(ELC_ELIMIT, "more than %d dimensions", RANK_LIMIT);
    size_t total = bits;
    for (size_t i = 0; i < tensor->rank; i++) {
        const json_t *size = json_array_get(shape, i);
        json_int_t number = json_integer_value(size);
        if (!json_is_integer(size) || number < 0)
            return elc_fail(ELC_EFORMAT, "'shape' holds something that is no size");
        if (!elc_size_product(&total, total, (size_t)number))
            return elc_fail(ELC_EFORMAT, "'shape' is beyond all memory");
        tensor->shape[i] = (uint64_t)number;
    }
    if (total % 8 != 0)
        return elc_fail(ELC_EFORMAT, "'shape' does not fill its last byte");
    *bytes = total / 8;
    return 0;
}

static int parse_offset(size_t *offset, const json_t *offsets, size_t i) {
    const json_t *number = json_array_get(offsets, i);
    if (json_array_size(offsets) != 2 || !json_is_integer(number) || json_integer_value(number) < 0)
        return elc_fail(ELC_EFORMAT, "'data_offsets' is not two offsets");
    *offset = (size_t)json_integer_value(number);
    return 0;
}

/* Fills a tensor from {"dtype", "shape", "data_offsets"}; `data` and `len` are the buffer. */
static int parse_tensor(struct elc_stored *tensor, const json_t *info, const uint8_t *data,
                        size_t len) {
    const char *dtype = json_string_value(json_object_get(info, "dtype"));
    const struct elc_dtype *known = dtype ? elc_dtype_find(dtype) : NULL;
    if (!known)
        return elc_fail(ELC_EFORMAT, "'dtype' is '%s', which is unknown",
                        dtype ? dtype : "no string");
    tensor->dtype = known->name;
    size_t bytes = 0, begin = 0, end = 0;
    int err = parse_shape(tensor, json_object_get(info, "shape"), known->bits, &bytes);
    const json_t *offsets = json_object_get(info, "data_offsets");
    if (!err)
        err = parse_offset(&begin, offsets, 0);
    if (!err)
        err = parse_offset(&end, offsets, 1);
    if (err)
        return err;
    if (begin > end || end > len)
        return elc_fail(ELC_EFORMAT, "'data_offsets' [%zu, %zu] are outside the file's %zu bytes",
                        begin, end, len);
    if (end - begin != bytes)
        return elc_fail(ELC_EFORMAT, "'data_offsets' span %zu bytes, its shape takes %zu",
                        end - begin, bytes);
    tensor->data = data + begin;
    tensor->bytes = bytes;
    return 0;
}

static int check_metadata(const json_t *metadata) {
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return elc_fail(ELC_EFORMAT, "'__metadata__' is no object");
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value) {
        if (!json_is_string(value))
            return elc_fail(ELC_EFORMAT, "'__metadata__': '%s' is no string", key);
    }
    return 0;
}

/* ---- the whole ---- */

static int parse_header(struct elc_safetensors *file, json_t *header, const uint8_t *data,
                        size_t len) {
    size_t n = json_object_size(header);
    file->tensors = calloc(n ? n : 1, sizeof *file->tensors);
    if (!file->tensors)
        return elc_fail_memory(n * sizeof *file->tensors);
    const char *name;
    json_t *info;
    json_object_foreach(header, name, info) {
        if (strcmp(name, "__metadata__") == 0) {
            int err = check_metadata(info);
            if (err)
                return err;
            continue;
        }
        struct elc_stored *tensor = &file->tensors[file->n_tensors++];
        tensor->name = elc_arena_text(&file->arena, name, strlen(name));
        if (!tensor->name)
            return ELC_ENOMEM;
        int err = parse_tensor(tensor, info, data, len);
        if (err)
            return elc_context(err, "tensor '%s'", name);
    }
    return 0;
}

static int by_place(const void *a, const void *b) {
    const struct elc_stored *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* empty ones first */
}

static int by_name(const void *a, const void *b) {
    const struct elc_stored *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Each tensor begins where the one before ended, the last ends with the file. */
static int check_places(struct elc_safetensors *file, const uint8_t *data, size_t len) {
    qsort(file->tensors, file->n_tensors, sizeof *file->tensors, by_place);
    const uint8_t *end = data;
    for (size_t i = 0; i < file->n_tensors; i++) {
        const struct elc_stored *tensor = &file->tensors[i];
        if (tensor->data != end)
            return elc_fail(ELC_EFORMAT, "tensor '%s' %s", tensor->name,
                            tensor->data < end ? "overlaps another" : "follows a gap");
        end += tensor->bytes;
    }
    if (end != data + len)
        return elc_fail(ELC_EFORMAT, "%zu bytes behind the last tensor",
                        (size_t)(data + len - end));
    qsort(file->tensors, file->n_tensors, sizeof *file->tensors, by_name);
    return 0;
}

static int parse(struct elc_safetensors *file) {
    const uint8_t *bytes = file->map.data;
    if (file->map.len < LENGTH_BYTES)
        return elc_fail(ELC_ETRUNCATED, "shorter than the 8 bytes of a header's length");
    uint64_t header_len = 0;
    for (int i = LENGTH_BYTES; i-- > 0;)
        header_len = header_len << 8 | bytes[i];
    if (header_len > HEADER_LIMIT)
        return elc_fail(ELC_ELIMIT, "no safetensors file: its header would take %llu bytes",
                        (unsigned long long)header_len);
    if (header_len > file->map.len - LENGTH_BYTES)
        return elc_fail(ELC_ETRUNCATED, "ends within its header");
    const char *text = (const char *)bytes + LENGTH_BYTES;
    if (header_len == 0 || text[0] != '{')
        return elc_fail(ELC_EFORMAT, "its header does not begin with '{'");
    json_t *header = elc_json_object(text, header_len, "header");
    if (!header)
        return ELC_EFORMAT;
    const uint8_t *data = bytes + LENGTH_BYTES + header_len;
    size_t len = file->map.len - LENGTH_BYTES - header_len;
    int err = parse_header(file, header, data, len);
    json_decref(header);
    return err ? err : check_places(file, data, len);
}

int elc_safetensors_adopt(struct elc_safetensors *file, struct elc_map *map, const char *path) {
    *file = (struct elc_safetensors){.map = *map};
    *map = (struct elc_map){0};
    int err = parse(file);
    if (err) {
        elc_safetensors_close(file);
        return elc_context(err, "%s", path);
    }
    return 0;
}

int elc_safetensors_open(struct elc_safetensors *file, const char *path) {
    struct elc_map map;
    *file = (struct elc_safetensors){0};
    int err = elc_map_open(&map, path);
    return err ? err : elc_safetensors_adopt(file, &map, path);
}

const struct elc_stored *elc_safetensors_find(const struct elc_safetensors *file,
                                              const char *name) {
    struct elc_stored key = {.name = name};
    return bsearch(&key, file->tensors, file->n_tensors, sizeof *file->tensors, by_name);
}

void elc_safetensors_close(struct elc_safetensors *file) {
    elc_map_close(&file->map);
    free(file->tensors);
    elc_arena_free(&file->arena);
    *file = (struct elc_safetensors){0};
}
