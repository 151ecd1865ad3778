/* How well scores separate two classes. */
#ifndef ELECTRA_AUC_H
#define ELECTRA_AUC_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scores with labels, one pair for each token. A zeroed struct is empty. */
struct elc_scored {
    struct elc_score {
        float score;
        uint32_t label; /* 1: positive */
    } * pairs;
    size_t n, capacity;
};
int elc_scored_add(struct elc_scored *scored, float score, uint32_t label) ELC_MUST_CHECK;
void elc_scored_free(struct elc_scored *scored);

/* Area under the ROC curve: the probability that a positive scores above a negative, ties counting
 * half (Mann and Whitney; equal to scikit-learn's roc_auc_score). NaN without both classes.
 * Sorts the pairs. */
double elc_auc(struct elc_scored *scored);

#ifdef __cplusplus
}
#endif
#endif
