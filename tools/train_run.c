/* What the commands of electra-train share. */
#include "train.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "electra/examples.h"
#include "electra/parse.h"
#include "electra/tokenize.h"
#include "electra/trials.h"

/* ---- signals ---- */

static volatile sig_atomic_t streams_are_open, stop_requested, save_requested;

static void request_stop(int signal_number) {
    if (!streams_are_open) /* nothing has begun, and the input may be long in coming */
        _exit(TOOL_STOPPED);
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

static int print_metrics(void *context, const char *line, size_t len) {
    struct train *train = context;
    int err = elc_output_write(&train->metrics, line, len);
    return err ? err : elc_output_flush(&train->metrics);
}

static void print_note(void *context, bool warning, const char *text) {
    struct train *train = context;
    if (warning)
        tool_warn(&train->tool, "%s", text);
    else
        tool_note(&train->tool, "%s", text);
}

static void print_progress(void *context, uint64_t step, double done, double loss,
                           double tokens_per_second) {
    struct train *train = context;
    tool_progress(&train->tool, "step %llu  %.1f %%  loss %.3f  %.0f tokens/s",
                  (unsigned long long)step, 100 * done, loss, tokens_per_second);
}

/* ---- options ---- */

void train_init(struct train *train, const char *synopsis, const char *purpose) {
    *train = (struct train){
        .tool = {.name = "electra-train",
                 .synopsis = synopsis,
                 .purpose = purpose,
                 .has_seed = true,
                 .has_threads = true,
                 .has_profile = true,
                 .has_force = true},
        .epochs = 1,
        .log_every = 100,
        .valid_every = 1000,
        .checkpoint_every = "10m",
        .shuffle = true,
    };
}

void train_parse(struct train *train, const struct tool_option *own, int argc, char **argv) {
    const struct tool_option shared[] = {
        {'o', "output", OPTION_TEXT, &train->directory, "DIR", "the run and its models"},
        {0, "steps", OPTION_COUNT, &train->steps, "N", "length of the run in steps", 1, 1e12},
        {0, "epochs", OPTION_COUNT, &train->epochs, "N",
         "length of the run in epochs [1; to fine-tune 3, qa 2]", 1, 1e9},
        {0, "hours", OPTION_REAL, &train->hours, "H", "length of the run in hours", 1e-6, 1e6},
        {0, "batch", OPTION_COUNT, &train->batch, "N", "texts in a step [the configuration's]", 1,
         1 << 20},
        {0, "lr", OPTION_REAL, &train->lr, "X", "learning rate [the configuration's]", 1e-12, 10},
        {0, "warmup", OPTION_COUNT, &train->warmup, "N", "steps of warm-up [the configuration's]",
         0, 1e12},
        {0, "valid", OPTION_TEXT, &train->valid, "STREAM", "validate on this stream"},
        {0, "valid-every", OPTION_COUNT, &train->valid_every, "N",
         "steps between validations [1000; to fine-tune an epoch]; one at the end", 1, 1e12},
        {0, "metric", OPTION_TEXT, &train->metric, "NAME",
         "publish the checkpoint with the best [the latest; to fine-tune the task's]"},
        {0, "patience", OPTION_COUNT, &train->patience, "N",
         "end after N validations without a better --metric", 1, 1e9},
        {0, "log-every", OPTION_COUNT, &train->log_every, "N",
         "steps between lines of metrics [100]", 1, 1e12},
        {0, "checkpoint-every", OPTION_TEXT, &train->checkpoint_every, "N|Nm",
         "steps, or minutes, between checkpoints [10m]"},
        {0, "stop-after", OPTION_TEXT, &train->stop_after, "TIME",
         "save and exit 4 after this time (90s, 30m, 2h)"},
        {0, "resume", OPTION_FLAG, &train->resume, NULL, "go on with the run in DIR, if any"},
        {0, "no-shuffle", OPTION_OFF, &train->shuffle, NULL,
         "read files in their order in every epoch"},
    };
    size_t n = 0;
    for (; own[n].name; n++)
        train->table[n] = own[n];
    memcpy(train->table + n, shared, sizeof shared);
    train->tool.options = train->table;
    train->tool.command = argv[0];
    tool_parse(&train->tool, argc, argv);
}

bool train_given(const struct train *train, const char *name) {
    return tool_option(&train->tool, name)->given;
}

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

/* What no run could do with; TOOL_DONE if there is nothing. */
static int check_options(struct train *train) {
    struct tool *tool = &train->tool;
    struct elc_run_options *run = &train->run;
    if (!train->directory)
        return tool_usage(tool, "-o DIR is missing");
    if (train_given(train, "steps") + train_given(train, "epochs") + train_given(train, "hours") >
        1)
        return tool_usage(tool, "--steps, --epochs and --hours all say how long the run is: give "
                                "one");
    if (train->valid && strcmp(train->valid, "-") == 0 && tool_reads_standard_input(tool))
        return tool_usage(tool, "--valid: standard input is trained on: name a file");
    if (train_given(train, "valid-every") && !train->valid)
        return tool_usage(tool, "--valid-every needs --valid STREAM");
    if (train->metric && !train->valid)
        return tool_usage(tool, "--metric needs --valid STREAM");
    if (train->patience > 0 && !train->metric)
        return tool_usage(tool, "--patience needs --metric NAME");
    if (parse_interval(train->checkpoint_every, &run->checkpoint_steps, &run->checkpoint_seconds) <
        0)
        return tool_usage(tool, "--checkpoint-every: %s", elc_error());
    if (train->stop_after && parse_interval(train->stop_after, NULL, &run->stop_after) < 0)
        return tool_usage(tool, "--stop-after: %s", elc_error());
    return TOOL_DONE;
}

/* Reads a pipe to its end where there is nothing to do with it: whoever writes into it would die of
 * SIGPIPE, and a pipeline under `set -o pipefail` fail that is done. */
static void discard_input(const struct tool *tool) {
    struct stat status;
    if (!tool_reads_standard_input(tool) || fstat(STDIN_FILENO, &status) != 0 ||
        !(S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)))
        return;
    char bytes[1 << 16];
    ssize_t got;
    do
        got = read(STDIN_FILENO, bytes, sizeof bytes);
    while (got > 0 || (got < 0 && errno == EINTR));
}

static bool is_done(const struct train *train) {
    return train->trials > 0 ? elc_trials_are_done(train->directory, train->trials)
                             : elc_run_is_done(train->directory);
}

bool train_prepare(struct train *train, int *status) {
    struct tool *tool = &train->tool;
    train->run = (struct elc_run_options){
        .directory = train->directory,
        .seed = tool->seed,
        .steps = train->steps,
        .epochs = train->epochs,
        .hours = train->hours,
        .valid_every = train->valid_every,
        .log_every = train->log_every,
        .metric = train->metric,
        .patience = train->patience,
        .resume = train->resume,
        .profiles = tool_profiles(tool),
        .n_threads = (int)tool->threads,
        .stop = &stop_requested,
        .save = &save_requested,
        .metrics = print_metrics,
        .note = print_note,
        .progress = print_progress,
        .context = train,
    };
    *status = check_options(train);
    if (*status != TOOL_DONE)
        return false;
    tool_refuse_terminal_input(tool);
    if (elc_output_open(&train->metrics, NULL) < 0) {
        *status = tool_end(tool, tool_fail(tool, "%s", elc_error()));
        return false;
    }
    if (train->resume && is_done(train)) {
        tool_warn(tool, "%s: done already: nothing to do (another run needs another -o)",
                  train->directory);
        discard_input(tool);
        *status = tool_end(tool, TOOL_DONE);
        return false;
    }
    catch_signals();
    return true;
}

/* ---- streams ---- */

/* A pipe without --steps is spooled: the length of the run depends on all of it, or it is gone
 * through until the hours are over. */
static enum elc_examples_order order_of(const struct train *train) {
    const struct tool *tool = &train->tool;
    const char *path = tool->n_operands > 0 ? tool->operands[0] : "-";
    struct stat status;
    bool standard = strcmp(path, "-") == 0;
    bool regular = (standard ? fstat(STDIN_FILENO, &status) : stat(path, &status)) == 0 &&
                   S_ISREG(status.st_mode);
    if (!regular && tool->n_operands <= 1 && train->steps > 0 && !train->spools)
        return ELC_LIVE;
    return train->shuffle ? ELC_SHUFFLED : ELC_IN_ORDER;
}

/* The stream, the vocabulary and the network, and the rules of `model`, if any, must fit. */
static int check_fit(const struct elc_examples *examples, const struct elc_vocab *vocab,
                     const char *vocab_name, const char *model, const struct elc_config *config) {
    const struct elc_header *header = elc_examples_header(examples);
    const char *name = elc_examples_name(examples);
    int err = elc_header_check_vocab(header, name, elc_vocab_id(vocab), vocab_name);
    if (!err && model)
        err = elc_tokenizer_options_check(model, &header->tokenizer, name);
    if (!err && header->max_length > config->max_position_embeddings)
        err = elc_fail(ELC_EMISMATCH,
                       "%s: texts of up to %u tokens, but the network has %u positions "
                       "(max_position_embeddings)",
                       name, header->max_length, config->max_position_embeddings);
    return err;
}

/* What was rejected before, under --keep-going: an option of fine-tuning. Pre-training takes it as
 * every program does, and learns from all records, be they in a file or a pipe. */
static int pass_over_rejected(struct train *train, struct elc_examples *examples) {
    uint64_t n = 0;
    const bool passes_over = train->tool.has_keep_going && train->tool.keep_going;
    int err = passes_over ? elc_examples_drop_rejected(examples, &n) : 0;
    train->tool.rejected += n;
    return err;
}

/* Both streams must have been tokenized alike; what else they hold is the run's to judge. */
static int check_alike(const struct elc_examples *valid, const struct elc_examples *examples) {
    struct elc_header header = *elc_examples_header(valid);
    header.kind = elc_examples_header(examples)->kind;
    return elc_header_check_same(&header, elc_examples_name(valid), elc_examples_header(examples),
                                 elc_examples_name(examples));
}

int train_open_streams(struct train *train, const struct elc_vocab *vocab, const char *vocab_path,
                       const char *model, const struct elc_config *config) {
    const char *vocab_name = model ? model : vocab_path;
    const struct tool *tool = &train->tool;
    struct elc_run_options *run = &train->run;
    int err = elc_examples_open(&run->train, tool->operands, tool->n_operands, order_of(train),
                                tool->seed, tool->force);
    if (!err)
        err = check_fit(run->train, vocab, vocab_name, model, config);
    if (!err)
        err = pass_over_rejected(train, run->train);
    if (!err && train->valid) { /* of what was rejected, validation passes over whole texts */
        char *path = (char *)(uintptr_t)train->valid;
        err = elc_examples_open(&run->valid, &path, 1, ELC_IN_ORDER, tool->seed, false);
        if (!err)
            err = check_fit(run->valid, vocab, vocab_name, model, config);
        if (!err)
            err = check_alike(run->valid, run->train);
    }
    streams_are_open = 1;
    return err;
}

/* ---- the end ---- */

static int end_stopped(struct train *train) {
    if (train->work.step > 0)
        tool_warn(&train->tool, "stopped at step %llu: --resume goes on",
                  (unsigned long long)train->work.step);
    else
        tool_warn(&train->tool, "stopped: --resume goes on");
    return TOOL_STOPPED;
}

int train_end(struct train *train, int result) {
    struct tool *tool = &train->tool;
    elc_examples_close(train->run.train);
    elc_examples_close(train->run.valid);
    elc_output_abandon(&train->metrics);
    tool->records = train->work.n_texts;
    tool->tokens = train->work.n_tokens;
    if (result == ELC_EINVAL)
        return tool_end(tool, tool_usage(tool, "%s", elc_error()));
    if (result < 0)
        return tool_end(tool, tool_fail(tool, "%s", elc_error()));
    return tool_end(tool, result == ELC_RUN_STOPPED ? end_stopped(train) : TOOL_DONE);
}
