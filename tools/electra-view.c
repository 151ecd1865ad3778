/* electra-view: a stream as text and back, a part of it, its shards, a verdict on it. */
#include "common.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "electra/directory.h"
#include "electra/import.h"
#include "electra/parse.h"
#include "electra/view.h"
#include "electra/vocab.h"

/* ---- the command line ---- */

struct choices {
    const char *format, *from, *model, *vocab, *shard, *id;
    bool header, merge, check;
    uint64_t records;
    uint64_t k, n;    /* of --shard; 0: all */
    char *vocab_path; /* the file of --vocab, or the directory of the network that -m names */
};

static enum elc_view_format find_format(const struct choices *choices) {
    static const char *const names[] = {"jsonl", "tsv", "text", "html", "stream"};
    bool binary = choices->shard || choices->merge || choices->from;
    for (size_t i = 0; choices->format && i < sizeof names / sizeof *names; i++)
        if (strcmp(choices->format, names[i]) == 0)
            return (enum elc_view_format)i;
    return binary ? ELC_VIEW_STREAM : ELC_VIEW_JSONL;
}

/* What cannot be combined, or NULL. */
static const char *find_conflict(const struct tool *tool, const struct choices *c,
                                 enum elc_view_format format) {
    bool selects = c->id || c->records < UINT64_MAX;
    if (c->model && c->vocab)
        return "-m and --vocab both name a vocabulary";
    if (c->check && (c->format || c->from || c->shard || c->merge || selects || c->header ||
                     c->model || c->vocab))
        return "--check goes with no other option";
    if (c->check && tool->output)
        return "--check writes nothing: leave -o out";
    if (c->merge && (c->from || c->shard || selects || format != ELC_VIEW_STREAM))
        return "--merge writes a whole stream";
    if (c->merge && (c->model || c->vocab))
        return "--merge reads no vocabulary";
    if (c->from && (c->shard || selects || format != ELC_VIEW_STREAM))
        return "--from jsonl writes a whole stream";
    if (c->header && format != ELC_VIEW_JSONL && format != ELC_VIEW_TSV)
        return "--header goes with --format jsonl or tsv";
    return NULL;
}

/* ---- the work ---- */

/* The vocabulary that was named, if any. Both networks of a run have the same. */
static int read_vocab(struct elc_vocab **vocab, struct choices *choices) {
    int err = 0;
    if (choices->model)
        err = elc_directory_resolve(&choices->vocab_path, choices->model, ELC_ENCODER);
    else if (choices->vocab && !(choices->vocab_path = strdup(choices->vocab)))
        err = elc_fail_memory(strlen(choices->vocab));
    return err || !choices->vocab_path ? err : elc_vocab_read(vocab, choices->vocab_path);
}

static const char *name_token(const void *vocab, uint32_t id, size_t *len) {
    return elc_vocab_token(vocab, id, len);
}

static int add_history(void *context, struct elc_header *header) {
    return tool_history(context, header);
}

/* Can nobody be hurt by our not reading to the end? A pipe's writer would die of SIGPIPE. */
static bool may_stop_early(const struct tool *tool) {
    struct stat status;
    for (size_t i = 0; i < tool->n_operands; i++)
        if (stat(tool->operands[i], &status) != 0 || !S_ISREG(status.st_mode))
            return false;
    return tool->n_operands > 0;
}

static int from_jsonl(struct tool *tool, const struct choices *choices,
                      const struct elc_vocab *vocab, struct elc_output *output) {
    struct elc_import import = {
        .vocab = vocab,
        .vocab_path = choices->vocab_path,
        .is_model = choices->model != NULL,
        .live = tool->flush,
        .output = output,
    };
    int err = elc_import_jsonl(&import, tool->operands, tool->n_operands);
    tool->records = import.records;
    return err;
}

static int show(struct tool *tool, const struct choices *choices, const struct elc_vocab *vocab,
                struct elc_reader *reader, struct elc_output *output) {
    struct elc_view view = {
        .format = find_format(choices),
        .header = choices->header,
        .id = choices->id,
        .limit = choices->records,
        .may_stop = may_stop_early(tool),
        .vocab = vocab ? elc_vocab_id(vocab) : NULL,
        .vocab_name = choices->vocab_path,
        .token = vocab ? name_token : NULL,
        .token_context = vocab,
        .output = output,
        .context = tool,
        .selected = add_history,
    };
    int err = elc_view_run(&view, reader);
    tool->records = view.records;
    return err;
}

static int run(struct tool *tool, struct choices *choices, struct elc_reader *reader,
               struct elc_output *output) {
    struct elc_vocab *vocab = NULL;
    int err = read_vocab(&vocab, choices);
    if (!err)
        err = elc_output_open(output, tool->output);
    if (!err && choices->n > 0)
        err = elc_reader_shard(reader, choices->k, choices->n);
    if (!err && choices->merge)
        err = elc_merge(output, tool->operands, tool->n_operands, tool->force, &tool->records);
    else if (!err && choices->from)
        err = from_jsonl(tool, choices, vocab, output);
    else if (!err && choices->check)
        err = elc_view_check(reader, &tool->records);
    else if (!err)
        err = show(tool, choices, vocab, reader, output);
    elc_vocab_destroy(vocab);
    free(choices->vocab_path);
    return err ? err : elc_output_commit(output);
}

static int view_main(struct tool *tool, struct choices *choices) {
    enum elc_view_format format = find_format(choices);
    const char *conflict = find_conflict(tool, choices, format);
    if (conflict)
        return tool_usage(tool, "%s", conflict);
    if (choices->shard && elc_parse_shard(&choices->k, &choices->n, choices->shard) != 0)
        return tool_usage(tool, "--shard: %s", elc_error());
    if (choices->merge && tool->n_operands == 0)
        return tool_usage(tool, "--merge needs every shard as an operand");
    if (format == ELC_VIEW_STREAM && !choices->check)
        tool_refuse_terminal_output(tool);
    struct elc_reader *reader = NULL;
    struct elc_output output = {.fd = -1};
    int err = 0;
    if (!choices->from && !choices->merge)
        err = elc_reader_new(&reader, tool->operands, tool->n_operands, tool->force);
    if (err == ELC_EINVAL)
        return tool_usage(tool, "%s", elc_error());
    if (!err)
        err = run(tool, choices, reader, &output);
    int status = err ? tool_fail(tool, "%s", elc_error()) : TOOL_DONE;
    elc_output_abandon(&output);
    elc_reader_destroy(reader);
    return status;
}

int main(int argc, char **argv) {
    struct choices choices = {.records = UINT64_MAX};
    struct tool_option options[] = {
        {0, "format", OPTION_CHOICE, &choices.format, "NAME",
         "jsonl, tsv, text, html, stream [jsonl; stream with --shard]",
         .choices = "jsonl|tsv|text|html|stream"},
        {0, "header", OPTION_FLAG, &choices.header, NULL,
         "also the stream's header (jsonl), names of the columns (tsv)"},
        {0, "from", OPTION_CHOICE, &choices.from, "jsonl", "read JSON Lines, write a stream",
         .choices = "jsonl"},
        {'m', "model", OPTION_TEXT, &choices.model, "MODEL",
         "show tokens of the vocabulary of MODEL, or a directory of electra-train"},
        {0, "vocab", OPTION_TEXT, &choices.vocab, "FILE", "show tokens of the vocabulary in FILE"},
        {0, "shard", OPTION_TEXT, &choices.shard, "K/N", "only every N-th block, the K-th first"},
        {0, "merge", OPTION_FLAG, &choices.merge, NULL, "put shards back in order"},
        {0, "id", OPTION_TEXT, &choices.id, "ID", "only records with this id", .shapes = true},
        {0, "records", OPTION_COUNT, &choices.records, "N", "only the first N records",
         .shapes = true},
        {0, "check", OPTION_FLAG, &choices.check, NULL,
         "write nothing; exit 0 for a whole stream, 1 for a damaged one"},
        {0},
    };
    struct tool tool = {
        .name = "electra-view",
        .synopsis = "[--format NAME] [--header] [--shard K/N] [--id ID] [--records N] [FILE]…\n"
                    "--from jsonl [-m MODEL | --vocab FILE] [FILE]…\n"
                    "--merge FILE…\n"
                    "--check [FILE]…",
        .purpose =
            "Shows a stream as text, makes a stream from its text twin, cuts out parts of one, "
            "checks one.",
        .options = options,
        .has_history = true,
        .has_flush = true,
        .has_force = true,
        .has_output = true,
    };
    tool_parse(&tool, argc, argv);
    return tool_end(&tool, view_main(&tool, &choices));
}
