/* electra-tokenize's command line. */
#include "tokenize.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "electra/config.h"
#include "electra/directory.h"
#include "electra/pack.h"

enum {
    TEXT_LENGTH = 512, /* defaults of --max-length */
    DOCS_LENGTH = 128,
    SQUAD_STRIDE = 128, /* default of --stride, and at most a third of --max-length */
};

static const char *const layout_names[] = {"--lines", "--docs",  "--tsv",
                                           "--jsonl", "--conll", "--squad"};
enum { N_LAYOUTS = sizeof layout_names / sizeof *layout_names };

/* ---- what does not go together ---- */

/* One at most. */
static int choose_layout(struct settings *settings) {
    const char *chosen = NULL;
    settings->layout = ELC_INPUT_LINES;
    for (int i = 0; i < (int)N_LAYOUTS; i++) {
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
    if (settings->truncation && settings->layout == ELC_INPUT_SQUAD)
        return elc_fail(ELC_EINVAL, "--truncation is for --pair, not for --squad, whose contexts "
                                    "become windows");
    if (settings->truncation && !settings->columns.pair)
        return elc_fail(ELC_EINVAL, "--truncation is for pairs: --pair COL");
    if (settings->truncation && settings->windows && settings->truncation[0] == 'l')
        return elc_fail(ELC_EINVAL, "windows slide over one text: with --stride, --truncation is "
                                    "only-first or only-second");
    return 0;
}

/* Two ways of cutting are compared on lines, whole ones. */
static int check_compare(const struct tool *tool, const struct settings *settings) {
    static const char *const of_records[] = {"max-length", "stride", "no-text", "words"};
    if (!settings->compare)
        return 0;
    if (settings->compat || settings->layout != ELC_INPUT_LINES)
        return elc_fail(ELC_EINVAL, "--compare reads lines, by both rules");
    for (size_t i = 0; i < sizeof of_records / sizeof *of_records; i++)
        if (tool_option(tool, of_records[i])->given)
            return elc_fail(ELC_EINVAL, "--compare makes no records: --%s is not for it",
                            of_records[i]);
    if (strcmp(settings->invalid, "error") == 0)
        return elc_fail(ELC_EINVAL, "--compare replaces invalid UTF-8, it does not refuse it");
    return 0;
}

/* A pattern that PCRE2 does not take is a usage error. */
static int check_pattern(const struct settings *settings) {
    const struct elc_tokenizer_options rules = {.pattern = settings->pattern};
    struct elc_tokenizer *tokenizer = NULL;
    int err = settings->pattern ? elc_tokenizer_new(&tokenizer, NULL, &rules) : 0;
    elc_tokenizer_destroy(tokenizer);
    return err;
}

int settings_check(struct settings *settings, const struct tool *tool) {
    settings->windows = tool_option(tool, "stride")->given;
    int err = choose_layout(settings);
    if (!err && !settings->vocab == !settings->model)
        err = elc_fail(ELC_EINVAL, "give either --vocab FILE or -m MODEL");
    if (!err)
        err = check_layout(tool, settings);
    if (!err)
        err = check_columns(settings);
    if (!err)
        err = check_truncation(settings);
    if (!err)
        err = check_compare(tool, settings);
    return err ? err : check_pattern(settings);
}

/* ---- what follows ---- */

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
    if (!err && config.max_position_embeddings < ELC_PACK_MIN_LENGTH)
        err = elc_fail(ELC_EFORMAT, "%s: a model of %" PRIu32 " positions has no room for a text",
                       settings->model, config.max_position_embeddings);
    if (!err && settings->max_length > config.max_position_embeddings)
        err = elc_fail(ELC_EMISMATCH, "--max-length %" PRIu64 ": %s has only %" PRIu32 " positions",
                       settings->max_length, settings->model, config.max_position_embeddings);
    if (!err && settings->max_length == 0)
        settings->max_length = config.max_position_embeddings;
    free(config_path);
    free(directory);
    return err;
}

int settings_rules(struct settings *settings, struct elc_vocab **vocab,
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

int settings_lengths(struct settings *settings) {
    if (settings->max_length == 0)
        settings->max_length = settings->layout == ELC_INPUT_DOCS ? DOCS_LENGTH : TEXT_LENGTH;
    bool pair = settings->columns.pair || settings->layout == ELC_INPUT_SQUAD;
    uint64_t room = settings->max_length - (pair ? 3 : 2), third = settings->max_length / 3;
    if (settings->layout == ELC_INPUT_SQUAD && !settings->windows)
        settings->stride = third < SQUAD_STRIDE ? third : SQUAD_STRIDE;
    if (settings->stride < room)
        return 0;
    return elc_fail(ELC_EINVAL, "--stride %" PRIu64 ": windows have room for %" PRIu64 " tokens",
                    settings->stride, room);
}

struct elc_tokenize_options settings_run(const struct settings *settings, const struct tool *tool) {
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
