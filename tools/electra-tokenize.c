/* electra-tokenize: text to tokens stream. */
#include "common.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "electra/config.h"
#include "electra/directory.h"
#include "electra/layout.h"
#include "electra/lines.h"
#include "electra/parallel.h"
#include "electra/tokenize.h"

enum {
    LINES_LENGTH = 512, /* defaults of --max-length */
    DOCS_LENGTH = 128,
    LENGTH_LIMIT = 65535,
    PART_BYTES = 1 << 20, /* see part_end */
};

struct counts {
    uint64_t tokens, unknown, words; /* that are kept; without [CLS] and [SEP] */
    uint64_t texts, cut_texts, cut_tokens;
    uint64_t replaced, rejected;
};

/* What passes through the pipeline: some lines, and what became of them. */
struct job {
    struct elc_chunk chunk;
    struct counts counts;
    struct elc_buffer rejections; /* messages, each with its NUL */
    struct elc_buffer results;    /* --lines: the size_t length and the bytes of each record;
                                   * --docs: the size_t number of tokens of each line */
    struct elc_buffer ids, words; /* --docs: uint32_t for each token, lines one after another */
};

/* What each thread has for itself. */
struct worker {
    struct elc_encoding encoding;
    struct elc_layout layout;
    struct elc_builder builder;
    struct elc_buffer clean;
};

struct run {
    struct tool *tool;
    bool docs, replace_invalid;
    uint32_t max_length;
    struct elc_tokenizer *tokenizer;
    const struct elc_vocab_id *vocab;
    struct elc_lines *lines;
    struct worker *workers;
    struct elc_output *output;
    struct elc_writer writer;
    struct elc_packer *packer; /* --docs */
    struct worker packing;     /* what the packer's examples are built with */
    struct counts counts;
};

/* ---- reading ---- */

static int read_job(void *context, void *argument) {
    struct run *run = context;
    struct job *job = argument;
    return elc_lines_next(run->lines, &job->chunk);
}

/* ---- working: one line after another ---- */

/* A line with invalid bytes: `*text` becomes a repaired copy, or the line is refused. */
static int repair(const struct run *run, struct job *job, struct worker *worker, const char **text,
                  size_t *len) {
    size_t valid = elc_utf8_valid(*text, *len);
    if (valid == *len)
        return 0;
    if (!run->replace_invalid)
        return elc_fail(ELC_EFORMAT, "invalid UTF-8 at byte %zu", valid + 1);
    worker->clean.len = 0;
    long long n = elc_utf8_clean(&worker->clean, *text, *len);
    if (n < 0)
        return (int)n;
    job->counts.replaced += (uint64_t)n;
    *text = (const char *)worker->clean.data;
    *len = worker->clean.len;
    return 0;
}

static int keep_record(struct job *job, const struct elc_builder *builder) {
    size_t len = builder->record.len;
    if (len > ELC_BLOCK_LIMIT)
        return elc_fail(ELC_ELIMIT,
                        "a record of %zu bytes where %d are the most; --no-text makes it shorter",
                        len, ELC_BLOCK_LIMIT);
    int err = elc_buffer_append(&job->results, &len, sizeof len);
    return err ? err : elc_buffer_append(&job->results, builder->record.data, len);
}

static void count_tokens(struct counts *counts, const struct elc_encoding *encoding, uint32_t unk) {
    counts->tokens += encoding->n;
    for (size_t i = 0; i < encoding->n; i++)
        counts->unknown += encoding->ids[i] == unk;
}

/* --lines: the record of one text. */
static int make_record(const struct run *run, struct job *job, struct worker *worker, uint64_t id,
                       const char *text, size_t len) {
    struct elc_encoding *encoding = &worker->encoding;
    int err = repair(run, job, worker, &text, &len);
    if (!err)
        err = elc_tokenizer_encode(run->tokenizer, text, len, run->max_length - 2, encoding);
    if (!err)
        err = elc_layout_text(&worker->builder, &worker->layout, id, text, encoding);
    if (!err)
        err = keep_record(job, &worker->builder);
    if (err)
        return err;
    struct counts *counts = &job->counts;
    count_tokens(counts, encoding, run->vocab->unk);
    counts->words += encoding->n > 0 ? encoding->words[encoding->n - 1] + 1 : 0;
    counts->cut_texts += encoding->cut > 0;
    counts->cut_tokens += encoding->cut;
    return 0;
}

/* Where a part of a long line ends, so that no more than that has to be held as an encoding:
 * behind a space, across which neither words nor characters act on each other. */
static size_t part_end(const char *text, size_t len, size_t start) {
    if (len - start <= PART_BYTES)
        return len;
    const char *space = memchr(text + start + PART_BYTES, ' ', len - start - PART_BYTES);
    return space ? (size_t)(space + 1 - text) : len;
}

/* --docs: the tokens of one line, for the packer. */
static int keep_tokens(const struct run *run, struct job *job, struct worker *worker,
                       const char *text, size_t len) {
    struct elc_encoding *encoding = &worker->encoding;
    size_t n_tokens = 0, end;
    uint32_t n_words = 0;
    int err = repair(run, job, worker, &text, &len);
    for (size_t start = 0; start < len && !err; start = end) {
        end = part_end(text, len, start);
        err = elc_tokenizer_encode(run->tokenizer, text + start, end - start, SIZE_MAX, encoding);
        if (err)
            break;
        size_t bytes = encoding->n * sizeof *encoding->ids;
        err = elc_buffer_append(&job->ids, encoding->ids, bytes);
        for (size_t i = 0; i < encoding->n; i++)
            encoding->words[i] += n_words;
        if (!err && run->packing.layout.words)
            err = elc_buffer_append(&job->words, encoding->words, bytes);
        n_tokens += encoding->n;
        n_words = encoding->n > 0 ? encoding->words[encoding->n - 1] + 1 : n_words;
        count_tokens(&job->counts, encoding, run->vocab->unk);
    }
    job->counts.words += n_words;
    return err ? err : elc_buffer_append(&job->results, &n_tokens, sizeof n_tokens);
}

/* The present error is about one line: it ends the run, or with --keep-going is noted, and a
 * record without tokens keeps the line's place. */
static int reject(const struct run *run, struct job *job, struct worker *worker, uint64_t line,
                  uint64_t id, int err) {
    if (!run->tool->keep_going || (err != ELC_EFORMAT && err != ELC_ELIMIT))
        return elc_context(err, "%s: line %" PRIu64, job->chunk.name, line);
    struct elc_builder *builder = &worker->builder;
    const char *why = elc_error();
    job->counts.rejected++;
    err = elc_buffer_printf(&job->rejections, "%s: line %" PRIu64 ": %s%c", job->chunk.name, line,
                            why, '\0');
    if (!err && !run->docs)
        err = elc_layout_rejected(builder, &worker->layout, id, why);
    return err || run->docs ? err : keep_record(job, builder);
}

static int work_job(void *context, void *argument, int number) {
    const struct run *run = context;
    struct job *job = argument;
    struct worker *worker = &run->workers[number];
    job->counts = (struct counts){0};
    job->rejections.len = job->results.len = job->ids.len = job->words.len = 0;
    const char *text;
    size_t position = 0, len;
    for (uint64_t i = 0; elc_chunk_line(&job->chunk, &position, &text, &len); i++) {
        uint64_t id = job->chunk.first + i + 1;
        job->counts.texts++;
        int err = run->docs ? keep_tokens(run, job, worker, text, len)
                            : make_record(run, job, worker, id, text, len);
        if (err)
            err = reject(run, job, worker, job->chunk.first_line + i, id, err);
        if (err)
            return err;
    }
    return 0;
}

/* ---- writing ---- */

static int write_records(struct run *run, const struct job *job) {
    const uint8_t *at = job->results.data, *end = at + job->results.len;
    int err = 0;
    while (at < end && !err) {
        size_t len;
        memcpy(&len, at, sizeof len);
        err = elc_writer_record(&run->writer, at + sizeof len, len);
        at += sizeof len + len;
        run->tool->records++;
    }
    return err;
}

static int write_example(void *context, const struct elc_packed *example) {
    struct run *run = context;
    struct elc_builder *builder = &run->packing.builder;
    int err = elc_layout_example(builder, &run->packing.layout, ++run->tool->records, example);
    return err ? err : elc_writer_record(&run->writer, builder->record.data, builder->record.len);
}

static int pack_lines(struct run *run, const struct job *job) {
    const uint32_t *ids = (const uint32_t *)(const void *)job->ids.data;
    const uint32_t *words =
        run->packing.layout.words ? (const uint32_t *)(const void *)job->words.data : NULL;
    const size_t *n_tokens = (const size_t *)(const void *)job->results.data;
    size_t n_lines = job->results.len / sizeof *n_tokens;
    int err = 0;
    for (size_t i = 0; i < n_lines && !err; i++) {
        err = elc_packer_line(run->packer, ids, words, n_tokens[i]);
        ids += n_tokens[i];
        words += words ? n_tokens[i] : 0;
    }
    if (!err && job->chunk.ends_operand)
        err = elc_packer_end_document(run->packer);
    return err;
}

static void add_counts(struct counts *sum, const struct counts *more) {
    sum->tokens += more->tokens;
    sum->unknown += more->unknown;
    sum->words += more->words;
    sum->texts += more->texts;
    sum->cut_texts += more->cut_texts;
    sum->cut_tokens += more->cut_tokens;
    sum->replaced += more->replaced;
    sum->rejected += more->rejected;
}

static int write_job(void *context, void *argument) {
    struct run *run = context;
    struct job *job = argument;
    const char *message = (const char *)job->rejections.data;
    for (uint64_t i = 0; i < job->counts.rejected; i++, message += strlen(message) + 1)
        tool_warn(run->tool, "%s", message);
    add_counts(&run->counts, &job->counts);
    int err = run->docs ? pack_lines(run, job) : write_records(run, job);
    if (!err && job->chunk.waiting) {
        err = elc_writer_flush_block(&run->writer);
        if (!err)
            err = elc_output_flush(run->output);
    }
    tool_progress(run->tool, "%" PRIu64 " texts, %" PRIu64 " tokens", run->counts.texts,
                  run->counts.tokens);
    return err;
}

/* ---- the run ---- */

static void report(struct run *run) {
    struct tool *tool = run->tool;
    const struct counts *counts = &run->counts;
    tool->tokens = counts->tokens;
    tool->rejected = counts->rejected;
    if (counts->replaced > 0)
        tool_warn(tool, "%" PRIu64 " invalid UTF-8 sequences were replaced by U+FFFD",
                  counts->replaced);
    if (counts->cut_texts > 0)
        tool_warn(tool,
                  "%" PRIu64 " of %" PRIu64 " texts were cut to %" PRIu32 " tokens; %" PRIu64
                  " tokens were left out (see --max-length)",
                  counts->cut_texts, counts->texts, run->max_length, counts->cut_tokens);
    if (counts->tokens > 0)
        tool_note(tool,
                  "%.3f %% unknown tokens, %.3f tokens per word, %" PRIu64
                  " tokens cut from %" PRIu64 " texts",
                  100.0 * (double)counts->unknown / (double)counts->tokens,
                  (double)counts->tokens / (double)counts->words, counts->cut_tokens,
                  counts->cut_texts);
}

static void worker_free(struct worker *worker) {
    elc_encoding_free(&worker->encoding);
    elc_layout_free(&worker->layout);
    elc_builder_free(&worker->builder);
    elc_buffer_free(&worker->clean);
}

static void job_free(struct job *job) {
    elc_buffer_free(&job->chunk.text);
    elc_buffer_free(&job->rejections);
    elc_buffer_free(&job->results);
    elc_buffer_free(&job->ids);
    elc_buffer_free(&job->words);
}

static int run_pipeline(struct run *run) {
    size_t n_threads = run->tool->threads, n_jobs = n_threads > 1 ? 2 * n_threads + 2 : 1;
    struct job *jobs = calloc(n_jobs, sizeof *jobs);
    run->workers = calloc(n_threads, sizeof *run->workers);
    int err = jobs && run->workers ? 0 : elc_fail_memory(0);
    if (!err) {
        for (size_t i = 0; i < n_threads; i++)
            run->workers[i].layout = run->packing.layout;
        const struct elc_pipeline pipeline = {
            .read = read_job,
            .work = work_job,
            .write = write_job,
            .context = run,
            .jobs = jobs,
            .job_size = sizeof *jobs,
            .n_jobs = n_jobs,
            .n_threads = (int)n_threads,
        };
        err = elc_pipeline_run(&pipeline);
    }
    for (size_t i = 0; jobs && i < n_jobs; i++)
        job_free(&jobs[i]);
    for (size_t i = 0; run->workers && i < n_threads; i++)
        worker_free(&run->workers[i]);
    free(run->workers);
    free(jobs);
    return err;
}

static int write_header(struct run *run) {
    struct elc_header header = {
        .kind = ELC_TOKENS,
        .id_width = elc_id_width(run->vocab->size),
        .max_length = run->max_length,
        .vocab = *run->vocab,
    };
    int err = elc_tokenizer_describe(run->tokenizer, &header.tokenizer, &header.arena);
    if (!err)
        err = tool_history(run->tool, &header);
    if (!err)
        err = elc_writer_header(&run->writer, run->output, &header);
    elc_header_free(&header);
    return err;
}

static int run_all(struct run *run) {
    struct tool *tool = run->tool;
    int err = write_header(run);
    if (!err && run->docs)
        err = elc_packer_new(&run->packer, run->vocab, run->max_length, tool->seed, write_example,
                             run);
    if (!err)
        err = elc_lines_new(&run->lines, tool->operands, tool->n_operands, tool->flush);
    if (!err)
        err = run_pipeline(run);
    if (!err)
        err = elc_writer_end(&run->writer);
    if (!err)
        err = elc_output_commit(run->output);
    elc_lines_destroy(run->lines);
    elc_packer_destroy(run->packer);
    elc_writer_free(&run->writer);
    worker_free(&run->packing);
    return err;
}

/* ---- options ---- */

struct settings {
    const char *vocab, *model, *strip_accents, *invalid;
    bool cased, lines, docs, text, words;
    uint64_t max_length;    /* 0: the default */
    const char *vocab_hash; /* what the history holds for --vocab and --model */
};

/* How the model of `-m` wants its texts: vocabulary, case, longest text. */
static int read_model(struct settings *settings, struct elc_vocab **vocab,
                      struct elc_tokenizer_options *rules) {
    char *directory;
    struct elc_config config;
    int err = elc_directory_resolve(&directory, settings->model, ELC_DISCRIMINATOR);
    if (err)
        return err;
    char *config_path = elc_path_join(directory, "config.json");
    err = config_path ? elc_config_read(&config, config_path) : ELC_ENOMEM;
    if (!err)
        err = elc_vocab_read(vocab, directory);
    if (!err)
        err = elc_tokenizer_options_read(rules, directory);
    if (!err && settings->max_length > config.max_position_embeddings)
        err = elc_fail(ELC_EMISMATCH, "--max-length %" PRIu64 ": %s has only %" PRIu32 " positions",
                       settings->max_length, settings->model, config.max_position_embeddings);
    if (!err && settings->max_length == 0)
        settings->max_length = config.max_position_embeddings;
    free(config_path);
    free(directory);
    return err;
}

static int open_tokenizer(struct settings *settings, struct elc_vocab **vocab,
                          struct elc_tokenizer **tokenizer) {
    struct elc_tokenizer_options rules = {.strip_accents = -1};
    int err = settings->model ? read_model(settings, vocab, &rules)
                              : elc_vocab_read(vocab, settings->vocab);
    if (err)
        return err;
    settings->vocab_hash = elc_vocab_id(*vocab)->xxh3;
    if (settings->max_length == 0)
        settings->max_length = settings->docs ? DOCS_LENGTH : LINES_LENGTH;
    rules.cased = rules.cased || settings->cased;
    if (settings->strip_accents)
        rules.strip_accents = strcmp(settings->strip_accents, "yes") == 0;
    return elc_tokenizer_new(tokenizer, *vocab, &rules);
}

static int tokenize(struct tool *tool, struct settings *settings) {
    struct elc_vocab *vocab = NULL;
    struct elc_tokenizer *tokenizer = NULL;
    struct elc_output output = {.fd = -1};
    int err = open_tokenizer(settings, &vocab, &tokenizer);
    if (!err)
        err = elc_output_open(&output, tool->output);
    if (!err) {
        struct run run = {
            .tool = tool,
            .docs = settings->docs,
            .replace_invalid = strcmp(settings->invalid, "replace") == 0,
            .max_length = (uint32_t)settings->max_length,
            .tokenizer = tokenizer,
            .vocab = elc_vocab_id(vocab),
            .output = &output,
            .packing.layout = {.vocab = elc_vocab_id(vocab),
                               .text = settings->text && !settings->docs,
                               .words = settings->words},
        };
        err = run_all(&run);
        report(&run);
    }
    int status = err ? tool_fail(tool, "%s", elc_error()) : TOOL_DONE;
    elc_output_abandon(&output);
    elc_tokenizer_destroy(tokenizer);
    elc_vocab_destroy(vocab);
    return tool_end(tool, status);
}

int main(int argc, char **argv) {
    struct settings set = {.invalid = "replace", .text = true};
    struct tool_option options[] = {
        {0, "vocab", OPTION_TEXT, &set.vocab, "FILE", "vocabulary: vocab.txt or tokenizer.json",
         .shapes = true, .hash = &set.vocab_hash},
        {'m', "model", OPTION_TEXT, &set.model, "MODEL", "tokenize as this model's directory says",
         .shapes = true, .hash = &set.vocab_hash},
        {0, "cased", OPTION_FLAG, &set.cased, NULL, "keep case (and accents) [lower-case]",
         .shapes = true},
        {0, "strip-accents", OPTION_CHOICE, &set.strip_accents, "yes|no",
         "drop accents [yes unless --cased]", .choices = "yes|no", .shapes = true},
        {0, "lines", OPTION_FLAG, &set.lines, NULL, "each line is a text [this]", .shapes = true},
        {0, "docs", OPTION_FLAG, &set.docs, NULL,
         "blank lines end documents, which are packed into examples for pre-training",
         .shapes = true},
        {0, "max-length", OPTION_COUNT, &set.max_length, "N",
         "tokens of a text with [CLS] and [SEP] [512, with --docs 128; the model's]",
         ELC_PACK_MIN_LENGTH, LENGTH_LIMIT, .shapes = true},
        {0, "no-text", OPTION_OFF, &set.text, NULL, "leave out text, offsets and words",
         .shapes = true},
        {0, "words", OPTION_FLAG, &set.words, NULL, "word numbers also without the text",
         .shapes = true},
        {0, "invalid", OPTION_CHOICE, &set.invalid, "replace|error",
         "invalid UTF-8: put U+FFFD in its place, or refuse it [replace]",
         .choices = "replace|error", .shapes = true},
        {0},
    };
    struct tool tool = {
        .name = "electra-tokenize",
        .synopsis = "(--vocab FILE | -m MODEL) [--lines | --docs] [OPTION]… [FILE]…",
        .purpose = "Turns text into a stream of WordPiece tokens.",
        .options = options,
        .has_seed = true,
        .has_threads = true,
        .has_keep_going = true,
        .has_flush = true,
        .has_history = true,
        .has_force = true,
        .has_output = true,
        .threads = 1,
    };
    tool_parse(&tool, argc, argv);
    if (!set.vocab == !set.model)
        return tool_usage(&tool, "give either --vocab FILE or -m MODEL");
    if (set.lines && set.docs)
        return tool_usage(&tool, "--lines and --docs exclude each other");
    tool_refuse_terminal_output(&tool);
    return tokenize(&tool, &set);
}
