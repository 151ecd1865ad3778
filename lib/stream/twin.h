/* What both directions of the JSON twin know. */
#ifndef STREAM_TWIN_H
#define STREAM_TWIN_H

#include <stddef.h>
#include <stdint.h>

#include "electra/memory.h"

/* How a record keeps the numbers of a key that is an array of them. */
enum elc_numbers {
    ELC_NO_NUMBERS, /* any other key */
    ELC_IDS,        /* as wide as the header says */
    ELC_BYTES,
    ELC_POSITIONS, /* 2 bytes */
    ELC_OFFSETS,   /* pairs of 4 bytes: [[start, end], …] */
    ELC_WORDS,     /* 4 bytes, 2^32-1 is null */
};
enum elc_numbers elc_twin_numbers(const char *key, size_t len);
/* Bytes of one of these numbers. */
unsigned elc_twin_width(enum elc_numbers numbers, unsigned id_width);

/* Appends base64 (RFC 4648, with padding). */
int elc_base64_encode(struct elc_buffer *text, const uint8_t *bytes, size_t len) ELC_MUST_CHECK;
/* Appends the bytes; ELC_EFORMAT for anything that elc_base64_encode would not have written. */
int elc_base64_decode(struct elc_buffer *bytes, const char *text, size_t len) ELC_MUST_CHECK;

#endif
