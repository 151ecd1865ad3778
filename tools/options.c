/* The command line of every program: its table of options, --help, and what is refused. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "electra/parallel.h"
#include "electra/parse.h"
#include "electra/version.h"

enum { LONG_OPTION = 256 }; /* what getopt_long returns for the first long option */

/* Appends the common options to a copy of the program's own table. All programs take most of them,
 * so that a script can give the same ones to each; --help shows those that have an effect. */
static void build_table(struct tool *tool) {
    const char *threads =
        tool->threads ? "threads [1]; 0: the allowed CPUs" : "threads [0: the allowed CPUs]";
    // clang-format off
    const struct {
        bool is_taken, has_effect;
        struct tool_option option;
    } common[] = {
        {tool->has_seed, tool->has_seed,
         {'s', "seed", OPTION_COUNT, &tool->seed, "N", "seed of every random choice [1]"}},
        {tool->has_output, tool->has_output,
         {'o', "output", OPTION_TEXT, &tool->output, "FILE",
          "write to FILE, which appears whole or not at all"}},
        {true, tool->has_threads,
         {'j', "threads", OPTION_COUNT, &tool->threads, "N", threads, 0, 1024}},
        {tool->has_profile, tool->has_profile,
         {0, "profile", OPTION_FLAG, &tool->profile, NULL,
          "a table of where the time went, on standard error, at the end"}},
        {true, tool->has_keep_going,
         {0, "keep-going", OPTION_FLAG, &tool->keep_going, NULL,
          "go on after a rejected record; exit 3 at the end"}},
        {true, tool->has_history,
         {0, "no-history", OPTION_FLAG, &tool->no_history, NULL,
          "write no history of programs"}},
        {true, tool->has_flush,
         {0, "flush", OPTION_FLAG, &tool->flush, NULL,
          "also write what there is when the input would block"}},
        {true, tool->has_force,
         {0, "force", OPTION_FLAG, &tool->force, NULL,
          "read binary from, or write it to, a terminal"}},
        {true, true, {0, "progress", OPTION_FLAG, &tool->progress, NULL,
                "show progress [when standard error is a terminal]"}},
        {true, true, {0, "no-progress", OPTION_OFF, &tool->progress, NULL, "show none"}},
        {true, true, {'q', "quiet", OPTION_FLAG, &tool->quiet, NULL, "no warnings"}},
        {true, true, {'v', "verbose", OPTION_FLAG, &tool->verbose, NULL, "a summary at the end"}},
        {true, true, {'h', "help", OPTION_FLAG, NULL, NULL, "this text"}},
        {true, true, {'V', "version", OPTION_FLAG, NULL, NULL, "the version"}},
    };
    // clang-format on
    size_t n = 0;
    for (const struct tool_option *o = tool->options; o && o->name; o++)
        tool->table[n++] = *o;
    tool->n_own = n;
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (common[i].is_taken) {
            tool->table[n] = common[i].option;
            tool->table[n++].hidden = !common[i].has_effect;
        }
    tool->n_table = n;
}

/* The forms of the command line, each behind the program's name. */
static void print_usage(const struct tool *tool) {
    const char *line = tool->synopsis;
    const char *lead = "Usage:";
    while (line && *line) {
        size_t len = strcspn(line, "\n");
        if (*line == ' ') /* goes on under what followed the name */
            printf("%*s%.*s\n", (int)strlen("Usage: ") + (int)strlen(tool->name), "", (int)len,
                   line);
        else
            printf("%-6s %s %.*s\n", lead, tool->name, (int)len, line);
        lead = "";
        line += len + (line[len] == '\n');
    }
}

static void print_help(const struct tool *tool) {
    print_usage(tool);
    printf("%s\n\nOptions:\n", tool->purpose);
    for (size_t i = 0; i < tool->n_table; i++) {
        const struct tool_option *o = &tool->table[i];
        if (o->hidden)
            continue;
        char left[96];
        char letter[8] = "   ";
        if (o->letter)
            (void)snprintf(letter, sizeof letter, "-%c,", o->letter);
        (void)snprintf(left, sizeof left, "%s --%s%s%s", letter, o->name, o->argument ? " " : "",
                       o->argument ? o->argument : "");
        printf("  %-28s %s\n", left, o->help);
    }
    printf("\nSee %s(1) and electra(7).\n", tool->name);
}

static bool is_choice(const char *choices, const char *text) {
    size_t len = strlen(text);
    for (const char *at = choices; *at; at += strcspn(at, "|"), at += *at == '|')
        if (strcspn(at, "|") == len && memcmp(at, text, len) == 0)
            return true;
    return false;
}

/* Stores the value of one option; negative with a message for a bad one. */
static int set_option(struct tool_option *o, const char *text) {
    double max = o->min == 0 && o->max == 0 ? 0x1p63 : o->max;
    struct option_list *list = o->value;
    o->given = true;
    switch (o->type) {
    case OPTION_FLAG:
        *(bool *)o->value = true;
        return 0;
    case OPTION_OFF:
        *(bool *)o->value = false;
        return 0;
    case OPTION_TEXT:
        *(const char **)o->value = text;
        return 0;
    case OPTION_LIST: {
        const char **items = realloc(list->items, (list->n + 1) * sizeof *items);
        if (!items)
            return elc_fail_memory(0);
        items[list->n++] = text;
        list->items = items;
        return 0;
    }
    case OPTION_COUNT:
        return elc_parse_uint(o->value, text, (uint64_t)o->min, (uint64_t)max);
    case OPTION_SIZE:
        return elc_parse_size(o->value, text, (uint64_t)o->min, (uint64_t)max);
    case OPTION_REAL:
        return elc_parse_real(o->value, text, o->max == 0 && o->min == 0 ? -0x1p1023 : o->min,
                              o->max == 0 && o->min == 0 ? 0x1p1023 : o->max);
    case OPTION_CHOICE:
        if (!is_choice(o->choices, text))
            return elc_fail(ELC_EINVAL, "'%s' is none of %s", text, o->choices);
        *(const char **)o->value = text;
        return 0;
    }
    return elc_fail(ELC_EINVAL, "unknown kind of option");
}

static void accept_option(struct tool *tool, size_t index, const char *text) {
    struct tool_option *o = &tool->table[index];
    if (strcmp(o->name, "help") == 0) {
        print_help(tool);
        tool->verbose = false;
        exit(tool_end(tool, TOOL_DONE));
    }
    if (strcmp(o->name, "version") == 0) {
        printf("%s (electra) %s\n", tool->name, ELC_VERSION);
        tool->verbose = false;
        exit(tool_end(tool, TOOL_DONE));
    }
    int err = set_option(o, text);
    if (err)
        exit(err == ELC_ENOMEM ? tool_fail(tool, "%s", elc_error())
                               : tool_usage(tool, "--%s: %s", o->name, elc_error()));
}

/* A descriptor that the caller closed would be given to the next file that is opened, and what is
 * printed would end up in it. Each missing one becomes a /dev/null that refuses its use. */
static void occupy_standard_descriptors(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* The tables that getopt_long wants. */
static void describe_options(const struct tool *tool, struct option *longs, char *shorts) {
    *shorts++ = ':';
    for (size_t i = 0; i < tool->n_table; i++) {
        const struct tool_option *o = &tool->table[i];
        int argument = o->argument ? required_argument : no_argument;
        longs[i] = (struct option){o->name, argument, NULL, (int)(LONG_OPTION + i)};
        if (o->letter)
            *shorts++ = o->letter;
        if (o->letter && o->argument)
            *shorts++ = ':';
    }
    *shorts = '\0';
}

/* Ends the process for what getopt_long has refused; `word` is where it stood. */
static void refuse_option(struct tool *tool, int got, const char *word) {
    if (got == ':' && optopt < LONG_OPTION)
        exit(tool_usage(tool, "option '-%c' needs an argument", optopt));
    if (got == ':')
        exit(tool_usage(tool, "option '%s' needs an argument", word));
    if (optopt >= LONG_OPTION)
        exit(tool_usage(tool, "option '--%s' takes no argument",
                        tool->table[optopt - LONG_OPTION].name));
    if (optopt > 0)
        exit(tool_usage(tool, "unknown option '-%c'", optopt));
    exit(tool_usage(tool, "unknown option '%s'", word));
}

/* The entry of the table that getopt_long has found. Abbreviations of long options are refused:
 * they break when options are added. */
static size_t found_option(struct tool *tool, int got, char **argv) {
    size_t index = 0;
    if (got < LONG_OPTION) {
        while (tool->table[index].letter != got)
            index++;
        return index;
    }
    index = (size_t)(got - LONG_OPTION);
    const char *word = argv[optind - 1];
    if (optarg == word) /* the argument is a word of its own */
        word = argv[optind - 2];
    if (strcspn(word + 2, "=") != strlen(tool->table[index].name))
        exit(tool_usage(tool, "unknown option '%.*s'", (int)strcspn(word, "="), word));
    return index;
}

void tool_parse(struct tool *tool, int argc, char **argv) {
    occupy_standard_descriptors();
    tool_catch_cut_files(tool);
    tool->started = tool_seconds();
    tool->seed = 1;
    tool->progress = isatty(STDERR_FILENO);
    build_table(tool);
    struct option longs[TOOL_OPTIONS + 1] = {0};
    char shorts[2 * TOOL_OPTIONS + 2];
    describe_options(tool, longs, shorts);
    opterr = 0;
    int got;
    while ((got = getopt_long(argc, argv, shorts, longs, NULL)) >= 0) {
        if (got == ':' || got == '?')
            refuse_option(tool, got, argv[optind - 1]);
        accept_option(tool, found_option(tool, got, argv), optarg);
    }
    tool->operands = argv + optind;
    tool->n_operands = (size_t)(argc - optind);
    if (tool->has_threads && tool->threads == 0)
        tool->threads = (uint64_t)elc_allowed_cpus();
    for (size_t i = 0; i < tool->n_own; i++)
        tool->options[i].given = tool->table[i].given;
}

const struct tool_option *tool_option(const struct tool *tool, const char *name) {
    for (size_t i = 0; i < tool->n_table; i++)
        if (strcmp(tool->table[i].name, name) == 0)
            return &tool->table[i];
    return NULL;
}
