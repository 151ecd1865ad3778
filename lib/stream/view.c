/* From a reader's events to text, or to a stream of some of its records. */
#include "electra/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "electra/record.h"
#include "electra/render.h"

/* A view at work. */
struct show {
    struct elc_view *view;
    const struct elc_header *header; /* of the present segment */
    const char *first;               /* the operand that the first header stood in */
    struct elc_json_options json;
    struct elc_writer writer;
    struct elc_buffer text; /* not yet written */
};

static bool selects(const struct elc_view *view) {
    return view->id || view->limit < UINT64_MAX;
}

static bool is_full(const struct elc_view *view) {
    return view->records >= view->limit;
}

static int put_text(struct show *show) {
    int err = elc_output_write(show->view->output, show->text.data, show->text.len);
    show->text.len = 0;
    return err;
}

/* ---- headers ---- */

/* The header of a stream of this one's records, or of some of them. */
static int write_header(struct show *show) {
    struct elc_view *view = show->view;
    if (!selects(view))
        return elc_writer_header(&show->writer, view->output, show->header);
    struct elc_header copy;
    int err = elc_header_copy(&copy, show->header);
    if (err)
        return err;
    copy.shard = copy.shards = 0; /* what was selected gets new numbers */
    if (view->selected)
        err = view->selected(view->context, &copy);
    if (!err)
        err = elc_writer_header(&show->writer, view->output, &copy);
    elc_header_free(&copy);
    return err;
}

static int show_header(struct show *show, const struct elc_reader *reader) {
    const struct elc_view *view = show->view;
    show->header = elc_reader_header(reader);
    show->first = show->first ? show->first : elc_reader_name(reader);
    show->json.id_width = show->header->id_width;
    int err = view->vocab ? elc_header_check_vocab(show->header, elc_reader_name(reader),
                                                   view->vocab, view->vocab_name)
                          : 0;
    if (err)
        return err;
    if (view->format == ELC_VIEW_STREAM)
        return write_header(show);
    if (view->format == ELC_VIEW_JSONL && view->header)
        return elc_json_from_header(&show->text, show->header);
    return 0;
}

/* ---- records ---- */

static int show_record(struct show *show, const struct elc_record *record) {
    switch (show->view->format) {
    case ELC_VIEW_JSONL:
        return elc_json_from_record(&show->text, record, &show->json);
    case ELC_VIEW_TSV:
        return elc_tsv_from_record(&show->text, record, &show->json);
    case ELC_VIEW_TEXT:
        return elc_text_from_record(&show->text, record, show->header, &show->json);
    case ELC_VIEW_HTML:
        return elc_html_from_record(&show->text, record, &show->json);
    case ELC_VIEW_STREAM:
        break;
    }
    return elc_writer_record(&show->writer, record->raw, record->raw_len);
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

/* `name` is that of the stream. */
static int show_block(struct show *show, const char *name, struct elc_block *block) {
    struct elc_view *view = show->view;
    if (view->format == ELC_VIEW_STREAM && !selects(view)) {
        view->records += block->count;
        return elc_writer_block(&show->writer, block);
    }
    struct elc_record record;
    size_t position = 0;
    uint64_t number = block->first;
    int got = 0, err = 0;
    while (!err && !is_full(view) &&
           (got = elc_record_next(&record, &block->payload, &position)) > 0) {
        number++;
        if (view->id && !has_id(&record, view->id))
            continue;
        err = show_record(show, &record);
        if (err && view->format != ELC_VIEW_STREAM)
            err = elc_context(err, "%s: record %" PRIu64, name, number);
        view->records++;
    }
    return err ? err : got < 0 ? got : 0;
}

/* ---- events ---- */

/* What one event of the reader adds to the output. */
static int show_event(struct show *show, const struct elc_reader *reader, int event,
                      struct elc_block *block) {
    bool text = show->view->format != ELC_VIEW_STREAM;
    int err = 0;
    if (event == ELC_HEADER)
        err = show_header(show, reader);
    else if (event == ELC_BLOCK)
        err = show_block(show, elc_reader_name(reader), block);
    if (!err && text)
        err = put_text(show);
    else if (!err && (event == ELC_SEGMENT_END || is_full(show->view)))
        err = elc_writer_end(&show->writer);
    return err ? err : elc_output_flush(show->view->output);
}

static int show_events(struct show *show, struct elc_reader *reader) {
    struct elc_view *view = show->view;
    struct elc_block block = {0};
    bool ended = false; /* all records that were wanted are out */
    int event = 0, err = 0;
    while (!err && !(ended && view->may_stop) && (event = elc_reader_next(reader, &block)) > 0) {
        if (!ended)
            err = show_event(show, reader, event, &block);
        ended = is_full(view);
    }
    elc_buffer_free(&block.payload);
    return err ? err : event < 0 ? event : 0;
}

static int begin(struct show *show) {
    if (show->view->format == ELC_VIEW_HTML)
        return elc_html_begin(&show->text);
    if (show->view->format == ELC_VIEW_TSV && show->view->header)
        return elc_buffer_append(&show->text, ELC_TSV_COLUMNS, strlen(ELC_TSV_COLUMNS));
    return 0;
}

/* ELC_EINVAL, naming the operands that were read. */
static int fail_without_id(const struct show *show, const char *last) {
    int err = elc_fail(ELC_EINVAL, "no record has the id '%s'", show->view->id);
    return show->first && show->first != last ? elc_context(err, "%s … %s", show->first, last)
                                              : elc_context(err, "%s", last);
}

int elc_view_run(struct elc_view *view, struct elc_reader *reader) {
    struct show show = {
        .view = view,
        .json = {.token = view->token, .context = view->token_context},
    };
    int err = begin(&show);
    if (!err)
        err = show_events(&show, reader);
    if (!err && view->format == ELC_VIEW_HTML)
        err = elc_html_end(&show.text);
    if (!err && view->id && view->records == 0)
        err = fail_without_id(&show, elc_reader_name(reader));
    if (!err)
        err = put_text(&show);
    elc_writer_free(&show.writer);
    elc_buffer_free(&show.text);
    return err;
}

int elc_view_check(struct elc_reader *reader, uint64_t *records) {
    struct elc_block block = {0};
    int event;
    *records = 0;
    while ((event = elc_reader_next(reader, &block)) > 0)
        if (event == ELC_BLOCK)
            *records += block.count;
    elc_buffer_free(&block.payload);
    return event;
}
