/* Questions with their contexts: JSON of SQuAD 1.1 and 2.0.
 *
 *     {"data": [{"paragraphs": [{"context": …, "qas": [{"id": …, "question": …,
 *         "answers": [{"text": …, "answer_start": …}], "is_impossible": …}]}]}]}
 *
 * answer_start counts characters, a stream's records count bytes.
 */
#include <string.h>

#include "samples.h"
#include "utf8.h"

/* ---- reading ---- */

/* The next paragraph of the article, or the article if it has none, whatever it looks like. False:
 * there is none. */
static bool next_paragraph(struct sample_source *source, struct sample_chunk *chunk) {
    const json_t *paragraphs = json_object_get(source->article, "paragraphs");
    const bool any = json_is_array(paragraphs);
    const size_t n = any ? json_array_size(paragraphs) : 1;
    if (!source->article || source->paragraph == n)
        return false;
    chunk->paragraph = json_array_get(paragraphs, source->paragraph++);
    chunk->article_number = source->articles.n_articles;
    chunk->paragraph_number = any ? source->paragraph : 0;
    chunk->lines.waiting = source->paragraph == n && source->articles.chunk.waiting;
    return true;
}

static bool has_questions(const json_t *paragraph) {
    return json_is_string(json_object_get(paragraph, "context")) &&
           json_is_array(json_object_get(paragraph, "qas"));
}

/* A paragraph that is none counts as one text, which is refused. */
static size_t count_texts(const json_t *paragraph) {
    return has_questions(paragraph) ? json_array_size(json_object_get(paragraph, "qas")) : 1;
}

int squad_read(struct sample_source *source, struct sample_chunk *chunk) {
    json_decref(chunk->article); /* of this job's last time */
    chunk->article = NULL;
    while (!next_paragraph(source, chunk)) {
        json_decref(source->article);
        source->article = NULL;
        source->paragraph = 0;
        int got = articles_next(&source->articles, &source->article);
        if (got <= 0)
            return got;
    }
    chunk->article = json_incref(source->article);
    chunk->lines.name = source->articles.chunk.name;
    source->n_texts += count_texts(chunk->paragraph);
    chunk->replaced = source->articles.replaced;
    source->articles.replaced = 0;
    return 1;
}

/* ---- questions ---- */

/* The byte at which character `n` begins; SIZE_MAX: there are not so many. */
static size_t byte_of(const char *text, size_t len, json_int_t n) {
    size_t at = 0;
    for (; n > 0 && at < len; n--) {
        unsigned step;
        utf8_decode(text + at, &step);
        at += step;
    }
    return n > 0 ? SIZE_MAX : at;
}

/* How many of the bytes of a text a message quotes: whole characters. */
static int quoted(const char *text, size_t len) {
    size_t n = len < 80 ? len : 80;
    while (n > 0 && n < len && utf8_continues(text[n]))
        n--;
    return (int)n;
}

/* An answer has to stand in the context where it says. */
static int read_answer(const json_t *json, const struct sample *sample, struct answer *answer) {
    const json_t *string = json_object_get(json, "text");
    const json_t *place = json_object_get(json, "answer_start");
    if (!json_is_string(string) || !json_is_integer(place) || json_integer_value(place) < 0)
        return elc_fail(ELC_EFORMAT, "an answer has no string 'text' or no number 'answer_start'");
    if (json_string_length(string) == 0)
        return elc_fail(ELC_EFORMAT, "an answer's 'text' is empty");
    *answer = (struct answer){
        .text = json_string_value(string),
        .len = json_string_length(string),
        .start = byte_of(sample->pair, sample->pair_len, json_integer_value(place)),
    };
    if (answer->start <= sample->pair_len && answer->len <= sample->pair_len - answer->start &&
        memcmp(sample->pair + answer->start, answer->text, answer->len) == 0)
        return 0;
    return elc_fail(ELC_EFORMAT, "the answer '%.*s' does not stand at character %lld",
                    quoted(answer->text, answer->len), answer->text,
                    (long long)json_integer_value(place));
}

static int put_answer(struct elc_builder *extra, const struct answer *answer) {
    int err = elc_builder_element_map(extra, 2);
    if (!err)
        err = elc_builder_element_str(extra, "text", 4);
    if (!err)
        err = elc_builder_element_str(extra, answer->text, answer->len);
    if (!err)
        err = elc_builder_element_str(extra, "start", 5);
    return err ? err : elc_builder_element_uint(extra, answer->start);
}

/* Every answer is checked and kept; the first is the one to learn. */
static int read_answers(const json_t *answers, struct sample *sample, bool keep) {
    size_t n = json_array_size(answers);
    int err = keep ? elc_builder_array(&sample->extra, "answers", n) : 0;
    for (size_t i = 0; i < n && !err; i++) {
        struct answer answer = {0};
        err = read_answer(json_array_get(answers, i), sample, &answer);
        if (!err && keep)
            err = put_answer(&sample->extra, &answer);
        if (i == 0)
            sample->answer = answer;
    }
    return err;
}

/* What is known of the answer: nothing, where neither key is there. */
static int read_labels(const json_t *question, struct sample *sample, bool keep) {
    const json_t *answers = json_object_get(question, "answers");
    const json_t *flag = json_object_get(question, "is_impossible");
    if (flag && !json_is_boolean(flag))
        return elc_fail(ELC_EFORMAT, "'is_impossible' is not true or false");
    if (answers && !json_is_array(answers))
        return elc_fail(ELC_EFORMAT, "'answers' is not an array");
    if (!answers && !flag)
        return 0;
    size_t n = json_array_size(answers);
    bool impossible = flag ? json_is_true(flag) : n == 0;
    if (impossible == (n > 0))
        return elc_fail(ELC_EFORMAT, impossible ? "impossible, but there is an answer"
                                                : "not impossible, but there is no answer");
    sample->has_span = true;
    int err = elc_builder_bool(&sample->extra, "impossible", impossible);
    return err || impossible ? err : read_answers(answers, sample, keep);
}

static void read_id(const json_t *id, struct sample *sample) {
    if (json_is_string(id)) {
        sample->id.text = sample->question = json_string_value(id);
        sample->id.len = json_string_length(id);
    } else if (json_is_integer(id) && json_integer_value(id) >= 0) {
        sample->id.number = (uint64_t)json_integer_value(id);
    }
}

static int refuse_paragraph(const struct sample_chunk *chunk, struct sample *sample) {
    sample->article = chunk->article_number;
    sample->paragraph = chunk->paragraph_number;
    if (sample->paragraph == 0)
        return elc_fail(ELC_EFORMAT, "no array 'paragraphs'");
    return elc_fail(ELC_EFORMAT, "no string 'context' or no array 'qas'");
}

int squad_next(struct sample_reader *reader, struct sample *sample) {
    const json_t *paragraph = reader->chunk->paragraph;
    if (reader->question == count_texts(paragraph))
        return 0;
    const json_t *questions = json_object_get(paragraph, "qas");
    const json_t *question = json_array_get(questions, reader->question++);
    const json_t *text = json_object_get(question, "question");
    const json_t *context = json_object_get(paragraph, "context");
    sample->id = (struct elc_layout_id){.number = reader->number++};
    if (!has_questions(paragraph))
        return refuse_paragraph(reader->chunk, sample);
    read_id(json_object_get(question, "id"), sample);
    if (!json_is_string(text))
        return elc_fail(ELC_EFORMAT, "no string 'question'");
    sample->text = json_string_value(text);
    sample->text_len = json_string_length(text);
    sample->pair = json_string_value(context);
    sample->pair_len = json_string_length(context);
    int err = read_labels(question, sample, reader->options->text);
    return err ? err : 1;
}
