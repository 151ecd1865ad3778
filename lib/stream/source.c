/* Reading operands as one run of bytes. */
#include "source.h"

#include <string.h>

enum {
    READ_BYTES = 128 * 1024,  /* asked of the system at once */
    GROW_BYTES = 1024 * 1024, /* reserved for a payload before any of it arrives */
};

static char standard_input[] = "-";

/* Opens the next operand. 1: open, 0: there is none. */
static int open_next(struct elc_source *source) {
    size_t n_paths = source->n_paths > 0 ? source->n_paths : 1;
    if (source->is_memory || source->next_path == n_paths)
        return 0;
    const char *path = source->n_paths > 0 ? source->paths[source->next_path] : standard_input;
    source->next_path++;
    int err = elc_input_open(&source->input, path);
    if (err) {
        source->io_failed = true;
        return err;
    }
    source->input.stop = source->stop;
    source->name = source->input.name;
    source->is_open = source->opened_new = true;
    return 1;
}

/* Up to `len` bytes, of the next operand where the open one ends. 0 only at the end of all. */
static long long read_some(struct elc_source *source, void *bytes, size_t len) {
    while (true) {
        if (!source->is_open) {
            int got = open_next(source);
            if (got <= 0)
                return got;
        }
        long long got = elc_input_read_some(&source->input, bytes, len);
        if (got < 0)
            source->io_failed = true;
        if (got == 0 && source->opened_new)
            return elc_fail(ELC_EFORMAT,
                            "empty: no stream header (did the previous command fail?)");
        source->opened_new = false;
        if (got != 0)
            return got;
        elc_input_close(&source->input);
        source->is_open = false;
    }
}

int elc_source_fill(struct elc_source *source, size_t need) {
    struct elc_buffer *buffer = &source->buffer;
    while (source->len < need) {
        if (source->is_memory)
            return 0;
        if (source->len > 0)
            memmove(buffer->data, source->data, source->len);
        buffer->len = source->len;
        int err = elc_buffer_reserve(buffer, READ_BYTES);
        source->data = buffer->data;
        if (err)
            return err;
        long long got = read_some(source, buffer->data + buffer->len, READ_BYTES);
        if (got <= 0)
            return (int)got;
        source->len += (size_t)got;
    }
    return 1;
}

void elc_source_skip(struct elc_source *source, size_t len) {
    source->data += len;
    source->len -= len;
    source->taken += len;
}

int elc_source_take(struct elc_source *source, struct elc_buffer *bytes, size_t len) {
    size_t waiting = source->len < len ? source->len : len;
    bytes->len = 0;
    int err = elc_buffer_reserve(bytes, len < GROW_BYTES ? len : GROW_BYTES);
    if (!err && waiting > 0)
        err = elc_buffer_append(bytes, source->data, waiting);
    if (err)
        return err;
    elc_source_skip(source, waiting);
    while (bytes->len < len) {
        if (bytes->len == bytes->capacity) {
            err = elc_buffer_reserve(bytes, 1);
            if (err)
                return err;
        }
        size_t room = bytes->capacity - bytes->len;
        size_t lacking = len - bytes->len;
        long long got =
            read_some(source, bytes->data + bytes->len, lacking < room ? lacking : room);
        if (got <= 0)
            return (int)got;
        bytes->len += (size_t)got;
        source->taken += (uint64_t)got;
    }
    return 1;
}

void elc_source_close(struct elc_source *source) {
    if (source->is_open)
        elc_input_close(&source->input);
    if (!source->is_memory)
        elc_buffer_free(&source->buffer);
    source->is_open = false;
}
