/* A table of distinct strings, numbered in the order in which they came. */
#ifndef LIB_TEXT_STRINGS_H
#define LIB_TEXT_STRINGS_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"

struct string {
    const char *text; /* in the table's arena */
    uint32_t len;
    uint32_t tag; /* upper half of its hash */
};

/* A zeroed struct is empty. At most 2^32 - 2 strings of less than 2^32 bytes. */
struct strings {
    struct string *items;
    size_t n, capacity;
    uint32_t *slots; /* number + 1, 0 free; a power of two of them */
    size_t n_slots;
    struct elc_arena arena;
};
/* The number of the string, a new one if it was not there yet; or a negative error. */
long long strings_add(struct strings *strings, const char *text, size_t len) ELC_MUST_CHECK;
void strings_free(struct strings *strings);

#endif
