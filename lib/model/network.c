/* Loading a network out of its directory. */
#include "electra/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "electra/file.h"
#include "electra/memory.h"
#include "load.h"

/* Can the weights be used where they lie in the file? */
static bool is_mappable(const struct elc_stored **stored, size_t n) {
    if (sizeof(elc_float) != sizeof(float))
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(stored[i]->dtype, "F32") != 0 || (uintptr_t)stored[i]->data % sizeof(float) != 0)
            return false;
    return true;
}

static int by_place(const void *a, const void *b) {
    const struct elc_stored *x = *(const struct elc_stored *const *)a;
    const struct elc_stored *y = *(const struct elc_stored *const *)b;
    return (x->data > y->data) - (x->data < y->data);
}

/* Hashes a tensor and looks for numbers that are not finite in one pass over its memory. */
static int scan_tensor(XXH3_state_t *hash, const struct elc_stored *tensor) {
    enum { CHUNK = 64 * 1024 };
    bool finite = true;
    for (size_t at = 0; at < tensor->bytes; at += CHUNK) {
        size_t len = tensor->bytes - at < CHUNK ? tensor->bytes - at : CHUNK;
        XXH3_128bits_update(hash, tensor->data + at, len);
        finite &= elc_finite_f32(tensor->data + at, len / sizeof(float));
    }
    if (!finite)
        return elc_fail(ELC_ENUMERIC, "tensor '%s' holds a number that is not finite",
                        tensor->name);
    return 0;
}

/* Hashes the whole file front to back, scanning the `n` tensors of `stored` on the way, which is
 * put in the order of their places. */
static int scan_file(XXH3_state_t *hash, const struct elc_map *map,
                     const struct elc_stored **stored, size_t n) {
    qsort(stored, n, sizeof *stored, by_place);
    const uint8_t *at = map->data;
    for (size_t i = 0; i < n; i++) {
        XXH3_128bits_update(hash, at, (size_t)(stored[i]->data - at));
        int err = scan_tensor(hash, stored[i]);
        if (err)
            return err;
        at = stored[i]->data + stored[i]->bytes;
    }
    XXH3_128bits_update(hash, at, (size_t)(map->data + map->len - at));
    return 0;
}

static void format_hash(char text[33], XXH128_hash_t hash) {
    snprintf(text, 33, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

/* Weights stay in the map where possible; else `values` gets a copy. */
static int take_tensors(struct elc_network *network, const struct elc_stored **stored,
                        XXH3_state_t *hash, const char *path) {
    const struct elc_table *table = &network->table;
    int err = elc_stored_match(stored, table, &network->file);
    if (err)
        return elc_context(err, "%s", path);
    bool mapped = is_mappable(stored, table->n_tensors);
    if (!mapped) {
        network->values = elc_calloc_aligned(table->total, sizeof *network->values);
        if (!network->values)
            return ELC_ENOMEM;
        err = elc_params_load(network->values, table, &network->file, path, NULL);
        if (err)
            return err;
    }
    for (size_t i = 0; i < table->n_tensors; i++)
        network->tensors[i] = mapped ? (const elc_float *)(const void *)stored[i]->data
                                     : network->values + table->tensors[i].offset;
    err = scan_file(hash, &network->file.map, stored, mapped ? table->n_tensors : 0);
    return err ? elc_context(err, "%s", path) : 0;
}

/* After a failure to open model.safetensors: are its weights there in another format? */
static int hint(const struct elc_network *network, const char *path, int err) {
    static const char *const others[] = {"pytorch_model.bin", "flax_model.msgpack",
                                         "model.safetensors.index.json"};
    if (elc_path_exists(network->path, "model.safetensors"))
        return err;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (elc_path_exists(network->path, others[i]))
            return elc_fail(err, "%s: is not there; electra-model convert reads %s", path,
                            others[i]);
    return err;
}

static int load_tensors(struct elc_network *network, XXH3_state_t *hash) {
    char *path = elc_path_join(network->path, "model.safetensors");
    if (!path)
        return ELC_ENOMEM;
    size_t n = network->table.n_tensors;
    const struct elc_stored **stored = calloc(n, sizeof *stored);
    network->tensors = calloc(n, sizeof *network->tensors);
    int err = 0;
    if (!stored || !network->tensors)
        err = elc_fail_memory(n * sizeof *stored);
    if (!err)
        err = elc_safetensors_open(&network->file, path);
    if (err == ELC_EIO)
        err = hint(network, path, err);
    if (!err)
        err = take_tensors(network, stored, hash, path);
    free(stored);
    free(path);
    return err;
}

static int check_architecture(const struct elc_config *config, enum elc_architecture wanted,
                              const char *path) {
    if (wanted == ELC_ENCODER || config->architecture == wanted)
        return 0;
    return elc_fail(ELC_EMISMATCH, "%s: holds %s, but %s is needed", path,
                    elc_architecture_name(config->architecture), elc_architecture_name(wanted));
}

/* Reads config.json, whose bytes open the hash, and lays out the table. */
static int load_config(struct elc_network *network, enum elc_architecture wanted,
                       XXH3_state_t *hash) {
    char *path = elc_path_join(network->path, "config.json");
    if (!path)
        return ELC_ENOMEM;
    struct elc_map map = {0};
    int err = elc_map_open(&map, path);
    if (!err)
        err = elc_config_parse(&network->config, (const char *)map.data, map.len, path);
    if (!err && elc_architecture_has_labels(network->config.architecture))
        err = elc_labels_parse(&network->labels, (const char *)map.data, map.len, path);
    if (!err) {
        XXH3_128bits_update(hash, map.data, map.len);
        network->config.labels = network->labels.names;
        err = check_architecture(&network->config, wanted, path);
    }
    elc_map_close(&map);
    free(path);
    if (!err) {
        network->config.architecture = wanted;
        err = elc_table_build(&network->table, &network->config, ELC_SHARE_NOTHING);
    }
    return err;
}

int elc_network_load(struct elc_network *network, const char *path, enum elc_architecture wanted) {
    *network = (struct elc_network){0};
    XXH3_state_t *hash = XXH3_createState();
    int err = hash ? elc_directory_resolve(&network->path, path, wanted) : elc_fail_memory(0);
    if (!err) {
        XXH3_128bits_reset(hash);
        err = load_config(network, wanted, hash);
    }
    if (!err)
        err = load_tensors(network, hash);
    if (!err)
        format_hash(network->hash, XXH3_128bits_digest(hash));
    XXH3_freeState(hash);
    if (err)
        elc_network_free(network);
    return err;
}

void elc_network_free(struct elc_network *network) {
    free(network->path);
    elc_labels_free(&network->labels);
    elc_table_free(&network->table);
    free(network->tensors);
    free(network->values);
    elc_safetensors_close(&network->file);
    *network = (struct elc_network){0};
}
