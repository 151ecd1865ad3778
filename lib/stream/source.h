/* The operands of a reader as one run of bytes, read front to back through one buffer. */
#ifndef STREAM_SOURCE_H
#define STREAM_SOURCE_H

#include "electra/file.h"

struct elc_source {
    char *const *paths;
    size_t n_paths, next_path;
    struct elc_input input;
    bool is_open;
    bool is_memory;  /* there are no operands: `data` is all there is, and borrowed */
    bool opened_new; /* nothing of the open operand has been read yet */
    const volatile sig_atomic_t *stop; /* of every operand; see electra/file.h */
    bool io_failed;                    /* the error's message names the operand already */
    const char *name;                  /* of the operand that the last bytes came from */
    struct elc_buffer buffer;
    const uint8_t *data; /* what waits to be taken: in the buffer, or in memory */
    size_t len;
    uint64_t taken; /* bytes that were taken so far, over all operands */
};

/* Reads until `need` bytes wait. 1: they do; 0: the input ends before; or an error. */
int elc_source_fill(struct elc_source *source, size_t need) ELC_MUST_CHECK;
/* Drops `len` of the bytes that wait. */
void elc_source_skip(struct elc_source *source, size_t len);
/* Replaces the contents of `bytes` by the next `len` bytes. 1, 0 (then bytes->len tells how many
 * there were) or an error. Memory grows with what arrives, not with what was announced. */
int elc_source_take(struct elc_source *source, struct elc_buffer *bytes, size_t len) ELC_MUST_CHECK;
void elc_source_close(struct elc_source *source);

#endif
