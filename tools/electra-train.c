/* electra-train: streams to model directories. One command for each kind of training. */
#include "train.h"

#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"pretrain", train_pretrain}, {"classify", train_finetune}, {"regress", train_finetune},
    {"tag", train_finetune},      {"qa", train_finetune},
};

int main(int argc, char **argv) {
    struct tool tool = {
        .name = "electra-train",
        .synopsis = "COMMAND -o DIR [OPTION]… [STREAM]…\nCOMMAND --help",
        .purpose = "Trains a model on a stream.\n\n"
                   "Commands:\n"
                   "  pretrain   an ELECTRA, generator and discriminator, from tokens\n"
                   "  classify   a model of texts' classes, from texts and labels\n"
                   "  regress    a model of texts' numbers\n"
                   "  tag        a model of words' labels\n"
                   "  qa         a model that finds answers",
    };
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc > 1 && argv[1][0] != '-')
        return tool_usage(&tool,
                          "unknown command '%s': there are pretrain, classify, "
                          "regress, tag and qa",
                          argv[1]);
    tool_parse(&tool, argc, argv);
    return tool_usage(&tool, "what to train is missing: pretrain, classify, regress, tag or qa");
}
