/* CoNLL: a word a line with its tag in another column, a blank line behind each sentence. */
#include <string.h>

#include "samples.h"

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_document_start(const char *line, size_t len) {
    static const char mark[] = "-DOCSTART-";
    return len >= sizeof mark - 1 && memcmp(line, mark, sizeof mark - 1) == 0;
}

uint64_t conll_count(const struct elc_chunk *lines, size_t position) {
    const char *line;
    size_t len;
    uint64_t n = 0;
    bool inside = false;
    while (elc_chunk_line(lines, &position, &line, &len)) {
        bool blank = elc_line_is_blank(line, len);
        n += !inside && !blank && !is_document_start(line, len);
        inside = !blank && (inside || !is_document_start(line, len));
    }
    return n;
}

/* The columns of a line: the word, the tag (NULL: there is none), and how many there are. */
static size_t split(const struct row_columns *columns, const char *line, size_t line_len,
                    const char **word, size_t *word_len, const char **tag, size_t *tag_len) {
    const char *at = line, *end = line + line_len;
    size_t n = 0;
    *word = *tag = NULL;
    while (true) {
        while (at < end && is_space(*at))
            at++;
        if (at == end)
            return n;
        const char *start = at;
        while (at < end && !is_space(*at))
            at++;
        n++;
        if (n == columns->text) {
            *word = start;
            *word_len = (size_t)(at - start);
        }
        if (columns->label > 0 ? n == columns->label : n > 1) {
            *tag = start;
            *tag_len = (size_t)(at - start);
        }
    }
}

/* A sentence under construction. */
struct sentence {
    struct sample_reader *reader;
    size_t n_words, n_tags, n_columns;
};

/* Puts a word behind the others, and its tag, its length before it, behind their tags. */
static int add_word(struct sentence *sentence, const char *line, size_t len) {
    struct sample_reader *reader = sentence->reader;
    const struct row_columns *columns = &reader->chunk->columns;
    const char *word, *tag;
    size_t word_len = 0, tag_len = 0;
    size_t n = split(columns, line, len, &word, &word_len, &tag, &tag_len);
    if (!word || (columns->label > 0 && !tag))
        return elc_fail(ELC_EFORMAT, "%zu column%s, but the %s is column %zu", n, n == 1 ? "" : "s",
                        word ? "tag" : "word", word ? columns->label : columns->text);
    if (sentence->n_words > 0 && n != sentence->n_columns)
        return elc_fail(ELC_EFORMAT, "%zu column%s where the line before has %zu", n,
                        n == 1 ? "" : "s", sentence->n_columns);
    sentence->n_columns = n;
    int err = sentence->n_words > 0 ? elc_buffer_append(&reader->joined, " ", 1) : 0;
    uint32_t start = (uint32_t)reader->joined.len;
    sentence->n_words++;
    if (!err)
        err = elc_buffer_append(&reader->starts, &start, sizeof start);
    if (!err)
        err = elc_buffer_append(&reader->joined, word, word_len);
    if (err || !tag)
        return err;
    sentence->n_tags++;
    err = elc_buffer_append(&reader->tags, &tag_len, sizeof tag_len);
    return err ? err : elc_buffer_append(&reader->tags, tag, tag_len);
}

static int put_tags(const struct sentence *sentence, struct elc_builder *extra) {
    const uint8_t *at = sentence->reader->tags.data;
    int err = elc_builder_array(extra, "label", sentence->n_tags);
    for (size_t i = 0; i < sentence->n_tags && !err; i++) {
        size_t len;
        memcpy(&len, at, sizeof len);
        at += sizeof len;
        err = elc_builder_element_str(extra, (const char *)at, len);
        at += len;
    }
    return err;
}

/* The first line of the next sentence. As sample_line. */
static int begin_sentence(struct sample_reader *reader, const char **line, size_t *len) {
    while (elc_chunk_line(&reader->chunk->lines, &reader->position, line, len)) {
        reader->line++;
        if (!elc_line_is_blank(*line, *len) && !is_document_start(*line, *len))
            return 1;
    }
    return 0;
}

int conll_next(struct sample_reader *reader, struct sample *sample) {
    struct sentence sentence = {.reader = reader};
    const char *line;
    size_t len;
    if (!begin_sentence(reader, &line, &len))
        return 0;
    sample->id.number = reader->number++;
    reader->joined.len = reader->starts.len = reader->tags.len = 0;
    int failed = 0;
    bool more = true;
    for (; more && !elc_line_is_blank(line, len); reader->line += more) {
        int err = 0;
        if (!failed && !is_document_start(line, len))
            err = sample_repair(reader->options, &reader->clean, &reader->replaced, 0, &line, &len);
        if (!failed && !err && !is_document_start(line, len))
            err = add_word(&sentence, line, len);
        if (err) { /* the rest of the sentence is passed over */
            failed = err;
            sample->line = reader->line - 1;
        }
        more = elc_chunk_line(&reader->chunk->lines, &reader->position, &line, &len);
    }
    if (failed)
        return failed;
    sample->text = (const char *)reader->joined.data;
    sample->text_len = reader->joined.len;
    sample->word_starts = (const uint32_t *)(const void *)reader->starts.data;
    sample->n_words = sentence.n_words;
    int err = sentence.n_tags > 0 ? put_tags(&sentence, &sample->extra) : 0;
    return err ? err : 1;
}
