/* electra-tokenize: text to tokens stream. */
#include "common.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "electra/config.h"
#include "electra/directory.h"
#include "electra/pack.h"
#include "electra/tokenize_run.h"

enum {
    LINES_LENGTH = 512, /* defaults of --max-length */
    DOCS_LENGTH = 128,
    LENGTH_LIMIT = 65535,
};

/* ---- what a run reports ---- */

static int add_history(void *context, struct elc_header *header) {
    return tool_history(context, header);
}

static void warn_rejected(void *context, const char *message) {
    tool_warn(context, "%s", message);
}

static void show_progress(void *context, const struct elc_tokenize_run *run) {
    tool_progress(context, "%" PRIu64 " texts, %" PRIu64 " tokens", run->counts.texts,
                  run->counts.tokens);
}

static void report(struct tool *tool, const struct elc_tokenize_counts *counts,
                   uint64_t max_length) {
    tool->records = counts->records;
    tool->tokens = counts->tokens;
    tool->rejected = counts->rejected;
    if (counts->replaced > 0)
        tool_warn(tool, "%" PRIu64 " invalid UTF-8 sequences were replaced by U+FFFD",
                  counts->replaced);
    if (counts->cut_texts > 0)
        tool_warn(tool,
                  "%" PRIu64 " of %" PRIu64 " texts were cut to %" PRIu64 " tokens; %" PRIu64
                  " tokens were left out (see --max-length)",
                  counts->cut_texts, counts->texts, max_length, counts->cut_tokens);
    if (counts->tokens > 0)
        tool_note(tool,
                  "%.3f %% unknown tokens, %.3f tokens per word, %" PRIu64
                  " tokens cut from %" PRIu64 " texts",
                  100.0 * (double)counts->unknown / (double)counts->tokens,
                  (double)counts->tokens / (double)counts->words, counts->cut_tokens,
                  counts->cut_texts);
}

/* ---- options ---- */

struct settings {
    const char *vocab, *model, *strip_accents, *invalid;
    bool cased, lines, docs, text, words;
    uint64_t max_length;    /* 0: the default */
    const char *vocab_hash; /* what the history holds for --vocab and --model */
};

/* How the model of `-m` wants its texts: vocabulary, case, longest text. */
static int read_model(struct settings *settings, struct elc_vocab **vocab,
                      struct elc_tokenizer_options *rules) {
    char *directory;
    struct elc_config config;
    int err = elc_directory_resolve(&directory, settings->model, ELC_DISCRIMINATOR);
    if (err)
        return err;
    char *config_path = elc_path_join(directory, "config.json");
    err = config_path ? elc_config_read(&config, config_path) : ELC_ENOMEM;
    if (!err)
        err = elc_vocab_read(vocab, directory);
    if (!err)
        err = elc_tokenizer_options_read(rules, directory);
    if (!err && settings->max_length > config.max_position_embeddings)
        err = elc_fail(ELC_EMISMATCH, "--max-length %" PRIu64 ": %s has only %" PRIu32 " positions",
                       settings->max_length, settings->model, config.max_position_embeddings);
    if (!err && settings->max_length == 0)
        settings->max_length = config.max_position_embeddings;
    free(config_path);
    free(directory);
    return err;
}

static int open_tokenizer(struct settings *settings, struct elc_vocab **vocab,
                          struct elc_tokenizer **tokenizer) {
    struct elc_tokenizer_options rules = {.strip_accents = -1};
    int err = settings->model ? read_model(settings, vocab, &rules)
                              : elc_vocab_read(vocab, settings->vocab);
    if (err)
        return err;
    settings->vocab_hash = elc_vocab_id(*vocab)->xxh3;
    if (settings->max_length == 0)
        settings->max_length = settings->docs ? DOCS_LENGTH : LINES_LENGTH;
    rules.cased = rules.cased || settings->cased;
    if (settings->strip_accents)
        rules.strip_accents = strcmp(settings->strip_accents, "yes") == 0;
    return elc_tokenizer_new(tokenizer, *vocab, &rules);
}

static int tokenize(struct tool *tool, struct settings *settings) {
    struct elc_vocab *vocab = NULL;
    struct elc_tokenizer *tokenizer = NULL;
    struct elc_output output = {.fd = -1};
    int err = open_tokenizer(settings, &vocab, &tokenizer);
    if (!err)
        err = elc_output_open(&output, tool->output);
    struct elc_tokenize_options options = {
        .layout = settings->docs ? ELC_INPUT_DOCS : ELC_INPUT_LINES,
        .max_length = (uint32_t)settings->max_length,
        .text = settings->text,
        .words = settings->words,
        .replace_invalid = strcmp(settings->invalid, "replace") == 0,
        .keep_going = tool->keep_going,
        .flush = tool->flush,
        .seed = tool->seed,
        .n_threads = tool->threads,
    };
    struct elc_tokenize_run run = {
        .tokenizer = tokenizer,
        .vocab = vocab,
        .paths = tool->operands,
        .n_paths = tool->n_operands,
        .output = &output,
        .context = tool,
        .header = add_history,
        .rejected = warn_rejected,
        .progress = show_progress,
    };
    if (!err)
        err = elc_tokenize_run(&run, &options);
    if (!err)
        err = elc_output_commit(&output);
    report(tool, &run.counts, settings->max_length);
    int status = err ? tool_fail(tool, "%s", elc_error()) : TOOL_DONE;
    elc_output_abandon(&output);
    elc_tokenizer_destroy(tokenizer);
    elc_vocab_destroy(vocab);
    return tool_end(tool, status);
}

int main(int argc, char **argv) {
    struct settings set = {.invalid = "replace", .text = true};
    struct tool_option options[] = {
        {0, "vocab", OPTION_TEXT, &set.vocab, "FILE", "vocabulary: vocab.txt or tokenizer.json",
         .shapes = true, .hash = &set.vocab_hash},
        {'m', "model", OPTION_TEXT, &set.model, "MODEL", "tokenize as this model's directory says",
         .shapes = true, .hash = &set.vocab_hash},
        {0, "cased", OPTION_FLAG, &set.cased, NULL, "keep case (and accents) [lower-case]",
         .shapes = true},
        {0, "strip-accents", OPTION_CHOICE, &set.strip_accents, "yes|no",
         "drop accents [yes unless --cased]", .choices = "yes|no", .shapes = true},
        {0, "lines", OPTION_FLAG, &set.lines, NULL, "each line is a text [this]", .shapes = true},
        {0, "docs", OPTION_FLAG, &set.docs, NULL,
         "blank lines end documents, which are packed into examples for pre-training",
         .shapes = true},
        {0, "max-length", OPTION_COUNT, &set.max_length, "N",
         "tokens of a text with [CLS] and [SEP] [512, with --docs 128; the model's]",
         ELC_PACK_MIN_LENGTH, LENGTH_LIMIT, .shapes = true},
        {0, "no-text", OPTION_OFF, &set.text, NULL, "leave out text, offsets and words",
         .shapes = true},
        {0, "words", OPTION_FLAG, &set.words, NULL, "word numbers also without the text",
         .shapes = true},
        {0, "invalid", OPTION_CHOICE, &set.invalid, "replace|error",
         "invalid UTF-8: put U+FFFD in its place, or refuse it [replace]",
         .choices = "replace|error", .shapes = true},
        {0},
    };
    struct tool tool = {
        .name = "electra-tokenize",
        .synopsis = "(--vocab FILE | -m MODEL) [--lines | --docs] [OPTION]… [FILE]…",
        .purpose = "Turns text into a stream of WordPiece tokens.",
        .options = options,
        .has_seed = true,
        .has_threads = true,
        .has_keep_going = true,
        .has_flush = true,
        .has_history = true,
        .has_force = true,
        .has_output = true,
        .threads = 1,
    };
    tool_parse(&tool, argc, argv);
    if (!set.vocab == !set.model)
        return tool_usage(&tool, "give either --vocab FILE or -m MODEL");
    if (set.lines && set.docs)
        return tool_usage(&tool, "--lines and --docs exclude each other");
    tool_refuse_terminal_output(&tool);
    return tokenize(&tool, &set);
}
