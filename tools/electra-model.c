/* electra-model: what model directories hold, and new ones made of them. */
#include "common.h"

#include <stdio.h>
#include <string.h>
#include <jansson.h>

#include "electra/average.h"
#include "electra/file.h"
#include "electra/inspect.h"

struct options {
    const char *output, *format;
    struct elc_describe_options describe;
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

/* ---- average ---- */

static int average(struct tool *tool, const struct options *options) {
    static const char *const others[] = {"tensors", "stats", "format"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (tool_option(tool, others[i])->given)
            return tool_usage(tool, "average: --%s is for info", others[i]);
    if (!options->output)
        return tool_usage(tool, "average: -o DIR is missing");
    int err = elc_average(options->output, (const char *const *)tool->operands, tool->n_operands);
    if (err == ELC_EINVAL)
        return tool_usage(tool, "average: %s", elc_error());
    tool->records = tool->n_operands;
    return err ? tool_fail(tool, "%s", elc_error()) : TOOL_DONE;
}

/* ---- main ---- */

static const struct {
    const char *name;
    int (*run)(struct tool *tool, const struct options *options);
} commands[] = {{"info", info}, {"average", average}};

int main(int argc, char **argv) {
    struct options options = {.format = "tsv"};
    struct tool_option table[] = {
        {'o', "output", OPTION_TEXT, &options.output, "PATH",
         "average: the new directory; info: a file [standard output]"},
        {0, "tensors", OPTION_FLAG, &options.describe.tensors, NULL,
         "info: also each tensor of the file, its type and shape"},
        {0, "stats", OPTION_FLAG, &options.describe.stats, NULL,
         "info: and its least, greatest and mean number, their standard deviation"},
        {0, "format", OPTION_CHOICE, &options.format, "NAME",
         "info: tsv, a key and its value a line, or json, a model a line [tsv]",
         .choices = "tsv|json"},
        {0},
    };
    struct tool tool = {
        .name = "electra-model",
        .synopsis = "info [--tensors] [--stats] [--format tsv|json] [-o FILE] MODEL…\n"
                    "average -o DIR MODEL MODEL…",
        .purpose = "Shows what model directories hold; makes the mean of several.",
        .options = table,
    };
    tool_parse(&tool, argc, argv);
    const char *name = tool.n_operands > 0 ? tool.operands[0] : NULL;
    if (!name)
        return tool_usage(&tool, "what to do is missing: info or average");
    tool.operands++;
    tool.n_operands--;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i].name) == 0)
            return tool_end(&tool, commands[i].run(&tool, &options));
    return tool_usage(&tool, "unknown command '%s': there are info and average", name);
}
