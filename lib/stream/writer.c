/* Writing segments. */
#include <string.h>

#include "digest.h"
#include "electra/stream.h"
#include "header.h"
#include "wire.h"

static int write_packed(void *output, const char *bytes, size_t len) {
    return elc_output_write(output, bytes, len);
}

int elc_writer_header(struct elc_writer *writer, struct elc_output *output,
                      const struct elc_header *header) {
    struct elc_buffer bytes = {0};
    writer->output = output;
    writer->records = 0;
    writer->block.first = writer->block.count = 0;
    writer->block.payload.len = 0;
    int err = elc_header_pack(&bytes, header);
    if (!err)
        err = elc_digest_start(&writer->digest, bytes.data, bytes.len);
    if (!err)
        err = elc_output_write(output, bytes.data, bytes.len);
    elc_buffer_free(&bytes);
    return err;
}

static int pair_uint(msgpack_packer *packer, const char *key, uint64_t value) {
    int err = elc_pack_key(packer, key);
    return err ? err : msgpack_pack_uint64(packer, value);
}

/* The map in front of a payload, and the head of the payload's bin. */
static int write_block_head(const struct elc_writer *writer, const struct elc_block *block) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, writer->output, write_packed);
    int err = msgpack_pack_map(&packer, 5);
    if (!err)
        err = elc_pack_key(&packer, "block");
    if (!err)
        err = elc_pack_key(&packer, "data");
    if (!err)
        err = pair_uint(&packer, "first", block->first);
    if (!err)
        err = pair_uint(&packer, "count", block->count);
    if (!err)
        err = pair_uint(&packer, "bytes", block->payload.len);
    if (!err)
        err = pair_uint(&packer, "xxh3", block->xxh3);
    return err ? err : msgpack_pack_bin(&packer, block->payload.len);
}

int elc_writer_block(struct elc_writer *writer, struct elc_block *block) {
    if (block->payload.len > ELC_BLOCK_LIMIT)
        return elc_fail(ELC_ELIMIT, "a block of %zu bytes where %d are the most",
                        block->payload.len, ELC_BLOCK_LIMIT);
    block->xxh3 = XXH3_64bits(block->payload.data, block->payload.len);
    elc_digest_block(writer->digest, block);
    writer->records += block->count;
    int err = write_block_head(writer, block);
    if (!err && block->payload.len > 0)
        err = elc_output_write(writer->output, block->payload.data, block->payload.len);
    return err;
}

int elc_writer_flush_block(struct elc_writer *writer) {
    struct elc_block *block = &writer->block;
    if (block->count == 0)
        return 0;
    block->first = writer->records;
    int err = elc_writer_block(writer, block);
    block->count = 0;
    block->payload.len = 0;
    return err;
}

int elc_writer_record(struct elc_writer *writer, const void *record, size_t len) {
    return elc_writer_group(writer, record, len, 1);
}

int elc_writer_group(struct elc_writer *writer, const void *records, size_t len, uint64_t count) {
    struct elc_block *block = &writer->block;
    if (len > ELC_BLOCK_LIMIT)
        return elc_fail(ELC_ELIMIT, "a record of %zu bytes where %d are the most", len,
                        ELC_BLOCK_LIMIT);
    int err = 0;
    if (len > ELC_BLOCK_LIMIT - block->payload.len)
        err = elc_writer_flush_block(writer);
    if (!err)
        err = elc_buffer_append(&block->payload, records, len);
    if (err)
        return err;
    block->count += count;
    return block->payload.len >= ELC_BLOCK_CLOSE ? elc_writer_flush_block(writer) : 0;
}

/* How many of the groups make a whole block, whose payload is where they are; 0: they do not. */
static size_t whole_block(struct elc_block *block, uint8_t *records, const struct elc_group *groups,
                          size_t n) {
    block->count = 0;
    block->payload = (struct elc_buffer){.data = records};
    for (size_t i = 0; i < n && groups[i].len <= ELC_BLOCK_LIMIT - block->payload.len; i++) {
        block->count += groups[i].count;
        block->payload.len += groups[i].len;
        if (block->payload.len >= ELC_BLOCK_CLOSE)
            return i + 1;
    }
    return 0;
}

int elc_writer_groups(struct elc_writer *writer, const struct elc_buffer *records,
                      const struct elc_group *groups, size_t n) {
    uint8_t *at = records->data;
    int err = 0;
    for (size_t i = 0, taken; i < n && !err; i += taken) {
        struct elc_block block = {.first = writer->records};
        taken = writer->block.count == 0 ? whole_block(&block, at, groups + i, n - i) : 0;
        if (taken > 0) {
            err = elc_writer_block(writer, &block);
            at += block.payload.len;
        } else {
            err = elc_writer_group(writer, at, groups[i].len, groups[i].count);
            at += groups[i].len;
            taken = 1;
        }
    }
    return err;
}

int elc_writer_end(struct elc_writer *writer) {
    int err = elc_writer_flush_block(writer);
    msgpack_packer packer;
    msgpack_packer_init(&packer, writer->output, write_packed);
    if (!err)
        err = msgpack_pack_map(&packer, 3);
    if (!err)
        err = elc_pack_key(&packer, "block");
    if (!err)
        err = elc_pack_key(&packer, "end");
    if (!err)
        err = pair_uint(&packer, "records", writer->records);
    if (!err)
        err = pair_uint(&packer, "xxh3", elc_digest_value(writer->digest));
    return err;
}

void elc_writer_free(struct elc_writer *writer) {
    XXH3_freeState(writer->digest);
    elc_buffer_free(&writer->block.payload);
    *writer = (struct elc_writer){0};
}
