#include "same_options.h"

#include <stdlib.h>
#include <string.h>

#include "electra/json_text.h"
#include "electra/memory.h"

enum shown {
    AS_VALUE,        /* "with --lr 0.001, not 0.01" */
    AS_VALUE_OR_NOT, /* the same, but 0 and "" are those of an option that was not given */
    AS_ANOTHER,      /* a hash: "with another --valid" */
    AS_FLAG,         /* "with --double-order" */
    AS_NO_FLAG,      /* true without the option: "without --no-shuffle" */
};

/* How settings are called on the command line. What is not here is a key of the configuration. */
static const struct setting {
    const char *key, *name;
    enum shown shown;
} settings[] = {
    {"seed", "--seed", AS_VALUE},
    {"steps", "--steps", AS_VALUE_OR_NOT},
    {"hours", "--hours", AS_VALUE_OR_NOT},
    {"epochs", "--epochs", AS_VALUE_OR_NOT},
    {"shuffle", "--no-shuffle", AS_NO_FLAG},
    {"max_length", "input of --max-length", AS_VALUE},
    {"vocabulary", "vocabulary", AS_ANOTHER},
    {"input", "input of kind", AS_VALUE},
    {"log_every", "--log-every", AS_VALUE},
    {"valid_every", "--valid-every", AS_VALUE_OR_NOT},
    {"valid", "--valid", AS_ANOTHER},
    {"metric", "--metric", AS_VALUE_OR_NOT},
    {"patience", "--patience", AS_VALUE_OR_NOT},
    {"train_batch_size", "--batch", AS_VALUE},
    {"learning_rate", "--lr", AS_VALUE},
    {"num_warmup_steps", "--warmup", AS_VALUE},
    {"objective", "--objective", AS_VALUE},
    {"init", "--init", AS_ANOTHER},
    {"task", "command", AS_VALUE},
    {"architecture", "architecture", AS_VALUE},
    {"double_order", "--double-order", AS_FLAG},
};

static const struct setting *find(const char *key) {
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(settings[i].key, key) == 0)
            return &settings[i];
    return NULL;
}

static bool is_given(const json_t *value, enum shown shown) {
    if (!value || json_is_null(value))
        return false;
    switch (shown) {
    case AS_VALUE:
        return true;
    case AS_FLAG:
        return json_is_true(value);
    case AS_NO_FLAG:
        return !json_is_true(value);
    case AS_VALUE_OR_NOT:
    case AS_ANOTHER:
        break;
    }
    return json_is_string(value) ? json_string_length(value) > 0 : json_number_value(value) != 0;
}

static int append_value(struct elc_buffer *text, const json_t *value) {
    if (json_is_string(value))
        return elc_buffer_printf(text, "%s", json_string_value(value));
    char *json = elc_json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    int err = json ? elc_buffer_printf(text, "%s", json) : ELC_ENOMEM;
    free(json);
    return err;
}

/* "; with NAME WAS, not IS" */
static int append_difference(struct elc_buffer *text, const char *key, const json_t *was,
                             const json_t *is) {
    const struct setting *setting = find(key);
    const enum shown shown = setting ? setting->shown : AS_VALUE;
    const bool was_given = is_given(was, shown), both = was_given && is_given(is, shown);
    int err = elc_buffer_printf(text, "%s%s %s%s%s", text->len > 0 ? "; " : "",
                                was_given ? "with" : "without",
                                shown == AS_ANOTHER && both ? "another " : "",
                                setting ? setting->name : "--set ", setting ? "" : key);
    if (err || !was_given || shown == AS_ANOTHER || shown == AS_FLAG || shown == AS_NO_FLAG)
        return err;
    err = elc_buffer_printf(text, "%c", setting ? ' ' : '=');
    if (!err)
        err = append_value(text, was);
    if (!err && both)
        err = elc_buffer_printf(text, ", not ");
    return err || !both ? err : append_value(text, is);
}

/* Does --epochs say how long the run is? Its steps then follow from the input. */
static bool by_epochs(const json_t *options) {
    return json_integer_value(json_object_get(options, "epochs")) > 0;
}

int elc_same_options(const json_t *before, json_t *now) {
    struct elc_buffer text = {0};
    const char *key;
    json_t *is;
    int err = 0;
    json_object_foreach(now, key, is) {
        const json_t *was = json_object_get(before, key);
        const bool steps = strcmp(key, "steps") == 0;
        if (steps && by_epochs(before) && by_epochs(now))
            continue; /* if the input is another one, that is found out later */
        if (err || json_equal(was, is))
            continue;
        err = append_difference(&text, key, steps && by_epochs(before) ? NULL : was,
                                steps && by_epochs(now) ? NULL : is);
    }
    if (!err && text.len > 0)
        err = elc_fail(ELC_EINVAL,
                       "--resume: this run was started %.*s (give the options that it was started "
                       "with, or another -o)",
                       (int)text.len, (const char *)text.data);
    elc_buffer_free(&text);
    return err;
}
