/* Answers to questions, as the SQuAD evaluation scripts compare them. */
#ifndef ELECTRA_ANSWER_H
#define ELECTRA_ANSWER_H

#include <stddef.h>

#include "electra/error.h"
#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Replaces the contents of `normalized` by the text in lower case, without ASCII punctuation and
 * without the words "a", "an" and "the", its words separated by single spaces: normalize_answer()
 * of the SQuAD 1.1 and 2.0 scripts. Lower case, words and white space are those of Python's str
 * and re, with the tables of this library's Unicode version. `text` must be valid UTF-8. */
int elc_answer_normalize(struct elc_buffer *normalized, const char *text,
                         size_t len) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
