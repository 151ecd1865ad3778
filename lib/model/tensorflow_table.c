/* Reading LevelDB's tables (leveldb/doc/table_format.md). Blocks are never compressed in
 * TensorFlow's index files. */
#include "tensorflow_table.h"

#include <string.h>

#include "bytes.h"
#include "crc32.h"

enum {
    FOOTER_BYTES = 48, /* two handles, padding, magic */
    TRAILER_BYTES = 5, /* of a block: how it is compressed, checksum */
    RESTART_BYTES = 4, /* of one place in a block where a key is whole, and of their number */
    KEY_BYTES = 1024,
};

bool elc_varint(uint64_t *number, const uint8_t **at, const uint8_t *end) {
    *number = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        const uint64_t byte = *(*at)++;
        if (shift == 63 && byte > 1)
            return false;
        *number |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

uint32_t elc_masked_crc(const uint8_t *bytes, size_t len) {
    const uint32_t crc = elc_crc32(ELC_CRC32_CASTAGNOLI, bytes, len);
    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

/* ---- blocks ---- */

struct block {
    const uint8_t *at, *end; /* its pairs, without the restarts */
};

/* Reads offset and size from *at and finds the block there. */
static int open_block(struct block *block, const uint8_t **at, const uint8_t *end,
                      const uint8_t *data, size_t len) {
    uint64_t offset, size;
    if (!elc_varint(&offset, at, end) || !elc_varint(&size, at, end))
        return elc_fail(ELC_EFORMAT, "has no place of a block where one should be");
    if (offset > len || len - offset < TRAILER_BYTES || size > len - offset - TRAILER_BYTES)
        return elc_fail(ELC_ETRUNCATED, "a block lies outside the file");
    const uint8_t *bytes = data + offset, *trailer = bytes + size;
    if (elc_masked_crc(bytes, (size_t)size + 1) != elc_little(trailer + 1, 4))
        return elc_fail(ELC_EFORMAT, "is damaged: block at byte %llu has not its checksum",
                        (unsigned long long)offset);
    if (*trailer != 0)
        return elc_fail(ELC_EFORMAT, "block at byte %llu is compressed (type %u)",
                        (unsigned long long)offset, *trailer);
    const uint64_t n_restarts = size < RESTART_BYTES ? 0 : elc_little(trailer - RESTART_BYTES, 4);
    if (size < RESTART_BYTES || n_restarts > size / RESTART_BYTES - 1)
        return elc_fail(ELC_EFORMAT, "block at byte %llu is no block", (unsigned long long)offset);
    *block = (struct block){bytes, trailer - RESTART_BYTES * (n_restarts + 1)};
    return 0;
}

/* A pair: its key shares its first bytes with that of the pair before. */
struct pair {
    char key[KEY_BYTES];
    size_t key_len;
    const uint8_t *value;
    size_t value_len;
};

/* The next pair: 1, or 0 at the end of the block. */
static int next_pair(struct pair *pair, struct block *block) {
    uint64_t shared, more, value_len;
    if (block->at == block->end)
        return 0;
    if (!elc_varint(&shared, &block->at, block->end) ||
        !elc_varint(&more, &block->at, block->end) ||
        !elc_varint(&value_len, &block->at, block->end))
        return elc_fail(ELC_EFORMAT, "a block ends within a key");
    const uint64_t left = (uint64_t)(block->end - block->at);
    if (shared > pair->key_len || more > left || value_len > left - more)
        return elc_fail(ELC_EFORMAT, "a key or value runs out of its block");
    if (more > KEY_BYTES - shared)
        return elc_fail(ELC_ELIMIT, "a name of more than %d bytes", KEY_BYTES);
    memcpy(pair->key + shared, block->at, (size_t)more);
    pair->key_len = (size_t)(shared + more);
    pair->value = block->at + more;
    pair->value_len = (size_t)value_len;
    block->at = pair->value + value_len;
    return 1;
}

/* ---- the whole ---- */

int elc_leveldb_walk(const uint8_t *data, size_t len,
                     int (*found)(void *context, const char *key, size_t key_len,
                                  const uint8_t *value, size_t value_len),
                     void *context) {
    if (len < FOOTER_BYTES)
        return elc_fail(ELC_ETRUNCATED, "is shorter than the end of an index");
    const uint8_t *footer = data + len - FOOTER_BYTES, *at = footer;
    const size_t n = len - FOOTER_BYTES;
    struct block index = {0}, block = {0};
    struct pair place = {.key_len = 0};
    const uint8_t *last = data; /* where the last block of pairs began */
    /* The footer names a block of statistics, which is empty, and then the index. */
    int err = open_block(&block, &at, data + len, data, n);
    if (!err)
        err = open_block(&index, &at, data + len, data, n);
    for (int more = 1; !err && more;) {
        err = more = next_pair(&place, &index);
        if (more != 1)
            break;
        const uint8_t *handle = place.value;
        err = open_block(&block, &handle, place.value + place.value_len, data, n);
        if (!err && block.at <= last && last != data)
            err = elc_fail(ELC_EFORMAT, "its blocks are out of order");
        last = block.at;
        struct pair pair = {.key_len = 0};
        while (!err && (err = next_pair(&pair, &block)) == 1)
            err = found(context, pair.key, pair.key_len, pair.value, pair.value_len);
    }
    return err;
}
