/* A run of corruption: blocks through a pipeline of threads, in order, for each epoch. */
#include "electra/corrupt_run.h"

#include <stdlib.h>

#include "electra/parallel.h"

/* What passes through the pipeline: an event of the reader, and what becomes of it. */
struct job {
    int event;
    const char *name;         /* of the operand */
    struct elc_header header; /* of the segment that the event belongs to, as it was read */
    struct elc_block in, out;
};

struct flow {
    struct elc_corrupt_run *run;
    struct elc_reader *reader;
    struct elc_writer writer;
    uint64_t epoch;
    struct elc_corrupter *corrupters; /* one for each worker */
    struct elc_header first;          /* header of all: the others have to be like it */
    const char *first_name;           /* NULL: none has been read */
};

/* ---- one pass over one reader ---- */

/* With several epochs each operand has a reader of its own, which does not see the others. */
static int check_segment(struct flow *flow, const struct elc_header *header, const char *name) {
    int err = elc_corrupt_check(flow->run->corruption, header, name);
    if (err)
        return err;
    if (flow->first_name)
        return elc_header_check_same(&flow->first, flow->first_name, header, name);
    flow->first_name = name;
    return elc_header_copy(&flow->first, header);
}

static int read_job(void *context, void *argument) {
    struct flow *flow = context;
    struct job *job = argument;
    job->event = elc_reader_next(flow->reader, &job->in);
    if (job->event <= 0)
        return job->event;
    const struct elc_header *header = elc_reader_header(flow->reader);
    job->name = elc_reader_name(flow->reader);
    int err = job->event == ELC_HEADER ? check_segment(flow, header, job->name) : 0;
    elc_header_free(&job->header);
    if (!err)
        err = elc_header_copy(&job->header, header);
    return err ? err : 1;
}

static int work_job(void *context, void *argument, int worker) {
    struct flow *flow = context;
    struct job *job = argument;
    if (job->event != ELC_BLOCK)
        return 0;
    struct elc_corrupter *corrupter = &flow->corrupters[worker];
    corrupter->worker = worker;
    int err = elc_corrupt_block(corrupter, &job->out, &job->in, &job->header, flow->run->corruption,
                                flow->epoch);
    return err ? elc_context(err, "%s", job->name) : 0;
}

static int write_header(struct flow *flow, struct job *job) {
    const struct elc_corrupt_run *run = flow->run;
    int err = elc_corrupt_header(&job->header, run->corruption, flow->epoch);
    if (!err && run->header)
        err = run->header(run->context, &job->header);
    return err ? err : elc_writer_header(&flow->writer, run->output, &job->header);
}

static int write_block(struct flow *flow, struct job *job) {
    struct elc_corrupt_run *run = flow->run;
    int err = elc_writer_block(&flow->writer, &job->out);
    if (err)
        return err;
    run->n_records += job->out.count;
    if (run->progress)
        run->progress(run->context, run);
    return 0;
}

static int write_job(void *context, void *argument) {
    struct flow *flow = context;
    struct job *job = argument;
    int err = job->event == ELC_HEADER  ? write_header(flow, job)
              : job->event == ELC_BLOCK ? write_block(flow, job)
                                        : elc_writer_end(&flow->writer);
    return !err && flow->run->flush ? elc_output_flush(flow->run->output) : err;
}

static void free_job(void *argument) {
    struct job *job = argument;
    elc_header_free(&job->header);
    elc_buffer_free(&job->in.payload);
    elc_buffer_free(&job->out.payload);
}

static int run_pass(struct flow *flow) {
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

/* ---- once, or several times ---- */

static int run_once(struct flow *flow) {
    const struct elc_corrupt_run *run = flow->run;
    int err = elc_reader_new(&flow->reader, run->paths, run->n_paths, run->force);
    if (err)
        return err;
    err = run_pass(flow);
    elc_reader_destroy(flow->reader);
    return err;
}

/* Operands that can be read again. */
struct inputs {
    struct elc_map *maps;
    const char **names;
    size_t n;
};

static int open_inputs(struct inputs *inputs, const struct elc_corrupt_run *run) {
    static char dash[] = "-";
    char *standard[] = {dash};
    char *const *paths = run->n_paths > 0 ? run->paths : standard;
    const size_t n = run->n_paths > 0 ? run->n_paths : 1;
    inputs->maps = calloc(n, sizeof *inputs->maps);
    inputs->names = calloc(n, sizeof *inputs->names);
    int err = inputs->maps && inputs->names ? 0 : elc_fail_memory(0);
    for (; !err && inputs->n < n; inputs->n++) {
        struct elc_input input;
        err = elc_input_open(&input, paths[inputs->n]);
        if (err)
            break;
        inputs->names[inputs->n] = input.name;
        err = elc_map_input(&inputs->maps[inputs->n], &input);
        elc_input_close(&input);
    }
    return err;
}

static void close_inputs(struct inputs *inputs) {
    for (size_t i = 0; i < inputs->n; i++)
        elc_map_close(&inputs->maps[i]);
    free(inputs->maps);
    free(inputs->names);
}

static int run_epoch(struct flow *flow, const struct inputs *inputs) {
    int err = 0;
    for (size_t i = 0; !err && i < inputs->n; i++) {
        err = elc_reader_new_memory(&flow->reader, inputs->maps[i].data, inputs->maps[i].len,
                                    inputs->names[i]);
        if (err)
            return err;
        err = run_pass(flow);
        elc_reader_destroy(flow->reader);
    }
    return err;
}

static int run_epochs(struct flow *flow) {
    const struct elc_corrupt_run *run = flow->run;
    struct inputs inputs = {0};
    int err = open_inputs(&inputs, run);
    for (uint64_t i = 0; !err && i < run->n_epochs; i++) {
        flow->epoch = run->first_epoch + i;
        err = run_epoch(flow, &inputs);
    }
    close_inputs(&inputs);
    return err;
}

int elc_corrupt_run(struct elc_corrupt_run *run) {
    struct flow flow = {
        .run = run,
        .epoch = run->first_epoch,
        .corrupters = calloc(run->n_threads, sizeof *flow.corrupters),
    };
    run->n_records = run->n_tokens = 0;
    int err = flow.corrupters ? 0 : elc_fail_memory(0);
    if (!err)
        err = run->n_epochs == 1 ? run_once(&flow) : run_epochs(&flow);
    for (size_t i = 0; flow.corrupters && i < run->n_threads; i++) {
        run->n_tokens += flow.corrupters[i].n_tokens;
        elc_corrupter_free(&flow.corrupters[i]);
    }
    free(flow.corrupters);
    elc_writer_free(&flow.writer);
    elc_header_free(&flow.first);
    return err;
}
