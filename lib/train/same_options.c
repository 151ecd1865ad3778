#include "same_options.h"

#include <math.h>
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
    AS_SHAPE,        /* an object: "with another --config (hidden_size 16, not 24)" */
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
    {"shape", "--config", AS_SHAPE},
    {"task", "command", AS_VALUE},
    {"head", "--head", AS_VALUE},
    {"multi_label", "--multi-label", AS_FLAG},
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
    case AS_SHAPE:
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
    const double number = json_number_value(value);
    if (json_is_real(value) && fabs(number) < 1e6 && number == floor(number)) /* "3", not "3.0" */
        return elc_buffer_printf(text, "%.0f", number);
    char *json = elc_json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    int err = json ? elc_buffer_printf(text, "%s", json) : ELC_ENOMEM;
    free(json);
    return err;
}

/* " (KEY WAS, not IS, …)" */
static int append_shape(struct elc_buffer *text, const json_t *before, json_t *now) {
    const char *key, *between = " (";
    json_t *is;
    int err = 0;
    json_object_foreach(now, key, is) {
        const json_t *was = json_object_get(before, key);
        if (err || !was || json_equal(was, is))
            continue;
        err = elc_buffer_printf(text, "%s%s ", between, key);
        if (!err)
            err = append_value(text, was);
        if (!err)
            err = elc_buffer_printf(text, ", not ");
        if (!err)
            err = append_value(text, is);
        between = ", ";
    }
    return err ? err : elc_buffer_printf(text, ")");
}

/* "; with NAME WAS, not IS" */
static int append_difference(struct elc_buffer *text, const char *key, const json_t *was,
                             json_t *is) {
    const struct setting *setting = find(key);
    const enum shown shown = setting ? setting->shown : AS_VALUE;
    const bool was_given = is_given(was, shown), both = was_given && is_given(is, shown);
    int err = elc_buffer_printf(
        text, "%s%s %s%s%s", text->len > 0 ? "; " : "", was_given ? "with" : "without",
        (shown == AS_ANOTHER || shown == AS_SHAPE) && both ? "another " : "",
        setting ? setting->name : "--set ", setting ? "" : key);
    if (!err && shown == AS_SHAPE && both)
        return append_shape(text, was, is);
    if (err || !was_given || shown == AS_ANOTHER || shown == AS_FLAG || shown == AS_NO_FLAG)
        return err;
    err = elc_buffer_printf(text, "%c", setting ? ' ' : '=');
    if (!err)
        err = append_value(text, was);
    if (!err && both)
        err = elc_buffer_printf(text, ", not ");
    return err || !both ? err : append_value(text, is);
}

/* The value of a setting, or NULL where it follows from others: the steps under --epochs from the
 * input, and the warm-up without --warmup from the configuration. */
static json_t *given(const json_t *all, const char *key) {
    json_t *value = json_object_get(all, key);
    const bool by_epochs = json_integer_value(json_object_get(all, "epochs")) > 0;
    const json_t *share = json_object_get(all, "warmup_proportion");
    const bool follows = (strcmp(key, "steps") == 0 && by_epochs) ||
                         (strcmp(key, "num_warmup_steps") == 0 && json_equal(value, share));
    return follows ? NULL : value;
}

static bool differs(const json_t *before, const json_t *now, const char *key) {
    const json_t *was = given(before, key), *is = given(now, key);
    return (was || is) && !json_equal(was, is);
}

/* Another model to start from has other defaults, and another head has other keys. To say so is
 * enough: what else is different of the configuration would not all have been given. */
static bool is_other_network(const json_t *before, const json_t *now) {
    static const char *const keys[] = {"init", "shape", "task", "head", "objective"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (differs(before, now, keys[i]))
            return true;
    return false;
}

/* Does a setting's default depend on the network? Shapes are the model's, if there is one. */
static bool depends_on_network(const json_t *before, const json_t *now, const char *key) {
    if (strcmp(key, "shape") == 0)
        return differs(before, now, "init");
    return !find(key) || strcmp(key, "learning_rate") == 0;
}

int elc_same_options(const json_t *before, json_t *now) {
    struct elc_buffer text = {0};
    const char *key;
    json_t *is;
    int err = 0;
    const bool other_network = is_other_network(before, now);
    json_object_foreach(now, key, is) {
        if (err || !differs(before, now, key) ||
            (other_network && depends_on_network(before, now, key)))
            continue;
        err = append_difference(&text, key, given(before, key), given(now, key));
    }
    if (!err && text.len > 0)
        err = elc_fail(ELC_EINVAL,
                       "--resume: this run was started %.*s (give the options that it was started "
                       "with, or another -o)",
                       (int)text.len, (const char *)text.data);
    elc_buffer_free(&text);
    return err;
}
