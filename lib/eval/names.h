/* The classes that results name, numbered in the order in which they come. */
#ifndef ELC_EVAL_NAMES_H
#define ELC_EVAL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/memory.h"

enum { ELC_CLASS_LIMIT = 10000 };

struct elc_name {
    const char *text;
    size_t len;
};
/* A zeroed struct is empty. */
struct elc_names {
    struct elc_name *items;
    uint32_t *sorted; /* their numbers by the bytes of the names */
    size_t n, capacity, sorted_capacity;
    struct elc_arena arena;
};
/* The number of the name, a new one if it was not there yet; ELC_ELIMIT: too many. */
int elc_names_add(uint32_t *number, struct elc_names *names, const char *text,
                  size_t len) ELC_MUST_CHECK;
/* Its number if it is there. */
bool elc_names_find(uint32_t *number, const struct elc_names *names, const char *text, size_t len);
void elc_names_free(struct elc_names *names); /* idempotent */

#endif
