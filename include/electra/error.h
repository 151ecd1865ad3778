/* Errors: how every function of the library reports failure.
 *
 * A function that can fail returns 0 (or a documented count) on success and a
 * negative `enum elc_err` on failure, after leaving one line for the user in a
 * thread-local message. The library never prints, exits or aborts on data.
 *
 * The message is written where the problem is found ("checksum mismatch") and
 * callers put what they know in front of it on the way out, so that the user
 * reads "corpus.els: block 17: checksum mismatch".
 */
#ifndef ELECTRA_ERROR_H
#define ELECTRA_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum elc_err {
    ELC_EIO = -1,       /* the operating system refused: read, write, open, rename, … */
    ELC_EFORMAT = -2,   /* bytes that are not what their format says */
    ELC_ETRUNCATED = -3, /* bytes that stop before their end */
    ELC_EMISMATCH = -4, /* two inputs, each fine, that do not belong together */
    ELC_ELIMIT = -5,    /* beyond a stated limit */
    ELC_ENOMEM = -6,    /* out of memory */
    ELC_EINVAL = -7,    /* an argument or option that cannot work */
    ELC_ENUMERIC = -8,  /* a number that is not finite where it must be */
    ELC_ESTOPPED = -9,  /* told to stop by a signal */
};

#if defined(__GNUC__)
#define ELC_PRINTF(format_index, first_argument) \
    __attribute__((format(printf, format_index, first_argument)))
#define ELC_MUST_CHECK __attribute__((warn_unused_result))
#else
#define ELC_PRINTF(format_index, first_argument)
#define ELC_MUST_CHECK
#endif

/* Sets this thread's message and returns `code`, so that a failing function can
 * end in `return elc_fail(ELC_EFORMAT, …)`. The arguments may include elc_error(). */
int elc_fail(enum elc_err code, const char *format, ...) ELC_PRINTF(2, 3);

/* Like elc_fail(ELC_EIO, …), with ": " and the text of `errno` appended. */
int elc_fail_errno(const char *format, ...) ELC_PRINTF(1, 2);

/* Out of memory; `bytes` is what was asked for (0 when unknown). Returns ELC_ENOMEM. */
int elc_fail_memory(unsigned long long bytes);

/* Puts "format: " in front of the present message and returns `code`. */
int elc_context(int code, const char *format, ...) ELC_PRINTF(2, 3);

/* This thread's last message; borrowed until the next failure in this thread. */
const char *elc_error(void);

#ifdef __cplusplus
}
#endif
#endif
