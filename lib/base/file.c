/* Complete reads, atomic outputs, mapped inputs. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "electra/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PENDING_BYTES = 256 * 1024 };

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

/* ---- output ---- */

/* Temporary files of open outputs, for the handler that removes them when a signal ends the
 * process. Cleared only after the file has gone or got its final name. */
enum { OUTPUTS_LIMIT = 8 };
static char *volatile unfinished[OUTPUTS_LIMIT];

static void remove_unfinished(int signal_number) {
    for (int i = 0; i < OUTPUTS_LIMIT; i++)
        if (unfinished[i])
            unlink(unfinished[i]);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static int unfinished_add(char *path) {
    static const int fatal[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        struct sigaction present;
        /* A program with a handler of its own (electra-train) decides itself. */
        if (sigaction(fatal[i], NULL, &present) == 0 && present.sa_handler == SIG_DFL) {
            struct sigaction action = {.sa_handler = remove_unfinished};
            sigaction(fatal[i], &action, NULL);
        }
    }
    for (int i = 0; i < OUTPUTS_LIMIT; i++)
        if (!unfinished[i]) {
            unfinished[i] = path;
            return 0;
        }
    return elc_fail(ELC_ELIMIT, "more than %d output files are open", OUTPUTS_LIMIT);
}

static void unfinished_remove(const char *path) {
    for (int i = 0; i < OUTPUTS_LIMIT; i++)
        if (unfinished[i] == path)
            unfinished[i] = NULL;
}

/* O_APPEND: what /dev/stdout leads to may be a file that has something in it. */
static int open_in_place(struct elc_output *output, const char *path) {
    output->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    return output->fd < 0 ? elc_fail_errno("%s", path) : 0;
}

/* Creates the temporary file and registers it; no signal comes in between. */
static int create_temporary(struct elc_output *output) {
    sigset_t fatal, before;
    sigemptyset(&fatal);
    sigaddset(&fatal, SIGINT);
    sigaddset(&fatal, SIGTERM);
    sigaddset(&fatal, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &fatal, &before);
    output->fd = mkstemp(output->temporary_path);
    int err = 0;
    if (output->fd >= 0) {
        err = unfinished_add(output->temporary_path);
    } else {
        err = elc_fail_errno("%s: cannot be created", output->name);
        free(output->temporary_path);
        output->temporary_path = NULL;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

static int open_temporary(struct elc_output *output, const char *path, const struct stat *old) {
    size_t len = strlen(path);
    output->final_path = strdup(path);
    char *temporary = malloc(len + sizeof ".XXXXXX");
    if (!output->final_path || !temporary) {
        free(temporary);
        return elc_fail_memory(len);
    }
    memcpy(temporary, path, len);
    memcpy(temporary + len, ".XXXXXX", sizeof ".XXXXXX");
    output->temporary_path = temporary;
    int err = create_temporary(output);
    if (err)
        return err;
    mode_t mask = umask(0);
    umask(mask);
    mode_t mode = old ? old->st_mode & 0777 : 0666 & ~mask;
    return fchmod(output->fd, mode) == 0 ? 0 : elc_fail_errno("%s", temporary);
}

/* A descriptor that somebody has opened already, whatever kind of file it leads to. */
static bool names_descriptor(const char *path) {
    return strcmp(path, "/dev/stdout") == 0 || strcmp(path, "/dev/stderr") == 0 ||
           strncmp(path, "/dev/fd/", strlen("/dev/fd/")) == 0 ||
           strncmp(path, "/proc/self/fd/", strlen("/proc/self/fd/")) == 0;
}

/* A symbolic link goes on leading where it leads: the file there is replaced. */
static int open_behind_link(struct elc_output *output, const char *path, const struct stat *old) {
    char *target = realpath(path, NULL);
    int err = target ? open_temporary(output, target, old) : elc_fail_errno("%s", path);
    free(target);
    return err;
}

int elc_output_open(struct elc_output *output, const char *path) {
    *output = (struct elc_output){.fd = STDOUT_FILENO, .name = "standard output"};
    if (!path || strcmp(path, "-") == 0)
        return 0;
    output->fd = -1;
    output->name = path;
    struct stat old, link;
    bool exists = stat(path, &old) == 0;
    int err;
    if (exists && S_ISDIR(old.st_mode)) {
        errno = EISDIR;
        err = elc_fail_errno("%s", path);
    } else if (exists && (!S_ISREG(old.st_mode) || names_descriptor(path))) {
        err = open_in_place(output, path);
    } else if (exists && lstat(path, &link) == 0 && S_ISLNK(link.st_mode)) {
        err = open_behind_link(output, path, &old);
    } else {
        err = open_temporary(output, path, exists ? &old : NULL);
    }
    if (err)
        elc_output_abandon(output);
    return err;
}

static int write_all(struct elc_output *output, const uint8_t *bytes, size_t len) {
    while (len > 0) {
        ssize_t wrote = write(output->fd, bytes, len);
        if (wrote < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EPIPE) { /* SIGPIPE was ignored by whoever started us: die of it now */
                signal(SIGPIPE, SIG_DFL);
                raise(SIGPIPE);
                errno = EPIPE;
            }
            return elc_fail_errno("%s", output->name);
        }
        bytes += wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

int elc_output_flush(struct elc_output *output) {
    int err = write_all(output, output->pending.data, output->pending.len);
    output->pending.len = 0;
    return err;
}

int elc_output_write(struct elc_output *output, const void *bytes, size_t len) {
    if (output->pending.len + len > PENDING_BYTES) {
        int err = elc_output_flush(output);
        if (err)
            return err;
    }
    if (len > PENDING_BYTES)
        return write_all(output, bytes, len);
    return elc_buffer_append(&output->pending, bytes, len);
}

int elc_output_commit(struct elc_output *output) {
    int err = elc_output_flush(output);
    if (!err && output->fd > STDERR_FILENO) {
        int fd = output->fd;
        output->fd = -1;
        if (close(fd) != 0)
            err = elc_fail_errno("%s", output->name);
    }
    if (!err && output->final_path) {
        if (rename(output->temporary_path, output->final_path) != 0) {
            err = elc_fail_errno("%s", output->final_path);
        } else {
            unfinished_remove(output->temporary_path);
            free(output->temporary_path);
            output->temporary_path = NULL;
        }
    }
    elc_output_abandon(output);
    return err;
}

void elc_output_abandon(struct elc_output *output) {
    if (output->fd > STDERR_FILENO)
        close(output->fd);
    if (output->temporary_path) {
        unlink(output->temporary_path);
        unfinished_remove(output->temporary_path);
    }
    free(output->temporary_path);
    free(output->final_path);
    elc_buffer_free(&output->pending);
    *output = (struct elc_output){.fd = -1, .name = output->name};
}

/* ---- maps ---- */

static int read_whole(struct elc_map *map, struct elc_input *input) {
    struct elc_buffer all = {0};
    while (true) {
        int err = elc_buffer_reserve(&all, PENDING_BYTES);
        long long got = err ? err : elc_input_read(input, all.data + all.len, PENDING_BYTES);
        if (got < 0) {
            elc_buffer_free(&all);
            return (int)got;
        }
        all.len += (size_t)got;
        if (got < PENDING_BYTES)
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
    int err = elc_buffer_reserve(&chunk, PENDING_BYTES);
    while (!err && (got = elc_input_read(input, chunk.data, PENDING_BYTES)) > 0)
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

int elc_file_write(const char *path, const void *bytes, size_t len) {
    struct elc_output output = {.name = path};
    output.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (output.fd < 0)
        return elc_fail_errno("%s", path);
    int err = write_all(&output, bytes, len);
    if (!err && fsync(output.fd) != 0)
        err = elc_fail_errno("%s", path);
    if (close(output.fd) != 0 && !err)
        err = elc_fail_errno("%s", path);
    return err;
}

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
