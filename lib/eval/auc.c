/* The area under the ROC curve by ranks. */
#include "electra/auc.h"

#include <math.h>
#include <stdlib.h>

int elc_scored_add(struct elc_scored *scored, float score, uint32_t label) {
    int err = elc_grow(&scored->pairs, &scored->capacity, scored->n + 1, sizeof *scored->pairs);
    if (err)
        return err;
    scored->pairs[scored->n++] = (struct elc_score){score, label};
    return 0;
}

void elc_scored_free(struct elc_scored *scored) {
    free(scored->pairs);
    *scored = (struct elc_scored){0};
}

static int by_score(const void *a, const void *b) {
    float x = ((const struct elc_score *)a)->score, y = ((const struct elc_score *)b)->score;
    return (x > y) - (x < y);
}

double elc_auc(struct elc_scored *scored) {
    if (scored->n > 0)
        qsort(scored->pairs, scored->n, sizeof *scored->pairs, by_score);
    double rank_sum = 0; /* of the positives, ranks from 1, ties sharing their mean */
    size_t n_positive = 0;
    for (size_t begin = 0, end; begin < scored->n; begin = end) {
        size_t positive = 0;
        for (end = begin; end < scored->n && scored->pairs[end].score == scored->pairs[begin].score;
             end++)
            positive += scored->pairs[end].label != 0;
        rank_sum += (double)positive * ((double)(begin + 1 + end) / 2);
        n_positive += positive;
        if (end == begin) /* a NaN equals nothing, itself included */
            return NAN;
    }
    double p = (double)n_positive, n = (double)(scored->n - n_positive);
    return p > 0 && n > 0 ? (rank_sum - p * (p + 1) / 2) / (p * n) : NAN;
}
