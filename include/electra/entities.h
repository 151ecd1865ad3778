/* Entities in sequences of tags, found and compared as conlleval and seqeval do. */
#ifndef ELECTRA_ENTITIES_H
#define ELECTRA_ENTITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/counts.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One word's tag, as BIO and BIOES write it: "O", or a prefix with a type, as in "B-PER". */
struct elc_tag {
    char prefix;   /* B begins, I is inside, E ends, S is one alone; O: outside of all */
    uint32_t type; /* number of the type; unused for O */
};

/* Takes a tag apart. `type` points into `text`; "_", borrowed, for a prefix without one. False:
 * it is no such tag. */
bool elc_tag_split(char *prefix, const char **type, size_t *type_len, const char *text, size_t len);

/* A span of words [begin, end) of one type. */
struct elc_span {
    uint32_t type;
    size_t begin, end;
};
/* The first span that begins at `from` or later; false: there is none. A span goes on from B or I
 * to an I or E of the same type, and nowhere else; any tag but O begins one that does not go on. */
bool elc_span_next(struct elc_span *span, const struct elc_tag *tags, size_t n, size_t from);

/* Adds the spans of one text of n words to the counts of their types; a predicted span is correct
 * if a gold one has the same type and the same words. */
void elc_span_count(struct elc_counts *counts, const struct elc_tag *gold,
                    const struct elc_tag *predicted, size_t n);

#ifdef __cplusplus
}
#endif
#endif
