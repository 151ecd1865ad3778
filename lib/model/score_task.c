/* The tasks of the scorer. */
#include "score.h"

static const struct elc_score_entry *const entries[] = {
    [ELC_SCORE_RTD] = &elc_score_rtd,           [ELC_SCORE_EMBED] = &elc_score_embed,
    [ELC_SCORE_FILL] = &elc_score_fill,         [ELC_SCORE_PLL] = &elc_score_pll,
    [ELC_SCORE_CLASSIFY] = &elc_score_classify, [ELC_SCORE_REGRESS] = &elc_score_regress,
    [ELC_SCORE_TAG] = &elc_score_tag,           [ELC_SCORE_QA] = &elc_score_qa,
};

const struct elc_score_entry *elc_score_entry(enum elc_score_task task) {
    return task < sizeof entries / sizeof *entries ? entries[task] : NULL;
}

/* ---- what results have in common ---- */

void *elc_score_numbers(struct elc_score_result *result, size_t count, size_t size) {
    result->numbers.len = 0;
    return elc_buffer_reserve(&result->numbers, count * size) < 0 ? NULL : result->numbers.data;
}

void elc_score_result_free(struct elc_score_result *result) {
    elc_buffer_free(&result->numbers);
    elc_buffer_free(&result->joined);
    elc_buffer_free(&result->word_buffer);
    elc_buffer_free(&result->whole[0]);
    elc_buffer_free(&result->whole[1]);
    elc_buffer_free(&result->characters);
    elc_buffer_free(&result->tag_buffer);
    elc_buffer_free(&result->entity_buffer);
    elc_answers_free(&result->answers);
    *result = (struct elc_score_result){0};
}
