/* msgpack as bytes: where values begin and end.
 *
 * msgpack-c trusts the counts it reads (five bytes make it reserve 96 GB), so bytes from outside
 * are walked here first: depth and every count are checked against the bytes that are there,
 * nothing is allocated and nothing recurses. What passes is decoded by msgpack-c value by value.
 */
#ifndef STREAM_WIRE_H
#define STREAM_WIRE_H

#include <msgpack.h>

#include "electra/record.h"
#include "electra/stream.h"
#include "electra/walk.h"

/* Walks one value with containers nested at most `depth_limit` deep. 1: it is whole and has
 * *size bytes; 0: it has at least *size bytes, more than `len`; or an error. */
int elc_wire_scan(const uint8_t *data, size_t len, unsigned depth_limit,
                  uint64_t *size) ELC_MUST_CHECK;

/* Splits the map that `data` begins with into keys and raw values: `record->fields` without
 * their types. Keys are strings that differ. Values may nest `depth_limit` - 1 deep. */
int elc_wire_map(struct elc_record *record, const uint8_t *data, size_t len,
                 unsigned depth_limit) ELC_MUST_CHECK;

/* Checks the record that `data` begins with: a map, well-formed to its last byte, that has an id.
 * Sets *size to its bytes. */
int elc_wire_check_record(const uint8_t *data, size_t len, size_t *size) ELC_MUST_CHECK;

/* The value at the start of `data`, decoded and without a key: for the elements of containers
 * that were walked before. */
int elc_wire_value(struct elc_field *value, const uint8_t *data, size_t len) ELC_MUST_CHECK;

/* The first element of a decoded array or map, behind its head. */
const uint8_t *elc_wire_elements(const struct elc_field *container);

/* A msgpack-c packer that appends to a buffer. */
void elc_packer_init(msgpack_packer *packer, struct elc_buffer *buffer);
/* Failure of msgpack-c's packer is that of the buffer under it, whose message stands. */
int elc_pack_str(msgpack_packer *packer, const char *text, size_t len) ELC_MUST_CHECK;
int elc_pack_key(msgpack_packer *packer, const char *key) ELC_MUST_CHECK;
int elc_pack_bin(msgpack_packer *packer, const void *bytes, size_t len) ELC_MUST_CHECK;

#endif
