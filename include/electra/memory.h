/* Memory: a growable byte buffer, an arena, and checked arithmetic for sizes. */
#ifndef ELECTRA_MEMORY_H
#define ELECTRA_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that grow. A zeroed struct is an empty buffer; free with elc_buffer_free. */
struct elc_buffer {
    uint8_t *data;
    size_t len;      /* bytes in use */
    size_t capacity; /* bytes allocated */
};

/* Makes room for `extra` more bytes behind `len`. ELC_ENOMEM leaves the buffer as it was. */
int elc_buffer_reserve(struct elc_buffer *buffer, size_t extra) ELC_MUST_CHECK;
int elc_buffer_append(struct elc_buffer *buffer, const void *bytes, size_t len) ELC_MUST_CHECK;
int elc_buffer_printf(struct elc_buffer *buffer, const char *format, ...) ELC_PRINTF(2, 3)
    ELC_MUST_CHECK;
void elc_buffer_free(struct elc_buffer *buffer); /* idempotent */

/* Many small allocations with one lifetime. A zeroed struct is an empty arena.
 * What it returns is aligned for any type and stays where it is. */
struct elc_arena {
    struct elc_arena_chunk *chunks;
};
void *elc_arena_alloc(struct elc_arena *arena, size_t bytes) ELC_MUST_CHECK; /* NULL: ENOMEM set */
void *elc_arena_copy(struct elc_arena *arena, const void *bytes, size_t len) ELC_MUST_CHECK;
/* A copy of `len` bytes of text with a NUL behind it. */
char *elc_arena_text(struct elc_arena *arena, const char *text, size_t len) ELC_MUST_CHECK;
void elc_arena_free(struct elc_arena *arena); /* idempotent */

/* Grows `*array` (of `*capacity` items of `item_size` bytes) to at least `needed` items,
 * doubling. ELC_ENOMEM leaves it as it was. `array` is the address of any object pointer. */
int elc_grow(void *array, size_t *capacity, size_t needed, size_t item_size) ELC_MUST_CHECK;
/* The same; items that were not there before are zeroed. */
int elc_grow_zeroed(void *array, size_t *capacity, size_t needed, size_t item_size) ELC_MUST_CHECK;

/* calloc(count, size) aligned to a 64-byte cache line; release with free(). */
void *elc_calloc_aligned(size_t count, size_t size) ELC_MUST_CHECK; /* NULL: ENOMEM set */

/* *product = a·b, false when it does not fit. */
static inline bool elc_size_product(size_t *product, size_t a, size_t b) {
#if defined(__GNUC__)
    return !__builtin_mul_overflow(a, b, product);
#else
    *product = a * b;
    return a == 0 || *product / a == b;
#endif
}

#ifdef __cplusplus
}
#endif
#endif
