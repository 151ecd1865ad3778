/* electra-tokenize: text to tokens stream. */
#include "tokenize.h"

#include <inttypes.h>
#include <string.h>

#include "electra/compare.h"
#include "electra/pack.h"

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

/* ---- tokenizing ---- */

static int open_tokenizer(struct settings *settings, struct elc_vocab **vocab,
                          struct elc_tokenizer **tokenizer) {
    struct elc_tokenizer_options rules = {.strip_accents = -1};
    int err = settings_rules(settings, vocab, &rules);
    if (!err)
        err = elc_tokenizer_new(tokenizer, *vocab, &rules);
    elc_tokenizer_options_free(&rules);
    return err;
}

static int tokenize(struct tool *tool, struct settings *settings) {
    struct elc_vocab *vocab = NULL;
    struct elc_tokenizer *tokenizer = NULL;
    struct elc_output output = {.fd = -1};
    int err = open_tokenizer(settings, &vocab, &tokenizer);
    bool usage = !err && settings_lengths(settings) < 0;
    if (!err && !usage)
        err = elc_output_open(&output, tool->output);
    struct elc_tokenize_options options = settings_run(settings, tool);
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

/* --compare: no stream, but a row for each line that Google's rules cut differently. */
static int compare(struct tool *tool, struct settings *settings) {
    struct elc_vocab *vocab = NULL;
    struct elc_tokenizer *fast = NULL, *google = NULL;
    struct elc_output output = {.fd = -1};
    struct elc_tokenizer_options rules = {.strip_accents = -1};
    int err = settings_rules(settings, &vocab, &rules);
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
        .output = &output,
        .live = tool->flush,
        .keep_going = tool->keep_going,
        .rejected = warn_rejected,
        .context = tool,
    };
    if (!err)
        err = elc_compare(&comparison);
    if (!err)
        err = elc_output_commit(&output);
    tool->records = comparison.n_lines;
    tool->rejected = comparison.n_rejected;
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

/* Each puts its options into the table and returns how many. Here: how text is cut into tokens. */
static size_t rule_options(struct tool_option *table, struct settings *set) {
    const struct tool_option options[] = {
        {0, "vocab", OPTION_TEXT, &set->vocab, "FILE", "vocabulary: vocab.txt or tokenizer.json",
         .shapes = true, .hash = &set->vocab_hash},
        {'m', "model", OPTION_TEXT, &set->model, "MODEL", "tokenize as this model's directory says",
         .shapes = true, .hash = &set->vocab_hash},
        {0, "cased", OPTION_FLAG, &set->cased, NULL, "keep case (and accents) [lower-case]",
         .shapes = true},
        {0, "strip-accents", OPTION_CHOICE, &set->strip_accents, "yes|no",
         "drop accents [yes unless --cased]", .choices = "yes|no", .shapes = true},
        {0, "compat", OPTION_CHOICE, &set->compat, "fast|google",
         "whose rules: Hugging Face's fast tokenizer's, or Google's own [fast]",
         .choices = "fast|google", .shapes = true},
        {0, "pattern", OPTION_TEXT, &set->pattern, "REGEX",
         "words are what this PCRE2 pattern matches [BERT's rules]", .shapes = true},
        {0, "compare", OPTION_FLAG, &set->compare, NULL,
         "no stream: print the lines that fast and google cut differently"},
    };
    memcpy(table, options, sizeof options);
    return sizeof options / sizeof *options;
}

/* Where the texts are in the input. */
static size_t layout_options(struct tool_option *table, struct settings *set) {
    const struct tool_option options[] = {
        {0, "lines", OPTION_FLAG, &set->layouts[ELC_INPUT_LINES], NULL,
         "each line is a text [this]", .shapes = true},
        {0, "docs", OPTION_FLAG, &set->layouts[ELC_INPUT_DOCS], NULL,
         "blank lines end documents, which are packed into examples for pre-training",
         .shapes = true},
        {0, "tsv", OPTION_FLAG, &set->layouts[ELC_INPUT_TSV], NULL,
         "each line has columns, with tabs between them and nothing quoted", .shapes = true},
        {0, "jsonl", OPTION_FLAG, &set->layouts[ELC_INPUT_JSONL], NULL,
         "each line is a JSON object", .shapes = true},
        {0, "conll", OPTION_FLAG, &set->layouts[ELC_INPUT_CONLL], NULL,
         "each line is a word and its tag, blank lines end sentences", .shapes = true},
        {0, "squad", OPTION_FLAG, &set->layouts[ELC_INPUT_SQUAD], NULL,
         "questions and contexts, JSON of SQuAD 1.1 or 2.0", .shapes = true},
        {0, "text", OPTION_TEXT, &set->columns.text, "COL",
         "the text's column (1: the first), its name in the header, or key [1; text]",
         .shapes = true},
        {0, "pair", OPTION_TEXT, &set->columns.pair, "COL", "the second text's [none]",
         .shapes = true},
        {0, "label", OPTION_TEXT, &set->columns.label, "COL",
         "the label's [none; --conll: the last]", .shapes = true},
        {0, "id", OPTION_TEXT, &set->columns.id, "COL", "the id's [the text's number]",
         .shapes = true},
        {0, "header", OPTION_FLAG, &set->columns.header, NULL,
         "with --tsv: the first line of each file names the columns", .shapes = true},
    };
    memcpy(table, options, sizeof options);
    return sizeof options / sizeof *options;
}

/* What becomes of a text. */
static size_t record_options(struct tool_option *table, struct settings *set) {
    const struct tool_option options[] = {
        {0, "max-length", OPTION_COUNT, &set->max_length, "N",
         "tokens of a text with [CLS] and [SEP] [512, with --docs 128; the model's]",
         ELC_PACK_MIN_LENGTH, LENGTH_LIMIT, .shapes = true},
        {0, "truncation", OPTION_CHOICE, &set->truncation, "NAME",
         "cut longest-first, only-first or only-second [the first; in windows the last]",
         .choices = TRUNCATIONS, .shapes = true},
        {0, "stride", OPTION_COUNT, &set->stride, "N",
         "do not cut: windows, which share N tokens with the one before [--squad: 128]", 0,
         LENGTH_LIMIT, .shapes = true},
        {0, "no-text", OPTION_OFF, &set->text, NULL, "leave out text, offsets and words",
         .shapes = true},
        {0, "words", OPTION_FLAG, &set->words, NULL, "word numbers also without the text",
         .shapes = true},
        {0, "invalid", OPTION_CHOICE, &set->invalid, "replace|error",
         "invalid UTF-8: put U+FFFD in its place, or refuse it [replace]",
         .choices = "replace|error", .shapes = true},
    };
    memcpy(table, options, sizeof options);
    return sizeof options / sizeof *options;
}

int main(int argc, char **argv) {
    struct settings set = {.invalid = "replace", .text = true};
    struct tool_option options[TOOL_OPTIONS] = {0};
    size_t n = rule_options(options, &set);
    n += layout_options(options + n, &set);
    (void)record_options(options + n, &set);
    struct tool tool = {
        .name = "electra-tokenize",
        .synopsis = "(--vocab FILE | -m MODEL) [--lines | --docs | --tsv | --jsonl | --conll | "
                    "--squad]\n [OPTION]… [FILE]…",
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
    if (settings_check(&set, &tool) < 0)
        return tool_usage(&tool, "%s", elc_error());
    if (set.compare)
        return compare(&tool, &set);
    tool_refuse_terminal_output(&tool);
    return tokenize(&tool, &set);
}
