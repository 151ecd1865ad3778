/* Sets of names. */
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "labelled.h"

/* The text may hold NULs: then it equals no name. */
static int compare(const char *name, const char *text, size_t len) {
    const size_t name_len = strlen(name);
    int order = memcmp(name, text, name_len < len ? name_len : len);
    return order ? order : (name_len > len) - (name_len < len);
}

/* The place of the first name that is not below this one. */
static size_t find_place(const struct elc_classes *classes, const char *name, size_t len) {
    size_t low = 0, high = classes->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(classes->names[middle], name, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* It becomes a key of config.json. */
static int check_name(const char *name, size_t len) {
    if (len == 0)
        return elc_fail(ELC_EFORMAT, "the label is empty");
    json_t *text = memchr(name, '\0', len) ? NULL : json_stringn(name, len);
    if (!text)
        return elc_fail(ELC_EFORMAT, "the label is not UTF-8 without NULs");
    json_decref(text);
    return 0;
}

int elc_classes_add(struct elc_classes *classes, const char *name, size_t len) {
    int valid = check_name(name, len);
    if (valid)
        return valid;
    const size_t place = find_place(classes, name, len);
    if (place < classes->n && compare(classes->names[place], name, len) == 0)
        return 0;
    if (classes->n == ELC_LABELS_LIMIT)
        return elc_fail(ELC_ELIMIT, "more than %d different labels (numbers are for regress)",
                        ELC_LABELS_LIMIT);
    int err = elc_grow(&classes->names, &classes->capacity, classes->n + 1, sizeof *classes->names);
    char *copy = err ? NULL : elc_arena_text(&classes->arena, name, len);
    if (!copy)
        return ELC_ENOMEM;
    memmove(classes->names + place + 1, classes->names + place,
            (classes->n - place) * sizeof *classes->names);
    classes->names[place] = copy;
    classes->n++;
    return 0;
}

void elc_classes_free(struct elc_classes *classes) {
    free(classes->names);
    elc_arena_free(&classes->arena);
    *classes = (struct elc_classes){0};
}

bool elc_class_find(uint32_t *class, const char *const *names, size_t n, const char *name,
                    size_t len) {
    for (size_t i = 0; i < n; i++) {
        if (compare(names[i], name, len) == 0) {
            *class = (uint32_t)i;
            return true;
        }
    }
    return false;
}
