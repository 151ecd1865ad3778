/* Open addressing with linear probing, at most half full. */
#include "strings.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

/* Doubles the slots; hashes are worked out again, which happens seldom. */
static int grow_slots(struct strings *strings) {
    size_t n_slots = strings->n_slots > 0 ? strings->n_slots * 2 : 1024;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return elc_fail_memory(n_slots * sizeof *slots);
    for (size_t i = 0; i < strings->n; i++) {
        size_t at = XXH3_64bits(strings->items[i].text, strings->items[i].len) & (n_slots - 1);
        while (slots[at] != 0)
            at = (at + 1) & (n_slots - 1);
        slots[at] = (uint32_t)i + 1;
    }
    free(strings->slots);
    strings->slots = slots;
    strings->n_slots = n_slots;
    return 0;
}

static long long append(struct strings *strings, const char *text, size_t len, uint32_t tag) {
    if (strings->n >= UINT32_MAX - 1)
        return elc_fail(ELC_ELIMIT, "more than 2^32 distinct strings");
    int rc = elc_grow(&strings->items, &strings->capacity, strings->n + 1, sizeof *strings->items);
    if (rc < 0)
        return rc;
    const char *copy = elc_arena_copy(&strings->arena, text, len);
    if (!copy)
        return ELC_ENOMEM;
    strings->items[strings->n] = (struct string){copy, (uint32_t)len, tag};
    return (long long)strings->n++;
}

long long strings_add(struct strings *strings, const char *text, size_t len) {
    if (strings->n * 2 >= strings->n_slots) {
        int rc = grow_slots(strings);
        if (rc < 0)
            return rc;
    }
    uint64_t hash = XXH3_64bits(text, len);
    uint32_t tag = (uint32_t)(hash >> 32);
    size_t at = hash & (strings->n_slots - 1);
    for (; strings->slots[at] != 0; at = (at + 1) & (strings->n_slots - 1)) {
        const struct string *item = &strings->items[strings->slots[at] - 1];
        if (item->tag == tag && item->len == len && memcmp(item->text, text, len) == 0)
            return strings->slots[at] - 1;
    }
    long long number = append(strings, text, len, tag);
    if (number >= 0)
        strings->slots[at] = (uint32_t)number + 1;
    return number;
}

void strings_free(struct strings *strings) {
    free(strings->items);
    free(strings->slots);
    elc_arena_free(&strings->arena);
    *strings = (struct strings){0};
}
