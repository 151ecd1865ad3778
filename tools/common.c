/* Messages, exit statuses, history and summary of every program. */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "electra/file.h"
#include "electra/version.h"

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
    fprintf(stderr, "Try '%s%s%s --help' for more information.\n", tool->name,
            tool->command ? " " : "", tool->command ? tool->command : "");
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

/* ---- files that are cut while they are mapped ---- */

static const char *program; /* for the handler */

/* Appends to text[size], of which *len bytes are in use; control characters are shown as '?'. */
static void put(char *text, size_t size, size_t *len, const char *more) {
    for (; *more && *len < size; more++)
        text[(*len)++] = (char)((unsigned char)*more < ' ' || *more == 0x7f ? '?' : *more);
}

/* Only what is async-signal-safe; one thread speaks for all. */
static void report_cut_file(int signal_number, siginfo_t *info, void *context) {
    static atomic_flag reported = ATOMIC_FLAG_INIT;
    char name[1024], text[sizeof name + 128];
    size_t len = 0;
    (void)context;
    if (info->si_code != BUS_ADRERR || !elc_mapped_name(name, sizeof name, info->si_addr)) {
        signal(signal_number, SIG_DFL); /* the access is tried again, and ends the process */
        return;
    }
    while (atomic_flag_test_and_set(&reported))
        pause();
    put(text, sizeof text, &len, program);
    put(text, sizeof text, &len, ": ");
    put(text, sizeof text, &len, name);
    put(text, sizeof text - 1, &len, ": was cut while it was being read, or its disk failed");
    text[len++] = '\n';
    elc_output_remove_all();
    (void)!write(STDERR_FILENO, text, len);
    _exit(TOOL_FAILED);
}

void tool_catch_cut_files(const struct tool *tool) {
    struct sigaction action = {.sa_sigaction = report_cut_file, .sa_flags = SA_SIGINFO};
    program = tool->name;
    sigaction(SIGBUS, &action, NULL);
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
    if (*n_args == TOOL_OPTIONS)
        return elc_fail(ELC_ELIMIT, "more than %d options", TOOL_OPTIONS);
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
    const char *args[TOOL_OPTIONS];
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

bool tool_reads_standard_input(const struct tool *tool) {
    for (size_t i = 0; i < tool->n_operands; i++)
        if (strcmp(tool->operands[i], "-") == 0)
            return true;
    return tool->n_operands == 0;
}

void tool_refuse_terminal_input(struct tool *tool) {
    if (tool_reads_standard_input(tool) && !tool->force && isatty(STDIN_FILENO))
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
    tool_note(tool, "%llu records,%s %.3f s, %.2f CPUs, %.1f MB", (unsigned long long)tool->records,
              tokens, wall, wall > 0 ? cpu / wall : 0.0, (double)usage.ru_maxrss / 1024);
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
