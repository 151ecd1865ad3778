/* A directory that appears whole or not at all: written under a temporary name beside its place,
 * fsynced, renamed.
 *
 *     err = elc_staging_new(&staging, "averaged");
 *     …write files into elc_staging_path(staging)…
 *     if (!err)
 *         err = elc_staging_commit(staging);
 *     elc_staging_destroy(staging);
 *
 * In between, the signals that end a process (INT, TERM, HUP) wait: what is half written is either
 * finished or removed first.
 */
#ifndef ELECTRA_STAGING_H
#define ELECTRA_STAGING_H

#include "electra/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct elc_staging;

/* Creates the temporary directory. ELC_EINVAL where something has the final name already. */
int elc_staging_new(struct elc_staging **staging, const char *path) ELC_MUST_CHECK;
/* Where to write; borrowed. */
const char *elc_staging_path(const struct elc_staging *staging);
/* ELC_ESTOPPED: a signal has come and waits. For loops that write much: what remains to be done is
 * elc_staging_destroy, after which the signal takes effect. */
int elc_staging_check(void) ELC_MUST_CHECK;
/* Gives the directory its name. Its files have been fsynced by whoever wrote them. */
int elc_staging_commit(struct elc_staging *staging) ELC_MUST_CHECK;
/* Removes the directory, unless it was committed. NULL: nothing. */
void elc_staging_destroy(struct elc_staging *staging);

/* Removes a file, or a directory and all that is in it; links are not followed. */
int elc_remove_tree(const char *path) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
