/* A run of the tokenizer: chunks of lines through a pipeline of threads, in order. */
#include "electra/tokenize_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "electra/layout.h"
#include "electra/lines.h"
#include "electra/parallel.h"

enum { PART_BYTES = 1 << 20 /* see part_end */ };

/* What passes through the pipeline: some lines, and what became of them. */
struct job {
    struct elc_chunk chunk;
    struct elc_tokenize_counts counts;
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

struct flow {
    const struct elc_tokenize_options *options;
    struct elc_tokenize_run *run;
    const struct elc_vocab_id *vocab;
    bool docs;
    struct elc_lines *lines;
    struct worker *workers;
    struct elc_writer writer;
    struct elc_packer *packer; /* docs */
    struct worker packing;     /* what the packer's examples are built with */
};

/* ---- reading ---- */

static int read_job(void *context, void *argument) {
    struct flow *flow = context;
    struct job *job = argument;
    return elc_lines_next(flow->lines, &job->chunk);
}

/* ---- working: one line after another ---- */

/* A line with invalid bytes: `*text` becomes a repaired copy, or the line is refused. */
static int repair(const struct flow *flow, struct job *job, struct worker *worker,
                  const char **text, size_t *len) {
    size_t valid = elc_utf8_valid(*text, *len);
    if (valid == *len)
        return 0;
    if (!flow->options->replace_invalid)
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

static void count_tokens(struct elc_tokenize_counts *counts, const struct elc_encoding *encoding,
                         uint32_t unk) {
    counts->tokens += encoding->n;
    for (size_t i = 0; i < encoding->n; i++)
        counts->unknown += encoding->ids[i] == unk;
}

/* --lines: the record of one text. */
static int make_record(const struct flow *flow, struct job *job, struct worker *worker, uint64_t id,
                       const char *text, size_t len) {
    struct elc_encoding *encoding = &worker->encoding;
    int err = repair(flow, job, worker, &text, &len);
    if (!err)
        err = elc_tokenizer_encode(flow->run->tokenizer, text, len, flow->options->max_length - 2,
                                   encoding);
    if (!err)
        err = elc_layout_text(&worker->builder, &worker->layout, id, text, encoding);
    if (!err)
        err = keep_record(job, &worker->builder);
    if (err)
        return err;
    struct elc_tokenize_counts *counts = &job->counts;
    count_tokens(counts, encoding, flow->vocab->unk);
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
static int keep_tokens(const struct flow *flow, struct job *job, struct worker *worker,
                       const char *text, size_t len) {
    struct elc_encoding *encoding = &worker->encoding;
    size_t n_tokens = 0, end;
    uint32_t n_words = 0;
    int err = repair(flow, job, worker, &text, &len);
    for (size_t start = 0; start < len && !err; start = end) {
        end = part_end(text, len, start);
        err = elc_tokenizer_encode(flow->run->tokenizer, text + start, end - start, SIZE_MAX,
                                   encoding);
        if (err)
            break;
        size_t bytes = encoding->n * sizeof *encoding->ids;
        err = elc_buffer_append(&job->ids, encoding->ids, bytes);
        for (size_t i = 0; i < encoding->n; i++)
            encoding->words[i] += n_words;
        if (!err && flow->packing.layout.words)
            err = elc_buffer_append(&job->words, encoding->words, bytes);
        n_tokens += encoding->n;
        n_words = encoding->n > 0 ? encoding->words[encoding->n - 1] + 1 : n_words;
        count_tokens(&job->counts, encoding, flow->vocab->unk);
    }
    job->counts.words += n_words;
    return err ? err : elc_buffer_append(&job->results, &n_tokens, sizeof n_tokens);
}

/* The present error is about one line: it ends the run, or with --keep-going is noted, and a
 * record without tokens keeps the line's place. */
static int reject(const struct flow *flow, struct job *job, struct worker *worker, uint64_t line,
                  uint64_t id, int err) {
    if (!flow->options->keep_going || (err != ELC_EFORMAT && err != ELC_ELIMIT))
        return elc_context(err, "%s: line %" PRIu64, job->chunk.name, line);
    struct elc_builder *builder = &worker->builder;
    const char *why = elc_error();
    job->counts.rejected++;
    err = elc_buffer_printf(&job->rejections, "%s: line %" PRIu64 ": %s%c", job->chunk.name, line,
                            why, '\0');
    if (!err && !flow->docs)
        err = elc_layout_rejected(builder, &worker->layout, id, why);
    return err || flow->docs ? err : keep_record(job, builder);
}

static int work_job(void *context, void *argument, int number) {
    const struct flow *flow = context;
    struct job *job = argument;
    struct worker *worker = &flow->workers[number];
    job->counts = (struct elc_tokenize_counts){0};
    job->rejections.len = job->results.len = job->ids.len = job->words.len = 0;
    const char *text;
    size_t position = 0, len;
    for (uint64_t i = 0; elc_chunk_line(&job->chunk, &position, &text, &len); i++) {
        uint64_t id = job->chunk.first + i + 1;
        job->counts.texts++;
        int err = flow->docs ? keep_tokens(flow, job, worker, text, len)
                             : make_record(flow, job, worker, id, text, len);
        if (err)
            err = reject(flow, job, worker, job->chunk.first_line + i, id, err);
        if (err)
            return err;
    }
    return 0;
}

/* ---- writing ---- */

static int write_records(struct flow *flow, const struct job *job) {
    const uint8_t *at = job->results.data, *end = at + job->results.len;
    int err = 0;
    while (at < end && !err) {
        size_t len;
        memcpy(&len, at, sizeof len);
        err = elc_writer_record(&flow->writer, at + sizeof len, len);
        at += sizeof len + len;
        flow->run->counts.records++;
    }
    return err;
}

static int write_example(void *context, const struct elc_packed *example) {
    struct flow *flow = context;
    struct elc_builder *builder = &flow->packing.builder;
    int err =
        elc_layout_example(builder, &flow->packing.layout, ++flow->run->counts.records, example);
    return err ? err : elc_writer_record(&flow->writer, builder->record.data, builder->record.len);
}

static int pack_lines(struct flow *flow, const struct job *job) {
    const uint32_t *ids = (const uint32_t *)(const void *)job->ids.data;
    const uint32_t *words =
        flow->packing.layout.words ? (const uint32_t *)(const void *)job->words.data : NULL;
    const size_t *n_tokens = (const size_t *)(const void *)job->results.data;
    size_t n_lines = job->results.len / sizeof *n_tokens;
    int err = 0;
    for (size_t i = 0; i < n_lines && !err; i++) {
        err = elc_packer_line(flow->packer, ids, words, n_tokens[i]);
        ids += n_tokens[i];
        words += words ? n_tokens[i] : 0;
    }
    if (!err && job->chunk.ends_operand)
        err = elc_packer_end_document(flow->packer);
    return err;
}

static void add_counts(struct elc_tokenize_counts *sum, const struct elc_tokenize_counts *more) {
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
    struct flow *flow = context;
    struct job *job = argument;
    struct elc_tokenize_run *run = flow->run;
    const char *message = (const char *)job->rejections.data;
    for (uint64_t i = 0; i < job->counts.rejected; i++, message += strlen(message) + 1)
        if (run->rejected)
            run->rejected(run->context, message);
    add_counts(&run->counts, &job->counts);
    int err = flow->docs ? pack_lines(flow, job) : write_records(flow, job);
    if (!err && job->chunk.waiting) {
        err = elc_writer_flush_block(&flow->writer);
        if (!err)
            err = elc_output_flush(run->output);
    }
    if (run->progress)
        run->progress(run->context, run);
    return err;
}

/* ---- the run ---- */

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

static int run_pipeline(struct flow *flow) {
    size_t n_threads = flow->options->n_threads, n_jobs = n_threads > 1 ? 2 * n_threads + 2 : 1;
    struct job *jobs = calloc(n_jobs, sizeof *jobs);
    flow->workers = calloc(n_threads, sizeof *flow->workers);
    int err = jobs && flow->workers ? 0 : elc_fail_memory(0);
    if (!err) {
        for (size_t i = 0; i < n_threads; i++)
            flow->workers[i].layout = flow->packing.layout;
        const struct elc_pipeline pipeline = {
            .read = read_job,
            .work = work_job,
            .write = write_job,
            .context = flow,
            .jobs = jobs,
            .job_size = sizeof *jobs,
            .n_jobs = n_jobs,
            .n_threads = (int)n_threads,
        };
        err = elc_pipeline_run(&pipeline);
    }
    for (size_t i = 0; jobs && i < n_jobs; i++)
        job_free(&jobs[i]);
    for (size_t i = 0; flow->workers && i < n_threads; i++)
        worker_free(&flow->workers[i]);
    free(flow->workers);
    free(jobs);
    return err;
}

static int write_header(struct flow *flow) {
    const struct elc_tokenize_run *run = flow->run;
    struct elc_header header = {
        .kind = ELC_TOKENS,
        .id_width = elc_id_width(flow->vocab->size),
        .max_length = flow->options->max_length,
        .vocab = *flow->vocab,
    };
    int err = elc_tokenizer_describe(run->tokenizer, &header.tokenizer, &header.arena);
    if (!err && run->header)
        err = run->header(run->context, &header);
    if (!err)
        err = elc_writer_header(&flow->writer, run->output, &header);
    elc_header_free(&header);
    return err;
}

int elc_tokenize_run(struct elc_tokenize_run *run, const struct elc_tokenize_options *options) {
    struct flow flow = {
        .options = options,
        .run = run,
        .vocab = elc_vocab_id(run->vocab),
        .docs = options->layout == ELC_INPUT_DOCS,
    };
    flow.packing.layout = (struct elc_layout){
        .vocab = flow.vocab,
        .text = options->text && !flow.docs,
        .words = options->words,
    };
    run->counts = (struct elc_tokenize_counts){0};
    int err = write_header(&flow);
    if (!err && flow.docs)
        err = elc_packer_new(&flow.packer, flow.vocab, options->max_length, options->seed,
                             write_example, &flow);
    if (!err)
        err = elc_lines_new(&flow.lines, run->paths, run->n_paths, options->flush);
    if (!err)
        err = run_pipeline(&flow);
    if (!err)
        err = elc_writer_end(&flow.writer);
    elc_lines_destroy(flow.lines);
    elc_packer_destroy(flow.packer);
    elc_writer_free(&flow.writer);
    worker_free(&flow.packing);
    return err;
}
