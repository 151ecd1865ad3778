/* Finding a foreign checkpoint's files, and telling their formats apart by their first bytes. */
#include "foreign.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <jansson.h>

#include "electra/parse.h"

#include "dtype.h"
#include "load.h"
#include "settings.h"

enum { SHARDS_LIMIT = 1000, TENSORS_LIMIT = 1 << 20 };

/* ---- what the readers fill ---- */

int elc_foreign_map(const struct elc_map **map, struct elc_foreign *foreign, const char *path) {
    int err = elc_grow(&foreign->maps, &foreign->map_capacity, foreign->n_maps + 1,
                       sizeof *foreign->maps);
    if (!err)
        err = elc_map_open(&foreign->maps[foreign->n_maps], path);
    if (!err)
        *map = &foreign->maps[foreign->n_maps++];
    return err;
}

int elc_foreign_add(struct elc_foreign *foreign, const struct elc_stored *stored) {
    if (foreign->n_tensors >= TENSORS_LIMIT)
        return elc_fail(ELC_ELIMIT, "more than %d tensors", TENSORS_LIMIT);
    int err = elc_grow(&foreign->tensors, &foreign->tensor_capacity, foreign->n_tensors + 1,
                       sizeof *foreign->tensors);
    if (err)
        return err;
    struct elc_foreign_tensor *tensor = &foreign->tensors[foreign->n_tensors];
    *tensor = (struct elc_foreign_tensor){.stored = *stored};
    tensor->stored.name = elc_arena_text(&foreign->arena, stored->name, strlen(stored->name));
    if (!tensor->stored.name)
        return ELC_ENOMEM;
    foreign->n_tensors++;
    return 0;
}

int elc_foreign_bytes(size_t *bytes, const char *dtype, const uint64_t *shape, size_t rank) {
    size_t total = elc_dtype_find(dtype)->bits / 8;
    for (size_t i = 0; i < rank; i++)
        if (shape[i] > SIZE_MAX || !elc_size_product(&total, total, (size_t)shape[i]))
            return elc_fail(ELC_EFORMAT, "its shape is beyond all memory");
    *bytes = total;
    return 0;
}

/* ---- one file ---- */

static bool begins_with(const struct elc_map *map, const char *bytes, size_t len) {
    return map->len >= len && memcmp(map->data, bytes, len) == 0;
}

static bool is_json(const struct elc_map *map) {
    size_t at = 0;
    while (at < map->len && strchr(" \t\r\n", map->data[at]) && map->data[at])
        at++;
    return at < map->len && map->data[at] == '{';
}

/* The end of a LevelDB table, which TensorFlow's index is. */
static bool is_table(const struct elc_map *map) {
    static const char magic[] = "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
    return map->len >= 8 && memcmp(map->data + map->len - 8, magic, 8) == 0;
}

/* A msgpack map: of at most 15 pairs, or 16 or 32 bits. */
static bool is_msgpack(const struct elc_map *map) {
    return map->len > 0 &&
           ((map->data[0] & 0xf0) == 0x80 || map->data[0] == 0xde || map->data[0] == 0xdf);
}

static bool is_safetensors(const struct elc_map *map) {
    return map->len > 8 && map->data[8] == '{' && map->data[7] == 0 && map->data[6] == 0;
}

/* The last map becomes that of the file: a pipe could not be read twice. */
static int read_safetensors(struct elc_foreign *foreign, const char *path) {
    int err = elc_grow(&foreign->files, &foreign->file_capacity, foreign->n_files + 1,
                       sizeof *foreign->files);
    if (err)
        return err;
    struct elc_safetensors *file = &foreign->files[foreign->n_files];
    err = elc_safetensors_adopt(file, &foreign->maps[--foreign->n_maps], path);
    if (err)
        return err;
    foreign->n_files++;
    for (size_t i = 0; !err && i < file->n_tensors; i++)
        err = elc_foreign_add(foreign, &file->tensors[i]);
    return err;
}

static int read_shards(struct elc_foreign *foreign, const struct elc_map *map, const char *path);

/* `whole`: not one of several, and so possibly the index of several. */
static int read_file(struct elc_foreign *foreign, const char *path, bool whole) {
    const struct elc_map *map;
    int err = elc_foreign_map(&map, foreign, path);
    if (err)
        return err;
    if (map->len == 0)
        return elc_fail(ELC_ETRUNCATED, "%s: is empty", path);
    if (is_safetensors(map)) {
        foreign->format = ELC_FORMAT_SAFETENSORS;
        return read_safetensors(foreign, path);
    }
    if (begins_with(map, "PK\3\4", 4) || begins_with(map, "\x80\2", 2)) {
        foreign->format = ELC_FORMAT_PYTORCH;
        err = elc_pytorch_read(foreign, map);
    } else if (whole && is_table(map)) {
        foreign->format = ELC_FORMAT_TENSORFLOW;
        return elc_tensorflow_read(foreign, map, path);
    } else if (whole && is_msgpack(map)) {
        foreign->format = ELC_FORMAT_FLAX;
        err = elc_flax_read(foreign, map);
    } else if (whole && is_json(map)) {
        return read_shards(foreign, map, path);
    } else {
        err = begins_with(map, "version https://git-lfs", 23)
                  ? elc_fail(ELC_EFORMAT, "is only git-lfs's note of where the file is")
                  : elc_fail(ELC_EFORMAT, "is no checkpoint of PyTorch, Flax or TensorFlow, and no "
                                          "safetensors file");
    }
    return err ? elc_context(err, "%s", path) : 0;
}

/* ---- several files ---- */

/* Reads the file of this name, unless it was read before: `done` names those. */
static int read_shard(struct elc_foreign *foreign, json_t *done, const char *name) {
    if (json_object_get(done, name))
        return 0;
    if (json_object_size(done) >= SHARDS_LIMIT)
        return elc_fail(ELC_ELIMIT, "more than %d files", SHARDS_LIMIT);
    if (strchr(name, '/') || name[0] == '\0' || strcmp(name, "..") == 0)
        return elc_fail(ELC_EFORMAT, "'%s' is not a file beside it", name);
    char *path = elc_path_join(foreign->directory, name);
    int err = path ? read_file(foreign, path, false) : ELC_ENOMEM;
    free(path);
    if (!err && json_object_set_new(done, name, json_true()) != 0)
        err = elc_fail_memory(0);
    return err;
}

/* Every tensor that the index names is there. */
static int check_shards(const struct elc_foreign *foreign, const json_t *weights) {
    json_t *present = json_object(), *place;
    const char *name;
    int err = present ? 0 : elc_fail_memory(0);
    for (size_t i = 0; !err && i < foreign->n_tensors; i++)
        if (json_object_set_new_nocheck(present, foreign->tensors[i].stored.name, json_true()) != 0)
            err = elc_fail_memory(0);
    json_object_foreach((json_t *)(uintptr_t)weights, name, place) {
        if (!err && !json_object_get(present, name))
            err = elc_fail(ELC_EMISMATCH, "tensor '%s' is not in '%s'", name,
                           json_string_value(place));
    }
    json_decref(present);
    return err;
}

/* model.safetensors.index.json, pytorch_model.bin.index.json: {"weight_map": {tensor: file}}. */
static int read_shards(struct elc_foreign *foreign, const struct elc_map *map, const char *path) {
    json_t *index = elc_json_object((const char *)map->data, map->len, path);
    if (!index)
        return ELC_EFORMAT;
    const json_t *weights = json_object_get(index, "weight_map");
    json_t *done = json_object(), *place;
    const char *name;
    int err = done ? 0 : elc_fail_memory(0);
    if (!err && !json_is_object(weights))
        err = elc_fail(ELC_EFORMAT, "is no index of a checkpoint: it has no 'weight_map'");
    json_object_foreach((json_t *)(uintptr_t)weights, name, place) {
        if (!err && !json_is_string(place))
            err = elc_fail(ELC_EFORMAT, "'weight_map' does not name the file of '%s'", name);
        if (!err)
            err = read_shard(foreign, done, json_string_value(place));
    }
    if (!err)
        err = check_shards(foreign, weights);
    json_decref(done);
    json_decref(index);
    return err ? elc_context(err, "%s", path) : 0;
}

/* ---- the source ---- */

static bool is_file(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

/* directory/name if that is a file, else NULL. */
static char *file_in(const char *directory, const char *name) {
    char *path = elc_path_join(directory, name);
    if (path && !is_file(path)) {
        free(path);
        path = NULL;
    }
    return path;
}

/* The index of a directory's only bundle, malloced; NULL where there is none or more than one. */
static char *bundle_in(const char *directory) {
    char *path = NULL;
    size_t n = 0;
    struct dirent *entry;
    DIR *stream = opendir(directory);
    while (stream && (entry = readdir(stream))) {
        if (!elc_ends_with(entry->d_name, ".index") || n++ > 0)
            continue;
        path = elc_path_join(directory, entry->d_name);
    }
    if (stream)
        closedir(stream);
    if (n != 1) {
        free(path);
        path = NULL;
    }
    return path;
}

/* What to read of a directory, in the order of trust; malloced. */
static int choose_file(char **path, const char *directory) {
    static const char *const names[] = {
        "model.safetensors",  "model.safetensors.index.json",
        "pytorch_model.bin",  "pytorch_model.bin.index.json",
        "flax_model.msgpack",
    };
    *path = NULL;
    for (size_t i = 0; !*path && i < sizeof names / sizeof *names; i++)
        *path = file_in(directory, names[i]);
    if (!*path)
        *path = bundle_in(directory);
    return *path ? 0
                 : elc_fail(ELC_EIO,
                            "%s: has no model.safetensors, pytorch_model.bin, flax_model.msgpack "
                            "or single TensorFlow bundle (.index)",
                            directory);
}

/* `source` itself, a file of that directory, or the index of the bundle whose prefix it is. */
static int find_file(char **path, const char *source) {
    struct stat status;
    if (stat(source, &status) == 0 && S_ISDIR(status.st_mode))
        return choose_file(path, source);
    struct elc_buffer index = {0};
    int err = elc_buffer_printf(&index, "%s.index", source);
    if (!err)
        err = elc_buffer_append(&index, "", 1);
    if (!err && !is_file(source) && is_file((char *)index.data))
        *path = strdup((char *)index.data);
    else if (!err)
        *path = strdup(source);
    elc_buffer_free(&index);
    return err ? err : *path ? 0 : elc_fail_memory(strlen(source));
}

static int by_own_name(const void *a, const void *b) {
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* What a file says twice would be used twice: only a hostile one has it. */
static int check_distinct(const struct elc_foreign *foreign, const char *path) {
    const char **names = calloc(foreign->n_tensors + 1, sizeof *names);
    if (!names)
        return elc_fail_memory(foreign->n_tensors * sizeof *names);
    for (size_t i = 0; i < foreign->n_tensors; i++)
        names[i] = foreign->tensors[i].stored.name;
    qsort(names, foreign->n_tensors, sizeof *names, by_own_name);
    int err = 0;
    for (size_t i = 1; !err && i < foreign->n_tensors; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            err = elc_fail(ELC_EFORMAT, "%s: tensor '%s' is there twice", path, names[i]);
    free(names);
    return err;
}

int elc_foreign_open(struct elc_foreign *foreign, const char *source) {
    *foreign = (struct elc_foreign){0};
    char *path = NULL;
    int err = find_file(&path, source);
    if (!err) {
        const char *slash = strrchr(path, '/');
        foreign->directory = slash == path ? strdup("/")
                             : slash       ? strndup(path, (size_t)(slash - path))
                                           : strdup(".");
        if (!foreign->directory)
            err = elc_fail_memory(strlen(path));
    }
    if (!err)
        err = read_file(foreign, path, true);
    if (!err)
        err = check_distinct(foreign, path);
    free(path);
    if (err)
        elc_foreign_close(foreign);
    return err;
}

void elc_foreign_close(struct elc_foreign *foreign) {
    for (size_t i = 0; i < foreign->n_maps; i++)
        elc_map_close(&foreign->maps[i]);
    for (size_t i = 0; i < foreign->n_files; i++)
        elc_safetensors_close(&foreign->files[i]);
    free(foreign->directory);
    free(foreign->tensors);
    free(foreign->by_name);
    free(foreign->maps);
    free(foreign->files);
    elc_arena_free(&foreign->arena);
    *foreign = (struct elc_foreign){0};
}
