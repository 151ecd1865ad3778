/* The articles of SQuAD files: the elements of the array `data` of a JSON object.
 *
 * They are read one at a time, for files are larger than what should be held in memory. Jansson
 * parses the values; what stands around them is walked here.
 */
#ifndef LIB_TEXT_ARTICLES_H
#define LIB_TEXT_ARTICLES_H

#include <jansson.h>

#include "electra/lines.h"
#include "electra/tokenize_run.h"

/* Set options and lines, which are borrowed, and zero the rest; articles_free. */
struct articles {
    const struct elc_tokenize_options *options;
    struct elc_lines *lines; /* whose chunks hold whole characters */
    struct elc_chunk chunk;  /* last read; its name is the operand's */
    struct elc_buffer clean; /* the same without invalid sequences */
    uint64_t replaced;       /* invalid sequences so far */
    struct elc_buffer text;  /* of the operand: what has been read and is still needed */
    size_t at, fed;          /* what comes next in it; what the parser has not been given yet */
    uint64_t bytes;          /* of the operand, read so far */
    uint64_t line, column;   /* of the character at `at`, from 1 */
    bool open;               /* an operand is being read, */
    bool in_data;            /* in the array of articles */
    bool had_data;           /* or behind it */
    size_t n_members;        /* of its object, */
    size_t n_articles;       /* of its array, so far */
    int failed;              /* how reading failed while the parser asked for more */
};
/* The next article of all operands, which the caller gives back by json_decref. 1 an article, 0 the
 * end, or a negative error that names the operand. */
int articles_next(struct articles *articles, json_t **article) ELC_MUST_CHECK;
void articles_free(struct articles *articles);

#endif
