/* Replacements by a trained generator. */
#include "electra/replace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/nn.h"
#include "electra/random.h"
#include "electra/tokenize.h"
#include "electra/vocab.h"

enum {
    CHUNK = 32,         /* rows whose logits are there at one time */
    BATCH_TOKENS = 768, /* of a batch; a text that is longer is one by itself */
};

/* ---- sampling ---- */

/* To draw among all other tokens, the last one takes the original's place. */
static int sample(uint32_t *sampled, elc_float *logits, const struct elc_fill *fill, size_t i,
                  elc_float *scratch) {
    const uint32_t original = fill->originals[i], last = (uint32_t)fill->n_tokens - 1;
    if (fill->never_original)
        logits[original] = logits[last];
    struct elc_cross_entropy result;
    elc_cross_entropy_row(&result, logits, fill->never_original ? last : fill->n_tokens, 0, 0,
                          (elc_float)fill->temperature, fill->uniforms[i], scratch);
    if (!isfinite(result.loss))
        return elc_fail(ELC_ENUMERIC, "the generator's output is not finite");
    *sampled = fill->never_original && result.sampled == original ? last : result.sampled;
    return 0;
}

int elc_fill_sample(uint32_t *sampled, struct elc_workspace *workspace,
                    const struct elc_weights *weights, const struct elc_batch *batch,
                    const struct elc_fill *fill) {
    const size_t v = weights->config.vocab_size;
    const elc_float *logits;
    if (fill->n == 0)
        return 0;
    if (fill->never_original && fill->n_tokens < 2)
        return elc_fail(ELC_EMISMATCH, "the generator knows no other token than the original");
    elc_float *row = elc_calloc_aligned(2 * v, sizeof *row);
    int err = row ? elc_encoder_forward(&logits, workspace, weights, batch) : ELC_ENOMEM;
    for (size_t first = 0; !err && first < fill->n; first += CHUNK) {
        const size_t n = fill->n - first < CHUNK ? fill->n - first : CHUNK;
        err = elc_generator_logits(&logits, workspace, weights, fill->rows + first, n);
        for (size_t i = 0; !err && i < n; i++) {
            memcpy(row, logits + i * v, v * sizeof *row);
            err = sample(&sampled[first + i], row, fill, first + i, row + v);
        }
    }
    free(row);
    return err;
}

/* ---- texts ---- */

/* What one thread works with. */
struct worker {
    struct elc_workspace workspace;
    struct elc_batch batch;
    struct elc_buffer rows, originals, sampled; /* uint32_t each */
    struct elc_buffer uniforms;                 /* double each */
};

struct elc_generator_replacer {
    struct elc_replacer replacer;
    struct elc_network network;
    struct elc_weights weights;
    struct elc_vocab *vocab;
    double temperature;
    struct worker *workers;
    size_t n_workers;
};

static uint32_t *numbers(const struct elc_buffer *buffer) {
    return (uint32_t *)(void *)buffer->data;
}

/* Adds a text as the generator reads it. */
static int add_text(struct worker *worker, const struct elc_masked_text *text, uint32_t mask,
                    const struct elc_draws *draws) {
    const uint32_t first = (uint32_t)worker->batch.n_tokens;
    int err = elc_batch_add(&worker->batch, text->ids, text->types, text->n, 0);
    struct elc_random random;
    elc_random_init(&random, draws->seed, ELC_REPLACE, draws->epoch,
                    elc_ids_key(text->ids, text->n));
    for (size_t i = 0; !err && i < text->n_masked; i++) {
        const uint32_t row = first + text->positions[i];
        const double uniform = elc_random_unit(&random);
        err = elc_buffer_append(&worker->rows, &row, sizeof row);
        if (!err)
            err = elc_buffer_append(&worker->originals, &worker->batch.ids[row], sizeof row);
        if (!err)
            err = elc_buffer_append(&worker->uniforms, &uniform, sizeof uniform);
        if (!text->keep[i])
            worker->batch.ids[row] = mask;
    }
    return err;
}

/* Draws for all texts of the batch, and hands out what was drawn. */
static int fill_batch(const struct elc_generator_replacer *generator, struct worker *worker,
                      struct elc_masked_text *texts, size_t n_texts,
                      const struct elc_draws *draws) {
    const struct elc_fill fill = {
        .rows = numbers(&worker->rows),
        .originals = numbers(&worker->originals),
        .uniforms = (const double *)(const void *)worker->uniforms.data,
        .n = worker->rows.len / sizeof(uint32_t),
        .n_tokens = (size_t)elc_vocab_id(generator->vocab)->size,
        .temperature = generator->temperature,
        .never_original = draws->never_original,
    };
    worker->sampled.len = 0;
    int err = elc_buffer_reserve(&worker->sampled, worker->rows.len + 1);
    if (!err)
        err = elc_fill_sample(numbers(&worker->sampled), &worker->workspace, &generator->weights,
                              &worker->batch, &fill);
    const uint32_t *sampled = numbers(&worker->sampled);
    for (size_t i = 0; !err && i < n_texts; i++) {
        memcpy(texts[i].replacements, sampled, texts[i].n_masked * sizeof *sampled);
        sampled += texts[i].n_masked;
    }
    return err;
}

static int draw(struct elc_replacer *replacer, struct elc_masked_text *texts, size_t n_texts,
                const struct elc_draws *draws) {
    const struct elc_generator_replacer *generator = (struct elc_generator_replacer *)replacer;
    struct worker *worker = &generator->workers[draws->worker];
    const uint32_t mask = elc_vocab_id(generator->vocab)->mask;
    int err = 0;
    for (size_t first = 0, end; !err && first < n_texts; first = end) {
        elc_batch_clear(&worker->batch);
        worker->rows.len = worker->originals.len = worker->uniforms.len = 0;
        for (end = first; !err && end < n_texts; end++) {
            if (end > first && worker->batch.n_tokens + texts[end].n > BATCH_TOKENS)
                break;
            err = add_text(worker, &texts[end], mask, draws);
        }
        if (!err)
            err = fill_batch(generator, worker, texts + first, end - first, draws);
    }
    return err;
}

static int check(struct elc_replacer *replacer, const struct elc_header *header, const char *name) {
    const struct elc_generator_replacer *generator = (struct elc_generator_replacer *)replacer;
    const struct elc_config *config = &generator->network.config;
    int err = elc_header_check_vocab(header, name, elc_vocab_id(generator->vocab),
                                     generator->network.path);
    if (!err)
        err = elc_tokenizer_options_check(generator->network.path, &header->tokenizer, name);
    if (!err && header->max_length > config->max_position_embeddings)
        err = elc_fail(ELC_EMISMATCH, "%s has texts of up to %u tokens, but %s has %u positions",
                       name, header->max_length, generator->network.path,
                       config->max_position_embeddings);
    return err;
}

/* ---- the generator ---- */

static int load(struct elc_generator_replacer *generator, const char *path) {
    int err = elc_network_load(&generator->network, path, ELC_GENERATOR);
    if (!err)
        err = elc_weights_of_network(&generator->weights, &generator->network);
    if (!err)
        err = elc_weights_pack(&generator->weights);
    if (!err)
        err = elc_vocab_read(&generator->vocab, generator->network.path);
    if (err)
        return err;
    const unsigned long long size = elc_vocab_id(generator->vocab)->size;
    if (size > generator->network.config.vocab_size)
        return elc_fail(ELC_EMISMATCH,
                        "%s: its vocabulary has %llu tokens, its configuration says %u",
                        generator->network.path, size, generator->network.config.vocab_size);
    return 0;
}

int elc_generator_replacer_new(struct elc_generator_replacer **replacer, const char *path,
                               double temperature, size_t n_workers) {
    if (!(temperature > 0))
        return elc_fail(ELC_EINVAL, "temperature %g is not above 0", temperature);
    struct elc_generator_replacer *generator = calloc(1, sizeof *generator);
    if (!generator)
        return elc_fail_memory(sizeof *generator);
    generator->replacer = (struct elc_replacer){"generator", check, draw};
    generator->temperature = temperature;
    generator->n_workers = n_workers;
    generator->workers = calloc(n_workers, sizeof *generator->workers);
    int err = generator->workers ? load(generator, path)
                                 : elc_fail_memory(n_workers * sizeof *generator->workers);
    if (err)
        elc_generator_replacer_destroy(generator);
    else
        *replacer = generator;
    return err;
}

void elc_generator_replacer_destroy(struct elc_generator_replacer *generator) {
    if (!generator)
        return;
    for (size_t i = 0; generator->workers && i < generator->n_workers; i++) {
        struct worker *worker = &generator->workers[i];
        elc_workspace_free(&worker->workspace);
        elc_batch_free(&worker->batch);
        elc_buffer_free(&worker->rows);
        elc_buffer_free(&worker->originals);
        elc_buffer_free(&worker->sampled);
        elc_buffer_free(&worker->uniforms);
    }
    free(generator->workers);
    elc_vocab_destroy(generator->vocab);
    elc_weights_free(&generator->weights);
    elc_network_free(&generator->network);
    free(generator);
}

struct elc_replacer *elc_generator_replacer(struct elc_generator_replacer *generator) {
    return &generator->replacer;
}

const char *elc_generator_replacer_hash(const struct elc_generator_replacer *generator) {
    return generator->network.hash;
}
