/* Where two tokenizers differ: Hugging Face's rules and Google's, on a text of one's own. */
#ifndef ELECTRA_COMPARE_H
#define ELECTRA_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/file.h"
#include "electra/tokenize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A comparison of lines. Fill the first group of a zeroed struct; everything is borrowed. */
struct elc_comparison {
    const struct elc_vocab *vocab; /* of both tokenizers */
    const struct elc_tokenizer *one, *other;
    char *const *paths; /* operands; n_paths 0: standard input */
    size_t n_paths;
    struct elc_output *output; /* where the row of each line that differs goes */
    bool live;                 /* write what there is whenever the input would block */
    bool keep_going;           /* go on after a line that is refused, and count it */
    void (*rejected)(void *context, const char *message); /* of each such line, or NULL */
    void *context;

    uint64_t n_lines, n_differ, n_rejected;
};
/* Reads all lines. A row is "FILE:LINE", the text that is cut differently, and the tokens that each
 * makes of it, separated by spaces, with tabs between the four and a LF; TAB, LF, CR and \ are
 * escaped by \. Invalid UTF-8 is taken for U+FFFD. Refused, by its number, is a line of more than
 * 2^22 tokens, and one on which a pattern takes too many steps: ELC_ELIMIT. */
int elc_compare(struct elc_comparison *comparison) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
