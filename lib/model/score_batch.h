/* One batch of the scorer: records in, results out (score_batch.c). */
#ifndef ELC_MODEL_SCORE_BATCH_H
#define ELC_MODEL_SCORE_BATCH_H

#include "score.h"

/* Whole texts, with all their windows, and what became of them. */
struct elc_score_batch {
    const char *name; /* of the operand */
    struct elc_score_limits limits;
    struct elc_buffer payload; /* records */
    uint64_t first;            /* number of the first one in the segment, from 0 */
    uint64_t n_records, n_tokens, n_rejected;
    struct elc_buffer out;      /* results */
    struct elc_buffer messages; /* of rejected records, NUL-terminated each */
};

/* What one thread works with. A zeroed struct is empty. */
struct elc_score_worker {
    struct elc_score_pass pass;
    struct elc_score_text text;
    struct elc_score_result result;
    struct elc_builder builder;
};
void elc_score_worker_free(struct elc_score_worker *worker);

/* Appends the result of each text to `out`. Fails with the first record that cannot be scored,
 * naming it; with --keep-going it has a row that says why. */
int elc_score_batch_work(struct elc_score_batch *batch, struct elc_score_worker *worker,
                         const struct elc_scorer *scorer) ELC_MUST_CHECK;

#endif
