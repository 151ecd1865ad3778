/* electra-vocab: text to vocab.txt, learned from it. */
#include "common.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "electra/learn.h"
#include "electra/tokenize.h"

static void show_progress(void *context, const struct elc_count_run *run) {
    tool_progress(context, "%" PRIu64 " lines counted", run->n_lines);
}

/* With -v: how well the vocabulary fits the text it was learned from. */
static int report_fit(struct tool *tool, const struct elc_word_counts *counts,
                      const struct elc_buffer *lines) {
    if (!tool->verbose)
        return 0;
    struct elc_vocab *vocab;
    struct elc_fit fit;
    int err = elc_vocab_parse(&vocab, (const char *)lines->data, lines->len, "the vocabulary");
    if (!err)
        err = elc_fit(&fit, counts, vocab);
    if (!err)
        tool_note(tool,
                  "%.3f %% of the characters covered, %.3f %% unknown words, %.3f tokens per word, "
                  "%zu of %" PRIu64 " tokens in no word",
                  100.0 * (double)fit.covered / (double)fit.characters,
                  100.0 * (double)fit.unknown / (double)fit.words,
                  (double)fit.tokens / (double)fit.words, fit.unseen, elc_vocab_id(vocab)->size);
    elc_vocab_destroy(vocab);
    return err;
}

/* Learns from the counts and says what came of it. */
static int learn_counts(struct tool *tool, const struct elc_word_counts *counts,
                        const struct elc_learn_options *options, struct elc_buffer *vocab) {
    tool_note(tool, "%zu distinct words", elc_word_counts_distinct(counts));
    long long n = elc_learn(vocab, counts, options);
    if (n < 0)
        return (int)n;
    tool->tokens = (uint64_t)n;
    if (tool->tokens < options->size)
        tool_warn(tool,
                  "only %lld tokens could be learned of the %" PRIu64
                  " asked for: no further pair occurs %" PRIu64 " times",
                  n, options->size, options->min_frequency);
    return report_fit(tool, counts, vocab);
}

/* Reads, learns, and leaves the vocabulary in `vocab`. */
static int learn(struct tool *tool, const struct elc_tokenizer *tokenizer, uint64_t max_words,
                 const struct elc_learn_options *options, struct elc_buffer *vocab) {
    struct elc_word_counts *counts = NULL;
    struct elc_count_run run = {
        .tokenizer = tokenizer,
        .paths = tool->operands,
        .n_paths = tool->n_operands,
        .n_threads = tool->threads,
        .max_words = max_words,
        .context = tool,
        .progress = show_progress,
    };
    int err = elc_count_run(&counts, &run);
    tool->records = run.n_lines;
    if (!err && run.n_replaced > 0)
        tool_warn(tool, "%" PRIu64 " invalid UTF-8 sequences were taken for U+FFFD",
                  run.n_replaced);
    if (!err)
        err = learn_counts(tool, counts, options, vocab);
    elc_word_counts_destroy(counts);
    return err;
}

/* "P,U,C,S,M": the ids of the special tokens. */
static int read_ids(uint32_t ids[ELC_N_SPECIALS], const char *text) {
    const char *at = text;
    for (int i = 0; i < ELC_N_SPECIALS; i++) {
        char *end;
        unsigned long id = *at >= '0' && *at <= '9' ? strtoul(at, &end, 10) : ULONG_MAX;
        if (id >= ELC_VOCAB_LIMIT || *end != (i + 1 < ELC_N_SPECIALS ? ',' : '\0'))
            return elc_fail(ELC_EINVAL,
                            "--special-ids %s: five numbers are wanted, of [PAD] [UNK] [CLS] [SEP] "
                            "[MASK], with commas between them",
                            text);
        for (int k = 0; k < i; k++)
            if (ids[k] == id)
                return elc_fail(ELC_EINVAL,
                                "--special-ids %s: two special tokens cannot have the same id %lu",
                                text, id);
        ids[i] = (uint32_t)id;
        at = end + 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    struct elc_learn_options learning = {
        .size = 30000, .min_frequency = 2, .limit_alphabet = 1000, .reserve = 0};
    struct elc_tokenizer_options rules = {.strip_accents = -1};
    const char *special_ids = NULL;
    uint64_t max_words = 100000000;
    struct elc_tokenizer *tokenizer = NULL;
    struct tool_option options[] = {
        {0, "size", OPTION_COUNT, &learning.size, "N", "tokens, all included [30000]", 6,
         ELC_VOCAB_LIMIT},
        {0, "cased", OPTION_FLAG, &rules.cased, NULL, "keep case and accents [lower-case]"},
        {0, "min-frequency", OPTION_COUNT, &learning.min_frequency, "N",
         "merge only pairs that occur N times [2]", 1, 1e15},
        {0, "limit-alphabet", OPTION_COUNT, &learning.limit_alphabet, "N",
         "keep the N most frequent characters [1000]", 1, 1 << 20},
        {0, "max-words", OPTION_COUNT, &max_words, "N",
         "give up at more distinct words than N: memory [100000000]", 1, 4e9},
        {0, "special-ids", OPTION_TEXT, &special_ids, "P,U,C,S,M",
         "ids of [PAD] [UNK] [CLS] [SEP] [MASK] [0,1,2,3,4]"},
        {0, "reserve", OPTION_COUNT, &learning.reserve, "N", "free places, [unused0] … [0]", 0,
         1 << 20},
        {0},
    };
    struct tool tool = {
        .name = "electra-vocab",
        .synopsis = "[--size N] [--cased] [--min-frequency N] [--limit-alphabet N] [--reserve N]\n"
                    " [--special-ids P,U,C,S,M] [-j N] [-o FILE] [FILE]…",
        .purpose = "Learns a WordPiece vocabulary from text.",
        .options = options,
        .has_threads = true,
        .has_output = true,
        .threads = 1,
    };
    tool_parse(&tool, argc, argv);
    if (special_ids && read_ids(learning.special_ids, special_ids) < 0)
        return tool_usage(&tool, "%s", elc_error());
    struct elc_buffer vocab = {0};
    struct elc_output output = {.fd = -1};
    int err = elc_output_open(&output, tool.output);
    if (!err)
        err = elc_tokenizer_new(&tokenizer, NULL, &rules);
    if (!err)
        err = learn(&tool, tokenizer, max_words, &learning, &vocab);
    if (!err)
        err = elc_output_write(&output, vocab.data, vocab.len);
    if (!err)
        err = elc_output_commit(&output);
    int status = err ? tool_fail(&tool, "%s", elc_error()) : TOOL_DONE;
    elc_output_abandon(&output);
    elc_tokenizer_destroy(tokenizer);
    elc_buffer_free(&vocab);
    return tool_end(&tool, status);
}
