/* Growable buffers, arenas, growing arrays. */
#define _DEFAULT_SOURCE /* madvise */
#include "electra/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int elc_grow(void *array, size_t *capacity, size_t needed, size_t item_size) {
    if (needed <= *capacity)
        return 0;
    size_t target = *capacity < SIZE_MAX / 2 ? *capacity * 2 : needed;
    if (target < needed)
        target = needed;
    if (target < 16)
        target = 16;
    size_t bytes;
    if (!elc_size_product(&bytes, target, item_size))
        return elc_fail_memory(0);
    void *old;
    memcpy(&old, array, sizeof old); /* any object pointer has this representation in POSIX */
    void *grown = realloc(old, bytes);
    if (!grown)
        return elc_fail_memory(bytes);
    memcpy(array, &grown, sizeof grown);
    *capacity = target;
    return 0;
}

int elc_grow_zeroed(void *array, size_t *capacity, size_t needed, size_t item_size) {
    const size_t before = *capacity;
    int err = elc_grow(array, capacity, needed, item_size);
    if (err || *capacity == before)
        return err;
    unsigned char *bytes;
    memcpy(&bytes, array, sizeof bytes);
    memset(bytes + before * item_size, 0, (*capacity - before) * item_size);
    return 0;
}

int elc_buffer_reserve(struct elc_buffer *buffer, size_t extra) {
    if (extra <= buffer->capacity - buffer->len)
        return 0;
    if (extra > SIZE_MAX - buffer->len)
        return elc_fail_memory(0);
    return elc_grow(&buffer->data, &buffer->capacity, buffer->len + extra, 1);
}

int elc_buffer_append(struct elc_buffer *buffer, const void *bytes, size_t len) {
    int err = elc_buffer_reserve(buffer, len);
    if (err)
        return err;
    if (len > 0)
        memcpy(buffer->data + buffer->len, bytes, len);
    buffer->len += len;
    return 0;
}

int elc_buffer_printf(struct elc_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char small[128];
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    int err = 0;
    if (len < 0)
        err = elc_fail(ELC_EINVAL, "a text that cannot be formatted");
    else if ((size_t)len < sizeof small)
        err = elc_buffer_append(buffer, small, (size_t)len);
    else if (!(err = elc_buffer_reserve(buffer, (size_t)len + 1))) {
        (void)vsnprintf((char *)buffer->data + buffer->len, (size_t)len + 1, format, again);
        buffer->len += (size_t)len;
    }
    va_end(again);
    return err;
}

void elc_buffer_free(struct elc_buffer *buffer) {
    free(buffer->data);
    *buffer = (struct elc_buffer){0};
}

enum { CHUNK_BYTES = 64 * 1024 };

struct elc_arena_chunk {
    struct elc_arena_chunk *next;
    size_t used, capacity;
    _Alignas(max_align_t) unsigned char bytes[];
};

void *elc_arena_alloc(struct elc_arena *arena, size_t bytes) {
    enum { ALIGN = _Alignof(max_align_t) };
    if (bytes > SIZE_MAX - CHUNK_BYTES) {
        elc_fail_memory(bytes);
        return NULL;
    }
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    struct elc_arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->capacity - chunk->used < bytes) {
        size_t capacity = bytes > CHUNK_BYTES / 4 ? bytes : CHUNK_BYTES;
        chunk = malloc(sizeof *chunk + capacity);
        if (!chunk) {
            elc_fail_memory(capacity);
            return NULL;
        }
        chunk->used = 0;
        chunk->capacity = capacity;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    void *result = chunk->bytes + chunk->used;
    chunk->used += bytes;
    return result;
}

void *elc_arena_copy(struct elc_arena *arena, const void *bytes, size_t len) {
    void *copy = elc_arena_alloc(arena, len);
    if (copy && len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

char *elc_arena_text(struct elc_arena *arena, const char *text, size_t len) {
    if (len == SIZE_MAX) {
        elc_fail_memory(0);
        return NULL;
    }
    char *copy = elc_arena_alloc(arena, len + 1);
    if (!copy)
        return NULL;
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void elc_arena_free(struct elc_arena *arena) {
    while (arena->chunks) {
        struct elc_arena_chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
}

void *elc_calloc_aligned(size_t count, size_t size) {
    enum { LINE = 64, HUGE = 2 * 1024 * 1024 };
    size_t bytes;
    void *memory = NULL;
    if (!elc_size_product(&bytes, count, size) || bytes > SIZE_MAX - HUGE) {
        elc_fail_memory(0);
        return NULL;
    }
    const bool huge = bytes >= 2 * HUGE;
    if (posix_memalign(&memory, huge ? HUGE : LINE, bytes > 0 ? bytes : LINE) != 0) {
        elc_fail_memory(bytes);
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (huge) /* one page fault instead of 512, where the kernel can */
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    memset(memory, 0, bytes);
    return memory;
}
