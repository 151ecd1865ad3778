/* What fine-tuning is configured by: defaults and overrides. */
#include "electra/finetune_config.h"

#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "electra/json_text.h"
#include "settings.h"

#define OWN(key, type, min, max, open)                                                             \
    { #key, type, offsetof(struct elc_finetune_config, key), min, max, open }
#define NETWORK(key, min, max)                                                                     \
    { #key, ELC_SETTING_REAL, offsetof(struct elc_config, key), min, max, false }

static const struct elc_setting own_settings[] = {
    OWN(learning_rate, ELC_SETTING_REAL, 0, 10, true),
    OWN(layerwise_lr_decay, ELC_SETTING_REAL, 0.01, 1, false),
    OWN(weight_decay_rate, ELC_SETTING_REAL, 0, 1, false),
    OWN(warmup_proportion, ELC_SETTING_REAL, 0, 0.999, false),
    OWN(train_batch_size, ELC_SETTING_U64, 1, 1 << 20, false),
    OWN(lr_decay_power, ELC_SETTING_REAL, 0, 100, false),
    OWN(adam_beta1, ELC_SETTING_REAL, 0, 1, true),
    OWN(adam_beta2, ELC_SETTING_REAL, 0, 1, true),
    OWN(adam_epsilon, ELC_SETTING_REAL, 0, 1, true),
    OWN(adam_bias_correction, ELC_SETTING_BOOL, 0, 0, false),
    OWN(max_grad_norm, ELC_SETTING_REAL, 0, 1e12, true),
    OWN(sum_loss, ELC_SETTING_BOOL, 0, 0, false),
    OWN(answerable_weight, ELC_SETTING_REAL, 0, 1000, false), /* the last: only of `joint` */
};
enum { N_OWN = sizeof own_settings / sizeof *own_settings };

static const struct elc_setting *find_own(const char *key, bool joint) {
    return elc_setting_find(own_settings, joint ? N_OWN : N_OWN - 1, key);
}

static int fail_unknown(const char *key, enum elc_err error) {
    return find_own(key, true) ? elc_fail(error, "'%s' is for google's head for questions", key)
                               : elc_fail(error, "unknown key '%s' for fine-tuning", key);
}

static const struct elc_setting network_settings[] = {
    NETWORK(hidden_dropout_prob, 0, 0.999),
    NETWORK(attention_probs_dropout_prob, 0, 0.999),
    NETWORK(classifier_dropout, 0, 0.999),
};
enum { N_NETWORK = sizeof network_settings / sizeof *network_settings };

void elc_finetune_config_default(struct elc_finetune_config *config,
                                 const struct elc_config *network, bool trained) {
    *config = (struct elc_finetune_config){
        .learning_rate = network->hidden_size < 512    ? 3e-4
                         : network->hidden_size < 1024 ? 1e-4
                                                       : 5e-5,
        .layerwise_lr_decay = !trained                          ? 1
                              : network->num_hidden_layers < 24 ? 0.8
                                                                : 0.9,
        .weight_decay_rate = 0.01,
        .warmup_proportion = 0.1,
        .lr_decay_power = 1,
        .adam_beta1 = 0.9,
        .adam_beta2 = 0.999,
        .adam_epsilon = 1e-6,
        .max_grad_norm = 1,
        .sum_loss = true,
        .answerable_weight = 0.5,
    };
}

/* ---- files ---- */

/* A key of the network; 1, 0 if it is none, or an error. */
static int store_network(struct elc_config *network, const char *key, const json_t *value) {
    if (strcmp(key, "vocab_size") == 0 || strcmp(key, "pad_token_id") == 0)
        return elc_fail(ELC_EFORMAT, "'%s' is the vocabulary's to say", key);
    if (strcmp(key, "classifier_dropout") == 0 && json_is_null(value))
        return 1; /* the default, as config.json has it */
    const struct elc_setting *setting =
        elc_setting_find(elc_config_settings, elc_n_config_settings, key);
    if (!setting)
        setting = elc_setting_find(network_settings, N_NETWORK, key);
    if (!setting)
        return 0;
    int err = elc_setting_store(setting, network, value, ELC_EFORMAT);
    return err ? err : 1;
}

/* Defaults depend on the shape: that comes first. */
static int store_object(struct elc_finetune_config *config, struct elc_config *network,
                        json_t *object, bool joint) {
    const char *key;
    json_t *value;
    int err = 0;
    json_object_foreach(object, key, value) {
        const struct elc_setting *own = find_own(key, joint);
        int known = own ? 1 : store_network(network, key, value);
        if (known <= 0)
            return known ? known : fail_unknown(key, ELC_EFORMAT);
    }
    elc_finetune_config_default(config, network, false);
    json_object_foreach(object, key, value) {
        const struct elc_setting *own = find_own(key, joint);
        if (own && !err)
            err = elc_setting_store(own, config, value, ELC_EFORMAT);
    }
    return err;
}

static int check_shape(const struct elc_config *network) {
    struct elc_config shape = *network;
    shape.vocab_size = 1; /* it is not known yet; any size lets the rest be checked */
    int err = elc_config_check(&shape);
    return err == ELC_EINVAL ? ELC_EFORMAT : err; /* nobody's argument: what the file holds */
}

static int read_file(struct elc_finetune_config *config, struct elc_config *network,
                     const char *path, bool joint) {
    json_t *object;
    elc_config_default(network);
    int err = elc_settings_read(&object, path);
    if (err)
        return err;
    err = store_object(config, network, object, joint);
    if (!err)
        err = check_shape(network);
    json_decref(object);
    return err ? elc_context(err, "%s", path) : 0;
}

int elc_finetune_config_read(struct elc_finetune_config *config, struct elc_config *network,
                             const char *name, bool joint) {
    if (!elc_pretrain_config_is_preset(name))
        return read_file(config, network, name, joint);
    struct elc_pretrain_config preset;
    int err = elc_pretrain_config_read(&preset, name);
    if (err)
        return err;
    *network = preset.discriminator;
    elc_finetune_config_default(config, network, false);
    return 0;
}

/* ---- overrides ---- */

static int store(struct elc_finetune_config *config, struct elc_config *network, const char *key,
                 const json_t *value, bool joint) {
    const struct elc_setting *setting = find_own(key, joint);
    if (setting)
        return elc_setting_store(setting, config, value, ELC_EINVAL);
    setting = elc_setting_find(network_settings, N_NETWORK, key);
    if (setting)
        return elc_setting_store(setting, network, value, ELC_EINVAL);
    return fail_unknown(key, ELC_EINVAL);
}

int elc_finetune_config_set(struct elc_finetune_config *config, struct elc_config *network,
                            const char *const *overrides, size_t n_overrides, bool joint) {
    int err = 0;
    for (size_t i = 0; !err && i < n_overrides; i++) {
        char key[ELC_SETTING_KEY_BYTES];
        json_t *value = NULL;
        err = elc_setting_parse(key, &value, overrides[i]);
        if (!err)
            err = store(config, network, key, value, joint);
        json_decref(value);
        if (err)
            err = elc_context(err, "--set %s", overrides[i]);
    }
    return err;
}

int elc_finetune_config_format(const struct elc_finetune_config *config, bool joint,
                               struct elc_buffer *json) {
    json_t *object = json_object();
    int err = object ? 0 : elc_fail_memory(0);
    for (size_t i = 0; !err && i < (joint ? N_OWN : N_OWN - 1); i++)
        if (json_object_set_new(object, own_settings[i].key,
                                elc_setting_json(&own_settings[i], config)) != 0)
            err = elc_fail_memory(0);
    char *text = err ? NULL : elc_json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (text)
        err = elc_buffer_append(json, text, strlen(text));
    else if (!err)
        err = elc_fail_memory(0);
    free(text);
    json_decref(object);
    return err;
}
