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

static bool is_candidate(uint32_t id, const struct elc_vocab_id *vocab) {
    return id != vocab->cls && id != vocab->sep && id != vocab->mask && id != vocab->pad;
}

static size_t find_candidates(uint32_t *candidates, const uint32_t *ids, size_t n_ids,
                              const struct elc_vocab_id *vocab) {
    size_t n = 0;
    for (size_t i = 0; i < n_ids; i++)
        if (is_candidate(ids[i], vocab))
            candidates[n++] = (uint32_t)i;
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

static int begin(struct elc_masks *masks, size_t n_ids, const struct elc_mask_options *options) {
    masks->n = 0;
    if (!(options->mask_prob > 0 && options->mask_prob < 1))
        return elc_fail(ELC_EINVAL, "mask probability %g is not between 0 and 1",
                        options->mask_prob);
    return reserve(masks, n_ids);
}

/* Step i of a shuffle: swaps one of candidates[i … n-1], each as likely, into place i. */
static uint32_t shuffle_step(uint32_t *candidates, size_t i, size_t n, struct elc_random *random) {
    const size_t j = i + (size_t)elc_random_below(random, n - i);
    const uint32_t chosen = candidates[j];
    candidates[j] = candidates[i];
    return candidates[i] = chosen;
}

/* The positions into their order, and what each shows. */
static void finish(struct elc_masks *masks, const struct elc_mask_options *options, uint64_t epoch,
                   uint64_t key) {
    qsort(masks->positions, masks->n, sizeof *masks->positions, ascending);
    struct elc_random random;
    elc_random_init(&random, options->seed, ELC_MASK_KEEP, epoch, key);
    for (size_t i = 0; i < masks->n; i++)
        masks->keep[i] = elc_random_unit(&random) < KEEP_PROB;
}

int elc_mask(struct elc_masks *masks, const uint32_t *ids, size_t n_ids,
             const struct elc_vocab_id *vocab, const struct elc_mask_options *options,
             uint64_t epoch) {
    int err = begin(masks, n_ids, options);
    if (err)
        return err;
    size_t n_candidates = find_candidates(masks->candidates, ids, n_ids, vocab);
    if (n_candidates == 0)
        return 0;
    /* The first k steps of a shuffle: each subset of k candidates is equally likely. */
    uint64_t key = elc_ids_key(ids, n_ids);
    struct elc_random random;
    elc_random_init(&random, options->seed, ELC_MASK_POSITIONS, epoch, key);
    masks->n = mask_count(n_ids, n_candidates, options);
    for (size_t i = 0; i < masks->n; i++)
        masks->positions[i] = shuffle_step(masks->candidates, i, n_candidates, &random);
    finish(masks, options, epoch, key);
    return 0;
}

/* ---- whole words ---- */

/* Does the token at `i` go on with the word of the one before it? */
static bool goes_on(const uint32_t *ids, const uint32_t *words, size_t i,
                    const struct elc_vocab_id *vocab) {
    return i > 0 && words[i] == words[i - 1] && is_candidate(ids[i - 1], vocab);
}

/* First positions of words. *n_tokens: how many tokens these have. */
static size_t find_words(uint32_t *firsts, size_t *n_tokens, const uint32_t *ids, size_t n_ids,
                         const uint32_t *words, const struct elc_vocab_id *vocab) {
    size_t n = 0;
    *n_tokens = 0;
    for (size_t i = 0; i < n_ids; i++) {
        if (!is_candidate(ids[i], vocab))
            continue;
        ++*n_tokens;
        if (!goes_on(ids, words, i, vocab))
            firsts[n++] = (uint32_t)i;
    }
    return n;
}

static size_t word_len(size_t first, const uint32_t *ids, size_t n_ids, const uint32_t *words,
                       const struct elc_vocab_id *vocab) {
    size_t end = first + 1;
    while (end < n_ids && is_candidate(ids[end], vocab) && goes_on(ids, words, end, vocab))
        end++;
    return end - first;
}

static void take(struct elc_masks *masks, uint32_t first, size_t len) {
    for (uint32_t i = 0; i < len; i++)
        masks->positions[masks->n++] = first + i;
}

int elc_mask_words(struct elc_masks *masks, const uint32_t *ids, size_t n_ids,
                   const uint32_t *words, const struct elc_vocab_id *vocab,
                   const struct elc_mask_options *options, uint64_t epoch) {
    int err = begin(masks, n_ids, options);
    if (err)
        return err;
    size_t n_tokens;
    const size_t n_words = find_words(masks->candidates, &n_tokens, ids, n_ids, words, vocab);
    if (n_words == 0)
        return 0;
    const size_t k = mask_count(n_ids, n_tokens, options);
    uint64_t key = elc_ids_key(ids, n_ids);
    struct elc_random random;
    elc_random_init(&random, options->seed, ELC_MASK_POSITIONS, epoch, key);
    for (size_t i = 0; i < n_words && masks->n < k; i++) {
        const uint32_t first = shuffle_step(masks->candidates, i, n_words, &random);
        const size_t len = word_len(first, ids, n_ids, words, vocab);
        if (masks->n + len <= k)
            take(masks, first, len);
    }
    if (masks->n == 0) {
        const uint32_t first = masks->candidates[0];
        take(masks, first, word_len(first, ids, n_ids, words, vocab));
    }
    finish(masks, options, epoch, key);
    return 0;
}

void elc_masks_free(struct elc_masks *masks) {
    free(masks->positions);
    free(masks->keep);
    free(masks->candidates);
    *masks = (struct elc_masks){0};
}
