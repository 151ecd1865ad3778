#include "electra/average.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>

#include "electra/directory.h"
#include "electra/file.h"
#include "electra/json_text.h"
#include "electra/staging.h"
#include "electra/stream.h"
#include "electra/version.h"
#include "settings.h"

/* What must be alike in all of them, but the weights. */
struct model {
    char *path; /* of the network itself */
    struct elc_config config;
    struct elc_labels labels;
    struct elc_vocab *vocab;
    struct elc_tokenizer_options rules;
};

static void model_close(struct model *model) {
    free(model->path);
    elc_labels_free(&model->labels);
    elc_vocab_destroy(model->vocab);
    elc_tokenizer_options_free(&model->rules);
    *model = (struct model){0};
}

static int model_open(struct model *model, const char *path, enum elc_architecture wanted) {
    *model = (struct model){.rules = {.strip_accents = -1}};
    int err = elc_directory_resolve(&model->path, path, wanted);
    char *config = err ? NULL : elc_path_join(model->path, "config.json");
    if (!err)
        err = config ? elc_config_read(&model->config, config) : ELC_ENOMEM;
    if (!err && elc_architecture_has_labels(model->config.architecture))
        err = elc_labels_read(&model->labels, config);
    if (!err)
        err = elc_vocab_read(&model->vocab, model->path);
    if (!err)
        err = elc_tokenizer_options_read(&model->rules, model->path);
    if (model->rules.strip_accents < 0)
        model->rules.strip_accents = !model->rules.cased;
    free(config);
    return err;
}

/* ---- what must be alike ---- */

/* Settings of training alone: models that differ in them compute the same. */
static bool is_of_training(const char *key) {
    return strcmp(key, "hidden_dropout_prob") == 0 ||
           strcmp(key, "attention_probs_dropout_prob") == 0 ||
           strcmp(key, "initializer_range") == 0;
}

static int compare_setting(const struct elc_setting *setting, const struct model *model,
                           const struct model *first) {
    json_t *here = elc_setting_json(setting, &model->config);
    json_t *there = elc_setting_json(setting, &first->config);
    int err = here && there ? 0 : elc_fail_memory(0);
    if (!err && !json_equal(here, there)) {
        char *a = elc_json_dumps(here, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        char *b = elc_json_dumps(there, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        err = elc_fail(ELC_EMISMATCH, "%s: '%s' is %s, but %s in %s", model->path, setting->key,
                       a ? a : "other", b ? b : "other", first->path);
        free(a);
        free(b);
    }
    json_decref(here);
    json_decref(there);
    return err;
}

/* What the outputs of fine-tuned networks mean. */
static int compare_labels(const struct model *model, const struct model *first) {
    const struct elc_labels *here = &model->labels, *there = &first->labels;
    if (model->config.num_labels != first->config.num_labels)
        return elc_fail(ELC_EMISMATCH, "%s: has %u classes, but %s has %u", model->path,
                        model->config.num_labels, first->path, first->config.num_labels);
    if (model->config.problem_type != first->config.problem_type)
        return elc_fail(ELC_EMISMATCH, "%s: 'problem_type' is another in %s", model->path,
                        first->path);
    for (size_t i = 0; i < here->n && i < there->n; i++)
        if (strcmp(here->names[i], there->names[i]) != 0)
            return elc_fail(ELC_EMISMATCH, "%s: class %zu is '%s', but '%s' in %s", model->path, i,
                            here->names[i], there->names[i], first->path);
    return 0;
}

static int compare_text(const struct model *model, const struct model *first) {
    const struct elc_header header = {.vocab = *elc_vocab_id(model->vocab)};
    int err = elc_header_check_vocab(&header, model->path, elc_vocab_id(first->vocab), first->path);
    if (!err && (model->rules.cased != first->rules.cased ||
                 model->rules.strip_accents != first->rules.strip_accents))
        err = elc_fail(ELC_EMISMATCH, "%s and %s treat case or accents differently", model->path,
                       first->path);
    const char *one = model->rules.pattern, *other = first->rules.pattern;
    const struct elc_tokenizer_id a = elc_tokenizer_options_id(&model->rules);
    const struct elc_tokenizer_id b = elc_tokenizer_options_id(&first->rules);
    if (!err && (a.chinese_joined != b.chinese_joined || a.keep_controls != b.keep_controls ||
                 a.word_chars != b.word_chars || !a.compat != !b.compat || !one != !other ||
                 (one && strcmp(one, other) != 0)))
        err = elc_fail(ELC_EMISMATCH, "%s and %s make different words of a text", model->path,
                       first->path);
    return err;
}

static int compare(const struct model *model, const struct model *first) {
    if (model->config.architecture != first->config.architecture)
        return elc_fail(ELC_EMISMATCH, "%s holds %s, but %s %s", model->path,
                        elc_architecture_name(model->config.architecture), first->path,
                        elc_architecture_name(first->config.architecture));
    int err = 0;
    for (size_t i = 0; !err && i < elc_n_config_settings; i++)
        if (!is_of_training(elc_config_settings[i].key))
            err = compare_setting(&elc_config_settings[i], model, first);
    if (!err)
        err = compare_labels(model, first);
    return err ? err : compare_text(model, first);
}

/* All of them are looked at before the weights of any are read. */
static int check_alike(const struct model *first, const char *const *paths, size_t n_paths) {
    int err = 0;
    for (size_t i = 1; !err && i < n_paths; i++) {
        struct model model;
        err = model_open(&model, paths[i], first->config.architecture);
        if (!err)
            err = compare(&model, first);
        model_close(&model);
    }
    return err;
}

/* ---- the mean ---- */

static int add_model(double *sums, const struct elc_table *table, const char *path,
                     enum elc_architecture architecture) {
    struct elc_network network;
    int err = elc_network_load(&network, path, architecture);
    if (!err && network.table.total != table->total) /* a run in that directory began anew */
        err = elc_fail(ELC_EMISMATCH, "%s: has changed while it was read", path);
    for (size_t i = 0; !err && i < network.table.n_tensors; i++) {
        const struct elc_tensor *tensor = &network.table.tensors[i];
        double *to = sums + tensor->offset;
        for (size_t k = 0; k < tensor->count; k++)
            to[k] += network.tensors[i][k];
    }
    elc_network_free(&network);
    return err;
}

static int add_all(double *sums, elc_float *mean, const struct elc_table *table,
                   const struct elc_config *config, const char *const *paths, size_t n_paths) {
    int err = 0;
    for (size_t i = 0; !err && i < n_paths; i++)
        err = add_model(sums, table, paths[i], config->architecture);
    for (size_t i = 0; !err && i < table->total; i++)
        mean[i] = (elc_float)(sums[i] / (double)n_paths);
    return err;
}

/* ---- writing ---- */

/* `name` of the first model, where it has one. */
static int copy_file(const char *directory, const struct model *first, const char *name) {
    char *from = elc_path_join(first->path, name), *to = elc_path_join(directory, name);
    struct elc_map map = {0};
    int err = from && to ? 0 : ELC_ENOMEM;
    bool absent = !err && access(from, F_OK) != 0 && errno == ENOENT;
    if (!err && !absent)
        err = elc_map_open(&map, from);
    if (!err && !absent)
        err = elc_file_write(to, map.data, map.len);
    elc_map_close(&map);
    free(from);
    free(to);
    return err;
}

/* Appends what is being done here to what a configuration says of the first model's making. */
static int add_to_history(json_t *config) {
    json_t *history = json_object_get(config, "history");
    json_t *entry = json_pack("{s:s, s:s, s:[s]}", "program", "electra-model", "version",
                              ELC_VERSION, "args", "average");
    if (!entry)
        return elc_fail_memory(0);
    if (json_is_array(history))
        return json_array_append_new(history, entry) == 0 ? 0 : elc_fail_memory(0);
    history = json_pack("[o]", entry);
    return json_object_set_new(config, "history", history) == 0 ? 0 : elc_fail_memory(0);
}

/* After elc_network_save, which knows only the shapes: the first one's whole configuration, with
 * its labels and whatever else; its number type alone is no longer true. Of its making it tells
 * only with `history`. */
static int copy_config(const char *directory, const struct model *first, bool history) {
    char *from = elc_path_join(first->path, "config.json");
    char *to = elc_path_join(directory, "config.json");
    struct elc_map map = {0};
    int err = from && to ? elc_map_open(&map, from) : ELC_ENOMEM;
    json_t *config = NULL;
    if (!err && !(config = elc_json_object((const char *)map.data, map.len, from)))
        err = ELC_EFORMAT;
    struct elc_buffer text = {0};
    if (!err && history)
        err = add_to_history(config);
    else if (!err)
        (void)json_object_del(config, "history");
    if (!err) {
        (void)json_object_del(config, "torch_dtype");
        (void)json_object_del(config, "dtype");
        char *dump = elc_json_dumps(config, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        err = dump ? elc_buffer_printf(&text, "%s\n", dump) : elc_fail_memory(0);
        free(dump);
    }
    if (!err)
        err = elc_file_write(to, text.data, text.len);
    elc_buffer_free(&text);
    json_decref(config);
    elc_map_close(&map);
    free(from);
    free(to);
    return err;
}

static int write_model(const char *directory, const struct model *first,
                       const struct elc_table *table, const elc_float *mean, bool history) {
    static const char *const texts[] = {"vocab.txt", "tokenizer.json", "tokenizer_config.json",
                                        "special_tokens_map.json"};
    const struct elc_tokenizer_id rules = elc_tokenizer_options_id(&first->rules);
    int err = elc_network_save(directory, &first->config, table, mean, NULL, NULL, first->vocab,
                               &rules, first->config.max_position_embeddings);
    if (!err)
        err = copy_config(directory, first, history);
    for (size_t i = 0; !err && i < sizeof texts / sizeof *texts; i++)
        err = copy_file(directory, first, texts[i]);
    return err;
}

static int write_output(const char *output, const struct model *first,
                        const struct elc_table *table, const elc_float *mean, bool history) {
    struct elc_staging *staging;
    int err = elc_staging_new(&staging, output);
    if (err)
        return err;
    err = write_model(elc_staging_path(staging), first, table, mean, history);
    if (!err)
        err = elc_staging_commit(staging);
    elc_staging_destroy(staging);
    return err;
}

int elc_average(const char *output, const char *const *paths, size_t n_paths, bool history) {
    if (n_paths < 2)
        return elc_fail(ELC_EINVAL, "a mean takes at least two models");
    struct model first;
    struct elc_table table = {0};
    double *sums = NULL;
    elc_float *mean = NULL;
    int err = model_open(&first, paths[0], ELC_DISCRIMINATOR);
    if (!err)
        err = check_alike(&first, paths, n_paths);
    if (!err)
        err = elc_table_build(&table, &first.config, ELC_SHARE_NOTHING);
    if (!err && (!(sums = elc_calloc_aligned(table.total, sizeof *sums)) ||
                 !(mean = elc_calloc_aligned(table.total, sizeof *mean))))
        err = ELC_ENOMEM;
    if (!err)
        err = add_all(sums, mean, &table, &first.config, paths, n_paths);
    if (!err)
        err = write_output(output, &first, &table, mean, history);
    free(sums);
    free(mean);
    elc_table_free(&table);
    model_close(&first);
    return err;
}
