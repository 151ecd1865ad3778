#include "settings.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "electra/config.h"
#include "electra/file.h"

enum { FILE_BYTES_LIMIT = 1024 * 1024 };

static const char *const activation_names[] = {
    [ELC_GELU] = "gelu",
    [ELC_GELU_NEW] = "gelu_new",
    [ELC_RELU] = "relu",
};
enum { N_ACTIVATIONS = sizeof activation_names / sizeof activation_names[0] };

/* What else transformers calls them: other ways to compute the same function. */
static const struct {
    const char *name;
    enum elc_activation activation;
} synonyms[] = {
    {"gelu_python", ELC_GELU},
    {"gelu_pytorch_tanh", ELC_GELU_NEW},
    {"gelu_fast", ELC_GELU_NEW},
    {"gelu_accurate", ELC_GELU_NEW},
};
enum { N_SYNONYMS = sizeof synonyms / sizeof synonyms[0] };

const struct elc_setting *elc_setting_find(const struct elc_setting *settings, size_t n_settings,
                                           const char *key) {
    for (size_t i = 0; i < n_settings; i++)
        if (strcmp(settings[i].key, key) == 0)
            return &settings[i];
    return NULL;
}

static int fail_range(const struct elc_setting *setting, enum elc_err error) {
    if (setting->type == ELC_SETTING_REAL) {
        return elc_fail(error, "'%s' is not a number %s %g and %s%g", setting->key,
                        setting->open ? "above" : "between", setting->min,
                        setting->open ? "below " : "", setting->max);
    }
    return elc_fail(error, "'%s' is not a whole number in %.0f … %.0f", setting->key, setting->min,
                    setting->max);
}

static bool in_range(const struct elc_setting *setting, double value) {
    if (setting->open)
        return value > setting->min && value < setting->max;
    return value >= setting->min && value <= setting->max; /* false for NaN */
}

int elc_setting_check(const struct elc_setting *setting, const void *object, enum elc_err error) {
    const char *member = (const char *)object + setting->offset;
    double value = setting->min;
    switch (setting->type) {
    case ELC_SETTING_U32: {
        uint32_t number;
        memcpy(&number, member, sizeof number);
        value = number;
        break;
    }
    case ELC_SETTING_U64: {
        uint64_t number;
        memcpy(&number, member, sizeof number);
        value = (double)number;
        break;
    }
    case ELC_SETTING_REAL:
        memcpy(&value, member, sizeof value);
        break;
    case ELC_SETTING_BOOL:
    case ELC_SETTING_ACTIVATION:
        return 0;
    }
    return in_range(setting, value) ? 0 : fail_range(setting, error);
}

static int store_activation(const struct elc_setting *setting, void *member, const json_t *value,
                            enum elc_err error) {
    const char *name = json_string_value(value);
    for (size_t i = 0; name && i < N_ACTIVATIONS; i++) {
        if (strcmp(name, activation_names[i]) == 0) {
            *(enum elc_activation *)member = (enum elc_activation)i;
            return 0;
        }
    }
    for (size_t i = 0; name && i < N_SYNONYMS; i++) {
        if (strcmp(name, synonyms[i].name) == 0) {
            *(enum elc_activation *)member = synonyms[i].activation;
            return 0;
        }
    }
    return elc_fail(error, "'%s' is '%s'; known are gelu, gelu_new and relu", setting->key,
                    name ? name : "no string");
}

int elc_setting_store(const struct elc_setting *setting, void *object, const json_t *value,
                      enum elc_err error) {
    void *member = (char *)object + setting->offset;
    switch (setting->type) {
    case ELC_SETTING_U32:
    case ELC_SETTING_U64: {
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || !in_range(setting, (double)number))
            return fail_range(setting, error);
        if (setting->type == ELC_SETTING_U32)
            *(uint32_t *)member = (uint32_t)number;
        else
            *(uint64_t *)member = (uint64_t)number;
        return 0;
    }
    case ELC_SETTING_REAL:
        if (!json_is_number(value) || !in_range(setting, json_number_value(value)))
            return fail_range(setting, error);
        *(double *)member = json_number_value(value);
        return 0;
    case ELC_SETTING_BOOL:
        if (!json_is_boolean(value))
            return elc_fail(error, "'%s' is neither true nor false", setting->key);
        *(bool *)member = json_is_true(value);
        return 0;
    case ELC_SETTING_ACTIVATION:
        return store_activation(setting, member, value, error);
    }
    return elc_fail(error, "'%s' has no type", setting->key);
}

json_t *elc_setting_json(const struct elc_setting *setting, const void *object) {
    const void *member = (const char *)object + setting->offset;
    switch (setting->type) {
    case ELC_SETTING_U32:
        return json_integer(*(const uint32_t *)member);
    case ELC_SETTING_U64:
        return json_integer((json_int_t) * (const uint64_t *)member);
    case ELC_SETTING_REAL:
        return json_real(*(const double *)member);
    case ELC_SETTING_BOOL:
        return json_boolean(*(const bool *)member);
    case ELC_SETTING_ACTIVATION:
        return json_string(activation_names[*(const enum elc_activation *)member]);
    }
    return NULL;
}

int elc_setting_parse(char key[ELC_SETTING_KEY_BYTES], json_t **value, const char *text) {
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : 0;
    if (len == 0 || len >= ELC_SETTING_KEY_BYTES)
        return elc_fail(ELC_EINVAL, "'%s' is not KEY=VALUE", text);
    memcpy(key, text, len);
    key[len] = '\0';
    *value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
    if (!*value)
        *value = json_string(equals + 1);
    return *value ? 0 : elc_fail(ELC_EINVAL, "'%s' is not UTF-8", text);
}

json_t *elc_json_object(const char *text, size_t len, const char *name) {
    json_error_t error;
    json_t *object = json_loadb(text ? text : "", len, JSON_REJECT_DUPLICATES, &error);
    if (!object) {
        elc_fail(ELC_EFORMAT, "%s: line %d: %s", name, error.line, error.text);
    } else if (!json_is_object(object)) {
        elc_fail(ELC_EFORMAT, "%s: not a JSON object", name);
        json_decref(object);
        object = NULL;
    }
    return object;
}

int elc_settings_read(json_t **object, const char *path) {
    struct elc_map map;
    *object = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return elc_fail(ELC_EIO,
                        "%s: no such file, and no configuration of that name (nano, small, base, "
                        "large)",
                        path);
    int err = elc_map_open(&map, path);
    if (err)
        return err;
    if (map.len > FILE_BYTES_LIMIT)
        err = elc_fail(ELC_ELIMIT, "%s: longer than %d bytes", path, FILE_BYTES_LIMIT);
    else if (!(*object = elc_json_object((const char *)map.data, map.len, path)))
        err = ELC_EFORMAT;
    elc_map_close(&map);
    return err;
}
