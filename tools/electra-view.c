/* electra-view: a stream as text and back, a part of it, its shards, a verdict on it. */
#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "electra/json.h"
#include "electra/lines.h"
#include "electra/parse.h"
#include "electra/record.h"
#include "electra/render.h"
#include "electra/tokenize.h"
#include "electra/vocab.h"

enum format { JSONL, TSV, TEXT, HTML, STREAM };
static const char *const format_names[] = {"jsonl", "tsv", "text", "html", "stream"};

enum { TWIN_MAX_LENGTH = 512 }; /* of a header that --from jsonl makes up: BERT's own limit */

struct view {
    struct tool *tool;
    enum format format;
    bool header;            /* show it */
    const char *id;         /* only records with this id; NULL: all */
    uint64_t limit;         /* only so many records */
    const char *vocab_path; /* NULL: none */
    bool is_model;          /* vocab_path came from -m */
    struct elc_vocab *vocab;
    struct elc_json_options json;
    struct elc_output output;
    struct elc_writer writer;
    struct elc_buffer text;
};

static const char *name_token(const void *vocab, uint32_t id, size_t *len) {
    return elc_vocab_token(vocab, id, len);
}

static bool selects(const struct view *view) {
    return view->id || view->limit < UINT64_MAX;
}

/* ---- stream to text, or to a part of the stream ---- */

static int put_text(struct view *view) {
    int err = elc_output_write(&view->output, view->text.data, view->text.len);
    view->text.len = 0;
    return err;
}

static int start_page(struct view *view) {
    if (view->format == HTML)
        return elc_html_begin(&view->text);
    if (view->format == TSV && view->header)
        return elc_buffer_append(&view->text, ELC_TSV_COLUMNS, strlen(ELC_TSV_COLUMNS));
    return 0;
}

/* The header of a stream of this one's records, or of some of them. */
static int write_header(struct view *view, const struct elc_header *header) {
    if (!selects(view))
        return elc_writer_header(&view->writer, &view->output, header);
    struct elc_header copy;
    int err = elc_header_copy(&copy, header);
    if (err)
        return err;
    copy.shard = copy.shards = 0; /* what was selected gets new numbers */
    err = tool_history(view->tool, &copy);
    if (!err)
        err = elc_writer_header(&view->writer, &view->output, &copy);
    elc_header_free(&copy);
    return err;
}

static int show_header(struct view *view, const struct elc_reader *reader) {
    const struct elc_header *header = elc_reader_header(reader);
    view->json.id_width = header->id_width;
    if (view->vocab) {
        int err = elc_header_check_vocab(header, elc_reader_name(reader), elc_vocab_id(view->vocab),
                                         view->vocab_path);
        if (err)
            return err;
    }
    if (view->format == STREAM)
        return write_header(view, header);
    if (view->format == JSONL && view->header)
        return elc_json_from_header(&view->text, header);
    return 0;
}

static int show_record(struct view *view, const struct elc_header *header,
                       const struct elc_record *record) {
    switch (view->format) {
    case JSONL:
        return elc_json_from_record(&view->text, record, &view->json);
    case TSV:
        return elc_tsv_from_record(&view->text, record, &view->json);
    case TEXT:
        return elc_text_from_record(&view->text, record, header, &view->json);
    case HTML:
        return elc_html_from_record(&view->text, record, &view->json);
    case STREAM:
        break;
    }
    return elc_writer_record(&view->writer, record->raw, record->raw_len);
}

static bool has_id(const struct elc_record *record, const char *id) {
    const struct elc_field *field = elc_record_find(record, "id");
    char digits[24];
    if (!field)
        return false;
    if (field->type == ELC_STR)
        return field->as.bytes.len == strlen(id) &&
               memcmp(field->as.bytes.data, id, strlen(id)) == 0;
    if (field->type == ELC_UINT)
        (void)snprintf(digits, sizeof digits, "%" PRIu64, field->as.uint);
    else
        (void)snprintf(digits, sizeof digits, "%" PRId64, field->as.sint);
    return strcmp(digits, id) == 0;
}

static int show_block(struct view *view, const struct elc_header *header, struct elc_block *block) {
    if (view->format == STREAM && !selects(view)) {
        view->tool->records += block->count;
        return elc_writer_block(&view->writer, block);
    }
    struct elc_record record;
    size_t position = 0;
    int got = 0;
    while (view->tool->records < view->limit &&
           (got = elc_record_next(&record, &block->payload, &position)) > 0) {
        if (view->id && !has_id(&record, view->id))
            continue;
        int err = show_record(view, header, &record);
        if (err)
            return err;
        view->tool->records++;
    }
    return got < 0 ? got : 0;
}

/* Can nobody be hurt by our not reading to the end? A pipe's writer would die of SIGPIPE. */
static bool may_stop_early(const struct tool *tool) {
    struct stat status;
    for (size_t i = 0; i < tool->n_operands; i++)
        if (stat(tool->operands[i], &status) != 0 || !S_ISREG(status.st_mode))
            return false;
    return tool->n_operands > 0;
}

/* What one event of the reader adds to the output. */
static int show_event(struct view *view, const struct elc_reader *reader, int event,
                      struct elc_block *block) {
    int err = 0;
    if (event == ELC_HEADER)
        err = show_header(view, reader);
    else if (event == ELC_BLOCK)
        err = show_block(view, elc_reader_header(reader), block);
    else if (view->format == STREAM)
        err = elc_writer_end(&view->writer);
    if (!err && view->format != STREAM)
        err = put_text(view);
    return err ? err : elc_output_flush(&view->output);
}

/* Ends what is written once as many records as were wanted are out. */
static int reach_limit(struct view *view, int event) {
    int err = 0;
    if (view->format == STREAM && event != ELC_SEGMENT_END)
        err = elc_writer_end(&view->writer);
    return err ? err : elc_output_flush(&view->output);
}

static int show_events(struct view *view, struct elc_reader *reader) {
    struct elc_block block = {0};
    bool stops = may_stop_early(view->tool), is_full = false;
    int event, err = 0;
    while (!err && (event = elc_reader_next(reader, &block)) != ELC_END) {
        if (event < 0) {
            err = event;
        } else if (!is_full) {
            err = show_event(view, reader, event, &block);
            is_full = view->tool->records >= view->limit;
            if (!err && is_full)
                err = reach_limit(view, event);
        }
        if (is_full && stops)
            break;
    }
    elc_buffer_free(&block.payload);
    return err;
}

static int show_stream(struct view *view, struct elc_reader *reader) {
    int err = start_page(view);
    if (!err)
        err = show_events(view, reader);
    if (!err && view->format == HTML)
        err = elc_html_end(&view->text);
    if (!err && view->id && view->tool->records == 0)
        err = elc_fail(ELC_EINVAL, "no record has the id '%s'", view->id);
    return err ? err : put_text(view);
}

static int check_stream(struct tool *tool, struct elc_reader *reader) {
    struct elc_block block = {0};
    int event;
    while ((event = elc_reader_next(reader, &block)) > 0)
        if (event == ELC_BLOCK)
            tool->records += block.count;
    elc_buffer_free(&block.payload);
    return event;
}

/* ---- JSON Lines to stream ---- */

/* A header for lines that have none: what electra-tokenize would write with this vocabulary. */
static int make_header(const struct view *view, struct elc_header *header) {
    struct elc_tokenizer_options options = {.strip_accents = -1};
    struct elc_tokenizer *tokenizer = NULL;
    *header = (struct elc_header){.kind = ELC_TOKENS, .max_length = TWIN_MAX_LENGTH};
    header->vocab = *elc_vocab_id(view->vocab);
    header->id_width = header->vocab.size <= UINT16_MAX ? 2 : 4;
    int err = view->is_model ? elc_tokenizer_options_read(&options, view->vocab_path) : 0;
    if (!err)
        err = elc_tokenizer_new(&tokenizer, view->vocab, &options);
    if (!err)
        err = elc_tokenizer_describe(tokenizer, &header->tokenizer, &header->arena);
    elc_tokenizer_destroy(tokenizer);
    if (err)
        elc_header_free(header);
    return err;
}

/* The stream that lines are read into. */
struct twin {
    struct view *view;
    struct elc_header header; /* of the open segment, or of the one before */
    bool has_header, is_open;
    struct elc_buffer record;
};

static int open_segment(struct twin *twin) {
    struct view *view = twin->view;
    view->json.id_width = twin->header.id_width;
    view->json.vocab_size = twin->header.vocab.size;
    twin->has_header = twin->is_open = true;
    if (view->vocab) {
        int err = elc_header_check_vocab(&twin->header, "this header", elc_vocab_id(view->vocab),
                                         view->vocab_path);
        if (err)
            return err;
    }
    return elc_writer_header(&view->writer, &view->output, &twin->header);
}

/* A new segment begins with `header`, which is taken over. */
static int take_header(struct twin *twin, struct elc_header *header) {
    int err = 0;
    if (twin->is_open)
        err = elc_writer_end(&twin->view->writer);
    if (!err && twin->has_header)
        err = elc_header_check_same(header, "this header", &twin->header, "the one before");
    elc_header_free(&twin->header);
    twin->header = *header;
    twin->header.shard = twin->header.shards = 0; /* lines do not say which blocks they were in */
    return err ? err : open_segment(twin);
}

static int read_line(struct twin *twin, const char *line, size_t len) {
    struct view *view = twin->view;
    struct elc_header header;
    if (strspn(line, " \t\r") >= len)
        return 0;
    int got = elc_json_parse(&twin->record, &header, line, len, &view->json);
    if (got == ELC_HEADER)
        return take_header(twin, &header);
    if (got == 0 && !twin->is_open)
        got = open_segment(twin); /* with the header that was made up */
    if (got == 0)
        got = elc_writer_record(&view->writer, twin->record.data, twin->record.len);
    view->tool->records++;
    return got;
}

static int read_chunk(struct twin *twin, const struct elc_chunk *chunk) {
    const char *line;
    size_t len, position = 0;
    uint64_t number = chunk->first_line;
    while (elc_chunk_line(chunk, &position, &line, &len)) {
        int err = read_line(twin, line, len);
        if (err)
            return elc_context(err, "%s: line %" PRIu64, chunk->name, number);
        number++;
    }
    return 0;
}

static int read_lines(struct twin *twin, struct elc_lines *lines) {
    struct view *view = twin->view;
    struct elc_chunk chunk = {0};
    int got;
    while ((got = elc_lines_next(lines, &chunk)) > 0) {
        int err = read_chunk(twin, &chunk);
        if (!err && chunk.waiting && twin->is_open)
            err = elc_writer_flush_block(&view->writer);
        if (!err && chunk.waiting)
            err = elc_output_flush(&view->output);
        if (err) {
            got = err;
            break;
        }
    }
    elc_buffer_free(&chunk.text);
    return got;
}

static int from_jsonl(struct view *view) {
    struct twin twin = {.view = view};
    struct elc_lines *lines = NULL;
    int err = view->vocab ? make_header(view, &twin.header) : 0;
    view->json.id_width = twin.header.id_width;
    view->json.vocab_size = twin.header.vocab.size;
    if (!err)
        err =
            elc_lines_new(&lines, view->tool->operands, view->tool->n_operands, view->tool->flush);
    if (!err)
        err = read_lines(&twin, lines);
    if (!err && !twin.is_open && !view->vocab)
        err = elc_fail(ELC_EFORMAT, "no lines (did the previous command fail?)");
    if (!err && !twin.is_open)
        err = open_segment(&twin);
    if (!err)
        err = elc_writer_end(&view->writer);
    elc_lines_destroy(lines);
    elc_buffer_free(&twin.record);
    elc_header_free(&twin.header);
    return err;
}

/* ---- the command line ---- */

struct choices {
    const char *format, *from, *model, *vocab, *shard, *id;
    bool header, merge, check;
    uint64_t records;
    uint64_t k, n; /* of --shard; 0: all */
};

static enum format find_format(const struct choices *choices) {
    bool binary = choices->shard || choices->merge || choices->from;
    for (size_t i = 0; choices->format && i < sizeof format_names / sizeof *format_names; i++)
        if (strcmp(choices->format, format_names[i]) == 0)
            return (enum format)i;
    return binary ? STREAM : JSONL;
}

/* What cannot be combined, or NULL. */
static const char *find_conflict(const struct choices *c, enum format format) {
    bool selects = c->id || c->records < UINT64_MAX;
    if (c->model && c->vocab)
        return "-m and --vocab both name a vocabulary";
    if (c->check && (c->format || c->from || c->shard || c->merge || selects || c->header))
        return "--check goes with no other option";
    if (c->merge && (c->from || c->shard || selects || format != STREAM))
        return "--merge writes a whole stream";
    if (c->from && (c->shard || selects || format != STREAM))
        return "--from jsonl writes a whole stream";
    if (c->header && format != JSONL && format != TSV)
        return "--header goes with --format jsonl or tsv";
    return NULL;
}

static int run_reader(struct view *view, const struct choices *choices, struct elc_reader *reader) {
    if (choices->n > 0) {
        int err = elc_reader_shard(reader, choices->k, choices->n);
        if (err)
            return err;
    }
    return choices->check ? check_stream(view->tool, reader) : show_stream(view, reader);
}

static int run(struct view *view, const struct choices *choices, struct elc_reader *reader) {
    struct tool *tool = view->tool;
    int err = 0;
    if (view->vocab_path)
        err = elc_vocab_read(&view->vocab, view->vocab_path);
    if (view->vocab) {
        view->json.token = name_token;
        view->json.context = view->vocab;
    }
    if (!err)
        err = elc_output_open(&view->output, tool->output);
    if (err)
        return err;
    if (choices->merge)
        err =
            elc_merge(&view->output, tool->operands, tool->n_operands, tool->force, &tool->records);
    else
        err = choices->from ? from_jsonl(view) : run_reader(view, choices, reader);
    return err ? err : elc_output_commit(&view->output);
}

static int view_main(struct tool *tool, struct choices *choices) {
    enum format format = find_format(choices);
    const char *conflict = find_conflict(choices, format);
    if (conflict)
        return tool_usage(tool, "%s", conflict);
    if (choices->shard && elc_parse_shard(&choices->k, &choices->n, choices->shard) != 0)
        return tool_usage(tool, "--shard: %s", elc_error());
    if (choices->merge && tool->n_operands == 0)
        return tool_usage(tool, "--merge needs every shard as an operand");
    if (format == STREAM && !choices->check)
        tool_refuse_terminal_output(tool);
    struct elc_reader *reader = NULL;
    if (!choices->from && !choices->merge &&
        elc_reader_new(&reader, tool->operands, tool->n_operands, tool->force) != 0)
        return tool_usage(tool, "%s", elc_error());
    struct view view = {
        .tool = tool,
        .format = format,
        .header = choices->header,
        .id = choices->id,
        .limit = choices->records,
        .vocab_path = choices->model ? choices->model : choices->vocab,
        .is_model = choices->model != NULL,
        .output = {.fd = -1},
    };
    int status = run(&view, choices, reader) ? tool_fail(tool, "%s", elc_error()) : TOOL_DONE;
    elc_output_abandon(&view.output);
    elc_writer_free(&view.writer);
    elc_buffer_free(&view.text);
    elc_vocab_destroy(view.vocab);
    elc_reader_destroy(reader);
    return status;
}

int main(int argc, char **argv) {
    struct choices choices = {.records = UINT64_MAX};
    struct tool_option options[] = {
        {0, "format", OPTION_CHOICE, &choices.format, "NAME",
         "jsonl, tsv, text, html, stream [jsonl; stream with --shard]",
         .choices = "jsonl|tsv|text|html|stream"},
        {0, "header", OPTION_FLAG, &choices.header, NULL,
         "also the stream's header (jsonl), names of the columns (tsv)"},
        {0, "from", OPTION_CHOICE, &choices.from, "jsonl", "read JSON Lines, write a stream",
         .choices = "jsonl"},
        {'m', "model", OPTION_TEXT, &choices.model, "MODEL", "show tokens of MODEL's vocabulary"},
        {0, "vocab", OPTION_TEXT, &choices.vocab, "FILE", "show tokens of the vocabulary in FILE"},
        {0, "shard", OPTION_TEXT, &choices.shard, "K/N", "only every N-th block, the K-th first"},
        {0, "merge", OPTION_FLAG, &choices.merge, NULL, "put shards back in order"},
        {0, "id", OPTION_TEXT, &choices.id, "ID", "only records with this id", .shapes = true},
        {0, "records", OPTION_COUNT, &choices.records, "N", "only the first N records",
         .shapes = true},
        {0, "check", OPTION_FLAG, &choices.check, NULL,
         "write nothing; exit 0 for a whole stream, 1 for a damaged one"},
        {0},
    };
    struct tool tool = {
        .name = "electra-view",
        .synopsis = "[--format NAME] [--header] [--shard K/N] [--id ID] [--records N] [FILE]…\n"
                    "--from jsonl [-m MODEL | --vocab FILE] [FILE]…\n"
                    "--merge FILE…\n"
                    "--check [FILE]…",
        .purpose =
            "Shows a stream as text, makes a stream from its text twin, cuts out parts of one, "
            "checks one.",
        .options = options,
        .has_history = true,
        .has_flush = true,
        .has_force = true,
        .has_output = true,
    };
    tool_parse(&tool, argc, argv);
    return tool_end(&tool, view_main(&tool, &choices));
}
