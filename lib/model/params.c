/* The table of a network's tensors, and their initial values. */
#include "electra/params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "electra/memory.h"
#include "electra/random.h"

/* Numbers that a tensor's start is aligned to: 64 bytes of float. */
enum { ALIGNMENT = 16 };

/* A table under construction. */
struct layout {
    struct elc_table *table;
    size_t capacity;
    uint32_t depth;
    int err; /* of the first failure; later additions do nothing */
};

static void add(struct layout *layout, const char *prefix, const char *name, uint32_t rows,
                uint32_t columns, enum elc_init init) {
    struct elc_table *table = layout->table;
    if (layout->err == 0) {
        layout->err = elc_grow(&table->tensors, &layout->capacity, table->n_tensors + 1,
                               sizeof *table->tensors);
    }
    if (layout->err < 0)
        return;
    struct elc_tensor *tensor = &table->tensors[table->n_tensors++];
    *tensor = (struct elc_tensor){
        .shape = {rows, columns},
        .offset = table->total,
        .count = (size_t)rows * (columns ? columns : 1),
        .depth = layout->depth,
        .init = init,
    };
    snprintf(tensor->name, sizeof tensor->name, "%s%s", prefix, name);
    tensor->decay = !strstr(tensor->name, "LayerNorm") && !strstr(tensor->name, "bias");
    table->total += (tensor->count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void add_dense(struct layout *layout, const char *prefix, uint32_t out, uint32_t in,
                      enum elc_init init) {
    add(layout, prefix, ".weight", out, in, init);
    add(layout, prefix, ".bias", out, 0, ELC_INIT_ZERO);
}

static void add_norm(struct layout *layout, const char *prefix, uint32_t width) {
    add(layout, prefix, ".weight", width, 0, ELC_INIT_ONE);
    add(layout, prefix, ".bias", width, 0, ELC_INIT_ZERO);
}

static void add_embeddings(struct layout *layout, const struct elc_config *config) {
    static const char prefix[] = "electra.embeddings.";
    uint32_t width = config->embedding_size;
    add(layout, prefix, "word_embeddings.weight", config->vocab_size, width,
        ELC_INIT_TRUNCATED_NORMAL);
    add(layout, prefix, "position_embeddings.weight", config->max_position_embeddings, width,
        ELC_INIT_TRUNCATED_NORMAL);
    add(layout, prefix, "token_type_embeddings.weight", config->type_vocab_size, width,
        ELC_INIT_TRUNCATED_NORMAL);
    add_norm(layout, "electra.embeddings.LayerNorm", width);
}

static void add_layer(struct layout *layout, const struct elc_config *config, uint32_t number) {
    static const char *const projections[] = {"query", "key", "value"};
    uint32_t hidden = config->hidden_size;
    char layer[48], name[80];
    snprintf(layer, sizeof layer, "electra.encoder.layer.%u", number);
    /* Weights side by side, biases side by side: one product gives all three. */
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s.attention.self.%s", layer, projections[i]);
        add(layout, name, ".weight", hidden, hidden, ELC_INIT_TRUNCATED_NORMAL);
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s.attention.self.%s", layer, projections[i]);
        add(layout, name, ".bias", hidden, 0, ELC_INIT_ZERO);
    }
    snprintf(name, sizeof name, "%s.attention.output.dense", layer);
    add_dense(layout, name, hidden, hidden, ELC_INIT_TRUNCATED_NORMAL);
    snprintf(name, sizeof name, "%s.attention.output.LayerNorm", layer);
    add_norm(layout, name, hidden);
    snprintf(name, sizeof name, "%s.intermediate.dense", layer);
    add_dense(layout, name, config->intermediate_size, hidden, ELC_INIT_TRUNCATED_NORMAL);
    snprintf(name, sizeof name, "%s.output.dense", layer);
    add_dense(layout, name, hidden, config->intermediate_size, ELC_INIT_TRUNCATED_NORMAL);
    snprintf(name, sizeof name, "%s.output.LayerNorm", layer);
    add_norm(layout, name, hidden);
}

static void add_head(struct layout *layout, const struct elc_config *config) {
    uint32_t hidden = config->hidden_size;
    switch (config->architecture) {
    case ELC_ENCODER:
        return;
    case ELC_DISCRIMINATOR:
        add_dense(layout, "discriminator_predictions.dense", hidden, hidden,
                  ELC_INIT_TRUNCATED_NORMAL);
        add_dense(layout, "discriminator_predictions.dense_prediction", 1, hidden, ELC_INIT_GLOROT);
        return;
    case ELC_GENERATOR: /* the output matrix is the word embeddings */
        add_dense(layout, "generator_predictions.dense", config->embedding_size, hidden,
                  ELC_INIT_TRUNCATED_NORMAL);
        add_norm(layout, "generator_predictions.LayerNorm", config->embedding_size);
        add(layout, "generator_lm_head", ".bias", config->vocab_size, 0, ELC_INIT_ZERO);
        return;
    case ELC_SEQUENCE_CLASSIFIER:
        add_dense(layout, "classifier.dense", hidden, hidden, ELC_INIT_TRUNCATED_NORMAL);
        add_dense(layout, "classifier.out_proj", config->num_labels, hidden, ELC_INIT_GLOROT);
        return;
    case ELC_TOKEN_CLASSIFIER:
    case ELC_GOOGLE_CLASSIFIER:
        add_dense(layout, "classifier", config->num_labels, hidden, ELC_INIT_GLOROT);
        return;
    case ELC_QUESTION_ANSWERER:
        add_dense(layout, "qa_outputs", 2, hidden, ELC_INIT_GLOROT);
        return;
    case ELC_GOOGLE_ANSWERER:
        add_dense(layout, "start", 1, hidden, ELC_INIT_GLOROT);
        add_dense(layout, "end.dense", ELC_ANSWERER_WIDTH, 2 * hidden, ELC_INIT_GLOROT);
        add_dense(layout, "end.out_proj", 1, ELC_ANSWERER_WIDTH, ELC_INIT_GLOROT);
        add_dense(layout, "answerable.dense", ELC_ANSWERER_WIDTH, 2 * hidden, ELC_INIT_GLOROT);
        add_dense(layout, "answerable.out_proj", 1, ELC_ANSWERER_WIDTH, ELC_INIT_GLOROT);
        return;
    case ELC_BERT_CLASSIFIER:
        add_dense(layout, "pooler.dense", hidden, hidden, ELC_INIT_TRUNCATED_NORMAL);
        add_dense(layout, "classifier", config->num_labels, hidden, ELC_INIT_GLOROT);
        return;
    }
}

int elc_table_build(struct elc_table *table, const struct elc_config *config,
                    enum elc_sharing sharing) {
    *table = (struct elc_table){0};
    int err = elc_config_check(config);
    if (err < 0)
        return err;
    struct layout layout = {.table = table};
    if (sharing == ELC_SHARE_NOTHING)
        add_embeddings(&layout, config);
    if (sharing != ELC_SHARE_ENCODER && config->embedding_size != config->hidden_size) {
        add_dense(&layout, "electra.embeddings_project", config->hidden_size,
                  config->embedding_size, ELC_INIT_GLOROT);
    }
    for (uint32_t i = 0; sharing != ELC_SHARE_ENCODER && i < config->num_hidden_layers; i++) {
        layout.depth = i + 1;
        add_layer(&layout, config, i);
    }
    layout.depth = config->num_hidden_layers + 2;
    add_head(&layout, config);
    if (layout.err < 0)
        elc_table_free(table);
    return layout.err;
}

int elc_table_add_copy_head(struct elc_table *table, const struct elc_config *config) {
    struct layout layout = {
        .table = table, .capacity = table->n_tensors, .depth = config->num_hidden_layers + 2};
    struct elc_config discriminator = *config;
    discriminator.architecture = ELC_DISCRIMINATOR;
    add_head(&layout, &discriminator);
    return layout.err;
}

void elc_table_free(struct elc_table *table) {
    free(table->tensors);
    *table = (struct elc_table){0};
}

const struct elc_tensor *elc_table_find(const struct elc_table *table, const char *name) {
    for (size_t i = 0; i < table->n_tensors; i++)
        if (strcmp(table->tensors[i].name, name) == 0)
            return &table->tensors[i];
    return NULL;
}

/* ---- initial values ---- */

/* A standard normal number cut at ±2, by rejection from the uniform density (59.8 % accepted). */
static double truncated_normal(struct elc_random *random) {
    for (;;) {
        double x = 4 * elc_random_unit(random) - 2;
        if (elc_random_unit(random) < exp(-x * x / 2))
            return x;
    }
}

static void init_tensor(const struct elc_tensor *tensor, elc_float *values, uint64_t seed,
                        uint64_t network, double stddev) {
    struct elc_random random;
    elc_random_init(&random, seed, ELC_INIT, XXH3_64bits(tensor->name, strlen(tensor->name)),
                    network);
    double limit = sqrt(6.0 / ((double)tensor->shape[0] + tensor->shape[1])); /* fan out, fan in */
    for (size_t i = 0; i < tensor->count; i++) {
        switch (tensor->init) {
        case ELC_INIT_ZERO:
            values[i] = 0;
            break;
        case ELC_INIT_ONE:
            values[i] = 1;
            break;
        case ELC_INIT_TRUNCATED_NORMAL:
            values[i] = (elc_float)(stddev * truncated_normal(&random));
            break;
        case ELC_INIT_GLOROT:
            values[i] = (elc_float)(limit * (2 * elc_random_unit(&random) - 1));
            break;
        }
    }
}

void elc_table_init(const struct elc_table *table, elc_float *values, uint64_t seed,
                    uint64_t network, double stddev) {
    memset(values, 0, table->total * sizeof *values);
    for (size_t i = 0; i < table->n_tensors; i++)
        init_tensor(&table->tensors[i], values + table->tensors[i].offset, seed, network, stddev);
}
