/* qa: answers, as the scripts of SQuAD judge them. */
#include "evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/correlation.h"
#include "electra/squad_score.h"

static const char needs_1_1[] = "SQuAD 1.1's rules (--squad 1.1)";
static const char needs_2_0[] = "SQuAD 2.0's rules (--squad 2.0)";
static const char needs_answers[] = "SQuAD 2.0's rules and questions with an answer";
static const char needs_none[] = "SQuAD 2.0's rules and questions without an answer";
static const char needs_odds[] = "SQuAD 2.0's rules and null_odds";
/* Names are those of the scripts. */
static const struct elc_metric metrics[] = {
    {"exact_match", true, needs_1_1},
    {"exact", true, needs_2_0},
    {"f1", true, "questions"},
    {"HasAns_exact", true, needs_answers},
    {"HasAns_f1", true, needs_answers},
    {"NoAns_exact", true, needs_none},
    {"NoAns_f1", true, needs_none},
    {"best_exact", true, needs_odds},
    {"best_exact_thresh", true, needs_odds},
    {"best_f1", true, needs_odds},
    {"best_f1_thresh", true, needs_odds},
    {0},
};
static const struct elc_eval_key keys[] = {{"answers", "gold"},        {"impossible", "impossible"},
                                           {"predicted", "answer"},    {"nbest", "answers"},
                                           {"null_odds", "null_odds"}, {0}};

struct question {
    struct elc_answer_score given[2]; /* of the answer given, by 1.1's and 2.0's rules */
    struct elc_answer_score best;     /* of the best answer that is not empty, by 2.0's */
    double null_odds;                 /* NaN: not known */
    bool has_answer;
    bool answers; /* is there such a best answer? */
};
struct state {
    struct question *questions; /* [n] */
    size_t capacity;
    struct elc_text *gold; /* of one question */
    size_t gold_capacity;
    bool squad_2;
    struct elc_null_choice *exact, *f1; /* [n] with null_odds */
    size_t *order;                      /* by null_odds */
};

/* ---- reading ---- */

static int take_text(struct elc_text *text, const json_t *value, const char *key) {
    if (json_is_object(value))
        value = json_object_get(value, "text");
    if (!json_is_string(value))
        return elc_fail(ELC_EFORMAT, "'%s' has an answer without a text", key);
    *text = (struct elc_text){json_string_value(value), json_string_length(value)};
    return 0;
}

/* The first answer of the list that is not empty; else the one given. */
static int find_best(struct elc_text *best, const json_t *answers, const struct elc_text *given) {
    *best = *given;
    if (answers && !json_is_array(answers))
        return elc_fail(ELC_EFORMAT, "'answers' is not an array");
    for (size_t i = 0; i < json_array_size(answers); i++) {
        struct elc_text text;
        int err = take_text(&text, json_array_get(answers, i), "answers");
        if (err)
            return err;
        if (text.len > 0) {
            *best = text;
            break;
        }
    }
    return 0;
}

static int take_gold(struct state *state, const json_t *gold) {
    size_t n = json_array_size(gold);
    if (!json_is_array(gold))
        return elc_fail(ELC_EFORMAT, "'gold' is not an array of answers");
    int err = elc_grow(&state->gold, &state->gold_capacity, n + 1, sizeof *state->gold);
    for (size_t i = 0; !err && i < n; i++)
        err = take_text(&state->gold[i], json_array_get(gold, i), "gold");
    return err;
}

static int add(struct elc_evaluation *evaluation, const json_t *gold, const json_t *result) {
    struct state *state = evaluation->state;
    const json_t *odds = json_object_get(result, "null_odds");
    struct question question = {.null_odds = NAN, .has_answer = json_array_size(gold) > 0};
    struct elc_text given, best;
    int err = take_gold(state, gold);
    if (!err)
        err = take_text(&given, json_object_get(result, "answer"), "answer");
    if (!err)
        err = find_best(&best, json_object_get(result, "answers"), &given);
    if (!err && odds)
        err = elc_eval_number(&question.null_odds, odds, "null_odds");
    size_t n = json_array_size(gold);
    for (int rules = ELC_SQUAD_1_1; !err && rules <= ELC_SQUAD_2_0; rules++)
        err =
            elc_squad_score(&question.given[rules], (enum elc_squad)rules, state->gold, n, &given);
    if (!err)
        err = elc_squad_score(&question.best, ELC_SQUAD_2_0, state->gold, n, &best);
    if (!err)
        err = elc_grow(&state->questions, &state->capacity, evaluation->n + 1,
                       sizeof *state->questions);
    if (err)
        return err;
    question.answers = best.len > 0;
    state->questions[evaluation->n] = question;
    return 0;
}

/* ---- behind the last text ---- */

static int prepare_search(struct state *state, size_t n) {
    double *odds = malloc((n + 1) * sizeof *odds);
    state->exact = calloc(n + 1, sizeof *state->exact);
    state->f1 = calloc(n + 1, sizeof *state->f1);
    state->order = calloc(n + 1, sizeof *state->order);
    int err = odds && state->exact && state->f1 && state->order
                  ? 0
                  : elc_fail_memory(n * sizeof *state->exact);
    for (size_t i = 0; !err && i < n; i++) {
        const struct question *question = &state->questions[i];
        odds[i] = question->null_odds;
        state->exact[i] = (struct elc_null_choice){question->best.exact, question->null_odds,
                                                   question->has_answer, question->answers};
        state->f1[i] = state->exact[i];
        state->f1[i].score = question->best.f1;
    }
    if (!err)
        err = elc_order(state->order, odds, n);
    free(odds);
    return err;
}

/* Instead of the answers that were given, the best ones where null_odds allows. */
static int apply_threshold(struct elc_evaluation *evaluation, struct state *state) {
    for (size_t i = 0; i < evaluation->n; i++) {
        struct question *question = &state->questions[i];
        struct elc_answer_score none = {!question->has_answer, !question->has_answer};
        if (isnan(question->null_odds))
            return elc_fail(ELC_EMISMATCH, "text '%s' has no null_odds for the threshold",
                            evaluation->texts[i].id);
        question->given[ELC_SQUAD_2_0] =
            question->null_odds > evaluation->options.threshold ? none : question->best;
    }
    return 0;
}

static int finish(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    bool has_answers = false, has_none = false, has_odds = true, any_odds = false;
    for (size_t i = 0; i < evaluation->n; i++) {
        const struct question *question = &state->questions[i];
        has_answers = has_answers || question->has_answer;
        has_none = has_none || !question->has_answer;
        has_odds = has_odds && !isnan(question->null_odds);
        any_odds = any_odds || !isnan(question->null_odds);
    }
    state->squad_2 = evaluation->options.squad == ELC_RULES_BY_DATA
                         ? has_none || any_odds || evaluation->options.has_threshold
                         : evaluation->options.squad == ELC_RULES_2_0;
    elc_eval_fit(evaluation, "f1");
    elc_eval_fit(evaluation, state->squad_2 ? "exact" : "exact_match");
    if (!state->squad_2)
        return 0;
    if (has_answers)
        elc_eval_fit(evaluation, "HasAns*");
    if (has_none)
        elc_eval_fit(evaluation, "NoAns*");
    if (has_odds)
        elc_eval_fit(evaluation, "best*");
    int err = has_odds ? prepare_search(state, evaluation->n) : 0;
    return err || !evaluation->options.has_threshold ? err : apply_threshold(evaluation, state);
}

/* ---- metrics, in percent as the scripts have them ---- */

static void compute_means(const struct elc_evaluation *evaluation, const uint32_t *weights,
                          double *values) {
    const struct state *state = evaluation->state;
    double n[2] = {0}, exact[2] = {0}, f1[2] = {0}; /* without and with a gold answer */
    for (size_t i = 0; i < evaluation->n; i++) {
        const struct question *question = &state->questions[i];
        const struct elc_answer_score *score = &question->given[state->squad_2];
        double weight = elc_eval_weight(weights, i);
        n[question->has_answer] += weight;
        exact[question->has_answer] += weight * score->exact;
        f1[question->has_answer] += weight * score->f1;
    }
    double all_exact = 100 * (exact[0] + exact[1]) / (n[0] + n[1]);
    elc_eval_set(evaluation, values, "exact_match", all_exact);
    elc_eval_set(evaluation, values, "exact", all_exact);
    elc_eval_set(evaluation, values, "f1", 100 * (f1[0] + f1[1]) / (n[0] + n[1]));
    elc_eval_set(evaluation, values, "HasAns_exact", 100 * exact[1] / n[1]);
    elc_eval_set(evaluation, values, "HasAns_f1", 100 * f1[1] / n[1]);
    elc_eval_set(evaluation, values, "NoAns_exact", 100 * exact[0] / n[0]);
    elc_eval_set(evaluation, values, "NoAns_f1", 100 * f1[0] / n[0]);
}

static int compute(const struct elc_evaluation *evaluation, const uint32_t *weights,
                   double *values) {
    const struct state *state = evaluation->state;
    size_t n = evaluation->n;
    compute_means(evaluation, weights, values);
    if (state->order) {
        struct elc_threshold exact = elc_squad_threshold(state->exact, state->order, weights, n);
        struct elc_threshold f1 = elc_squad_threshold(state->f1, state->order, weights, n);
        elc_eval_set(evaluation, values, "best_exact", 100 * exact.score);
        elc_eval_set(evaluation, values, "best_exact_thresh", exact.threshold);
        elc_eval_set(evaluation, values, "best_f1", 100 * f1.score);
        elc_eval_set(evaluation, values, "best_f1_thresh", f1.threshold);
    }
    return 0;
}

static void free_state(struct elc_evaluation *evaluation) {
    struct state *state = evaluation->state;
    free(state->questions);
    free(state->gold);
    free(state->exact);
    free(state->f1);
    free(state->order);
}

const struct elc_eval_task elc_eval_qa = {
    .name = "qa",
    .metrics = metrics,
    .keys = keys,
    .state_size = sizeof(struct state),
    .has_gold = true,
    .windows = true,
    .add = add,
    .finish = finish,
    .compute = compute,
    .free = free_state,
};
