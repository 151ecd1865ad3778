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

/* Scores with labels, one pair for each token or text. A zeroed struct is empty. */
struct elc_scored {
    struct elc_score {
        double score;
        uint32_t label; /* 1: positive */
        uint32_t text;  /* it belongs to: what a bootstrap draws */
    } * pairs;
    size_t n, capacity;
};
int elc_scored_add(struct elc_scored *scored, double score, uint32_t label) ELC_MUST_CHECK;
int elc_scored_add_of(struct elc_scored *scored, double score, uint32_t label,
                      uint32_t text) ELC_MUST_CHECK;
void elc_scored_free(struct elc_scored *scored);

/* Area under the ROC curve: the probability that a positive scores above a negative, ties counting
 * half (Mann and Whitney; equal to scikit-learn's roc_auc_score). NaN without both classes, and
 * where a score is NaN. Sorts the pairs. */
double elc_auc(struct elc_scored *scored);

/* The same of pairs that are sorted, each counting as often as weights[text] says. */
void elc_scored_sort(struct elc_scored *scored);
double elc_auc_weighted(const struct elc_scored *scored, const uint32_t *weights);

#ifdef __cplusplus
}
#endif
#endif
