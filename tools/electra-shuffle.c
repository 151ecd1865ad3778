/* electra-shuffle: the records of a stream in random order, in bounded memory. */
#include "common.h"

#include "electra/record.h"
#include "electra/shuffle.h"

static int add_block(struct elc_shuffle *shuffle, const struct elc_block *block) {
    const uint8_t *record;
    size_t len, position = 0;
    int got;
    while ((got = elc_record_next_raw(&record, &len, &block->payload, &position)) > 0) {
        int err = elc_shuffle_add(shuffle, record, len);
        if (err)
            return err;
    }
    return got;
}

/* Reads everything into the shuffle; `header` becomes a copy of the first segment's. */
static int read_all(struct tool *tool, struct elc_reader *reader, struct elc_shuffle *shuffle,
                    struct elc_header *header) {
    struct elc_block block = {0};
    bool has_header = false;
    int err = 0;
    int event;
    while (!err && (event = elc_reader_next(reader, &block)) != ELC_END) {
        if (event < 0) {
            err = event;
        } else if (event == ELC_HEADER && !has_header) {
            err = elc_header_copy(header, elc_reader_header(reader));
            has_header = true;
        } else if (event == ELC_BLOCK) {
            err = add_block(shuffle, &block);
            tool->records += block.count;
            tool_progress(tool, "%llu records read", (unsigned long long)tool->records);
        }
    }
    elc_buffer_free(&block.payload);
    return err;
}

static int write_records(struct tool *tool, struct elc_writer *writer,
                         struct elc_shuffle *shuffle) {
    const void *record;
    size_t len;
    int got;
    while ((got = elc_shuffle_next(shuffle, &record, &len)) > 0) {
        int err = elc_writer_record(writer, record, len);
        if (err)
            return err;
        if (writer->block.count == 0) /* a block was written */
            tool_progress(tool, "%llu of %llu records written", (unsigned long long)writer->records,
                          (unsigned long long)tool->records);
    }
    return got;
}

static int shuffle_stream(struct tool *tool, struct elc_reader *reader, uint64_t memory,
                          struct elc_output *output) {
    struct elc_shuffle *shuffle = NULL;
    struct elc_header header = {0};
    struct elc_writer writer = {0};
    int err = elc_shuffle_new(&shuffle, tool->seed, (size_t)memory);
    if (!err)
        err = read_all(tool, reader, shuffle, &header);
    header.shard = header.shards = 0; /* the records get new numbers */
    if (!err)
        err = tool_history(tool, &header);
    if (!err)
        err = elc_writer_header(&writer, output, &header);
    if (!err)
        err = write_records(tool, &writer, shuffle);
    if (!err)
        err = elc_writer_end(&writer);
    elc_writer_free(&writer);
    elc_header_free(&header);
    elc_shuffle_destroy(shuffle);
    return err;
}

int main(int argc, char **argv) {
    uint64_t memory = 256 * 1024 * 1024;
    struct tool_option options[] = {
        {0, "memory", OPTION_SIZE, &memory, "SIZE",
         "keep up to SIZE in memory, the rest in $TMPDIR [256M]", ELC_SHUFFLE_MEMORY_MIN, 0x1p50},
        {0},
    };
    struct tool tool = {
        .name = "electra-shuffle",
        .synopsis = "[--memory SIZE] [-s N] [-o FILE] [FILE]…",
        .purpose = "Writes the records of streams in random order, as one stream.",
        .options = options,
        .has_seed = true,
        .has_history = true,
        .has_force = true,
        .has_output = true,
    };
    tool_parse(&tool, argc, argv);
    tool_refuse_terminal_output(&tool);
    struct elc_reader *reader;
    int err = elc_reader_new(&reader, tool.operands, tool.n_operands, tool.force);
    if (err == ELC_EINVAL)
        return tool_usage(&tool, "%s", elc_error());
    if (err)
        return tool_fail(&tool, "%s", elc_error());
    struct elc_output output;
    err = elc_output_open(&output, tool.output);
    if (!err)
        err = shuffle_stream(&tool, reader, memory, &output);
    if (!err)
        err = elc_output_commit(&output);
    int status = err ? tool_fail(&tool, "%s", elc_error()) : TOOL_DONE;
    elc_output_abandon(&output);
    elc_reader_destroy(reader);
    return tool_end(&tool, status);
}
