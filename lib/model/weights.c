/* From tables of named tensors to structs of pointers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/encoder.h"
#include "packed.h"

/* Where the tensors of a table are: in one block, or anywhere. */
struct source {
    const struct elc_table *table;
    elc_float *block;
    const elc_float *const *tensors;
    int err; /* of the first failure; later look-ups do nothing */
};

static elc_float *find(struct source *source, const char *prefix, const char *name) {
    char full[128];
    if (source->err)
        return NULL;
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const struct elc_tensor *tensor = elc_table_find(source->table, full);
    if (!tensor) {
        source->err = elc_fail(ELC_EMISMATCH, "there is no tensor '%s'", full);
        return NULL;
    }
    if (source->block)
        return source->block + tensor->offset;
    /* One struct serves weights and gradients; nobody writes through the pointers to weights. */
    return (elc_float *)source->tensors[tensor - source->table->tensors];
}

static struct elc_linear find_linear(struct source *source, const char *prefix, const char *name) {
    char full[112];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return (struct elc_linear){find(source, full, ".weight"), find(source, full, ".bias")};
}

static struct elc_norm find_norm(struct source *source, const char *prefix) {
    return (struct elc_norm){find(source, prefix, ".LayerNorm.weight"),
                             find(source, prefix, ".LayerNorm.bias")};
}

static struct elc_embeddings find_embeddings(struct source *source) {
    static const char prefix[] = "electra.embeddings";
    return (struct elc_embeddings){
        .word = find(source, prefix, ".word_embeddings.weight"),
        .position = find(source, prefix, ".position_embeddings.weight"),
        .type = find(source, prefix, ".token_type_embeddings.weight"),
        .norm = find_norm(source, prefix),
    };
}

static struct elc_layer find_layer(struct source *source, unsigned number) {
    char prefix[64], attention[96], output[96];
    snprintf(prefix, sizeof prefix, "electra.encoder.layer.%u", number);
    snprintf(attention, sizeof attention, "%s.attention.output", prefix);
    snprintf(output, sizeof output, "%s.output", prefix);
    return (struct elc_layer){
        .query = find_linear(source, prefix, ".attention.self.query"),
        .key = find_linear(source, prefix, ".attention.self.key"),
        .value = find_linear(source, prefix, ".attention.self.value"),
        .attention_output = find_linear(source, attention, ".dense"),
        .attention_norm = find_norm(source, attention),
        .intermediate = find_linear(source, prefix, ".intermediate.dense"),
        .output = find_linear(source, output, ".dense"),
        .output_norm = find_norm(source, output),
    };
}

static struct elc_discriminator_head find_discriminator_head(struct source *source) {
    return (struct elc_discriminator_head){
        .dense = find_linear(source, "discriminator_predictions", ".dense"),
        .dense_prediction =
            find_linear(source, "discriminator_predictions", ".dense_prediction"),
    };
}

static void find_head(struct elc_weights *weights, struct source *source) {
    switch (weights->config.architecture) {
    case ELC_ENCODER:
        return;
    case ELC_DISCRIMINATOR:
        weights->discriminator = find_discriminator_head(source);
        return;
    case ELC_GENERATOR:
        weights->generator.dense = find_linear(source, "generator_predictions", ".dense");
        weights->generator.norm = find_norm(source, "generator_predictions");
        weights->generator.bias = find(source, "generator_lm_head", ".bias");
        if (elc_table_find(source->table, "discriminator_predictions.dense.weight"))
            weights->discriminator = find_discriminator_head(source); /* the copy mechanism */
        return;
    case ELC_SEQUENCE_CLASSIFIER:
        weights->task.dense = find_linear(source, "classifier", ".dense");
        weights->task.output = find_linear(source, "classifier", ".out_proj");
        return;
    case ELC_TOKEN_CLASSIFIER:
    case ELC_GOOGLE_CLASSIFIER:
        weights->task.output = find_linear(source, "classifier", "");
        return;
    case ELC_QUESTION_ANSWERER:
        weights->task.output = find_linear(source, "qa_outputs", "");
        return;
    case ELC_GOOGLE_ANSWERER:
        weights->task.output = find_linear(source, "start", "");
        weights->task.end_dense = find_linear(source, "end", ".dense");
        weights->task.end_output = find_linear(source, "end", ".out_proj");
        weights->task.answerable_dense = find_linear(source, "answerable", ".dense");
        weights->task.answerable_output = find_linear(source, "answerable", ".out_proj");
        return;
    case ELC_BERT_CLASSIFIER:
        weights->task.dense = find_linear(source, "pooler", ".dense");
        weights->task.output = find_linear(source, "classifier", "");
        return;
    }
}

/* The owner's embeddings, if the two networks can share them. */
static int share_embeddings(struct elc_weights *weights, const struct elc_weights *owner) {
    const struct elc_config *own = &weights->config, *theirs = owner ? &owner->config : NULL;
    if (!owner)
        return elc_fail(ELC_EMISMATCH, "there is no tensor "
                                       "'electra.embeddings.word_embeddings.weight'");
    if (own->embedding_size != theirs->embedding_size || own->vocab_size != theirs->vocab_size ||
        own->max_position_embeddings != theirs->max_position_embeddings ||
        own->type_vocab_size != theirs->type_vocab_size)
        return elc_fail(ELC_EMISMATCH,
                        "generator and discriminator cannot share embeddings: %u × %u and %u × %u",
                        own->vocab_size, own->embedding_size, theirs->vocab_size,
                        theirs->embedding_size);
    weights->embeddings = owner->embeddings;
    return 0;
}

/* The owner's layers, if the two networks have the same shape. */
static int share_layers(struct elc_weights *weights, const struct elc_weights *owner) {
    const struct elc_config *own = &weights->config, *theirs = &owner->config;
    if (own->hidden_size != theirs->hidden_size ||
        own->num_hidden_layers != theirs->num_hidden_layers ||
        own->num_attention_heads != theirs->num_attention_heads ||
        own->intermediate_size != theirs->intermediate_size)
        return elc_fail(ELC_EMISMATCH, "generator and discriminator cannot share their layers");
    weights->project = owner->project;
    memcpy(weights->layers, owner->layers, own->num_hidden_layers * sizeof *weights->layers);
    return 0;
}

static void find_encoder(struct elc_weights *weights, struct source *source,
                         const struct elc_weights *owner) {
    const struct elc_config *config = &weights->config;
    if (elc_table_find(source->table, "electra.embeddings.word_embeddings.weight"))
        weights->embeddings = find_embeddings(source);
    else
        source->err = share_embeddings(weights, owner);
    if (owner && !source->err &&
        !elc_table_find(source->table, "electra.encoder.layer.0.output.dense.weight")) {
        source->err = share_layers(weights, owner);
        return;
    }
    if (config->embedding_size != config->hidden_size)
        weights->project = find_linear(source, "electra.embeddings_project", "");
    for (unsigned i = 0; i < config->num_hidden_layers; i++)
        weights->layers[i] = find_layer(source, i);
}

static int resolve(struct elc_weights *weights, const struct elc_config *config,
                   struct source *source, const struct elc_weights *owner) {
    *weights = (struct elc_weights){.config = *config};
    const size_t n_layers = config->num_hidden_layers;
    weights->layers = calloc(n_layers ? n_layers : 1, sizeof *weights->layers);
    if (!weights->layers)
        return elc_fail_memory(n_layers * sizeof *weights->layers);
    find_encoder(weights, source, owner);
    find_head(weights, source);
    if (source->err)
        elc_weights_free(weights);
    return source->err;
}

int elc_weights_of_block(struct elc_weights *weights, const struct elc_config *config,
                         const struct elc_table *table, elc_float *block,
                         const struct elc_weights *owner) {
    struct source source = {.table = table, .block = block};
    return resolve(weights, config, &source, owner);
}

int elc_weights_of_network(struct elc_weights *weights, const struct elc_network *network) {
    struct source source = {.table = &network->table, .tensors = network->tensors};
    return resolve(weights, &network->config, &source, NULL);
}

void elc_weights_free(struct elc_weights *weights) {
    elc_packed_free(weights->packed);
    free(weights->layers);
    *weights = (struct elc_weights){0};
}
