/* A pre-tokenization rule of the user's own: a PCRE2 pattern whose matches are the words. */
#ifndef LIB_TEXT_PATTERN_H
#define LIB_TEXT_PATTERN_H

#include <stddef.h>

#include "electra/error.h"

/* Immutable once made; shared by threads. */
struct pattern;
/* Refused: what PCRE2 does not understand, and what can match nothing at all. */
int pattern_new(struct pattern **pattern, const char *text) ELC_MUST_CHECK;
void pattern_destroy(struct pattern *pattern);

/* One thread's walk over the matches in a text, of which it may see one stretch after another. A
 * zeroed struct is ready; reuse it, with `hard_places` and `far` 0 for each new text. */
struct pattern_walk {
    const char *text; /* of the stretch, valid UTF-8 */
    size_t len;
    size_t position;      /* behind the last match */
    unsigned hard_places; /* of all stretches of this text, see pattern.c, */
    size_t far;           /* as are these bytes */
    void *match_data;
};
/* Begins a stretch. */
void pattern_walk_begin(struct pattern_walk *walk, const char *text, size_t len);
/* The next match that is not empty, as bytes `*start` … `*end`. 1, 0 if there is none, or an
 * error: ELC_ELIMIT where the pattern takes too long. */
int pattern_walk_next(const struct pattern *pattern, struct pattern_walk *walk, size_t *start,
                      size_t *end) ELC_MUST_CHECK;
void pattern_walk_free(struct pattern_walk *walk);

#endif
