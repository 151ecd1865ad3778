/* Metrics of classes that are right or wrong: accuracy, precision, recall, F1, Matthews.
 *
 * All of them follow from three numbers for each class, so counts of parts of the data add up, and
 * a bootstrap counts a part as often as it was drawn. Definitions, and what becomes of divisions by
 * zero, are scikit-learn's (zero_division=0); for spans seqeval's, which are the same.
 */
#ifndef ELECTRA_COUNTS_H
#define ELECTRA_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How often a class is the gold one, the predicted one, and both at once. */
struct elc_counts {
    uint64_t gold, predicted, correct;
};

struct elc_prf {
    double precision; /* correct / predicted, 0 where nothing was predicted */
    double recall;    /* correct / gold, 0 where there is no gold */
    double f1;        /* 2 correct / (gold + predicted), 0 where there is neither */
};
struct elc_prf elc_prf(const struct elc_counts *counts);

enum elc_average {
    ELC_MICRO,    /* of the counts added up */
    ELC_MACRO,    /* mean over classes */
    ELC_WEIGHTED, /* mean over classes, each as often as it is gold */
};
/* Over n classes. `present`: the macro average leaves out classes that are neither gold nor
 * predicted, as scikit-learn does unless it is told which labels there are. 0 for no classes. */
struct elc_prf elc_prf_average(const struct elc_counts *counts, size_t n, enum elc_average average,
                               bool present);

/* Of items that have one class each: the share that is correct; NaN of none. */
double elc_accuracy(const struct elc_counts *counts, size_t n);
/* Of the same: Matthews' correlation coefficient for any number of classes (Gorodkin 2004);
 * 0 where all gold or all predicted classes are one. */
double elc_matthews(const struct elc_counts *counts, size_t n);

#ifdef __cplusplus
}
#endif
#endif
