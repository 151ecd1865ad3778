/* A sample as records: tokens, what of them fits, and the fields of a stream. */
#ifndef LIB_TEXT_RECORDS_H
#define LIB_TEXT_RECORDS_H

#include "samples.h"

/* Makes records; one thread's. Zero it and fill the first group; record_maker_free. */
struct record_maker {
    const struct elc_tokenize_options *options;
    const struct elc_tokenizer *tokenizer;
    struct elc_layout layout;
    bool google; /* the tokenizer's `compat` */

    struct elc_encoding text, pair, answer;
    const char *encoded; /* the context that `pair` was made from */
    struct elc_builder builder;
    uint32_t *best;
    size_t best_capacity;
};
/* Appends the records of a sample to `records`, one after another, and adds what there is to count
 * to `counts`. `*n` becomes their number. Fails, having appended nothing of use, for a sample
 * whose records no block can hold. */
int record_maker_run(struct record_maker *maker, const struct sample *sample,
                     struct elc_buffer *records, uint64_t *n,
                     struct elc_tokenize_counts *counts) ELC_MUST_CHECK;
/* Between texts that may lie in the same place. */
void record_maker_forget(struct record_maker *maker);
void record_maker_free(struct record_maker *maker);

/* Adds the tokens of a part of a text, and its words. */
void count_tokens(struct elc_tokenize_counts *counts, const struct elc_layout_part *part,
                  uint32_t unk);

#endif
