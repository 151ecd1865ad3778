/* A run of corruption: operands of tokens in, a corrupted stream out, on several threads.
 *
 * Blocks are read, corrupted and written in their order; the number of threads changes no byte.
 * Several epochs are one stream after another: the operands are gone over again for each, and what
 * is no regular file is spooled for that, to an unlinked file in $TMPDIR.
 */
#ifndef ELECTRA_CORRUPT_RUN_H
#define ELECTRA_CORRUPT_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/corrupt.h"
#include "electra/error.h"
#include "electra/file.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a run works with, and what its caller learns while it goes on; the functions are never
 * called by two threads at once. Everything is borrowed. */
struct elc_corrupt_run {
    const struct elc_corruption *corruption;
    char *const *paths; /* operands; n_paths 0: standard input */
    size_t n_paths;
    uint64_t first_epoch, n_epochs; /* n_epochs of at least 1 */
    size_t n_threads;
    bool force;                /* read binary from a terminal */
    bool flush;                /* write each block at once */
    struct elc_output *output; /* neither committed nor abandoned by the run */
    void *context;             /* of the functions below, each of which may be NULL */
    /* May change a segment's header before it is written. */
    int (*header)(void *context, struct elc_header *header);
    void (*progress)(void *context, const struct elc_corrupt_run *run);
    uint64_t n_records; /* written so far */
    uint64_t n_tokens;  /* known at the end */
};
/* Reads to the end. ELC_EMISMATCH for an operand that cannot be corrupted (elc_corrupt_check) or
 * is unlike the first; ELC_EFORMAT, naming it, for a record (elc_corrupt_block). */
int elc_corrupt_run(struct elc_corrupt_run *run) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
