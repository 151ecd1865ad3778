/* A JSON object of any size, with an array whose elements are had one at a time. */
#include "articles.h"

#include <inttypes.h>
#include <string.h>

#include "samples.h"
#include "utf8.h"

void articles_free(struct articles *articles) {
    elc_buffer_free(&articles->chunk.text);
    elc_buffer_free(&articles->clean);
    elc_buffer_free(&articles->text);
}

/* ---- text ---- */

/* Appends what comes next of the operands. 1, 0 at the end of the last one, or an error. */
static int read_chunk(struct articles *a) {
    int got = elc_lines_next(a->lines, &a->chunk);
    if (got <= 0)
        return got;
    const char *text = (const char *)a->chunk.text.data;
    size_t len = a->chunk.text.len;
    int err = sample_repair(a->options, &a->clean, &a->replaced, a->bytes, &text, &len);
    a->bytes += a->chunk.text.len;
    if (!err)
        err = elc_buffer_append(&a->text, text, len);
    if (!err && a->text.len > ELC_LINE_LIMIT)
        err = elc_fail(ELC_ELIMIT, "line %" PRIu64 ": a value of more than %d bytes", a->line,
                       ELC_LINE_LIMIT);
    return err ? elc_context(err, "%s", a->chunk.name) : 1;
}

/* Drops what is behind, and reads on. 1, 0 at the end of the operand, or an error. */
static int read_more(struct articles *a) {
    const size_t left = a->text.len - a->at;
    if (left > 0 && a->at > 0)
        memmove(a->text.data, a->text.data + a->at, left);
    a->text.len = left;
    a->fed -= a->fed < a->at ? a->fed : a->at;
    a->at = 0;
    while (a->text.len == left) {
        int got = a->chunk.ends_operand ? 0 : read_chunk(a);
        if (got <= 0)
            return got;
    }
    return 1;
}

static void advance(struct articles *a, size_t n) {
    for (; n > 0; n--, a->at++) {
        const char byte = (char)a->text.data[a->at];
        a->column += !utf8_continues(byte);
        if (byte == '\n') {
            a->line++;
            a->column = 1;
        }
    }
}

/* The byte that comes next behind white space, or -1 at the end of the operand. */
static int peek(struct articles *a, int *byte) {
    int more = 1;
    while (more > 0) {
        for (; a->at < a->text.len; advance(a, 1)) {
            *byte = a->text.data[a->at];
            if (*byte != ' ' && *byte != '\t' && *byte != '\n' && *byte != '\r')
                return 0;
        }
        more = read_more(a);
    }
    *byte = -1;
    return more;
}

/* ---- values ---- */

/* Says where the present error is. */
static int name_place(const struct articles *a, int err) {
    return elc_fail(err, "%s: line %" PRIu64 ": %s (column %" PRIu64 ")", a->chunk.name, a->line,
                    elc_error(), a->column);
}

/* Takes the byte that comes next, which has to be the one. */
static int take(struct articles *a, char expected) {
    int byte;
    int err = peek(a, &byte);
    if (err)
        return err;
    if (byte != expected)
        return name_place(a, elc_fail(ELC_EFORMAT, "not JSON: '%c' expected%s", expected,
                                      byte < 0 ? " near end of file" : ""));
    advance(a, 1);
    return 0;
}

/* Behind the opening bracket of an object or array, or one of its items: 1 if another one follows;
 * 0 if `closing` does, which is taken. */
static int next_item(struct articles *a, bool first, char closing) {
    int byte;
    int err = peek(a, &byte);
    if (err)
        return err;
    if (byte == closing) {
        advance(a, 1);
        return 0;
    }
    err = first ? 0 : take(a, ',');
    return err ? err : 1;
}

/* Gives the parser up to `n` bytes: a json_load_callback_t. */
static size_t feed(void *buffer, size_t n, void *context) {
    struct articles *a = context;
    if (a->fed == a->text.len) {
        int more = read_more(a);
        a->failed = more < 0 ? more : 0;
        if (more <= 0)
            return more < 0 ? (size_t)-1 : 0;
    }
    const size_t left = a->text.len - a->fed;
    const size_t given = n < left ? n : left;
    memcpy(buffer, a->text.data + a->fed, given);
    a->fed += given;
    return given;
}

/* Takes the value that comes next. */
static int take_value(struct articles *a, json_t **value) {
    const size_t flags = JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL;
    json_error_t error;
    int byte;
    int err = peek(a, &byte); /* for the line of an error */
    if (err)
        return err;
    a->fed = a->at;
    a->failed = 0;
    *value = json_load_callback(feed, a, flags, &error);
    if (*value && !a->failed) {
        advance(a, (size_t)error.position);
        return 0;
    }
    json_decref(*value);
    err = a->failed ? a->failed : sample_not_json(&error, a->text.len);
    if (a->failed || err != ELC_EFORMAT)
        return err;
    a->column = (error.line > 1 ? 0 : a->column - 1) + (uint64_t)error.column;
    a->line += (uint64_t)error.line - 1;
    return name_place(a, err);
}

static int not_squad(const struct articles *a) {
    return elc_fail(ELC_EFORMAT, "%s: not SQuAD: there is no array 'data'", a->chunk.name);
}

/* Takes the beginning of the array of articles. */
static int begin_data(struct articles *a) {
    int byte;
    int err = peek(a, &byte);
    if (!err && a->had_data)
        err = name_place(a, elc_fail(ELC_EFORMAT, "'data' comes twice"));
    if (!err && byte != '[')
        err = not_squad(a);
    a->had_data = true;
    a->n_articles = 0;
    return err ? err : take(a, '[');
}

/* Takes a member of the object: 1 if it is the array of articles, which is begun only. */
static int take_member(struct articles *a) {
    json_t *name, *value;
    int byte;
    int err = peek(a, &byte);
    if (!err && byte != '"')
        err = take(a, '"');
    if (!err)
        err = take_value(a, &name);
    if (err)
        return err;
    const bool is_data = strcmp(json_string_value(name), "data") == 0;
    json_decref(name);
    err = take(a, ':');
    if (!err && is_data) {
        err = begin_data(a);
        return err ? err : 1;
    }
    if (!err)
        err = take_value(a, &value);
    if (!err)
        json_decref(value);
    return err;
}

/* ---- operands ---- */

/* Takes the beginning of the next operand. 1, 0 if there is none, or an error. */
static int open_operand(struct articles *a) {
    a->text.len = a->at = a->fed = a->n_members = 0;
    a->bytes = 0;
    a->line = a->column = 1;
    a->had_data = false;
    int got = read_chunk(a);
    if (got <= 0)
        return got;
    if (a->text.len >= 3 && memcmp(a->text.data, "\xEF\xBB\xBF", 3) == 0)
        a->at = 3; /* a byte order mark */
    int byte;
    int err = peek(a, &byte);
    if (!err && byte >= 0 && byte != '{')
        err = not_squad(a);
    if (!err)
        err = take(a, '{');
    return err ? err : 1;
}

/* Takes what stands behind the object. */
static int close_operand(struct articles *a) {
    int byte;
    int err = peek(a, &byte);
    if (!err && byte >= 0)
        err = name_place(a, elc_fail(ELC_EFORMAT, "not JSON: end of file expected"));
    return err || a->had_data ? err : not_squad(a);
}

/* Goes on to the array of articles. 1, 0 if the operand has none any more, or an error. */
static int find_data(struct articles *a) {
    int got;
    while ((got = next_item(a, a->n_members++ == 0, '}')) > 0) {
        got = take_member(a);
        if (got != 0)
            return got;
    }
    return got < 0 ? got : close_operand(a);
}

/* As articles_next, of the present array. */
static int next_article(struct articles *a, json_t **article) {
    int got = next_item(a, a->n_articles++ == 0, ']');
    int err = got > 0 ? take_value(a, article) : 0;
    return err ? err : got;
}

int articles_next(struct articles *a, json_t **article) {
    while (true) {
        int got = a->in_data ? next_article(a, article) : 0;
        if (got != 0)
            return got;
        if (!a->open && (got = open_operand(a)) <= 0)
            return got;
        got = find_data(a);
        if (got < 0)
            return got;
        a->open = a->in_data = got > 0;
    }
}
