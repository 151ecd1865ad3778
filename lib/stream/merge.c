/* Shards back to the stream that they were made of. */
#include <stdlib.h>

#include "electra/stream.h"

/* One shard: its reader, and the block of it that is next. */
struct shard {
    struct elc_reader *reader;
    struct elc_block block;
    bool has_block; /* of the present segment */
};

struct merge {
    struct shard *shards;
    size_t n;
    struct elc_writer writer;
    struct elc_output *output;
};

static int open_shards(struct merge *merge, char *const *paths, bool force) {
    int err = 0;
    for (size_t i = 0; !err && i < merge->n; i++)
        err = elc_reader_new(&merge->shards[i].reader, paths + i, 1, force);
    return err;
}

static void close_shards(struct merge *merge) {
    for (size_t i = 0; i < merge->n; i++) {
        elc_reader_destroy(merge->shards[i].reader);
        elc_buffer_free(&merge->shards[i].block.payload);
    }
    free(merge->shards);
    elc_writer_free(&merge->writer);
}

static const char *name_of(const struct shard *shard) {
    return elc_reader_name(shard->reader);
}

/* Every shard must be one of n, each another, and all of the same stream. */
static int check_shards(const struct merge *merge) {
    const struct shard *first = &merge->shards[0];
    for (size_t i = 0; i < merge->n; i++) {
        const struct shard *shard = &merge->shards[i];
        const struct elc_header *header = elc_reader_header(shard->reader);
        if (header->shards == 0)
            return elc_fail(ELC_EMISMATCH, "%s: is no shard", name_of(shard));
        if (header->shards != merge->n)
            return elc_fail(ELC_EMISMATCH, "%s: is one of %llu shards, but %zu were given",
                            name_of(shard), (unsigned long long)header->shards, merge->n);
        int err = elc_header_check_same(header, name_of(shard), elc_reader_header(first->reader),
                                        name_of(first));
        if (err)
            return err;
        for (size_t k = 0; k < i; k++)
            if (elc_reader_header(merge->shards[k].reader)->shard == header->shard)
                return elc_fail(ELC_EMISMATCH, "%s and %s are both shard %llu/%llu",
                                name_of(&merge->shards[k]), name_of(shard),
                                (unsigned long long)header->shard,
                                (unsigned long long)header->shards);
    }
    return 0;
}

/* Reads the next event of each shard: a header of every one, or the end of every one. */
static int next_headers(struct merge *merge) {
    int common = ELC_END;
    for (size_t i = 0; i < merge->n; i++) {
        struct shard *shard = &merge->shards[i];
        int event = elc_reader_next(shard->reader, &shard->block);
        if (event < 0)
            return event;
        if (i == 0)
            common = event;
        if (event != common)
            return elc_fail(ELC_EMISMATCH, "%s and %s have different numbers of segments",
                            name_of(&merge->shards[0]), name_of(shard));
    }
    return common;
}

static int next_block(struct shard *shard) {
    int event = elc_reader_next(shard->reader, &shard->block);
    shard->has_block = event == ELC_BLOCK;
    return event < 0 ? event : 0;
}

/* The shard whose block comes next, or NULL after the last. */
static struct shard *least(struct merge *merge) {
    struct shard *least = NULL;
    for (size_t i = 0; i < merge->n; i++) {
        struct shard *shard = &merge->shards[i];
        if (shard->has_block && (!least || shard->block.first < least->block.first))
            least = shard;
    }
    return least;
}

static int merge_blocks(struct merge *merge) {
    int err = 0;
    for (size_t i = 0; !err && i < merge->n; i++)
        err = next_block(&merge->shards[i]);
    for (uint64_t next = 0; !err;) {
        struct shard *shard = least(merge);
        if (!shard)
            break;
        if (shard->block.first > next)
            return elc_fail(ELC_EFORMAT, "%s: record %llu follows, but record %llu is missing",
                            name_of(shard), (unsigned long long)shard->block.first + 1,
                            (unsigned long long)next + 1);
        if (shard->block.first < next)
            return elc_fail(ELC_EFORMAT, "%s: record %llu comes twice", name_of(shard),
                            (unsigned long long)shard->block.first + 1);
        next += shard->block.count;
        err = elc_writer_block(&merge->writer, &shard->block);
        if (!err)
            err = next_block(shard);
    }
    return err;
}

static int merge_segment(struct merge *merge) {
    struct elc_header header;
    int err = check_shards(merge);
    if (!err)
        err = elc_header_copy(&header, elc_reader_header(merge->shards[0].reader));
    if (err)
        return err;
    header.shard = header.shards = 0;
    err = elc_writer_header(&merge->writer, merge->output, &header);
    elc_header_free(&header);
    if (!err)
        err = merge_blocks(merge);
    return err ? err : elc_writer_end(&merge->writer);
}

int elc_merge(struct elc_output *output, char *const *paths, size_t n_paths, bool force,
              uint64_t *records) {
    struct merge merge = {.n = n_paths, .output = output};
    *records = 0;
    merge.shards = calloc(n_paths, sizeof *merge.shards);
    if (!merge.shards)
        return elc_fail_memory(n_paths * sizeof *merge.shards);
    int event = open_shards(&merge, paths, force);
    while (event == 0) {
        event = next_headers(&merge);
        if (event == ELC_END)
            break;
        if (event > 0)
            event = merge_segment(&merge);
        *records += merge.writer.records;
    }
    close_shards(&merge);
    return event;
}
