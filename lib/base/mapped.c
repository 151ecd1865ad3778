/* Which file is mapped at an address: what a handler of SIGBUS wants to know. Linux says it in
 * /proc/self/maps, a line for each map:
 *
 *     7f1be0000000-7f1be5400000 r--p 00000000 08:01 1234567            /models/a/model.safetensors
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "electra/file.h"

/* Past the hexadecimal digits that *at begins with. */
static uintptr_t take_address(const char **at) {
    uintptr_t address = 0;
    for (;; ++*at) {
        const char c = **at;
        if (c >= '0' && c <= '9')
            address = address << 4 | (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            address = address << 4 | (uintptr_t)(c - 'a' + 10);
        else
            return address;
    }
}

static bool is_within(const char *line, uintptr_t address) {
    const uintptr_t begin = take_address(&line);
    if (*line++ != '-')
        return false;
    return begin <= address && address < take_address(&line);
}

/* Reads on until `line` is the one that is wanted. */
static bool find_line(char *line, size_t size, int fd, uintptr_t address) {
    char bytes[1024];
    size_t len = 0;
    ssize_t got;
    while ((got = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < got; i++) {
            if (bytes[i] != '\n') {
                line[len] = bytes[i];
                len += len < size - 1;
                continue;
            }
            line[len] = '\0';
            if (is_within(line, address))
                return true;
            len = 0;
        }
    return false;
}

bool elc_mapped_name(char *name, size_t size, const void *address) {
    enum { LINE_BYTES = 4096 + 128 };
    const int saved = errno;
    char line[LINE_BYTES];
    const char *path = NULL;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (find_line(line, sizeof line, fd, (uintptr_t)address))
            path = strchr(line, '/');
        close(fd);
    }
    if (path) {
        const size_t len = strlen(path) < size - 1 ? strlen(path) : size - 1;
        memcpy(name, path, len);
        name[len] = '\0';
    }
    errno = saved;
    return path != NULL;
}
