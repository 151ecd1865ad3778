/* Names in a sorted array: there are few. */
#include "names.h"

#include <stdlib.h>
#include <string.h>

static int compare(const struct elc_name *a, const char *text, size_t len) {
    int order = memcmp(a->text, text, a->len < len ? a->len : len);
    return order ? order : (a->len > len) - (a->len < len);
}

/* The place in `sorted` of the first name that is not before this one. */
static size_t place_of(const struct elc_names *names, const char *text, size_t len) {
    size_t low = 0, high = names->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&names->items[names->sorted[middle]], text, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool elc_names_find(uint32_t *number, const struct elc_names *names, const char *text, size_t len) {
    size_t place = place_of(names, text, len);
    if (place == names->n || compare(&names->items[names->sorted[place]], text, len) != 0)
        return false;
    *number = names->sorted[place];
    return true;
}

int elc_names_add(uint32_t *number, struct elc_names *names, const char *text, size_t len) {
    if (elc_names_find(number, names, text, len))
        return 0;
    if (names->n == ELC_CLASS_LIMIT)
        return elc_fail(ELC_ELIMIT, "there are more than %d classes", ELC_CLASS_LIMIT);
    int err = elc_grow(&names->items, &names->capacity, names->n + 1, sizeof *names->items);
    if (!err)
        err =
            elc_grow(&names->sorted, &names->sorted_capacity, names->n + 1, sizeof *names->sorted);
    char *copy = err ? NULL : elc_arena_text(&names->arena, text, len);
    if (!copy)
        return ELC_ENOMEM;
    size_t place = place_of(names, text, len);
    memmove(names->sorted + place + 1, names->sorted + place,
            (names->n - place) * sizeof *names->sorted);
    *number = names->sorted[place] = (uint32_t)names->n;
    names->items[names->n++] = (struct elc_name){copy, len};
    return 0;
}

void elc_names_free(struct elc_names *names) {
    free(names->items);
    free(names->sorted);
    elc_arena_free(&names->arena);
    *names = (struct elc_names){0};
}
