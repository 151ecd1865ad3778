/* Starting from the weights of another model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/file.h"
#include "pretraining.h"

/* ---- finding and loading ---- */

/* With the head that `wanted` says if there is one, else the encoder alone. */
static int load(struct elc_network *network, const char *path, const char *inner,
                enum elc_architecture wanted) {
    struct elc_config config;
    char *directory = inner ? elc_path_join(path, inner) : strdup(path);
    char *file = directory ? elc_path_join(directory, "config.json") : NULL;
    int err = file ? elc_config_read(&config, file) : elc_fail_memory(0);
    if (!err)
        err = elc_network_load(network, directory,
                               config.architecture == wanted ? wanted : ELC_ENCODER);
    free(file);
    free(directory);
    return err;
}

int elc_pretrain_init_open(struct elc_pretrain_init *init, const char *path,
                           enum elc_objective objective) {
    const struct elc_objective_parts *parts = elc_objective_parts(objective);
    *init = (struct elc_pretrain_init){0};
    const bool alone = elc_path_exists(path, "config.json");
    const bool generator = elc_path_exists(path, "generator/config.json");
    const bool two = parts->generator && parts->discriminator;
    const char *inner = NULL;
    if (!alone && !parts->discriminator && generator)
        inner = "generator";
    else if (!alone && elc_path_exists(path, "discriminator/config.json"))
        inner = "discriminator";
    else if (!alone)
        return elc_fail(ELC_EIO,
                        "%s: is no model to start from: it has neither config.json nor "
                        "discriminator/config.json",
                        path);
    bool predicts = parts->predicts_tokens || !parts->discriminator;
    int err = load(&init->main, path, inner, predicts ? ELC_GENERATOR : ELC_DISCRIMINATOR);
    if (!err && two && !alone && generator) {
        err = load(&init->generator, path, "generator", ELC_GENERATOR);
        init->has_generator = !err;
    }
    if (err)
        elc_pretrain_init_close(init);
    return err;
}

void elc_pretrain_init_close(struct elc_pretrain_init *init) {
    elc_network_free(&init->main);
    elc_network_free(&init->generator);
    init->has_generator = false;
}

/* ---- configuration ---- */

/* ELC_EINVAL, naming the first number in which a network is not as large as its weights. */
static int check_shape(const struct elc_network *network, const struct elc_config *wanted) {
    const struct elc_config *is = &network->config;
    const struct {
        const char *key;
        uint32_t is, wanted;
    } sizes[] = {
        {"vocab_size", is->vocab_size, wanted->vocab_size},
        {"embedding_size", is->embedding_size, wanted->embedding_size},
        {"hidden_size", is->hidden_size, wanted->hidden_size},
        {"num_hidden_layers", is->num_hidden_layers, wanted->num_hidden_layers},
        {"num_attention_heads", is->num_attention_heads, wanted->num_attention_heads},
        {"intermediate_size", is->intermediate_size, wanted->intermediate_size},
        {"max_position_embeddings", is->max_position_embeddings, wanted->max_position_embeddings},
        {"type_vocab_size", is->type_vocab_size, wanted->type_vocab_size},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].is != sizes[i].wanted)
            return elc_fail(ELC_EINVAL, "%s: its %s is %u, not %u", network->path, sizes[i].key,
                            sizes[i].is, sizes[i].wanted);
    return 0;
}

/* Two networks that are to share their embeddings must know the same tokens. */
static int check_pair(const struct elc_pretrain_config *config,
                      const struct elc_pretrain_init *init) {
    const struct elc_config *d = &config->discriminator, *g = &config->generator;
    if (g->vocab_size != d->vocab_size)
        return elc_fail(ELC_EMISMATCH, "%s: has a vocabulary of %u tokens, %s one of %u",
                        init->generator.path, g->vocab_size, init->main.path, d->vocab_size);
    if (g->embedding_size != d->embedding_size && !config->untied_generator_embeddings)
        return elc_fail(ELC_EMISMATCH,
                        "%s: has embeddings of %u numbers, %s of %u: they cannot be shared (--set "
                        "untied_generator_embeddings=true)",
                        init->generator.path, g->embedding_size, init->main.path,
                        d->embedding_size);
    return 0;
}

int elc_pretrain_init_config(struct elc_pretrain_config *config,
                             const struct elc_pretrain_init *init, const char *const *overrides,
                             size_t n_overrides) {
    static const char prefix[] = "generator_";
    struct elc_config network = init->main.config;
    int err = elc_pretrain_config_adopt(config, &network, overrides, n_overrides);
    if (err)
        return err;
    config->discriminator.vocab_size = config->generator.vocab_size = network.vocab_size;
    config->discriminator.pad_token_id = config->generator.pad_token_id = network.pad_token_id;
    err = check_shape(&init->main, &config->discriminator);
    if (err || !init->has_generator)
        return err;
    if (!config->untied_generator) {
        err = check_shape(&init->generator, &config->generator);
        return err ? elc_context(err, "untied_generator=false") : 0;
    }
    for (size_t i = 0; i < n_overrides; i++)
        if (strncmp(overrides[i], prefix, sizeof prefix - 1) == 0)
            return elc_fail(ELC_EINVAL, "'%s': the generator's shape is that of %s", overrides[i],
                            init->generator.path);
    const double dropout = config->generator.hidden_dropout_prob;
    const double attention = config->generator.attention_probs_dropout_prob;
    config->generator = init->generator.config;
    config->generator.architecture = ELC_GENERATOR;
    config->generator.hidden_dropout_prob = dropout;
    config->generator.attention_probs_dropout_prob = attention;
    return check_pair(config, init);
}

/* ---- weights ---- */

static int note(struct elc_pretraining *p, const char *path, const char *what) {
    return elc_buffer_printf(&p->notes, "%s %s", path, what) < 0
               ? ELC_ENOMEM
               : elc_buffer_append(&p->notes, "", 1);
}

/* The numbers of a tensor in a loaded network; a head besides its own, as all-tokens-mlm has, lies
 * in the file. NULL: it is not there, or of another size. */
static const elc_float *numbers_of(const struct elc_network *network,
                                   const struct elc_tensor *tensor) {
    const struct elc_tensor *own = elc_table_find(&network->table, tensor->name);
    if (own)
        return own->count == tensor->count ? network->tensors[own - network->table.tensors] : NULL;
    const struct elc_stored *stored = elc_safetensors_find(&network->file, tensor->name);
    bool fits = stored && strcmp(stored->dtype, "F32") == 0 && sizeof(elc_float) == sizeof(float) &&
                stored->bytes == tensor->count * sizeof(float) &&
                (uintptr_t)stored->data % sizeof(float) == 0;
    return fits ? (const elc_float *)(const void *)stored->data : NULL;
}

/* Copies all that there is. What is not there is a head's. */
static int copy_network(struct elc_pretraining *p, int which, const struct elc_network *from) {
    const struct elc_table *table = &p->tables[which];
    bool missing = false;
    for (size_t i = 0; i < table->n_tensors; i++) {
        const struct elc_tensor *tensor = &table->tensors[i];
        const elc_float *numbers = numbers_of(from, tensor);
        missing = missing || !numbers;
        if (numbers)
            memcpy(p->values[which] + tensor->offset, numbers, tensor->count * sizeof *numbers);
    }
    return missing ? note(p, from->path, "lacks a head that is wanted: it starts at random") : 0;
}

/* Are the embeddings that the generator came with those that it will share? */
static bool same_embeddings(const struct elc_network *a, const struct elc_network *b) {
    static const char name[] = "electra.embeddings.word_embeddings.weight";
    const struct elc_tensor *x = elc_table_find(&a->table, name);
    const struct elc_tensor *y = elc_table_find(&b->table, name);
    return x && y && x->count == y->count &&
           memcmp(a->tensors[x - a->table.tensors], b->tensors[y - b->table.tensors],
                  x->count * sizeof(elc_float)) == 0;
}

int elc_pretraining_init(struct elc_pretraining *p) {
    const struct elc_pretrain_init *init = p->job->init;
    const int main = p->parts->discriminator ? ELC_READER : ELC_FILLER;
    int err = copy_network(p, main, &init->main);
    if (err || main == ELC_FILLER || !p->parts->generator)
        return err;
    if (!init->has_generator)
        return note(p, init->main.path, "comes without a generator: it starts at random");
    bool shares = !p->config.untied_generator_embeddings;
    if (shares && !same_embeddings(&init->generator, &init->main))
        err = note(p, init->generator.path,
                   "has other embeddings than the discriminator, whose it will share");
    return err ? err : copy_network(p, ELC_FILLER, &init->generator);
}
