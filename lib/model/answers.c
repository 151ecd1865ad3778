/* Windows' logits to the n best answers of a text. */
#include "electra/answers.h"

#include <math.h>
#include <string.h>

void elc_answers_begin(struct elc_answers *answers) {
    answers->list.len = answers->context.len = 0;
    answers->null_logit = INFINITY;
    answers->null_p = 0;
}

void elc_answers_free(struct elc_answers *answers) {
    elc_buffer_free(&answers->list);
    elc_buffer_free(&answers->context);
}

/* Each window adds what is new in it; between windows that do not overlap there may be space. */
int elc_answers_context(struct elc_answers *answers, const char *text, size_t len, uint64_t start) {
    enum { SPACE_LIMIT = 1 << 16 };
    struct elc_buffer *context = &answers->context;
    if (start > context->len + SPACE_LIMIT)
        return elc_fail(ELC_EFORMAT, "key 'pair_start': %llu is far behind the window before it",
                        (unsigned long long)start);
    int err = 0;
    while (!err && context->len < start)
        err = elc_buffer_append(context, " ", 1);
    const size_t known = context->len - (size_t)start;
    return err || known >= len ? err : elc_buffer_append(context, text + known, len - known);
}

/* The tokens with the largest logits, the best first, the earlier of equals; returns how many. */
static size_t best_tokens(size_t tokens[ELC_ANSWER_BEAM], const elc_float *logits, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t place = count;
        while (place > 0 && logits[2 * i] > logits[2 * tokens[place - 1]])
            place--;
        if (place == ELC_ANSWER_BEAM)
            continue;
        if (count < ELC_ANSWER_BEAM)
            count++;
        memmove(tokens + place + 1, tokens + place, (count - place - 1) * sizeof *tokens);
        tokens[place] = i;
    }
    return count;
}

/* Puts an answer in its place, behind those that are as good. The same span is kept once. */
static int insert(struct elc_answers *answers, const struct elc_answer *answer) {
    struct elc_answer *list = elc_answers_list(answers);
    size_t n = elc_answers_count(answers), place = n;
    for (size_t i = 0; i < n; i++)
        if (list[i].start == answer->start && list[i].end == answer->end)
            return 0; /* windows that overlap: the first has it */
    while (place > 0 && answer->logit > list[place - 1].logit)
        place--;
    if (place == answers->n_best)
        return 0;
    if (n < answers->n_best) {
        int err = elc_buffer_append(&answers->list, answer, sizeof *answer);
        if (err)
            return err;
        list = elc_answers_list(answers);
        n++;
    }
    memmove(list + place + 1, list + place, (n - place - 1) * sizeof *list);
    list[place] = *answer;
    return 0;
}

static bool is_context(const struct elc_answer_window *window, size_t token) {
    const uint32_t *range = window->offsets + 2 * token;
    return window->types && window->types[token] == 1 && range[0] < range[1];
}

/* Is it a span of the context that this window may speak for? Offsets can come from anywhere, and
 * need not ascend. */
static bool is_answer(const struct elc_answer_window *window, size_t first, size_t last,
                      size_t max_tokens) {
    return first <= last && last - first < max_tokens && is_context(window, first) &&
           is_context(window, last) && window->offsets[2 * first] < window->offsets[2 * last + 1] &&
           (!window->best || window->best[first]);
}

int elc_answers_add(struct elc_answers *answers, const struct elc_answer_window *window) {
    size_t starts[ELC_ANSWER_BEAM], ends[ELC_ANSWER_BEAM];
    for (size_t i = 0; i < 2 * window->n; i++)
        if (!isfinite(window->logits[i]))
            return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
    const size_t n_starts = best_tokens(starts, window->logits, window->n);
    const size_t n_ends = best_tokens(ends, window->logits + 1, window->n);
    answers->null_logit =
        fmin(answers->null_logit, (double)window->logits[0] + (double)window->logits[1]);
    int err = 0;
    for (size_t i = 0; !err && i < n_starts * n_ends; i++) {
        const size_t start = starts[i / n_ends], end = ends[i % n_ends];
        if (!is_answer(window, start, end, answers->max_tokens))
            continue;
        const struct elc_answer answer = {
            .start = window->context_start + window->offsets[2 * start],
            .end = window->context_start + window->offsets[2 * end + 1],
            .logit = (double)window->logits[2 * start] + (double)window->logits[2 * end + 1],
        };
        err = insert(answers, &answer);
    }
    return err;
}

void elc_answers_finish(struct elc_answers *answers, bool null) {
    struct elc_answer *list = elc_answers_list(answers);
    const size_t n = elc_answers_count(answers);
    double max = null ? answers->null_logit : -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, list[i].logit);
    for (size_t i = 0; i < n; i++)
        sum += list[i].p = exp(list[i].logit - max);
    answers->null_p = null ? exp(answers->null_logit - max) : 0;
    sum += answers->null_p;
    for (size_t i = 0; i < n; i++)
        list[i].p /= sum;
    answers->null_p = null ? answers->null_p / sum : 0;
}

double elc_answers_null_odds(const struct elc_answers *answers) {
    return answers->null_logit -
           (elc_answers_count(answers) > 0 ? elc_answers_list(answers)[0].logit : 0);
}
