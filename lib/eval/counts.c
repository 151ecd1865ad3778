/* Metrics from counts. */
#include "electra/counts.h"

#include <math.h>

static double ratio(double a, double b) {
    return b > 0 ? a / b : 0;
}

struct elc_prf elc_prf(const struct elc_counts *counts) {
    double gold = (double)counts->gold, predicted = (double)counts->predicted;
    double correct = (double)counts->correct;
    return (struct elc_prf){
        .precision = ratio(correct, predicted),
        .recall = ratio(correct, gold),
        .f1 = ratio(2 * correct, gold + predicted),
    };
}

static struct elc_prf micro(const struct elc_counts *counts, size_t n) {
    struct elc_counts sum = {0};
    for (size_t i = 0; i < n; i++) {
        sum.gold += counts[i].gold;
        sum.predicted += counts[i].predicted;
        sum.correct += counts[i].correct;
    }
    return elc_prf(&sum);
}

struct elc_prf elc_prf_average(const struct elc_counts *counts, size_t n, enum elc_average average,
                               bool present) {
    struct elc_prf sum = {0};
    double weights = 0;
    if (average == ELC_MICRO)
        return micro(counts, n);
    for (size_t i = 0; i < n; i++) {
        bool occurs = counts[i].gold + counts[i].predicted > 0;
        double weight = average == ELC_WEIGHTED ? (double)counts[i].gold : occurs || !present;
        struct elc_prf of_class = elc_prf(&counts[i]);
        sum.precision += weight * of_class.precision;
        sum.recall += weight * of_class.recall;
        sum.f1 += weight * of_class.f1;
        weights += weight;
    }
    return (struct elc_prf){
        .precision = ratio(sum.precision, weights),
        .recall = ratio(sum.recall, weights),
        .f1 = ratio(sum.f1, weights),
    };
}

double elc_accuracy(const struct elc_counts *counts, size_t n) {
    double correct = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        correct += (double)counts[i].correct;
        all += (double)counts[i].gold;
    }
    return all > 0 ? correct / all : NAN;
}

double elc_matthews(const struct elc_counts *counts, size_t n) {
    double correct = 0, all = 0, both = 0, gold = 0, predicted = 0; /* sums; sums of products */
    for (size_t i = 0; i < n; i++) {
        double g = (double)counts[i].gold, p = (double)counts[i].predicted;
        correct += (double)counts[i].correct;
        all += g;
        both += g * p;
        gold += g * g;
        predicted += p * p;
    }
    double varies = (all * all - gold) * (all * all - predicted);
    return varies > 0 ? (correct * all - both) / sqrt(varies) : 0;
}
