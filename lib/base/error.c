/* The thread-local message behind elc_fail and its kin. */
#include "electra/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 2048 };

static _Thread_local char message[MESSAGE_BYTES];

/* Formats beside the message first: the arguments may point into it. */
ELC_PRINTF(3, 0)
static void set_message(const char *prefix_end, const char *suffix, const char *format,
                        va_list arguments) {
    char text[MESSAGE_BYTES];
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    char whole[MESSAGE_BYTES];
    size_t used = 0;
    const char *const parts[] = {text, prefix_end, suffix};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t len = strlen(parts[i]);
        if (len > sizeof whole - 1 - used)
            len = sizeof whole - 1 - used;
        memcpy(whole + used, parts[i], len);
        used += len;
    }
    memcpy(message, whole, used);
    message[used] = '\0';
}

int elc_fail(enum elc_err code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    set_message("", "", format, arguments);
    va_end(arguments);
    return code;
}

int elc_fail_errno(const char *format, ...) {
    char text[256];
    int saved = errno;
    if (strerror_r(saved, text, sizeof text) != 0)
        (void)snprintf(text, sizeof text, "error %d", saved);
    va_list arguments;
    va_start(arguments, format);
    set_message(": ", text, format, arguments);
    va_end(arguments);
    return ELC_EIO;
}

int elc_fail_memory(unsigned long long bytes) {
    if (bytes == 0)
        return elc_fail(ELC_ENOMEM, "out of memory");
    return elc_fail(ELC_ENOMEM, "out of memory: %llu bytes wanted", bytes);
}

int elc_context(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    set_message(": ", message, format, arguments);
    va_end(arguments);
    return code;
}

const char *elc_error(void) {
    return message;
}
