/* The networks of pre-training and what they start with. */
#include <stdlib.h>

#include "pretraining.h"

static enum elc_sharing sharing_of(const struct elc_pretraining *p, int which) {
    if (which == ELC_READER || !p->parts->discriminator || p->config.untied_generator_embeddings)
        return ELC_SHARE_NOTHING;
    return p->config.untied_generator ? ELC_SHARE_EMBEDDINGS : ELC_SHARE_ENCODER;
}

static int make_network(struct elc_pretraining *p, int which, const struct elc_config *config) {
    struct elc_table *table = &p->tables[which];
    int err = elc_table_build(table, config, sharing_of(p, which));
    if (!err && which == ELC_READER && p->parts->copies)
        err = elc_table_add_copy_head(table, config);
    if (err)
        return err;
    p->values[which] = elc_calloc_aligned(table->total, sizeof(elc_float));
    if (!p->values[which])
        return ELC_ENOMEM;
    elc_table_init(table, p->values[which], p->run->options->seed, (uint64_t)which,
                   config->initializer_range);
    return elc_trained_init(&p->trained[which], table, p->values[which]);
}

static void describe(struct elc_pretraining *p) {
    static const char *const names[] = {"discriminator", "generator"};
    const struct elc_header *header = elc_examples_header(p->run->options->train);
    const struct elc_config *configs[] = {&p->config.discriminator, &p->config.generator};
    struct elc_checkpoint *checkpoint = &p->run->checkpoint;
    *checkpoint = (struct elc_checkpoint){
        .vocab = p->job->vocab,
        .rules = header->tokenizer,
        .max_length = header->max_length,
    };
    for (int i = 0; i < 2; i++)
        checkpoint->networks[i] = (struct elc_checkpoint_network){
            names[i], configs[i], p->values[i] ? &p->trained[i] : NULL};
}

int elc_pretraining_open_networks(struct elc_pretraining *p) {
    const struct elc_run_options *options = p->run->options;
    int err = 0;
    if (p->parts->discriminator)
        err = make_network(p, ELC_READER, &p->config.discriminator);
    if (!err && p->parts->generator)
        err = make_network(p, ELC_FILLER, &p->config.generator);
    if (!err && p->job->init)
        err = elc_pretraining_init(p);
    if (err)
        return err;
    describe(p);
    const struct elc_pretrain_setup setup = {
        .config = &p->config,
        .objective = p->job->objective,
        .discriminator_table = &p->tables[ELC_READER],
        .discriminator = p->values[ELC_READER],
        .d_discriminator = p->trained[ELC_READER].gradients,
        .generator_table = &p->tables[ELC_FILLER],
        .generator = p->values[ELC_FILLER],
        .d_generator = p->trained[ELC_FILLER].gradients,
        .mask_id = elc_examples_header(options->train)->vocab.mask,
        .seed = options->seed,
        .pool = p->run->pool,
    };
    return elc_pretrain_new(&p->pretrain, &setup);
}

void elc_pretraining_close_networks(struct elc_pretraining *p) {
    elc_pretrain_destroy(p->pretrain);
    elc_buffer_free(&p->notes);
    for (int i = 0; i < 2; i++) {
        elc_trained_free(&p->trained[i]);
        free(p->values[i]);
        elc_table_free(&p->tables[i]);
    }
}
