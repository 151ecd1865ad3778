/* Which tokens of a context are the answer to a question. */
#ifndef LIB_TEXT_SPANS_H
#define LIB_TEXT_SPANS_H

#include "samples.h"

/* The tokens *first … *last of a context of `len` bytes that are the answer: those of the words, as
 * white space divides them, that it begins and ends in, and of these the first that are just the
 * tokens of the answer by itself, if there are such (google-research/bert, run_squad.py:
 * "_improve_answer_span"). False: there are none. The answer's word numbers are written over. */
bool answer_span(const struct elc_encoding *tokens, const char *context, size_t len,
                 const struct answer *answer, struct elc_encoding *answer_tokens, size_t *first,
                 size_t *last);

#endif
