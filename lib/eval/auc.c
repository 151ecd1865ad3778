/* The area under the ROC curve by counting, for each positive, the negatives below it. */
#include "electra/auc.h"

#include <math.h>
#include <stdlib.h>

int elc_scored_add_of(struct elc_scored *scored, double score, uint32_t label, uint32_t text) {
    int err = elc_grow(&scored->pairs, &scored->capacity, scored->n + 1, sizeof *scored->pairs);
    if (err)
        return err;
    scored->pairs[scored->n++] = (struct elc_score){score, label, text};
    return 0;
}

int elc_scored_add(struct elc_scored *scored, double score, uint32_t label) {
    return elc_scored_add_of(scored, score, label, 0);
}

void elc_scored_free(struct elc_scored *scored) {
    free(scored->pairs);
    *scored = (struct elc_scored){0};
}

static int by_score(const void *a, const void *b) {
    double x = ((const struct elc_score *)a)->score, y = ((const struct elc_score *)b)->score;
    return (x > y) - (x < y);
}

void elc_scored_sort(struct elc_scored *scored) {
    if (scored->n > 0)
        qsort(scored->pairs, scored->n, sizeof *scored->pairs, by_score);
}

double elc_auc_weighted(const struct elc_scored *scored, const uint32_t *weights) {
    double above = 0, positives = 0, negatives = 0; /* pairs in the right order; of those so far */
    for (size_t begin = 0, end; begin < scored->n; begin = end) {
        double positive = 0, negative = 0; /* of those with this score */
        for (end = begin; end < scored->n && scored->pairs[end].score == scored->pairs[begin].score;
             end++) {
            double weight = weights ? (double)weights[scored->pairs[end].text] : 1;
            *(scored->pairs[end].label ? &positive : &negative) += weight;
        }
        if (end == begin) /* a NaN equals nothing, itself included */
            return NAN;
        above += positive * (negatives + negative / 2);
        positives += positive;
        negatives += negative;
    }
    return positives > 0 && negatives > 0 ? above / (positives * negatives) : NAN;
}

double elc_auc(struct elc_scored *scored) {
    elc_scored_sort(scored);
    return elc_auc_weighted(scored, NULL);
}
