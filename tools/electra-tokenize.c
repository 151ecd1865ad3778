/* electra-tokenize: text to tokens stream. */
#include "common.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "electra/compare.h"
#include "electra/config.h"
#include "electra/directory.h"
#include "electra/pack.h"
#include "electra/tokenize_run.h"

enum {
    TEXT_LENGTH = 512, /* defaults of --max-length */
    DOCS_LENGTH = 128,
    SQUAD_STRIDE = 128, /* default of --stride, and at most a third of --max-length */
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
                   const struct elc_tokenize_options *options) {
    bool questions = options->layout == ELC_INPUT_SQUAD;
    tool->records = counts->records;
    tool->tokens = counts->tokens;
    tool->rejected = counts->rejected;
    if (counts->replaced > 0)
        tool_warn(tool, "%" PRIu64 " invalid UTF-8 sequences were replaced by U+FFFD",
                  counts->replaced);
    if (counts->cut_texts > 0)
        tool_warn(tool,
                  "%" PRIu64 " of %" PRIu64 " %s were cut to %" PRIu32 " tokens; %" PRIu64
                  " tokens were left out%s",
                  counts->cut_texts, counts->texts, questions ? "questions" : "texts",
                  questions ? ELC_QUESTION_TOKENS : options->max_length, counts->cut_tokens,
                  questions ? "" : " (see --max-length)");
    if (counts->windows > 0)
        tool_note(tool, "%" PRIu64 " records are windows of texts that have several",
                  counts->windows);
    if (counts->tokens > 0)
        tool_note(tool,
                  "%.3f %% unknown tokens, %.3f tokens per word, %" PRIu64
                  " tokens cut from %" PRIu64 " texts",
                  100.0 * (double)counts->unknown / (double)counts->tokens,
                  (double)counts->tokens / (double)counts->words, counts->cut_tokens,
                  counts->cut_texts);
}

/* ---- options ---- */

static const char *const layout_names[] = {"--lines", "--docs",  "--tsv",
                                           "--jsonl", "--conll", "--squad"};
enum { N_LAYOUTS = sizeof layout_names / sizeof *layout_names };

static const char truncations[] = "longest-first|only-first|only-second";

struct settings {
    const char *vocab, *model, *strip_accents, *invalid, *truncation, *compat, *pattern;
    bool cased, text, words, compare;
    bool layouts[N_LAYOUTS]; /* which of them was asked for */
    enum elc_input_layout layout;
    struct elc_columns columns;
    bool windows;
    uint64_t max_length, stride; /* 0: the default */
    const char *vocab_hash;      /* what the history holds for --vocab and --model */
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

/* The vocabulary, and the rules: what the model says, then the options. */
static int read_rules(struct settings *settings, struct elc_vocab **vocab,
                      struct elc_tokenizer_options *rules) {
    int err = settings->model ? read_model(settings, vocab, rules)
                              : elc_vocab_read(vocab, settings->vocab);
    if (!err && !settings->model)
        err = elc_tokenizer_options_read(rules, settings->vocab);
    if (err)
        return err;
    settings->vocab_hash = elc_vocab_id(*vocab)->xxh3;
    rules->cased = rules->cased || settings->cased;
    if (settings->strip_accents)
        rules->strip_accents = strcmp(settings->strip_accents, "yes") == 0;
    if (settings->compat)
        rules->google = strcmp(settings->compat, "google") == 0;
    if (!settings->pattern)
        return 0;
    elc_tokenizer_options_free(rules);
    rules->pattern = strdup(settings->pattern);
    return rules->pattern ? 0 : elc_fail_memory(strlen(settings->pattern));
}

static int open_tokenizer(struct settings *settings, struct elc_vocab **vocab,
                          struct elc_tokenizer **tokenizer) {
    struct elc_tokenizer_options rules = {.strip_accents = -1};
    int err = read_rules(settings, vocab, &rules);
    if (settings->max_length == 0)
        settings->max_length = settings->layout == ELC_INPUT_DOCS ? DOCS_LENGTH : TEXT_LENGTH;
    if (!err)
        err = elc_tokenizer_new(tokenizer, *vocab, &rules);
    elc_tokenizer_options_free(&rules);
    return err;
}

/* A pattern that PCRE2 does not take is a usage error. */
static int check_pattern(const struct settings *settings) {
    const struct elc_tokenizer_options rules = {.pattern = settings->pattern};
    struct elc_tokenizer *tokenizer = NULL;
    int err = settings->pattern ? elc_tokenizer_new(&tokenizer, NULL, &rules) : 0;
    elc_tokenizer_destroy(tokenizer);
    return err;
}

static struct elc_tokenize_options run_options(const struct tool *tool,
                                               const struct settings *settings) {
    enum elc_truncation truncation = settings->windows ? ELC_ONLY_SECOND : ELC_LONGEST_FIRST;
    if (settings->truncation)
        truncation = settings->truncation[0] == 'l'                    ? ELC_LONGEST_FIRST
                     : strcmp(settings->truncation, "only-first") == 0 ? ELC_ONLY_FIRST
                                                                       : ELC_ONLY_SECOND;
    return (struct elc_tokenize_options){
        .layout = settings->layout,
        .columns = settings->columns,
        .max_length = (uint32_t)settings->max_length,
        .truncation = truncation,
        .windows = settings->windows,
        .overlap = (uint32_t)settings->stride,
        .text = settings->text,
        .words = settings->words,
        .replace_invalid = strcmp(settings->invalid, "replace") == 0,
        .keep_going = tool->keep_going,
        .flush = tool->flush,
        .seed = tool->seed,
        .n_threads = tool->threads,
    };
}

/* The overlap of windows, once it is known how long they are. */
static int check_stride(struct settings *settings) {
    bool pair = settings->columns.pair || settings->layout == ELC_INPUT_SQUAD;
    uint64_t room = settings->max_length - (pair ? 3 : 2), third = settings->max_length / 3;
    if (settings->layout == ELC_INPUT_SQUAD && !settings->windows)
        settings->stride = third < SQUAD_STRIDE ? third : SQUAD_STRIDE;
    if (settings->stride < room)
        return 0;
    return elc_fail(ELC_EINVAL, "--stride %" PRIu64 ": windows have room for %" PRIu64 " tokens",
                    settings->stride, room);
}

static int tokenize(struct tool *tool, struct settings *settings) {
    struct elc_vocab *vocab = NULL;
    struct elc_tokenizer *tokenizer = NULL;
    struct elc_output output = {.fd = -1};
    int err = open_tokenizer(settings, &vocab, &tokenizer);
    bool usage = !err && check_stride(settings) < 0;
    if (!err && !usage)
        err = elc_output_open(&output, tool->output);
    struct elc_tokenize_options options = run_options(tool, settings);
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
    if (!err && !usage)
        err = elc_tokenize_run(&run, &options);
    if (!err && !usage)
        err = elc_output_commit(&output);
    report(tool, &run.counts, &options);
    int status = usage ? tool_usage(tool, "%s", elc_error())
                 : err ? tool_fail(tool, "%s", elc_error())
                       : TOOL_DONE;
    elc_output_abandon(&output);
    elc_tokenizer_destroy(tokenizer);
    elc_vocab_destroy(vocab);
    return tool_end(tool, status);
}

/* ---- comparing ---- */

static int write_row(void *context, const struct elc_buffer *row) {
    return elc_output_write(context, row->data, row->len);
}

/* --compare: no stream, but a row for each line that Google's rules cut differently. */
static int compare(struct tool *tool, struct settings *settings) {
    struct elc_vocab *vocab = NULL;
    struct elc_tokenizer *fast = NULL, *google = NULL;
    struct elc_output output = {.fd = -1};
    struct elc_tokenizer_options rules = {.strip_accents = -1};
    int err = read_rules(settings, &vocab, &rules);
    rules.google = false;
    if (!err)
        err = elc_tokenizer_new(&fast, vocab, &rules);
    rules.google = true;
    if (!err)
        err = elc_tokenizer_new(&google, vocab, &rules);
    if (!err)
        err = elc_output_open(&output, tool->output);
    struct elc_comparison comparison = {
        .vocab = vocab,
        .one = fast,
        .other = google,
        .paths = tool->operands,
        .n_paths = tool->n_operands,
        .found = write_row,
        .context = &output,
    };
    if (!err)
        err = elc_compare(&comparison);
    if (!err)
        err = elc_output_commit(&output);
    tool->records = comparison.n_lines;
    tool_note(tool, "%" PRIu64 " of %" PRIu64 " lines differ", comparison.n_differ,
              comparison.n_lines);
    int status = err ? tool_fail(tool, "%s", elc_error()) : TOOL_DONE;
    elc_output_abandon(&output);
    elc_tokenizer_destroy(fast);
    elc_tokenizer_destroy(google);
    elc_tokenizer_options_free(&rules);
    elc_vocab_destroy(vocab);
    return tool_end(tool, status);
}

/* ---- the command line ---- */

static int choose_layout(struct settings *settings) {
    const char *chosen = NULL;
    settings->layout = ELC_INPUT_LINES;
    for (int i = 0; i < N_LAYOUTS; i++) {
        if (!settings->layouts[i])
            continue;
        if (chosen)
            return elc_fail(ELC_EINVAL, "%s and %s exclude each other", chosen, layout_names[i]);
        chosen = layout_names[i];
        settings->layout = (enum elc_input_layout)i;
    }
    return 0;
}

/* Options that the layout has no use for. */
static int check_layout(const struct tool *tool, const struct settings *settings) {
    enum {
        DOCS = 1 << ELC_INPUT_DOCS,
        TSV = 1 << ELC_INPUT_TSV,
        JSONL = 1 << ELC_INPUT_JSONL,
        CONLL = 1 << ELC_INPUT_CONLL,
        ALL = (1 << N_LAYOUTS) - 1,
    };
    static const struct {
        const char *name;
        unsigned layouts;
        const char *meant;
    } options[] = {
        {"text", TSV | JSONL | CONLL, "--tsv, --jsonl and --conll"},
        {"label", TSV | JSONL | CONLL, "--tsv, --jsonl and --conll"},
        {"pair", TSV | JSONL, "--tsv and --jsonl"},
        {"id", TSV | JSONL, "--tsv and --jsonl"},
        {"header", TSV, "--tsv"},
        {"stride", ALL & ~DOCS, "all layouts but --docs"},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (tool_option(tool, options[i].name)->given &&
            !(options[i].layouts >> settings->layout & 1))
            return elc_fail(ELC_EINVAL, "--%s is for %s, not %s", options[i].name, options[i].meant,
                            layout_names[settings->layout]);
    return 0;
}

/* Columns that have no names. */
static int check_columns(const struct settings *settings) {
    const struct elc_columns *columns = &settings->columns;
    const char *const given[] = {columns->text, columns->pair, columns->label, columns->id};
    bool named = settings->layout == ELC_INPUT_JSONL || columns->header;
    for (size_t i = 0; i < sizeof given / sizeof *given && !named; i++)
        if (given[i] && (given[i][0] < '1' || given[i][strspn(given[i], "0123456789")] != '\0'))
            return elc_fail(ELC_EINVAL,
                            "column '%s': columns are numbers from 1; names need --header",
                            given[i]);
    return 0;
}

static int check_truncation(const struct settings *settings) {
    if (settings->truncation && !settings->columns.pair)
        return elc_fail(ELC_EINVAL, "--truncation is for pairs: --pair COL");
    if (settings->truncation && settings->windows && settings->truncation[0] == 'l')
        return elc_fail(ELC_EINVAL, "windows slide over one text: with --stride, --truncation is "
                                    "only-first or only-second");
    return 0;
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
        {0, "compat", OPTION_CHOICE, &set.compat, "fast|google",
         "whose rules: Hugging Face's fast tokenizer's, or Google's own [fast]",
         .choices = "fast|google", .shapes = true},
        {0, "pattern", OPTION_TEXT, &set.pattern, "REGEX",
         "words are what this PCRE2 pattern matches [BERT's rules]", .shapes = true},
        {0, "compare", OPTION_FLAG, &set.compare, NULL,
         "no stream: print the lines that fast and google cut differently"},
        {0, "lines", OPTION_FLAG, &set.layouts[ELC_INPUT_LINES], NULL, "each line is a text [this]",
         .shapes = true},
        {0, "docs", OPTION_FLAG, &set.layouts[ELC_INPUT_DOCS], NULL,
         "blank lines end documents, which are packed into examples for pre-training",
         .shapes = true},
        {0, "tsv", OPTION_FLAG, &set.layouts[ELC_INPUT_TSV], NULL,
         "each line has columns, with tabs between them and nothing quoted", .shapes = true},
        {0, "jsonl", OPTION_FLAG, &set.layouts[ELC_INPUT_JSONL], NULL, "each line is a JSON object",
         .shapes = true},
        {0, "conll", OPTION_FLAG, &set.layouts[ELC_INPUT_CONLL], NULL,
         "each line is a word and its tag, blank lines end sentences", .shapes = true},
        {0, "squad", OPTION_FLAG, &set.layouts[ELC_INPUT_SQUAD], NULL,
         "questions and contexts, JSON of SQuAD 1.1 or 2.0", .shapes = true},
        {0, "text", OPTION_TEXT, &set.columns.text, "COL",
         "the text's column (1: the first), its name in the header, or key [1; text]",
         .shapes = true},
        {0, "pair", OPTION_TEXT, &set.columns.pair, "COL", "the second text's [none]",
         .shapes = true},
        {0, "label", OPTION_TEXT, &set.columns.label, "COL",
         "the label's [none; --conll: the last]", .shapes = true},
        {0, "id", OPTION_TEXT, &set.columns.id, "COL", "the id's [the text's number]",
         .shapes = true},
        {0, "header", OPTION_FLAG, &set.columns.header, NULL,
         "with --tsv: the first line of each file names the columns", .shapes = true},
        {0, "max-length", OPTION_COUNT, &set.max_length, "N",
         "tokens of a text with [CLS] and [SEP] [512, with --docs 128; the model's]",
         ELC_PACK_MIN_LENGTH, LENGTH_LIMIT, .shapes = true},
        {0, "truncation", OPTION_CHOICE, &set.truncation, "NAME",
         "cut longest-first, only-first or only-second [the first; in windows the last]",
         .choices = truncations, .shapes = true},
        {0, "stride", OPTION_COUNT, &set.stride, "N",
         "do not cut: windows, which share N tokens with the one before [--squad: 128]", 0,
         LENGTH_LIMIT, .shapes = true},
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
        .synopsis = "(--vocab FILE | -m MODEL) [--lines | --docs | --tsv | --jsonl | --conll | "
                    "--squad]\n[OPTION]… [FILE]…",
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
    set.windows = tool_option(&tool, "stride")->given;
    if (choose_layout(&set) < 0 || check_layout(&tool, &set) < 0 || check_columns(&set) < 0 ||
        check_truncation(&set) < 0 || check_pattern(&set) < 0)
        return tool_usage(&tool, "%s", elc_error());
    if (set.compare && (set.compat || set.layout != ELC_INPUT_LINES))
        return tool_usage(&tool, "--compare reads lines, by both rules");
    if (set.compare)
        return compare(&tool, &set);
    tool_refuse_terminal_output(&tool);
    return tokenize(&tool, &set);
}
