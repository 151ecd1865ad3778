/* A run of the scorer: batches of records through the network, on several threads, in order. */
#include <stdlib.h>
#include <string.h>

#include "electra/parallel.h"
#include "score_batch.h"

/* A batch closes before the record that would bring it past these. Tokens: enough for full tiles of
 * the matrix products, few enough for short inputs to keep all threads busy. */
enum { BATCH_TOKENS = 768, BATCH_BYTES = 1024 * 1024 };

/* ---- jobs ---- */

/* What travels through the pipeline, in the order of the input. */
struct job {
    enum { JOB_HEADER, JOB_BATCH, JOB_END } kind;
    struct elc_header header;
    struct elc_score_batch batch;
    bool ends_block;
    uint64_t block_first, block_count;
};

struct line {
    struct elc_scorer *scorer;
    struct elc_score_run *run;
    struct elc_score_worker *workers;
    /* reading */
    struct elc_score_limits limits;
    struct elc_block block;
    size_t position; /* in the block's payload */
    uint64_t taken;  /* records of the block */
    bool in_block;
    /* writing */
    bool named;
    struct elc_writer writer;
    struct elc_block out_block;
};

/* ---- reading: records to batches ---- */

/* Tokens of a record, for the budget; what is wrong with it shows later. */
static size_t count_tokens(const struct elc_record *record, unsigned id_width) {
    const uint8_t *bytes;
    size_t len;
    return elc_record_bin(record, "ids", &bytes, &len) > 0 ? len / id_width : 0;
}

static int fill_batch(struct line *line, struct job *job) {
    struct elc_record record;
    job->kind = JOB_BATCH;
    job->batch.first = line->block.first + line->taken;
    job->block_first = line->block.first;
    job->block_count = line->block.count;
    while (line->position < line->block.payload.len) {
        size_t position = line->position;
        int err = elc_record_next(&record, &line->block.payload, &position);
        if (err < 0)
            return err;
        size_t n = count_tokens(&record, job->batch.limits.id_width);
        const bool stays = line->scorer->task->windows && elc_score_continues(&record);
        if (job->batch.n_records > 0 && !stays &&
            (job->batch.n_tokens + n > BATCH_TOKENS ||
             job->batch.payload.len + record.raw_len > BATCH_BYTES))
            break;
        err = elc_buffer_append(&job->batch.payload, record.raw, record.raw_len);
        if (err < 0)
            return err;
        job->batch.n_records++;
        job->batch.n_tokens += n;
        line->taken++;
        line->position = position;
    }
    job->ends_block = line->position >= line->block.payload.len;
    line->in_block = !job->ends_block;
    return 1;
}

static int read_header(struct line *line, struct job *job) {
    struct elc_scorer *scorer = line->scorer;
    const struct elc_header *header = elc_reader_header(line->run->reader);
    job->kind = JOB_HEADER;
    line->limits = (struct elc_score_limits){
        .id_width = header->id_width,
        .vocab = header->vocab,
        .max_length = scorer->network.config.max_position_embeddings,
        .n_types = scorer->network.config.type_vocab_size,
        .by_word = scorer->options.tokens,
    };
    int err = elc_scorer_check_header(scorer, header, job->batch.name);
    if (err || scorer->options.format != ELC_SCORE_STREAM)
        return err ? err : 1;
    err = elc_header_copy(&job->header, header);
    if (err)
        return err;
    job->header.kind = ELC_SCORES;
    job->header.model = scorer->network.hash;
    job->header.task =
        elc_arena_text(&job->header.arena, scorer->task->name, strlen(scorer->task->name));
    if (!job->header.task)
        return ELC_ENOMEM;
    if (line->run->header)
        err = line->run->header(line->run->context, &job->header);
    return err ? err : 1;
}

static int read_job(void *context, void *item) {
    struct line *line = context;
    struct job *job = item;
    struct elc_reader *reader = line->run->reader;
    job->batch.n_records = job->batch.n_tokens = job->batch.n_rejected = 0;
    job->batch.payload.len = job->batch.out.len = job->batch.messages.len = 0;
    job->ends_block = false;
    if (!line->in_block) {
        int event = elc_reader_next(reader, &line->block);
        job->batch.name = elc_reader_name(reader);
        if (event == ELC_HEADER)
            return read_header(line, job);
        if (event != ELC_BLOCK) {
            job->kind = JOB_END;
            return event == ELC_SEGMENT_END ? 1 : event; /* ELC_END is 0 */
        }
        line->in_block = true;
        line->position = 0;
        line->taken = 0;
    }
    job->batch.name = elc_reader_name(reader);
    job->batch.limits = line->limits;
    return fill_batch(line, job);
}

/* ---- working ---- */

static int work_job(void *context, void *item, int number) {
    struct line *line = context;
    struct job *job = item;
    return job->kind == JOB_BATCH
               ? elc_score_batch_work(&job->batch, &line->workers[number], line->scorer)
               : 0;
}

/* ---- writing ---- */

static int write_header(struct line *line, struct job *job) {
    struct elc_score_run *run = line->run;
    if (line->scorer->options.format == ELC_SCORE_STREAM) {
        int err = elc_writer_header(&line->writer, run->output, &job->header);
        elc_header_free(&job->header);
        return err;
    }
    if (line->named || !line->scorer->options.names)
        return 0;
    line->named = true;
    int err = elc_score_format_names(&job->batch.out, line->scorer);
    return err ? err : elc_output_write(run->output, job->batch.out.data, job->batch.out.len);
}

/* One block is written for each that was read. */
static int write_block(struct line *line, const struct job *job) {
    struct elc_block *block = &line->out_block;
    int err = elc_buffer_append(&block->payload, job->batch.out.data, job->batch.out.len);
    if (err || !job->ends_block)
        return err;
    block->first = job->block_first;
    block->count = job->block_count;
    err = elc_writer_block(&line->writer, block);
    block->payload.len = 0;
    return err;
}

static int write_batch(struct line *line, const struct job *job) {
    struct elc_score_run *run = line->run;
    int err = line->scorer->options.format == ELC_SCORE_STREAM
                  ? write_block(line, job)
                  : elc_output_write(run->output, job->batch.out.data, job->batch.out.len);
    if (err)
        return err;
    const char *message = (const char *)job->batch.messages.data;
    for (uint64_t i = 0; i < job->batch.n_rejected; i++, message += strlen(message) + 1)
        if (run->rejected)
            run->rejected(run->context, message);
    run->n_records += job->batch.n_records;
    run->n_tokens += job->batch.n_tokens;
    run->n_rejected += job->batch.n_rejected;
    if (run->progress)
        run->progress(run->context, run);
    return 0;
}

static int write_job(void *context, void *item) {
    struct line *line = context;
    struct job *job = item;
    int err = 0;
    switch (job->kind) {
    case JOB_HEADER:
        err = write_header(line, job);
        break;
    case JOB_BATCH:
        err = write_batch(line, job);
        break;
    case JOB_END:
        if (line->scorer->options.format == ELC_SCORE_STREAM)
            err = elc_writer_end(&line->writer);
        break;
    }
    /* A reader downstream sees results when they are there, whenever the next input comes. */
    return err ? err : elc_output_flush(line->run->output);
}

/* ---- the run ---- */

static void free_job(void *item) {
    struct job *job = item;
    elc_header_free(&job->header);
    elc_buffer_free(&job->batch.payload);
    elc_buffer_free(&job->batch.out);
    elc_buffer_free(&job->batch.messages);
}

static void free_workers(struct elc_score_worker *workers, size_t n_workers) {
    for (size_t i = 0; i < n_workers; i++)
        elc_score_worker_free(&workers[i]);
    free(workers);
}

int elc_scorer_run(struct elc_scorer *scorer, struct elc_score_run *run) {
    const size_t n_workers = (size_t)scorer->options.n_threads;
    struct line line = {
        .scorer = scorer,
        .run = run,
        .workers = calloc(n_workers, sizeof *line.workers),
    };
    if (!line.workers)
        return elc_fail_memory(n_workers * sizeof *line.workers);
    for (size_t i = 0; run->profiles && i < n_workers; i++)
        line.workers[i].pass.workspace.profile = &run->profiles[i];
    const struct elc_pipeline pipeline = {
        .read = read_job,
        .work = work_job,
        .write = write_job,
        .free = free_job,
        .context = &line,
        .job_size = sizeof(struct job),
        /* more, for a text of many windows is one batch, which the others would wait for */
        .n_jobs = 2 * elc_pipeline_jobs(n_workers),
        .n_threads = scorer->options.n_threads,
    };
    int err = elc_pipeline_run(&pipeline);
    free_workers(line.workers, n_workers);
    elc_buffer_free(&line.block.payload);
    elc_buffer_free(&line.out_block.payload);
    elc_writer_free(&line.writer);
    return err;
}
