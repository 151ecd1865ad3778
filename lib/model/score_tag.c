/* Task tag: a label for each word, and the entities that labels such as B-PER and I-PER make. */
#include <string.h>

#include "electra/entities.h"
#include "electra/finetune.h"
#include "electra/windows.h"
#include "score.h"

/* ---- words ---- */

/* No text has more words than bytes; where the stream does not have the text, no more than these
 * are believed. Every word has a result, also one without a token. */
enum { WORDS_LIMIT = 1 << 20 };

/* The head reads each word's first token. */
static int read(struct elc_score_text *text, const struct elc_score_limits *limits) {
    (void)limits;
    if (!text->words)
        return elc_fail(ELC_EFORMAT, "key 'words', the number of each token's word, is missing");
    size_t n_words = 0;
    int err = elc_first_tokens(&text->row_buffer, &n_words, text->words, text->n);
    text->rows = (const uint32_t *)(const void *)text->row_buffer.data;
    text->n_rows = text->row_buffer.len / sizeof *text->rows;
    return err;
}

static struct elc_score_tagged *words_of(const struct elc_score_result *result) {
    return (struct elc_score_tagged *)(void *)result->word_buffer.data;
}

/* What a word that has no token is said to be: outside, or else the first label. */
static uint32_t outside(const struct elc_scorer *scorer) {
    for (uint32_t i = 0; i < scorer->network.config.num_labels; i++)
        if (strcmp(scorer->labels[i], "O") == 0)
            return i;
    return 0;
}

/* Makes room for the words of this window, as words without a token. */
static int reserve_words(struct elc_score_result *result, const struct elc_score_text *text,
                         const struct elc_scorer *scorer) {
    const struct elc_score_tagged none = {.label = outside(scorer)};
    const size_t most =
        text->text ? result->whole[0].len + result->whole[1].len : (size_t)WORDS_LIMIT;
    const uint32_t last = text->n_rows > 0 ? text->rows[text->n_rows - 1] : 0;
    const size_t n_words = text->n_rows > 0 ? (size_t)text->words[last] + 1 : 0;
    if (n_words > most)
        return elc_fail(ELC_EFORMAT,
                        "key 'words' of token %u is %zu, but the text has at most %zu words", last,
                        n_words - 1, most);
    int err = 0;
    for (; !err && result->n_words < n_words; result->n_words++)
        err = elc_buffer_append(&result->word_buffer, &none, sizeof none);
    return err;
}

/* The characters of a word that the text does not tell. */
static int keep_characters(struct elc_score_tagged *word, struct elc_score_result *result,
                           const struct elc_score_word *part) {
    word->characters = result->characters.len;
    word->len = part->len;
    return elc_buffer_append(&result->characters, part->text, part->len);
}

/* More of a word that is known from a window before. */
static int extend_word(struct elc_score_tagged *word, struct elc_score_result *result,
                       const struct elc_score_word *part, uint32_t end) {
    word->end = end > word->end ? end : word->end;
    const char *known = (const char *)result->characters.data + word->characters;
    const bool is_longer = !word->cut && part->len > word->len &&
                           (word->len == 0 || memcmp(part->text, known, word->len) == 0);
    return is_longer ? keep_characters(word, result, part) : 0;
}

/* Where the word is in the whole text. A window may end inside of it, which the next one mends. */
static int place_word(struct elc_score_tagged *word, struct elc_score_result *result,
                      const struct elc_score_text *text, uint32_t token,
                      const struct elc_vocab *vocab) {
    struct elc_score_word part;
    const char *source = elc_score_text_source(text, token);
    const bool second = text->types && text->types[token] == 1;
    const uint32_t begin = !source  ? 0
                           : second ? (uint32_t)text->pair_start
                                    : (uint32_t)text->text_start;
    int err = elc_score_text_word(&part, text, token, vocab, &result->joined);
    if (err)
        return err;
    const uint32_t end = begin + part.end;
    if (word->has_token)
        return word->second == second ? extend_word(word, result, &part, end) : 0;
    word->second = second;
    word->start = begin + part.start;
    word->end = end;
    word->cut = source && text->offsets && part.start <= part.end;
    return word->cut ? 0 : keep_characters(word, result, &part);
}

/* The words of a window. Of those that it shares with others, the label is that of the window where
 * the first token has the most context; the first window that has the word has its first token. */
static int add_words(struct elc_score_result *result, const struct elc_score_pass *pass,
                     const struct elc_score_text *text, const struct elc_score_place *place) {
    const size_t n = result->n_labels;
    double *p = elc_score_numbers(result, n, sizeof *p);
    int err = p ? 0 : ELC_ENOMEM;
    for (size_t row = 0; !err && row < text->n_rows; row++) {
        const uint32_t token = text->rows[row];
        struct elc_score_tagged *word = &words_of(result)[text->words[token]];
        const bool is_best = !text->best || text->best[token];
        err = place_word(word, result, text, token, pass->scorer->vocab);
        if (err || (word->has_token && (word->is_settled || !is_best)))
            continue;
        err = elc_score_softmax(p, pass->outputs + (place->row + row) * n, n);
        if (err)
            return err;
        word->label = (uint32_t)elc_likeliest(p, n);
        word->p = p[word->label];
        word->has_token = true;
        word->is_settled = is_best;
    }
    return err;
}

/* The characters of a word: of the whole text, or as its tokens have them. */
static struct elc_score_word characters_of(const struct elc_score_result *result,
                                           const struct elc_score_tagged *word) {
    const struct elc_buffer *whole = &result->whole[word->second];
    struct elc_score_word found = {.text = "", .start = word->start, .end = word->end};
    if (word->cut && word->end <= whole->len) {
        found.text = (const char *)whole->data + word->start;
        found.len = (size_t)(word->end - word->start);
    } else if (word->has_token && !word->cut) {
        found.text = (const char *)result->characters.data + word->characters;
        found.len = word->len;
    }
    return found;
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
        *spans = split_label(&tag, result, words_of(result)[i].label);
        err = elc_buffer_append(&result->tag_buffer, &tag, sizeof tag);
    }
    return err;
}

/* Where the span's words are: from the first one's first character to the last one's last. Nowhere,
 * "" and 0 0, if that is no range of one text. */
static void locate(struct elc_entity *entity, const struct elc_score_result *result,
                   const struct elc_span *span) {
    const struct elc_score_tagged *first = NULL, *last = NULL;
    bool same = true, cut = true;
    double sum = 0;
    size_t n = 0;
    entity->place = (struct elc_score_word){.text = ""};
    for (size_t i = span->begin; i < span->end; i++) {
        const struct elc_score_tagged *word = &words_of(result)[i];
        if (!word->has_token)
            continue;
        first = first ? first : word;
        last = word;
        same = same && word->second == first->second;
        cut = cut && word->cut;
        sum += word->p;
        n++;
    }
    entity->score = n > 0 ? sum / (double)n : 0;
    if (n == 0 || !same || first->start > last->end)
        return;
    entity->place.start = first->start;
    entity->place.end = last->end;
    if (!cut || last->end > result->whole[first->second].len)
        return;
    entity->place.text = (const char *)result->whole[first->second].data + first->start;
    entity->place.len = (size_t)(last->end - first->start);
}

static int set_entities(struct elc_score_result *result) {
    bool spans;
    result->n_entities = 0;
    result->entity_buffer.len = 0;
    int err = split_labels(result, &spans);
    const struct elc_tag *tags = (const struct elc_tag *)(const void *)result->tag_buffer.data;
    struct elc_span span = {0};
    while (!err && spans && elc_span_next(&span, tags, result->n_words, span.end)) {
        struct elc_entity entity;
        const char *name = result->labels[span.type];
        char prefix;
        elc_tag_split(&prefix, &entity.type, &entity.type_len, name, strlen(name));
        locate(&entity, result, &span);
        err = elc_buffer_append(&result->entity_buffer, &entity, sizeof entity);
        result->n_entities++;
    }
    result->entities = (const struct elc_entity *)(const void *)result->entity_buffer.data;
    return err;
}

/* Called for each window of a text, in order. */
static int compute(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place) {
    if (text->window == 1) {
        result->n_labels = pass->scorer->network.config.num_labels;
        result->labels = pass->scorer->labels;
        result->whole[0].len = result->whole[1].len = 0;
        result->word_buffer.len = result->characters.len = 0;
        result->n_words = 0;
    }
    int err = text->text ? elc_windows_join(&result->whole[0], text->text, text->text_len,
                                            text->text_start)
                         : 0;
    if (!err && text->pair)
        err = elc_windows_join(&result->whole[1], text->pair, text->pair_len, text->pair_start);
    if (!err)
        err = reserve_words(result, text, pass->scorer);
    if (!err)
        err = add_words(result, pass, text, place);
    return err || text->window < text->n_windows ? err : set_entities(result);
}

/* ---- TSV ---- */

static int names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    (void)scorer;
    return elc_buffer_printf(out, "id\tword\tlabel\n");
}

static int tsv_word(struct elc_buffer *out, const struct elc_record *record,
                    const struct elc_score_word *word, const char *label) {
    int err = elc_tsv_id(out, record);
    if (!err)
        err = elc_buffer_append(out, "\t", 1);
    if (!err)
        err = elc_tsv_text(out, word->text, word->len);
    if (!err)
        err = elc_buffer_append(out, "\t", 1);
    if (!err)
        err = elc_tsv_text(out, label, strlen(label));
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int tsv(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer;
    int err = 0;
    for (size_t i = 0; !err && i < result->n_words; i++) {
        const struct elc_score_tagged *tagged = &words_of(result)[i];
        const struct elc_score_word word = characters_of(result, tagged);
        err = tsv_word(out, text->record, &word, result->labels[tagged->label]);
    }
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
    for (size_t i = 0; good && i < result->n_words; i++) {
        const char *label = result->labels[words_of(result)[i].label];
        good = json_array_append_new(labels, json_string(label)) == 0;
    }
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
        const char *label = result->labels[words_of(result)[i].label];
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
    .windows = true,
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
