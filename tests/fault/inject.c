/* Makes the n-th call of a library function fail, and those after it if wanted:
 *
 *     FAULT=write:3  LD_PRELOAD=inject.so electra-corrupt …      the third write, once
 *     FAULT=malloc:3+ …                                          it and all that follow
 *
 * write, pwrite, fsync, rename, open, close, mkdir, symlink, unlink, readdir, mmap, ftruncate, read
 * and pread fail with the errno FAULT_ERRNO (28, ENOSPC, by default), malloc (which stands for calloc, realloc and
 * posix_memalign too) with ENOMEM. `short` makes the n-th write and all that follow take one byte
 * at a time. FAULT_MARK names a file that is made when the call was reached.
 *
 * Built and used by tests/cli/fault.bats; only for programs that are linked dynamically to glibc.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *name;
static size_t name_len;
static unsigned long wanted;
static bool persistent;
static int error = ENOSPC;
static atomic_ulong calls;

__attribute__((constructor)) static void read_environment(void) {
    const char *fault = getenv("FAULT"), *number = getenv("FAULT_ERRNO");
    const char *colon = fault ? strchr(fault, ':') : NULL;
    if (!colon)
        return;
    char *end;
    wanted = strtoul(colon + 1, &end, 10);
    persistent = *end == '+';
    if (number)
        error = atoi(number);
    name_len = (size_t)(colon - fault);
    name = fault;
}

static void leave_mark(void) {
    const char *path = getenv("FAULT_MARK");
    if (path)
        syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY, 0666));
}

/* Is this call, of the function that is meant, one that has to fail? */
static bool fails(const char *function) {
    if (!name || strlen(function) != name_len || memcmp(name, function, name_len) != 0)
        return false;
    unsigned long call = atomic_fetch_add(&calls, 1) + 1;
    if (call == wanted)
        leave_mark();
    if (call != wanted && !(persistent && call > wanted))
        return false;
    errno = strcmp(function, "malloc") == 0 ? ENOMEM : error;
    return true;
}

#define NEXT(function) ((__typeof__(function) *)dlsym(RTLD_NEXT, #function))

ssize_t write(int fd, const void *bytes, size_t len) {
    if (fails("write"))
        return -1;
    if (len > 1 && fails("short"))
        len = 1;
    return syscall(SYS_write, fd, bytes, len);
}

ssize_t read(int fd, void *bytes, size_t len) {
    return fails("read") ? -1 : syscall(SYS_read, fd, bytes, len);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset) {
    return fails("pwrite") ? -1 : syscall(SYS_pwrite64, fd, bytes, len, offset);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t offset) {
    return fails("pread") ? -1 : syscall(SYS_pread64, fd, bytes, len, offset);
}

int fsync(int fd) {
    return fails("fsync") ? -1 : (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to) {
    return fails("rename") ? -1 : NEXT(rename)(from, to);
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return fails("open") ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int close(int fd) {
    int result = (int)syscall(SYS_close, fd); /* the descriptor is gone in any case */
    return fails("close") ? -1 : result;
}

int mkdir(const char *path, mode_t mode) {
    return fails("mkdir") ? -1 : NEXT(mkdir)(path, mode);
}

int symlink(const char *target, const char *path) {
    return fails("symlink") ? -1 : NEXT(symlink)(target, path);
}

int unlink(const char *path) {
    return fails("unlink") ? -1 : NEXT(unlink)(path);
}

struct dirent *readdir(DIR *stream) {
    return fails("readdir") ? NULL : NEXT(readdir)(stream);
}

int ftruncate(int fd, off_t len) {
    return fails("ftruncate") ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

void *mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset) {
    if (fd >= 0 && fails("mmap"))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, len, protection, flags, fd, offset);
}

/* glibc's own, which need no dlsym to be found (dlsym allocates). */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes) {
    return fails("malloc") ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t size) {
    return fails("malloc") ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t bytes) {
    return fails("malloc") ? NULL : __libc_realloc(old, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
    if (fails("malloc"))
        return ENOMEM;
    void *result = __libc_memalign(alignment, bytes);
    if (!result)
        return ENOMEM;
    *memory = result;
    return 0;
}
