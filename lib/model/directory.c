/* Model directories: finding one, writing one. */
#include "electra/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <jansson.h>

#include "electra/file.h"
#include "electra/json_text.h"
#include "electra/memory.h"

/* ---- finding ---- */

/* path/inner in `resolved` if it is a model: 1, 0, or an error. */
static int resolve_inner(char **resolved, const char *path, const char *inner) {
    char *directory = elc_path_join(path, inner);
    if (!directory)
        return ELC_ENOMEM;
    const bool found = elc_path_exists(directory, "config.json");
    if (found)
        *resolved = directory;
    else
        free(directory);
    return found;
}

int elc_directory_resolve(char **resolved, const char *path, enum elc_architecture wanted) {
    const char *inner = wanted == ELC_GENERATOR ? "generator" : "discriminator";
    *resolved = NULL;
    struct stat status;
    if (stat(path, &status) != 0)
        return elc_fail_errno("%s", path);
    if (!S_ISDIR(status.st_mode))
        return elc_fail(ELC_EIO, "%s: is no model directory", path);
    if (elc_path_exists(path, "config.json")) {
        *resolved = strdup(path);
        return *resolved ? 0 : elc_fail_memory(strlen(path));
    }
    int found = resolve_inner(resolved, path, inner);
    if (found == 0 && wanted == ELC_ENCODER) /* a masked language model has no other */
        found = resolve_inner(resolved, path, "generator");
    if (found != 0)
        return found < 0 ? found : 0;
    return elc_fail(ELC_EIO,
                    "%s: is no model directory: it has neither config.json nor %s/config.json",
                    path, inner);
}

/* ---- writing ---- */

static int save_config(const char *directory, const struct elc_config *config) {
    struct elc_buffer json = {0};
    char *path = elc_path_join(directory, "config.json");
    int err = path ? elc_config_format(config, &json) : ELC_ENOMEM;
    if (!err)
        err = elc_file_write(path, json.data, json.len);
    free(path);
    elc_buffer_free(&json);
    return err;
}

/* The rules of few models. */
static int add_unusual(json_t *object, const struct elc_tokenizer_id *rules) {
    int failed = 0;
    if (rules->chinese_joined)
        failed |= json_object_set_new(object, "tokenize_chinese_chars", json_false());
    if (rules->keep_controls)
        failed |= json_object_set_new(object, "clean_text", json_false());
    if (rules->word_chars > 0)
        failed |= json_object_set_new(object, "max_input_chars_per_word",
                                      json_integer(rules->word_chars));
    return failed;
}

static int save_rules(const char *directory, const struct elc_tokenizer_id *rules,
                      uint32_t max_length) {
    json_t *object = json_pack("{s:b, s:i, s:b, s:s, s:s*, s:s*}", "do_lower_case", !rules->cased,
                               "model_max_length", (int)max_length, "strip_accents",
                               (int)rules->strip_accents, "tokenizer_class", "ElectraTokenizer",
                               "compat", rules->compat, "pattern", rules->pattern);
    char *text =
        object && add_unusual(object, rules) == 0 ? elc_json_dumps(object, JSON_INDENT(2)) : NULL;
    json_decref(object);
    char *path = text ? elc_path_join(directory, "tokenizer_config.json") : NULL;
    int err = text ? path ? 0 : ELC_ENOMEM : elc_fail_memory(0);
    if (!err)
        err = elc_file_write(path, text, strlen(text));
    free(path);
    free(text);
    return err;
}

static int save_vocab(const char *directory, const struct elc_vocab *vocab) {
    char *path = elc_path_join(directory, "vocab.txt");
    int err = path ? elc_vocab_write(vocab, path) : ELC_ENOMEM;
    free(path);
    return err;
}

/* What to write of one tensor. Files hold floats: the double build narrows into an arena. */
static int store_tensor(struct elc_to_store *stored, const struct elc_tensor *tensor,
                        const elc_float *values, struct elc_arena *arena) {
    *stored = (struct elc_to_store){
        .name = tensor->name,
        .dtype = "F32",
        .shape = {tensor->shape[0], tensor->shape[1]},
        .rank = tensor->shape[1] ? 2 : 1,
        .data = values,
        .bytes = tensor->count * sizeof(float),
    };
    if (sizeof *values != sizeof(float)) {
        float *narrow = elc_arena_alloc(arena, stored->bytes);
        if (!narrow)
            return ELC_ENOMEM;
        for (size_t i = 0; i < tensor->count; i++)
            narrow[i] = (float)values[i];
        stored->data = narrow;
    }
    return 0;
}

/* Is this the owner's tensor that a network with this table shares: one of the embeddings, or, when
 * it has no layers of its own, any of the encoder? */
static bool is_shared(const struct elc_table *table, const struct elc_tensor *tensor) {
    bool layers = elc_table_find(table, "electra.encoder.layer.0.output.dense.weight") != NULL;
    const char *prefix = layers ? "electra.embeddings." : "electra.";
    return strncmp(tensor->name, prefix, strlen(prefix)) == 0;
}

static int save_tensors(const char *directory, const struct elc_table *table,
                        const elc_float *values, const struct elc_table *owner_table,
                        const elc_float *owner) {
    size_t n_owned = owner_table ? owner_table->n_tensors : 0, n = 0;
    struct elc_arena arena = {0};
    char *path = elc_path_join(directory, "model.safetensors");
    struct elc_to_store *stored = calloc(table->n_tensors + n_owned, sizeof *stored);
    int err = path ? 0 : ELC_ENOMEM;
    if (!stored)
        err = elc_fail_memory((table->n_tensors + n_owned) * sizeof *stored);
    for (size_t i = 0; !err && i < table->n_tensors; i++) {
        const struct elc_tensor *tensor = &table->tensors[i];
        err = store_tensor(&stored[n++], tensor, values + tensor->offset, &arena);
    }
    for (size_t i = 0; !err && i < n_owned; i++) {
        const struct elc_tensor *tensor = &owner_table->tensors[i];
        if (is_shared(table, tensor))
            err = store_tensor(&stored[n++], tensor, owner + tensor->offset, &arena);
    }
    if (!err)
        err = elc_safetensors_write(path, stored, n, NULL, 0);
    free(stored);
    free(path);
    elc_arena_free(&arena);
    return err;
}

int elc_network_save(const char *directory, const struct elc_config *config,
                     const struct elc_table *table, const elc_float *values,
                     const struct elc_table *owner_table, const elc_float *owner,
                     const struct elc_vocab *vocab, const struct elc_tokenizer_id *rules,
                     uint32_t max_length) {
    int err = save_config(directory, config);
    if (!err)
        err = save_tensors(directory, table, values, owner_table, owner);
    if (!err)
        err = save_vocab(directory, vocab);
    if (!err)
        err = save_rules(directory, rules, max_length);
    return err ? err : elc_fsync_directory(directory);
}
