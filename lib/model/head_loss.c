/* The losses of fine-tuning, and their gradients. */
#include <math.h>

#include "head.h"

double elc_loss_class(elc_float *d_logits, uint32_t *best, const elc_float *logits, size_t n,
                      uint32_t target, double weight) {
    const elc_float max = elc_max(logits, n);
    double sum = 0;
    uint32_t likeliest = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)logits[i] - (double)max);
        if (likeliest == n && logits[i] == max)
            likeliest = (uint32_t)i;
    }
    *best = likeliest < n ? likeliest : 0;
    for (size_t i = 0; weight != 0 && i < n; i++) {
        const double p = exp((double)logits[i] - (double)max) / sum;
        d_logits[i] = (elc_float)(weight * (i == target ? p - 1 : p));
    }
    return log(sum) + ((double)max - (double)logits[target]);
}

double elc_loss_set(elc_float *d_logits, const elc_float *logits, const float *targets, size_t n,
                    double weight) {
    double loss = 0;
    for (size_t i = 0; i < n; i++) {
        double d_logit;
        loss += elc_binary_cross_entropy((double)logits[i], targets[i] > 0, &d_logit);
        if (weight != 0)
            d_logits[i] = (elc_float)(weight / (double)n * d_logit);
    }
    return loss / (double)n;
}

double elc_loss_squares(elc_float *d_logits, const elc_float *outputs, const float *targets,
                        size_t n, double weight) {
    double loss = 0;
    for (size_t i = 0; i < n; i++) {
        const double error = (double)outputs[i] - (double)targets[i];
        loss += error * error;
        if (weight != 0)
            d_logits[i] = (elc_float)(weight / (double)n * 2 * error);
    }
    return loss / (double)n;
}

/* One column of `logits`: cross-entropy of `target` among the rows. */
static double column_loss(elc_float *d_logits, const elc_float *logits, size_t n, uint32_t target,
                          double weight) {
    double max = (double)logits[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        max = fmax(max, (double)logits[2 * i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[2 * i] - max);
    for (size_t i = 0; weight != 0 && i < n; i++) {
        const double p = exp((double)logits[2 * i] - max) / sum;
        d_logits[2 * i] = (elc_float)(weight * (i == target ? p - 1 : p));
    }
    return log(sum) + (max - (double)logits[2 * (size_t)target]);
}

double elc_loss_span(elc_float *d_logits, const elc_float *logits, size_t n, uint32_t start,
                     uint32_t end, double weight) {
    return (column_loss(d_logits, logits, n, start, weight / 2) +
            column_loss(d_logits ? d_logits + 1 : NULL, logits + 1, n, end, weight / 2)) /
           2;
}
