/* electra-vocab: text to vocab.txt, learned from it. */
#include "common.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "electra/learn.h"
#include "electra/lines.h"
#include "electra/parallel.h"
#include "electra/tokenize.h"

struct worker {
    struct elc_word_counts *counts;
    struct elc_encoding scratch;
    struct elc_buffer clean;
};

struct job {
    struct elc_chunk chunk;
    uint64_t replaced; /* invalid sequences */
};

struct run {
    struct tool *tool;
    struct elc_tokenizer *tokenizer;
    struct elc_lines *lines;
    struct worker *workers;
    uint64_t max_words;
    uint64_t replaced;
};

static int read_job(void *context, void *argument) {
    struct run *run = context;
    struct job *job = argument;
    return elc_lines_next(run->lines, &job->chunk);
}

static int count_word(void *context, const char *word, size_t len) {
    return elc_word_counts_add(context, word, len, 1);
}

static int work_job(void *context, void *argument, int number) {
    const struct run *run = context;
    struct job *job = argument;
    struct worker *worker = &run->workers[number];
    const char *text;
    size_t position = 0, len;
    int err = 0;
    job->replaced = 0;
    while (!err && elc_chunk_line(&job->chunk, &position, &text, &len)) {
        if (elc_utf8_valid(text, len) != len) {
            worker->clean.len = 0;
            long long replaced = elc_utf8_clean(&worker->clean, text, len);
            if (replaced < 0)
                return (int)replaced;
            job->replaced += (uint64_t)replaced;
            text = (const char *)worker->clean.data;
            len = worker->clean.len;
        }
        err = elc_tokenizer_words(run->tokenizer, text, len, &worker->scratch, count_word,
                                  worker->counts);
    }
    return err;
}

static int write_job(void *context, void *argument) {
    struct run *run = context;
    struct job *job = argument;
    run->tool->records += job->chunk.n_lines;
    run->replaced += job->replaced;
    tool_progress(run->tool, "%" PRIu64 " lines counted", run->tool->records);
    return 0;
}

static int run_pipeline(struct run *run, struct job *jobs, size_t n_jobs) {
    const struct elc_pipeline pipeline = {
        .read = read_job,
        .work = work_job,
        .write = write_job,
        .context = run,
        .jobs = jobs,
        .job_size = sizeof *jobs,
        .n_jobs = n_jobs,
        .n_threads = (int)run->tool->threads,
    };
    return elc_pipeline_run(&pipeline);
}

/* Counts the words of all operands; the counts of all workers end up in the first one's. */
static int count_words(struct run *run) {
    size_t n_workers = run->tool->threads, n_jobs = 2 * n_workers + 2;
    struct job *jobs = calloc(n_jobs, sizeof *jobs);
    run->workers = calloc(n_workers, sizeof *run->workers);
    int err = jobs && run->workers ? 0 : elc_fail_memory(0);
    for (size_t i = 0; i < n_workers && !err; i++)
        err = elc_word_counts_new(&run->workers[i].counts);
    for (size_t i = 0; i < n_workers && !err; i++)
        elc_word_counts_limit(run->workers[i].counts, run->max_words);
    if (!err)
        err = run_pipeline(run, jobs, n_jobs);
    for (size_t i = 1; i < n_workers && !err; i++)
        err = elc_word_counts_merge(run->workers[0].counts, run->workers[i].counts);
    for (size_t i = 0; jobs && i < n_jobs; i++)
        elc_buffer_free(&jobs[i].chunk.text);
    free(jobs);
    return err;
}

static void free_workers(struct run *run) {
    for (size_t i = 0; run->workers && i < run->tool->threads; i++) {
        elc_word_counts_destroy(run->workers[i].counts);
        elc_encoding_free(&run->workers[i].scratch);
        elc_buffer_free(&run->workers[i].clean);
    }
    free(run->workers);
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
static int learn_counts(struct run *run, const struct elc_learn_options *options,
                        struct elc_buffer *vocab) {
    struct tool *tool = run->tool;
    const struct elc_word_counts *counts = run->workers[0].counts;
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
static int learn(struct run *run, const struct elc_learn_options *options,
                 struct elc_buffer *vocab) {
    struct tool *tool = run->tool;
    int err = elc_lines_new(&run->lines, tool->operands, tool->n_operands, false);
    if (!err)
        err = count_words(run);
    if (!err && run->replaced > 0)
        tool_warn(tool, "%" PRIu64 " invalid UTF-8 sequences were taken for U+FFFD", run->replaced);
    if (!err)
        err = learn_counts(run, options, vocab);
    elc_lines_destroy(run->lines);
    free_workers(run);
    return err;
}

/* "P,U,C,S,M": the ids of the special tokens. */
static int read_ids(uint32_t ids[ELC_N_SPECIALS], const char *text) {
    const char *at = text;
    for (int i = 0; i < ELC_N_SPECIALS; i++) {
        char *end;
        unsigned long id = *at >= '0' && *at <= '9' ? strtoul(at, &end, 10) : ULONG_MAX;
        if (id >= 1 << 20 || *end != (i + 1 < ELC_N_SPECIALS ? ',' : '\0'))
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
    struct run run = {.max_words = 100000000};
    struct tool_option options[] = {
        {0, "size", OPTION_COUNT, &learning.size, "N", "tokens, all included [30000]", 6, 1 << 20},
        {0, "cased", OPTION_FLAG, &rules.cased, NULL, "keep case and accents [lower-case]"},
        {0, "min-frequency", OPTION_COUNT, &learning.min_frequency, "N",
         "merge only pairs that occur N times [2]", 1, 1e15},
        {0, "limit-alphabet", OPTION_COUNT, &learning.limit_alphabet, "N",
         "keep the N most frequent characters [1000]", 1, 1 << 20},
        {0, "max-words", OPTION_COUNT, &run.max_words, "N",
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
                    "[--special-ids P,U,C,S,M] [-j N] [-o FILE] [FILE]…",
        .purpose = "Learns a WordPiece vocabulary from text.",
        .options = options,
        .has_threads = true,
        .has_output = true,
        .threads = 1,
    };
    tool_parse(&tool, argc, argv);
    run.tool = &tool;
    if (special_ids && read_ids(learning.special_ids, special_ids) < 0)
        return tool_usage(&tool, "%s", elc_error());
    struct elc_buffer vocab = {0};
    struct elc_output output = {.fd = -1};
    int err = elc_output_open(&output, tool.output);
    if (!err)
        err = elc_tokenizer_new(&run.tokenizer, NULL, &rules);
    if (!err)
        err = learn(&run, &learning, &vocab);
    if (!err)
        err = elc_output_write(&output, vocab.data, vocab.len);
    if (!err)
        err = elc_output_commit(&output);
    int status = err ? tool_fail(&tool, "%s", elc_error()) : TOOL_DONE;
    elc_output_abandon(&output);
    elc_tokenizer_destroy(run.tokenizer);
    elc_buffer_free(&vocab);
    return tool_end(&tool, status);
}
