/* Samples: the texts of an input, each with what belongs to it, in any layout.
 *
 * A source reads operands into chunks, one after another; readers, one for each thread, walk the
 * samples of a chunk.
 */
#ifndef LIB_TEXT_SAMPLES_H
#define LIB_TEXT_SAMPLES_H

#include <jansson.h>

#include "electra/layout.h"
#include "electra/lines.h"
#include "electra/tokenize_run.h"

#include "articles.h"

/* Which fields of a row hold what, from 1; 0: none. */
struct row_columns {
    size_t text, pair, label, id;
    size_t n; /* fields that every row has; 0: enough */
};

/* Some texts as they were read. A zeroed struct is empty. */
struct sample_chunk {
    struct elc_chunk lines;
    size_t begin;   /* bytes of the lines that hold no text: a byte order mark, a header */
    uint64_t line;  /* number of the line there */
    uint64_t first; /* number of the first text in the input, from 1 */
    struct row_columns columns;              /* TSV, CoNLL */
    json_t *article;                         /* SQuAD: keeps `paragraph` alive */
    const json_t *paragraph;                 /* of any shape; NULL: an article has none */
    size_t article_number, paragraph_number; /* from 1; 0 where it is NULL */
    uint64_t replaced; /* invalid sequences, as far as the source has replaced them */
};
void sample_chunk_free(struct sample_chunk *chunk);

struct sample_source {
    const struct elc_tokenize_options *options;
    struct elc_lines *lines;
    uint64_t n_texts;           /* so far */
    struct row_columns columns; /* of the present operand */
    /* SQuAD: whose `replaced` is since the last chunk, for the next one; the present article, and
     * which of its paragraphs comes next */
    struct articles articles;
    json_t *article;
    size_t paragraph;
};
int sample_source_open(struct sample_source *source, const struct elc_tokenize_options *options,
                       char *const *paths, size_t n_paths) ELC_MUST_CHECK;
/* 1 a chunk, 0 the end, or a negative error that names the operand. */
int sample_source_next(struct sample_source *source, struct sample_chunk *chunk) ELC_MUST_CHECK;
void sample_source_close(struct sample_source *source);

struct answer {
    const char *text;  /* NULL: none */
    size_t len, start; /* bytes; where it stands in the pair */
};

struct sample {
    struct elc_layout_id id;
    uint64_t line;             /* of its operand, for messages; 0: none */
    const char *question;      /* SQuAD: what messages call it; NULL: none */
    size_t article, paragraph; /* SQuAD: which one has no questions that can be read; 0: it has */
    const char *text, *pair;   /* pair NULL: none */
    size_t text_len, pair_len;
    const uint32_t *word_starts; /* CoNLL: where words begin in the text; NULL: words are found */
    size_t n_words;
    bool has_span;            /* SQuAD: it is known what the answer is, or that there is none */
    struct answer answer;     /* the one to learn */
    struct elc_builder extra; /* fields for its records */
};

/* Walks chunks; one thread's. Zero it and set the options; sample_reader_free. What samples point
 * to is valid until the next call. */
struct sample_reader {
    const struct elc_tokenize_options *options;
    const struct sample_chunk *chunk;
    size_t position;
    uint64_t line, number; /* that come next */
    size_t question;
    uint64_t replaced; /* invalid sequences, since sample_reader_begin */
    struct elc_buffer clean, joined, starts, tags;
    json_t *json;
};
void sample_reader_begin(struct sample_reader *reader, const struct sample_chunk *chunk);
/* 1 a sample, 0 no more, or an error about one: `sample` then has its id and line, and the walk may
 * go on. `sample` is reused; free its `extra` at the end. */
int sample_reader_next(struct sample_reader *reader, struct sample *sample) ELC_MUST_CHECK;
void sample_reader_free(struct sample_reader *reader);

/* ---- what layouts are made of ---- */

/* Invalid bytes are replaced in a copy, in `clean`, or refused, as the options say; `*replaced`
 * counts. `before`: bytes that stand in front of the text, for the message. */
int sample_repair(const struct elc_tokenize_options *options, struct elc_buffer *clean,
                  uint64_t *replaced, uint64_t before, const char **text,
                  size_t *len) ELC_MUST_CHECK;
/* The error of Jansson's having failed to parse `len` bytes. */
int sample_not_json(const json_error_t *error, size_t len) ELC_MUST_CHECK;
/* Parses JSON; `*error` is what is wrong with it, where this fails by ELC_EFORMAT. */
int sample_parse(json_t **json, const char *text, size_t len, size_t flags,
                 json_error_t *error) ELC_MUST_CHECK;
/* The next line of the chunk, repaired, as the beginning of a sample. As sample_reader_next. */
int sample_line(struct sample_reader *reader, struct sample *sample, const char **line,
                size_t *len) ELC_MUST_CHECK;

int tsv_columns(struct row_columns *columns, const struct elc_columns *names, const char *header,
                size_t len) ELC_MUST_CHECK;
int tsv_next(struct sample_reader *reader, struct sample *sample) ELC_MUST_CHECK;
int jsonl_next(struct sample_reader *reader, struct sample *sample) ELC_MUST_CHECK;
/* Sentences of a chunk. */
uint64_t conll_count(const struct elc_chunk *lines, size_t position);
int conll_next(struct sample_reader *reader, struct sample *sample) ELC_MUST_CHECK;
/* The chunk of the next paragraph of the source's operands. */
int squad_read(struct sample_source *source, struct sample_chunk *chunk) ELC_MUST_CHECK;
int squad_next(struct sample_reader *reader, struct sample *sample) ELC_MUST_CHECK;

#endif
