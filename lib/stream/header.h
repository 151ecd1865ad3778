/* Headers as bytes. */
#ifndef STREAM_HEADER_H
#define STREAM_HEADER_H

#include "electra/stream.h"

/* Appends the header's msgpack map. Keys always come in the order of electra-stream(5). */
int elc_header_pack(struct elc_buffer *bytes, const struct elc_header *header) ELC_MUST_CHECK;

/* Reads a map that was walked before; `header` is overwritten, and empty after a failure. */
int elc_header_unpack(struct elc_header *header, const uint8_t *bytes, size_t len) ELC_MUST_CHECK;

#endif
