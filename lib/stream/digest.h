/* What the end of a segment guards: a running XXH3-64 over 8-byte little-endian numbers. */
#ifndef STREAM_DIGEST_H
#define STREAM_DIGEST_H

#include <xxhash.h>
#if defined __x86_64__ && defined __has_include
#if __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h> /* makes XXH3_64bits the fastest that the processor at hand has */
#endif
#endif

#include "electra/error.h"
#include "electra/stream.h"

/* Starts over with the XXH3-64 of a header; makes the state on first use. */
int elc_digest_start(XXH3_state_t **digest, const void *header, size_t len) ELC_MUST_CHECK;
void elc_digest_block(XXH3_state_t *digest, const struct elc_block *block);
uint64_t elc_digest_value(const XXH3_state_t *digest);

#endif
