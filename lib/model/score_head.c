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

static int forward(struct elc_score_pass *pass, bool first) {
    const uint32_t *rows = (const uint32_t *)(const void *)pass->rows.data;
    const size_t n_rows = pass->rows.len / sizeof *rows;
    pass->outputs = NULL;
    return n_rows == 0
               ? 0
               : elc_head_outputs(&pass->outputs, &pass->head, &pass->workspace,
                                  &pass->scorer->weights, &pass->texts, rows, n_rows, first);
}

int elc_score_forward_first(struct elc_score_pass *pass) {
    return forward(pass, true);
}

int elc_score_forward_rows(struct elc_score_pass *pass) {
    return forward(pass, false);
}

int elc_score_softmax(double *p, const elc_float *logits, size_t n) {
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(logits[i]))
            return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
        max = fmax(max, (double)logits[i]);
    }
    for (size_t i = 0; i < n; i++)
        sum += p[i] = exp((double)logits[i] - max);
    for (size_t i = 0; i < n; i++)
        p[i] /= sum;
    return 0;
}
