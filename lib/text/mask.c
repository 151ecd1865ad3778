/* Which positions of a text the generator has to fill. See electra/mask.h. */
#include <math.h>
#include <stdlib.h>

#include <xxhash.h>

#include "electra/mask.h"
#include "electra/random.h"

static const double KEEP_PROB = 0.15; /* a masked position that shows its own token */

uint64_t elc_ids_key(const uint32_t *ids, size_t n_ids) {
    return XXH3_64bits(ids, n_ids * sizeof *ids);
}

/* k = max(1, min(limit, round-half-even(n·mask_prob))), never more than there are candidates. */
static size_t mask_count(size_t n_ids, size_t n_candidates,
                         const struct elc_mask_options *options) {
    double limit = floor((options->mask_prob + 0.005) * options->max_length);
    double wanted = rint((double)n_ids * options->mask_prob); /* rounds halves to even */
    double k = fmax(1, fmin(limit, wanted));
    return k < (double)n_candidates ? (size_t)k : n_candidates;
}

static size_t find_candidates(uint32_t *candidates, const uint32_t *ids, size_t n_ids,
                              const struct elc_vocab_id *vocab) {
    size_t n = 0;
    for (size_t i = 0; i < n_ids; i++) {
        if (ids[i] != vocab->cls && ids[i] != vocab->sep && ids[i] != vocab->mask &&
            ids[i] != vocab->pad)
            candidates[n++] = (uint32_t)i;
    }
    return n;
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int reserve(struct elc_masks *masks, size_t n) {
    int rc =
        elc_grow(&masks->candidates, &masks->candidates_capacity, n, sizeof *masks->candidates);
    if (rc < 0 || n <= masks->capacity)
        return rc;
    size_t capacity = masks->capacity;
    rc = elc_grow(&masks->keep, &capacity, n, sizeof *masks->keep);
    if (rc < 0)
        return rc;
    return elc_grow(&masks->positions, &masks->capacity, n, sizeof *masks->positions);
}

int elc_mask(struct elc_masks *masks, const uint32_t *ids, size_t n_ids,
             const struct elc_vocab_id *vocab, const struct elc_mask_options *options,
             uint64_t epoch) {
    masks->n = 0;
    if (!(options->mask_prob > 0 && options->mask_prob < 1))
        return elc_fail(ELC_EINVAL, "mask probability %g is not between 0 and 1",
                        options->mask_prob);
    int rc = reserve(masks, n_ids);
    if (rc < 0)
        return rc;
    uint32_t *candidates = masks->candidates;
    size_t n_candidates = find_candidates(candidates, ids, n_ids, vocab);
    if (n_candidates == 0)
        return 0;

    /* The first k steps of a shuffle: each subset of k candidates is equally likely. */
    uint64_t key = elc_ids_key(ids, n_ids);
    struct elc_random random;
    elc_random_init(&random, options->seed, ELC_MASK_POSITIONS, epoch, key);
    masks->n = mask_count(n_ids, n_candidates, options);
    for (size_t i = 0; i < masks->n; i++) {
        size_t j = i + (size_t)elc_random_below(&random, n_candidates - i);
        uint32_t chosen = candidates[j];
        candidates[j] = candidates[i];
        masks->positions[i] = chosen;
    }
    qsort(masks->positions, masks->n, sizeof *masks->positions, ascending);

    elc_random_init(&random, options->seed, ELC_MASK_KEEP, epoch, key);
    for (size_t i = 0; i < masks->n; i++)
        masks->keep[i] = elc_random_unit(&random) < KEEP_PROB;
    return 0;
}

void elc_masks_free(struct elc_masks *masks) {
    free(masks->positions);
    free(masks->keep);
    free(masks->candidates);
    *masks = (struct elc_masks){0};
}
