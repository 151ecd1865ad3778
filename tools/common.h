/* What every program does the same way: options, messages, exit statuses, history, summary.
 *
 * A program is one table of options, one loop and one report. Its main():
 *
 *     struct tool tool = {.name = "electra-shuffle", .synopsis = "[FILE]…", …};
 *     tool_parse(&tool, argc, argv);           // --help, --version and usage errors end here
 *     …open, loop, commit; on failure: return tool_fail(&tool, "%s", elc_error());
 *     return tool_end(&tool, TOOL_DONE);
 */
#ifndef TOOLS_COMMON_H
#define TOOLS_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/profile.h"
#include "electra/stream.h"

enum tool_status {
    TOOL_DONE = 0,
    TOOL_FAILED = 1, /* the data or an operation failed */
    TOOL_USAGE = 2,
    TOOL_REJECTED = 3, /* done, some records rejected (--keep-going) */
    TOOL_STOPPED = 4,  /* stopped early by a signal or --stop-after, resumable */
    TOOL_FOUND = 5,    /* --exit-code of the linter */
};

enum option_type {
    OPTION_FLAG,   /* bool: --name sets true */
    OPTION_OFF,    /* bool: --no-name sets false */
    OPTION_TEXT,   /* const char * */
    OPTION_LIST,   /* struct option_list: may be given again */
    OPTION_COUNT,  /* uint64_t in min … max */
    OPTION_REAL,   /* double in min … max */
    OPTION_SIZE,   /* uint64_t bytes with k, M, G */
    OPTION_CHOICE, /* const char *: one of the words of `choices`, separated by '|' */
};

struct option_list {
    const char **items;
    size_t n;
};

/* One option. The table is ended by an entry without a name. */
struct tool_option {
    char letter;      /* 0: none */
    const char *name; /* long name without dashes; OPTION_OFF: with its "no-" */
    enum option_type type;
    void *value;
    const char *argument; /* "N", "FILE"; NULL for flags */
    const char *help;     /* one line; says the default in brackets */
    double min, max;      /* COUNT, REAL, SIZE; both 0: any */
    const char *choices;
    bool shapes;             /* shapes the output's bytes: goes into the history */
    const char *const *hash; /* what the history holds in place of the value (a file's hash) */
    bool hidden;             /* taken, but not shown by --help */
    bool given;              /* set by tool_parse */
};

enum { TOOL_OPTIONS = 96 }; /* own and common ones, at the most */

struct tool {
    const char *name;
    const char *command;  /* the word behind the name that has a --help of its own; NULL: none */
    const char *synopsis; /* what follows the name, for --help; a form of the command line a line,
                           * which goes on in the next where that begins with a space */
    const char *purpose;  /* one sentence */
    struct tool_option *options;            /* its own; the common ones below are added */
    bool has_seed, has_output, has_profile; /* does it take these common options? */
    /* Which of those that all programs take have an effect in this one? */
    bool has_threads, has_keep_going, has_flush, has_history, has_force;

    /* set by tool_parse */
    const char *output; /* -o FILE; NULL: standard output */
    uint64_t threads; /* -j N; the caller's default stands if it set one before (0: allowed CPUs) */
    uint64_t seed;
    bool quiet, verbose, progress, keep_going, no_history, flush, force;
    char **operands;
    size_t n_operands;

    /* for the summary of -v */
    uint64_t records, tokens, rejected;
    double started; /* seconds, monotonic */

    /* private to common.c and options.c */
    struct tool_option table[TOOL_OPTIONS]; /* own and common options */
    size_t n_table, n_own;
    bool profile;
    struct elc_profile *profiles;
    bool progress_shown;
    double progress_time;
};

/* Reads the command line. Ends the process for --help and --version (0) and usage errors (2). */
void tool_parse(struct tool *tool, int argc, char **argv);
/* The option of the table or the common ones with this long name; for `given`. */
const struct tool_option *tool_option(const struct tool *tool, const char *name);

/* "electra-score: message" on standard error. tool_fail and tool_usage return the status for
 * main to return; tool_warn is silent under -q. */
int tool_fail(struct tool *tool, const char *format, ...) ELC_PRINTF(2, 3);
int tool_usage(struct tool *tool, const char *format, ...) ELC_PRINTF(2, 3);
void tool_warn(struct tool *tool, const char *format, ...) ELC_PRINTF(2, 3);
void tool_note(struct tool *tool, const char *format, ...) ELC_PRINTF(2, 3); /* only with -v */

/* Adds this program, with the options that shape its output, to a header's history, unless
 * --no-history: then the history is emptied. */
int tool_history(const struct tool *tool, struct elc_header *header) ELC_MUST_CHECK;
/* Is standard input among the operands, by name or because there are none? */
bool tool_reads_standard_input(const struct tool *tool);
/* Refuse (usage error, exit 2) to read binary from, or write it to, a terminal without --force. */
void tool_refuse_terminal_input(struct tool *tool);
void tool_refuse_terminal_output(struct tool *tool);
/* A write to standard output has failed, errno says why: a message and the status, or death by
 * SIGPIPE, silently, where the reader has closed the pipe. */
int tool_fail_output(struct tool *tool);
/* What threads count for --profile, [threads], printed by tool_end; NULL without the option. */
struct elc_profile *tool_profiles(struct tool *tool);
/* The end of main: closes standard output, prints the summary of -v, returns the status. */
int tool_end(struct tool *tool, int status);
/* Progress on a terminal: at most ten times a second, erased by tool_end; nothing otherwise. */
void tool_progress(struct tool *tool, const char *format, ...) ELC_PRINTF(2, 3);

/* Called by tool_parse. From now on a mapped file that is cut while it is in use ends the process
 * with a message and TOOL_FAILED, instead of by SIGBUS. */
void tool_catch_cut_files(const struct tool *tool);

double tool_seconds(void); /* monotonic clock */

#endif
