/* PyTorch's checkpoints: a pickled dict of tensors, whose numbers lie elsewhere in the file.
 *
 * Since 1.6 a zip archive: NAME/data.pkl is the pickle, NAME/data/KEY the storage KEY. Before, four
 * pickles (a number, the protocol, the machine's ways, the dict), a fifth that lists the keys of
 * the storages, and these, each as the number of its numbers (8 bytes) and the numbers themselves.
 * (torch/serialization.py, _save and _legacy_save.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "dtype.h"
#include "foreign.h"
#include "pickle.h"
#include "zip.h"

/* Where the numbers of a storage lie. */
struct storage {
    const char *key, *dtype;
    const uint8_t *data; /* NULL: not found yet */
    size_t bytes;
    uint64_t n;
};

struct checkpoint {
    struct elc_foreign *foreign;
    const struct elc_pickle_value *dict; /* of names and tensors */
    struct storage *storages;            /* by key, one for each key */
    size_t n_storages;
    size_t copied, copy_limit; /* bytes of tensors that lie in no order of C */
};

/* ---- the dict and its storages ---- */

/* The dict itself, or that of a training run's checkpoint, which has it among other things. */
static int find_dict(struct checkpoint *checkpoint, const struct elc_pickle_value *value) {
    const struct elc_pickle_value *inner = elc_pickle_get(value, "state_dict");
    if (!inner)
        inner = elc_pickle_get(value, "model");
    if (inner && inner->kind == ELC_PICKLE_DICT)
        value = inner;
    if (value->kind != ELC_PICKLE_DICT)
        return elc_fail(ELC_EFORMAT, "holds no dict of tensors");
    checkpoint->dict = value;
    return 0;
}

static int by_key(const void *a, const void *b) {
    const struct storage *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static struct storage *find_storage(const struct checkpoint *checkpoint, const char *key) {
    struct storage wanted = {.key = key};
    return checkpoint->n_storages == 0 ? NULL
                                       : bsearch(&wanted, checkpoint->storages,
                                                 checkpoint->n_storages, sizeof wanted, by_key);
}

/* The storages that tensors lie in, each once. */
static int list_storages(struct checkpoint *checkpoint) {
    const struct elc_pickle_value *dict = checkpoint->dict;
    checkpoint->storages = elc_arena_alloc(&checkpoint->foreign->arena,
                                           (dict->as.list.n + 1) * sizeof(struct storage));
    if (!checkpoint->storages)
        return ELC_ENOMEM;
    struct storage *list = checkpoint->storages;
    size_t n = 0;
    for (size_t i = 1; i < dict->as.list.n; i += 2) {
        const struct elc_pickle_value *value = dict->as.list.items[i];
        if (value->kind != ELC_PICKLE_TENSOR)
            continue;
        const struct elc_pickle_value *storage = value->as.tensor.storage;
        struct storage *to = &list[n++];
        *to = (struct storage){.key = storage->as.storage.key,
                               .dtype = storage->as.storage.dtype,
                               .n = storage->as.storage.n};
        int err = elc_foreign_bytes(&to->bytes, to->dtype, &to->n, 1);
        if (err)
            return elc_context(err, "storage '%s'", to->key);
    }
    qsort(list, n, sizeof *list, by_key);
    for (size_t i = 0; i < n; i++) {
        struct storage *last = &list[checkpoint->n_storages - (checkpoint->n_storages > 0)];
        if (checkpoint->n_storages == 0 || strcmp(last->key, list[i].key) != 0)
            list[checkpoint->n_storages++] = list[i];
        else if (last->n != list[i].n || last->dtype != list[i].dtype)
            return elc_fail(ELC_EFORMAT, "storage '%s' is described in two ways", last->key);
    }
    return 0;
}

/* ---- tensors ---- */

/* How many numbers a tensor has, and how many of the storage it spans from its offset on. */
static int measure(const struct elc_pickle_value *tensor, uint64_t *count, uint64_t *span,
                   bool *contiguous) {
    const struct elc_pickle_value *shape = tensor->as.tensor.shape,
                                  *stride = tensor->as.tensor.stride;
    *count = *span = 1;
    *contiguous = true;
    for (size_t i = shape->as.list.n; i-- > 0;) {
        const uint64_t size = (uint64_t)shape->as.list.items[i]->as.number;
        const uint64_t step = (uint64_t)stride->as.list.items[i]->as.number;
        size_t reach;
        if (size == 0) {
            *count = *span = 0;
            return 0;
        }
        if (size > 1 && step != *count)
            *contiguous = false;
        if (!elc_size_product(&reach, (size_t)(size - 1), (size_t)step) ||
            reach > SIZE_MAX - *span || size > SIZE_MAX / *count)
            return elc_fail(ELC_EFORMAT, "its shape is beyond all memory");
        *count *= size;
        *span += reach;
    }
    return 0;
}

/* Copies the numbers of a tensor into the order of C: the last index moves fastest. */
static void gather(uint8_t *to, const uint8_t *from, size_t size, uint64_t count,
                   const struct elc_pickle_value *tensor) {
    const struct elc_pickle_value *shape = tensor->as.tensor.shape,
                                  *stride = tensor->as.tensor.stride;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t rest = i, place = 0;
        for (size_t k = shape->as.list.n; k-- > 0;) {
            const uint64_t n = (uint64_t)shape->as.list.items[k]->as.number;
            place += rest % n * (uint64_t)stride->as.list.items[k]->as.number;
            rest /= n;
        }
        memcpy(to + i * size, from + place * size, size);
    }
}

static int take_numbers(struct checkpoint *checkpoint, struct elc_stored *stored,
                        const struct elc_pickle_value *tensor) {
    const struct storage *storage =
        find_storage(checkpoint, tensor->as.tensor.storage->as.storage.key);
    const size_t size = elc_dtype_find(storage->dtype)->bits / 8;
    const uint64_t offset = tensor->as.tensor.offset;
    uint64_t count, span;
    bool contiguous;
    int err = measure(tensor, &count, &span, &contiguous);
    if (err)
        return err;
    if (offset > storage->n || span > storage->n - offset || count > storage->n)
        return elc_fail(ELC_EFORMAT, "it lies outside its storage '%s' of %llu numbers",
                        storage->key, (unsigned long long)storage->n);
    stored->dtype = storage->dtype;
    stored->bytes = (size_t)count * size;
    stored->data = storage->data + offset * size;
    if (contiguous)
        return 0;
    checkpoint->copied += stored->bytes;
    if (checkpoint->copied > checkpoint->copy_limit)
        return elc_fail(ELC_ELIMIT, "tensors that are views of one another, larger than the file");
    uint8_t *copy = elc_arena_alloc(&checkpoint->foreign->arena, stored->bytes);
    if (!copy)
        return ELC_ENOMEM;
    gather(copy, stored->data, size, count, tensor);
    stored->data = copy;
    return 0;
}

static int add_tensor(struct checkpoint *checkpoint, const struct elc_pickle_value *name,
                      const struct elc_pickle_value *tensor) {
    enum { RANK_LIMIT = sizeof((struct elc_stored *)0)->shape / sizeof(uint64_t) };
    if (name->kind != ELC_PICKLE_TEXT || strlen(name->as.text.text) != name->as.text.len)
        return elc_fail(ELC_EFORMAT, "a tensor whose name is no text");
    struct elc_stored stored = {.name = name->as.text.text,
                                .rank = tensor->as.tensor.shape->as.list.n};
    int err = 0;
    if (stored.rank > RANK_LIMIT)
        err = elc_fail(ELC_ELIMIT, "more than %d dimensions", RANK_LIMIT);
    for (size_t i = 0; !err && i < stored.rank; i++)
        stored.shape[i] = (uint64_t)tensor->as.tensor.shape->as.list.items[i]->as.number;
    if (!err)
        err = take_numbers(checkpoint, &stored, tensor);
    return err ? elc_context(err, "tensor '%s'", stored.name)
               : elc_foreign_add(checkpoint->foreign, &stored);
}

static int add_tensors(struct checkpoint *checkpoint) {
    const struct elc_pickle_value *dict = checkpoint->dict;
    int err = 0;
    for (size_t i = 0; !err && i < dict->as.list.n; i += 2)
        if (dict->as.list.items[i + 1]->kind == ELC_PICKLE_TENSOR)
            err = add_tensor(checkpoint, dict->as.list.items[i], dict->as.list.items[i + 1]);
    return err;
}

/* ---- a zip archive ---- */

/* The first entry "DIRECTORY/data.pkl"; everything lies in that directory, whose name has *prefix
 * bytes. */
static const struct elc_zip_entry *find_pickle(const struct elc_zip *zip, size_t *prefix) {
    static const char name[] = "/data.pkl";
    for (size_t i = 0; i < zip->n_entries; i++) {
        const char *slash = strchr(zip->entries[i].name, '/');
        if (slash && strcmp(slash, name) == 0) {
            *prefix = (size_t)(slash - zip->entries[i].name);
            return &zip->entries[i];
        }
    }
    return NULL;
}

static const struct elc_zip_entry *find_entry(const struct elc_zip *zip, const char *pickle,
                                              size_t prefix, const char *name, const char *key) {
    struct elc_buffer path = {0};
    const struct elc_zip_entry *entry = NULL;
    if (elc_buffer_printf(&path, "%.*s/%s%s", (int)prefix, pickle, name, key) == 0 &&
        elc_buffer_append(&path, "", 1) == 0)
        entry = elc_zip_find(zip, (char *)path.data);
    elc_buffer_free(&path);
    return entry;
}

static int check_byte_order(const struct elc_zip_entry *order) {
    if (!order || (order->len == 6 && memcmp(order->data, "little", 6) == 0))
        return 0;
    return elc_fail(ELC_EFORMAT, "was written on a big-endian machine");
}

static int place_entries(struct checkpoint *checkpoint, const struct elc_zip *zip,
                         const char *pickle, size_t prefix) {
    for (size_t i = 0; i < checkpoint->n_storages; i++) {
        struct storage *storage = &checkpoint->storages[i];
        const struct elc_zip_entry *entry = find_entry(zip, pickle, prefix, "data/", storage->key);
        if (!entry)
            return elc_fail(ELC_ETRUNCATED, "storage '%s' is missing", storage->key);
        if (entry->len != storage->bytes)
            return elc_fail(ELC_EFORMAT, "storage '%s' has %zu bytes, not %zu", storage->key,
                            entry->len, storage->bytes);
        storage->data = entry->data;
        int err = elc_zip_check(entry);
        if (err)
            return err;
    }
    return 0;
}

static int read_zip(struct checkpoint *checkpoint, const struct elc_map *map) {
    struct elc_arena *arena = &checkpoint->foreign->arena;
    struct elc_zip zip;
    size_t prefix, size;
    const struct elc_pickle_value *value;
    int err = elc_zip_open(&zip, map->data, map->len, arena);
    if (err)
        return err;
    const struct elc_zip_entry *pickle = find_pickle(&zip, &prefix);
    if (!pickle)
        return elc_fail(ELC_EFORMAT,
                        "is a zip archive, but none of torch.save: it has no data.pkl");
    err = check_byte_order(find_entry(&zip, pickle->name, prefix, "byteorder", ""));
    if (!err)
        err = elc_zip_check(pickle);
    if (!err)
        err = elc_pickle_read(&value, &size, pickle->data, pickle->len, arena);
    if (!err)
        err = find_dict(checkpoint, value);
    if (!err)
        err = list_storages(checkpoint);
    return err ? err : place_entries(checkpoint, &zip, pickle->name, prefix);
}

/* ---- before 1.6 ---- */

/* The machine's ways: numbers must be little-endian. */
static int check_machine(const struct elc_pickle_value *ways) {
    const struct elc_pickle_value *little = elc_pickle_get(ways, "little_endian");
    if (!little || little->kind != ELC_PICKLE_BOOL || little->as.number != 1)
        return elc_fail(ELC_EFORMAT, "was written on a big-endian machine");
    return 0;
}

/* What follows the last pickle, in the order of its keys. */
static int place_storages(struct checkpoint *checkpoint, const struct elc_pickle_value *keys,
                          const uint8_t *data, size_t len) {
    for (size_t i = 0; keys->kind == ELC_PICKLE_LIST && i < keys->as.list.n; i++) {
        const struct elc_pickle_value *key = keys->as.list.items[i];
        struct storage *storage =
            key->kind == ELC_PICKLE_TEXT ? find_storage(checkpoint, key->as.text.text) : NULL;
        if (!storage || storage->data)
            return elc_fail(ELC_EFORMAT, "storage %zu is of no tensor, or there twice", i + 1);
        if (len < 8 || len - 8 < storage->bytes)
            return elc_fail(ELC_ETRUNCATED, "ends within storage '%s'", storage->key);
        if (elc_little(data, 8) != storage->n)
            return elc_fail(ELC_EFORMAT, "storage '%s' has %llu numbers, not %llu", storage->key,
                            (unsigned long long)elc_little(data, 8),
                            (unsigned long long)storage->n);
        storage->data = data + 8;
        data += 8 + storage->bytes;
        len -= 8 + storage->bytes;
    }
    for (size_t i = 0; i < checkpoint->n_storages; i++)
        if (!checkpoint->storages[i].data)
            return elc_fail(ELC_ETRUNCATED, "storage '%s' is missing", checkpoint->storages[i].key);
    return len == 0 ? 0 : elc_fail(ELC_EFORMAT, "%zu bytes behind the last storage", len);
}

static int read_legacy(struct checkpoint *checkpoint, const struct elc_map *map) {
    enum { MAGIC, PROTOCOL, MACHINE, DICT, KEYS, N_PICKLES };
    static const char *const names[] = {"first", "second", "third", "fourth", "fifth"};
    const struct elc_pickle_value *values[N_PICKLES];
    size_t at = 0;
    int err = 0;
    for (size_t i = 0; !err && i < N_PICKLES; i++) {
        size_t size = 0;
        err = elc_pickle_read(&values[i], &size, map->data + at, map->len - at,
                              &checkpoint->foreign->arena);
        if (err)
            return elc_context(err, "in the %s of its pickles", names[i]);
        at += size;
        if (i == PROTOCOL && (values[i]->kind != ELC_PICKLE_INT || values[i]->as.number != 1001))
            err = elc_fail(ELC_EFORMAT, "is a pickle, but none of torch.save");
    }
    if (!err)
        err = check_machine(values[MACHINE]);
    if (!err)
        err = find_dict(checkpoint, values[DICT]);
    if (!err)
        err = list_storages(checkpoint);
    return err ? err : place_storages(checkpoint, values[KEYS], map->data + at, map->len - at);
}

int elc_pytorch_read(struct elc_foreign *foreign, const struct elc_map *map) {
    struct checkpoint checkpoint = {.foreign = foreign, .copy_limit = map->len};
    int err = map->data[0] == 'P' ? read_zip(&checkpoint, map) : read_legacy(&checkpoint, map);
    return err ? err : add_tensors(&checkpoint);
}
