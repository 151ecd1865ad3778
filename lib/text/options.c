/* How a model directory wants its text tokenized: tokenizer.json and tokenizer_config.json. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "electra/file.h"
#include "electra/tokenize.h"

/* true, false, or null and absent: then *value keeps what it holds. */
static int read_bool(const json_t *object, const char *key, int *value) {
    const json_t *found = json_object_get(object, key);
    if (!found || json_is_null(found))
        return 0;
    if (!json_is_boolean(found))
        return elc_fail(ELC_EFORMAT, "'%s' is not true or false", key);
    *value = json_is_true(found);
    return 0;
}

static int expect_type(const json_t *root, const char *key, const char *type) {
    const json_t *found = json_object_get(json_object_get(root, key), "type");
    if (!found || (json_is_string(found) && strcmp(json_string_value(found), type) == 0))
        return 0;
    return elc_fail(ELC_EINVAL, "%s '%s' is not supported; it must be %s", key,
                    json_is_string(found) ? json_string_value(found) : "?", type);
}

/* The keys of both files that say the same thing under different names. */
static int read_rules(const json_t *rules, const char *lower_key, const char *chinese_key,
                      struct elc_tokenizer_options *options) {
    int lower = !options->cased, chinese = 1;
    int rc = read_bool(rules, lower_key, &lower);
    if (rc == 0)
        rc = read_bool(rules, "strip_accents", &options->strip_accents);
    if (rc == 0)
        rc = read_bool(rules, chinese_key, &chinese);
    if (rc == 0 && !chinese)
        rc = elc_fail(ELC_EINVAL, "'%s' false is not supported", chinese_key);
    options->cased = !lower;
    return rc;
}

static int read_tokenizer(const json_t *root, struct elc_tokenizer_options *options) {
    int clean = 1;
    const json_t *normalizer = json_object_get(root, "normalizer");
    int rc = expect_type(root, "normalizer", "BertNormalizer");
    if (rc == 0)
        rc = expect_type(root, "pre_tokenizer", "BertPreTokenizer");
    if (rc == 0)
        rc = read_bool(normalizer, "clean_text", &clean);
    if (rc == 0 && !clean)
        rc = elc_fail(ELC_EINVAL, "'clean_text' false is not supported");
    return rc < 0 ? rc : read_rules(normalizer, "lowercase", "handle_chinese_chars", options);
}

static int read_config(const json_t *root, struct elc_tokenizer_options *options) {
    return read_rules(root, "do_lower_case", "tokenize_chinese_chars", options);
}

/* Nothing happens where the file is absent. */
static int read_file(const char *directory, const char *name,
                     int (*read)(const json_t *root, struct elc_tokenizer_options *options),
                     struct elc_tokenizer_options *options) {
    char *path = elc_path_join(directory, name);
    if (!path)
        return ELC_ENOMEM;
    struct elc_map map = {0};
    int rc = 0;
    bool absent = access(path, F_OK) != 0 && errno == ENOENT;
    if (!absent)
        rc = elc_map_open(&map, path);
    if (!absent && rc == 0) {
        json_error_t error;
        const char *text = map.len > 0 ? (const char *)map.data : "";
        json_t *root = json_loadb(text, map.len, JSON_REJECT_DUPLICATES, &error);
        if (json_is_object(root)) {
            rc = read(root, options);
            if (rc < 0)
                rc = elc_context(rc, "%s", path);
        } else {
            rc = elc_fail(ELC_EFORMAT, "%s: line %d: %s", path, root ? 1 : error.line,
                          root ? "not an object" : error.text);
        }
        json_decref(root);
        elc_map_close(&map);
    }
    free(path);
    return rc;
}

int elc_tokenizer_options_read(struct elc_tokenizer_options *options, const char *directory) {
    int rc = read_file(directory, "tokenizer.json", read_tokenizer, options);
    return rc < 0 ? rc : read_file(directory, "tokenizer_config.json", read_config, options);
}
