/* Outputs that appear whole or not at all. */
#define _XOPEN_SOURCE 700 /* realpath */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "electra/file.h"

enum { PENDING_BYTES = 256 * 1024 };

/* Temporary files of open outputs, for the handler that removes them when a signal ends the
 * process. Cleared only after the file has gone or got its final name. */
enum { OUTPUTS_LIMIT = 8 };
static char *volatile unfinished[OUTPUTS_LIMIT];

void elc_output_remove_all(void) {
    for (int i = 0; i < OUTPUTS_LIMIT; i++)
        if (unfinished[i])
            unlink(unfinished[i]);
}

static void remove_unfinished(int signal_number) {
    elc_output_remove_all();
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
