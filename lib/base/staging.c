#include "electra/staging.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "electra/file.h"

struct elc_staging {
    char *path; /* the temporary name; NULL: nothing to remove */
    char *final_path;
    sigset_t before; /* which signals were blocked */
};

int elc_remove_tree(const char *path) {
    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    DIR *stream = opendir(path);
    if (!stream)
        return elc_fail_errno("%s", path);
    int err = 0;
    struct dirent *entry;
    while (!err && (errno = 0, entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inner = elc_path_join(path, entry->d_name);
        err = inner ? elc_remove_tree(inner) : ELC_ENOMEM;
        free(inner);
    }
    if (!err && errno != 0)
        err = elc_fail_errno("%s", path);
    closedir(stream);
    if (!err && rmdir(path) != 0)
        err = elc_fail_errno("%s: cannot be removed", path);
    return err;
}

static const int fatal[] = {SIGINT, SIGTERM, SIGHUP};
enum { N_FATAL = sizeof fatal / sizeof *fatal };

static void hold_signals(sigset_t *before) {
    sigset_t held;
    sigemptyset(&held);
    for (size_t i = 0; i < N_FATAL; i++)
        sigaddset(&held, fatal[i]);
    pthread_sigmask(SIG_BLOCK, &held, before);
}

int elc_staging_check(void) {
    sigset_t waiting;
    sigemptyset(&waiting);
    sigpending(&waiting);
    for (size_t i = 0; i < N_FATAL; i++)
        if (sigismember(&waiting, fatal[i]) == 1)
            return elc_fail(ELC_ESTOPPED, "told to stop");
    return 0;
}

/* mkdtemp lets nobody else in; the directory gets the permissions that mkdir would give. */
static int open_permissions(const char *path) {
    mode_t mask = umask(0);
    umask(mask);
    return chmod(path, 0777 & ~mask) == 0 ? 0 : elc_fail_errno("%s", path);
}

static int create(struct elc_staging *staging, const char *path) {
    static const char suffix[] = ".XXXXXX";
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    staging->final_path = strdup(path);
    staging->path = malloc(len + sizeof suffix);
    if (!staging->final_path || !staging->path)
        return elc_fail_memory(len);
    staging->final_path[len] = '\0';
    memcpy(staging->path, path, len);
    memcpy(staging->path + len, suffix, sizeof suffix);
    if (!mkdtemp(staging->path)) {
        int err = elc_fail_errno("%s: cannot be created", path);
        free(staging->path);
        staging->path = NULL;
        return err;
    }
    return open_permissions(staging->path);
}

int elc_staging_new(struct elc_staging **staging_out, const char *path) {
    struct stat status;
    *staging_out = NULL;
    if (lstat(path, &status) == 0)
        return elc_fail(ELC_EINVAL, "%s: is there already", path);
    if (errno != ENOENT)
        return elc_fail_errno("%s", path);
    struct elc_staging *staging = calloc(1, sizeof *staging);
    if (!staging)
        return elc_fail_memory(sizeof *staging);
    hold_signals(&staging->before);
    int err = create(staging, path);
    if (err)
        elc_staging_destroy(staging);
    else
        *staging_out = staging;
    return err;
}

const char *elc_staging_path(const struct elc_staging *staging) {
    return staging->path;
}

/* The directory that holds `path`, malloced. */
static char *parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *parent = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!parent)
        elc_fail_memory(strlen(path));
    return parent;
}

int elc_staging_commit(struct elc_staging *staging) {
    char *parent = parent_of(staging->final_path);
    int err = parent ? elc_fsync_directory(staging->path) : ELC_ENOMEM;
    if (!err && rename(staging->path, staging->final_path) != 0)
        err = elc_fail_errno("%s", staging->final_path);
    if (!err) {
        free(staging->path);
        staging->path = NULL;
        err = elc_fsync_directory(parent);
    }
    free(parent);
    return err;
}

void elc_staging_destroy(struct elc_staging *staging) {
    if (!staging)
        return;
    if (staging->path) {
        char message[1024]; /* what went wrong before is what the user shall read */
        (void)snprintf(message, sizeof message, "%s", elc_error());
        if (elc_remove_tree(staging->path) < 0)
            (void)elc_fail(ELC_EIO, "%s", message);
    }
    pthread_sigmask(SIG_SETMASK, &staging->before, NULL);
    free(staging->path);
    free(staging->final_path);
    free(staging);
}
