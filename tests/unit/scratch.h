/* A directory of a test's own, removed with all that is in it. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "electra/file.h"

/* A new directory, malloced. */
static inline char *scratch_new(void) {
    const char *base = getenv("TMPDIR");
    char *path = elc_path_join(base && *base ? base : "/tmp", "electra-test-XXXXXX");
    assert_non_null(path);
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void scratch_remove(const char *path) {
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        DIR *stream = opendir(path);
        struct dirent *entry;
        while (stream && (entry = readdir(stream))) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            char *inner = elc_path_join(path, entry->d_name);
            scratch_remove(inner);
            free(inner);
        }
        if (stream)
            closedir(stream);
        rmdir(path);
    } else {
        unlink(path);
    }
}

static inline void scratch_delete(char *path) {
    scratch_remove(path);
    free(path);
}

/* How many files, directories and links lie in it. */
static inline size_t scratch_count(const char *path) {
    DIR *stream = opendir(path);
    assert_non_null(stream);
    size_t n = 0;
    while (readdir(stream))
        n++;
    closedir(stream);
    return n - 2;
}

static inline void scratch_write(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void scratch_expect(const char *path, const char *text) {
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, path), 0);
    assert_int_equal(map.len, strlen(text));
    assert_memory_equal(map.data, text, map.len);
    elc_map_close(&map);
}

#endif
