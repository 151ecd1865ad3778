/* A run of the tokenizer: chunks of texts through a pipeline of threads, in order. */
#include "electra/tokenize_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "electra/parallel.h"
#include "records.h"

enum { PART_BYTES = 1 << 20 /* see part_end */ };

/* What passes through the pipeline: some texts, and what became of them. */
struct job {
    struct sample_chunk chunk;
    struct elc_tokenize_counts counts;
    struct elc_buffer rejections;      /* messages, each with its NUL */
    struct elc_buffer records, groups; /* struct elc_group for each text */
    /* Of documents instead: for each line the number of its tokens, size_t; for each token,
     * uint32_t. */
    struct elc_buffer lengths, ids, words;
};

/* What each thread has for itself. */
struct worker {
    struct sample_reader reader;
    struct sample sample;
    struct record_maker maker;
};

struct flow {
    const struct elc_tokenize_options *options;
    struct elc_tokenize_run *run;
    const struct elc_vocab_id *vocab;
    bool docs;
    bool google; /* the tokenizer's `compat` */
    struct sample_source source;
    struct worker *workers;
    struct elc_writer writer;
    struct elc_packer *packer; /* of documents, and what its examples are built with */
    struct elc_layout layout;
    struct elc_builder builder;
};

static int read_job(void *context, void *argument) {
    struct flow *flow = context;
    struct job *job = argument;
    return sample_source_next(&flow->source, &job->chunk);
}

/* ---- working: one text after another ---- */

/* The records from byte `start` on are those of a text. */
static int end_group(struct job *job, size_t start, uint64_t n) {
    const struct elc_group group = {.len = job->records.len - start, .count = n};
    return elc_buffer_append(&job->groups, &group, sizeof group);
}

static int keep_records(struct job *job, struct worker *worker) {
    const size_t start = job->records.len;
    uint64_t n;
    int err = record_maker_run(&worker->maker, &worker->sample, &job->records, &n, &job->counts);
    if (!err)
        return end_group(job, start, n);
    job->records.len = start;
    return err;
}

static int keep_rejected(struct job *job, struct worker *worker, const char *why) {
    struct elc_builder *builder = &worker->maker.builder;
    const size_t start = job->records.len;
    int err = elc_layout_rejected(builder, &worker->maker.layout, &worker->sample.id, why);
    if (!err)
        err = elc_builder_write(builder, &job->records);
    return err ? err : end_group(job, start, 1);
}

/* Where a part of a long line ends, so that no more than that has to be held as an encoding:
 * behind a space, across which neither words nor characters act on each other; only a pattern may
 * look further, as electra-tokenize(1) says. */
static size_t part_end(const char *text, size_t len, size_t start) {
    if (len - start <= PART_BYTES)
        return len;
    const char *space = memchr(text + start + PART_BYTES, ' ', len - start - PART_BYTES);
    return space ? (size_t)(space + 1 - text) : len;
}

/* The tokens of a line of a document, for the packer. */
static int keep_tokens(const struct flow *flow, struct job *job, struct worker *worker) {
    struct elc_encoding *encoding = &worker->maker.text;
    const char *text = worker->sample.text;
    size_t len = worker->sample.text_len, n_tokens = 0, end;
    size_t ids_before = job->ids.len, words_before = job->words.len;
    uint32_t n_words = 0;
    int err = 0;
    for (size_t start = 0; start < len && !err; start = end) {
        end = part_end(text, len, start);
        err = elc_tokenizer_encode(flow->run->tokenizer, text + start, end - start, SIZE_MAX,
                                   encoding);
        if (err && start > 0)
            err = elc_context(err, "behind byte %zu", start);
        if (err)
            break;
        size_t bytes = encoding->n * sizeof *encoding->ids;
        err = elc_buffer_append(&job->ids, encoding->ids, bytes);
        for (size_t i = 0; i < encoding->n; i++)
            encoding->words[i] += n_words;
        if (!err && flow->layout.words)
            err = elc_buffer_append(&job->words, encoding->words, bytes);
        const struct elc_layout_part all = {.encoding = encoding, .n = encoding->n};
        count_tokens(&job->counts, &all, flow->vocab->unk);
        n_tokens += encoding->n;
        n_words = encoding->n > 0 ? encoding->words[encoding->n - 1] + 1 : n_words;
    }
    if (!err)
        err = elc_buffer_append(&job->lengths, &n_tokens, sizeof n_tokens);
    if (err) { /* nothing of a line that is refused */
        job->ids.len = ids_before;
        job->words.len = words_before;
    }
    return err;
}

/* Puts in front of the present error which text it is about. */
static int name_text(const struct job *job, const struct sample *sample, int err) {
    if (sample->line > 0)
        return elc_context(err, "%s: line %" PRIu64, job->chunk.lines.name, sample->line);
    if (sample->paragraph > 0)
        return elc_context(err, "%s: article %zu, paragraph %zu", job->chunk.lines.name,
                           sample->article, sample->paragraph);
    if (sample->article > 0)
        return elc_context(err, "%s: article %zu", job->chunk.lines.name, sample->article);
    if (sample->question)
        return elc_context(err, "%s: question '%s'", job->chunk.lines.name, sample->question);
    return elc_context(err, "%s: text %" PRIu64, job->chunk.lines.name, sample->id.number);
}

/* The present error is about one text: it ends the run, or with keep_going is noted, and a record
 * without tokens keeps the text's place. */
static int reject(const struct flow *flow, struct job *job, struct worker *worker, int err) {
    bool about_text = err == ELC_EFORMAT || err == ELC_ELIMIT;
    struct elc_buffer why = {0};
    int failed = elc_buffer_append(&why, elc_error(), strlen(elc_error()) + 1);
    err = name_text(job, &worker->sample, err);
    if (about_text && flow->options->keep_going) {
        const char *message = elc_error();
        job->counts.rejected++;
        err = failed ? failed : elc_buffer_append(&job->rejections, message, strlen(message) + 1);
        if (!err && !flow->docs)
            err = keep_rejected(job, worker, (const char *)why.data);
    }
    elc_buffer_free(&why);
    return err;
}

static int work_job(void *context, void *argument, int number) {
    const struct flow *flow = context;
    struct job *job = argument;
    struct worker *worker = &flow->workers[number];
    job->counts = (struct elc_tokenize_counts){0};
    job->rejections.len = job->records.len = job->groups.len = 0;
    job->lengths.len = job->ids.len = job->words.len = 0;
    sample_reader_begin(&worker->reader, &job->chunk);
    record_maker_forget(&worker->maker);
    int got;
    while ((got = sample_reader_next(&worker->reader, &worker->sample)) != 0) {
        job->counts.texts++;
        int err = got > 0 ? 0 : got;
        if (!err)
            err = flow->docs ? keep_tokens(flow, job, worker) : keep_records(job, worker);
        if (err)
            err = reject(flow, job, worker, err);
        if (err)
            return err;
    }
    job->counts.replaced += worker->reader.replaced;
    return 0;
}

/* ---- writing ---- */

static int write_records(struct flow *flow, const struct job *job) {
    const struct elc_group *groups = (const struct elc_group *)(const void *)job->groups.data;
    const size_t n = job->groups.len / sizeof *groups;
    for (size_t i = 0; i < n; i++)
        flow->run->counts.records += groups[i].count;
    return elc_writer_groups(&flow->writer, &job->records, groups, n);
}

static int write_example(void *context, const struct elc_packed *example) {
    struct flow *flow = context;
    struct elc_builder *builder = &flow->builder;
    int err = elc_layout_example(builder, &flow->layout, ++flow->run->counts.records, example);
    if (!err)
        err = elc_builder_finish(builder);
    return err ? err : elc_writer_record(&flow->writer, builder->record.data, builder->record.len);
}

static int pack_lines(struct flow *flow, const struct job *job) {
    const uint32_t *ids = (const uint32_t *)(const void *)job->ids.data;
    const uint32_t *words =
        flow->layout.words ? (const uint32_t *)(const void *)job->words.data : NULL;
    const size_t *n_tokens = (const size_t *)(const void *)job->lengths.data;
    size_t n_lines = job->lengths.len / sizeof *n_tokens;
    int err = 0;
    for (size_t i = 0; i < n_lines && !err; i++) {
        err = elc_packer_line(flow->packer, ids, words, n_tokens[i]);
        if (n_tokens[i] > 0) { /* or there may be nothing to point at */
            ids += n_tokens[i];
            words = words ? words + n_tokens[i] : NULL;
        }
    }
    if (!err && job->chunk.lines.ends_operand)
        err = elc_packer_end_document(flow->packer);
    return err;
}

static void add_counts(struct elc_tokenize_counts *sum, const struct elc_tokenize_counts *more) {
    sum->tokens += more->tokens;
    sum->unknown += more->unknown;
    sum->words += more->words;
    sum->texts += more->texts;
    sum->windows += more->windows;
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
    if (!err && job->chunk.lines.waiting) {
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
    sample_reader_free(&worker->reader);
    elc_builder_free(&worker->sample.extra);
    record_maker_free(&worker->maker);
}

static void job_free(void *argument) {
    struct job *job = argument;
    sample_chunk_free(&job->chunk);
    elc_buffer_free(&job->rejections);
    elc_buffer_free(&job->records);
    elc_buffer_free(&job->groups);
    elc_buffer_free(&job->lengths);
    elc_buffer_free(&job->ids);
    elc_buffer_free(&job->words);
}

static int run_pipeline(struct flow *flow) {
    const size_t n_threads = flow->options->n_threads;
    flow->workers = calloc(n_threads, sizeof *flow->workers);
    if (!flow->workers)
        return elc_fail_memory(n_threads * sizeof *flow->workers);
    for (size_t i = 0; i < n_threads; i++)
        flow->workers[i] = (struct worker){
            .reader.options = flow->options,
            .maker = {.options = flow->options,
                      .tokenizer = flow->run->tokenizer,
                      .layout = flow->layout,
                      .google = flow->google},
        };
    const struct elc_pipeline pipeline = {
        .read = read_job,
        .work = work_job,
        .write = write_job,
        .free = job_free,
        .context = flow,
        .job_size = sizeof(struct job),
        .n_jobs = elc_pipeline_jobs(n_threads),
        .n_threads = (int)n_threads,
    };
    int err = elc_pipeline_run(&pipeline);
    for (size_t i = 0; i < n_threads; i++)
        worker_free(&flow->workers[i]);
    free(flow->workers);
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
    flow->google = !err && strcmp(header.tokenizer.compat, "google") == 0;
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
    flow.layout = (struct elc_layout){
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
        err = sample_source_open(&flow.source, options, run->paths, run->n_paths);
    if (!err)
        err = run_pipeline(&flow);
    if (!err)
        run->counts.replaced += flow.source.articles.replaced; /* behind the last text */
    if (!err)
        err = elc_writer_end(&flow.writer);
    sample_source_close(&flow.source);
    elc_packer_destroy(flow.packer);
    elc_writer_free(&flow.writer);
    elc_builder_free(&flow.builder);
    return err;
}
