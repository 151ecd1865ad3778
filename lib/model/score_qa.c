/* Task qa: the answer to a question, out of all windows of its context. */
#include <stdlib.h>
#include <string.h>

#include "score.h"

/* ---- windows ---- */

static int read(struct elc_score_text *text, const struct elc_score_limits *limits) {
    (void)limits;
    return text->pair && text->offsets && text->types
               ? 0
               : elc_fail(ELC_EFORMAT, "there is no question with a context (electra-tokenize "
                                       "--squad, without --no-text)");
}

static bool is_joint(const struct elc_score_pass *pass) {
    return pass->scorer->network.config.architecture == ELC_GOOGLE_ANSWERER;
}

/* pass->variants through the network; what comes out is appended to pass->numbers: logits [n, 2],
 * or a beam for each text. */
static int forward_part(struct elc_score_pass *pass) {
    const struct elc_weights *weights = &pass->scorer->weights;
    const struct elc_batch *part = &pass->variants;
    if (is_joint(pass)) {
        const struct elc_answer_beam *beams;
        int err = elc_joint_answers(&beams, &pass->joint, &pass->workspace, weights, part);
        return err ? err
                   : elc_buffer_append(&pass->numbers, beams, part->n_sequences * sizeof *beams);
    }
    const elc_float *logits;
    int err = 0;
    pass->rows.len = 0;
    for (uint32_t row = 0; !err && row < part->n_tokens; row++)
        err = elc_buffer_append(&pass->rows, &row, sizeof row);
    if (!err)
        err = elc_head_outputs(&logits, &pass->head, &pass->workspace, weights, part,
                               (const uint32_t *)(const void *)pass->rows.data, part->n_tokens,
                               false);
    return err ? err
               : elc_buffer_append(&pass->numbers, logits, 2 * part->n_tokens * sizeof *logits);
}

static int forward(struct elc_score_pass *pass) {
    int err = 0;
    pass->numbers.len = 0;
    for (size_t first = 0, end; !err && first < pass->texts.n_sequences; first = end) {
        err = elc_score_part(pass, first, &end);
        if (!err)
            err = forward_part(pass);
    }
    return err;
}

/* Called for each window of a text, in order. */
static int compute(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place) {
    const struct elc_score_options *options = &pass->scorer->options;
    struct elc_answers *answers = &result->answers;
    if (text->window == 1) {
        answers->n_best = options->n_best;
        answers->max_tokens = options->max_answer;
        elc_answers_begin(answers);
    }
    const void *numbers = pass->numbers.data;
    struct elc_answer_window window = {
        .n = text->n,
        .types = text->types,
        .offsets = text->offsets,
        .best = text->best,
        .context_start = text->pair_start,
    };
    if (is_joint(pass))
        window.beam = (const struct elc_answer_beam *)numbers + place->text;
    else
        window.logits = (const elc_float *)numbers + 2 * place->token;
    int err = elc_answers_context(answers, text->pair, text->pair_len, text->pair_start);
    if (!err)
        err = elc_answers_add(answers, &window);
    if (!err && text->window == text->n_windows)
        elc_answers_finish(answers, !options->always_answer);
    return err;
}

/* ---- what is answered ---- */

struct reply {
    const char *text;
    size_t len;
    uint64_t start, end;
    double score;
};

static struct reply reply_of(const struct elc_score_result *result,
                             const struct elc_answer *answer) {
    const char *context = (const char *)result->answers.context.data;
    return (struct reply){context + answer->start, (size_t)(answer->end - answer->start),
                          answer->start, answer->end, answer->p};
}

/* The best answer, or that there is none. */
static struct reply decide(const struct elc_score_result *result,
                           const struct elc_score_options *options) {
    const struct elc_answers *answers = &result->answers;
    const bool none = elc_answers_count(answers) == 0;
    if (none ||
        (!options->always_answer && elc_answers_null_odds(answers) > options->null_threshold))
        return (struct reply){.text = "", .score = answers->null_p};
    return reply_of(result, elc_answers_list(answers));
}

/* ---- TSV ---- */

static int names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    (void)scorer;
    return elc_buffer_printf(out, "id\tanswer\tstart\tend\tscore\n");
}

static int tsv(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result) {
    const struct reply reply = decide(result, &scorer->options);
    int err = elc_tsv_id(out, text->record);
    if (!err)
        err = elc_buffer_append(out, "\t", 1);
    if (!err)
        err = elc_tsv_text(out, reply.text, reply.len);
    return err ? err
               : elc_buffer_printf(out, "\t%llu\t%llu\t%.6g\n", (unsigned long long)reply.start,
                                   (unsigned long long)reply.end, reply.score);
}

/* ---- JSON Lines ---- */

static bool json_reply(json_t *object, const char *key, const struct reply *reply) {
    return elc_score_json_set(object, key, elc_score_json_text(reply->text, reply->len)) &&
           elc_score_json_set(object, "start", json_integer((json_int_t)reply->start)) &&
           elc_score_json_set(object, "end", json_integer((json_int_t)reply->end)) &&
           elc_score_json_set(object, "score", elc_score_json_number(reply->score));
}

static bool json(json_t *object, const struct elc_scorer *scorer, const struct elc_score_text *text,
                 const struct elc_score_result *result) {
    (void)text;
    const struct elc_answers *answers = &result->answers;
    const struct reply reply = decide(result, &scorer->options);
    json_t *list = json_array();
    bool good = json_reply(object, "answer", &reply);
    if (good && !scorer->options.always_answer)
        good = elc_score_json_set(object, "null_odds",
                                  elc_score_json_number(elc_answers_null_odds(answers)));
    good = elc_score_json_set(object, "answers", list) && good;
    for (size_t i = 0; good && i < elc_answers_count(answers); i++) {
        const struct reply other = reply_of(result, &elc_answers_list(answers)[i]);
        json_t *item = json_object();
        good = item && json_reply(item, "text", &other);
        if (json_array_append_new(list, item) != 0)
            good = false;
    }
    return good;
}

/* ---- records ---- */

static int record_reply(struct elc_builder *builder, const struct reply *reply) {
    int err = elc_builder_element_map(builder, 4);
    if (!err)
        err = elc_builder_element_str(builder, "text", 4);
    if (!err)
        err = elc_builder_element_str(builder, reply->text, reply->len);
    if (!err)
        err = elc_builder_element_str(builder, "start", 5);
    if (!err)
        err = elc_builder_element_uint(builder, reply->start);
    if (!err)
        err = elc_builder_element_str(builder, "end", 3);
    if (!err)
        err = elc_builder_element_uint(builder, reply->end);
    if (!err)
        err = elc_builder_element_str(builder, "score", 5);
    return err ? err : elc_builder_element_double(builder, reply->score);
}

static int record(struct elc_builder *builder, const struct elc_scorer *scorer,
                  const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)text;
    const struct elc_answers *answers = &result->answers;
    const struct reply reply = decide(result, &scorer->options);
    int err = elc_builder_str(builder, "predicted", reply.text, reply.len);
    if (!err)
        err = elc_builder_uint(builder, "start", reply.start);
    if (!err)
        err = elc_builder_uint(builder, "end", reply.end);
    if (!err)
        err = elc_builder_double(builder, "score", reply.score);
    if (!err && !scorer->options.always_answer)
        err = elc_builder_double(builder, "null_odds", elc_answers_null_odds(answers));
    if (!err)
        err = elc_builder_array(builder, "nbest", elc_answers_count(answers));
    for (size_t i = 0; !err && i < elc_answers_count(answers); i++) {
        const struct reply other = reply_of(result, &elc_answers_list(answers)[i]);
        err = record_reply(builder, &other);
    }
    return err;
}

static const char *const keys[] = {"predicted", "start", "end", "score",
                                   "null_odds", "nbest", NULL};

static bool fits(const struct elc_config *config) {
    return config->architecture == ELC_QUESTION_ANSWERER ||
           config->architecture == ELC_GOOGLE_ANSWERER;
}

const struct elc_score_entry elc_score_qa = {
    .name = "qa",
    .architecture = ELC_QUESTION_ANSWERER,
    .fits = fits,
    .gold = "answers",
    .keys = keys,
    .windows = true,
    .read = read,
    .forward = forward,
    .compute = compute,
    .names = names,
    .tsv = tsv,
    .json = json,
    .record = record,
};
