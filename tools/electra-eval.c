/* electra-eval: results of electra-score with their gold in, metrics out. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#include "electra/evaluate.h"

enum { PAIRED_RESAMPLES = 1000 }; /* of --against, where --bootstrap says nothing */

struct options {
    struct option_list metrics;
    const char *against, *from, *format, *positive, *squad;
    uint64_t bootstrap;
    double threshold;
    bool names;
};

static void warn(void *context, const char *message) {
    tool_warn(context, "%s", message);
}

static struct elc_evaluation_options evaluation_options(struct tool *tool,
                                                        const struct options *options) {
    return (struct elc_evaluation_options){
        .jsonl = strcmp(options->from, "jsonl") == 0,
        .force = tool->force,
        .keep_going = tool->keep_going,
        .positive = options->positive,
        .squad = !options->squad                      ? ELC_RULES_BY_DATA
                 : strcmp(options->squad, "1.1") == 0 ? ELC_RULES_1_1
                                                      : ELC_RULES_2_0,
        .has_threshold = tool_option(tool, "threshold")->given,
        .threshold = options->threshold,
        .context = tool,
        .warn = warn,
    };
}

/* Reads the operands, and what they are compared with. */
static int read_all(struct tool *tool, const struct options *options,
                    struct elc_evaluation **evaluation, struct elc_evaluation **against) {
    struct elc_evaluation_options reading = evaluation_options(tool, options);
    char *paths[] = {(char *)options->against};
    int err = elc_evaluation_read(evaluation, tool->operands, tool->n_operands, &reading);
    if (err || !options->against)
        return err;
    err = elc_evaluation_read(against, paths, 1, &reading);
    if (!err && (err = elc_evaluation_check_same(*evaluation, *against)))
        err = elc_context(err, "--against %s", options->against);
    return err;
}

static int write_report(struct tool *tool, const struct options *options,
                        const struct elc_evaluation *evaluation,
                        const struct elc_evaluation *against, struct elc_output *output) {
    struct elc_report report = {
        .evaluation = evaluation,
        .against = against,
        .metrics = options->metrics.items,
        .n_metrics = options->metrics.n,
        .json = strcmp(options->format, "json") == 0,
        .names = options->names,
        .bootstrap = {.n = options->bootstrap, .seed = tool->seed},
        .context = tool,
        .warn = warn,
    };
    struct elc_buffer text = {0};
    int err = elc_pool_new(&report.bootstrap.pool, (int)tool->threads);
    if (!err)
        err = elc_report(&text, &report);
    if (!err)
        err = elc_output_write(output, text.data, text.len);
    elc_pool_destroy(report.bootstrap.pool);
    elc_buffer_free(&text);
    return err;
}

static int evaluate(struct tool *tool, const struct options *options) {
    struct elc_evaluation *evaluation = NULL, *against = NULL;
    struct elc_output output = {0};
    int err = read_all(tool, options, &evaluation, &against);
    if (!err && !(err = elc_output_open(&output, tool->output))) {
        err = write_report(tool, options, evaluation, against, &output);
        if (!err)
            err = elc_output_commit(&output);
        else
            elc_output_abandon(&output);
    }
    if (evaluation) {
        tool->records = elc_evaluation_texts(evaluation);
        tool->rejected = elc_evaluation_rejected(evaluation);
    }
    if (against)
        tool->rejected += elc_evaluation_rejected(against);
    elc_evaluation_destroy(evaluation);
    elc_evaluation_destroy(against);
    return err;
}

/* ELC_EINVAL: options that do not go together. */
static int check_options(const struct tool *tool, const struct options *options) {
    if (options->against && strcmp(options->against, "-") == 0 && tool_reads_standard_input(tool))
        return elc_fail(ELC_EINVAL, "--against: standard input holds one run's results: name the "
                                    "other's file");
    if (options->names && strcmp(options->format, "tsv") != 0)
        return elc_fail(ELC_EINVAL, "--names is for --format tsv");
    return 0;
}

int main(int argc, char **argv) {
    struct options options = {.from = "stream", .format = "tsv"};
    struct tool_option table[] = {
        {0, "metric", OPTION_LIST, &options.metrics, "NAME",
         "only this one, or the table classes or confusion; may be repeated [what fits]"},
        {0, "against", OPTION_TEXT, &options.against, "FILE",
         "compare with another run's results for the same texts"},
        {0, "bootstrap", OPTION_COUNT, &options.bootstrap, "N",
         "95 % intervals from N resamples of the texts [0; with --against 1000]", 0, 1e6},
        {0, "from", OPTION_CHOICE, &options.from, "NAME",
         "results are a stream, or jsonl, JSON Lines [stream]", .choices = "stream|jsonl"},
        {0, "format", OPTION_CHOICE, &options.format, "NAME", "tsv or json [tsv]",
         .choices = "tsv|json"},
        {0, "names", OPTION_FLAG, &options.names, NULL, "a first line that names the columns"},
        {0, "positive", OPTION_TEXT, &options.positive, "CLASS",
         "the positive one of two classes [the second in order]"},
        {0, "squad", OPTION_CHOICE, &options.squad, "VERSION",
         "judge answers by the rules of 1.1 or 2.0 [by the data]", .choices = "1.1|2.0"},
        {0, "threshold", OPTION_REAL, &options.threshold, "X",
         "qa: no answer where null_odds is above X, else the best [as predicted]", -1e300, 1e300},
        {0},
    };
    struct tool tool = {
        .name = "electra-eval",
        .synopsis = "[--metric NAME]... [--against FILE] [OPTION]... [FILE]...",
        .purpose = "Compare results of electra-score with what is right: metrics of every task.",
        .options = table,
        .has_seed = true,
        .has_threads = true,
        .has_keep_going = true,
        .has_force = true,
        .has_output = true,
        .threads = 1,
    };
    tool_parse(&tool, argc, argv);
    if (options.against && !tool_option(&tool, "bootstrap")->given)
        options.bootstrap = PAIRED_RESAMPLES;
    int err = check_options(&tool, &options);
    if (!err)
        err = evaluate(&tool, &options);
    free(options.metrics.items);
    if (err == ELC_EINVAL)
        return tool_usage(&tool, "%s", elc_error());
    if (!err && tool.rejected > 0)
        tool_warn(&tool, "%llu texts were left out", (unsigned long long)tool.rejected);
    int status = err                 ? tool_fail(&tool, "%s", elc_error())
                 : tool.rejected > 0 ? TOOL_REJECTED
                                     : TOOL_DONE;
    return tool_end(&tool, status);
}
