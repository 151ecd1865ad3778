/* electra-model: what model directories hold, and new ones made of them. */
#include "common.h"

#include <stdio.h>
#include <string.h>
#include <jansson.h>

#include "electra/average.h"
#include "electra/convert.h"
#include "electra/file.h"
#include "electra/inspect.h"

struct options {
    const char *output, *format, *network;
    struct elc_describe_options describe;
    struct elc_convert_options convert;
};

/* ---- info ---- */

/* Appends what is to be said about one operand. A run whose newest checkpoint is damaged is shown
 * as it would be resumed, but makes us fail. */
static int describe(struct elc_buffer *text, struct tool *tool, const char *path,
                    const struct options *options, int *status) {
    struct json_t *object;
    int got = elc_inspect(&object, path, &options->describe);
    if (got < 0)
        return got;
    if (got > 0)
        *status = tool_fail(tool, "%s", elc_error());
    int err = strcmp(options->format, "json") == 0 ? elc_description_json(text, object)
                                                   : elc_description_tsv(text, object);
    json_decref(object);
    return err;
}

/* One operand that will not do does not keep the others from being shown, but makes us fail. */
static int show(struct tool *tool, const struct options *options, struct elc_output *output) {
    struct elc_buffer text = {0};
    int err = 0, status = TOOL_DONE;
    for (size_t i = 0; !err && i < tool->n_operands; i++) {
        text.len = 0;
        if (tool->records > 0 && strcmp(options->format, "tsv") == 0)
            err = elc_buffer_append(&text, "\n", 1);
        if (!err && describe(&text, tool, tool->operands[i], options, &status) < 0) {
            status = tool_fail(tool, "%s", elc_error());
            continue;
        }
        tool->records++;
        if (!err)
            err = elc_output_write(output, text.data, text.len);
    }
    elc_buffer_free(&text);
    return err ? tool_fail(tool, "%s", elc_error()) : status;
}

static int info(struct tool *tool, const struct options *options) {
    struct elc_output output;
    if (tool->n_operands == 0)
        return tool_usage(tool, "info: no MODEL is named");
    if (elc_output_open(&output, options->output) < 0)
        return tool_fail(tool, "%s", elc_error());
    int status = show(tool, options, &output);
    if (status != TOOL_DONE && output.final_path)
        elc_output_abandon(&output);
    else if (elc_output_commit(&output) < 0)
        status = tool_fail(tool, "%s", elc_error());
    return status;
}

/* ---- convert ---- */

/* A line for each of some names, NUL-terminated one after another. */
static void list(struct tool *tool, const struct elc_buffer *names,
                 void (*say)(struct tool *tool, const char *name)) {
    const char *name = (const char *)names->data;
    for (size_t at = 0; at < names->len; at += strlen(name + at) + 1)
        say(tool, name + at);
}

static void say_missing(struct tool *tool, const char *name) {
    (void)tool_fail(tool, "%s: tensor '%s' is missing", tool->operands[0], name);
}

static void say_unused(struct tool *tool, const char *name) {
    tool_warn(tool, "%s: tensor '%s' is not used", tool->operands[0], name);
}

static void say_not_finite(struct tool *tool, const char *name) {
    tool_warn(tool, "%s: tensor '%s' holds a number that is not finite", tool->operands[0], name);
}

static void report(struct tool *tool, const struct elc_conversion *conversion) {
    list(tool, &conversion->unused, say_unused);
    list(tool, &conversion->not_finite, say_not_finite);
    for (size_t i = 0; i < conversion->n_configs; i++) {
        const struct elc_config *config = &conversion->configs[i];
        tool_note(tool, "%s of %s: %u layers of %u, %u heads",
                  elc_architecture_name(config->architecture),
                  elc_convert_format_name(conversion->format), config->num_hidden_layers,
                  config->hidden_size, config->num_attention_heads);
    }
    if (conversion->cased_by_vocab)
        tool_warn(tool, "texts are %s, going by the vocabulary: no tokenizer_config.json says so",
                  conversion->cased ? "not lower-cased" : "lower-cased");
}

/* All tensors that the network lacks; if only the head does, how to do without it. */
static void report_missing(struct tool *tool, const struct elc_buffer *missing) {
    static const char encoder[] = "electra.";
    const char *name = (const char *)missing->data;
    bool whole = missing->len > 0;
    for (size_t at = 0; at < missing->len; at += strlen(name + at) + 1)
        whole = whole && strncmp(name + at, encoder, sizeof encoder - 1) != 0;
    list(tool, missing, say_missing);
    if (whole)
        tool_warn(tool, "%s: only the head is missing; --encoder leaves it", tool->operands[0]);
}

static int convert(struct tool *tool, const struct options *options) {
    struct elc_convert_options convert_options = options->convert;
    struct elc_conversion conversion;
    if (!options->output || tool->n_operands != 1)
        return tool_usage(tool, "convert: %s",
                          options->output ? "one SOURCE at a time" : "-o DIR is missing");
    convert_options.no_history = tool->no_history;
    if (options->network)
        convert_options.networks = strcmp(options->network, "generator") == 0
                                       ? ELC_CONVERT_GENERATOR
                                       : ELC_CONVERT_DISCRIMINATOR;
    int err = elc_convert(&conversion, options->output, tool->operands[0], &convert_options);
    int status = TOOL_DONE;
    if (err == 0)
        report(tool, &conversion);
    else if (err == ELC_EINVAL)
        status = tool_usage(tool, "convert: %s", elc_error());
    else if (conversion.missing.len == 0)
        status = tool_fail(tool, "%s", elc_error());
    else
        status = TOOL_FAILED;
    report_missing(tool, &conversion.missing);
    elc_conversion_free(&conversion);
    tool->records = 1;
    return status;
}

/* ---- average ---- */

static int average(struct tool *tool, const struct options *options) {
    if (!options->output)
        return tool_usage(tool, "average: -o DIR is missing");
    int err = elc_average(options->output, (const char *const *)tool->operands, tool->n_operands,
                          !tool->no_history);
    if (err == ELC_EINVAL)
        return tool_usage(tool, "average: %s", elc_error());
    tool->records = tool->n_operands;
    return err ? tool_fail(tool, "%s", elc_error()) : TOOL_DONE;
}

/* ---- main ---- */

static const struct {
    const char *name;
    int (*run)(struct tool *tool, const struct options *options);
    const char *options; /* those that are for it, between spaces */
} commands[] = {
    {"info", info, " tensors stats format "},
    {"convert", convert, " config vocab network encoder "},
    {"average", average, " "},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* Is the option of another command than this one? Then `*whose` is. */
static bool is_anothers(const struct tool_option *option, size_t command, const char **whose) {
    char word[32];
    (void)snprintf(word, sizeof word, " %s ", option->name);
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (i != command && strstr(commands[i].options, word)) {
            *whose = commands[i].name;
            return true;
        }
    return false;
}

static int run(struct tool *tool, size_t command, const struct options *options) {
    for (const struct tool_option *option = tool->options; option->name; option++) {
        const char *whose;
        if (tool_option(tool, option->name)->given && is_anothers(option, command, &whose))
            return tool_usage(tool, "%s: --%s is for %s", commands[command].name, option->name,
                              whose);
    }
    return commands[command].run(tool, options);
}

int main(int argc, char **argv) {
    struct options options = {.format = "tsv"};
    struct tool_option table[] = {
        {'o', "output", OPTION_TEXT, &options.output, "PATH",
         "convert, average: the new directory; info: a file [standard output]"},
        {0, "tensors", OPTION_FLAG, &options.describe.tensors, NULL,
         "info: also each tensor of the file, its type and shape"},
        {0, "stats", OPTION_FLAG, &options.describe.stats, NULL,
         "info: and its least, greatest and mean number, their standard deviation"},
        {0, "format", OPTION_CHOICE, &options.format, "NAME",
         "info: tsv, a key and its value a line, or json, a model a line [tsv]",
         .choices = "tsv|json"},
        {0, "config", OPTION_TEXT, &options.convert.config, "FILE",
         "convert: the configuration [config.json beside the tensors]"},
        {0, "vocab", OPTION_TEXT, &options.convert.vocab, "FILE",
         "convert: the vocabulary [vocab.txt or tokenizer.json beside them]"},
        {0, "network", OPTION_CHOICE, &options.network, "NAME",
         "convert: of a TensorFlow bundle, discriminator or generator [what it has]",
         .choices = "discriminator|generator"},
        {0, "encoder", OPTION_FLAG, &options.convert.encoder, NULL,
         "convert: leave the head and make an ElectraModel"},
        {0},
    };
    struct tool tool = {
        .name = "electra-model",
        .synopsis = "info [--tensors] [--stats] [--format tsv|json] [-o FILE] MODEL…\n"
                    "convert [--config FILE] [--vocab FILE] [--network NAME] [--encoder] -o DIR "
                    "SOURCE\n"
                    "average -o DIR MODEL MODEL…",
        .purpose = "Shows what model directories hold; makes them of other programs' checkpoints, "
                   "or of several.",
        .options = table,
        .has_history = true,
    };
    tool_parse(&tool, argc, argv);
    const char *name = tool.n_operands > 0 ? tool.operands[0] : NULL;
    if (!name)
        return tool_usage(&tool, "what to do is missing: info, convert or average");
    tool.operands++;
    tool.n_operands--;
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return tool_end(&tool, run(&tool, i, &options));
    return tool_usage(&tool, "unknown command '%s': there are info, convert and average", name);
}
