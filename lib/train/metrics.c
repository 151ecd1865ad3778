#include "metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/json_text.h"

double elc_ratio(double a, double b) {
    return b > 0 ? a / b : NAN;
}

static int add_real(json_t *object, const char *key, double value) {
    char digits[32];
    (void)snprintf(digits, sizeof digits, "%.6g", value);
    json_t *json = isfinite(value) ? json_real(strtod(digits, NULL)) : json_null();
    return json_object_set_new(object, key, json) == 0 ? 0 : elc_fail_memory(0);
}

int elc_metrics_add(json_t *object, const char *prefix, const struct elc_named *values, size_t n) {
    int err = 0;
    for (size_t i = 0; !err && i < n; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s%s", prefix, values[i].key);
        err = add_real(object, key, values[i].value);
    }
    return err;
}

int elc_metrics_add_count(json_t *object, const char *key, uint64_t value) {
    return json_object_set_new(object, key, json_integer((json_int_t)value)) == 0
               ? 0
               : elc_fail_memory(0);
}

int elc_metrics_line(struct elc_buffer *line, json_t *object) {
    char *text = object ? elc_json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(object);
    if (!text)
        return elc_fail_memory(0);
    line->len = 0;
    int err = elc_buffer_append(line, text, strlen(text));
    if (!err)
        err = elc_buffer_append(line, "\n", 1);
    free(text);
    return err;
}

/* ---- exact copies for checkpoints ---- */

json_t *elc_members_json(const struct elc_member *members, size_t n, const void *from) {
    json_t *object = json_object();
    int err = object ? 0 : elc_fail_memory(0);
    for (size_t i = 0; !err && i < n; i++) {
        const char *at = (const char *)from + members[i].offset;
        json_t *value = members[i].real
                            ? json_real(*(const double *)(const void *)at)
                            : json_integer((json_int_t) * (const uint64_t *)(const void *)at);
        if (json_object_set_new(object, members[i].key, value) != 0)
            err = elc_fail_memory(0);
    }
    if (err) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

int elc_members_parse(const struct elc_member *members, size_t n, void *to, const json_t *json) {
    for (size_t i = 0; i < n; i++) {
        char *at = (char *)to + members[i].offset;
        const json_t *value = json_object_get(json, members[i].key);
        if (members[i].real ? !json_is_number(value) : !json_is_integer(value))
            return elc_fail(ELC_EFORMAT, "state.json: key '%s' is missing or no number",
                            members[i].key);
        if (members[i].real)
            *(double *)(void *)at = json_number_value(value);
        else
            *(uint64_t *)(void *)at = (uint64_t)json_integer_value(value);
    }
    return 0;
}

static const struct elc_member window_members[] = {
    ELC_COUNT_MEMBER(elc_window, n_steps),
    ELC_REAL_MEMBER(elc_window, loss),
    ELC_REAL_MEMBER(elc_window, grad_norm),
    ELC_REAL_MEMBER(elc_window, learning_rate),
};
static const struct elc_member progress_members[] = {
    ELC_COUNT_MEMBER(elc_progress, step),       ELC_COUNT_MEMBER(elc_progress, n_texts),
    ELC_COUNT_MEMBER(elc_progress, n_tokens),   ELC_REAL_MEMBER(elc_progress, flops),
    ELC_REAL_MEMBER(elc_progress, flops_paper),
};
enum {
    N_WINDOW = sizeof window_members / sizeof *window_members,
    N_PROGRESS = sizeof progress_members / sizeof *progress_members,
};

json_t *elc_window_json(const struct elc_window *window) {
    return elc_members_json(window_members, N_WINDOW, window);
}

json_t *elc_progress_json(const struct elc_progress *progress) {
    return elc_members_json(progress_members, N_PROGRESS, progress);
}

int elc_window_parse(struct elc_window *window, const json_t *json) {
    return elc_members_parse(window_members, N_WINDOW, window, json);
}

int elc_progress_parse(struct elc_progress *progress, const json_t *json) {
    return elc_members_parse(progress_members, N_PROGRESS, progress, json);
}
