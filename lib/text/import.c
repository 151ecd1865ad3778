/* Lines of JSON to a stream. */
#include "electra/import.h"

#include <inttypes.h>

#include "electra/json.h"
#include "electra/layout.h"
#include "electra/lines.h"
#include "electra/stream.h"
#include "electra/tokenize.h"

enum { MAX_LENGTH = 512 }; /* of a header that is made up: BERT's own limit */

/* The stream that lines are read into. */
struct twin {
    struct elc_import *import;
    struct elc_json_options json;
    struct elc_header header; /* of the open segment, or of the one before */
    bool has_header, is_open;
    struct elc_writer writer;
    struct elc_buffer record;
};

/* A header for lines that have none: what electra-tokenize would write with this vocabulary. */
static int make_header(struct elc_header *header, const struct elc_import *import) {
    struct elc_tokenizer_options options = {.strip_accents = -1};
    struct elc_tokenizer *tokenizer = NULL;
    *header = (struct elc_header){.kind = ELC_TOKENS, .max_length = MAX_LENGTH};
    header->vocab = *elc_vocab_id(import->vocab);
    header->id_width = elc_id_width(header->vocab.size);
    int err = import->is_model ? elc_tokenizer_options_read(&options, import->vocab_path) : 0;
    if (!err)
        err = elc_tokenizer_new(&tokenizer, import->vocab, &options);
    if (!err)
        err = elc_tokenizer_describe(tokenizer, &header->tokenizer, &header->arena);
    elc_tokenizer_destroy(tokenizer);
    elc_tokenizer_options_free(&options);
    return err;
}

/* From now on lines are of this header's kind. */
static void follow_header(struct twin *twin) {
    twin->json.id_width = twin->header.id_width;
    twin->json.vocab_size = twin->header.vocab.size;
}

static int open_segment(struct twin *twin) {
    const struct elc_import *import = twin->import;
    follow_header(twin);
    twin->has_header = twin->is_open = true;
    int err = import->vocab
                  ? elc_header_check_vocab(&twin->header, "this header",
                                           elc_vocab_id(import->vocab), import->vocab_path)
                  : 0;
    return err ? err : elc_writer_header(&twin->writer, import->output, &twin->header);
}

/* A new segment begins with `header`, which is taken over. */
static int take_header(struct twin *twin, struct elc_header *header) {
    int err = twin->is_open ? elc_writer_end(&twin->writer) : 0;
    if (!err && twin->has_header)
        err = elc_header_check_same(header, "this header", &twin->header, "the one before");
    elc_header_free(&twin->header);
    twin->header = *header;
    twin->header.shard = twin->header.shards = 0; /* lines do not say which blocks they were in */
    return err ? err : open_segment(twin);
}

static int read_line(struct twin *twin, const char *line, size_t len) {
    struct elc_header header;
    if (elc_line_is_blank(line, len))
        return 0;
    int got = elc_json_parse(&twin->record, &header, line, len, &twin->json);
    if (got == ELC_HEADER)
        return take_header(twin, &header);
    if (got == 0 && !twin->is_open)
        got = open_segment(twin); /* with the header that was made up */
    if (got == 0)
        got = elc_writer_record(&twin->writer, twin->record.data, twin->record.len);
    twin->import->records++;
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

/* Hands over what has come, when there is no more at present. */
static int flush(struct twin *twin) {
    int err = twin->is_open ? elc_writer_flush_block(&twin->writer) : 0;
    return err ? err : elc_output_flush(twin->import->output);
}

static int read_lines(struct twin *twin, char *const *paths, size_t n_paths) {
    struct elc_lines *lines = NULL;
    struct elc_chunk chunk = {0};
    int err = elc_lines_new(&lines, paths, n_paths, twin->import->live), got = 0;
    while (!err && (got = elc_lines_next(lines, &chunk)) > 0) {
        err = read_chunk(twin, &chunk);
        if (!err && chunk.waiting)
            err = flush(twin);
    }
    elc_buffer_free(&chunk.text);
    elc_lines_destroy(lines);
    return err ? err : got;
}

int elc_import_jsonl(struct elc_import *import, char *const *paths, size_t n_paths) {
    struct twin twin = {.import = import};
    int err = import->vocab ? make_header(&twin.header, import) : 0;
    if (!err) {
        follow_header(&twin);
        err = read_lines(&twin, paths, n_paths);
    }
    if (!err && !twin.is_open && !import->vocab)
        err = elc_fail(ELC_EFORMAT, "no lines (did the previous command fail?)");
    if (!err && !twin.is_open)
        err = open_segment(&twin);
    if (!err)
        err = elc_writer_end(&twin.writer);
    elc_writer_free(&twin.writer);
    elc_buffer_free(&twin.record);
    elc_header_free(&twin.header);
    return err;
}
