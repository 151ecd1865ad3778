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

enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* The number of the command with this name; N_COMMANDS if there is none. */
static size_t find_command(const char *name) {
    size_t i = 0;
    while (i < N_COMMANDS && strcmp(name, commands[i].name) != 0)
        i++;
    return i;
}

static bool asks_for_help(const char *word) {
    static const char *const options[] = {"-h", "--help", "-V", "--version"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(word, options[i]) == 0)
            return true;
    return false;
}

/* Does a command stand behind options? All of them are its own: none is known before it. */
static bool is_command_late(int argc, char **argv) {
    for (int i = 1; i < argc && !asks_for_help(argv[i]); i++)
        if (find_command(argv[i]) < N_COMMANDS)
            return true;
    return false;
}

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
    size_t command = argc > 1 ? find_command(argv[1]) : N_COMMANDS;
    if (command < N_COMMANDS)
        return commands[command].run(argc - 1, argv + 1);
    if (argc > 1 && argv[1][0] != '-')
        return tool_usage(&tool,
                          "unknown command '%s': there are pretrain, classify, "
                          "regress, tag and qa",
                          argv[1]);
    if (is_command_late(argc, argv))
        return tool_usage(&tool, "the command comes first: electra-train COMMAND [OPTION]…");
    tool_parse(&tool, argc, argv);
    return tool_usage(&tool, "what to train is missing: pretrain, classify, regress, tag or qa");
}
