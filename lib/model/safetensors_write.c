/* Writing safetensors, byte for byte as the reference does: tensors by falling type and rising
 * name, the header filled with spaces to a multiple of 8. */
#include "electra/params.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>

#include "dtype.h"
#include "electra/json_text.h"
#include "electra/memory.h"
#include "electra/staging.h"

static int by_dtype_and_name(const void *a, const void *b) {
    const struct elc_to_store *x = *(const struct elc_to_store *const *)a;
    const struct elc_to_store *y = *(const struct elc_to_store *const *)b;
    const struct elc_dtype *x_dtype = elc_dtype_find(x->dtype), *y_dtype = elc_dtype_find(y->dtype);
    if (x_dtype != y_dtype)
        return x_dtype > y_dtype ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* `object[key] = value`, taking the value over; false when out of memory. */
static bool set(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

static json_t *format_metadata(const char *const *metadata, size_t n_metadata) {
    json_t *object = json_pack("{s:s}", "format", "pt");
    for (size_t i = 0; object && i < n_metadata; i++)
        if (!set(object, metadata[2 * i], json_string(metadata[2 * i + 1]))) {
            json_decref(object);
            object = NULL;
        }
    return object;
}

static json_t *format_tensor(const struct elc_to_store *tensor, uint64_t begin) {
    json_t *shape = json_array();
    for (size_t i = 0; shape && i < tensor->rank; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) < 0) {
            json_decref(shape);
            shape = NULL;
        }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor->dtype, "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)(begin + tensor->bytes));
}

/* The header's text; NULL when out of memory. */
static char *format_header(const struct elc_to_store **tensors, size_t n_tensors,
                           const char *const *metadata, size_t n_metadata) {
    json_t *header = json_object();
    bool good = header && set(header, "__metadata__", format_metadata(metadata, n_metadata));
    uint64_t offset = 0;
    for (size_t i = 0; good && i < n_tensors; i++) {
        good = set(header, tensors[i]->name, format_tensor(tensors[i], offset));
        offset += tensors[i]->bytes;
    }
    char *text = good ? elc_json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    return text;
}

static int write_file(struct elc_output *output, const char *header,
                      const struct elc_to_store **tensors, size_t n_tensors) {
    static const char spaces[8] = "        ";
    size_t len = strlen(header), padding = (8 - len % 8) % 8;
    uint8_t length[8];
    for (size_t i = 0; i < sizeof length; i++)
        length[i] = (uint8_t)((uint64_t)(len + padding) >> 8 * i);
    int err = elc_output_write(output, length, sizeof length);
    if (!err)
        err = elc_output_write(output, header, len);
    if (!err)
        err = elc_output_write(output, spaces, padding);
    for (size_t i = 0; !err && i < n_tensors; i++) {
        err = elc_staging_check();
        if (!err)
            err = elc_output_write(output, tensors[i]->data, tensors[i]->bytes);
    }
    if (!err)
        err = elc_output_flush(output);
    if (!err && fsync(output->fd) != 0)
        err = elc_fail_errno("%s", output->name);
    return err;
}

int elc_safetensors_write(const char *path, const struct elc_to_store *tensors, size_t n_tensors,
                          const char *const *metadata, size_t n_metadata) {
    const struct elc_to_store **order = calloc(n_tensors ? n_tensors : 1, sizeof *order);
    if (!order)
        return elc_fail_memory(n_tensors * sizeof *order);
    for (size_t i = 0; i < n_tensors; i++)
        order[i] = &tensors[i];
    qsort(order, n_tensors, sizeof *order, by_dtype_and_name);
    char *header = format_header(order, n_tensors, metadata, n_metadata);
    int err = header ? 0 : elc_fail_memory(0);
    struct elc_output output;
    if (!err)
        err = elc_output_open(&output, path);
    if (!err) {
        err = write_file(&output, header, order, n_tensors);
        if (!err)
            err = elc_output_commit(&output);
        else
            elc_output_abandon(&output);
    }
    free(header);
    free(order);
    return err;
}
