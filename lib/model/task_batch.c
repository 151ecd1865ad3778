/* Batches of labelled texts. */
#include <stdlib.h>
#include <string.h>

#include "electra/finetune.h"

int elc_first_tokens(struct elc_buffer *firsts, size_t *n_words, const uint32_t *words, size_t n) {
    uint32_t next = 0;
    firsts->len = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (words[i] == UINT32_MAX || words[i] < next)
            continue;
        int err = elc_buffer_append(firsts, &i, sizeof i);
        if (err)
            return err;
        next = words[i] + 1;
    }
    *n_words = next;
    return 0;
}

void elc_task_batch_clear(struct elc_task_batch *batch) {
    elc_batch_clear(&batch->texts);
    batch->n_items = batch->n_rows = 0;
}

void elc_task_batch_free(struct elc_task_batch *batch) {
    elc_batch_free(&batch->texts);
    free(batch->rows);
    free(batch->classes);
    free(batch->values);
    free(batch->spans);
    free(batch->impossible);
    *batch = (struct elc_task_batch){0};
}

static int add_row(struct elc_task_batch *batch, size_t row) {
    int err = elc_grow(&batch->rows, &batch->row_capacity, batch->n_rows + 1, sizeof *batch->rows);
    if (!err)
        batch->rows[batch->n_rows++] = (uint32_t)row;
    return err;
}

static int add_class(struct elc_task_batch *batch, uint32_t class, size_t n) {
    if (class >= n)
        return elc_fail(ELC_EMISMATCH, "class %u, where the head has %zu", class, n);
    int err = elc_grow(&batch->classes, &batch->class_capacity, batch->n_items + 1,
                       sizeof *batch->classes);
    if (!err)
        batch->classes[batch->n_items++] = class;
    return err;
}

static int add_values(struct elc_task_batch *batch, const float *values, size_t n) {
    const size_t at = batch->n_items * n;
    int err = elc_grow(&batch->values, &batch->value_capacity, at + n, sizeof *batch->values);
    if (err)
        return err;
    memcpy(batch->values + at, values, n * sizeof *values);
    batch->n_items++;
    return 0;
}

/* A word whose first token was cut off has no row, and is no item. */
static int add_words(struct elc_task_batch *batch, size_t first, size_t n_ids,
                     const struct elc_target *target, size_t n) {
    int err = 0;
    for (size_t i = 0; !err && i < target->n_words; i++) {
        if (target->words[i] >= n_ids || (i > 0 && target->words[i] <= target->words[i - 1]))
            return elc_fail(ELC_EMISMATCH, "word %zu begins at token %u of %zu", i + 1,
                            target->words[i], n_ids);
        err = add_row(batch, first + target->words[i]);
        if (!err)
            err = add_class(batch, target->labels[i], n);
    }
    return err;
}

static int add_span(struct elc_task_batch *batch, size_t first, size_t n_ids,
                    const struct elc_target *target) {
    if (target->end >= n_ids || target->start > target->end)
        return elc_fail(ELC_EMISMATCH, "an answer from token %u to %u of %zu", target->start,
                        target->end, n_ids);
    int err = elc_grow(&batch->spans, &batch->span_capacity, 2 * batch->n_items + 2,
                       sizeof *batch->spans);
    if (!err)
        err = elc_grow(&batch->impossible, &batch->impossible_capacity, batch->n_items + 1,
                       sizeof *batch->impossible);
    for (size_t i = 0; !err && i < n_ids; i++)
        err = add_row(batch, first + i);
    if (err)
        return err;
    batch->spans[2 * batch->n_items] = target->start;
    batch->spans[2 * batch->n_items + 1] = target->end;
    batch->impossible[batch->n_items] = target->impossible;
    batch->n_items++;
    return 0;
}

int elc_task_batch_add(struct elc_task_batch *batch, enum elc_finetune_task task, size_t n,
                       const uint32_t *ids, const uint8_t *types, size_t n_ids,
                       const struct elc_target *target, uint64_t place) {
    const size_t first = batch->texts.n_tokens;
    int err = elc_batch_add(&batch->texts, ids, types, n_ids, place);
    if (err)
        return err;
    switch (task) {
    case ELC_TASK_CLASSIFY:
        err = add_row(batch, first);
        return err ? err : add_class(batch, target->label, n);
    case ELC_TASK_SET:
    case ELC_TASK_REGRESS:
        err = add_row(batch, first);
        return err ? err : add_values(batch, target->values, n);
    case ELC_TASK_TAG:
        return add_words(batch, first, n_ids, target, n);
    case ELC_TASK_QA:
        return add_span(batch, first, n_ids, target);
    }
    return 0;
}
