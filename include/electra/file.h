/* Files: complete reads, outputs that appear whole or not at all, mapped inputs. */
#ifndef ELECTRA_FILE_H
#define ELECTRA_FILE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An input: a file, a FIFO, or standard input for "-". It is read front to back, never sought. */
struct elc_input {
    int fd;
    const char *name; /* for messages: the path, or "standard input"; borrowed */
    /* NULL after elc_input_open; or a flag, set by a signal handler, that ends reads that wait and
     * those that follow with ELC_ESTOPPED. */
    const volatile sig_atomic_t *stop;
};
int elc_input_open(struct elc_input *input, const char *path) ELC_MUST_CHECK;
/* Up to `len` bytes, fewer only at the end of input. The number read, or a negative error. */
long long elc_input_read(struct elc_input *input, void *bytes, size_t len) ELC_MUST_CHECK;
/* What one read(2) gives, at least one byte unless at the end: for text that is followed live. */
long long elc_input_read_some(struct elc_input *input, void *bytes, size_t len) ELC_MUST_CHECK;
/* Would a read block now? */
bool elc_input_would_block(const struct elc_input *input);
void elc_input_close(struct elc_input *input); /* idempotent; leaves standard input open */

/* "gzip", "zstd", "xz", "bzip2": the program that compressed what begins with these bytes, and
 * whose option -dc gives it back; NULL: none of them. Ten bytes tell. */
enum { ELC_COMPRESSOR_BYTES = 10 };
const char *elc_compressor(const void *bytes, size_t len);

/* An output: standard output (path NULL or "-"), or a file that is written under a temporary
 * name beside its place and renamed by elc_output_commit, keeping the permissions of what it
 * replaces; through a symbolic link, the file behind it. A path that names something other than a
 * regular file (a FIFO, /dev/full) or an open descriptor (/dev/stdout, /dev/fd/3) is written in
 * place. Until the commit, a failure, an elc_output_abandon or a fatal signal (INT, TERM, HUP)
 * leaves what was there before. A reader that has closed the pipe ends the process by SIGPIPE. */
struct elc_output {
    int fd;
    const char *name; /* for messages; borrowed */
    char *final_path; /* NULL: written in place */
    char *temporary_path;
    struct elc_buffer pending;
};
int elc_output_open(struct elc_output *output, const char *path) ELC_MUST_CHECK;
int elc_output_write(struct elc_output *output, const void *bytes, size_t len) ELC_MUST_CHECK;
int elc_output_flush(struct elc_output *output) ELC_MUST_CHECK;
/* Flushes, closes (reporting delayed errors) and renames. */
int elc_output_commit(struct elc_output *output) ELC_MUST_CHECK;
void elc_output_abandon(struct elc_output *output); /* idempotent; also after a commit */
/* Removes the temporary files of all outputs that are open: for a handler of a signal, which ends
 * the process next. Async-signal-safe. */
void elc_output_remove_all(void);

/* A regular file mapped read-only. Anything else is read into memory instead. Where a mapped file
 * is cut meanwhile, reading what is gone raises SIGBUS: elc_mapped_name is for its handler. */
struct elc_map {
    const uint8_t *data;
    size_t len;
    bool mapped;
};
int elc_map_open(struct elc_map *map, const char *path) ELC_MUST_CHECK;
/* Maps an open descriptor's whole file (a spool); the descriptor may be closed afterwards. */
int elc_map_fd(struct elc_map *map, int fd, const char *name) ELC_MUST_CHECK;
/* Maps an input that has just been opened: a regular file itself, anything else by way of a copy in
 * an unlinked file in $TMPDIR. The input may be closed afterwards. */
int elc_map_input(struct elc_map *map, struct elc_input *input) ELC_MUST_CHECK;
void elc_map_close(struct elc_map *map); /* idempotent */
/* The path of the file that is mapped at an address, cut to name[size]. False: none is, or the
 * system (other than Linux) does not tell. Async-signal-safe. */
bool elc_mapped_name(char *name, size_t size, const void *address);

/* Creates `path` with these bytes, fsynced: for files inside a directory that is renamed whole. */
int elc_file_write(const char *path, const void *bytes, size_t len) ELC_MUST_CHECK;
int elc_fsync_directory(const char *path) ELC_MUST_CHECK;

/* A descriptor of an unlinked file in $TMPDIR (/tmp), for spooling. */
int elc_spool_open(int *fd) ELC_MUST_CHECK;

/* "directory/name", malloced; NULL: ENOMEM set. */
char *elc_path_join(const char *directory, const char *name) ELC_MUST_CHECK;
/* Is there a directory/name, of whatever kind? */
bool elc_path_exists(const char *directory, const char *name);

#ifdef __cplusplus
}
#endif
#endif
