/* What the end of a segment guards: a running XXH3-64 over 8-byte little-endian numbers. */
#ifndef STREAM_DIGEST_H
#define STREAM_DIGEST_H

#include <xxhash.h>

#include "electra/error.h"
#include "electra/stream.h"

/* Starts over with the XXH3-64 of a header; makes the state on first use. */
int elc_digest_start(XXH3_state_t **digest, const void *header, size_t len) ELC_MUST_CHECK;
void elc_digest_block(XXH3_state_t *digest, const struct elc_block *block);
uint64_t elc_digest_value(const XXH3_state_t *digest);

#endif
