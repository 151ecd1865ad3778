/* electra-score: a tokens stream and a model in, one result for each text out. */
#include "common.h"

#include <math.h>
#include <string.h>

#include "electra/config.h"
#include "electra/parse.h"
#include "electra/score.h"

struct options {
    const char *model, *task, *format, *pool, *shard;
    bool tokens, names, normalize;
    bool always_answer;
    uint64_t top_k, n_best, max_answer;
    double null_threshold;
    const char *hash; /* of the model, once it is read: what the history holds for it */
};

/* The place of a word among words separated by '|'. */
static int choice(const char *choices, const char *word) {
    int place = 0;
    for (const char *at = choices; strncmp(at, word, strlen(word)) != 0; place++)
        at += strcspn(at, "|") + 1;
    return place;
}

static const char tasks[] = "rtd|embed|fill|pll|classify|regress|tag|qa",
                  formats[] = "tsv|jsonl|stream|f32";

static struct elc_score_options score_options(const struct tool *tool,
                                              const struct options *options) {
    return (struct elc_score_options){
        .task = options->task ? ELC_SCORE_RTD + choice(tasks, options->task) : ELC_SCORE_AUTO,
        .format = ELC_SCORE_TSV + choice(formats, options->format),
        .tokens = options->tokens,
        .names = options->names,
        .mean = strcmp(options->pool, "mean") == 0,
        .normalize = options->normalize,
        .top_k = options->top_k,
        .n_best = options->n_best,
        .max_answer = options->max_answer,
        .has_threshold = !isnan(options->null_threshold),
        .null_threshold = options->null_threshold,
        .always_answer = options->always_answer,
        .keep_going = tool->keep_going,
        .n_threads = (int)tool->threads,
    };
}

/* ---- what a run reports ---- */

static int add_history(void *context, struct elc_header *header) {
    return tool_history(context, header);
}

static void warn_rejected(void *context, const char *message) {
    tool_warn(context, "%s", message);
}

static void show_progress(void *context, const struct elc_score_run *run) {
    tool_progress(context, "%llu records, %llu tokens", (unsigned long long)run->n_records,
                  (unsigned long long)run->n_tokens);
}

/* ---- the work ---- */

static int score(struct tool *tool, struct elc_scorer *scorer, const struct options *options) {
    uint64_t k = 1, n = 1;
    struct elc_reader *reader = NULL;
    struct elc_output output;
    int err = elc_reader_new(&reader, tool->operands, tool->n_operands, tool->force);
    if (!err && options->shard)
        err = elc_parse_shard(&k, &n, options->shard);
    if (!err && options->shard)
        err = elc_reader_shard(reader, k, n);
    if (!err && !(err = elc_output_open(&output, tool->output))) {
        struct elc_score_run run = {
            .reader = reader,
            .output = &output,
            .context = tool,
            .header = add_history,
            .rejected = warn_rejected,
            .progress = show_progress,
            .profiles = tool_profiles(tool),
        };
        err = elc_scorer_run(scorer, &run);
        if (!err)
            err = elc_output_commit(&output);
        else
            elc_output_abandon(&output);
        tool->records = run.n_records;
        tool->tokens = run.n_tokens;
        tool->rejected = run.n_rejected;
    }
    elc_reader_destroy(reader);
    return err;
}

static int run(struct tool *tool, struct options *options) {
    uint64_t k, n;
    if (!options->model)
        return tool_usage(tool, "no model: -m MODEL");
    if (options->shard && elc_parse_shard(&k, &n, options->shard) < 0)
        return tool_usage(tool, "--shard: %s", elc_error());
    struct elc_score_options chosen = score_options(tool, options);
    struct elc_scorer *scorer = NULL;
    int err = elc_scorer_new(&scorer, options->model, &chosen);
    if (err == ELC_EINVAL)
        return tool_usage(tool, "%s", elc_error());
    if (!err) {
        if (elc_scorer_is_binary(scorer))
            tool_refuse_terminal_output(tool);
        options->hash = elc_scorer_hash(scorer);
        err = score(tool, scorer, options);
    }
    int status = err ? tool_fail(tool, "%s", elc_error()) : TOOL_DONE;
    elc_scorer_destroy(scorer);
    return tool_end(tool, status);
}

/* ---- the command line ---- */

int main(int argc, char **argv) {
    struct options options = {
        .format = "tsv",
        .pool = "cls",
        .top_k = 1,
        .n_best = ELC_SCORE_N_BEST,
        .max_answer = ELC_SCORE_MAX_ANSWER,
        .null_threshold = NAN, /* not given */
    };
    struct tool_option table[] = {
        {'m', "model", OPTION_TEXT, &options.model, "MODEL",
         "the model's directory, or one of electra-train", .shapes = true, .hash = &options.hash},
        {0, "task", OPTION_CHOICE, &options.task, "NAME",
         "rtd, embed, fill, pll, classify, regress, tag or qa [by the model]", .choices = tasks,
         .shapes = true},
        {0, "format", OPTION_CHOICE, &options.format, "NAME",
         "tsv, jsonl, stream (records with results added) or f32 (embed) [tsv]", .choices = formats,
         .shapes = true},
        {0, "tokens", OPTION_FLAG, &options.tokens, NULL,
         "rtd: a row for each token; classify: each word's effect"},
        {0, "names", OPTION_FLAG, &options.names, NULL, "a first line that names the columns"},
        {0, "top-k", OPTION_COUNT, &options.top_k, "N", "fill: candidates for each [MASK] [1]", 1,
         ELC_VOCAB_LIMIT, .shapes = true},
        {0, "n-best", OPTION_COUNT, &options.n_best, "N", "qa: answers that are kept [20]", 1, 400,
         .shapes = true},
        {0, "max-answer", OPTION_COUNT, &options.max_answer, "N", "qa: tokens of an answer [30]", 1,
         65535, .shapes = true},
        {0, "null-threshold", OPTION_REAL, &options.null_threshold, "X",
         "qa: above these odds there is no answer [0; -2.75 of google's head]", -1e6, 1e6,
         .shapes = true},
        {0, "always-answer", OPTION_FLAG, &options.always_answer, NULL,
         "qa: give the best answer in any case", .shapes = true},
        {0, "pool", OPTION_CHOICE, &options.pool, "NAME",
         "embed: cls, the first token, or mean, of all tokens [cls]", .choices = "cls|mean",
         .shapes = true},
        {0, "normalize", OPTION_FLAG, &options.normalize, NULL, "embed: vectors of length 1",
         .shapes = true},
        {0, "shard", OPTION_TEXT, &options.shard, "K/N",
         "score only every N-th block, from the K-th", .shapes = true},
        {0},
    };
    struct tool tool = {
        .name = "electra-score",
        .synopsis = "-m MODEL [OPTION]... [STREAM]...",
        .purpose = "Score texts of a tokens stream by a model, one result for each, in order.",
        .options = table,
        .has_threads = true,
        .has_profile = true,
        .has_keep_going = true,
        .has_flush = true,
        .has_history = true,
        .has_force = true,
        .has_output = true,
    };
    tool_parse(&tool, argc, argv);
    return run(&tool, &options);
}
