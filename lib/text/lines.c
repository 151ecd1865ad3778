/* Operands of text as chunks of whole lines. */
#include "electra/lines.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "electra/file.h"

/* What is read at once is a job of a pipeline: enough that passing it on costs nothing beside it,
 * little enough for a CPU's cache to hold it with what becomes of it. */
enum { READ_BYTES = 128 * 1024 };

static char standard_input[] = "-";
static char *const default_paths[] = {standard_input};

struct elc_lines {
    char *const *paths;
    size_t n_paths, next_path;
    enum elc_lines_unit unit;
    bool live;
    bool is_open;
    struct elc_input input;
    struct elc_buffer rest; /* begun line behind the last chunk */
    uint64_t first_line, first;
};

int elc_lines_new(struct elc_lines **lines, char *const *paths, size_t n_paths, bool live) {
    *lines = calloc(1, sizeof **lines);
    if (!*lines)
        return elc_fail_memory(sizeof **lines);
    (*lines)->paths = n_paths > 0 ? paths : default_paths;
    (*lines)->n_paths = n_paths > 0 ? n_paths : 1;
    (*lines)->live = live;
    return 0;
}

void elc_lines_set_unit(struct elc_lines *lines, enum elc_lines_unit unit) {
    lines->unit = unit;
}

void elc_lines_destroy(struct elc_lines *lines) {
    if (!lines)
        return;
    if (lines->is_open)
        elc_input_close(&lines->input);
    elc_buffer_free(&lines->rest);
    free(lines);
}

/* What an operand begins with that cannot be text. */
static int check_magic(const char *name, const struct elc_buffer *text) {
    const char *compressor = elc_compressor(text->data, text->len);
    if (compressor)
        return elc_fail(ELC_EFORMAT, "%s: compressed by %s, not text; pipe it through %s -dc", name,
                        compressor, compressor);
    if (text->len >= 9 && text->data[0] >= 0x80 &&
        memcmp(text->data + 1,
               "\xA7"
               "electra",
               8) == 0)
        return elc_fail(ELC_EFORMAT, "%s: a stream of records, not text", name);
    return 0;
}

/* Appends what can be read. 1 more may follow, 0 the end of the operand. */
static int read_more(struct elc_lines *lines, struct elc_chunk *chunk) {
    int rc = elc_buffer_reserve(&chunk->text, READ_BYTES);
    if (rc < 0)
        return rc;
    uint8_t *end = chunk->text.data + chunk->text.len;
    long long n = lines->live ? elc_input_read_some(&lines->input, end, READ_BYTES)
                              : elc_input_read(&lines->input, end, READ_BYTES);
    if (n < 0)
        return (int)n;
    bool beginning = lines->first_line == 1 && chunk->text.len < 16;
    chunk->text.len += (size_t)n;
    rc = beginning ? check_magic(lines->input.name, &chunk->text) : 0;
    if (rc < 0)
        return rc;
    return lines->live ? n > 0 : n == READ_BYTES;
}

/* The last line end among the bytes from `from` on, or NULL. */
static const uint8_t *last_newline(const struct elc_buffer *text, size_t from) {
    size_t at = text->len;
    while (at > from && text->data[at - 1] != '\n')
        at--;
    return at > from ? text->data + at - 1 : NULL;
}

/* The same of a line that has only white space. */
static const uint8_t *last_blank(const struct elc_buffer *text, size_t from) {
    size_t at = text->len;
    const uint8_t *end = NULL; /* of a line that is blank as far as it has been seen */
    for (; at > 0 && (at > from || end); at--) {
        uint8_t c = text->data[at - 1];
        if (c == '\n' && end)
            return end;
        if (c == '\n')
            end = text->data + at - 1;
        else if (c != ' ' && c != '\t' && c != '\r')
            end = NULL;
    }
    return end;
}

/* The last byte that does not belong to a character begun at the end. */
static const uint8_t *last_of_character(const struct elc_buffer *text) {
    for (size_t n = 1; n < 4 && n <= text->len; n++) {
        const uint8_t c = text->data[text->len - n];
        if (c < 0x80)
            break;
        if (c >= 0xC0 && n < (c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4))
            return text->len > n ? text->data + text->len - n - 1 : NULL;
    }
    return text->len > 0 ? text->data + text->len - 1 : NULL;
}

/* Where the last whole unit of a chunk ends, of which the bytes before `from` have been looked at;
 * NULL: there is none yet. */
static const uint8_t *last_end(const struct elc_lines *lines, const struct elc_buffer *text,
                               size_t from) {
    switch (lines->unit) {
    case ELC_UNIT_LINE:
        return last_newline(text, from);
    case ELC_UNIT_PARAGRAPH:
        return last_blank(text, from);
    case ELC_UNIT_CHARACTER:
        return last_of_character(text);
    }
    return NULL;
}

/* Reads until the chunk has at least one whole unit; keeps the begun one behind it as the rest. */
static int fill(struct elc_lines *lines, struct elc_chunk *chunk) {
    static const char *const units[] = {"line", "paragraph", "character"};
    while (true) {
        size_t before = chunk->text.len;
        int more = read_more(lines, chunk);
        if (more < 0)
            return more;
        if (more == 0) {
            chunk->ends_operand = true;
            return 0;
        }
        const uint8_t *end = last_end(lines, &chunk->text, before);
        if (!end && chunk->text.len > ELC_LINE_LIMIT)
            return elc_fail(ELC_ELIMIT, "%s: line %" PRIu64 ": a %s of more than %d bytes",
                            lines->input.name, lines->first_line, units[lines->unit],
                            ELC_LINE_LIMIT);
        if (end) {
            size_t whole = (size_t)(end + 1 - chunk->text.data);
            int rc = elc_buffer_append(&lines->rest, end + 1, chunk->text.len - whole);
            chunk->text.len = whole;
            chunk->waiting = lines->live && elc_input_would_block(&lines->input);
            return rc;
        }
    }
}

static size_t count_lines(const struct elc_buffer *text) {
    size_t n = 0;
    const uint8_t *at = text->data, *end = at + text->len;
    while (at < end) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
        n++;
    }
    return n;
}

int elc_lines_next(struct elc_lines *lines, struct elc_chunk *chunk) {
    if (!lines->is_open) {
        if (lines->next_path == lines->n_paths)
            return 0;
        int rc = elc_input_open(&lines->input, lines->paths[lines->next_path]);
        if (rc < 0)
            return rc;
        lines->next_path++;
        lines->is_open = true;
        lines->first_line = 1;
    }
    chunk->text.len = 0;
    chunk->ends_operand = chunk->waiting = false;
    chunk->name = lines->input.name;
    chunk->first_line = lines->first_line;
    chunk->first = lines->first;
    int rc = elc_buffer_append(&chunk->text, lines->rest.data, lines->rest.len);
    lines->rest.len = 0;
    if (rc == 0)
        rc = fill(lines, chunk);
    if (rc < 0)
        return rc;
    chunk->n_lines = count_lines(&chunk->text);
    lines->first_line += chunk->n_lines;
    lines->first += chunk->n_lines;
    if (chunk->ends_operand) {
        elc_input_close(&lines->input);
        lines->is_open = false;
    }
    return 1;
}

bool elc_chunk_line(const struct elc_chunk *chunk, size_t *position, const char **line,
                    size_t *len) {
    if (*position == chunk->text.len)
        return false;
    const char *start = (const char *)chunk->text.data + *position;
    size_t left = chunk->text.len - *position;
    const char *newline = memchr(start, '\n', left);
    *line = start;
    *len = newline ? (size_t)(newline - start) : left;
    *position += newline ? *len + 1 : left;
    if (*len > 0 && start[*len - 1] == '\r')
        --*len;
    return true;
}

bool elc_line_is_blank(const char *line, size_t len) {
    size_t i = 0;
    while (i < len && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r'))
        i++;
    return i == len;
}
