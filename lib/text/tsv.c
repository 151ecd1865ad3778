/* Rows of tab-separated fields. There is no quoting: a quotation mark is text, as in GLUE's files.
 */
#include <stdlib.h>
#include <string.h>

#include "electra/parse.h"
#include "samples.h"

/* ---- columns ---- */

/* The next field of a row; false: there is none. */
static bool next_field(const char **at, const char *end, const char **field, size_t *len) {
    if (!*at)
        return false;
    const char *tab = memchr(*at, '\t', (size_t)(end - *at));
    *field = *at;
    *len = (size_t)((tab ? tab : end) - *at);
    *at = tab ? tab + 1 : NULL;
    return true;
}

/* The place of a name in the header; 0: it has no such column. */
static size_t find_name(const char *name, const char *header, size_t header_len) {
    const char *at = header, *field;
    size_t len;
    for (size_t i = 1; next_field(&at, header + header_len, &field, &len); i++)
        if (strlen(name) == len && memcmp(field, name, len) == 0)
            return i;
    return 0;
}

/* A header for a message: its names with commas, cut where it is long. */
static int no_column(const char *name, const char *header, size_t header_len) {
    char names[200];
    size_t n = header_len < sizeof names - 1 ? header_len : sizeof names - 1;
    for (size_t i = 0; i < n; i++)
        names[i] = header[i] == '\t' ? ',' : header[i];
    names[n] = '\0';
    return elc_fail(ELC_EINVAL, "the header has no column '%s', only %s%s", name, names,
                    n < header_len ? "…" : "");
}

static int find_column(size_t *column, const char *name, const char *header, size_t header_len) {
    uint64_t number;
    *column = 0;
    if (!name)
        return 0;
    if (name[strspn(name, "0123456789")] == '\0') {
        int err = elc_parse_uint(&number, name, 1, UINT32_MAX);
        *column = (size_t)number;
        return err;
    }
    if (!header)
        return elc_fail(ELC_EINVAL, "'%s' is not the number of a column, and there is no header",
                        name);
    *column = find_name(name, header, header_len);
    return *column > 0 ? 0 : no_column(name, header, header_len);
}

int tsv_columns(struct row_columns *columns, const struct elc_columns *names, const char *header,
                size_t len) {
    *columns = (struct row_columns){0};
    int err = find_column(&columns->text, names->text ? names->text : "1", header, len);
    if (!err)
        err = find_column(&columns->pair, names->pair, header, len);
    if (!err)
        err = find_column(&columns->label, names->label, header, len);
    if (!err)
        err = find_column(&columns->id, names->id, header, len);
    for (size_t i = 0; header && i < len; i++)
        columns->n += header[i] == '\t';
    columns->n += header != NULL;
    const size_t wanted[] = {columns->text, columns->pair, columns->label, columns->id};
    for (size_t i = 0; !err && columns->n > 0 && i < 4; i++)
        if (wanted[i] > columns->n)
            err = elc_fail(ELC_EINVAL, "the header has %zu columns, and no column %zu", columns->n,
                           wanted[i]);
    return err;
}

/* ---- rows ---- */

/* The wanted field that a row of `n` fields lacks. */
static int check_row(const struct row_columns *columns, size_t n) {
    const struct {
        const char *what;
        size_t column;
    } wanted[] = {{"text", columns->text},
                  {"pair", columns->pair},
                  {"label", columns->label},
                  {"id", columns->id}};
    if (columns->n > 0 && n != columns->n)
        return elc_fail(ELC_EFORMAT, "%zu columns where the header has %zu", n, columns->n);
    for (size_t i = 0; i < 4; i++)
        if (wanted[i].column > n)
            return elc_fail(ELC_EFORMAT, "%zu column%s, but the %s is column %zu", n,
                            n == 1 ? "" : "s", wanted[i].what, wanted[i].column);
    return 0;
}

int tsv_next(struct sample_reader *reader, struct sample *sample) {
    const struct row_columns *columns = &reader->chunk->columns;
    const char *line, *field, *label = NULL;
    size_t line_len, len, label_len = 0, n = 0;
    int got = sample_line(reader, sample, &line, &line_len);
    if (got <= 0)
        return got;
    for (const char *at = line; next_field(&at, line + line_len, &field, &len);) {
        n++;
        if (n == columns->id)
            sample->id = (struct elc_layout_id){.text = field, .len = len};
        if (n == columns->text) {
            sample->text = field;
            sample->text_len = len;
        }
        if (n == columns->pair) {
            sample->pair = field;
            sample->pair_len = len;
        }
        if (n == columns->label) {
            label = field;
            label_len = len;
        }
    }
    int err = check_row(columns, n);
    if (!err && columns->label > 0 && label_len == 0)
        err = elc_fail(ELC_EFORMAT, "the label, column %zu, is empty", columns->label);
    if (!err && columns->label > 0)
        err = elc_builder_str(&sample->extra, "label", label, label_len);
    return err ? err : 1;
}
