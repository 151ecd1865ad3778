/* What electra-tokenize is told on its command line, and what it makes of it. */
#ifndef TOOLS_TOKENIZE_H
#define TOOLS_TOKENIZE_H

#include "common.h"
#include "electra/tokenize_run.h"

enum { LENGTH_LIMIT = 65535 /* of --max-length */ };

#define TRUNCATIONS "longest-first|only-first|only-second"

struct settings {
    const char *vocab, *model, *strip_accents, *invalid, *truncation, *compat, *pattern;
    bool cased, text, words, compare;
    bool layouts[ELC_INPUT_SQUAD + 1]; /* which of them was asked for */
    enum elc_input_layout layout;
    struct elc_columns columns;
    bool windows;
    uint64_t max_length, stride; /* 0: the default */
    const char *vocab_hash;      /* what the history holds for --vocab and --model */
};

/* Finds the layout. ELC_EINVAL for options that do not go together. */
int settings_check(struct settings *settings, const struct tool *tool) ELC_MUST_CHECK;
/* The vocabulary, and the rules: what the model says, then the options. Of a model the longest text
 * too. Both are to be freed, also after a failure. */
int settings_rules(struct settings *settings, struct elc_vocab **vocab,
                   struct elc_tokenizer_options *rules) ELC_MUST_CHECK;
/* Once the rules have been read: fills in the defaults of lengths. ELC_EINVAL for windows that are
 * shorter than what they share. */
int settings_lengths(struct settings *settings) ELC_MUST_CHECK;
struct elc_tokenize_options settings_run(const struct settings *settings, const struct tool *tool);

#endif
