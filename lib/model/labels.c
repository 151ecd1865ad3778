/* The names of classes: id2label of config.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "electra/config.h"
#include "electra/file.h"
#include "settings.h"

/* The number that `text` is, written as transformers writes it; n if it is none below n. */
static size_t parse_number(const char *text, size_t n) {
    char *end;
    if (text[0] < '0' || text[0] > '9' || (text[0] == '0' && text[1]))
        return n;
    unsigned long long number = strtoull(text, &end, 10);
    return *end || number >= n ? n : (size_t)number;
}

/* A class may be called by a whole number: "0": 0. */
static int take_name(const char **text, struct elc_labels *labels, const json_t *name) {
    char digits[32];
    if (json_is_integer(name)) {
        const json_int_t number = json_integer_value(name);
        const int len = snprintf(digits, sizeof digits, "%lld", (long long)number);
        *text = elc_arena_text(&labels->arena, digits, (size_t)len);
    } else if (json_is_string(name)) {
        *text = elc_arena_text(&labels->arena, json_string_value(name), json_string_length(name));
    } else {
        return elc_fail(ELC_EFORMAT, "'id2label' does not name each class by a word");
    }
    return *text ? 0 : ELC_ENOMEM;
}

/* Results name classes: no two may be called alike. */
static int check_distinct(const struct elc_labels *labels) {
    json_t *seen = json_object();
    int err = seen ? 0 : elc_fail_memory(0);
    for (size_t i = 0; !err && i < labels->n; i++) {
        if (json_object_get(seen, labels->names[i]))
            err = elc_fail(ELC_EFORMAT, "'id2label' calls two classes '%s'", labels->names[i]);
        else if (json_object_set_new(seen, labels->names[i], json_true()) != 0)
            err = elc_fail_memory(0);
    }
    json_decref(seen);
    return err;
}

static int take_names(struct elc_labels *labels, const json_t *names) {
    const char *number;
    json_t *name;
    const size_t n = json_object_size(names);
    const char **list = elc_arena_alloc(&labels->arena, n * sizeof *list);
    if (!list)
        return ELC_ENOMEM;
    memset(list, 0, n * sizeof *list);
    json_object_foreach((json_t *)(uintptr_t)names, number, name) {
        const size_t i = parse_number(number, n);
        if (i == n) /* with distinct keys, all of them below n, none is missing either */
            return elc_fail(ELC_EFORMAT, "'id2label' has '%s' among its %zu classes", number, n);
        int err = take_name(&list[i], labels, name);
        if (err)
            return err;
    }
    labels->names = list;
    labels->n = n;
    return check_distinct(labels);
}

int elc_labels_parse(struct elc_labels *labels, const char *json, size_t len, const char *name) {
    *labels = (struct elc_labels){0};
    json_t *object = elc_json_object(json, len, name);
    if (!object)
        return ELC_EFORMAT;
    const json_t *names = json_object_get(object, "id2label");
    int err = 0;
    if (json_is_object(names))
        err = take_names(labels, names);
    else if (names && !json_is_null(names))
        err = elc_fail(ELC_EFORMAT, "'id2label' does not name each class by a word");
    json_decref(object);
    if (err)
        elc_labels_free(labels);
    return err ? elc_context(err, "%s", name) : 0;
}

int elc_labels_read(struct elc_labels *labels, const char *path) {
    struct elc_map map;
    *labels = (struct elc_labels){0};
    int err = elc_map_open(&map, path);
    if (err)
        return err;
    err = elc_labels_parse(labels, (const char *)map.data, map.len, path);
    elc_map_close(&map);
    return err;
}

void elc_labels_free(struct elc_labels *labels) {
    elc_arena_free(&labels->arena);
    *labels = (struct elc_labels){0};
}
