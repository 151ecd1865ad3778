/* Streams: the format byte for byte, every cut and every flipped bit found, hostile bytes refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "electra/file.h"
#include "electra/record.h"
#include "electra/stream.h"
#include "scratch.h"
#include "stream_reading.h"

static const char golden[] = "tests/golden/stream/small.els";

/* A string literal as bytes and their number. */
#define BYTES(literal) literal, sizeof(literal) - 1

/* ---- streams made here ---- */

static struct elc_header small_header(void) {
    return (struct elc_header){
        .kind = ELC_TOKENS,
        .id_width = 2,
        .max_length = 128,
        .vocab = {.size = 9,
                  .xxh3 = "00112233445566778899aabbccddeeff",
                  .pad = 0,
                  .unk = 1,
                  .cls = 2,
                  .sep = 3,
                  .mask = 4},
        .tokenizer = {.strip_accents = true},
    };
}

/* A writer into a temporary file, whose bytes finish_making returns. */
struct making {
    char path[32];
    struct elc_output output;
    struct elc_writer writer;
};

static void start_making(struct making *making) {
    *making = (struct making){.path = "/tmp/test_stream.XXXXXX"};
    int fd = mkstemp(making->path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(elc_output_open(&making->output, making->path), 0);
}

static void finish_making(struct making *making, struct elc_buffer *bytes) {
    assert_int_equal(elc_output_commit(&making->output), 0);
    elc_writer_free(&making->writer);
    read_file(making->path, bytes);
    unlink(making->path);
}

/* A stream of `n` records with nothing but an id, so many to a block. */
static void make_records(struct elc_buffer *bytes, const struct elc_header *header, uint64_t n,
                         uint64_t per_block) {
    struct making making;
    struct elc_builder builder = {0};
    start_making(&making);
    assert_int_equal(elc_writer_header(&making.writer, &making.output, header), 0);
    for (uint64_t i = 1; i <= n; i++) {
        elc_builder_reset(&builder);
        assert_int_equal(elc_builder_uint(&builder, "id", i), 0);
        assert_int_equal(elc_builder_finish(&builder), 0);
        assert_int_equal(elc_writer_record(&making.writer, builder.record.data, builder.record.len),
                         0);
        if (i % per_block == 0)
            assert_int_equal(elc_writer_flush_block(&making.writer), 0);
    }
    assert_int_equal(elc_writer_end(&making.writer), 0);
    elc_builder_free(&builder);
    finish_making(&making, bytes);
}

/* Where the end of the last segment begins. */
static size_t end_of(const struct elc_buffer *bytes) {
    static const char start[] = "\x83\xa5"
                                "block\xa3"
                                "end";
    size_t at = bytes->len - (sizeof start - 1);
    while (memcmp(bytes->data + at, start, sizeof start - 1) != 0)
        at--;
    return at;
}

/* Reads a stream of one block with this payload, whatever it may be: its checksums are right. */
static int read_payload(const char *payload, size_t len, uint64_t first, uint64_t count) {
    struct making making;
    struct elc_buffer bytes = {0};
    struct elc_header header = small_header();
    struct elc_block block = {.first = first, .count = count};
    start_making(&making);
    assert_int_equal(elc_writer_header(&making.writer, &making.output, &header), 0);
    assert_int_equal(elc_buffer_append(&block.payload, payload, len), 0);
    assert_int_equal(elc_writer_block(&making.writer, &block), 0);
    assert_int_equal(elc_writer_end(&making.writer), 0);
    finish_making(&making, &bytes);
    int event = read_all(bytes.data, bytes.len);
    elc_buffer_free(&bytes);
    elc_buffer_free(&block.payload);
    return event;
}

/* ---- the format ---- */

/* What another implementation wrote is read, and written again byte for byte. */
static void test_golden(void **state) {
    (void)state;
    struct elc_buffer bytes = {0}, again = {0};
    struct elc_reader *reader;
    struct elc_block block = {0};
    struct making making;
    read_file(golden, &bytes);
    start_making(&making);
    assert_int_equal(elc_reader_new_memory(&reader, bytes.data, bytes.len, golden), 0);

    assert_int_equal(elc_reader_next(reader, &block), ELC_HEADER);
    const struct elc_header *header = elc_reader_header(reader);
    assert_int_equal(header->kind, ELC_TOKENS);
    assert_int_equal(header->id_width, 2);
    assert_int_equal(header->max_length, 128);
    assert_int_equal(header->vocab.size, 9);
    assert_int_equal(header->vocab.mask, 4);
    assert_string_equal(header->vocab.xxh3, "1afd78a3deef3414d579c77fbcd7cc44");
    assert_false(header->tokenizer.cased);
    assert_true(header->tokenizer.strip_accents);
    assert_string_equal(header->tokenizer.compat, "fast");
    assert_null(header->tokenizer.pattern);
    assert_string_equal(header->tokenizer.unicode, "14.0.0");
    assert_int_equal(header->n_history, 1);
    assert_string_equal(header->history[0].program, "make_stream.py");
    assert_string_equal(header->history[0].args[0], "--seed=1");
    assert_int_equal(header->n_extra, 1);
    assert_int_equal(elc_writer_header(&making.writer, &making.output, header), 0);

    assert_int_equal(elc_reader_next(reader, &block), ELC_BLOCK);
    assert_int_equal(block.first, 0);
    assert_int_equal(block.count, 2);
    assert_memory_equal(bytes.data + elc_reader_payload_offset(reader), block.payload.data,
                        block.payload.len);
    assert_int_equal(elc_writer_block(&making.writer, &block), 0);
    assert_int_equal(elc_reader_next(reader, &block), ELC_BLOCK);
    assert_int_equal(block.first, 2);
    assert_int_equal(block.count, 1);
    assert_int_equal(elc_writer_block(&making.writer, &block), 0);
    assert_int_equal(elc_reader_next(reader, &block), ELC_SEGMENT_END);
    assert_int_equal(elc_writer_end(&making.writer), 0);
    assert_int_equal(elc_reader_next(reader, &block), ELC_END);
    assert_int_equal(elc_reader_next(reader, &block), ELC_END);

    finish_making(&making, &again);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
    elc_reader_destroy(reader);
    elc_buffer_free(&block.payload);
    elc_buffer_free(&bytes);
    elc_buffer_free(&again);
}

static void test_header_keys(void **state) {
    (void)state;
    static char pattern[] = "\\w+", compat[] = "google", method[] = "mask", model[] = "abc",
                task[] = "rtd";
    struct elc_header header = small_header(), copy;
    const char *const args[] = {"--a=1", ""};
    header.kind = ELC_CORRUPTED;
    header.tokenizer =
        (struct elc_tokenizer_id){.cased = true, .compat = compat, .pattern = pattern};
    header.has_epoch = true;
    header.epoch = UINT64_MAX;
    header.method = method;
    header.mask_prob = 0.15;
    header.model = model;
    header.task = task;
    header.shard = 2;
    header.shards = 3;
    assert_int_equal(elc_header_add_history(&header, "p", "1", args, 2), 0);
    assert_int_equal(elc_header_add_history(&header, "q", "2", NULL, 0), 0);
    assert_int_equal(elc_header_copy(&copy, &header), 0);
    assert_int_equal(copy.kind, ELC_CORRUPTED);
    assert_true(copy.tokenizer.cased);
    assert_string_equal(copy.tokenizer.pattern, "\\w+");
    assert_string_equal(copy.tokenizer.compat, "google");
    assert_null(copy.tokenizer.unicode);
    assert_true(copy.has_epoch);
    assert_int_equal(copy.epoch, UINT64_MAX);
    assert_string_equal(copy.method, "mask");
    assert_true(copy.mask_prob == 0.15);
    assert_string_equal(copy.model, "abc");
    assert_string_equal(copy.task, "rtd");
    assert_int_equal(copy.shard, 2);
    assert_int_equal(copy.shards, 3);
    assert_int_equal(copy.n_history, 2);
    assert_int_equal(copy.history[0].n_args, 2);
    assert_string_equal(copy.history[0].args[1], "");
    assert_string_equal(copy.history[1].program, "q");
    elc_header_free(&copy);
    elc_header_free(&header);
    elc_header_free(&header);
}

static void test_header_refused(void **state) {
    (void)state;
    struct elc_header copy;
    struct elc_header header = small_header();
    header.vocab.mask = 9;
    assert_int_equal(elc_header_copy(&copy, &header), ELC_EFORMAT);
    assert_says("key 'vocab': key 'mask' is 9, above 8");
    header = small_header();
    header.vocab.size = 65536;
    assert_int_equal(elc_header_copy(&copy, &header), ELC_EFORMAT);
    assert_says("ids of 2 bytes");
    header = small_header();
    header.vocab.xxh3[3] = 'X';
    assert_int_equal(elc_header_copy(&copy, &header), ELC_EFORMAT);
    assert_says("not 32 hexadecimal digits");
    header = small_header();
    header.mask_prob = 1.5;
    assert_int_equal(elc_header_copy(&copy, &header), ELC_EFORMAT);
    assert_says("mask_prob");
    header = small_header();
    header.shard = 4;
    header.shards = 3;
    assert_int_equal(elc_header_copy(&copy, &header), ELC_EFORMAT);
    assert_says("shard");
}

static void test_block_closes(void **state) {
    (void)state;
    struct making making;
    struct elc_buffer bytes = {0};
    struct elc_builder builder = {0};
    struct elc_header header = small_header();
    enum { TEXT = 1000, RECORDS = 1000 };
    char text[TEXT] = {0};
    start_making(&making);
    assert_int_equal(elc_writer_header(&making.writer, &making.output, &header), 0);
    for (uint64_t i = 0; i < RECORDS; i++) {
        elc_builder_reset(&builder);
        assert_int_equal(elc_builder_uint(&builder, "id", i), 0);
        assert_int_equal(elc_builder_str(&builder, "text", text, sizeof text), 0);
        assert_int_equal(elc_builder_finish(&builder), 0);
        assert_int_equal(elc_writer_record(&making.writer, builder.record.data, builder.record.len),
                         0);
    }
    assert_int_equal(elc_writer_end(&making.writer), 0);
    size_t record_len = builder.record.len;
    elc_builder_free(&builder);
    finish_making(&making, &bytes);

    struct elc_reader *reader;
    struct elc_block block = {0};
    uint64_t records = 0;
    int event;
    assert_int_equal(elc_reader_new_memory(&reader, bytes.data, bytes.len, "memory"), 0);
    while ((event = elc_reader_next(reader, &block)) > 0) {
        if (event != ELC_BLOCK)
            continue;
        assert_int_equal(block.first, records);
        records += block.count;
        if (records < RECORDS) {
            assert_true(block.payload.len >= ELC_BLOCK_CLOSE);
            assert_true(block.payload.len < ELC_BLOCK_CLOSE + record_len);
        }
    }
    assert_int_equal(event, ELC_END);
    assert_int_equal(records, RECORDS);
    elc_reader_destroy(reader);
    elc_buffer_free(&block.payload);
    elc_buffer_free(&bytes);
}

static void test_record_too_large(void **state) {
    (void)state;
    struct making making;
    struct elc_buffer bytes = {0};
    struct elc_header header = small_header();
    start_making(&making);
    assert_int_equal(elc_writer_header(&making.writer, &making.output, &header), 0);
    assert_int_equal(elc_writer_record(&making.writer, "", (size_t)ELC_BLOCK_LIMIT + 1),
                     ELC_ELIMIT);
    finish_making(&making, &bytes);
    elc_buffer_free(&bytes);
}

/* ---- damage ---- */

static void test_every_cut(void **state) {
    (void)state;
    struct elc_buffer bytes = {0};
    read_file(golden, &bytes);
    for (size_t len = 1; len < bytes.len; len++) {
        uint8_t *cut = malloc(len); /* of that size: reading past it is seen by the sanitizer */
        assert_non_null(cut);
        memcpy(cut, bytes.data, len);
        assert_int_equal(read_all(cut, len), ELC_ETRUNCATED);
        assert_says("truncated");
        free(cut);
    }
    assert_int_equal(read_all(bytes.data, 0), ELC_EFORMAT);
    assert_says("did the previous command fail?");
    elc_buffer_free(&bytes);
}

static void test_every_bit(void **state) {
    (void)state;
    struct elc_buffer bytes = {0};
    read_file(golden, &bytes);
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (read_all(bytes.data, bytes.len) >= 0)
            fail_msg("bit %zu of byte %zu flipped, and nobody saw it", bit % 8, bit / 8);
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(read_all(bytes.data, bytes.len), ELC_END);
    elc_buffer_free(&bytes);
}

/* No other byte at any place says the same. */
static void test_every_byte(void **state) {
    (void)state;
    struct elc_buffer bytes = {0};
    read_file(golden, &bytes);
    for (size_t at = 0; at < bytes.len; at++) {
        uint8_t right = bytes.data[at];
        for (unsigned wrong = 0; wrong < 256; wrong++) {
            bytes.data[at] = (uint8_t)wrong;
            if (wrong != right && read_all(bytes.data, bytes.len) >= 0)
                fail_msg("byte %zu is %02x, not %02x, and nobody saw it", at, wrong, right);
        }
        bytes.data[at] = right;
    }
    elc_buffer_free(&bytes);
}

/* Bytes put in anywhere, as a stuck buffer would, and bytes left out. */
static void test_every_gap(void **state) {
    (void)state;
    struct elc_buffer bytes = {0};
    read_file(golden, &bytes);
    uint8_t *damaged = malloc(bytes.len + 1);
    assert_non_null(damaged);
    for (size_t at = 0; at < bytes.len; at++) {
        memcpy(damaged, bytes.data, at);
        memcpy(damaged + at, bytes.data + at + 1, bytes.len - at - 1);
        assert_true(read_all(damaged, bytes.len - 1) < 0);
        damaged[at] = bytes.data[at];
        memcpy(damaged + at + 1, bytes.data + at, bytes.len - at);
        assert_true(read_all(damaged, bytes.len + 1) < 0);
    }
    free(damaged);
    elc_buffer_free(&bytes);
}

static void test_strangers(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *says;
    } strangers[] = {
        {BYTES("hello world\n"), "text, not a stream"},
        {BYTES("\n"), "text, not a stream"},
        {BYTES("{\"id\":1}\n"), "--from jsonl"},
        {BYTES("\x1f\x8b\x08\0\0\0\0\0"), "gzip -dc"},
        {BYTES("\x28\xb5\x2f\xfd\0\0\0\0"), "zstd -dc"},
        {BYTES("\xfd"
               "7zXZ\0\0\0"),
         "xz -dc"},
        {BYTES("BZh91AY&SY"), "bzip2 -dc"},
        {BYTES("\xff\xd8\xff\xe0"), "not a stream"},
        {BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0"), "not a stream: no header"},
        {BYTES("\x81\xa1x\x01"), "not a stream"},
        {BYTES("\xc1"), "not a stream"},
        {BYTES("\x80"), "not a stream"},
    };
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        assert_int_equal(read_all(strangers[i].bytes, strangers[i].len), ELC_EFORMAT);
        assert_says(strangers[i].says);
        assert_says("memory: ");
    }
}

/* Counts that would make msgpack-c reserve gigabytes, depth, the byte that msgpack never uses. */
static void test_hostile_headers(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int error;
    } hostile[] = {
        {BYTES("\xdf\xff\xff\xff\xff"), ELC_ELIMIT},
        {BYTES("\x81\xa7"
               "electra\xdd\xff\xff\xff\xff"),
         ELC_ELIMIT},
        {BYTES("\x81\xa7"
               "electra\xc6\xff\xff\xff\xff"),
         ELC_ELIMIT},
        {BYTES("\x81\xa7"
               "electra\xdb\xff\xff\xff\xff"),
         ELC_ELIMIT},
        {BYTES("\x81\xa7"
               "electra\xc9\xff\xff\xff\xff\x01"),
         ELC_ELIMIT},
        {BYTES("\x81\xa7"
               "electra\x91\x91\x91\x91\x91\x91\x91\x91\x01"),
         ELC_ELIMIT},
        {BYTES("\x81\xa7"
               "electra\x91\x91\x91\x91\x91\x91\x91\x01"),
         ELC_EFORMAT},
        {BYTES("\x81\xa7"
               "electra\xc1"),
         ELC_EFORMAT},
        {BYTES("\x81\xa7"
               "electra\x02"),
         ELC_EFORMAT},
        {BYTES("\xdf\x00\x0f\xff\xff"), ELC_ELIMIT},
        {BYTES("\xde\xff\xff"), ELC_ETRUNCATED},
    };
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        assert_int_equal(read_all(hostile[i].bytes, hostile[i].len), hostile[i].error);
}

static void test_hostile_frames(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *says;
    } hostile[] = {
        {BYTES("\x01"), "block 1: neither a block nor an end"},
        {BYTES("\x80"), "neither a block nor an end"},
        {BYTES("\x81\xa5"
               "block\xa4"
               "data"),
         "key 'first' is missing"},
        {BYTES("\x85\xa5"
               "block\xa4"
               "data\xa5"
               "first\x00\xa5"
               "count\x01\xa5"
               "bytes\xce\x04\x00\x00\x01\xa4"
               "xxh3\x00"),
         "67108865 bytes where 67108864 are the most"},
        {BYTES("\x85\xa5"
               "block\xa4"
               "data\xa5"
               "first\x00\xa5"
               "count\x01\xa5"
               "bytes\x04\xa4"
               "xxh3\x00\xc4\x05"),
         "not binary data of 4 bytes"},
        {BYTES("\x85\xa5"
               "block\xa4"
               "data\xa5"
               "first\x00\xa5"
               "count\xff\xa5"
               "bytes\x04\xa4"
               "xxh3\x00\xc4\x04"),
         "key 'count' is not an unsigned integer"},
        {BYTES("\x86\xa5"
               "block\xa4"
               "data\xa5"
               "first\x00\xa5"
               "count\x01\xa5"
               "bytes\x00\xa4"
               "xxh3\x00\xa1x\x00"),
         "its frame has keys besides"},
    };
    struct elc_header header = small_header();
    struct elc_buffer bytes = {0};
    make_records(&bytes, &header, 0, 1);
    size_t header_len = end_of(&bytes);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        bytes.len = header_len;
        assert_int_equal(elc_buffer_append(&bytes, hostile[i].bytes, hostile[i].len), 0);
        assert_true(read_all(bytes.data, bytes.len) < 0);
        assert_says(hostile[i].says);
    }
    elc_buffer_free(&bytes);
}

static void test_hostile_records(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        uint64_t count;
        const char *says;
    } hostile[] = {
        {BYTES("\x01"), 1, "not a map"},
        {BYTES("\x91\x01"), 1, "not a map"},
        {BYTES("\x80"), 1, "key 'id' is missing"},
        {BYTES("\x81\xa2id\xc0"), 1, "key 'id' is neither"},
        {BYTES("\x81\xa2id\xca\0\0\0\0"), 1, "key 'id' is neither"},
        {BYTES("\x81\xa2id\x91\x01"), 1, "key 'id' is neither"},
        {BYTES("\x81\x01\x01"), 1, "a key is not a string"},
        {BYTES("\x82\xa2id\x01\xa2id\x02"), 1, "key 'id' comes twice"},
        {BYTES("\x83\xa2id\x01\xa1x\x02\xa1x\x02"), 1, "key 'x' comes twice"},
        {BYTES("\x81\xa2id"), 1, "runs past the end"},
        {BYTES("\x81\xa2i"), 1, "runs past the end"},
        {BYTES("\x82\xa2id\x01"), 1, "runs past the end"},
        {BYTES("\xdf\xff\xff\xff\xff"), 1, "4294967295 keys where 64 are the most"},
        {BYTES("\x82\xa2id\x01\xa1x\xdd\xff\xff\xff\xff"), 1, "runs past the end"},
        {BYTES("\x82\xa2id\x01\xa1x\xdf\xff\xff\xff\xff"), 1, "runs past the end"},
        {BYTES("\x82\xa2id\x01\xa1x\xc6\xff\xff\xff\xff"), 1, "runs past the end"},
        {BYTES("\x82\xa2id\x01\xdb\xff\xff\xff\xff"), 1, "runs past the end"},
        {BYTES("\x82\xa2id\x01\xa1x\xc1"), 1, "0xc1"},
        {BYTES("\x82\xa2id\x01\xa1x\x91\x91\x91\x91\x91\x91\x91\x91\xc0"), 1,
         "nested deeper than 8"},
        {BYTES("\x81\xa2id\x01"), 2, "record 2: a value runs past"},
        {BYTES("\x81\xa2id\x01"), 0, "5 bytes follow the last of its 0 records"},
        {BYTES("\x81\xa2id\x01\xc0"), 1, "1 bytes follow the last of its 1 records"},
        {BYTES(""), UINT64_MAX, "runs past"},
    };
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        assert_true(read_payload(hostile[i].bytes, hostile[i].len, 0, hostile[i].count) < 0);
        assert_says("memory: block 1: ");
        assert_says(hostile[i].says);
    }
    assert_int_equal(read_payload("", 0, 0, 0), ELC_END);
    assert_int_equal(read_payload("\x82\xa2id\x01\xa1x\x91\x91\x91\x91\x91\x91\x91\x01", 15, 0, 1),
                     ELC_END);
}

static void test_too_many_keys(void **state) {
    (void)state;
    char payload[3 + 4 + 64 * 4] = "\xde\0\x41\xa2id\x01";
    size_t len = 7;
    for (unsigned i = 0; i < 64; i++) {
        memcpy(payload + len, "\xa2\0\0", 4);
        payload[len + 1] = (char)('a' + i / 8);
        payload[len + 2] = (char)('a' + i % 8);
        payload[len + 3] = 1;
        len += 4;
    }
    assert_int_equal(read_payload(payload, len, 0, 1), ELC_ELIMIT);
    assert_says("65 keys where 64 are the most");
    payload[2] = 64;
    assert_int_equal(read_payload(payload, len - 4, 0, 1), ELC_END);
}

static void test_first(void **state) {
    (void)state;
    assert_int_equal(read_payload("\x81\xa2id\x01", 5, 1, 1), ELC_EFORMAT);
    assert_says("it starts with record 2, but 1 is next");
}

/* ---- segments and operands ---- */

static void test_segments(void **state) {
    (void)state;
    struct elc_header header = small_header(), other = small_header();
    struct elc_buffer bytes = {0};
    make_records(&bytes, &header, 3, 2);
    make_records(&bytes, &header, 0, 1);
    make_records(&bytes, &header, 2, 2);
    assert_int_equal(read_all(bytes.data, bytes.len), ELC_END);
    size_t good = bytes.len;

    other.vocab.xxh3[0] = 'f';
    make_records(&bytes, &other, 1, 1);
    assert_int_equal(read_all(bytes.data, bytes.len), ELC_EMISMATCH);
    assert_says("segment 4 has a vocabulary");
    assert_says("segment 1 (memory)");

    bytes.len = good;
    other = small_header();
    other.kind = ELC_SCORES;
    make_records(&bytes, &other, 1, 1);
    assert_int_equal(read_all(bytes.data, bytes.len), ELC_EMISMATCH);
    assert_says("segment 4 holds scores, segment 1 (memory) holds tokens");

    bytes.len = good;
    other = small_header();
    other.tokenizer.cased = true;
    make_records(&bytes, &other, 1, 1);
    assert_int_equal(read_all(bytes.data, bytes.len), ELC_EMISMATCH);
    assert_says("segment 4 is cased");

    bytes.len = good;
    assert_int_equal(elc_buffer_append(&bytes, "more", 4), 0);
    assert_int_equal(read_all(bytes.data, bytes.len), ELC_EFORMAT);
    assert_says("what follows the end of a segment is no header");
    elc_buffer_free(&bytes);
}

/* A segment that lost its end, followed by a whole one, is not a whole stream. */
static void test_lost_end(void **state) {
    (void)state;
    struct elc_header header = small_header();
    struct elc_buffer one = {0}, both = {0};
    make_records(&one, &header, 3, 1);
    assert_int_equal(elc_buffer_append(&both, one.data, end_of(&one)), 0);
    assert_int_equal(elc_buffer_append(&both, one.data, one.len), 0);
    assert_int_equal(read_all(both.data, both.len), ELC_ETRUNCATED);
    assert_says("block 4: truncated: another header");
    elc_buffer_free(&one);
    elc_buffer_free(&both);
}

static char *scratch, *operand_a, *operand_b;

static int make_scratch(void **state) {
    (void)state;
    scratch = scratch_new();
    operand_a = elc_path_join(scratch, "a.els");
    operand_b = elc_path_join(scratch, "b.els");
    return operand_a && operand_b ? 0 : -1;
}

static int remove_scratch(void **state) {
    (void)state;
    scratch_remove(scratch);
    free(operand_a);
    free(operand_b);
    free(scratch);
    return 0;
}

static void write_file(const char *path, const void *bytes, size_t len) {
    assert_int_equal(elc_file_write(path, bytes, len), 0);
}

/* Operands are read as cat would join them, wherever they are cut. */
static void test_operands(void **state) {
    (void)state;
    char *paths[] = {operand_a, operand_b};
    struct elc_buffer bytes = {0};
    read_file(golden, &bytes);
    for (size_t cut = 1; cut < bytes.len; cut++) {
        write_file(operand_a, bytes.data, cut);
        write_file(operand_b, bytes.data + cut, bytes.len - cut);
        assert_int_equal(read_files(paths, 2), ELC_END);
        assert_int_equal(read_files(paths, 1), ELC_ETRUNCATED);
        assert_says(operand_a);
    }
    write_file(operand_a, bytes.data, bytes.len - 40);
    write_file(operand_b, bytes.data, bytes.len);
    assert_true(read_files(paths, 2) < 0);
    assert_says(operand_a);
    write_file(operand_a, bytes.data, bytes.len);
    write_file(operand_b, "", 0);
    assert_int_equal(read_files(paths, 2), ELC_EFORMAT);
    assert_says("/b.els: empty");
    unlink(operand_b);
    assert_int_equal(read_files(paths, 2), ELC_EIO);
    assert_says("/b.els: No such file");
    unlink(operand_a);
    elc_buffer_free(&bytes);
}

/* ---- shards ---- */

static void make_shard(const struct elc_buffer *bytes, uint64_t k, uint64_t n, const char *path) {
    struct elc_output output;
    struct elc_writer writer = {0};
    struct elc_reader *reader;
    struct elc_block block = {0};
    int event;
    assert_int_equal(elc_output_open(&output, path), 0);
    assert_int_equal(elc_reader_new_memory(&reader, bytes->data, bytes->len, "whole"), 0);
    assert_int_equal(elc_reader_shard(reader, k, n), 0);
    while ((event = elc_reader_next(reader, &block)) > 0)
        assert_int_equal(event == ELC_HEADER
                             ? elc_writer_header(&writer, &output, elc_reader_header(reader))
                         : event == ELC_BLOCK ? elc_writer_block(&writer, &block)
                                              : elc_writer_end(&writer),
                         0);
    assert_int_equal(event, ELC_END);
    assert_int_equal(elc_output_commit(&output), 0);
    elc_writer_free(&writer);
    elc_reader_destroy(reader);
    elc_buffer_free(&block.payload);
}

static int merge_files(char *const *paths, size_t n, struct elc_buffer *bytes) {
    struct making making;
    uint64_t records;
    start_making(&making);
    int err = elc_merge(&making.output, paths, n, true, &records);
    bytes->len = 0;
    finish_making(&making, bytes);
    return err;
}

static void test_shards(void **state) {
    (void)state;
    char *paths[] = {operand_b, operand_a}, *twice[] = {operand_a, operand_a};
    struct elc_header header = small_header();
    struct elc_buffer whole = {0}, merged = {0};
    make_records(&whole, &header, 23, 4);
    make_records(&whole, &header, 5, 2);
    make_shard(&whole, 1, 2, operand_a);
    make_shard(&whole, 2, 2, operand_b);
    assert_int_equal(merge_files(paths, 2, &merged), 0);
    assert_int_equal(merged.len, whole.len);
    assert_memory_equal(merged.data, whole.data, whole.len);
    assert_int_equal(read_files(paths, 2), ELC_END); /* shards are streams */

    assert_int_equal(merge_files(paths, 1, &merged), ELC_EMISMATCH);
    assert_says("is one of 2 shards, but 1 were given");
    assert_int_equal(merge_files(twice, 2, &merged), ELC_EMISMATCH);
    assert_says("are both shard 1/2");
    write_file(operand_a, whole.data, whole.len);
    assert_int_equal(merge_files(paths, 2, &merged), ELC_EMISMATCH);
    assert_says("is no shard");

    /* A shard of another stream that happens to fit in the header. */
    struct elc_buffer other = {0};
    make_records(&other, &header, 16, 8);
    make_records(&other, &header, 2, 1);
    make_shard(&other, 1, 2, operand_a);
    assert_int_equal(merge_files(paths, 2, &merged), ELC_EFORMAT);
    assert_says("record 5 comes twice");
    elc_buffer_free(&whole);
    elc_buffer_free(&other);
    elc_buffer_free(&merged);
    unlink(operand_a);
    unlink(operand_b);
}

/* A shard keeps the numbers of its records: gaps are fine, going back is not. */
static void test_shard_numbers(void **state) {
    (void)state;
    struct elc_header header = small_header();
    static const struct {
        uint64_t firsts[2];
        int result;
    } cases[] = {
        {{5, 9}, ELC_END}, {{0, 1}, ELC_END}, {{5, 5}, ELC_EFORMAT}, {{5, 2}, ELC_EFORMAT}};
    header.shard = 1;
    header.shards = 2;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct making making;
        struct elc_buffer bytes = {0};
        start_making(&making);
        assert_int_equal(elc_writer_header(&making.writer, &making.output, &header), 0);
        for (size_t k = 0; k < 2; k++) {
            struct elc_block block = {.first = cases[i].firsts[k], .count = 1};
            assert_int_equal(elc_buffer_append(&block.payload, "\x81\xa2id\x01", 5), 0);
            assert_int_equal(elc_writer_block(&making.writer, &block), 0);
            elc_buffer_free(&block.payload);
        }
        assert_int_equal(elc_writer_end(&making.writer), 0);
        finish_making(&making, &bytes);
        assert_int_equal(read_all(bytes.data, bytes.len), cases[i].result);
        elc_buffer_free(&bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_header_keys),
        cmocka_unit_test(test_header_refused),
        cmocka_unit_test(test_block_closes),
        cmocka_unit_test(test_record_too_large),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_gap),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_hostile_frames),
        cmocka_unit_test(test_hostile_records),
        cmocka_unit_test(test_too_many_keys),
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_lost_end),
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_shard_numbers),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
