/* Reading whole streams in tests. Include after cmocka.h. */
#ifndef STREAM_READING_H
#define STREAM_READING_H

#include <stdio.h>
#include <string.h>

#include "electra/file.h"
#include "electra/stream.h"

static void assert_says(const char *text) {
    if (!strstr(elc_error(), text))
        fail_msg("\"%s\" does not say \"%s\"", elc_error(), text);
}

static void read_file(const char *path, struct elc_buffer *bytes) {
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, path), 0);
    assert_int_equal(elc_buffer_append(bytes, map.data, map.len), 0);
    elc_map_close(&map);
}

/* Reads bytes to their end or the first error. */
static int read_all(const void *bytes, size_t len) {
    struct elc_reader *reader;
    struct elc_block block = {0};
    int event;
    assert_int_equal(elc_reader_new_memory(&reader, bytes, len, "memory"), 0);
    while ((event = elc_reader_next(reader, &block)) > 0)
        continue;
    assert_int_equal(event < 0 ? elc_reader_next(reader, &block) : event, event); /* it stays so */
    elc_reader_destroy(reader);
    elc_buffer_free(&block.payload);
    return event;
}

static int read_files(char *const *paths, size_t n_paths) {
    struct elc_reader *reader;
    struct elc_block block = {0};
    int event;
    assert_int_equal(elc_reader_new(&reader, paths, n_paths, true), 0);
    while ((event = elc_reader_next(reader, &block)) > 0)
        continue;
    elc_reader_destroy(reader);
    elc_buffer_free(&block.payload);
    return event;
}

#endif
