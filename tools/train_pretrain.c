/* electra-train pretrain: a stream of tokens, or a corrupted one, to generator and
 * discriminator. */
#include "train.h"

#include <stdlib.h>

#include "electra/pretrain_run.h"

/* What the command line says, besides struct train, and what is made of it. */
struct pretrain {
    const char *config, *objective, *vocab_path, *init_path;
    struct option_list set;
    struct elc_pretrain_job job;
    struct elc_pretrain_init init;
    struct elc_vocab *vocab;
};

/* Options stand above the configuration they adjust. */
static void apply_options(struct elc_pretrain_config *config, const struct train *train) {
    if (train_given(train, "batch"))
        config->train_batch_size = train->batch;
    if (train_given(train, "lr"))
        config->learning_rate = train->lr;
    if (train_given(train, "warmup"))
        config->num_warmup_steps = train->warmup;
}

/* --config and --vocab. */
static int configure_anew(struct pretrain *pretrain) {
    struct elc_pretrain_config *config = &pretrain->job.config;
    int err =
        elc_pretrain_config_build(config, pretrain->config, pretrain->set.items, pretrain->set.n);
    if (!err)
        err = elc_vocab_read(&pretrain->vocab, pretrain->vocab_path);
    if (err)
        return err;
    const struct elc_vocab_id *id = elc_vocab_id(pretrain->vocab);
    config->discriminator.vocab_size = config->generator.vocab_size = (uint32_t)id->size;
    config->discriminator.pad_token_id = config->generator.pad_token_id = id->pad;
    return 0;
}

/* --init: the model says all that has to do with shapes. */
static int configure_from_model(struct pretrain *pretrain) {
    struct elc_pretrain_config *config = &pretrain->job.config;
    int err = elc_pretrain_init_open(&pretrain->init, pretrain->init_path, pretrain->job.objective);
    if (!err)
        err =
            elc_pretrain_init_config(config, &pretrain->init, pretrain->set.items, pretrain->set.n);
    if (!err)
        err = elc_vocab_read(&pretrain->vocab, pretrain->init.main.path);
    if (err)
        return err;
    pretrain->job.init = &pretrain->init;
    const struct elc_vocab_id *id = elc_vocab_id(pretrain->vocab);
    if (id->size > config->discriminator.vocab_size)
        return elc_fail(ELC_EMISMATCH,
                        "%s: its vocabulary has %llu tokens, its configuration says %u",
                        pretrain->init.main.path, (unsigned long long)id->size,
                        config->discriminator.vocab_size);
    return 0;
}

static int run(struct pretrain *pretrain, struct train *train) {
    struct elc_pretrain_job *job = &pretrain->job;
    int err = elc_objective_parse(&job->objective, pretrain->objective);
    if (!err)
        err = pretrain->init_path ? configure_from_model(pretrain) : configure_anew(pretrain);
    if (err)
        return err;
    apply_options(&job->config, train);
    job->vocab = pretrain->vocab;
    train->run.recipe = elc_pretrain_recipe(&job->config);
    err = train_open_streams(train, pretrain->vocab, pretrain->vocab_path,
                             pretrain->init_path ? pretrain->init.main.path : NULL,
                             &job->config.discriminator);
    return err ? err : elc_pretrain_run(&train->run, job, &train->work);
}

/* TOOL_DONE, or what is wrong with the options. */
static int check_options(struct pretrain *pretrain, struct train *train) {
    if (!pretrain->vocab_path && !pretrain->init_path)
        return tool_usage(&train->tool, "--vocab FILE is missing (or --init MODEL)");
    if (pretrain->init_path && (pretrain->vocab_path || train_given(train, "config")))
        return tool_usage(&train->tool, "--init has its own configuration and vocabulary: leave "
                                        "--config and --vocab out");
    return TOOL_DONE;
}

int train_pretrain(int argc, char **argv) {
    struct pretrain p = {.config = "small", .objective = "electra"};
    const struct tool_option own[] = {
        {0, "objective", OPTION_CHOICE, &p.objective, "NAME",
         "electra, rtd, mlm, electra-15, replace-mlm, all-tokens-mlm [electra]",
         .choices = "electra|rtd|mlm|electra-15|replace-mlm|all-tokens-mlm"},
        {0, "config", OPTION_TEXT, &p.config, "NAME|FILE",
         "nano, small, base, large, or a flat JSON file [small]"},
        {0, "set", OPTION_LIST, &p.set, "KEY=VALUE", "override one key of the configuration"},
        {0, "vocab", OPTION_TEXT, &p.vocab_path, "FILE", "the vocabulary of the stream"},
        {0, "init", OPTION_TEXT, &p.init_path, "MODEL",
         "start from its weights, with its shapes and vocabulary"},
        {0},
    };
    struct train train;
    train_init(&train,
               "pretrain (--vocab FILE [--config NAME|FILE] | --init MODEL) -o DIR\n"
               " [--objective NAME] [--set KEY=VALUE]… [--steps N | --epochs N | --hours H]\n"
               " [--batch N] [--lr X] [--warmup N] [--valid STREAM] [--resume] [STREAM]…",
               "Pre-trains an ELECTRA, generator and discriminator, on a stream of tokens.");
    train_parse(&train, own, argc, argv);
    int status = check_options(&p, &train);
    if (status == TOOL_DONE && train_prepare(&train, &status))
        status = train_end(&train, run(&p, &train));
    elc_pretrain_init_close(&p.init);
    elc_vocab_destroy(p.vocab);
    free(p.set.items);
    return status;
}
