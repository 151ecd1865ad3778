/* Task classify: the class of a text, or its labels, with the probabilities of all. */
#include <math.h>
#include <string.h>

#include "score.h"

static bool is_multi_label(const struct elc_config *config) {
    return config->problem_type == ELC_PROBLEM_MULTI;
}

static bool fits(const struct elc_config *config) {
    if (!elc_architecture_is_classifier(config->architecture))
        return false;
    return config->problem_type == ELC_PROBLEM_UNSET
               ? config->num_labels > 1
               : config->problem_type != ELC_PROBLEM_REGRESSION;
}

static int sigmoids(double *p, const elc_float *logits, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(logits[i]))
            return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
        p[i] = 1 / (1 + exp(-(double)logits[i]));
    }
    return 0;
}

/* p [n] of all classes. */
static int probabilities(double *p, const elc_float *logits, size_t n,
                         const struct elc_config *config) {
    return is_multi_label(config) ? sigmoids(p, logits, n) : elc_score_softmax(p, logits, n);
}

/* ---- the effect of each word (--tokens) ----
 *
 * By how much the probability of the text's class falls when all tokens of the word are [MASK]. */

/* Tokens of texts, each with a word masked, that go through the network at a time. */
enum { VARIANT_TOKENS = 768 };

static int read(struct elc_score_text *text, const struct elc_score_limits *limits) {
    if (!limits->by_word)
        return 0;
    if (text->n_windows > 1)
        return elc_fail(ELC_EMISMATCH, "the effects of words cannot be told of a text in windows "
                                       "(--tokens, and electra-tokenize --stride)");
    return text->words
               ? 0
               : elc_fail(ELC_EFORMAT, "key 'words', the number of each token's word, is missing");
}

/* Words are told apart by their numbers; the first row of each row's word, or UINT32_MAX. */
static int collect(struct elc_score_pass *pass, const struct elc_score_text *text,
                   const struct elc_score_place *place) {
    int err = elc_score_collect_first(pass, text, place);
    for (size_t i = 0; !err && pass->scorer->options.tokens && i < text->n; i++) {
        uint32_t first = (uint32_t)(place->token + i);
        const bool goes_on = i > 0 && text->words[i] == text->words[i - 1] &&
                             (!text->types || text->types[i] == text->types[i - 1]);
        if (text->words[i] == UINT32_MAX)
            first = UINT32_MAX;
        else if (goes_on)
            memcpy(&first, pass->words.data + pass->words.len - sizeof first, sizeof first);
        err = elc_buffer_append(&pass->words, &first, sizeof first);
    }
    return err;
}

/* Variants that are waiting to go through the network: their text, and the first row of the word
 * that is masked. */
struct variant {
    uint32_t text, row;
};
struct waiting {
    struct elc_score_pass *pass;
    const elc_float *logits; /* [S, n] of the texts themselves */
    double *p, *q;           /* [n] scratch */
    struct elc_buffer variants, rows;
};

static int evaluate(struct waiting *waiting) {
    struct elc_score_pass *pass = waiting->pass;
    const struct elc_config *config = &pass->scorer->network.config;
    const size_t n = config->num_labels, count = pass->variants.n_sequences;
    const struct variant *variants = (const struct variant *)(const void *)waiting->variants.data;
    double *effects = (double *)(void *)pass->effects.data;
    const elc_float *logits;
    if (count == 0)
        return 0;
    int err = elc_head_outputs(&logits, &pass->head, &pass->workspace, &pass->scorer->weights,
                               &pass->variants, (const uint32_t *)(const void *)waiting->rows.data,
                               count, true);
    for (size_t i = 0; !err && i < count; i++) {
        err = probabilities(waiting->p, waiting->logits + variants[i].text * n, n, config);
        if (!err)
            err = probabilities(waiting->q, logits + i * n, n, config);
        const size_t best = err ? 0 : elc_likeliest(waiting->p, n);
        effects[variants[i].row] = waiting->p[best] - waiting->q[best];
    }
    waiting->variants.len = waiting->rows.len = 0;
    elc_batch_clear(&pass->variants);
    return err;
}

/* Text `text` with the word that begins at row `row` masked. */
static int add_variant(struct waiting *waiting, uint32_t text, uint32_t row) {
    struct elc_score_pass *pass = waiting->pass;
    const struct elc_batch *texts = &pass->texts;
    const uint32_t *words = (const uint32_t *)(const void *)pass->words.data;
    const size_t first = texts->starts[text], n = texts->starts[text + 1] - first;
    const struct variant variant = {text, row};
    int err = pass->variants.n_tokens + n > VARIANT_TOKENS ? evaluate(waiting) : 0;
    const uint32_t number = (uint32_t)pass->variants.n_sequences;
    uint32_t *ids = NULL;
    if (!err)
        err = elc_batch_add(&pass->variants, texts->ids + first, texts->types + first, n, 0);
    if (!err)
        ids = pass->variants.ids + pass->variants.starts[number];
    for (size_t i = 0; ids && i < n; i++)
        if (words[first + i] == row)
            ids[i] = elc_vocab_id(pass->scorer->vocab)->mask;
    if (!err)
        err = elc_buffer_append(&waiting->variants, &variant, sizeof variant);
    return err ? err : elc_buffer_append(&waiting->rows, &number, sizeof number);
}

static int effects_of_words(struct waiting *waiting) {
    const struct elc_batch *texts = &waiting->pass->texts;
    const uint32_t *words = (const uint32_t *)(const void *)waiting->pass->words.data;
    double *effects = (double *)(void *)waiting->pass->effects.data;
    int err = 0;
    elc_batch_clear(&waiting->pass->variants);
    for (uint32_t text = 0; text < texts->n_sequences; text++)
        for (uint32_t row = texts->starts[text]; !err && row < texts->starts[text + 1]; row++) {
            effects[row] = NAN;
            if (words[row] == row)
                err = add_variant(waiting, text, row);
        }
    return err ? err : evaluate(waiting);
}

static int forward(struct elc_score_pass *pass) {
    const struct elc_batch *texts = &pass->texts;
    const size_t n = pass->scorer->network.config.num_labels;
    int err = elc_score_forward_first(pass);
    if (err || !pass->scorer->options.tokens)
        return err;
    /* The head's memory is needed once more: the texts' own outputs move out of it. */
    const size_t bytes = texts->n_sequences * n * sizeof *pass->outputs;
    pass->numbers.len = pass->effects.len = 0;
    err = elc_buffer_append(&pass->numbers, pass->outputs, bytes);
    if (!err)
        err = elc_buffer_reserve(&pass->effects, (texts->n_tokens + 2 * n) * sizeof(double));
    if (err)
        return err;
    pass->outputs = (const elc_float *)(const void *)pass->numbers.data;
    double *scratch = (double *)(void *)pass->effects.data + texts->n_tokens;
    struct waiting waiting = {
        .pass = pass, .logits = pass->outputs, .p = scratch, .q = scratch + n};
    err = effects_of_words(&waiting);
    elc_buffer_free(&waiting.variants);
    elc_buffer_free(&waiting.rows);
    return err;
}

/* Of a text in windows each class has the mean of its probabilities. */
static int compute(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place) {
    const struct elc_config *config = &pass->scorer->network.config;
    const size_t n = config->num_labels;
    double *p = elc_score_window(result, text, n);
    if (!p)
        return ELC_ENOMEM;
    int err = probabilities(p, pass->outputs + place->text * n, n, config);
    if (err)
        return err;
    result->values = elc_score_mean(result, text, n);
    result->best = elc_likeliest(result->values, n);
    result->labels = pass->scorer->labels;
    result->n_labels = n;
    result->multi_label = is_multi_label(config);
    result->effects = NULL;
    if (pass->scorer->options.tokens)
        result->effects = (const double *)(const void *)pass->effects.data + place->token;
    return 0;
}

static bool applies(const struct elc_score_result *result, size_t i) {
    return result->multi_label ? result->values[i] > 0.5 : i == result->best;
}

/* ---- TSV ---- */

static int names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    if (scorer->options.tokens)
        return elc_buffer_printf(out, "id\tword\tstart\tend\tlabel\teffect\n");
    return elc_buffer_printf(out, "%s\n",
                             is_multi_label(&scorer->network.config) ? "id\tlabels\tprobabilities"
                                                                     : "id\tlabel\tprobability");
}

static int tsv_word(struct elc_buffer *out, const struct elc_score_text *text,
                    const struct elc_score_word *word, const char *label, double effect) {
    int err = elc_tsv_id(out, text->record);
    if (!err)
        err = elc_buffer_append(out, "\t", 1);
    if (!err)
        err = elc_tsv_text(out, word->text, word->len);
    if (!err)
        err = elc_buffer_printf(out, "\t%u\t%u\t", word->start, word->end);
    if (!err)
        err = elc_tsv_text(out, label, strlen(label));
    return err ? err : elc_buffer_printf(out, "\t%.6g\n", effect);
}

static int tsv_words(struct elc_buffer *out, const struct elc_scorer *scorer,
                     const struct elc_score_text *text, const struct elc_score_result *result) {
    struct elc_buffer joined = {0};
    int err = 0;
    for (size_t i = 0; !err && i < text->n; i++) {
        struct elc_score_word word;
        if (isnan(result->effects[i]))
            continue;
        err = elc_score_text_word(&word, text, i, scorer->vocab, &joined);
        if (!err)
            err = tsv_word(out, text, &word, result->labels[result->best], result->effects[i]);
    }
    elc_buffer_free(&joined);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

/* Several labels, and their probabilities, are separated by commas. */
static int tsv(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result) {
    if (scorer->options.tokens)
        return tsv_words(out, scorer, text, result);
    int err = elc_tsv_id(out, text->record);
    const char *separator = "\t";
    for (size_t i = 0; !err && i < result->n_labels; i++) {
        if (!applies(result, i))
            continue;
        err = elc_buffer_append(out, separator, 1);
        if (!err)
            err = elc_tsv_text(out, result->labels[i], strlen(result->labels[i]));
        separator = ",";
    }
    if (!err && *separator == '\t')
        err = elc_buffer_append(out, "\t\t", 2);
    separator = "\t";
    for (size_t i = 0; !err && i < result->n_labels; i++) {
        if (!applies(result, i))
            continue;
        err = elc_buffer_printf(out, "%s%.6g", separator, result->values[i]);
        separator = ",";
    }
    return err ? err : elc_buffer_append(out, "\n", 1);
}

/* ---- JSON Lines ---- */

static bool set_labels(json_t *object, const struct elc_score_result *result) {
    json_t *labels = json_array();
    bool good = elc_score_json_set(object, "label", labels);
    for (size_t i = 0; good && i < result->n_labels; i++)
        if (applies(result, i))
            good = json_array_append_new(labels, json_string(result->labels[i])) == 0;
    return good;
}

static json_t *json_word(const struct elc_score_word *word, double effect) {
    json_t *object = json_object();
    if (!object ||
        !elc_score_json_set(object, "word", elc_score_json_text(word->text, word->len)) ||
        !elc_score_json_set(object, "start", json_integer(word->start)) ||
        !elc_score_json_set(object, "end", json_integer(word->end)) ||
        !elc_score_json_set(object, "effect", elc_score_json_number(effect))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static bool json_words(json_t *object, const struct elc_scorer *scorer,
                       const struct elc_score_text *text, const struct elc_score_result *result) {
    struct elc_buffer joined = {0};
    json_t *words = json_array();
    bool good = elc_score_json_set(object, "tokens", words);
    for (size_t i = 0; good && i < text->n; i++) {
        struct elc_score_word word;
        if (isnan(result->effects[i]))
            continue;
        good = elc_score_text_word(&word, text, i, scorer->vocab, &joined) == 0 &&
               json_array_append_new(words, json_word(&word, result->effects[i])) == 0;
    }
    elc_buffer_free(&joined);
    return good;
}

static bool json(json_t *object, const struct elc_scorer *scorer, const struct elc_score_text *text,
                 const struct elc_score_result *result) {
    const char *label = result->labels[result->best];
    bool good = result->multi_label
                    ? set_labels(object, result)
                    : elc_score_json_set(object, "label", json_string(label)) &&
                          elc_score_json_set(object, "probability",
                                             elc_score_json_number(result->values[result->best]));
    json_t *all = json_object();
    good = elc_score_json_set(object, "probabilities", all) && good;
    for (size_t i = 0; good && i < result->n_labels; i++)
        good = elc_score_json_set(all, result->labels[i], elc_score_json_number(result->values[i]));
    return good && scorer->options.tokens ? json_words(object, scorer, text, result) : good;
}

/* ---- records ---- */

static int record_labels(struct elc_builder *builder, const struct elc_score_result *result) {
    size_t n = 0;
    for (size_t i = 0; i < result->n_labels; i++)
        n += applies(result, i);
    int err = elc_builder_array(builder, "predicted", n);
    for (size_t i = 0; !err && i < result->n_labels; i++)
        if (applies(result, i))
            err = elc_builder_element_str(builder, result->labels[i], strlen(result->labels[i]));
    return err;
}

static int record(struct elc_builder *builder, const struct elc_scorer *scorer,
                  const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer, (void)text;
    const char *label = result->labels[result->best];
    int err = result->multi_label ? record_labels(builder, result)
                                  : elc_builder_str(builder, "predicted", label, strlen(label));
    if (!err && !result->multi_label)
        err = elc_builder_double(builder, "probability", result->values[result->best]);
    if (!err)
        err = elc_builder_map(builder, "probabilities", result->n_labels);
    for (size_t i = 0; !err && i < result->n_labels; i++) {
        err = elc_builder_element_str(builder, result->labels[i], strlen(result->labels[i]));
        if (!err)
            err = elc_builder_element_double(builder, result->values[i]);
    }
    return err;
}

static const char *const keys[] = {"predicted", "probability", "probabilities", NULL};

const struct elc_score_entry elc_score_classify = {
    .name = "classify",
    .architecture = ELC_SEQUENCE_CLASSIFIER,
    .fits = fits,
    .keys = keys,
    .windows = true,
    .read = read,
    .collect = collect,
    .forward = forward,
    .compute = compute,
    .names = names,
    .tsv = tsv,
    .json = json,
    .record = record,
};
