/* electra-train classify, regress, tag, qa: labelled texts to a fine-tuned model. */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/trials.h"

struct finetune_options {
    const char *init, *config, *vocab, *head;
    struct option_list set;
    bool multi_label, double_order;
};

/* Options stand above the configuration they adjust. A stream of fewer texts than a batch by
 * default has is one batch. */
static void apply_options(struct train *train, struct elc_finetune_job *job) {
    const uint64_t n = elc_examples_count(train->run.train);
    if (train_given(train, "batch"))
        job->config.train_batch_size = train->batch;
    else if (job->config.train_batch_size == 0)
        job->config.train_batch_size = n > 0 && n < ELC_FINETUNE_BATCH ? n : ELC_FINETUNE_BATCH;
    if (train_given(train, "lr"))
        job->config.learning_rate = train->lr;
    train->run.double_epochs = job->double_order;
    train->run.recipe = elc_finetune_recipe(&job->config);
    if (train_given(train, "warmup"))
        train->run.recipe.warmup = (double)train->warmup;
    train->run.valid_by_default = !train_given(train, "valid-every");
    if (train->run.valid_by_default) /* once in an epoch */
        train->run.valid_every =
            (n + job->config.train_batch_size - 1) / job->config.train_batch_size;
}

static int run_trials(struct train *train, struct elc_finetune_job *job) {
    struct elc_trials trials;
    const char *metric = train->metric;
    int result = elc_trials_run(&trials, train->trials, &train->run, job, &train->work);
    if (result == ELC_RUN_DONE && isnan(trials.mean))
        tool_warn(&train->tool, "%s of %llu trials: best %.4g (trial-%llu)", metric,
                  (unsigned long long)trials.n, trials.best_value, (unsigned long long)trials.best);
    else if (result == ELC_RUN_DONE)
        tool_warn(&train->tool,
                  "%s of %llu trials: mean %.4g, deviation %.2g, best %.4g (trial-%llu)", metric,
                  (unsigned long long)trials.n, trials.mean, trials.deviation, trials.best_value,
                  (unsigned long long)trials.best);
    return result;
}

static int run(struct train *train, const struct finetune_options *options,
               struct elc_finetune_job *job) {
    int err = elc_finetune_job_open(job, options->init, options->config, options->vocab);
    if (!err)
        err = elc_finetune_job_set(job, options->set.items, options->set.n);
    if (!err)
        err = train_open_streams(train, job->vocab, options->vocab, job->init, &job->network);
    if (err)
        return err;
    apply_options(train, job);
    err = train->trials > 0 ? run_trials(train, job)
                            : elc_finetune_run(&train->run, job, &train->work);
    train->tool.rejected += job->n_passed_over;
    return err;
}

static enum elc_finetune_task task_of(const char *command, bool multi_label) {
    return strcmp(command, "regress") == 0 ? ELC_TASK_REGRESS
           : strcmp(command, "tag") == 0   ? ELC_TASK_TAG
           : strcmp(command, "qa") == 0    ? ELC_TASK_QA
           : multi_label                   ? ELC_TASK_SET
                                           : ELC_TASK_CLASSIFY;
}

static const struct {
    const char *command, *synopsis, *purpose;
} texts[] = {
    {"classify", "classify --init MODEL -o DIR [OPTION]… [STREAM]…",
     "Fine-tunes a model to name the class of a text, or of a pair of texts, or its labels."},
    {"regress", "regress --init MODEL -o DIR [OPTION]… [STREAM]…",
     "Fine-tunes a model to give a text, or a pair of texts, a number."},
    {"tag", "tag --init MODEL -o DIR [OPTION]… [STREAM]…",
     "Fine-tunes a model to label each word of a text."},
    {"qa", "qa --init MODEL -o DIR [OPTION]… [STREAM]…",
     "Fine-tunes a model to find the answer to a question in a text."},
};

static void init_train(struct train *train, const char *command) {
    size_t i = 0;
    while (strcmp(texts[i].command, command) != 0)
        i++;
    train_init(train, texts[i].synopsis, texts[i].purpose);
    train->epochs = strcmp(command, "qa") == 0 ? 2 : 3;
    train->spools = true;
    train->tool.has_keep_going = true;
}

static int check_options(struct train *train, const struct finetune_options *options) {
    if (!options->init && !options->vocab)
        return tool_usage(&train->tool, "--init MODEL is missing (or --config NAME --vocab FILE "
                                        "to start from random weights)");
    if (options->init && (options->vocab || train_given(train, "config")))
        return tool_usage(&train->tool, "--init has its own configuration and vocabulary: leave "
                                        "--config and --vocab out");
    if (train->trials > 0 && !train->valid)
        return tool_usage(&train->tool, "--trials needs --valid STREAM");
    return TOOL_DONE;
}

int train_finetune(int argc, char **argv) {
    struct finetune_options options = {.config = "small", .head = "hf"};
    const bool classifies = strcmp(argv[0], "classify") == 0;
    const bool pairs = classifies || strcmp(argv[0], "regress") == 0;
    const struct tool_option last = {0};
    struct train train;
    struct tool_option own[9] = {
        {0, "init", OPTION_TEXT, &options.init, "MODEL",
         "start from this model, or one of electra-train's directories"},
        {0, "config", OPTION_TEXT, &options.config, "NAME|FILE",
         "without --init: nano, small, base, large, or a flat JSON file [small]"},
        {0, "vocab", OPTION_TEXT, &options.vocab, "FILE", "without --init: the vocabulary"},
        {0, "set", OPTION_LIST, &options.set, "KEY=VALUE", "override one key of the configuration"},
        {0, "head", OPTION_CHOICE, &options.head, "NAME",
         "hf: transformers'; google: google-research/electra's [hf]", .choices = "hf|google"},
        {0, "trials", OPTION_COUNT, &train.trials, "N",
         "train N times, with the seeds S, S + 1 …, and publish the best", 1, 1000},
    };
    size_t n = 6;
    if (classifies)
        own[n++] = (struct tool_option){0,           "multi-label",
                                        OPTION_FLAG, &options.multi_label,
                                        NULL,        "a text may have several labels, or none"};
    if (pairs)
        own[n++] =
            (struct tool_option){0,           "double-order",
                                 OPTION_FLAG, &options.double_order,
                                 NULL,        "see every pair in both orders: twice the epochs"};
    own[n] = last;
    init_train(&train, argv[0]);
    train_parse(&train, own, argc, argv);
    const enum elc_finetune_task task = task_of(argv[0], options.multi_label);
    if (train.valid && !train.metric)
        train.metric = elc_finetune_metric(task);
    int status = check_options(&train, &options);
    if (status != TOOL_DONE || !train_prepare(&train, &status))
        return status;
    struct elc_finetune_job job = {
        .task = task,
        .google = strcmp(options.head, "google") == 0,
        .double_order = options.double_order,
        .keep_going = train.tool.keep_going,
    };
    int result = run(&train, &options, &job);
    status = train_end(&train, result);
    elc_finetune_job_free(&job);
    free(options.set.items);
    return status;
}
