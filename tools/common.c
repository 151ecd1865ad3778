/* Options, messages, exit statuses, history and summary of every program. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "electra/parallel.h"
#include "electra/parse.h"
#include "electra/version.h"

enum {
    OPTIONS_LIMIT = 96,
    LONG_OPTION = 256, /* what getopt_long returns for the first long option */
};

double tool_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- messages ---- */

static void clear_progress(const struct tool *tool) {
    if (tool->progress_shown)
        fputs("\r\033[K", stderr);
}

/* Messages quote what was read, and go to terminals: control characters are shown as '?'. */
ELC_PRINTF(2, 0)
static void print_message(struct tool *tool, const char *format, va_list arguments) {
    char text[4096];
    int len = vsnprintf(text, sizeof text, format, arguments);
    for (char *at = text; len >= 0 && *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    clear_progress(tool);
    tool->progress_shown = false;
    fprintf(stderr, "%s: %s\n", tool->name, len < 0 ? "unknown error" : text);
}

int tool_fail(struct tool *tool, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_message(tool, format, arguments);
    va_end(arguments);
    return TOOL_FAILED;
}

int tool_usage(struct tool *tool, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_message(tool, format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try '%s --help' for more information.\n", tool->name);
    return TOOL_USAGE;
}

void tool_warn(struct tool *tool, const char *format, ...) {
    if (tool->quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_message(tool, format, arguments);
    va_end(arguments);
}

void tool_note(struct tool *tool, const char *format, ...) {
    if (!tool->verbose)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_message(tool, format, arguments);
    va_end(arguments);
}

void tool_progress(struct tool *tool, const char *format, ...) {
    double now = tool_seconds();
    if (!tool->progress || now - tool->progress_time < 0.1)
        return;
    va_list arguments;
    va_start(arguments, format);
    fputs("\r", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\033[K", stderr);
    va_end(arguments);
    tool->progress_shown = true;
    tool->progress_time = now;
}

/* ---- options ---- */

/* Appends the common options that this program has to a copy of its own table. */
static void build_table(struct tool *tool) {
    struct tool_option *all = tool->table;
    size_t n = 0;
    for (const struct tool_option *o = tool->options; o && o->name; o++)
        all[n++] = *o;
    tool->n_own = n;
    if (tool->has_seed)
        all[n++] = (struct tool_option){'s',         "seed", OPTION_COUNT,
                                        &tool->seed, "N",    "seed of every random choice [1]",
                                        0,           0,      .shapes = false};
    if (tool->has_output)
        all[n++] = (struct tool_option){
            'o',           "output", OPTION_TEXT,
            &tool->output, "FILE",   "write to FILE, which appears whole or not at all"};
    if (tool->has_threads)
        all[n++] = (struct tool_option){'j',
                                        "threads",
                                        OPTION_COUNT,
                                        &tool->threads,
                                        "N",
                                        tool->threads ? "threads [1]; 0: the allowed CPUs"
                                                      : "threads [0: the allowed CPUs]",
                                        0,
                                        1024};
    if (tool->has_profile)
        all[n++] = (struct tool_option){
            0,           "profile",
            OPTION_FLAG, &tool->profile,
            NULL,        "a table of where the time went, on standard error, at the end"};
    if (tool->has_keep_going)
        all[n++] =
            (struct tool_option){0,           "keep-going",
                                 OPTION_FLAG, &tool->keep_going,
                                 NULL,        "go on after a rejected record; exit 3 at the end"};
    if (tool->has_history)
        all[n++] =
            (struct tool_option){0,           "no-history",
                                 OPTION_FLAG, &tool->no_history,
                                 NULL,        "write no history of programs into the header"};
    if (tool->has_flush)
        all[n++] = (struct tool_option){
            0,           "flush",
            OPTION_FLAG, &tool->flush,
            NULL,        "also write what there is when the input would block"};
    if (tool->has_force)
        all[n++] =
            (struct tool_option){0,           "force",
                                 OPTION_FLAG, &tool->force,
                                 NULL,        "read binary from, or write it to, a terminal"};
    all[n++] =
        (struct tool_option){0,           "progress",
                             OPTION_FLAG, &tool->progress,
                             NULL,        "show progress [when standard error is a terminal]"};
    all[n++] =
        (struct tool_option){0, "no-progress", OPTION_OFF, &tool->progress, NULL, "show none"};
    all[n++] = (struct tool_option){'q', "quiet", OPTION_FLAG, &tool->quiet, NULL, "no warnings"};
    all[n++] = (struct tool_option){
        'v', "verbose", OPTION_FLAG, &tool->verbose, NULL, "a summary at the end"};
    all[n++] = (struct tool_option){'h', "help", OPTION_FLAG, NULL, NULL, "this text"};
    all[n++] = (struct tool_option){'V', "version", OPTION_FLAG, NULL, NULL, "the version"};
    tool->n_table = n;
}

static void print_help(const struct tool *tool) {
    const char *line = tool->synopsis;
    const char *lead = "Usage:";
    while (line && *line) {
        size_t len = strcspn(line, "\n");
        printf("%-6s %s %.*s\n", lead, tool->name, (int)len, line);
        lead = "";
        line += len + (line[len] == '\n');
    }
    printf("%s\n\nOptions:\n", tool->purpose);
    for (size_t i = 0; i < tool->n_table; i++) {
        const struct tool_option *o = &tool->table[i];
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
    tool->started = tool_seconds();
    tool->seed = 1;
    tool->progress = isatty(STDERR_FILENO);
    build_table(tool);
    struct option longs[OPTIONS_LIMIT + 1] = {0};
    char shorts[2 * OPTIONS_LIMIT + 2];
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

/* ---- history ---- */

/* "--name=value" as the history keeps it. */
static int format_argument(const struct tool_option *o, const char *text, struct elc_buffer *out) {
    switch (o->type) {
    case OPTION_FLAG:
    case OPTION_OFF:
        return elc_buffer_printf(out, "--%s", o->name);
    case OPTION_COUNT:
    case OPTION_SIZE:
        return elc_buffer_printf(out, "--%s=%llu", o->name,
                                 (unsigned long long)*(const uint64_t *)o->value);
    case OPTION_REAL:
        return elc_buffer_printf(out, "--%s=%.17g", o->name, *(const double *)o->value);
    case OPTION_TEXT:
    case OPTION_LIST:
    case OPTION_CHOICE:
        break;
    }
    return elc_buffer_printf(out, "--%s=%s", o->name, text);
}

static int add_argument(const struct tool_option *o, const char *text, const char **args,
                        size_t *n_args, struct elc_arena *arena) {
    struct elc_buffer one = {0};
    if (*n_args == OPTIONS_LIMIT)
        return elc_fail(ELC_ELIMIT, "more than %d options", OPTIONS_LIMIT);
    int err = format_argument(o, text, &one);
    if (!err) {
        args[*n_args] = elc_arena_text(arena, (const char *)one.data, one.len);
        err = args[*n_args] ? 0 : ELC_ENOMEM;
        (*n_args)++;
    }
    elc_buffer_free(&one);
    return err;
}

static int collect_arguments(const struct tool *tool, const char **args, size_t *n_args,
                             struct elc_arena *arena) {
    int err = 0;
    for (size_t i = 0; !err && i < tool->n_own; i++) {
        const struct tool_option *o = &tool->table[i];
        if (!o->shapes || !o->given)
            continue;
        if (o->type == OPTION_LIST) {
            const struct option_list *list = o->value;
            for (size_t k = 0; !err && k < list->n; k++)
                err = add_argument(o, list->items[k], args, n_args, arena);
        } else {
            bool has_text = o->type == OPTION_TEXT || o->type == OPTION_CHOICE;
            const char *text = o->hash ? *o->hash : has_text ? *(const char **)o->value : "";
            err = add_argument(o, text, args, n_args, arena);
        }
    }
    if (!err && tool->has_seed)
        err = add_argument(tool_option(tool, "seed"), "", args, n_args, arena);
    return err;
}

int tool_history(const struct tool *tool, struct elc_header *header) {
    if (tool->no_history) {
        header->n_history = 0;
        return 0;
    }
    const char *args[OPTIONS_LIMIT];
    size_t n_args = 0;
    struct elc_arena arena = {0};
    int err = collect_arguments(tool, args, &n_args, &arena);
    if (!err)
        err = elc_header_add_history(header, tool->name, ELC_VERSION, args, n_args);
    elc_arena_free(&arena);
    return err;
}

/* ---- the end ---- */

int tool_fail_output(struct tool *tool) {
    int saved = errno;
    if (saved == EPIPE) { /* SIGPIPE was ignored by whoever started us: die of it now */
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return tool_fail(tool, "standard output: %s", saved ? strerror(saved) : "cannot be written");
}

void tool_refuse_terminal_input(struct tool *tool) {
    bool standard = tool->n_operands == 0;
    for (size_t i = 0; i < tool->n_operands; i++)
        standard = standard || strcmp(tool->operands[i], "-") == 0;
    if (standard && !tool->force && isatty(STDIN_FILENO))
        exit(tool_usage(tool, "the input is binary and standard input is a terminal: name a file, "
                              "or --force"));
}

void tool_refuse_terminal_output(struct tool *tool) {
    bool standard = !tool->output || strcmp(tool->output, "-") == 0;
    if (standard && !tool->force && isatty(STDOUT_FILENO))
        exit(tool_usage(tool, "the output is binary and standard output is a terminal: redirect "
                              "it, use -o FILE, or --force"));
}

static void print_summary(struct tool *tool) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double wall = tool_seconds() - tool->started;
    double cpu = (double)usage.ru_utime.tv_sec + 1e-6 * (double)usage.ru_utime.tv_usec +
                 (double)usage.ru_stime.tv_sec + 1e-6 * (double)usage.ru_stime.tv_usec;
    char tokens[40] = ""; /* programs that do not look into records have none to tell */
    if (tool->tokens)
        snprintf(tokens, sizeof tokens, " %llu tokens,", (unsigned long long)tool->tokens);
    tool_note(tool, "%llu records,%s %.3f s, %.2f CPUs, %.1f MB",
              (unsigned long long)tool->records, tokens, wall, wall > 0 ? cpu / wall : 0.0,
              (double)usage.ru_maxrss / 1024);
}

struct elc_profile *tool_profiles(struct tool *tool) {
    if (tool->profile && !tool->profiles)
        tool->profiles = calloc((size_t)tool->threads, sizeof *tool->profiles);
    return tool->profiles;
}

static void print_profile(struct tool *tool) {
    struct elc_buffer table = {0};
    if (elc_profile_format(&table, tool->profiles, (size_t)tool->threads,
                           tool_seconds() - tool->started, sizeof(float)) == 0)
        (void)fwrite(table.data, 1, table.len, stderr);
    elc_buffer_free(&table);
    free(tool->profiles);
    tool->profiles = NULL;
}

int tool_end(struct tool *tool, int status) {
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) != 0 || failed)
        status = tool_fail_output(tool);
    clear_progress(tool);
    tool->progress_shown = false;
    if (tool->rejected > 0 && status == TOOL_DONE) {
        tool_warn(tool, "%llu records rejected", (unsigned long long)tool->rejected);
        status = TOOL_REJECTED;
    }
    if (tool->verbose)
        print_summary(tool);
    if (tool->profiles)
        print_profile(tool);
    return status;
}
