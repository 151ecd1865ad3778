/* Text input: operands read one after another as chunks of whole lines.
 *
 * Lines end in LF or CRLF; the last one of an operand need not end at all. NUL and invalid bytes
 * are passed on as they are. A chunk never holds lines of two operands.
 */
#ifndef ELECTRA_LINES_H
#define ELECTRA_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ELC_LINE_LIMIT = 1 << 30 /* bytes of one line, or other unit */ };

/* Some lines. A zeroed struct is empty; reuse it, then elc_buffer_free(&chunk.text). */
struct elc_chunk {
    struct elc_buffer text;
    const char *name;    /* of the operand, for messages; borrowed from the paths */
    uint64_t first_line; /* number of the first line in its operand, from 1 */
    uint64_t first;      /* number of the first line in the whole input, from 0 */
    size_t n_lines;      /* may be 0 at the end of an operand */
    bool ends_operand;
    bool waiting; /* live input has no more to give at present */
};

/* What a chunk holds, at least one and whole. */
enum elc_lines_unit {
    ELC_UNIT_LINE,
    ELC_UNIT_PARAGRAPH, /* lines up to and with one of white space alone */
    ELC_UNIT_CHARACTER, /* of UTF-8: lines may be cut, so that their numbers say nothing */
};

struct elc_lines;
/* A reader over operands in order (n_paths 0: standard input). `paths` stays the caller's.
 * `live`: hand over what has come rather than wait for a chunk to fill. */
int elc_lines_new(struct elc_lines **lines, char *const *paths, size_t n_paths,
                  bool live) ELC_MUST_CHECK;
/* Before the first chunk: what chunks are made of; lines if this is not called. */
void elc_lines_set_unit(struct elc_lines *lines, enum elc_lines_unit unit);
/* Replaces the contents of `chunk`. 1 a chunk, 0 the end of input, or a negative error, which
 * names the operand: unreadable, compressed, a stream, a unit over the limit of a
 * line. */
int elc_lines_next(struct elc_lines *lines, struct elc_chunk *chunk) ELC_MUST_CHECK;
void elc_lines_destroy(struct elc_lines *lines);

/* Walks the lines of a chunk, without their ends. `*position` starts at 0. False: no more. */
bool elc_chunk_line(const struct elc_chunk *chunk, size_t *position, const char **line,
                    size_t *len);
/* Whether a line has white space alone: spaces, tabs, CRs. */
bool elc_line_is_blank(const char *line, size_t len);

#ifdef __cplusplus
}
#endif
#endif
