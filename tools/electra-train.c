/* electra-train: tokens stream to model directory. */
#include "common.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "electra/examples.h"
#include "electra/parse.h"
#include "electra/trainer.h"
#include "electra/vocab.h"

/* What the command line says, besides struct tool. */
struct arguments {
    const char *config, *vocab, *valid, *metric, *directory;
    struct option_list set;
    uint64_t steps, epochs, batch, warmup, valid_every, log_every;
    double lr;
    const char *checkpoint_every, *stop_after;
    bool resume, shuffle;
};

/* ---- signals ---- */

static volatile sig_atomic_t stop_requested, save_requested;

static void request_stop(int signal_number) {
    if (stop_requested) { /* a second one ends at once, when this handler has returned */
        signal(signal_number, SIG_DFL);
        raise(signal_number);
    }
    stop_requested = 1;
}

static void request_save(int signal_number) {
    (void)signal_number;
    save_requested = 1;
}

static void catch_signals(void) {
    static const int stops[] = {SIGTERM, SIGINT, SIGXCPU};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        struct sigaction action = {.sa_handler = request_stop, .sa_flags = SA_RESTART};
        sigaction(stops[i], &action, NULL);
    }
    struct sigaction action = {.sa_handler = request_save, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
}

/* ---- listeners of the run ---- */

struct listener {
    struct tool *tool;
    struct elc_output metrics; /* standard output */
};

static int print_metrics(void *context, const char *line, size_t len) {
    struct listener *listener = context;
    int err = elc_output_write(&listener->metrics, line, len);
    return err ? err : elc_output_flush(&listener->metrics);
}

static void print_note(void *context, bool warning, const char *text) {
    struct listener *listener = context;
    if (warning)
        tool_warn(listener->tool, "%s", text);
    else
        tool_note(listener->tool, "%s", text);
}

static void print_progress(void *context, uint64_t step, uint64_t steps, double loss,
                           double tokens_per_second) {
    struct listener *listener = context;
    tool_progress(listener->tool, "step %llu/%llu  loss %.3f  %.0f tokens/s",
                  (unsigned long long)step, (unsigned long long)steps, loss, tokens_per_second);
}

/* ---- from the command line to a run ---- */

/* "N" steps, or "Nm", "Nh", "Ns": a time. */
static int parse_interval(const char *text, uint64_t *steps, double *seconds) {
    size_t len = strlen(text);
    char digits[32];
    double unit = len == 0 ? 0 : text[len - 1] == 's' ? 1 : text[len - 1] == 'm' ? 60 : 0;
    if (len > 0 && text[len - 1] == 'h')
        unit = 3600;
    if (unit == 0 && steps)
        return elc_parse_uint(steps, text, 1, UINT64_MAX);
    if (unit == 0 || len > sizeof digits)
        return elc_fail(ELC_EINVAL, "'%s' is not a time (90s, 30m, 2h)", text);
    memcpy(digits, text, len - 1);
    digits[len - 1] = '\0';
    int err = elc_parse_real(seconds, digits, 0.001, 1e9);
    *seconds *= unit;
    return err;
}

/* Options stand above the configuration they adjust. */
static void apply_options(struct elc_pretrain_config *config, const struct tool *tool,
                          const struct arguments *arguments, const struct elc_vocab *vocab) {
    const struct elc_vocab_id *id = elc_vocab_id(vocab);
    config->discriminator.vocab_size = config->generator.vocab_size = (uint32_t)id->size;
    config->discriminator.pad_token_id = config->generator.pad_token_id = id->pad;
    if (tool_option(tool, "batch")->given)
        config->train_batch_size = arguments->batch;
    if (tool_option(tool, "lr")->given)
        config->learning_rate = arguments->lr;
    if (tool_option(tool, "warmup")->given)
        config->num_warmup_steps = arguments->warmup;
}

/* A pipe without --steps is spooled: how long the run is depends on all of it. */
static enum elc_examples_order order_of(const struct tool *tool,
                                        const struct arguments *arguments) {
    const char *path = tool->n_operands > 0 ? tool->operands[0] : "-";
    struct stat status;
    bool standard = strcmp(path, "-") == 0;
    bool regular = (standard ? fstat(STDIN_FILENO, &status) : stat(path, &status)) == 0 &&
                   S_ISREG(status.st_mode);
    if (!regular && tool->n_operands <= 1 && arguments->steps > 0)
        return ELC_LIVE;
    return arguments->shuffle ? ELC_SHUFFLED : ELC_IN_ORDER;
}

/* The stream, the vocabulary and the network must fit one another. */
static int check_fit(const struct elc_examples *examples, const struct elc_vocab *vocab,
                     const char *vocab_name, const struct elc_config *config) {
    const struct elc_header *header = elc_examples_header(examples);
    const char *name = elc_examples_name(examples);
    int err = elc_header_check_vocab(header, name, elc_vocab_id(vocab), vocab_name);
    if (!err && header->max_length > config->max_position_embeddings)
        err = elc_fail(ELC_EMISMATCH,
                       "%s: texts of up to %u tokens, but the network has %u positions "
                       "(max_position_embeddings)",
                       name, header->max_length, config->max_position_embeddings);
    return err;
}

static int open_streams(struct elc_run_options *run, const struct tool *tool,
                        const struct arguments *arguments) {
    int err = elc_examples_open(&run->train, tool->operands, tool->n_operands,
                                order_of(tool, arguments), tool->seed, tool->force);
    if (!err)
        err = check_fit(run->train, run->vocab, arguments->vocab, &run->config.discriminator);
    if (err || !arguments->valid)
        return err;
    char *path = (char *)(uintptr_t)arguments->valid;
    err = elc_examples_open(&run->valid, &path, 1, ELC_IN_ORDER, tool->seed, false);
    return err ? err
               : check_fit(run->valid, run->vocab, arguments->vocab, &run->config.discriminator);
}

static int run_pretraining(struct tool *tool, const struct arguments *arguments,
                           struct elc_run_options *run) {
    struct elc_vocab *vocab = NULL;
    int err = elc_pretrain_config_build(&run->config, arguments->config, arguments->set.items,
                                        arguments->set.n);
    if (!err)
        err = elc_vocab_read(&vocab, arguments->vocab);
    run->vocab = vocab;
    if (!err) {
        apply_options(&run->config, tool, arguments, vocab);
        err = open_streams(run, tool, arguments);
    }
    catch_signals();
    if (!err)
        err = elc_run(run, &tool->records, &tool->tokens);
    elc_examples_close(run->train);
    elc_examples_close(run->valid);
    elc_vocab_destroy(vocab);
    return err;
}

/* What no run could do with. */
static int check_arguments(struct tool *tool, const struct arguments *arguments) {
    if (!arguments->vocab)
        return tool_usage(tool, "--vocab FILE is missing");
    if (!arguments->directory)
        return tool_usage(tool, "-o DIR is missing");
    if (tool_option(tool, "steps")->given && tool_option(tool, "epochs")->given)
        return tool_usage(tool, "--steps and --epochs both say how long the run is: give one");
    if (arguments->metric && !arguments->valid)
        return tool_usage(tool, "--metric needs --valid STREAM");
    return 0;
}

int main(int argc, char **argv) {
    struct arguments arguments = {
        .config = "small", .epochs = 1, .log_every = 100, .valid_every = 1000, .shuffle = true};
    arguments.checkpoint_every = "10m";
    struct tool_option options[] = {
        {'o', "output", OPTION_TEXT, &arguments.directory, "DIR", "the run and its models"},
        {0, "config", OPTION_TEXT, &arguments.config, "NAME|FILE",
         "nano, small, base, large, or a flat JSON file [small]"},
        {0, "set", OPTION_LIST, &arguments.set, "KEY=VALUE",
         "override one key of the configuration"},
        {0, "vocab", OPTION_TEXT, &arguments.vocab, "FILE", "the vocabulary of the stream"},
        {0, "steps", OPTION_COUNT, &arguments.steps, "N", "length of the run in steps", 1, 1e12},
        {0, "epochs", OPTION_COUNT, &arguments.epochs, "N", "length of the run in epochs [1]", 1,
         1e9},
        {0, "batch", OPTION_COUNT, &arguments.batch, "N", "texts in a step [the configuration's]",
         1, 1 << 20},
        {0, "lr", OPTION_REAL, &arguments.lr, "X", "learning rate [the configuration's]", 1e-12,
         10},
        {0, "warmup", OPTION_COUNT, &arguments.warmup, "N",
         "steps of warm-up [the configuration's]", 0, 1e12},
        {0, "valid", OPTION_TEXT, &arguments.valid, "STREAM", "validate on this stream"},
        {0, "valid-every", OPTION_COUNT, &arguments.valid_every, "N",
         "steps between validations [1000]; there is one at the end", 1, 1e12},
        {0, "metric", OPTION_TEXT, &arguments.metric, "NAME",
         "publish the checkpoint with the best, e.g. disc_auc [the latest]"},
        {0, "log-every", OPTION_COUNT, &arguments.log_every, "N",
         "steps between lines of metrics [100]", 1, 1e12},
        {0, "checkpoint-every", OPTION_TEXT, &arguments.checkpoint_every, "N|Nm",
         "steps, or minutes, between checkpoints [10m]"},
        {0, "stop-after", OPTION_TEXT, &arguments.stop_after, "TIME",
         "save and exit 4 after this time (90s, 30m, 2h)"},
        {0, "resume", OPTION_FLAG, &arguments.resume, NULL, "go on with the run in DIR, if any"},
        {0, "no-shuffle", OPTION_OFF, &arguments.shuffle, NULL,
         "read files in their order in every epoch"},
        {0},
    };
    struct tool tool = {
        .name = "electra-train",
        .synopsis = "pretrain --vocab FILE -o DIR [--config NAME|FILE] [--set KEY=VALUE]…\n"
                    "[--steps N | --epochs N] [--batch N] [--lr X] [--warmup N] [--valid STREAM]\n"
                    "[--resume] [STREAM]…",
        .purpose = "Pre-trains an ELECTRA, generator and discriminator, on a stream of tokens.",
        .options = options,
        .has_seed = true,
        .has_threads = true,
        .has_force = true,
    };
    tool_parse(&tool, argc, argv);
    if (tool.n_operands == 0)
        return tool_usage(&tool, "what to train is missing: pretrain");
    if (strcmp(tool.operands[0], "pretrain") != 0)
        return tool_usage(&tool, "unknown command '%s': there is pretrain", tool.operands[0]);
    tool.operands++;
    tool.n_operands--;
    int status = check_arguments(&tool, &arguments);
    if (status)
        return status;
    tool_refuse_terminal_input(&tool);
    struct listener listener = {.tool = &tool};
    if (elc_output_open(&listener.metrics, NULL) < 0)
        return tool_end(&tool, tool_fail(&tool, "%s", elc_error()));
    struct elc_run_options run = {
        .directory = arguments.directory,
        .seed = tool.seed,
        .steps = arguments.steps,
        .epochs = arguments.epochs,
        .valid_every = arguments.valid_every,
        .log_every = arguments.log_every,
        .metric = arguments.metric,
        .resume = arguments.resume,
        .n_threads = (int)tool.threads,
        .stop = &stop_requested,
        .save = &save_requested,
        .metrics = print_metrics,
        .note = print_note,
        .progress = print_progress,
        .context = &listener,
    };
    if (parse_interval(arguments.checkpoint_every, &run.checkpoint_steps, &run.checkpoint_seconds) <
        0)
        return tool_usage(&tool, "--checkpoint-every: %s", elc_error());
    if (arguments.stop_after && parse_interval(arguments.stop_after, NULL, &run.stop_after) < 0)
        return tool_usage(&tool, "--stop-after: %s", elc_error());
    if (arguments.resume && elc_run_is_done(arguments.directory)) {
        tool_note(&tool, "%s: done already", arguments.directory);
        return tool_end(&tool, TOOL_DONE);
    }
    int result = run_pretraining(&tool, &arguments, &run);
    free(arguments.set.items);
    elc_output_abandon(&listener.metrics);
    if (result == ELC_EINVAL)
        status = tool_usage(&tool, "%s", elc_error());
    else if (result < 0)
        status = tool_fail(&tool, "%s", elc_error());
    else
        status = result == ELC_RUN_STOPPED ? TOOL_STOPPED : TOOL_DONE;
    return tool_end(&tool, status);
}
