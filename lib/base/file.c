/* Complete reads, mapped inputs, paths. */
#include "electra/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 * 1024 };

/* ---- input ---- */

int elc_input_open(struct elc_input *input, const char *path) {
    if (strcmp(path, "-") == 0) {
        *input = (struct elc_input){STDIN_FILENO, "standard input", NULL};
        return 0;
    }
    *input = (struct elc_input){-1, path, NULL};
    input->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (input->fd < 0)
        return elc_fail_errno("%s", path);
    struct stat status;
    if (fstat(input->fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        elc_input_close(input);
        errno = EISDIR;
        return elc_fail_errno("%s", path);
    }
    return 0;
}

/* Waits for something to read, or the flag. A signal that comes just before poll does not wake it,
 * so that it has to look up from time to time. */
static int wait_unless_stopped(const struct elc_input *input) {
    enum { LOOK_UP_MS = 100 };
    struct pollfd wait = {.fd = input->fd, .events = POLLIN};
    while (!*input->stop) {
        int ready = poll(&wait, 1, LOOK_UP_MS);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return 0; /* if something is wrong, read says what */
    }
    return elc_fail(ELC_ESTOPPED, "%s: told to stop", input->name);
}

long long elc_input_read_some(struct elc_input *input, void *bytes, size_t len) {
    while (true) {
        int err = input->stop ? wait_unless_stopped(input) : 0;
        if (err)
            return err;
        ssize_t got = read(input->fd, bytes, len);
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return elc_fail_errno("%s", input->name);
    }
}

long long elc_input_read(struct elc_input *input, void *bytes, size_t len) {
    size_t done = 0;
    while (done < len) {
        long long got = elc_input_read_some(input, (char *)bytes + done, len - done);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (long long)done;
}

bool elc_input_would_block(const struct elc_input *input) {
    struct pollfd wait = {.fd = input->fd, .events = POLLIN};
    return poll(&wait, 1, 0) == 0;
}

void elc_input_close(struct elc_input *input) {
    if (input->fd > STDIN_FILENO)
        close(input->fd);
    input->fd = -1;
}

/* ---- maps ---- */

static int read_whole(struct elc_map *map, struct elc_input *input) {
    struct elc_buffer all = {0};
    while (true) {
        int err = elc_buffer_reserve(&all, CHUNK_BYTES);
        long long got = err ? err : elc_input_read(input, all.data + all.len, CHUNK_BYTES);
        if (got < 0) {
            elc_buffer_free(&all);
            return (int)got;
        }
        all.len += (size_t)got;
        if (got < CHUNK_BYTES)
            break;
    }
    *map = (struct elc_map){all.data, all.len, false};
    return 0;
}

int elc_map_fd(struct elc_map *map, int fd, const char *name) {
    *map = (struct elc_map){0};
    struct stat status;
    if (fstat(fd, &status) != 0)
        return elc_fail_errno("%s", name);
    if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        struct elc_input input = {fd, name, NULL};
        return read_whole(map, &input);
    }
    void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return elc_fail_errno("%s: cannot be mapped", name);
    *map = (struct elc_map){data, (size_t)status.st_size, true};
    return 0;
}

int elc_map_open(struct elc_map *map, const char *path) {
    *map = (struct elc_map){0};
    struct elc_input input;
    int err = elc_input_open(&input, path);
    if (err)
        return err;
    err = elc_map_fd(map, input.fd, input.name);
    elc_input_close(&input);
    return err;
}

static int spool(struct elc_output *copy, struct elc_input *input) {
    struct elc_buffer chunk = {0};
    long long got = 0;
    int err = elc_buffer_reserve(&chunk, CHUNK_BYTES);
    while (!err && (got = elc_input_read(input, chunk.data, CHUNK_BYTES)) > 0)
        err = elc_output_write(copy, chunk.data, (size_t)got);
    elc_buffer_free(&chunk);
    if (!err && got < 0)
        err = (int)got;
    return err ? err : elc_output_flush(copy);
}

int elc_map_input(struct elc_map *map, struct elc_input *input) {
    *map = (struct elc_map){0};
    struct stat status;
    /* a standard input that somebody has read from goes on from there */
    if (fstat(input->fd, &status) == 0 && S_ISREG(status.st_mode) &&
        lseek(input->fd, 0, SEEK_CUR) == 0)
        return elc_map_fd(map, input->fd, input->name);
    struct elc_output copy = {.name = "temporary file (TMPDIR)"};
    int err = elc_spool_open(&copy.fd);
    if (err)
        return err;
    err = spool(&copy, input);
    if (!err)
        err = elc_map_fd(map, copy.fd, input->name);
    elc_output_abandon(&copy);
    return err;
}

void elc_map_close(struct elc_map *map) {
    if (map->mapped)
        munmap((void *)(uintptr_t)map->data, map->len);
    else
        free((void *)(uintptr_t)map->data);
    *map = (struct elc_map){0};
}

/* ---- the rest ---- */

int elc_fsync_directory(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return elc_fail_errno("%s", path);
    int err = fsync(fd) == 0 || errno == EINVAL ? 0 : elc_fail_errno("%s", path);
    close(fd);
    return err;
}

int elc_spool_open(int *fd) {
    const char *directory = getenv("TMPDIR");
    if (!directory || !*directory)
        directory = "/tmp";
    char *path = elc_path_join(directory, "electra-XXXXXX");
    if (!path)
        return ELC_ENOMEM;
    *fd = mkstemp(path);
    int err = *fd < 0 ? elc_fail_errno("%s: no temporary file can be made (TMPDIR)", directory) : 0;
    if (!err)
        unlink(path);
    free(path);
    return err;
}

char *elc_path_join(const char *directory, const char *name) {
    size_t len = strlen(directory), name_len = strlen(name);
    char *path = malloc(len + name_len + 2);
    if (!path) {
        elc_fail_memory(len + name_len + 2);
        return NULL;
    }
    memcpy(path, directory, len);
    if (len == 0 || directory[len - 1] != '/')
        path[len++] = '/';
    memcpy(path + len, name, name_len + 1);
    return path;
}

/* Without elc_path_join, so that no lack of memory is taken for a missing file. */
bool elc_path_exists(const char *directory, const char *name) {
    enum { PATH_BYTES = 4096 }; /* longer ones cannot be opened either */
    char path[PATH_BYTES];
    const int len = snprintf(path, sizeof path, "%s/%s", directory, name);
    return len >= 0 && (size_t)len < sizeof path && access(path, F_OK) == 0;
}
