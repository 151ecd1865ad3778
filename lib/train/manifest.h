/* manifest.json: sizes and checksums of the files below a directory. */
#ifndef ELC_TRAIN_MANIFEST_H
#define ELC_TRAIN_MANIFEST_H

#include <stddef.h>

#include "electra/error.h"

/* Describes files[n], paths below the directory `root`. */
int elc_manifest_write(const char *root, const char *const *files, size_t n) ELC_MUST_CHECK;
/* ELC_EFORMAT names the file that is not as it was, or gone; other errors say nothing of it. */
int elc_manifest_verify(const char *root) ELC_MUST_CHECK;

#endif
