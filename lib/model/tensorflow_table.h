/* LevelDB's tables, as TensorFlow's index files use them: sorted pairs of key and value in blocks,
 * each with a checksum, and a block that says where the others are. */
#ifndef ELC_MODEL_TENSORFLOW_TABLE_H
#define ELC_MODEL_TENSORFLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"

/* A number of 7 bits a byte, the lowest first; past it. False: it is cut off or has more than 64
 * bits. */
bool elc_varint(uint64_t *number, const uint8_t **at, const uint8_t *end);
/* TensorFlow's checksum of bytes: CRC-32C, turned and shifted. */
uint32_t elc_masked_crc(const uint8_t *bytes, size_t len);

/* Calls found(context, key, key_len, value, value_len) for each pair in order, until its first
 * error. ELC_EFORMAT, ELC_ETRUNCATED where the table's structure or a checksum is wrong. */
int elc_leveldb_walk(const uint8_t *data, size_t len,
                     int (*found)(void *context, const char *key, size_t key_len,
                                  const uint8_t *value, size_t value_len),
                     void *context) ELC_MUST_CHECK;

#endif
