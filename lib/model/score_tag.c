/* Task tag: a label for each word, and the entities that labels such as B-PER and I-PER make. */
#include <string.h>

#include "electra/entities.h"
#include "electra/finetune.h"
#include "score.h"

/* ---- words ---- */

/* No text has more words than bytes; where the stream does not have the text, no more than these
 * are believed. Every word has a result, also one without a token. */
enum { WORDS_LIMIT = 1 << 20 };

static size_t max_words(const struct elc_score_text *text) {
    if (!text->text)
        return WORDS_LIMIT;
    return text->text_len + (text->pair ? text->pair_len : 0);
}

/* The head reads each word's first token. */
static int read(struct elc_score_text *text, const struct elc_score_limits *limits) {
    (void)limits;
    if (!text->words)
        return elc_fail(ELC_EFORMAT, "key 'words', the number of each token's word, is missing");
    size_t n_words = 0;
    int err = elc_first_tokens(&text->row_buffer, &n_words, text->words, text->n);
    if (err)
        return err;
    text->rows = (const uint32_t *)(const void *)text->row_buffer.data;
    text->n_rows = text->row_buffer.len / sizeof *text->rows;
    if (n_words > max_words(text))
        return elc_fail(ELC_EFORMAT,
                        "key 'words' of token %u is %zu, but the text has at most %zu words",
                        text->rows[text->n_rows - 1], n_words - 1, max_words(text));
    return 0;
}

/* What a word that has no token is said to be: outside, or else the first label. */
static uint32_t outside(const struct elc_scorer *scorer) {
    for (uint32_t i = 0; i < scorer->network.config.num_labels; i++)
        if (strcmp(scorer->labels[i], "O") == 0)
            return i;
    return 0;
}

/* Labels and first tokens of all words; UINT32_MAX for a word without a token. */
static int set_words(struct elc_score_result *result, double *p, const struct elc_score_pass *pass,
                     const struct elc_score_text *text, const struct elc_score_place *place) {
    const size_t n = result->n_labels;
    const uint32_t none = outside(pass->scorer);
    const uint32_t n_words = text->n_rows ? text->words[text->rows[text->n_rows - 1]] + 1 : 0;
    result->word_buffer.len = result->label_buffer.len = 0;
    int err = 0;
    for (uint32_t word = 0, row = 0; !err && word < n_words; word++) {
        uint32_t token = UINT32_MAX, label = none;
        if (text->words[text->rows[row]] == word) {
            double *here = p + row * n;
            err = elc_score_softmax(here, pass->outputs + (place->row + row) * n, n);
            token = text->rows[row++];
            label = 0;
            for (uint32_t i = 1; i < n; i++)
                label = here[i] > here[label] ? i : label;
        }
        if (!err)
            err = elc_buffer_append(&result->word_buffer, &token, sizeof token);
        if (!err)
            err = elc_buffer_append(&result->label_buffer, &label, sizeof label);
    }
    result->word_tokens = (const uint32_t *)(const void *)result->word_buffer.data;
    result->word_labels = (const uint32_t *)(const void *)result->label_buffer.data;
    result->n_words = n_words;
    return err;
}

/* ---- entities ---- */

/* The label of each word as a tag; false: the labels are not those of spans. Types are told apart
 * by the first label that has them. */
static bool split_label(struct elc_tag *tag, const struct elc_score_result *result,
                        uint32_t label) {
    const char *type, *other;
    size_t len, other_len;
    *tag = (struct elc_tag){.prefix = 'O'};
    if (!elc_tag_split(&tag->prefix, &type, &len, result->labels[label],
                       strlen(result->labels[label])))
        return false;
    for (uint32_t i = 0; tag->prefix != 'O' && i < result->n_labels; i++) {
        char prefix;
        const char *name = result->labels[i];
        if (elc_tag_split(&prefix, &other, &other_len, name, strlen(name)) && prefix != 'O' &&
            other_len == len && memcmp(other, type, len) == 0) {
            tag->type = i;
            break;
        }
    }
    return true;
}

static int split_labels(struct elc_score_result *result, bool *spans) {
    *spans = true;
    result->tag_buffer.len = 0;
    int err = 0;
    for (size_t i = 0; !err && *spans && i < result->n_words; i++) {
        struct elc_tag tag;
        *spans = split_label(&tag, result, result->word_labels[i]);
        err = elc_buffer_append(&result->tag_buffer, &tag, sizeof tag);
    }
    return err;
}

/* Where the span's words are: from the first one's first character to the last one's last. Nowhere,
 * "" and 0 0, if that is no range of one text. */
static int locate(struct elc_entity *entity, const struct elc_score_result *result,
                  const struct elc_span *span, const struct elc_score_text *text,
                  struct elc_buffer *joined, const struct elc_vocab *vocab) {
    const char *source = NULL;
    bool found = false, same = true;
    uint32_t start = 0, end = 0;
    entity->place = (struct elc_score_word){.text = ""};
    for (size_t i = span->begin; i < span->end; i++) {
        const uint32_t token = result->word_tokens[i];
        struct elc_score_word word;
        if (token == UINT32_MAX)
            continue;
        int err = elc_score_text_word(&word, text, token, vocab, joined);
        if (err)
            return err;
        const char *of_word = elc_score_text_source(text, token);
        if (!found) {
            source = of_word;
            start = word.start;
        }
        same = same && of_word == source;
        end = word.end;
        found = true;
    }
    if (!same || start > end)
        return 0;
    entity->place.start = start;
    entity->place.end = end;
    if (source && text->offsets) {
        entity->place.text = source + start;
        entity->place.len = end - start;
    }
    return 0;
}

static double mean_probability(const struct elc_score_result *result, const struct elc_span *span) {
    double sum = 0;
    size_t n = 0, row = 0;
    for (size_t i = 0; i < span->end; i++) {
        if (result->word_tokens[i] == UINT32_MAX)
            continue;
        if (i >= span->begin) {
            sum += result->values[row * result->n_labels + result->word_labels[i]];
            n++;
        }
        row++;
    }
    return n > 0 ? sum / (double)n : 0;
}

static int set_entities(struct elc_score_result *result, const struct elc_score_text *text,
                        const struct elc_vocab *vocab) {
    bool spans;
    result->n_entities = 0;
    result->entity_buffer.len = 0;
    int err = split_labels(result, &spans);
    const struct elc_tag *tags = (const struct elc_tag *)(const void *)result->tag_buffer.data;
    struct elc_span span = {0};
    while (!err && spans && elc_span_next(&span, tags, result->n_words, span.end)) {
        struct elc_entity entity = {.score = mean_probability(result, &span)};
        const char *name = result->labels[span.type];
        char prefix;
        elc_tag_split(&prefix, &entity.type, &entity.type_len, name, strlen(name));
        err = locate(&entity, result, &span, text, &result->joined, vocab);
        if (!err)
            err = elc_buffer_append(&result->entity_buffer, &entity, sizeof entity);
        result->n_entities++;
    }
    result->entities = (const struct elc_entity *)(const void *)result->entity_buffer.data;
    return err;
}

static int compute(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place) {
    result->n_labels = pass->scorer->network.config.num_labels;
    result->labels = pass->scorer->labels;
    double *p = elc_score_numbers(result, text->n_rows * result->n_labels + 1, sizeof *p);
    if (!p)
        return ELC_ENOMEM;
    result->values = p;
    int err = set_words(result, p, pass, text, place);
    return err ? err : set_entities(result, text, pass->scorer->vocab);
}

/* ---- TSV ---- */

static int names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    (void)scorer;
    return elc_buffer_printf(out, "id\tword\tlabel\n");
}

static int tsv_word(struct elc_buffer *out, const struct elc_scorer *scorer,
                    const struct elc_score_text *text, uint32_t token, const char *label,
                    struct elc_buffer *joined) {
    struct elc_score_word word = {.text = ""};
    int err = elc_tsv_id(out, text->record);
    if (!err && token != UINT32_MAX)
        err = elc_score_text_word(&word, text, token, scorer->vocab, joined);
    if (!err)
        err = elc_buffer_append(out, "\t", 1);
    if (!err)
        err = elc_tsv_text(out, word.text, word.len);
    if (!err)
        err = elc_buffer_append(out, "\t", 1);
    if (!err)
        err = elc_tsv_text(out, label, strlen(label));
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int tsv(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result) {
    struct elc_buffer joined = {0};
    int err = 0;
    for (size_t i = 0; !err && i < result->n_words; i++)
        err = tsv_word(out, scorer, text, result->word_tokens[i],
                       result->labels[result->word_labels[i]], &joined);
    elc_buffer_free(&joined);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

/* ---- JSON Lines ---- */

static json_t *json_entity(const struct elc_entity *entity) {
    const struct elc_score_word *place = &entity->place;
    json_t *object = json_object();
    if (!object ||
        !elc_score_json_set(object, "type", json_stringn(entity->type, entity->type_len)) ||
        !elc_score_json_set(object, "text", elc_score_json_text(place->text, place->len)) ||
        !elc_score_json_set(object, "start", json_integer(place->start)) ||
        !elc_score_json_set(object, "end", json_integer(place->end)) ||
        !elc_score_json_set(object, "score", elc_score_json_number(entity->score))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static bool json(json_t *object, const struct elc_scorer *scorer, const struct elc_score_text *text,
                 const struct elc_score_result *result) {
    (void)scorer, (void)text;
    json_t *labels = json_array(), *entities = json_array();
    bool good = elc_score_json_set(object, "labels", labels);
    good = elc_score_json_set(object, "entities", entities) && good;
    for (size_t i = 0; good && i < result->n_words; i++)
        good =
            json_array_append_new(labels, json_string(result->labels[result->word_labels[i]])) == 0;
    for (size_t i = 0; good && i < result->n_entities; i++)
        good = json_array_append_new(entities, json_entity(&result->entities[i])) == 0;
    return good;
}

/* ---- records ---- */

static int record_entity(struct elc_builder *builder, const struct elc_entity *entity) {
    const struct elc_score_word *place = &entity->place;
    int err = elc_builder_element_map(builder, 5);
    if (!err)
        err = elc_builder_element_str(builder, "type", 4);
    if (!err)
        err = elc_builder_element_str(builder, entity->type, entity->type_len);
    if (!err)
        err = elc_builder_element_str(builder, "text", 4);
    if (!err)
        err = elc_builder_element_str(builder, place->text, place->len);
    if (!err)
        err = elc_builder_element_str(builder, "start", 5);
    if (!err)
        err = elc_builder_element_uint(builder, place->start);
    if (!err)
        err = elc_builder_element_str(builder, "end", 3);
    if (!err)
        err = elc_builder_element_uint(builder, place->end);
    if (!err)
        err = elc_builder_element_str(builder, "score", 5);
    return err ? err : elc_builder_element_double(builder, entity->score);
}

static int record(struct elc_builder *builder, const struct elc_scorer *scorer,
                  const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer, (void)text;
    int err = elc_builder_array(builder, "predicted", result->n_words);
    for (size_t i = 0; !err && i < result->n_words; i++) {
        const char *label = result->labels[result->word_labels[i]];
        err = elc_builder_element_str(builder, label, strlen(label));
    }
    if (!err)
        err = elc_builder_array(builder, "entities", result->n_entities);
    for (size_t i = 0; !err && i < result->n_entities; i++)
        err = record_entity(builder, &result->entities[i]);
    return err;
}

static const char *const keys[] = {"predicted", "entities", NULL};

const struct elc_score_entry elc_score_tag = {
    .name = "tag",
    .architecture = ELC_TOKEN_CLASSIFIER,
    .blank_line = true,
    .keys = keys,
    .read = read,
    .collect = elc_score_collect_rows,
    .forward = elc_score_forward_rows,
    .compute = compute,
    .names = names,
    .tsv = tsv,
    .json = json,
    .record = record,
};
