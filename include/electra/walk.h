/* msgpack as bytes, value by value: what a value is, where it ends, what a number is.
 *
 * msgpack-c trusts the counts it reads (five bytes make it reserve 96 GB), so bytes from outside
 * are walked by their heads, each count checked against the bytes that are there, and only
 * numbers are shown to it. Nothing here allocates.
 */
#ifndef ELECTRA_WALK_H
#define ELECTRA_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The first bytes of a value: what it is and how much follows them. */
enum elc_shape {
    ELC_SCALAR,
    ELC_SHAPE_STR,
    ELC_SHAPE_BIN,
    ELC_SHAPE_EXT,
    ELC_SHAPE_ARRAY,
    ELC_SHAPE_MAP
};
struct elc_head {
    enum elc_shape shape;
    size_t len;     /* of the head itself, 1 to 5 bytes */
    uint64_t count; /* bytes that follow; elements of an array; pairs of a map */
};
/* 1: read; 0: `data` ends inside the head; ELC_EFORMAT. */
int elc_wire_head(struct elc_head *head, const uint8_t *data, size_t len) ELC_MUST_CHECK;

/* Fills `type` and `as` from `raw`, through msgpack-c. */
int elc_wire_decode(struct elc_field *field) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
