/* What the tasks of fine-tuned networks have in common. */
#include <math.h>

#include "score.h"

static int collect_row(struct elc_score_pass *pass, size_t row) {
    const uint32_t number = (uint32_t)row;
    return elc_buffer_append(&pass->rows, &number, sizeof number);
}

int elc_score_collect_first(struct elc_score_pass *pass, const struct elc_score_text *text,
                            const struct elc_score_place *place) {
    (void)text;
    return collect_row(pass, place->text);
}

int elc_score_collect_rows(struct elc_score_pass *pass, const struct elc_score_text *text,
                           const struct elc_score_place *place) {
    int err = 0;
    for (size_t i = 0; !err && i < text->n_rows; i++)
        err = collect_row(pass, place->token + text->rows[i]);
    return err;
}

/* All windows of a long text are in one batch. */
enum { PART_TOKENS = 2048 };

int elc_score_part(struct elc_score_pass *pass, size_t first, size_t *end) {
    const struct elc_batch *texts = &pass->texts;
    int err = 0;
    elc_batch_clear(&pass->variants);
    for (*end = first; !err && *end < texts->n_sequences; ++*end) {
        const size_t at = texts->starts[*end], n = texts->starts[*end + 1] - at;
        if (*end > first && pass->variants.n_tokens + n > PART_TOKENS)
            break;
        err = elc_batch_add(&pass->variants, texts->ids + at, texts->types + at, n, 0);
    }
    return err;
}

/* The outputs of the texts first … end - 1, which are pass->variants, are appended to
 * pass->numbers. `rows`, of which there are n_rows, are those from the part's first on; returns how
 * many of them are the part's, or an error. */
static long long forward_part(struct elc_score_pass *pass, size_t begin, size_t end, uint32_t *rows,
                              size_t n_rows, bool first) {
    const elc_float *outputs;
    size_t n = 0;
    for (; n < n_rows && rows[n] < end; n++)
        rows[n] -= (uint32_t)begin;
    if (n == 0)
        return 0;
    int err = elc_head_outputs(&outputs, &pass->head, &pass->workspace, &pass->scorer->weights,
                               &pass->variants, rows, n, first);
    if (!err)
        err = elc_buffer_append(&pass->numbers, outputs,
                                n * pass->scorer->network.config.num_labels * sizeof *outputs);
    return err ? err : (long long)n;
}

static int forward_parts(struct elc_score_pass *pass, uint32_t *rows, size_t n_rows, bool first) {
    const uint32_t *starts = pass->texts.starts;
    pass->numbers.len = 0;
    for (size_t text = 0, row = 0, end; text < pass->texts.n_sequences; text = end) {
        int err = elc_score_part(pass, text, &end);
        if (err)
            return err;
        const long long n =
            forward_part(pass, first ? text : starts[text], first ? end : starts[end], rows + row,
                         n_rows - row, first);
        if (n < 0)
            return (int)n;
        row += (size_t)n;
    }
    pass->outputs = (const elc_float *)(const void *)pass->numbers.data;
    return 0;
}

static int forward(struct elc_score_pass *pass, bool first) {
    uint32_t *rows = (uint32_t *)(void *)pass->rows.data;
    const size_t n_rows = pass->rows.len / sizeof *rows;
    pass->outputs = NULL;
    if (n_rows == 0)
        return 0;
    if (pass->texts.n_tokens > PART_TOKENS && pass->texts.n_sequences > 1)
        return forward_parts(pass, rows, n_rows, first);
    return elc_head_outputs(&pass->outputs, &pass->head, &pass->workspace, &pass->scorer->weights,
                            &pass->texts, rows, n_rows, first);
}

int elc_score_forward_first(struct elc_score_pass *pass) {
    return forward(pass, true);
}

int elc_score_forward_rows(struct elc_score_pass *pass) {
    return forward(pass, false);
}

int elc_score_softmax(double *p, const elc_float *logits, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(logits[i]))
            return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
    elc_softmax_double(p, logits, n);
    return 0;
}

/* ---- means over windows ----
 *
 * result->numbers holds the window's numbers [n], their sums [n] over the windows so far, and the
 * means [n]. */

double *elc_score_window(struct elc_score_result *result, const struct elc_score_text *text,
                         size_t n) {
    if (text->window > 1)
        return (double *)(void *)result->numbers.data;
    double *numbers = elc_score_numbers(result, 3 * n, sizeof *numbers);
    for (size_t i = n; numbers && i < 2 * n; i++)
        numbers[i] = 0;
    return numbers;
}

const double *elc_score_mean(struct elc_score_result *result, const struct elc_score_text *text,
                             size_t n) {
    double *numbers = (double *)(void *)result->numbers.data, *sums = numbers + n,
           *means = numbers + 2 * n;
    for (size_t i = 0; i < n; i++) {
        sums[i] += numbers[i];
        means[i] = sums[i] / (double)text->window;
    }
    return means;
}
