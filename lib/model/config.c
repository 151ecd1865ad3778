#include "electra/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "electra/file.h"
#include "electra/json_text.h"
#include "settings.h"

enum { CONFIG_BYTES_LIMIT = 16 * 1024 * 1024 };

#define U32(key, min, max)                                                                         \
    { #key, ELC_SETTING_U32, offsetof(struct elc_config, key), min, max, false }
#define REAL(key, min, max, open)                                                                  \
    { #key, ELC_SETTING_REAL, offsetof(struct elc_config, key), min, max, open }

const struct elc_setting elc_config_settings[] = {
    U32(vocab_size, 1, ELC_VOCAB_LIMIT),
    U32(embedding_size, 1, ELC_HIDDEN_LIMIT),
    U32(hidden_size, 1, ELC_HIDDEN_LIMIT),
    U32(num_hidden_layers, 1, ELC_LAYERS_LIMIT),
    U32(num_attention_heads, 1, ELC_HIDDEN_LIMIT),
    U32(intermediate_size, 1, ELC_INTERMEDIATE_LIMIT),
    U32(max_position_embeddings, 1, ELC_POSITIONS_LIMIT),
    U32(type_vocab_size, 1, ELC_TYPES_LIMIT),
    {"hidden_act", ELC_SETTING_ACTIVATION, offsetof(struct elc_config, hidden_act), 0, 0, false},
    REAL(hidden_dropout_prob, 0, 0.999, false),
    REAL(attention_probs_dropout_prob, 0, 0.999, false),
    REAL(layer_norm_eps, 0, 1, false),
    REAL(initializer_range, 0, 10, true),
    U32(pad_token_id, 0, ELC_VOCAB_LIMIT - 1),
};
const size_t elc_n_config_settings = sizeof elc_config_settings / sizeof elc_config_settings[0];

static const char *const architecture_names[] = {
    [ELC_ENCODER] = "ElectraModel",
    [ELC_DISCRIMINATOR] = "ElectraForPreTraining",
    [ELC_GENERATOR] = "ElectraForMaskedLM",
    [ELC_SEQUENCE_CLASSIFIER] = "ElectraForSequenceClassification",
    [ELC_TOKEN_CLASSIFIER] = "ElectraForTokenClassification",
    [ELC_QUESTION_ANSWERER] = "ElectraForQuestionAnswering",
    [ELC_GOOGLE_CLASSIFIER] = "GoogleElectraForSequenceClassification",
    [ELC_GOOGLE_ANSWERER] = "GoogleElectraForQuestionAnswering",
    [ELC_BERT_CLASSIFIER] = "BertElectraForSequenceClassification",
};
enum { N_ARCHITECTURES = sizeof architecture_names / sizeof architecture_names[0] };

static const char *const problem_names[] = {
    [ELC_PROBLEM_REGRESSION] = "regression",
    [ELC_PROBLEM_SINGLE] = "single_label_classification",
    [ELC_PROBLEM_MULTI] = "multi_label_classification",
};
enum { N_PROBLEMS = sizeof problem_names / sizeof problem_names[0] };

enum { DEFAULT_LABELS = 2 }; /* of transformers, where a config.json does not say */

const char *elc_architecture_name(enum elc_architecture architecture) {
    return architecture_names[architecture];
}

bool elc_architecture_is_classifier(enum elc_architecture architecture) {
    return architecture == ELC_SEQUENCE_CLASSIFIER || architecture == ELC_GOOGLE_CLASSIFIER ||
           architecture == ELC_BERT_CLASSIFIER;
}

bool elc_architecture_has_labels(enum elc_architecture architecture) {
    return architecture == ELC_TOKEN_CLASSIFIER || elc_architecture_is_classifier(architecture);
}

double elc_head_dropout(const struct elc_config *config) {
    return config->classifier_dropout < 0 ? config->hidden_dropout_prob
                                          : config->classifier_dropout;
}

void elc_config_default(struct elc_config *config) {
    *config = (struct elc_config){
        .architecture = ELC_ENCODER,
        .vocab_size = 30522,
        .embedding_size = 128,
        .hidden_size = 256,
        .num_hidden_layers = 12,
        .num_attention_heads = 4,
        .intermediate_size = 1024,
        .max_position_embeddings = 512,
        .type_vocab_size = 2,
        .hidden_act = ELC_GELU,
        .hidden_dropout_prob = 0.1,
        .attention_probs_dropout_prob = 0.1,
        .layer_norm_eps = 1e-12,
        .initializer_range = 0.02,
        .pad_token_id = 0,
        .num_labels = DEFAULT_LABELS,
        .classifier_dropout = -1,
    };
}

int elc_config_check(const struct elc_config *config) {
    for (size_t i = 0; i < elc_n_config_settings; i++) {
        int err = elc_setting_check(&elc_config_settings[i], config, ELC_EINVAL);
        if (err < 0)
            return err;
    }
    if (config->hidden_size % config->num_attention_heads != 0) {
        return elc_fail(ELC_EINVAL, "'hidden_size' %u is no multiple of 'num_attention_heads' %u",
                        config->hidden_size, config->num_attention_heads);
    }
    if (config->pad_token_id >= config->vocab_size) {
        return elc_fail(ELC_EINVAL, "'pad_token_id' %u is not below 'vocab_size' %u",
                        config->pad_token_id, config->vocab_size);
    }
    if (elc_architecture_has_labels(config->architecture) &&
        (config->num_labels < 1 || config->num_labels > ELC_LABELS_LIMIT))
        return elc_fail(ELC_EINVAL, "'num_labels' is not a whole number in 1 … %d",
                        ELC_LABELS_LIMIT);
    if (config->classifier_dropout >= 1)
        return elc_fail(ELC_EINVAL, "'classifier_dropout' is not below 1");
    return 0;
}

/* ---- reading ---- */

/* A string that must be `expected` where it is present. */
static int require_string(const json_t *object, const char *key, const char *expected) {
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return 0;
    const char *text = json_string_value(value);
    if (!text || strcmp(text, expected) != 0) {
        return elc_fail(ELC_EFORMAT, "'%s' is '%s'; only '%s' is supported", key,
                        text ? text : "no string", expected);
    }
    return 0;
}

static int parse_architecture(struct elc_config *config, const json_t *object) {
    const json_t *list = json_object_get(object, "architectures");
    if (!list || json_is_null(list)) {
        config->architecture = ELC_ENCODER;
        return 0;
    }
    const char *name = json_string_value(json_array_get(list, 0));
    for (size_t i = 0; name && i < N_ARCHITECTURES; i++) {
        if (strcmp(name, architecture_names[i]) == 0) {
            config->architecture = (enum elc_architecture)i;
            return 0;
        }
    }
    return elc_fail(ELC_EFORMAT,
                    "'architectures' is '%s'; known are ElectraForPreTraining, "
                    "ElectraForMaskedLM, ElectraForSequenceClassification, "
                    "ElectraForTokenClassification, ElectraForQuestionAnswering and ElectraModel",
                    name ? name : "no list of names");
}

static int parse_problem(struct elc_config *config, const json_t *object) {
    const json_t *value = json_object_get(object, "problem_type");
    const char *name = json_string_value(value);
    if (!value || json_is_null(value))
        return 0;
    for (size_t i = ELC_PROBLEM_REGRESSION; name && i < N_PROBLEMS; i++) {
        if (strcmp(name, problem_names[i]) == 0) {
            config->problem_type = (enum elc_problem)i;
            return 0;
        }
    }
    return elc_fail(ELC_EFORMAT,
                    "'problem_type' is '%s'; known are regression, single_label_classification and "
                    "multi_label_classification",
                    name ? name : "no string");
}

/* What shapes the heads of fine-tuned networks. */
static int parse_head(struct elc_config *config, const json_t *object) {
    const json_t *names = json_object_get(object, "id2label");
    const json_t *number = json_object_get(object, "num_labels");
    const json_t *dropout = json_object_get(object, "classifier_dropout");
    if (dropout && !json_is_null(dropout)) {
        config->classifier_dropout = json_number_value(dropout);
        if (!json_is_number(dropout) || !(config->classifier_dropout >= 0))
            return elc_fail(ELC_EFORMAT, "'classifier_dropout' is not a number between 0 and 1");
    }
    if (!elc_architecture_has_labels(config->architecture))
        return 0;
    json_int_t n = DEFAULT_LABELS;
    if (json_is_object(names))
        n = (json_int_t)json_object_size(names);
    else if (number && !json_is_null(number))
        n = json_integer_value(number);
    if (n < 1 || n > ELC_LABELS_LIMIT)
        return elc_fail(ELC_EFORMAT, "it has no number of labels in 1 … %d", ELC_LABELS_LIMIT);
    config->num_labels = (uint32_t)n;
    return parse_problem(config, object);
}

int elc_config_parse_object(struct elc_config *config, const json_t *object) {
    elc_config_default(config);
    int err = require_string(object, "model_type", "electra");
    if (err < 0)
        err = elc_fail(ELC_EFORMAT, "%s; electra-model convert makes one of BERT's", elc_error());
    if (err == 0)
        err = require_string(object, "position_embedding_type", "absolute");
    if (err == 0)
        err = parse_architecture(config, object);
    for (size_t i = 0; err == 0 && i < elc_n_config_settings; i++) {
        const json_t *value = json_object_get(object, elc_config_settings[i].key);
        if (value && !json_is_null(value))
            err = elc_setting_store(&elc_config_settings[i], config, value, ELC_EFORMAT);
    }
    if (err == 0)
        err = parse_head(config, object);
    if (err == 0)
        err = elc_config_check(config);
    return err == ELC_EINVAL ? ELC_EFORMAT : err; /* nobody's argument here: what a file holds */
}

int elc_config_parse(struct elc_config *config, const char *json, size_t len, const char *name) {
    json_t *object = elc_json_object(json, len, name);
    if (!object)
        return ELC_EFORMAT;
    int err = elc_config_parse_object(config, object);
    json_decref(object);
    return err < 0 ? elc_context(err, "%s", name) : 0;
}

int elc_config_read(struct elc_config *config, const char *path) {
    struct elc_map map;
    int err = elc_map_open(&map, path);
    if (err < 0)
        return err;
    if (map.len > CONFIG_BYTES_LIMIT)
        err = elc_fail(ELC_ELIMIT, "%s: longer than %d bytes", path, CONFIG_BYTES_LIMIT);
    else
        err = elc_config_parse(config, (const char *)map.data, map.len, path);
    elc_map_close(&map);
    return err;
}

/* ---- writing ---- */

/* id2label and label2id of a network whose outputs have names. False: out of memory. */
static bool add_labels(json_t *object, const struct elc_config *config) {
    json_t *names = json_object(), *numbers = json_object();
    bool good = names && numbers;
    for (uint32_t i = 0; good && i < config->num_labels; i++) {
        char number[16], standard[32];
        (void)snprintf(number, sizeof number, "%u", i);
        (void)snprintf(standard, sizeof standard, "LABEL_%u", i);
        const char *name = config->labels ? config->labels[i] : standard;
        good = json_object_set_new(names, number, json_string(name)) == 0 &&
               json_object_set_new(numbers, name, json_integer(i)) == 0;
    }
    /* Both are taken over, whatever comes of it. */
    good = json_object_set_new(object, "id2label", names) == 0 && good;
    return json_object_set_new(object, "label2id", numbers) == 0 && good;
}

/* What parse_head reads. False: out of memory. */
static bool add_head(json_t *object, const struct elc_config *config) {
    if (config->architecture < ELC_SEQUENCE_CLASSIFIER)
        return true;
    json_t *dropout =
        config->classifier_dropout < 0 ? json_null() : json_real(config->classifier_dropout);
    if (json_object_set_new(object, "classifier_dropout", dropout) != 0)
        return false;
    const char *problem = problem_names[config->problem_type];
    if (problem && json_object_set_new(object, "problem_type", json_string(problem)) != 0)
        return false;
    return !elc_architecture_has_labels(config->architecture) || add_labels(object, config);
}

/* An entry as in a stream's header. NULL: out of memory. */
static json_t *format_entry(const struct elc_history_entry *entry) {
    json_t *args = json_array();
    for (size_t i = 0; args && i < entry->n_args; i++)
        if (json_array_append_new(args, json_string(entry->args[i])) != 0) {
            json_decref(args);
            args = NULL;
        }
    return args ? json_pack("{s:s, s:s, s:o}", "program", entry->program, "version", entry->version,
                            "args", args)
                : NULL;
}

/* False: out of memory. */
static bool add_history(json_t *object, const struct elc_config *config) {
    json_t *history = json_array();
    bool good = history != NULL;
    for (size_t i = 0; good && i < config->n_history; i++)
        good = json_array_append_new(history, format_entry(&config->history[i])) == 0;
    if (good && config->n_history > 0)
        return json_object_set_new(object, "history", history) == 0;
    json_decref(history);
    return good;
}

/* What transformers writes beside the settings, so that it needs no guessing. */
static json_t *format_object(const struct elc_config *config) {
    json_t *object = json_pack("{s:[s], s:s, s:s, s:b}", "architectures",
                               architecture_names[config->architecture], "model_type", "electra",
                               "position_embedding_type", "absolute", "tie_word_embeddings", 1);
    for (size_t i = 0; object && i < elc_n_config_settings; i++) {
        json_t *value = elc_setting_json(&elc_config_settings[i], config);
        if (json_object_set_new(object, elc_config_settings[i].key, value) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    if (object && !(add_head(object, config) && add_history(object, config))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

int elc_config_format(const struct elc_config *config, struct elc_buffer *json) {
    json_t *object = format_object(config);
    if (!object)
        return elc_fail_memory(0);
    /* 15 digits are the most that give back every decimal number as it was written. */
    char *text = elc_json_dumps(object, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    json_decref(object);
    if (!text)
        return elc_fail_memory(0);
    int err = elc_buffer_printf(json, "%s\n", text);
    free(text);
    return err;
}
