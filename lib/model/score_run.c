/* A run of the scorer: batches of records through the network, on several threads, in order. */
#include <stdlib.h>
#include <string.h>

#include "electra/parallel.h"
#include "score.h"

/* A batch closes before the record that would bring it past these. Tokens: enough for full tiles of
 * the matrix products, few enough for short inputs to keep all threads busy. */
enum { BATCH_TOKENS = 768, BATCH_BYTES = 1024 * 1024 };

/* ---- jobs ---- */

/* What travels through the pipeline, in the order of the input. */
struct job {
    enum { JOB_HEADER, JOB_BATCH, JOB_END } kind;
    const char *name; /* of the operand */
    struct elc_header header;
    struct elc_score_limits limits;
    struct elc_buffer payload; /* records */
    uint64_t first;            /* number of its first record in the segment, from 0 */
    uint64_t n_records, n_tokens, n_rejected;
    bool ends_block;
    uint64_t block_first, block_count;
    struct elc_buffer out;      /* results */
    struct elc_buffer messages; /* of rejected records, NUL-terminated each */
};

/* What one thread works with. */
struct worker {
    struct elc_score_pass pass;
    struct elc_score_text text;
    struct elc_score_result result;
    struct elc_builder builder;
};

struct line {
    struct elc_scorer *scorer;
    struct elc_score_run *run;
    struct worker *workers;
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
    job->first = line->block.first + line->taken;
    job->block_first = line->block.first;
    job->block_count = line->block.count;
    while (line->position < line->block.payload.len) {
        size_t position = line->position;
        int err = elc_record_next(&record, &line->block.payload, &position);
        if (err < 0)
            return err;
        size_t n = count_tokens(&record, job->limits.id_width);
        const bool stays = line->scorer->task->windows && elc_score_continues(&record);
        if (job->n_records > 0 && !stays &&
            (job->n_tokens + n > BATCH_TOKENS || job->payload.len + record.raw_len > BATCH_BYTES))
            break;
        err = elc_buffer_append(&job->payload, record.raw, record.raw_len);
        if (err < 0)
            return err;
        job->n_records++;
        job->n_tokens += n;
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
    int err = elc_scorer_check_header(scorer, header, job->name);
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
    job->n_records = job->n_tokens = job->n_rejected = 0;
    job->payload.len = job->out.len = job->messages.len = 0;
    job->ends_block = false;
    if (!line->in_block) {
        int event = elc_reader_next(reader, &line->block);
        job->name = elc_reader_name(reader);
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
    job->name = elc_reader_name(reader);
    job->limits = line->limits;
    return fill_batch(line, job);
}

/* ---- working: batches to results ---- */

/* The record's text, and what the task needs of it. */
static int read_text(struct worker *worker, const struct elc_scorer *scorer,
                     const struct elc_record *record, const struct job *job) {
    int err = elc_score_text_read(&worker->text, record, &job->limits);
    if (!err && scorer->task->read)
        err = scorer->task->read(&worker->text, &job->limits);
    return err;
}

/* Makes room in `place` for the next text. */
static void advance(struct elc_score_place *place, const struct elc_score_text *text) {
    place->text++;
    place->token += text->n;
    place->row += text->n_rows;
}

static int add_text(struct worker *worker, const struct elc_scorer *scorer,
                    struct elc_score_place *place) {
    const struct elc_score_text *text = &worker->text;
    int err = elc_batch_add(&worker->pass.texts, text->ids, text->types, text->n, 0);
    if (!err && scorer->task->collect)
        err = scorer->task->collect(&worker->pass, text, place);
    advance(place, text);
    return err;
}

/* Puts every text that can be scored into the batch. What is wrong with the others is found again,
 * and dealt with, by format_results. */
static int collect(struct worker *worker, const struct elc_scorer *scorer, const struct job *job) {
    struct elc_record record;
    struct elc_score_place place = {0};
    size_t position = 0;
    int got;
    worker->pass.scorer = scorer;
    worker->pass.rows.len = worker->pass.words.len = 0;
    elc_batch_clear(&worker->pass.texts);
    while ((got = elc_record_next(&record, &job->payload, &position)) > 0) {
        int err = read_text(worker, scorer, &record, job);
        if (err == ELC_ENOMEM)
            return err;
        if (!err && (err = add_text(worker, scorer, &place)))
            return err;
    }
    return got;
}

/* A record that cannot be scored: an error, or a row that says so. */
static int reject(struct line *line, struct job *job, struct worker *worker,
                  const struct elc_record *record, uint64_t number, int err) {
    err = elc_context(err, "%s: record %llu", job->name, (unsigned long long)number);
    if (err == ELC_ENOMEM || !line->scorer->options.keep_going)
        return err;
    const char *message = elc_error();
    job->n_rejected++;
    err = elc_buffer_append(&job->messages, message, strlen(message) + 1);
    if (!err) {
        message = (const char *)job->messages.data + job->messages.len - strlen(message) - 1;
        err = elc_score_format_rejected(&job->out, line->scorer, record, job->limits.id_width,
                                        message, &worker->builder);
    }
    return err;
}

/* Where in a job's payload the next record is, and how many there are before it. */
struct cursor {
    size_t position;
    uint64_t number;
};

/* Records that have no result of their own. */
static int format_bare(struct job *job, struct worker *worker, const struct elc_scorer *scorer,
                       size_t begin, size_t end) {
    struct elc_record record;
    int err = 0;
    while (!err && begin < end) {
        int got = elc_record_next(&record, &job->payload, &begin);
        err = got < 0 ? got : elc_score_format_bare(&job->out, scorer, &record, &worker->builder);
    }
    return err;
}

/* The records of a text's windows, from `begin` to `end` of the payload: the first has the result.
 */
static int format_windows(struct job *job, struct worker *worker, const struct elc_scorer *scorer,
                          size_t begin, size_t end) {
    struct elc_record record;
    int got = elc_record_next(&record, &job->payload, &begin);
    int err = got < 0 ? got : read_text(worker, scorer, &record, job);
    if (!err)
        err = elc_score_format_result(&job->out, scorer, &worker->text, &worker->result,
                                      &worker->builder);
    return err ? err : format_bare(job, worker, scorer, begin, end);
}

/* A window that cannot be scored takes its text with it, from record `begin` of the payload on:
 * where its result would stand it is said why, and the windows that follow are passed over. */
static int reject_windows(struct line *line, struct job *job, struct worker *worker,
                          struct elc_score_place *place, struct cursor *cursor, size_t begin,
                          int err) {
    const struct elc_scorer *scorer = line->scorer;
    struct elc_record record;
    if (elc_record_next(&record, &job->payload, &begin) <= 0)
        return ELC_EFORMAT;
    err = reject(line, job, worker, &record, job->first + cursor->number, err);
    if (!err)
        err = format_bare(job, worker, scorer, begin, cursor->position);
    while (!err && scorer->task->windows) {
        size_t at = cursor->position;
        int got = elc_record_next(&record, &job->payload, &at);
        if (got <= 0 || !elc_score_continues(&record))
            return got < 0 ? got : 0;
        if (read_text(worker, scorer, &record, job) == 0)
            advance(place, &worker->text);
        err = elc_score_format_bare(&job->out, scorer, &record, &worker->builder);
        cursor->position = at;
        cursor->number++;
    }
    return err;
}

/* One text: the results of its windows, of which most tasks know one only. 1, 0 behind the last
 * text, or an error. */
static int format_text(struct line *line, struct job *job, struct worker *worker,
                       struct elc_score_place *place, struct cursor *cursor) {
    const struct elc_scorer *scorer = line->scorer;
    struct elc_record record;
    const size_t begin = cursor->position;
    uint64_t next = 1;
    int err;
    do {
        size_t position = cursor->position;
        const int got = elc_record_next(&record, &job->payload, &position);
        if (got < 0 || (got == 0 && next == 1))
            return got;
        if (got == 0 || (next > 1 && !elc_score_continues(&record))) {
            /* The block ended, or the next text begins: that last window stands for the text. */
            err = elc_fail(ELC_EFORMAT, "windows of this text are missing");
            break;
        }
        cursor->position = position;
        cursor->number++;
        err = read_text(worker, scorer, &record, job);
        if (!err) {
            const uint64_t window = worker->text.window;
            err = scorer->task->windows && window != next
                      ? elc_fail(ELC_EFORMAT, "window %llu stands where window %llu belongs",
                                 (unsigned long long)window, (unsigned long long)next)
                      : scorer->task->compute(&worker->result, &worker->pass, &worker->text, place);
            advance(place, &worker->text);
        }
        next++;
    } while (!err && scorer->task->windows && worker->text.window < worker->text.n_windows);
    if (err)
        err = reject_windows(line, job, worker, place, cursor, begin, err);
    else if (!scorer->task->windows || worker->text.n_windows == 1)
        err = elc_score_format_result(&job->out, scorer, &worker->text, &worker->result,
                                      &worker->builder);
    else
        err = format_windows(job, worker, scorer, begin, cursor->position);
    return err ? err : 1;
}

static int format_results(struct line *line, struct job *job, struct worker *worker) {
    struct elc_score_place place = {0};
    struct cursor cursor = {0};
    int got;
    do
        got = format_text(line, job, worker, &place, &cursor);
    while (got > 0);
    return got;
}

static int work_job(void *context, void *item, int number) {
    struct line *line = context;
    struct job *job = item;
    struct worker *worker = &line->workers[number];
    if (job->kind != JOB_BATCH)
        return 0;
    int err = collect(worker, line->scorer, job);
    if (!err && worker->pass.texts.n_tokens > 0)
        err = line->scorer->task->forward(&worker->pass);
    return err ? err : format_results(line, job, worker);
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
    int err = elc_score_format_names(&job->out, line->scorer);
    return err ? err : elc_output_write(run->output, job->out.data, job->out.len);
}

/* One block is written for each that was read. */
static int write_block(struct line *line, const struct job *job) {
    struct elc_block *block = &line->out_block;
    int err = elc_buffer_append(&block->payload, job->out.data, job->out.len);
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
                  : elc_output_write(run->output, job->out.data, job->out.len);
    if (err)
        return err;
    const char *message = (const char *)job->messages.data;
    for (uint64_t i = 0; i < job->n_rejected; i++, message += strlen(message) + 1)
        if (run->rejected)
            run->rejected(run->context, message);
    run->n_records += job->n_records;
    run->n_tokens += job->n_tokens;
    run->n_rejected += job->n_rejected;
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

static void free_jobs(struct job *jobs, size_t n_jobs) {
    for (size_t i = 0; jobs && i < n_jobs; i++) {
        elc_header_free(&jobs[i].header);
        elc_buffer_free(&jobs[i].payload);
        elc_buffer_free(&jobs[i].out);
        elc_buffer_free(&jobs[i].messages);
    }
    free(jobs);
}

static void free_workers(struct worker *workers, size_t n_workers) {
    for (size_t i = 0; workers && i < n_workers; i++) {
        struct elc_score_pass *pass = &workers[i].pass;
        elc_workspace_free(&pass->workspace);
        elc_batch_free(&pass->texts);
        elc_batch_free(&pass->variants);
        elc_head_memory_free(&pass->head);
        elc_joint_memory_free(&pass->joint);
        elc_buffer_free(&pass->words);
        elc_buffer_free(&pass->effects);
        elc_buffer_free(&pass->rows);
        elc_buffer_free(&pass->numbers);
        elc_score_text_free(&workers[i].text);
        elc_score_result_free(&workers[i].result);
        elc_builder_free(&workers[i].builder);
    }
    free(workers);
}

int elc_scorer_run(struct elc_scorer *scorer, struct elc_score_run *run) {
    size_t n_workers = (size_t)scorer->options.n_threads, n_jobs = 2 * n_workers + 2;
    struct line line = {
        .scorer = scorer,
        .run = run,
        .workers = calloc(n_workers, sizeof *line.workers),
    };
    struct job *jobs = calloc(n_jobs, sizeof *jobs);
    int err = line.workers && jobs ? 0 : elc_fail_memory(n_jobs * sizeof *jobs);
    for (size_t i = 0; !err && run->profiles && i < n_workers; i++)
        line.workers[i].pass.workspace.profile = &run->profiles[i];
    if (!err) {
        const struct elc_pipeline pipeline = {
            .read = read_job,
            .work = work_job,
            .write = write_job,
            .context = &line,
            .jobs = jobs,
            .job_size = sizeof *jobs,
            .n_jobs = n_jobs,
            .n_threads = scorer->options.n_threads,
        };
        err = elc_pipeline_run(&pipeline);
    }
    free_jobs(jobs, n_jobs);
    free_workers(line.workers, n_workers);
    elc_buffer_free(&line.block.payload);
    elc_buffer_free(&line.out_block.payload);
    elc_writer_free(&line.writer);
    return err;
}
