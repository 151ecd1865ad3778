/* SQuAD's exact match and F1. */
#include "electra/squad_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/answer.h"

/* A normalized answer and its words, sorted. */
struct words {
    struct elc_buffer text;
    struct elc_text *items;
    size_t n, capacity;
};

static int by_bytes(const void *a, const void *b) {
    const struct elc_text *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Replaces the words by those of an answer. */
static int split(struct words *words, const struct elc_text *answer) {
    int err = elc_answer_normalize(&words->text, answer->text, answer->len);
    const char *text = (const char *)words->text.data;
    words->n = 0;
    for (size_t at = 0, end; !err && at < words->text.len; at = end + 1) {
        for (end = at; end < words->text.len && text[end] != ' ';)
            end++;
        err = elc_grow(&words->items, &words->capacity, words->n + 1, sizeof *words->items);
        if (!err)
            words->items[words->n++] = (struct elc_text){text + at, end - at};
    }
    if (!err && words->n > 1)
        qsort(words->items, words->n, sizeof *words->items, by_bytes);
    return err;
}

static void words_free(struct words *words) {
    elc_buffer_free(&words->text);
    free(words->items);
}

static bool is_same(const struct elc_buffer *a, const struct elc_buffer *b) {
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* Words that two answers have in common, as often as both have them. */
static size_t n_common(const struct words *a, const struct words *b) {
    size_t common = 0;
    for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
        int order = by_bytes(&a->items[i], &b->items[k]);
        common += order == 0;
        i += order <= 0;
        k += order >= 0;
    }
    return common;
}

static double f1(enum elc_squad version, const struct words *gold, const struct words *predicted) {
    double common = (double)n_common(gold, predicted);
    if (version == ELC_SQUAD_2_0 && (gold->n == 0 || predicted->n == 0))
        return gold->n == predicted->n;
    if (common == 0)
        return 0;
    double precision = common / (double)predicted->n, recall = common / (double)gold->n;
    return 2 * precision * recall / (precision + recall);
}

static void compare(struct elc_answer_score *score, enum elc_squad version,
                    const struct words *gold, const struct words *predicted) {
    if (is_same(&gold->text, &predicted->text))
        score->exact = 1;
    score->f1 = fmax(score->f1, f1(version, gold, predicted));
}

int elc_squad_score(struct elc_answer_score *score, enum elc_squad version,
                    const struct elc_text *gold, size_t n, const struct elc_text *predicted) {
    struct words answer = {0}, words = {0};
    bool compared = false;
    int err = split(&answer, predicted);
    *score = (struct elc_answer_score){0};
    for (size_t i = 0; !err && i < n; i++) {
        err = split(&words, &gold[i]);
        if (err || (version == ELC_SQUAD_2_0 && words.n == 0))
            continue;
        compare(score, version, &words, &answer);
        compared = true;
    }
    if (!err && version == ELC_SQUAD_2_0 && !compared) {
        err = split(&words, &(struct elc_text){"", 0});
        if (!err)
            compare(score, version, &words, &answer);
    }
    words_free(&answer);
    words_free(&words);
    return err;
}

struct elc_threshold elc_squad_threshold(const struct elc_null_choice *questions,
                                         const size_t *order, const uint32_t *weights, size_t n) {
    double sum = 0, all = 0; /* beginning with no answer to any question */
    for (size_t i = 0; i < n; i++) {
        double weight = weights ? (double)weights[i] : 1;
        sum += questions[i].has_answer ? 0 : weight;
        all += weight;
    }
    struct elc_threshold best = {sum, 0};
    for (size_t i = 0; i < n; i++) {
        const struct elc_null_choice *question = &questions[order[i]];
        double weight = weights ? (double)weights[order[i]] : 1;
        sum += weight * (question->has_answer ? question->score : question->answers ? -1 : 0);
        if (sum > best.score)
            best = (struct elc_threshold){sum, question->null_odds};
    }
    best.score = all > 0 ? best.score / all : NAN;
    return best;
}
