/* Losses, their gradients, and drawing tokens. */
#include <math.h>

#include "electra/nn.h"
#include "electra/simd.h"

/* The first i for which weights[0] + … + weights[i] exceeds uniform·(their sum). Sums first run
 * over whole blocks, then inside the one that crosses. */
static uint32_t draw(const elc_float *weights, size_t n, double uniform) {
    enum { BLOCK = 512 };
    double total = 0;
    for (size_t first = 0; first < n; first += BLOCK)
        total += elc_sum(weights + first, n - first < BLOCK ? n - first : BLOCK);
    const double wanted = uniform * total;
    double passed = 0;
    size_t first = 0;
    for (; first + BLOCK < n; first += BLOCK) {
        double block = elc_sum(weights + first, BLOCK);
        if (passed + block > wanted)
            break;
        passed += block;
    }
    /* Rounding may leave `wanted` just above the sum: then the last token that has any weight. */
    size_t last = first;
    for (size_t i = first; i < n; i++) {
        if (weights[i] > 0)
            last = i;
        passed += weights[i];
        if (passed > wanted)
            return (uint32_t)i;
    }
    return (uint32_t)last;
}

static uint32_t index_of(const elc_float *x, size_t n, elc_float value) {
    for (size_t i = 0; i < n; i++)
        if (x[i] == value)
            return (uint32_t)i;
    return 0;
}

ELC_VECTOR static void scaled(elc_float *y, elc_float a, const elc_float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = a * x[i];
}

void elc_cross_entropy_row(struct elc_cross_entropy *result, elc_float *logits, size_t n,
                           uint32_t target, elc_float weight, elc_float temperature, double uniform,
                           elc_float *scratch) {
    const elc_float max = elc_max(logits, n);
    const elc_float sum = elc_exp_sum(scratch, logits, n, 1, max);
    result->loss = log((double)sum) + ((double)max - (double)logits[target]);
    result->best = index_of(logits, n, max);
    if (temperature == 1) {
        result->sampled = draw(scratch, n, uniform);
    } else {
        elc_exp_sum(logits, logits, n, 1 / temperature, max);
        result->sampled = draw(logits, n, uniform);
    }
    if (weight == 0)
        return;
    scaled(logits, weight / sum, scratch, n);
    logits[target] -= weight;
}

double elc_binary_cross_entropy(double logit, int label, double *d_logit) {
    const double e = exp(-fabs(logit)); /* never overflows */
    const double probability = logit >= 0 ? 1 / (1 + e) : e / (1 + e);
    *d_logit = probability - label;
    return (logit > 0 ? logit : 0) - logit * label + log1p(e);
}
