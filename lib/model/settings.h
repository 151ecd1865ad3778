/* Settings: named members of a struct that JSON fills, with the range of each. */
#ifndef ELC_MODEL_SETTINGS_H
#define ELC_MODEL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "electra/error.h"

enum elc_setting_type {
    ELC_SETTING_U32,
    ELC_SETTING_U64,
    ELC_SETTING_REAL,
    ELC_SETTING_BOOL,
    ELC_SETTING_ACTIVATION, /* enum elc_activation, by its name */
};

struct elc_setting {
    const char *key;
    enum elc_setting_type type;
    size_t offset; /* of the member in its struct */
    double min, max;
    bool open; /* REAL: min and max themselves are excluded */
};

/* The setting with this key, or NULL. */
const struct elc_setting *elc_setting_find(const struct elc_setting *settings, size_t n_settings,
                                           const char *key);
/* Stores a JSON value in its member; `error` is the code of a value that will not do. */
int elc_setting_store(const struct elc_setting *setting, void *object, const json_t *value,
                      enum elc_err error) ELC_MUST_CHECK;
/* Is the member in its range? */
int elc_setting_check(const struct elc_setting *setting, const void *object,
                      enum elc_err error) ELC_MUST_CHECK;
/* The member as a new JSON value; NULL when out of memory. */
json_t *elc_setting_json(const struct elc_setting *setting, const void *object);

enum { ELC_SETTING_KEY_BYTES = 64 };
/* Splits "KEY=VALUE": the value is a JSON number, true or false, or else a word; the caller drops
 * it. ELC_EINVAL. */
int elc_setting_parse(char key[ELC_SETTING_KEY_BYTES], json_t **value,
                      const char *text) ELC_MUST_CHECK;

/* Parses `text` as one JSON object without duplicate keys: NULL and an ELC_EFORMAT message that
 * begins with `name` otherwise. */
json_t *elc_json_object(const char *text, size_t len, const char *name);

/* A file of settings, which is no name of those known: one flat object, whose members the caller
 * stores; drop it. ELC_ELIMIT where it is too long to be one. */
int elc_settings_read(json_t **object, const char *path) ELC_MUST_CHECK;

/* As elc_config_parse, of an object that has been read: ELC_EFORMAT. */
struct elc_config;
int elc_config_parse_object(struct elc_config *config, const json_t *object) ELC_MUST_CHECK;

/* The settings of struct elc_config (config.c). */
extern const struct elc_setting elc_config_settings[];
extern const size_t elc_n_config_settings;

#endif
