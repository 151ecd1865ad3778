/* The configuration of a foreign checkpoint: its own config.json, BERT's put in ELECTRA's terms, or
 * what the shapes of the tensors say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "electra/file.h"
#include "foreign.h"
#include "settings.h"

/* ---- which network ---- */

/* Classes of transformers and the network here that computes the same; beside each the tensor that
 * betrays its head where a config.json names no class. */
static const struct {
    const char *name;
    enum elc_architecture architecture;
    const char *tensor;
} classes[] = {
    {"ElectraForPreTraining", ELC_DISCRIMINATOR, "discriminator_predictions.dense.weight"},
    {"ElectraForMaskedLM", ELC_GENERATOR, "generator_predictions.dense.weight"},
    {"ElectraForSequenceClassification", ELC_SEQUENCE_CLASSIFIER, "classifier.out_proj.weight"},
    {"ElectraForTokenClassification", ELC_TOKEN_CLASSIFIER, NULL},
    {"ElectraForQuestionAnswering", ELC_QUESTION_ANSWERER, "qa_outputs.weight"},
    {"ElectraModel", ELC_ENCODER, NULL},
    {"GoogleElectraForSequenceClassification", ELC_GOOGLE_CLASSIFIER, NULL},
    {"GoogleElectraForQuestionAnswering", ELC_GOOGLE_ANSWERER, "answerable.dense.weight"},
    {"BertElectraForSequenceClassification", ELC_BERT_CLASSIFIER, NULL},
    {"BertModel", ELC_ENCODER, NULL},
    {"BertForMaskedLM", ELC_GENERATOR, NULL},
    {"BertForPreTraining", ELC_GENERATOR, NULL},
    {"BertForSequenceClassification", ELC_BERT_CLASSIFIER, NULL},
    {"BertForTokenClassification", ELC_TOKEN_CLASSIFIER, NULL},
    {"BertForQuestionAnswering", ELC_QUESTION_ANSWERER, NULL},
};
enum { N_CLASSES = sizeof classes / sizeof *classes };

/* By the heads that are there. A lone `classifier` may be of texts or of tokens. */
static int guess_architecture(enum elc_architecture *architecture,
                              const struct elc_foreign *foreign) {
    for (size_t i = 0; i < N_CLASSES; i++)
        if (classes[i].tensor && elc_foreign_find(foreign, classes[i].tensor)) {
            *architecture = classes[i].architecture;
            return 0;
        }
    if (elc_foreign_find(foreign, "classifier.weight"))
        return elc_fail(ELC_EMISMATCH, "there is a classifier, but no 'architectures' in a "
                                       "configuration to say whether of texts or of tokens");
    *architecture = ELC_ENCODER;
    return 0;
}

static int find_architecture(enum elc_architecture *architecture, const json_t *object,
                             const struct elc_foreign *foreign) {
    const json_t *list = json_object_get(object, "architectures");
    const char *name = json_string_value(json_array_get(list, 0));
    if (!list || json_is_null(list) || (json_is_array(list) && json_array_size(list) == 0))
        return guess_architecture(architecture, foreign);
    for (size_t i = 0; name && i < N_CLASSES; i++)
        if (strcmp(classes[i].name, name) == 0) {
            *architecture = classes[i].architecture;
            return 0;
        }
    return elc_fail(ELC_EMISMATCH,
                    "'architectures' is '%s', whose head has no counterpart here; --encoder "
                    "leaves it",
                    name ? name : "no list of names");
}

/* ---- BERT ---- */

/* A value where the object has none. */
static bool set_default(json_t *object, const char *key, json_int_t value) {
    const json_t *found = json_object_get(object, key);
    return (found && !json_is_null(found)) ||
           json_object_set_new(object, key, json_integer(value)) == 0;
}

/* Early files of BERT name neither the model's type nor its class. */
static bool is_bert(const json_t *object) {
    const char *type = json_string_value(json_object_get(object, "model_type"));
    return type ? strcmp(type, "bert") == 0
                : !json_object_get(object, "embedding_size") &&
                      json_object_get(object, "hidden_size");
}

/* BERT is an ELECTRA whose embeddings are as wide as its layers, with larger defaults. */
static int from_bert(json_t *object) {
    if (!set_default(object, "hidden_size", 768) || !set_default(object, "num_hidden_layers", 12) ||
        !set_default(object, "num_attention_heads", 12) ||
        !set_default(object, "intermediate_size", 3072) ||
        json_object_set_new(object, "model_type", json_string("electra")) != 0 ||
        json_object_set(object, "embedding_size", json_object_get(object, "hidden_size")) != 0)
        return elc_fail_memory(0);
    return 0;
}

/* Its head's activation is that of its layers; ELECTRA's is GELU whatever the layers have. */
static int check_bert(const struct elc_config *config) {
    if (config->architecture == ELC_GENERATOR && config->hidden_act != ELC_GELU)
        return elc_fail(ELC_EMISMATCH, "'hidden_act' is not 'gelu', as ELECTRA's head has it; "
                                       "--encoder leaves the head");
    return 0;
}

static int refuse_decoder(const json_t *object) {
    static const char *const keys[] = {"is_decoder", "add_cross_attention"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_is_true(json_object_get(object, keys[i])))
            return elc_fail(ELC_EMISMATCH, "'%s' is true: it is no encoder", keys[i]);
    return 0;
}

/* ---- config.json ---- */

static int parse(struct elc_config *config, json_t *object, const struct elc_foreign *foreign,
                 const struct elc_convert_options *options) {
    enum elc_architecture architecture = ELC_ENCODER;
    const bool bert = is_bert(object);
    int err = bert ? from_bert(object) : 0;
    if (!err)
        err = refuse_decoder(object);
    if (!err && !options->encoder)
        err = find_architecture(&architecture, object, foreign);
    json_t *names = json_pack("[s]", elc_architecture_name(architecture));
    if (!err && json_object_set(object, "architectures", names) != 0)
        err = elc_fail_memory(0);
    json_decref(names);
    if (!err)
        err = elc_config_parse_object(config, object);
    return err || !bert ? err : check_bert(config);
}

static int read_config(struct elc_config *config, struct elc_labels *labels,
                       const struct elc_foreign *foreign, const struct elc_convert_options *options,
                       const char *path) {
    struct elc_map map;
    int err = elc_map_open(&map, path);
    if (err)
        return err;
    json_t *object = elc_json_object((const char *)map.data, map.len, path);
    err = object ? parse(config, object, foreign, options) : ELC_EFORMAT;
    if (err && object)
        err = elc_context(err, "%s", path);
    if (!err && elc_architecture_has_labels(config->architecture))
        err = elc_labels_parse(labels, (const char *)map.data, map.len, path);
    if (!err)
        config->labels = labels->names;
    json_decref(object);
    elc_map_close(&map);
    return err;
}

/* ---- shapes ---- */

/* Dimension `i` of a tensor in the order of transformers; 0: there is no such tensor. */
static uint32_t dimension(const struct elc_foreign *foreign, const char *name, size_t i) {
    const struct elc_foreign_tensor *tensor = elc_foreign_find(foreign, name);
    if (!tensor || tensor->stored.rank != 2)
        return 0;
    const uint64_t size = tensor->stored.shape[tensor->transposed ? 1 - i : i];
    return size > UINT32_MAX ? 0 : (uint32_t)size;
}

static uint32_t count_layers(const struct elc_foreign *foreign) {
    char name[96];
    uint32_t n = 0;
    do
        snprintf(name, sizeof name, "electra.encoder.layer.%u.output.dense.weight", n);
    while (elc_foreign_find(foreign, name) && ++n < ELC_LAYERS_LIMIT);
    return n;
}

/* The number of heads leaves no trace in shapes: google-research/electra's are 64 wide. */
static void take_shapes(struct elc_config *config, const struct elc_foreign *foreign) {
    elc_config_default(config);
    config->vocab_size = dimension(foreign, "electra.embeddings.word_embeddings.weight", 0);
    config->embedding_size = dimension(foreign, "electra.embeddings.word_embeddings.weight", 1);
    config->max_position_embeddings =
        dimension(foreign, "electra.embeddings.position_embeddings.weight", 0);
    config->type_vocab_size =
        dimension(foreign, "electra.embeddings.token_type_embeddings.weight", 0);
    config->hidden_size =
        dimension(foreign, "electra.encoder.layer.0.attention.self.query.weight", 0);
    config->intermediate_size =
        dimension(foreign, "electra.encoder.layer.0.intermediate.dense.weight", 0);
    config->num_hidden_layers = count_layers(foreign);
    const uint32_t n_labels = dimension(foreign, "classifier.weight", 0);
    config->num_labels = n_labels ? n_labels : 2;
    config->num_attention_heads = config->hidden_size < 128 ? 1 : config->hidden_size / 64;
}

/* What a file says beside the shapes; it may be BERT's or google-research's. */
static int override(struct elc_config *config, const json_t *object) {
    int err = 0;
    for (size_t i = 0; !err && i < elc_n_config_settings; i++) {
        const json_t *value = json_object_get(object, elc_config_settings[i].key);
        if (value && !json_is_null(value))
            err = elc_setting_store(&elc_config_settings[i], config, value, ELC_EFORMAT);
    }
    return err;
}

static int read_override(struct elc_config *config, struct elc_labels *labels,
                         const struct elc_foreign *foreign,
                         const struct elc_convert_options *options, const char *path) {
    struct elc_map map;
    int err = elc_map_open(&map, path);
    if (err)
        return err;
    json_t *object = elc_json_object((const char *)map.data, map.len, path);
    err = object ? override(config, object) : ELC_EFORMAT;
    if (!err && !options->encoder)
        err = find_architecture(&config->architecture, object, foreign);
    if (err && object)
        err = elc_context(err, "%s", path);
    if (!err && elc_architecture_has_labels(config->architecture))
        err = elc_labels_parse(labels, (const char *)map.data, map.len, path);
    if (!err && labels->n > 0 && labels->n != config->num_labels)
        err = elc_fail(ELC_EMISMATCH, "%s: names %zu classes, the network has %u", path, labels->n,
                       config->num_labels);
    config->labels = err ? NULL : labels->names;
    json_decref(object);
    elc_map_close(&map);
    return err;
}

static int config_of_shapes(struct elc_config *config, struct elc_labels *labels,
                            const struct elc_foreign *foreign,
                            const struct elc_convert_options *options, const char *path) {
    int err = 0;
    take_shapes(config, foreign);
    if (path)
        err = read_override(config, labels, foreign, options, path);
    else if (!options->encoder)
        err = guess_architecture(&config->architecture, foreign);
    if (!err) {
        err = elc_config_check(config);
        if (err == ELC_EINVAL) /* no option is at fault: what the files hold */
            err = ELC_EFORMAT;
        if (err && path)
            err = elc_context(err, "%s", path);
    }
    return err;
}

/* ---- the whole ---- */

int elc_foreign_config(struct elc_config *config, struct elc_labels *labels,
                       const struct elc_foreign *foreign, const struct elc_convert_options *options,
                       const char *path) {
    *labels = (struct elc_labels){0};
    if (foreign->format == ELC_FORMAT_TENSORFLOW)
        return config_of_shapes(config, labels, foreign, options, path);
    char *beside = path ? NULL : elc_path_join(foreign->directory, "config.json");
    if (!path && !beside)
        return ELC_ENOMEM;
    int err = read_config(config, labels, foreign, options, path ? path : beside);
    free(beside);
    return err;
}
