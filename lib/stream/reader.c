/* Reading streams: segments, blocks, ends, and every check that stands before a record. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "electra/record.h"
#include "electra/stream.h"
#include "header.h"
#include "source.h"
#include "wire.h"

struct elc_reader {
    struct elc_source source;
    struct elc_header header; /* of the present segment */
    struct elc_header first_header;
    char first_name[128]; /* where the first header stood */
    const char *name;     /* operand in which the present object begins */
    const char *cut;      /* operand that ended inside the present segment, or NULL */
    bool in_segment;
    uint64_t segments;    /* headers read */
    uint64_t blocks;      /* read in this segment */
    uint64_t next_record; /* number that the next block should start with */
    uint64_t records;     /* read in this segment */
    uint64_t payload_offset;
    uint64_t shard, shards, blocks_of_all;
    const char *text_hint, *json_hint; /* NULL: the usual ones */
    XXH3_state_t *digest;
    int failed; /* the error that ended this reader */
};

int elc_reader_new(struct elc_reader **reader, char *const *paths, size_t n_paths, bool force) {
    bool standard = n_paths == 0;
    for (size_t i = 0; i < n_paths; i++)
        standard = standard || strcmp(paths[i], "-") == 0;
    if (standard && !force && isatty(STDIN_FILENO))
        return elc_fail(ELC_EINVAL, "standard input is a terminal: name a file, or use --force");
    *reader = calloc(1, sizeof **reader);
    if (!*reader)
        return elc_fail_memory(sizeof **reader);
    (*reader)->source.paths = paths;
    (*reader)->source.n_paths = n_paths;
    (*reader)->source.name = n_paths > 0 ? paths[0] : "standard input";
    (*reader)->name = (*reader)->source.name;
    return 0;
}

int elc_reader_new_memory(struct elc_reader **reader, const void *bytes, size_t len,
                          const char *name) {
    *reader = calloc(1, sizeof **reader);
    if (!*reader)
        return elc_fail_memory(sizeof **reader);
    (*reader)->source =
        (struct elc_source){.is_memory = true, .name = name, .data = bytes, .len = len};
    (*reader)->name = name;
    return 0;
}

void elc_reader_stop_when(struct elc_reader *reader, const volatile sig_atomic_t *stop) {
    reader->source.stop = reader->source.input.stop = stop;
}

void elc_reader_hint(struct elc_reader *reader, const char *text, const char *json) {
    reader->text_hint = text;
    reader->json_hint = json;
}

int elc_reader_shard(struct elc_reader *reader, uint64_t k, uint64_t n) {
    if (k < 1 || k > n)
        return elc_fail(ELC_EINVAL, "shard %llu/%llu is not K/N with 1 ≤ K ≤ N",
                        (unsigned long long)k, (unsigned long long)n);
    reader->shard = k;
    reader->shards = n;
    return 0;
}

void elc_reader_destroy(struct elc_reader *reader) {
    if (!reader)
        return;
    elc_source_close(&reader->source);
    elc_header_free(&reader->header);
    elc_header_free(&reader->first_header);
    XXH3_freeState(reader->digest);
    free(reader);
}

const struct elc_header *elc_reader_header(const struct elc_reader *reader) {
    return &reader->header;
}

const char *elc_reader_name(const struct elc_reader *reader) {
    return reader->name;
}

uint64_t elc_reader_payload_offset(const struct elc_reader *reader) {
    return reader->payload_offset;
}

uint64_t elc_reader_digest(const struct elc_reader *reader) {
    return reader->digest ? elc_digest_value(reader->digest) : 0;
}

/* ---- objects: headers, and the frames of blocks and ends ---- */

static int truncated(void) {
    return elc_fail(ELC_ETRUNCATED, "truncated: the stream stops before its end");
}

static bool is_map(const uint8_t *data) {
    return (data[0] & 0xf0) == 0x80 || data[0] == 0xde || data[0] == 0xdf;
}

/* Waits for the whole map that the input goes on with. It is decoded, stays where it is, and is
 * valid until more is read. */
static int wait_map(struct elc_reader *reader, struct elc_record *map) {
    struct elc_source *source = &reader->source;
    uint64_t size = 1;
    int whole = 0;
    while (!whole) {
        int got = elc_source_fill(source, (size_t)size);
        if (got <= 0)
            return got < 0 ? got : truncated();
        whole = elc_wire_scan(source->data, source->len, ELC_DEPTH_LIMIT, &size);
        if (whole < 0)
            return whole;
        if (size > ELC_HEADER_LIMIT)
            return elc_fail(ELC_ELIMIT,
                            "more than %d bytes where a header or a block's frame belongs",
                            ELC_HEADER_LIMIT);
    }
    int err = elc_wire_map(map, source->data, (size_t)size, ELC_DEPTH_LIMIT);
    for (size_t i = 0; !err && i < map->n_fields; i++)
        err = elc_wire_decode(&map->fields[i]);
    return err;
}

/* Does the string `key` of this map say `word`? */
static bool says(const struct elc_record *map, const char *key, const char *word) {
    const struct elc_field *field = elc_record_find(map, key);
    return field && field->type == ELC_STR && field->as.bytes.len == strlen(word) &&
           memcmp(field->as.bytes.data, word, strlen(word)) == 0;
}

/* A number of a frame. Its checksum covers what the number is, not how it is written: of the two
 * ways of the same length, unsigned and signed, only one is accepted, or a damaged byte could
 * hide in the difference. */
static int frame_uint(const struct elc_record *map, const char *key, uint64_t *value) {
    const struct elc_field *field = elc_record_find(map, key);
    if (!field)
        return elc_fail(ELC_EFORMAT, "key '%s' is missing", key);
    bool is_signed = field->raw[0] >= 0xd0 && field->raw[0] <= 0xd3;
    if (field->type != ELC_UINT || is_signed)
        return elc_fail(ELC_EFORMAT, "key '%s' is not an unsigned integer", key);
    *value = field->as.uint;
    return 0;
}

/* ---- headers ---- */

/* What waits is no header: says what it looks like instead. */
static int stranger(const struct elc_reader *reader) {
    const struct elc_source *source = &reader->source;
    const char *compressor = elc_compressor(source->data, source->len);
    if (compressor)
        return elc_fail(ELC_EFORMAT, "compressed by %s: pipe it through %s -dc", compressor,
                        compressor);
    if (reader->segments > 0)
        return elc_fail(ELC_EFORMAT, "what follows the end of a segment is no header");
    if (source->data[0] == '{')
        return elc_fail(ELC_EFORMAT, "JSON, not a stream: %s",
                        reader->json_hint ? reader->json_hint
                                          : "electra-view --from jsonl makes one");
    if (source->data[0] < 0x80)
        return elc_fail(ELC_EFORMAT, "text, not a stream: %s",
                        reader->text_hint ? reader->text_hint : "electra-tokenize makes one");
    return elc_fail(ELC_EFORMAT, "not a stream: no header");
}

/* Segments of one stream must belong together. */
static int check_same(struct elc_reader *reader) {
    char name[32];
    (void)snprintf(name, sizeof name, "segment %llu", (unsigned long long)reader->segments + 1);
    if (reader->segments > 0)
        return elc_header_check_same(&reader->header, name, &reader->first_header,
                                     reader->first_name);
    (void)snprintf(reader->first_name, sizeof reader->first_name, "%s (%s)", name, reader->name);
    return elc_header_copy(&reader->first_header, &reader->header);
}

/* With elc_reader_shard the segment that is passed on is a shard. */
static int mark_shard(struct elc_reader *reader) {
    struct elc_header *header = &reader->header;
    if (reader->shards == 0)
        return 0;
    if (header->shards > 0)
        return elc_fail(ELC_EMISMATCH, "it is shard %llu/%llu already",
                        (unsigned long long)header->shard, (unsigned long long)header->shards);
    header->shard = reader->shard;
    header->shards = reader->shards;
    return 0;
}

/* Does it begin as headers do that are written here? A PNG is a map, too, by its first byte. */
static bool has_magic(const struct elc_source *source) {
    static const char magic[] = "\xa7"
                                "electra";
    return source->len > sizeof magic - 1 && memcmp(source->data + 1, magic, sizeof magic - 1) == 0;
}

static int read_header(struct elc_reader *reader) {
    struct elc_record map;
    struct elc_source *source = &reader->source;
    int got =
        elc_source_fill(source, ELC_COMPRESSOR_BYTES); /* fewer will do to tell a stranger by */
    if (got < 0)
        return got;
    if (!is_map(source->data))
        return stranger(reader);
    int err = wait_map(reader, &map);
    if (err == ELC_EFORMAT && !has_magic(source))
        return stranger(reader);
    if (err)
        return err;
    if (!elc_record_find(&map, "electra"))
        return stranger(reader);
    elc_header_free(&reader->header);
    err = elc_header_unpack(&reader->header, map.raw, map.raw_len);
    if (!err)
        err = elc_digest_start(&reader->digest, map.raw, map.raw_len);
    if (err)
        return elc_context(err, "header");
    elc_source_skip(source, map.raw_len);
    err = check_same(reader);
    if (!err)
        err = mark_shard(reader);
    if (err)
        return err;
    reader->in_segment = true;
    reader->segments++;
    reader->blocks = reader->records = reader->next_record = 0;
    return ELC_HEADER;
}

/* ---- blocks ---- */

static int verify_records(const struct elc_block *block) {
    size_t at = 0;
    for (uint64_t i = 0; i < block->count; i++) {
        size_t size = 0;
        int err = elc_wire_check_record(block->payload.data + at, block->payload.len - at, &size);
        if (err)
            return elc_context(err, "record %llu", (unsigned long long)(block->first + i + 1));
        at += size;
    }
    if (at < block->payload.len)
        return elc_fail(ELC_EFORMAT, "%zu bytes follow the last of its %llu records",
                        block->payload.len - at, (unsigned long long)block->count);
    return 0;
}

/* Shards keep the numbers that their records had, so these may have gaps. */
static int check_place(const struct elc_reader *reader, const struct elc_block *block) {
    bool in_place = reader->header.shards > 0 && reader->shards == 0
                        ? block->first >= reader->next_record
                        : block->first == reader->next_record;
    if (!in_place)
        return elc_fail(ELC_EFORMAT, "it starts with record %llu, but %llu is next",
                        (unsigned long long)block->first + 1,
                        (unsigned long long)reader->next_record + 1);
    if (block->count > UINT64_MAX - block->first)
        return elc_fail(ELC_EFORMAT, "more records than can be counted");
    return 0;
}

/* The head of the bin that holds a payload of `len` bytes. */
static int read_bin_head(struct elc_reader *reader, uint64_t len) {
    struct elc_source *source = &reader->source;
    struct elc_head head;
    int got = 0;
    for (size_t need = 1; got == 0; need++) {
        got = elc_source_fill(source, need);
        if (got <= 0)
            return got < 0 ? got : truncated();
        got = elc_wire_head(&head, source->data, need);
    }
    if (got < 0)
        return got;
    if (head.shape != ELC_SHAPE_BIN || head.count != len)
        return elc_fail(ELC_EFORMAT, "its payload is not binary data of %llu bytes",
                        (unsigned long long)len);
    elc_source_skip(source, head.len);
    return 0;
}

/* `map` is gone once the payload is read. */
static int read_block(struct elc_reader *reader, const struct elc_record *map,
                      struct elc_block *block) {
    uint64_t len = 0;
    int err = frame_uint(map, "first", &block->first);
    if (!err)
        err = frame_uint(map, "count", &block->count);
    if (!err)
        err = frame_uint(map, "bytes", &len);
    if (!err)
        err = frame_uint(map, "xxh3", &block->xxh3);
    if (!err && map->n_fields != 5)
        err = elc_fail(ELC_EFORMAT, "its frame has keys besides first, count, bytes, xxh3");
    if (!err && len > ELC_BLOCK_LIMIT)
        err = elc_fail(ELC_ELIMIT, "%llu bytes where %d are the most", (unsigned long long)len,
                       ELC_BLOCK_LIMIT);
    if (!err)
        err = check_place(reader, block);
    if (err)
        return err;
    elc_source_skip(&reader->source, map->raw_len);
    err = read_bin_head(reader, len);
    if (err)
        return err;
    int got = elc_source_take(&reader->source, &block->payload, (size_t)len);
    if (got <= 0)
        return got < 0 ? got : truncated();
    reader->payload_offset = reader->source.taken - len;
    if (XXH3_64bits(block->payload.data, block->payload.len) != block->xxh3)
        return elc_fail(ELC_EFORMAT, "checksum mismatch");
    err = verify_records(block);
    if (err)
        return err;
    elc_digest_block(reader->digest, block);
    reader->blocks++;
    reader->blocks_of_all++;
    reader->records += block->count;
    reader->next_record = block->first + block->count;
    return ELC_BLOCK;
}

static int read_end(struct elc_reader *reader, const struct elc_record *map) {
    uint64_t records = 0, xxh3 = 0;
    int err = frame_uint(map, "records", &records);
    if (!err)
        err = frame_uint(map, "xxh3", &xxh3);
    if (!err && map->n_fields != 3)
        err = elc_fail(ELC_EFORMAT, "keys besides records, xxh3");
    if (!err && records != reader->records)
        err = elc_fail(ELC_EFORMAT, "%llu records were read where it counts %llu",
                       (unsigned long long)reader->records, (unsigned long long)records);
    if (!err && xxh3 != elc_digest_value(reader->digest))
        err = elc_fail(ELC_EFORMAT, "checksum mismatch");
    if (err)
        return elc_context(err, "end");
    elc_source_skip(&reader->source, map->raw_len);
    reader->in_segment = false;
    return ELC_SEGMENT_END;
}

/* What follows a header or a block: a block or the end. */
static int read_frame(struct elc_reader *reader, struct elc_block *block) {
    struct elc_record map;
    if (!is_map(reader->source.data))
        return elc_fail(ELC_EFORMAT, "neither a block nor an end");
    int err = wait_map(reader, &map);
    if (err)
        return err;
    if (elc_record_find(&map, "electra"))
        return elc_fail(ELC_ETRUNCATED, "truncated: another header stands where it goes on");
    if (says(&map, "block", "data"))
        return read_block(reader, &map, block);
    if (says(&map, "block", "end"))
        return read_end(reader, &map);
    return elc_fail(ELC_EFORMAT, "neither a block nor an end");
}

/* ---- events ---- */

/* Says where an error was found, as exactly as the user needs to look. */
static int locate(const struct elc_reader *reader, int err) {
    if (reader->source.io_failed)
        return err;
    if (reader->in_segment)
        err = elc_context(err, "block %llu", (unsigned long long)reader->blocks + 1);
    if (reader->source.name != reader->name)
        return elc_context(err, "%s, continued in %s", reader->name, reader->source.name);
    if (reader->in_segment && reader->cut)
        return elc_context(err, "%s, continued in %s", reader->cut, reader->name);
    return elc_context(err, "%s", reader->name);
}

static int next_event(struct elc_reader *reader, struct elc_block *block) {
    while (true) {
        int got = elc_source_fill(&reader->source, 1);
        if (!reader->in_segment)
            reader->name = reader->source.name;
        if (reader->in_segment && got > 0 && reader->source.name != reader->name)
            reader->cut = reader->name;
        if (got == 0 && reader->in_segment)
            return truncated();
        if (got == 0 && reader->segments == 0)
            return elc_fail(ELC_EFORMAT,
                            "empty: no stream header (did the previous command fail?)");
        if (got <= 0)
            return got;
        reader->name = reader->source.name;
        if (!reader->in_segment) {
            reader->cut = NULL;
            return read_header(reader);
        }
        int event = read_frame(reader, block);
        bool skipped = event == ELC_BLOCK && reader->shards > 0 &&
                       (reader->blocks_of_all - 1) % reader->shards != reader->shard - 1;
        if (!skipped)
            return event;
    }
}

int elc_reader_next(struct elc_reader *reader, struct elc_block *block) {
    if (reader->failed)
        return reader->failed;
    int event = next_event(reader, block);
    if (event < 0)
        reader->failed = locate(reader, event);
    return reader->failed ? reader->failed : event;
}
