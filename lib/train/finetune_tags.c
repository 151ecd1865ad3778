/* Validation of tag: the labels of words, out of all windows of a text, and the spans that they
 * make. */
#include <stdlib.h>
#include <string.h>

#include "finetune_inside.h"

/* The number of a type: the first class that has it. */
static uint32_t type_number(const struct elc_config *config, const char *type, size_t len) {
    for (uint32_t i = 0; i < config->num_labels; i++) {
        char prefix;
        const char *other;
        size_t other_len;
        const char *name = config->labels[i];
        if (elc_tag_split(&prefix, &other, &other_len, name, strlen(name)) && prefix != 'O' &&
            other_len == len && memcmp(other, type, len) == 0)
            return i;
    }
    return 0;
}

int tag_sums_begin(struct tag_sums *sums, const struct elc_config *config,
                   struct elc_counts *counts) {
    int err = 0;
    sums->counts = counts;
    sums->n_classes = config->num_labels;
    sums->spans = true;
    for (uint32_t i = 0; !err && sums->spans && i < config->num_labels; i++) {
        struct elc_tag tag = {.prefix = 'O'};
        const char *type;
        size_t len;
        sums->spans =
            elc_tag_split(&tag.prefix, &type, &len, config->labels[i], strlen(config->labels[i]));
        if (sums->spans && tag.prefix != 'O')
            tag.type = type_number(config, type, len);
        err = elc_buffer_append(&sums->tags, &tag, sizeof tag);
    }
    return err;
}

void tag_sums_free(struct tag_sums *sums) {
    elc_buffer_free(&sums->tags);
    elc_buffer_free(&sums->words);
    elc_buffer_free(&sums->gold);
    elc_buffer_free(&sums->predicted);
}

/* A word of the present text. */
struct word {
    uint32_t number, gold, predicted;
    bool is_settled; /* no later window says otherwise */
};

/* As electra-score has it: a word that several windows have is labelled where its first token has
 * the most context. */
static int add_word(struct tag_sums *sums, const struct word *word) {
    struct word *words = (struct word *)(void *)sums->words.data;
    size_t at = sums->words.len / sizeof *words;
    while (at > 0 && words[at - 1].number > word->number)
        at--;
    if (at == 0 || words[at - 1].number < word->number)
        return elc_buffer_append(&sums->words, word, sizeof *word);
    if (!words[at - 1].is_settled && word->is_settled)
        words[at - 1] = *word;
    return 0;
}

/* All words of the text are there. */
static int add_text(struct tag_sums *sums) {
    const struct word *words = (const struct word *)(const void *)sums->words.data;
    const struct elc_tag *tags = (const struct elc_tag *)(const void *)sums->tags.data;
    const size_t n = sums->words.len / sizeof *words;
    int err = 0;
    sums->gold.len = sums->predicted.len = 0;
    for (size_t i = 0; !err && i < n; i++) {
        const uint32_t gold = words[i].gold, predicted = words[i].predicted;
        sums->n_correct += gold == predicted;
        if (!sums->spans) {
            sums->counts[gold].gold++;
            sums->counts[predicted].predicted++;
            sums->counts[gold].correct += gold == predicted;
            continue;
        }
        err = elc_buffer_append(&sums->gold, &tags[gold], sizeof *tags);
        if (!err)
            err = elc_buffer_append(&sums->predicted, &tags[predicted], sizeof *tags);
    }
    if (!err && sums->spans)
        elc_span_count(sums->counts, (const struct elc_tag *)(const void *)sums->gold.data,
                       (const struct elc_tag *)(const void *)sums->predicted.data, n);
    sums->n_words += n;
    sums->words.len = 0;
    return err;
}

static uint32_t likeliest(const elc_float *logits, size_t n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

int tag_best(const uint8_t **best, const struct elc_record *record, size_t n) {
    size_t len = n;
    *best = NULL;
    int got = elc_record_bin(record, "best", best, &len);
    if (got >= 0 && len != n)
        return elc_fail(ELC_EFORMAT, "key 'best' has %zu numbers for %zu tokens", len, n);
    return got < 0 ? got : 0;
}

int tag_sums_add(struct tag_sums *sums, const struct tag_window *window) {
    int err = 0;
    for (size_t i = 0; !err && i < window->n; i++) {
        const uint32_t token = window->tokens ? window->tokens[i] : 0;
        const struct word word = {
            .number = window->tokens ? window->words[token] : (uint32_t)i,
            .gold = window->gold[i],
            .predicted = likeliest(window->logits + i * sums->n_classes, sums->n_classes),
            .is_settled = !window->best || window->best[token],
        };
        err = add_word(sums, &word);
    }
    return err || !window->is_last ? err : add_text(sums);
}
