#include "electra/config.h"

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
};
enum { N_ARCHITECTURES = sizeof architecture_names / sizeof architecture_names[0] };

const char *elc_architecture_name(enum elc_architecture architecture) {
    return architecture_names[architecture];
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
                    "ElectraForMaskedLM and ElectraModel",
                    name ? name : "no list of names");
}

static int parse_object(struct elc_config *config, const json_t *object) {
    elc_config_default(config);
    int err = require_string(object, "model_type", "electra");
    if (err == 0)
        err = require_string(object, "position_embedding_type", "absolute");
    if (err == 0)
        err = parse_architecture(config, object);
    for (size_t i = 0; err == 0 && i < elc_n_config_settings; i++) {
        const json_t *value = json_object_get(object, elc_config_settings[i].key);
        if (value && !json_is_null(value))
            err = elc_setting_store(&elc_config_settings[i], config, value, ELC_EFORMAT);
    }
    return err == 0 ? elc_config_check(config) : err;
}

int elc_config_parse(struct elc_config *config, const char *json, size_t len, const char *name) {
    json_t *object = elc_json_object(json, len, name);
    if (!object)
        return ELC_EFORMAT;
    int err = parse_object(config, object);
    json_decref(object);
    if (err == ELC_EINVAL) /* nobody's argument here: what the file holds */
        err = ELC_EFORMAT;
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
