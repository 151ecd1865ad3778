/* Replacements drawn from fixed probabilities: those of counted tokens, or all alike. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "electra/corrupt.h"
#include "electra/random.h"

static bool is_special(uint32_t id, const struct elc_vocab_id *vocab) {
    return id == vocab->pad || id == vocab->unk || id == vocab->cls || id == vocab->sep ||
           id == vocab->mask;
}

static const char *name_of(const struct elc_unigrams *unigrams) {
    return unigrams->name ? unigrams->name : "the first stream"; /* whose tokens count alike */
}

/* From the count of each token, in below[1 …], to the sums; the specials' do not count. */
static int sum_up(struct elc_unigrams *unigrams) {
    const struct elc_vocab_id *vocab = &unigrams->vocab;
    uint64_t *below = unigrams->below;
    for (size_t id = 0; id < vocab->size; id++)
        below[id + 1] = below[id] + (is_special((uint32_t)id, vocab) ? 0 : below[id + 1]);
    if (below[vocab->size] == 0)
        return elc_fail(ELC_EFORMAT, "%s: no token to draw", name_of(unigrams));
    const XXH128_hash_t hash = XXH3_128bits(below, (vocab->size + 1) * sizeof *below);
    snprintf(unigrams->hash, sizeof unigrams->hash, "%016llx%016llx",
             (unsigned long long)hash.high64, (unsigned long long)hash.low64);
    return 0;
}

static int new_counts(struct elc_unigrams *unigrams, const struct elc_vocab_id *vocab) {
    unigrams->vocab = *vocab;
    unigrams->below = calloc(vocab->size + 1, sizeof *unigrams->below);
    return unigrams->below ? 0 : elc_fail_memory((vocab->size + 1) * sizeof *unigrams->below);
}

/* ---- drawing ---- */

static int check(struct elc_replacer *replacer, const struct elc_header *header, const char *name) {
    struct elc_unigrams *unigrams = (struct elc_unigrams *)replacer;
    if (unigrams->below)
        return elc_header_check_vocab(header, name, &unigrams->vocab, name_of(unigrams));
    int err = new_counts(unigrams, &header->vocab);
    for (size_t id = 0; !err && id < header->vocab.size; id++)
        unigrams->below[id + 1] = 1;
    return err ? err : sum_up(unigrams);
}

/* Where `place` of all counts falls: the last id with no more than that below it. */
static uint32_t find(const uint64_t *below, size_t size, uint64_t place) {
    size_t low = 0, high = size;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (below[middle] <= place)
            low = middle;
        else
            high = middle;
    }
    return (uint32_t)low;
}

/* A token other than `except`, which may be ELC_NO_TOKEN; its place among all counts is passed
 * over. */
static int draw_one(uint32_t *drawn, const struct elc_unigrams *unigrams, uint32_t except,
                    struct elc_random *random) {
    const size_t size = unigrams->vocab.size;
    const uint64_t *below = unigrams->below;
    const uint64_t start = except < size ? below[except] : below[size];
    const uint64_t count = except < size ? below[except + 1] - start : 0;
    if (count == below[size])
        return elc_fail(ELC_EFORMAT, "%s: no token but the original to draw", name_of(unigrams));
    const uint64_t place = elc_random_below(random, below[size] - count);
    *drawn = find(below, size, place < start ? place : place + count);
    return 0;
}

static int draw(struct elc_replacer *replacer, struct elc_masked_text *texts, size_t n_texts,
                const struct elc_draws *draws) {
    const struct elc_unigrams *unigrams = (const struct elc_unigrams *)replacer;
    int err = 0;
    for (size_t i = 0; !err && i < n_texts; i++) {
        const struct elc_masked_text *text = &texts[i];
        struct elc_random random;
        elc_random_init(&random, draws->seed, ELC_REPLACE, draws->epoch,
                        elc_ids_key(text->ids, text->n));
        for (size_t k = 0; !err && k < text->n_masked; k++) {
            const uint32_t original = text->ids[text->positions[k]];
            err = draw_one(&text->replacements[k], unigrams,
                           draws->never_original ? original : UINT32_MAX, &random);
        }
    }
    return err;
}

/* ---- counting ---- */

static int count_header(struct elc_unigrams *unigrams, const struct elc_header *header) {
    if (header->kind != ELC_TOKENS)
        return elc_fail(ELC_EMISMATCH, "a stream of kind '%s', where tokens are to be counted",
                        elc_kind_name(header->kind));
    return unigrams->below ? 0 : new_counts(unigrams, &header->vocab);
}

static int count_block(struct elc_unigrams *unigrams, const struct elc_block *block,
                       unsigned id_width, struct elc_buffer *ids) {
    struct elc_record record;
    size_t position = 0;
    uint64_t number = block->first;
    int got;
    while ((got = elc_record_next(&record, &block->payload, &position)) > 0) {
        int err = elc_record_ids(&record, "ids", id_width, unigrams->vocab.size, ids);
        number++;
        if (err)
            return elc_context(err, "record %llu", (unsigned long long)number);
        const uint32_t *id = (const uint32_t *)(const void *)ids->data;
        for (size_t i = 0; i < ids->len / sizeof *id; i++)
            unigrams->below[id[i] + 1]++;
    }
    return got;
}

static int count_stream(struct elc_unigrams *unigrams, struct elc_reader *reader) {
    struct elc_block block = {0};
    struct elc_buffer ids = {0};
    int event;
    while ((event = elc_reader_next(reader, &block)) > ELC_END) {
        int err = 0;
        if (event == ELC_HEADER)
            err = count_header(unigrams, elc_reader_header(reader));
        else if (event == ELC_BLOCK)
            err = count_block(unigrams, &block, elc_reader_header(reader)->id_width, &ids);
        if (err) {
            event = elc_context(err, "%s", elc_reader_name(reader));
            break;
        }
    }
    elc_buffer_free(&block.payload);
    elc_buffer_free(&ids);
    return event;
}

int elc_unigrams_read(struct elc_unigrams *unigrams, const char *path) {
    *unigrams = (struct elc_unigrams){.replacer = {"unigram", check, draw}, .name = strdup(path)};
    struct elc_reader *reader = NULL;
    int err = unigrams->name ? elc_reader_new(&reader, &unigrams->name, 1, false)
                             : elc_fail_memory(strlen(path));
    if (!err)
        err = count_stream(unigrams, reader);
    if (!err)
        err = sum_up(unigrams);
    elc_reader_destroy(reader);
    if (err)
        elc_unigrams_free(unigrams);
    return err;
}

void elc_unigrams_uniform(struct elc_unigrams *unigrams) {
    *unigrams = (struct elc_unigrams){.replacer = {"uniform", check, draw}};
}

void elc_unigrams_free(struct elc_unigrams *unigrams) {
    free(unigrams->name);
    free(unigrams->below);
    *unigrams = (struct elc_unigrams){0};
}
