/* What pre-training is configured by: presets, a flat JSON file, overrides.
 *
 * The generator is no setting of its own but a fraction of the discriminator, as in
 * google-research/electra (configure_pretraining.py, model/modeling.py):
 *
 *     hidden = round(generator_hidden_size · hidden_size), FFN = 4·hidden
 *     layers = round(generator_layers · num_hidden_layers), heads = max(1, hidden div 64)
 *
 * With untied_generator_embeddings, embedding_size = hidden; without untied_generator, all of it is
 * the discriminator's.
 */
#include "electra/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "electra/json_text.h"
#include "settings.h"

/* A configuration on its way: with the fractions that the generator is derived from. */
struct draft {
    struct elc_pretrain_config config;
    double generator_hidden_size, generator_layers;
    uint32_t generator_num_attention_heads, generator_intermediate_size; /* 0: derived */
};

#define OWN(key, type, min, max, open)                                                             \
    { #key, type, offsetof(struct draft, config.key), min, max, open }
#define DRAFT(key, type, min, max, open)                                                           \
    { #key, type, offsetof(struct draft, key), min, max, open }

static const struct elc_setting pretrain_settings[] = {
    OWN(mask_prob, ELC_SETTING_REAL, 0, 1, true),
    OWN(temperature, ELC_SETTING_REAL, 0, 1e6, true),
    OWN(gen_weight, ELC_SETTING_REAL, 0, 1e6, false),
    OWN(disc_weight, ELC_SETTING_REAL, 0, 1e6, false),
    OWN(token_weight, ELC_SETTING_REAL, 0, 1e6, false),
    OWN(untied_generator, ELC_SETTING_BOOL, 0, 0, false),
    OWN(untied_generator_embeddings, ELC_SETTING_BOOL, 0, 0, false),
    OWN(learning_rate, ELC_SETTING_REAL, 0, 10, true),
    OWN(weight_decay_rate, ELC_SETTING_REAL, 0, 1, false),
    OWN(num_warmup_steps, ELC_SETTING_U64, 0, 1e12, false),
    OWN(train_batch_size, ELC_SETTING_U64, 1, 1 << 20, false),
    OWN(max_seq_length, ELC_SETTING_U32, 3, ELC_POSITIONS_LIMIT, false),
    OWN(lr_decay_power, ELC_SETTING_REAL, 0, 100, false),
    OWN(adam_beta1, ELC_SETTING_REAL, 0, 1, true),
    OWN(adam_beta2, ELC_SETTING_REAL, 0, 1, true),
    OWN(adam_epsilon, ELC_SETTING_REAL, 0, 1, true),
    OWN(adam_bias_correction, ELC_SETTING_BOOL, 0, 0, false),
    OWN(max_grad_norm, ELC_SETTING_REAL, 0, 1e12, true),
    DRAFT(generator_hidden_size, ELC_SETTING_REAL, 0, 16, true),
    DRAFT(generator_layers, ELC_SETTING_REAL, 0, 16, true),
    DRAFT(generator_num_attention_heads, ELC_SETTING_U32, 1, ELC_HIDDEN_LIMIT, false),
    DRAFT(generator_intermediate_size, ELC_SETTING_U32, 1, ELC_INTERMEDIATE_LIMIT, false),
};
enum { N_PRETRAIN_SETTINGS = sizeof pretrain_settings / sizeof pretrain_settings[0] };

/* ---- presets ---- */

/* ELECTRA-Small of the paper's table 6; also where a file that says nothing starts. */
static void small(struct draft *draft) {
    *draft = (struct draft){
        .config = {.mask_prob = 0.15,
                   .temperature = 1.0,
                   .gen_weight = 1.0,
                   .disc_weight = 50.0,
                   .token_weight = 1.0,
                   .untied_generator = true,
                   .learning_rate = 5e-4,
                   .weight_decay_rate = 0.01,
                   .num_warmup_steps = 10000,
                   .train_batch_size = 128,
                   .max_seq_length = 128,
                   .lr_decay_power = 1.0,
                   .adam_beta1 = 0.9,
                   .adam_beta2 = 0.999,
                   .adam_epsilon = 1e-6,
                   .max_grad_norm = 1.0},
        .generator_hidden_size = 0.25,
        .generator_layers = 1.0,
    };
    elc_config_default(&draft->config.discriminator);
}

static void shape(struct draft *draft, uint32_t embedding, uint32_t hidden, uint32_t layers,
                  uint32_t heads) {
    struct elc_config *config = &draft->config.discriminator;
    config->embedding_size = embedding;
    config->hidden_size = hidden;
    config->num_hidden_layers = layers;
    config->num_attention_heads = heads;
    config->intermediate_size = 4 * hidden;
}

/* For runs of minutes: small batches, a short warm-up. At a rate of 1e-3 the discriminator soon
 * calls everything original, and stays there. */
static void nano(struct draft *draft) {
    small(draft);
    shape(draft, 64, 128, 4, 2);
    draft->generator_hidden_size = 0.5;
    draft->config.learning_rate = 3e-4;
    draft->config.num_warmup_steps = 200;
    draft->config.train_batch_size = 32;
}

static void base(struct draft *draft) {
    small(draft);
    shape(draft, 768, 768, 12, 12);
    draft->generator_hidden_size = 1.0 / 3.0;
    draft->config.learning_rate = 2e-4;
    draft->config.train_batch_size = 256;
    draft->config.max_seq_length = 512;
}

static void large(struct draft *draft) {
    base(draft);
    shape(draft, 1024, 1024, 24, 16);
    draft->generator_hidden_size = 0.25;
    draft->config.mask_prob = 0.25;
    draft->config.train_batch_size = 2048;
}

static const struct {
    const char *name;
    void (*fill)(struct draft *draft);
} presets[] = {{"nano", nano}, {"small", small}, {"base", base}, {"large", large}};
enum { N_PRESETS = sizeof presets / sizeof presets[0] };

bool elc_pretrain_config_is_preset(const char *name) {
    for (size_t i = 0; i < N_PRESETS; i++)
        if (strcmp(name, presets[i].name) == 0)
            return true;
    return false;
}

/* ---- files and overrides ---- */

static int store(struct draft *draft, const char *key, const json_t *value, enum elc_err error) {
    const struct elc_setting *setting =
        elc_setting_find(pretrain_settings, N_PRETRAIN_SETTINGS, key);
    if (setting)
        return elc_setting_store(setting, draft, value, error);
    if (strcmp(key, "vocab_size") == 0 || strcmp(key, "pad_token_id") == 0)
        return elc_fail(error, "'%s' is the vocabulary's to say", key);
    setting = elc_setting_find(elc_config_settings, elc_n_config_settings, key);
    if (setting)
        return elc_setting_store(setting, &draft->config.discriminator, value, error);
    return elc_fail(error, "unknown key '%s'", key);
}

static int store_object(struct draft *draft, json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        int err = store(draft, key, value, ELC_EFORMAT);
        if (err < 0)
            return err;
    }
    return 0;
}

static int read_file(struct draft *draft, const char *path) {
    json_t *object;
    int err = elc_settings_read(&object, path);
    if (!err && (err = store_object(draft, object)))
        err = elc_context(err, "%s", path);
    json_decref(object);
    return err;
}

static int override(struct draft *draft, const char *text) {
    char key[ELC_SETTING_KEY_BYTES];
    json_t *value = NULL;
    int err = elc_setting_parse(key, &value, text);
    if (!err)
        err = store(draft, key, value, ELC_EINVAL);
    json_decref(value);
    return err ? elc_context(err, "--set %s", text) : 0;
}

/* ---- the generator ---- */

/* As Python's round(): halves go to the even neighbour. */
static uint32_t scale(uint32_t size, double factor) {
    double scaled = nearbyint(size * factor);
    return scaled < ELC_INTERMEDIATE_LIMIT ? (uint32_t)scaled : ELC_INTERMEDIATE_LIMIT;
}

static void derive_generator(struct draft *draft) {
    struct elc_config *discriminator = &draft->config.discriminator;
    struct elc_config *generator = &draft->config.generator;
    discriminator->architecture = ELC_DISCRIMINATOR;
    discriminator->vocab_size = 0;
    discriminator->pad_token_id = 0;
    *generator = *discriminator;
    generator->architecture = ELC_GENERATOR;
    if (!draft->config.untied_generator)
        return;
    uint32_t hidden = scale(discriminator->hidden_size, draft->generator_hidden_size);
    uint32_t heads = draft->generator_num_attention_heads;
    uint32_t intermediate = draft->generator_intermediate_size;
    generator->hidden_size = hidden;
    generator->num_hidden_layers = scale(discriminator->num_hidden_layers, draft->generator_layers);
    generator->num_attention_heads = heads ? heads : hidden < 64 ? 1 : hidden / 64;
    generator->intermediate_size = intermediate ? intermediate : 4 * hidden;
    if (draft->config.untied_generator_embeddings)
        generator->embedding_size = hidden;
}

/* The vocabulary is not known yet; any size lets the rest be checked. */
static int check_shape(struct elc_config config) {
    config.vocab_size = 1;
    return elc_config_check(&config);
}

static int check(const struct elc_pretrain_config *config) {
    int err = check_shape(config->discriminator);
    if (err < 0)
        return err;
    err = check_shape(config->generator);
    if (err < 0)
        return elc_context(err, "the generator");
    if (!config->untied_generator && config->untied_generator_embeddings)
        return elc_fail(ELC_EINVAL,
                        "'untied_generator' is false, which leaves the generator no "
                        "embeddings of its own: 'untied_generator_embeddings' cannot be true");
    if (config->max_seq_length > config->discriminator.max_position_embeddings) {
        return elc_fail(ELC_EINVAL, "'max_seq_length' %u is above 'max_position_embeddings' %u",
                        config->max_seq_length, config->discriminator.max_position_embeddings);
    }
    return 0;
}

static int finish(struct elc_pretrain_config *config, struct draft *draft,
                  const char *const *overrides, size_t n_overrides) {
    int err = 0;
    for (size_t i = 0; err == 0 && i < n_overrides; i++)
        err = override(draft, overrides[i]);
    if (err)
        return err;
    derive_generator(draft);
    *config = draft->config;
    return check(config);
}

/* A file may be wrong by itself, whatever is laid over it. */
static int build_from_file(struct elc_pretrain_config *config, const char *path,
                           const char *const *overrides, size_t n_overrides) {
    struct draft draft;
    small(&draft);
    int err = read_file(&draft, path);
    if (err)
        return err;
    struct draft file = draft;
    err = finish(config, &draft, overrides, n_overrides);
    if (err == ELC_EINVAL && finish(config, &file, NULL, 0) == ELC_EINVAL)
        return elc_context(ELC_EFORMAT, "%s", path);
    return err;
}

int elc_pretrain_config_build(struct elc_pretrain_config *config, const char *name,
                              const char *const *overrides, size_t n_overrides) {
    for (size_t i = 0; i < N_PRESETS; i++) {
        if (strcmp(name, presets[i].name) == 0) {
            struct draft draft;
            presets[i].fill(&draft);
            return finish(config, &draft, overrides, n_overrides);
        }
    }
    return build_from_file(config, name, overrides, n_overrides);
}

int elc_pretrain_config_adopt(struct elc_pretrain_config *config,
                              const struct elc_config *discriminator, const char *const *overrides,
                              size_t n_overrides) {
    struct draft draft;
    small(&draft);
    draft.config.discriminator = *discriminator;
    if (discriminator->max_position_embeddings < draft.config.max_seq_length)
        draft.config.max_seq_length = discriminator->max_position_embeddings;
    return finish(config, &draft, overrides, n_overrides);
}

int elc_pretrain_config_read(struct elc_pretrain_config *config, const char *name) {
    return elc_pretrain_config_build(config, name, NULL, 0);
}

/* ---- writing ---- */

static int add_settings(json_t *object, const char *prefix, const struct elc_setting *settings,
                        size_t n_settings, const void *from) {
    for (size_t i = 0; i < n_settings; i++) {
        char key[96];
        (void)snprintf(key, sizeof key, "%s%s", prefix, settings[i].key);
        if (json_object_set_new(object, key, elc_setting_json(&settings[i], from)) != 0)
            return elc_fail_memory(0);
    }
    return 0;
}

int elc_pretrain_config_format(const struct elc_pretrain_config *config, struct elc_buffer *json) {
    const struct draft draft = {.config = *config};
    size_t n_own = 0; /* the fractions come last, and are in the generator's shape already */
    while (n_own < N_PRETRAIN_SETTINGS &&
           strcmp(pretrain_settings[n_own].key, "generator_hidden_size") != 0)
        n_own++;
    json_t *object = json_object();
    int err = object ? 0 : elc_fail_memory(0);
    if (err == 0)
        err = add_settings(object, "", pretrain_settings, n_own, &draft);
    if (err == 0)
        err = add_settings(object, "", elc_config_settings, elc_n_config_settings,
                           &config->discriminator);
    if (err == 0)
        err = add_settings(object, "generator_", elc_config_settings, elc_n_config_settings,
                           &config->generator);
    char *text = err == 0 ? elc_json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    if (text)
        err = elc_buffer_append(json, text, strlen(text));
    else if (err == 0)
        err = elc_fail_memory(0);
    free(text);
    json_decref(object);
    return err;
}
