/* What the layouts of texts have in common, and the layout that has nothing else: lines. */
#include "samples.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- sources ---- */

int sample_source_open(struct sample_source *source, const struct elc_tokenize_options *options,
                       char *const *paths, size_t n_paths) {
    *source = (struct sample_source){.options = options};
    int err = elc_lines_new(&source->lines, paths, n_paths, options->flush);
    if (err)
        return err;
    if (options->layout == ELC_INPUT_CONLL)
        elc_lines_set_unit(source->lines, ELC_UNIT_PARAGRAPH);
    if (options->layout == ELC_INPUT_SQUAD)
        elc_lines_set_unit(source->lines, ELC_UNIT_CHARACTER);
    source->articles = (struct articles){.options = options, .lines = source->lines};
    return 0;
}

void sample_source_close(struct sample_source *source) {
    elc_lines_destroy(source->lines);
    articles_free(&source->articles);
    json_decref(source->article);
    *source = (struct sample_source){0};
}

void sample_chunk_free(struct sample_chunk *chunk) {
    elc_buffer_free(&chunk->lines.text);
    json_decref(chunk->article);
    chunk->article = NULL;
}

/* What stands in front of an operand's first text. */
static int skip_beginning(const struct sample_source *source, struct sample_chunk *chunk) {
    const struct elc_tokenize_options *options = source->options;
    const struct elc_buffer *text = &chunk->lines.text;
    bool header = options->layout == ELC_INPUT_TSV && options->columns.header;
    if (text->len >= 3 && memcmp(text->data, "\xEF\xBB\xBF", 3) == 0)
        chunk->begin = 3; /* a byte order mark */
    const char *line = "";
    size_t len = 0;
    bool found = header && elc_chunk_line(&chunk->lines, &chunk->begin, &line, &len);
    if (header && !found)
        return elc_fail(ELC_EFORMAT, "%s: empty, where a header belongs", chunk->lines.name);
    chunk->line += found;
    if (options->layout != ELC_INPUT_TSV && options->layout != ELC_INPUT_CONLL)
        return 0;
    int err = tsv_columns(&chunk->columns, &options->columns, header ? line : NULL, len);
    return err ? elc_context(err, "%s", chunk->lines.name) : 0;
}

int sample_source_next(struct sample_source *source, struct sample_chunk *chunk) {
    enum elc_input_layout layout = source->options->layout;
    chunk->first = source->n_texts + 1;
    chunk->replaced = 0;
    if (layout == ELC_INPUT_SQUAD)
        return squad_read(source, chunk);
    int got = elc_lines_next(source->lines, &chunk->lines);
    if (got <= 0)
        return got;
    chunk->begin = 0;
    chunk->line = chunk->lines.first_line;
    bool plain = layout == ELC_INPUT_LINES || layout == ELC_INPUT_DOCS;
    if (chunk->line == 1 && !plain) {
        got = skip_beginning(source, chunk);
        if (got < 0)
            return got;
        source->columns = chunk->columns;
    }
    chunk->columns = source->columns;
    source->n_texts += layout == ELC_INPUT_CONLL
                           ? conll_count(&chunk->lines, chunk->begin)
                           : chunk->lines.n_lines - (chunk->line - chunk->lines.first_line);
    return 1;
}

/* ---- readers ---- */

void sample_reader_begin(struct sample_reader *reader, const struct sample_chunk *chunk) {
    reader->chunk = chunk;
    reader->position = chunk->begin;
    reader->line = chunk->line;
    reader->number = chunk->first;
    reader->question = 0;
    reader->replaced = chunk->replaced;
}

void sample_reader_free(struct sample_reader *reader) {
    elc_buffer_free(&reader->clean);
    elc_buffer_free(&reader->joined);
    elc_buffer_free(&reader->starts);
    elc_buffer_free(&reader->tags);
    json_decref(reader->json);
    reader->json = NULL;
}

int sample_repair(const struct elc_tokenize_options *options, struct elc_buffer *clean,
                  uint64_t *replaced, uint64_t before, const char **text, size_t *len) {
    size_t valid = elc_utf8_valid(*text, *len);
    if (valid == *len)
        return 0;
    if (!options->replace_invalid)
        return elc_fail(ELC_EFORMAT, "invalid UTF-8 at byte %" PRIu64, before + valid + 1);
    clean->len = 0;
    long long n = elc_utf8_clean(clean, *text, *len);
    if (n < 0)
        return (int)n;
    *replaced += (uint64_t)n;
    *text = (const char *)clean->data;
    *len = clean->len;
    return 0;
}

int sample_not_json(const json_error_t *error, size_t len) {
    bool no_memory = json_error_code(error) == json_error_out_of_memory || !error->text[0];
    return no_memory ? elc_fail_memory(len) : elc_fail(ELC_EFORMAT, "not JSON: %s", error->text);
}

int sample_parse(json_t **json, const char *text, size_t len, size_t flags, json_error_t *error) {
    *json = json_loadb(text, len, flags | JSON_ALLOW_NUL, error);
    if (*json)
        return 0;
    return sample_not_json(error, len);
}

int sample_line(struct sample_reader *reader, struct sample *sample, const char **line,
                size_t *len) {
    if (!elc_chunk_line(&reader->chunk->lines, &reader->position, line, len))
        return 0;
    sample->id = (struct elc_layout_id){.number = reader->number++};
    sample->line = reader->line++;
    int err = sample_repair(reader->options, &reader->clean, &reader->replaced, 0, line, len);
    return err ? err : 1;
}

static int line_next(struct sample_reader *reader, struct sample *sample) {
    return sample_line(reader, sample, &sample->text, &sample->text_len);
}

int sample_reader_next(struct sample_reader *reader, struct sample *sample) {
    struct elc_builder extra = sample->extra;
    elc_builder_reset(&extra);
    *sample = (struct sample){.extra = extra};
    switch (reader->options->layout) {
    case ELC_INPUT_LINES:
    case ELC_INPUT_DOCS:
        return line_next(reader, sample);
    case ELC_INPUT_TSV:
        return tsv_next(reader, sample);
    case ELC_INPUT_JSONL:
        return jsonl_next(reader, sample);
    case ELC_INPUT_CONLL:
        return conll_next(reader, sample);
    case ELC_INPUT_SQUAD:
        return squad_next(reader, sample);
    }
    return elc_fail(ELC_EINVAL, "no such layout");
}
