/* Counting words: chunks of lines through a pipeline of threads, each with counts of its own. */
#include <stdlib.h>

#include "electra/learn.h"
#include "electra/lines.h"
#include "electra/parallel.h"
#include "electra/utf8.h"

struct worker {
    struct elc_word_counts *counts;
    struct elc_encoding scratch;
    struct elc_buffer clean;
};

struct job {
    struct elc_chunk chunk;
    uint64_t n_replaced;
};

struct flow {
    struct elc_count_run *run;
    struct elc_lines *lines;
    struct worker *workers;
};

static int read_job(void *context, void *argument) {
    struct flow *flow = context;
    struct job *job = argument;
    return elc_lines_next(flow->lines, &job->chunk);
}

static int count_word(void *context, const char *word, size_t len) {
    return elc_word_counts_add(context, word, len, 1);
}

/* The line with U+FFFD for what is no UTF-8. */
static int clean_line(struct job *job, struct worker *worker, const char **text, size_t *len) {
    worker->clean.len = 0;
    long long replaced = elc_utf8_clean(&worker->clean, *text, *len);
    if (replaced < 0)
        return (int)replaced;
    job->n_replaced += (uint64_t)replaced;
    *text = (const char *)worker->clean.data;
    *len = worker->clean.len;
    return 0;
}

static int work_job(void *context, void *argument, int number) {
    const struct flow *flow = context;
    struct job *job = argument;
    struct worker *worker = &flow->workers[number];
    const char *text;
    size_t position = 0, len;
    int err = 0;
    job->n_replaced = 0;
    while (!err && elc_chunk_line(&job->chunk, &position, &text, &len)) {
        if (elc_utf8_valid(text, len) != len)
            err = clean_line(job, worker, &text, &len);
        if (!err)
            err = elc_tokenizer_words(flow->run->tokenizer, text, len, &worker->scratch, count_word,
                                      worker->counts);
    }
    return err;
}

static int write_job(void *context, void *argument) {
    const struct flow *flow = context;
    const struct job *job = argument;
    struct elc_count_run *run = flow->run;
    run->n_lines += job->chunk.n_lines;
    run->n_replaced += job->n_replaced;
    if (run->progress)
        run->progress(run->context, run);
    return 0;
}

static void free_job(void *argument) {
    struct job *job = argument;
    elc_buffer_free(&job->chunk.text);
}

static int run_pipeline(struct flow *flow) {
    const struct elc_pipeline pipeline = {
        .read = read_job,
        .work = work_job,
        .write = write_job,
        .free = free_job,
        .context = flow,
        .job_size = sizeof(struct job),
        .n_jobs = elc_pipeline_jobs(flow->run->n_threads),
        .n_threads = (int)flow->run->n_threads,
    };
    return elc_pipeline_run(&pipeline);
}

static int make_workers(struct flow *flow) {
    const size_t n = flow->run->n_threads;
    flow->workers = calloc(n, sizeof *flow->workers);
    int err = flow->workers ? 0 : elc_fail_memory(n * sizeof *flow->workers);
    for (size_t i = 0; !err && i < n; i++) {
        err = elc_word_counts_new(&flow->workers[i].counts);
        if (!err)
            elc_word_counts_limit(flow->workers[i].counts, flow->run->max_words);
    }
    return err;
}

static void free_workers(struct flow *flow) {
    for (size_t i = 0; flow->workers && i < flow->run->n_threads; i++) {
        elc_word_counts_destroy(flow->workers[i].counts);
        elc_encoding_free(&flow->workers[i].scratch);
        elc_buffer_free(&flow->workers[i].clean);
    }
    free(flow->workers);
}

int elc_count_run(struct elc_word_counts **counts, struct elc_count_run *run) {
    struct flow flow = {.run = run};
    run->n_lines = run->n_replaced = 0;
    *counts = NULL;
    int err = elc_lines_new(&flow.lines, run->paths, run->n_paths, false);
    if (!err)
        err = make_workers(&flow);
    if (!err)
        err = run_pipeline(&flow);
    for (size_t i = 1; !err && i < run->n_threads; i++)
        err = elc_word_counts_merge(flow.workers[0].counts, flow.workers[i].counts);
    if (!err) {
        *counts = flow.workers[0].counts;
        flow.workers[0].counts = NULL;
    }
    elc_lines_destroy(flow.lines);
    free_workers(&flow);
    return err;
}
