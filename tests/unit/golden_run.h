/* The batches that make_pretrain.py gave to PyTorch, and steps with them. */
#ifndef TESTS_UNIT_GOLDEN_RUN_H
#define TESTS_UNIT_GOLDEN_RUN_H

#include "golden.h"

#include "electra/optimizer.h"
#include "electra/pretrain.h"

/* Of the vocabulary, which is not in config.json; batches in the file; tokens of one at the most.
 */
enum { GOLDEN_VOCAB = 60, GOLDEN_MASK = 4, GOLDEN_BATCHES = 8, GOLDEN_TOKENS = 512 };

static inline size_t golden_numbers(const struct elc_safetensors *file, size_t batch,
                                    const char *name, uint32_t *out) {
    char full[64];
    snprintf(full, sizeof full, "%zu.%s", batch, name);
    const struct elc_stored *tensor = golden_tensor(file, full);
    assert_true(tensor->bytes <= GOLDEN_TOKENS * sizeof *out);
    memcpy(out, tensor->data, tensor->bytes);
    return tensor->bytes / sizeof *out;
}

/* Adds the texts of batch `number`, dealt in turn to n_parts micro-batches. Replacements are those
 * of the file, or `instead` (by row of the batch), or left to be sampled. */
enum golden_replacements { GIVEN, SAMPLED, INSTEAD };
static inline void golden_add(const struct elc_safetensors *file, size_t number,
                              enum golden_replacements mode, const uint32_t *instead,
                              struct elc_pretrain_batch *parts, size_t n_parts,
                              struct elc_pretrain_totals *totals) {
    uint32_t ids[GOLDEN_TOKENS], types[GOLDEN_TOKENS], lengths[GOLDEN_TOKENS];
    uint32_t rows[GOLDEN_TOKENS], keep[GOLDEN_TOKENS], replacements[GOLDEN_TOKENS];
    totals->n_tokens += golden_numbers(file, number, "ids", ids);
    golden_numbers(file, number, "types", types);
    const size_t n_texts = golden_numbers(file, number, "lengths", lengths);
    const size_t n_masked = golden_numbers(file, number, "rows", rows);
    totals->n_masked += n_masked;
    golden_numbers(file, number, "keep", keep);
    golden_numbers(file, number, "replacements", replacements);
    for (size_t i = 0; mode == INSTEAD && i < n_masked; i++)
        replacements[i] = instead[rows[i]];
    size_t at = 0, mask = 0;
    for (size_t text = 0; text < n_texts; text++) {
        uint8_t kinds[GOLDEN_TOKENS], kept[GOLDEN_TOKENS];
        uint32_t positions[GOLDEN_TOKENS];
        struct elc_masks masks = {.positions = positions, .keep = kept};
        const size_t first_mask = mask;
        for (size_t i = 0; i < lengths[text]; i++)
            kinds[i] = (uint8_t)types[at + i];
        for (; mask < n_masked && rows[mask] < at + lengths[text]; mask++) {
            positions[masks.n] = rows[mask] - (uint32_t)at;
            kept[masks.n++] = (uint8_t)keep[mask];
        }
        check(elc_pretrain_batch_add(&parts[text % n_parts], ids + at, kinds, lengths[text], &masks,
                                     mode == SAMPLED ? NULL : replacements + first_mask,
                                     number * n_texts + text));
        at += lengths[text];
    }
}

/* The losses of a global batch; its gradients are added to those that are there. */
static inline struct elc_pretrain_sums
golden_step(struct elc_pretrain *pretrain, const struct elc_pretrain_batch *parts, size_t n_parts,
            const struct elc_pretrain_totals *totals, uint64_t number) {
    struct elc_pretrain_sums sums = {0};
    for (size_t i = 0; i < n_parts; i++) {
        struct elc_pretrain_sums part;
        check(elc_pretrain_step(&part, pretrain, &parts[i], number, totals));
        elc_pretrain_sums_add(&sums, &part);
    }
    return sums;
}

/* Of both networks together. */
static inline double golden_norm(struct elc_pool *pool, const struct elc_trained trained[2]) {
    return sqrt(elc_gradient_squares(pool, &trained[0]) + elc_gradient_squares(pool, &trained[1]));
}

/* Step `number` of a schedule of n_steps, with gradients of this norm. */
static inline void golden_update(struct elc_pool *pool, struct elc_trained trained[2],
                                 const struct elc_pretrain_config *c, uint64_t n_steps,
                                 uint64_t number, double norm) {
    const struct elc_adam adam = {c->adam_beta1, c->adam_beta2, c->adam_epsilon,
                                  c->weight_decay_rate, c->adam_bias_correction};
    const double factor = elc_clip_factor(norm, c->max_grad_norm);
    const double rate = elc_learning_rate(c->learning_rate, number, n_steps, c->num_warmup_steps,
                                          c->lr_decay_power);
    for (size_t i = 0; i < 2; i++)
        elc_adam_update(pool, &trained[i], &adam, rate, factor, number);
}

#endif
