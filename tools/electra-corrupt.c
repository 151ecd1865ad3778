/* electra-corrupt: tokens stream to corrupted stream. */
#include "common.h"

#include <string.h>

#include "electra/corrupt_run.h"
#include "electra/replace.h"

/* ---- where replacements come from ---- */

struct options {
    const char *method, *unigrams, *model;
    const char *unigrams_hash, *model_hash; /* for the history */
    double mask_prob, temperature;
    uint64_t epochs, first_epoch;
    bool whole_word, never_original;
};

/* Each method has options of its own. Returns the status of a usage error, or 0. */
static int check_options(struct tool *tool, const struct options *options) {
    const bool unigram = strcmp(options->method, "unigram") == 0;
    const bool generator = strcmp(options->method, "generator") == 0;
    if (unigram && !options->unigrams)
        return tool_usage(tool, "--method unigram needs --unigrams STREAM");
    if (generator && !options->model)
        return tool_usage(tool, "--method generator needs -m MODEL");
    if (!unigram && options->unigrams)
        return tool_usage(tool, "--unigrams is for --method unigram");
    if (!generator && options->model)
        return tool_usage(tool, "-m is for --method generator");
    if (!generator && tool_option(tool, "temperature")->given)
        return tool_usage(tool, "--temperature is for --method generator");
    if (options->never_original && strcmp(options->method, "mask") == 0)
        return tool_usage(tool, "--never-original is for methods that draw replacements");
    if (unigram && strcmp(options->unigrams, "-") == 0)
        return tool_usage(tool, "--unigrams cannot be standard input");
    return 0;
}

/* One of the two, or none. */
struct source {
    struct elc_unigrams unigrams;
    struct elc_generator_replacer *generator;
};

static int open_source(struct source *source, struct elc_replacer **replacer,
                       struct options *options, size_t n_workers) {
    int err = 0;
    *replacer = &source->unigrams.replacer;
    if (strcmp(options->method, "mask") == 0) {
        *replacer = NULL;
    } else if (strcmp(options->method, "uniform") == 0) {
        elc_unigrams_uniform(&source->unigrams);
    } else if (strcmp(options->method, "unigram") == 0) {
        err = elc_unigrams_read(&source->unigrams, options->unigrams);
        options->unigrams_hash = source->unigrams.hash;
    } else {
        err = elc_generator_replacer_new(&source->generator, options->model, options->temperature,
                                         n_workers);
        if (!err) {
            *replacer = elc_generator_replacer(source->generator);
            options->model_hash = elc_generator_replacer_hash(source->generator);
        }
    }
    return err;
}

static void close_source(struct source *source) {
    elc_unigrams_free(&source->unigrams);
    elc_generator_replacer_destroy(source->generator);
}

/* ---- the work ---- */

static int add_history(void *context, struct elc_header *header) {
    return tool_history(context, header);
}

static void show_progress(void *context, const struct elc_corrupt_run *run) {
    tool_progress(context, "%llu records", (unsigned long long)run->n_records);
}

static int corrupt(struct tool *tool, struct options *options) {
    struct source source = {0};
    struct elc_output output;
    struct elc_corruption corruption = {
        .mask_prob = options->mask_prob,
        .seed = tool->seed,
        .whole_word = options->whole_word,
        .never_original = options->never_original,
    };
    int err = open_source(&source, &corruption.replacer, options, tool->threads);
    if (!err && !(err = elc_output_open(&output, tool->output))) {
        struct elc_corrupt_run run = {
            .corruption = &corruption,
            .paths = tool->operands,
            .n_paths = tool->n_operands,
            .first_epoch = options->first_epoch,
            .n_epochs = options->epochs,
            .n_threads = tool->threads,
            .force = tool->force,
            .flush = tool->flush,
            .output = &output,
            .context = tool,
            .header = add_history,
            .progress = show_progress,
        };
        err = elc_corrupt_run(&run);
        if (!err)
            err = elc_output_commit(&output);
        else
            elc_output_abandon(&output);
        tool->records = run.n_records;
        tool->tokens = run.n_tokens;
    }
    close_source(&source);
    return err;
}

int main(int argc, char **argv) {
    struct options options = {
        .method = "mask", .mask_prob = 0.15, .temperature = 1, .epochs = 1, .first_epoch = 0};
    struct tool_option table[] = {
        {0, "method", OPTION_CHOICE, &options.method, "NAME",
         "what is put at the chosen positions: mask, uniform, unigram, generator [mask]",
         .choices = "mask|uniform|unigram|generator", .shapes = true},
        {0, "mask-prob", OPTION_REAL, &options.mask_prob, "P",
         "share of the tokens that is masked [0.15]", 1e-6, 0.999999, .shapes = true},
        {0, "whole-word", OPTION_FLAG, &options.whole_word, NULL, "mask whole words",
         .shapes = true},
        {0, "unigrams", OPTION_TEXT, &options.unigrams, "STREAM",
         "unigram: tokens to be drawn as often as they are here", .shapes = true,
         .hash = &options.unigrams_hash},
        {'m', "model", OPTION_TEXT, &options.model, "MODEL",
         "generator: its directory, or one of electra-train", .shapes = true,
         .hash = &options.model_hash},
        {0, "temperature", OPTION_REAL, &options.temperature, "T",
         "generator: below 1 likely tokens are drawn still more often [1]", 1e-3, 1e3,
         .shapes = true},
        {0, "never-original", OPTION_FLAG, &options.never_original, NULL,
         "draw among all tokens but the original", .shapes = true},
        {0, "epochs", OPTION_COUNT, &options.epochs, "N",
         "write the input N times, masked afresh [1]", 1, 1e9, .shapes = true},
        {0, "first-epoch", OPTION_COUNT, &options.first_epoch, "K", "number of the first epoch [0]",
         0, 1e15, .shapes = true},
        {0},
    };
    struct tool tool = {
        .name = "electra-corrupt",
        .synopsis = "[--method mask] [OPTION]... [STREAM]...\n"
                    "--method uniform [OPTION]... [STREAM]...\n"
                    "--method unigram --unigrams STREAM [OPTION]... [STREAM]...\n"
                    "--method generator -m MODEL [OPTION]... [STREAM]...",
        .purpose = "Masks tokens of a stream, as ELECTRA's pre-training does, or replaces them.",
        .options = table,
        .has_seed = true,
        .has_threads = true,
        .has_history = true,
        .has_flush = true,
        .has_force = true,
        .has_output = true,
        .threads = 1,
    };
    tool_parse(&tool, argc, argv);
    int usage = check_options(&tool, &options);
    if (usage)
        return usage;
    tool_refuse_terminal_input(&tool);
    tool_refuse_terminal_output(&tool);
    int status = corrupt(&tool, &options) ? tool_fail(&tool, "%s", elc_error()) : TOOL_DONE;
    return tool_end(&tool, status);
}
