/* Streams as text, parts of a stream, and a verdict on one. */
#ifndef ELECTRA_VIEW_H
#define ELECTRA_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/file.h"
#include "electra/json.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

enum elc_view_format {
    ELC_VIEW_JSONL, /* the twin of electra/json.h */
    ELC_VIEW_TSV,   /* the next three: electra/render.h */
    ELC_VIEW_TEXT,
    ELC_VIEW_HTML,
    ELC_VIEW_STREAM, /* records as they are: whole blocks, or with new numbers those selected */
};

/* What is to be shown, and what its caller learns. Everything is borrowed. */
struct elc_view {
    enum elc_view_format format;
    bool header;    /* JSON Lines: each header as well; TSV: a first line of column names */
    const char *id; /* only records with this id, a number being what its digits say; NULL: all */
    uint64_t limit; /* only so many records; UINT64_MAX: all */
    bool may_stop; /* reading may end with the last record wanted, no writer of a pipe being hurt */
    const struct elc_vocab_id *vocab; /* that the stream must have; NULL: any */
    const char *vocab_name;           /* in the message that it has another */
    elc_token_of *token;              /* names of tokens; NULL: none are shown */
    const void *token_context;
    struct elc_output *output; /* neither committed nor abandoned; flushed block by block */
    void *context;             /* of the function below, which may be NULL */
    /* May change the header of a stream of selected records before it is written. */
    int (*selected)(void *context, struct elc_header *header);
    uint64_t records; /* shown so far */
};
/* Shows all that the reader gives. ELC_EINVAL: no record has the id. After a failure what was
 * written has no end. */
int elc_view_run(struct elc_view *view, struct elc_reader *reader) ELC_MUST_CHECK;

/* Reads to the end, or to what is wrong, and counts the records. */
int elc_view_check(struct elc_reader *reader, uint64_t *records) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
