/* Validation of qa: answers, as electra-score gives them, against the right ones. */
#include <string.h>

#include "electra/items.h"
#include "electra/squad_score.h"
#include "finetune_inside.h"

enum { MAX_TOKENS = 30 }; /* of an answer: electra-score's --max-answer */

/* Texts stay where they are, in the record. */
static int read_gold(struct elc_buffer *gold, const struct elc_record *record) {
    struct elc_items items;
    struct elc_field item;
    gold->len = 0;
    int got = elc_record_array(record, "answers", &items);
    while (got > 0 && (got = elc_items_next(&items, &item)) > 0) {
        struct elc_record answer;
        struct elc_text text = {0};
        int err = elc_field_record(&answer, &item);
        if (!err)
            err = elc_record_str(&answer, "text", &text.text, &text.len);
        if (err > 0)
            err = elc_buffer_append(gold, &text, sizeof text);
        if (err < 0)
            return err;
    }
    return got;
}

static int score(struct answer_sums *sums, const struct finetuning *f) {
    struct elc_answers *answers = &sums->answers;
    struct elc_text given = {"", 0};
    struct elc_answer_score points;
    elc_answers_finish(answers, f->has_impossible);
    const double threshold = elc_answers_threshold(answers->joint);
    if (elc_answers_count(answers) > 0 &&
        !(f->has_impossible && elc_answers_null_odds(answers) > threshold)) {
        const struct elc_answer *best = elc_answers_list(answers);
        given.text = (const char *)answers->context.data + best->start;
        given.len = (size_t)(best->end - best->start);
    }
    int err = elc_squad_score(&points, f->has_impossible ? ELC_SQUAD_2_0 : ELC_SQUAD_1_1,
                              (const struct elc_text *)(const void *)sums->gold.data,
                              sums->gold.len / sizeof(struct elc_text), &given);
    if (err)
        return err;
    sums->exact += points.exact;
    sums->f1 += points.f1;
    sums->n_texts++;
    return 0;
}

/* A question's context in a window, and where its tokens are in it. */
static int read_context(struct answer_sums *sums, struct elc_answer_window *window,
                        const struct elc_record *record) {
    const char *context = "";
    size_t len = 0, n_types = window->n, n_best = window->n;
    int got = elc_record_numbers(record, "offsets", 4, 2 * window->n, &sums->offsets);
    if (got > 0)
        got = elc_record_str(record, "pair", &context, &len);
    if (got > 0)
        got = elc_record_bin(record, "types", &window->types, &n_types);
    if (got == 0)
        return elc_fail(ELC_EFORMAT, "there is no question with a context (electra-tokenize "
                                     "--squad, without --no-text)");
    if (got > 0)
        got = elc_record_bin(record, "best", &window->best, &n_best);
    if (got >= 0)
        got = elc_record_uint(record, "pair_start", &window->context_start);
    if (got < 0)
        return got;
    window->offsets = (const uint32_t *)(const void *)sums->offsets.data;
    if (n_types != window->n || n_best != window->n)
        return elc_fail(ELC_EFORMAT, "keys 'types' and 'best' do not have %zu numbers", window->n);
    for (size_t i = 0; i < window->n; i++)
        if (window->types[i] == 1 && (window->offsets[2 * i] > window->offsets[2 * i + 1] ||
                                      window->offsets[2 * i + 1] > len))
            return elc_fail(ELC_EFORMAT, "key 'offsets' of token %zu is outside the text", i);
    return elc_answers_context(&sums->answers, context, len, window->context_start);
}

int answer_sums_read(struct answer_sums *sums, struct elc_answer_window *window,
                     const struct elc_record *record, size_t n) {
    uint64_t k, n_windows;
    int err = elc_record_window(record, &k, &n_windows);
    if (err)
        return err;
    if (k == 1) {
        sums->answers.n_best = 1;
        sums->answers.max_tokens = MAX_TOKENS;
        elc_answers_begin(&sums->answers);
    }
    sums->is_last = k == n_windows;
    *window = (struct elc_answer_window){.n = n};
    err = read_context(sums, window, record);
    return err ? err : read_gold(&sums->gold, record);
}

int answer_sums_add(struct answer_sums *sums, const struct finetuning *f,
                    const struct elc_record *record, size_t n) {
    struct elc_answer_window window;
    int err = answer_sums_read(sums, &window, record, n);
    if (err)
        return err;
    window.logits = elc_finetune_logits(f->finetune);
    err = elc_finetune_beams(&window.beam, f->finetune);
    if (!err)
        err = elc_answers_add(&sums->answers, &window);
    return err || !sums->is_last ? err : score(sums, f);
}

void answer_sums_free(struct answer_sums *sums) {
    elc_answers_free(&sums->answers);
    elc_buffer_free(&sums->offsets);
    elc_buffer_free(&sums->gold);
}
