#include "electra/describe.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "electra/directory.h"
#include "electra/file.h"
#include "load.h"
#include "settings.h"

/* An object under construction. */
struct description {
    json_t *object;
    int err; /* of the first failure; later additions do nothing */
};

/* `value` is taken over. NULL: no memory for it. */
static void add(struct description *to, const char *key, json_t *value) {
    if (to->err)
        json_decref(value);
    else if (json_object_set_new(to->object, key, value) != 0)
        to->err = elc_fail_memory(0);
}

/* As add(), at the end of a list. */
static void append(struct description *to, json_t *list, json_t *value) {
    if (json_array_append_new(list, value) != 0 && !to->err)
        to->err = elc_fail_memory(0);
}

/* The object; NULL after a failure. */
static json_t *finish(struct description *done) {
    if (!done->err)
        return done->object;
    json_decref(done->object);
    return NULL;
}

/* Six digits: what a file of floats can say. */
static void add_real(struct description *to, const char *key, double value) {
    char digits[32];
    (void)snprintf(digits, sizeof digits, "%.6g", value);
    add(to, key, json_real(strtod(digits, NULL)));
}

/* Text that may hold any bytes: a path, a name in a file. */
static void add_text(struct description *to, const char *key, const char *text) {
    struct elc_buffer clean = {0};
    if (!to->err && elc_utf8_clean(&clean, text, strlen(text)) < 0)
        to->err = ELC_ENOMEM;
    add(to, key, json_stringn(clean.data ? (const char *)clean.data : "", clean.len));
    elc_buffer_free(&clean);
}

/* ---- configuration ---- */

static void add_settings(struct description *to, const struct elc_config *config) {
    for (size_t i = 0; i < elc_n_config_settings; i++)
        add(to, elc_config_settings[i].key, elc_setting_json(&elc_config_settings[i], config));
}

/* The names of classes, where there are any: an object of number to name, a word or a number. */
static void add_labels(struct description *to, const json_t *config) {
    const char *number;
    json_t *name, *labels = json_object_get(config, "id2label");
    if (!labels || json_is_null(labels))
        return;
    bool good = json_is_object(labels);
    json_object_foreach(labels, number, name) {
        good = good && (json_is_string(name) || json_is_integer(name));
    }
    if (good)
        add(to, "id2label", json_incref(labels));
    else if (!to->err)
        to->err = elc_fail(ELC_EFORMAT, "'id2label' does not name each class by a word");
}

/* What made the model, oldest first: entries as in a stream's header. */
static void add_history(struct description *to, const json_t *config) {
    const json_t *history = json_object_get(config, "history");
    json_t *entries = json_array();
    for (size_t i = 0; i < json_array_size(history); i++) {
        const json_t *entry = json_array_get(history, i);
        const char *program = json_string_value(json_object_get(entry, "program"));
        const char *version = json_string_value(json_object_get(entry, "version"));
        json_t *args = json_object_get(entry, "args");
        bool good = program && version && json_is_array(args);
        for (size_t k = 0; good && k < json_array_size(args); k++)
            good = json_is_string(json_array_get(args, k));
        if (good)
            append(
                to, entries,
                json_pack("{s:s, s:s, s:O}", "program", program, "version", version, "args", args));
    }
    if (json_array_size(entries) > 0)
        add(to, "history", entries);
    else
        json_decref(entries);
}

/* What the outputs of a fine-tuned network are. */
static void add_head(struct description *to, const struct elc_config *config, const json_t *json) {
    const json_t *problem = json_object_get(json, "problem_type");
    if (config->architecture < ELC_SEQUENCE_CLASSIFIER)
        return;
    add(to, "classifier_dropout", json_real(elc_head_dropout(config)));
    if (!elc_architecture_has_labels(config->architecture))
        return;
    add(to, "num_labels", json_integer(config->num_labels));
    if (config->problem_type != ELC_PROBLEM_UNSET)
        add(to, "problem_type", json_incref((json_t *)(uintptr_t)problem));
}

/* Reads config.json for what shapes the network, and again for what else it says. */
static void add_config(struct description *to, struct elc_config *config, const char *directory) {
    char *path = elc_path_join(directory, "config.json");
    struct elc_map map = {0};
    int err = path ? elc_config_read(config, path) : ELC_ENOMEM;
    if (!err)
        err = elc_map_open(&map, path);
    json_t *json = err ? NULL : elc_json_object((const char *)map.data, map.len, path);
    if (!err && !json)
        err = ELC_EFORMAT;
    to->err = to->err ? to->err : err;
    if (!to->err) {
        add(to, "architecture", json_string(elc_architecture_name(config->architecture)));
        add_settings(to, config);
        add_head(to, config, json);
        add_labels(to, json);
        add_history(to, json);
        if (to->err)
            to->err = elc_context(to->err, "%s", path);
    }
    json_decref(json);
    elc_map_close(&map);
    free(path);
}

/* ---- weights ---- */

/* Numbers by part of the network. What is shared or tied is counted once. */
static json_t *count_parameters(const struct elc_table *table) {
    static const struct {
        const char *prefix, *key;
    } groups[] = {{"electra.embeddings.", "embeddings"},
                  {"electra.embeddings_project.", "projection"},
                  {"electra.encoder.", "layers"},
                  {"", "head"}};
    enum { N_GROUPS = sizeof groups / sizeof *groups };
    json_int_t counts[N_GROUPS] = {0}, total = 0;
    for (size_t i = 0; i < table->n_tensors; i++) {
        size_t group = 0;
        while (strncmp(table->tensors[i].name, groups[group].prefix,
                       strlen(groups[group].prefix)) != 0)
            group++;
        counts[group] += (json_int_t)table->tensors[i].count;
        total += (json_int_t)table->tensors[i].count;
    }
    struct description parts = {json_object(), 0};
    add(&parts, "total", json_integer(total));
    for (size_t i = 0; i < N_GROUPS; i++)
        add(&parts, groups[i].key, json_integer(counts[i]));
    return finish(&parts);
}

static void add_stats(struct description *to, const elc_float *values, size_t n) {
    double min = DBL_MAX, max = -DBL_MAX, sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
        sum += values[i];
    }
    const double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    add_real(to, "min", min);
    add_real(to, "max", max);
    add_real(to, "mean", mean);
    add_real(to, "std", sqrt(squares / (double)n));
}

/* `values`: NULL for a tensor that the network does not have. */
static json_t *describe_tensor(const struct elc_stored *stored, const elc_float *values, size_t n,
                               const struct elc_describe_options *options) {
    struct description to = {json_object(), 0};
    json_t *shape = json_array();
    for (size_t i = 0; i < stored->rank; i++)
        append(&to, shape, json_integer((json_int_t)stored->shape[i]));
    add(&to, "name", json_string(stored->name));
    add(&to, "dtype", json_string(stored->dtype));
    add(&to, "shape", shape);
    add(&to, "used", json_boolean(values));
    if (options->stats && values)
        add_stats(&to, values, n);
    return finish(&to);
}

static bool is_listed(const json_t *list, const char *word) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), word) == 0)
            return true;
    return false;
}

static json_t *describe_file(const struct elc_safetensors *file, const bool *used) {
    struct description to = {json_object(), 0};
    json_t *dtypes = json_array(), *unused = json_array();
    for (size_t i = 0; i < file->n_tensors; i++) {
        if (!is_listed(dtypes, file->tensors[i].dtype))
            append(&to, dtypes, json_string(file->tensors[i].dtype));
        if (!used[i])
            append(&to, unused, json_string(file->tensors[i].name));
    }
    add(&to, "bytes", json_integer((json_int_t)file->map.len));
    add(&to, "tensors", json_integer((json_int_t)file->n_tensors));
    add(&to, "dtypes", dtypes);
    add(&to, "unused", unused);
    return finish(&to);
}

/* A network, and which of its file's tensors are whose. */
struct weights {
    struct elc_network network;
    const struct elc_stored **stored; /* for each tensor of the table */
    bool *used;                       /* for each tensor of the file */
};

static void weights_close(struct weights *weights) {
    free(weights->stored);
    free(weights->used);
    elc_network_free(&weights->network);
}

static int weights_open(struct weights *weights, const char *directory,
                        enum elc_architecture architecture) {
    *weights = (struct weights){0};
    int err = elc_network_load(&weights->network, directory, architecture);
    if (err)
        return err;
    const struct elc_table *table = &weights->network.table;
    const struct elc_safetensors *file = &weights->network.file;
    weights->stored = calloc(table->n_tensors, sizeof *weights->stored);
    weights->used = calloc(file->n_tensors, sizeof *weights->used);
    if (!weights->stored || !weights->used)
        err = elc_fail_memory(file->n_tensors);
    if (!err)
        err = elc_stored_match(weights->stored, table, file);
    for (size_t i = 0; !err && i < table->n_tensors; i++)
        weights->used[weights->stored[i] - file->tensors] = true;
    if (err)
        weights_close(weights);
    return err;
}

/* Every tensor of the file: the network's in their order, then those it has no use for. */
static json_t *describe_tensors(const struct weights *weights,
                                const struct elc_describe_options *options) {
    const struct elc_table *table = &weights->network.table;
    const struct elc_safetensors *file = &weights->network.file;
    struct description to = {json_array(), 0};
    for (size_t i = 0; i < table->n_tensors; i++)
        append(&to, to.object,
               describe_tensor(weights->stored[i], weights->network.tensors[i],
                               table->tensors[i].count, options));
    for (size_t i = 0; i < file->n_tensors; i++)
        if (!weights->used[i])
            append(&to, to.object, describe_tensor(&file->tensors[i], NULL, 0, options));
    return finish(&to);
}

/* ---- text ---- */

static int add_vocabulary(struct description *to, const char *directory,
                          const struct elc_config *config) {
    struct elc_vocab *vocab;
    int err = elc_vocab_read(&vocab, directory);
    if (err)
        return err;
    const struct elc_vocab_id *id = elc_vocab_id(vocab);
    if (id->size > config->vocab_size)
        err =
            elc_fail(ELC_EMISMATCH, "%s: its vocabulary has %llu tokens, its configuration says %u",
                     directory, (unsigned long long)id->size, config->vocab_size);
    else
        add(to, "vocabulary",
            json_pack("{s:I, s:s}", "size", (json_int_t)id->size, "xxh3", id->xxh3));
    elc_vocab_destroy(vocab);
    return err ? err : to->err;
}

static int add_tokenizer(struct description *to, const char *directory) {
    struct elc_tokenizer_options rules = {.strip_accents = -1};
    int err = elc_tokenizer_options_read(&rules, directory);
    if (err)
        return err;
    bool strip = rules.strip_accents < 0 ? !rules.cased : rules.strip_accents;
    add(to, "tokenizer",
        json_pack("{s:b, s:b, s:s, s:s*}", "cased", rules.cased, "strip_accents", strip, "compat",
                  rules.google ? "google" : "fast", "pattern", rules.pattern));
    elc_tokenizer_options_free(&rules);
    return to->err;
}

/* ---- the whole ---- */

static int describe(struct description *to, const char *directory,
                    const struct elc_describe_options *options) {
    struct elc_config config;
    struct weights weights;
    add_text(to, "model", directory);
    add_config(to, &config, directory);
    if (to->err)
        return to->err;
    int err = weights_open(&weights, directory, config.architecture);
    if (err)
        return err;
    add(to, "parameters", count_parameters(&weights.network.table));
    add(to, "file", describe_file(&weights.network.file, weights.used));
    add(to, "hash", json_string(weights.network.hash));
    if (elc_path_exists(directory, "vocab.txt") || elc_path_exists(directory, "tokenizer.json"))
        err = add_vocabulary(to, directory, &config);
    if (!err)
        err = add_tokenizer(to, directory);
    if (!err && (options->tensors || options->stats))
        add(to, "tensor", describe_tensors(&weights, options));
    weights_close(&weights);
    return err ? err : to->err;
}

int elc_model_describe(struct json_t **object, const char *directory,
                       const struct elc_describe_options *options) {
    struct description to = {json_object(), 0};
    to.err = to.object ? describe(&to, directory, options) : elc_fail_memory(0);
    *object = finish(&to);
    return to.err;
}
