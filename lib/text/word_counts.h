/* How often each word occurs: the inside of elc_word_counts. */
#ifndef LIB_TEXT_WORD_COUNTS_H
#define LIB_TEXT_WORD_COUNTS_H

#include "electra/learn.h"

#include "strings.h"

struct elc_word_counts {
    struct strings words;
    uint64_t *n; /* of each */
    size_t capacity;
    uint64_t limit; /* of distinct words; 0: none */
};

#endif
