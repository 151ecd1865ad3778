/* electra-train pretrain: a stream of tokens, or a corrupted one, to generator and
 * discriminator. */
#include "train.h"

#include <stdlib.h>

#include "electra/pretrain_run.h"

/* Options stand above the configuration they adjust. */
static void apply_options(struct elc_pretrain_config *config, const struct train *train,
                          const struct elc_vocab *vocab) {
    const struct elc_vocab_id *id = elc_vocab_id(vocab);
    config->discriminator.vocab_size = config->generator.vocab_size = (uint32_t)id->size;
    config->discriminator.pad_token_id = config->generator.pad_token_id = id->pad;
    if (train_given(train, "batch"))
        config->train_batch_size = train->batch;
    if (train_given(train, "lr"))
        config->learning_rate = train->lr;
    if (train_given(train, "warmup"))
        config->num_warmup_steps = train->warmup;
}

int train_pretrain(int argc, char **argv) {
    const char *config = "small", *objective = "electra", *vocab_path = NULL;
    struct option_list set = {0};
    const struct tool_option own[] = {
        {0, "objective", OPTION_CHOICE, &objective, "NAME",
         "electra, rtd, mlm, electra-15, replace-mlm, all-tokens-mlm [electra]",
         .choices = "electra|rtd|mlm|electra-15|replace-mlm|all-tokens-mlm"},
        {0, "config", OPTION_TEXT, &config, "NAME|FILE",
         "nano, small, base, large, or a flat JSON file [small]"},
        {0, "set", OPTION_LIST, &set, "KEY=VALUE", "override one key of the configuration"},
        {0, "vocab", OPTION_TEXT, &vocab_path, "FILE", "the vocabulary of the stream"},
        {0},
    };
    struct train train;
    train_init(&train,
               "pretrain --vocab FILE -o DIR [--config NAME|FILE] [--set KEY=VALUE]…\n"
               "[--steps N | --epochs N | --hours H] [--batch N] [--lr X] [--warmup N]\n"
               "[--valid STREAM] [--resume] [STREAM]…",
               "Pre-trains an ELECTRA, generator and discriminator, on a stream of tokens.");
    train_parse(&train, own, argc, argv);
    if (!vocab_path)
        return tool_usage(&train.tool, "--vocab FILE is missing");
    int status;
    if (!train_prepare(&train, &status))
        return status;
    struct elc_vocab *vocab = NULL;
    struct elc_pretrain_job job = {0};
    int result = elc_objective_parse(&job.objective, objective);
    if (!result)
        result = elc_pretrain_config_build(&job.config, config, set.items, set.n);
    if (!result)
        result = elc_vocab_read(&vocab, vocab_path);
    if (!result) {
        apply_options(&job.config, &train, vocab);
        job.vocab = vocab;
        train.run.recipe = elc_pretrain_recipe(&job.config);
        result = train_open_streams(&train, vocab, vocab_path, &job.config.discriminator);
    }
    if (!result)
        result = elc_pretrain_run(&train.run, &job, &train.work);
    status = train_end(&train, result);
    elc_vocab_destroy(vocab);
    free(set.items);
    return status;
}
