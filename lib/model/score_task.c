/* The tasks of the scorer. */
#include "score.h"

static const struct elc_score_entry *const entries[] = {
    [ELC_SCORE_RTD] = &elc_score_rtd,
    [ELC_SCORE_EMBED] = &elc_score_embed,
    [ELC_SCORE_FILL] = &elc_score_fill,
    [ELC_SCORE_PLL] = &elc_score_pll,
};

const struct elc_score_entry *elc_score_entry(enum elc_score_task task) {
    return entries[task];
}

/* ---- what results have in common ---- */

void *elc_score_numbers(struct elc_score_result *result, size_t count, size_t size) {
    result->numbers.len = 0;
    return elc_buffer_reserve(&result->numbers, count * size) < 0 ? NULL : result->numbers.data;
}

void elc_score_result_free(struct elc_score_result *result) {
    elc_buffer_free(&result->numbers);
    elc_buffer_free(&result->joined);
    *result = (struct elc_score_result){0};
}
