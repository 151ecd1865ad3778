/* Windows' logits to the n best answers of a text. */
#include "electra/answers.h"

#include <math.h>
#include <string.h>

#include "electra/windows.h"

void elc_answers_begin(struct elc_answers *answers) {
    answers->list.len = answers->context.len = 0;
    answers->null_logit = INFINITY;
    answers->null_p = 0;
    answers->joint = false;
}

void elc_answers_free(struct elc_answers *answers) {
    elc_buffer_free(&answers->list);
    elc_buffer_free(&answers->context);
}

int elc_answers_context(struct elc_answers *answers, const char *text, size_t len, uint64_t start) {
    return elc_windows_join(&answers->context, text, len, start);
}

size_t elc_answer_best(uint32_t places[ELC_ANSWER_BEAM], const elc_float *logits, size_t stride,
                       size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t place = count;
        while (place > 0 && logits[stride * i] > logits[stride * places[place - 1]])
            place--;
        if (place == ELC_ANSWER_BEAM)
            continue;
        if (count < ELC_ANSWER_BEAM)
            count++;
        memmove(places + place + 1, places + place, (count - place - 1) * sizeof *places);
        places[place] = (uint32_t)i;
    }
    return count;
}

/* Do two answers give the same text? Of beams the same bytes count as one answer, wherever they
 * stand; else only the same place does, which windows that overlap may share. */
static bool is_same(const struct elc_answers *answers, const struct elc_answer *a,
                    const struct elc_answer *b) {
    const uint8_t *context = answers->context.data;
    const size_t len = answers->context.len;
    if (a->start == b->start && a->end == b->end)
        return true;
    return answers->joint && a->end <= len && b->end <= len &&
           a->end - a->start == b->end - b->start &&
           memcmp(context + a->start, context + b->start, (size_t)(a->end - a->start)) == 0;
}

/* Where the list has room for an answer: the place of the same one, if it is worse, or behind all;
 * false: there is none, as the same one is as good or all the n best are. */
static bool find_room(size_t *room, const struct elc_answers *answers,
                      const struct elc_answer *answer) {
    const struct elc_answer *list = elc_answers_list(answers);
    const size_t n = elc_answers_count(answers);
    for (*room = 0; *room < n; ++*room)
        if (is_same(answers, &list[*room], answer))
            return answers->joint && answer->logit > list[*room].logit;
    if (n < answers->n_best)
        return true;
    *room = n - 1;
    return n > 0 && answer->logit > list[n - 1].logit;
}

/* Puts an answer in its place, behind those that are as good. */
static int insert(struct elc_answers *answers, const struct elc_answer *answer) {
    size_t place;
    if (!find_room(&place, answers, answer))
        return 0;
    if (place == elc_answers_count(answers)) {
        int err = elc_buffer_append(&answers->list, answer, sizeof *answer);
        if (err)
            return err;
    }
    struct elc_answer *list = elc_answers_list(answers);
    for (; place > 0 && answer->logit > list[place - 1].logit; place--)
        list[place] = list[place - 1];
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

/* A pair of a start and an end, if it is an answer at all. */
static int add_pair(struct elc_answers *answers, const struct elc_answer_window *window,
                    uint32_t start, uint32_t end, double logit) {
    if (!is_answer(window, start, end, answers->max_tokens))
        return 0;
    const struct elc_answer answer = {
        .start = window->context_start + window->offsets[2 * start],
        .end = window->context_start + window->offsets[2 * end + 1],
        .logit = logit,
    };
    return insert(answers, &answer);
}

static int not_finite(void) {
    return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
}

/* Starts and ends that know nothing of each other. */
static int add_logits(struct elc_answers *answers, const struct elc_answer_window *window) {
    const elc_float *logits = window->logits;
    uint32_t starts[ELC_ANSWER_BEAM], ends[ELC_ANSWER_BEAM];
    for (size_t i = 0; i < 2 * window->n; i++)
        if (!isfinite(logits[i]))
            return not_finite();
    const size_t n_starts = elc_answer_best(starts, logits, 2, window->n);
    const size_t n_ends = elc_answer_best(ends, logits + 1, 2, window->n);
    answers->null_logit = fmin(answers->null_logit, (double)logits[0] + (double)logits[1]);
    int err = 0;
    for (size_t i = 0; !err && i < n_starts * n_ends; i++) {
        const uint32_t start = starts[i / n_ends], end = ends[i % n_ends];
        err = add_pair(answers, window, start, end,
                       (double)logits[2 * start] + (double)logits[2 * end + 1]);
    }
    return err;
}

static int add_beam(struct elc_answers *answers, const struct elc_answer_window *window) {
    const struct elc_answer_beam *beam = window->beam;
    if (!isfinite(beam->impossible))
        return not_finite();
    answers->joint = true;
    answers->null_logit = fmin(answers->null_logit, beam->impossible);
    int err = 0;
    for (size_t i = 0; !err && i < beam->n; i++)
        for (size_t j = 0; !err && j < beam->n; j++) {
            const double log_p = beam->start_log_p[i] + beam->end_log_p[i][j];
            err = isfinite(log_p)
                      ? add_pair(answers, window, beam->starts[i], beam->ends[i][j], log_p)
                      : not_finite();
        }
    return err;
}

int elc_answers_add(struct elc_answers *answers, const struct elc_answer_window *window) {
    return window->beam ? add_beam(answers, window) : add_logits(answers, window);
}

void elc_answers_finish(struct elc_answers *answers, bool null) {
    struct elc_answer *list = elc_answers_list(answers);
    const size_t n = elc_answers_count(answers);
    const bool shares =
        null && !answers->joint; /* no answer is one of those that share a softmax */
    double max = shares ? answers->null_logit : -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, list[i].logit);
    for (size_t i = 0; i < n; i++)
        sum += list[i].p = exp(list[i].logit - max);
    answers->null_p = shares ? exp(answers->null_logit - max) : 0;
    sum += answers->null_p;
    for (size_t i = 0; i < n; i++)
        list[i].p /= sum;
    if (shares)
        answers->null_p /= sum;
    else if (null)
        answers->null_p = 1 / (1 + exp(-answers->null_logit));
}

double elc_answers_null_odds(const struct elc_answers *answers) {
    const bool against = !answers->joint && elc_answers_count(answers) > 0;
    return answers->null_logit - (against ? elc_answers_list(answers)[0].logit : 0);
}
