/* Answers to questions, scored as the official scripts of SQuAD 1.1 and 2.0 do. */
#ifndef ELECTRA_SQUAD_SCORE_H
#define ELECTRA_SQUAD_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum elc_squad {
    ELC_SQUAD_1_1, /* an answer without a word has F1 0, whatever the gold is */
    ELC_SQUAD_2_0, /* gold answers without a word are left out; without any the gold is "" */
};

struct elc_text {
    const char *text; /* valid UTF-8 */
    size_t len;
};
struct elc_answer_score {
    double exact; /* 1: equal to a gold answer once normalized (electra/answer.h), else 0 */
    double f1;    /* of the bags of words, the best over gold answers */
};
/* Scores one answer, "" for none, against n gold answers; none: there is no answer to be found. */
int elc_squad_score(struct elc_answer_score *score, enum elc_squad version,
                    const struct elc_text *gold, size_t n,
                    const struct elc_text *predicted) ELC_MUST_CHECK;

/* What the search for a threshold knows of a question. */
struct elc_null_choice {
    double score;     /* of the answer that would be given, 0 to 1 */
    double null_odds; /* above the threshold, none is given */
    bool has_answer;  /* a gold one */
    bool answers;     /* the answer that would be given is not "" */
};
struct elc_threshold {
    double score;     /* mean over questions, 0 to 1; NaN of none */
    double threshold; /* 0 where giving no answer at all is best */
};
/* The threshold for null_odds with the best mean score, the lowest of several (find_best_thresh of
 * the 2.0 script). `order` [n]: the questions by null_odds, equal ones in the order of the data
 * (elc_order of electra/correlation.h). `weights`: how often each counts; NULL: once. */
struct elc_threshold elc_squad_threshold(const struct elc_null_choice *questions,
                                         const size_t *order, const uint32_t *weights, size_t n);

#ifdef __cplusplus
}
#endif
#endif
