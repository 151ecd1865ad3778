/* From a network's outputs to the results of a text. */
#include <math.h>
#include <string.h>

#include "score.h"

static int fail_not_finite(void) {
    return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
}

/* `count` numbers of `size` bytes in the result's own memory. */
static void *numbers(struct elc_score_result *result, size_t count, size_t size) {
    result->numbers.len = 0;
    return elc_buffer_reserve(&result->numbers, count * size) < 0 ? NULL : result->numbers.data;
}

static bool is_special(const struct elc_vocab_id *vocab, uint32_t id) {
    return id == vocab->cls || id == vocab->sep || id == vocab->pad;
}

int elc_score_rtd(struct elc_score_result *result, const struct elc_score_text *text,
                  const elc_float *logits, const struct elc_vocab *vocab) {
    double *p = numbers(result, text->n, sizeof *p);
    if (!p)
        return ELC_ENOMEM;
    double sum = 0;
    size_t n_counted = 0, suspect = 0;
    for (size_t i = 0; i < text->n; i++) {
        if (!isfinite(logits[i]))
            return fail_not_finite();
        p[i] = 1 / (1 + exp(-(double)logits[i]));
        if (is_special(elc_vocab_id(vocab), text->ids[i]))
            continue;
        if (n_counted++ == 0 || p[i] > p[suspect])
            suspect = i;
        sum += p[i];
    }
    result->p = p;
    result->score = result->max = 0;
    result->word = (struct elc_score_word){.text = ""};
    if (n_counted == 0)
        return 0;
    result->score = sum / (double)n_counted;
    result->max = p[suspect];
    return elc_score_text_word(&result->word, text, suspect, vocab, &result->joined);
}

int elc_score_embed(struct elc_score_result *result, const struct elc_score_text *text,
                    const elc_float *hidden, size_t width, bool mean, bool normalize) {
    float *embedding = numbers(result, width, sizeof *embedding);
    if (!embedding)
        return ELC_ENOMEM;
    size_t n_rows = mean ? text->n : 1;
    double squares = 0;
    for (size_t j = 0; j < width; j++) {
        double sum = 0;
        for (size_t i = 0; i < n_rows; i++)
            sum += hidden[i * width + j];
        double value = sum / (double)n_rows;
        if (!isfinite(value))
            return fail_not_finite();
        embedding[j] = (float)value;
        squares += value * value;
    }
    for (size_t j = 0; normalize && squares > 0 && j < width; j++)
        embedding[j] = (float)(embedding[j] / sqrt(squares));
    result->embedding = embedding;
    result->width = width;
    return 0;
}

void elc_score_result_free(struct elc_score_result *result) {
    elc_buffer_free(&result->numbers);
    elc_buffer_free(&result->joined);
    *result = (struct elc_score_result){0};
}
