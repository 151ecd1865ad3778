/* A team of threads for parallel loops, and a pipeline that keeps order. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "electra/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int elc_allowed_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

/* The error of the lowest-numbered item that failed, carried from a worker to the caller. */
struct failure {
    size_t item;
    int code; /* 0: none */
    char *message;
};

static void failure_note(struct failure *failure, size_t item, int code) {
    if (failure->code && failure->item <= item)
        return;
    free(failure->message);
    failure->item = item;
    failure->code = code;
    failure->message = strdup(elc_error()); /* NULL is handled by failure_raise */
}

static int failure_raise(struct failure *failure) {
    int code = failure->code;
    if (code)
        code = elc_fail((enum elc_err)code, "%s",
                        failure->message ? failure->message : "out of memory");
    free(failure->message);
    *failure = (struct failure){0};
    return code;
}

/* ---- parallel loops ----
 *
 * A step of training is a hundred loops of a tenth of a millisecond: a thread that waits for the
 * next one, or for the others to end this one, first looks on for about that long before it sleeps,
 * as waking takes longer. Where there are more threads than CPUs it sleeps at once. */

enum { LOOKS = 2000 };

struct elc_pool {
    pthread_mutex_t mutex;
    pthread_cond_t start, done;
    pthread_t *threads;
    int n_threads; /* the caller included */
    int looks;
    /* Changed under the mutex, looked at without. */
    atomic_ulong generation; /* of loops; a change starts the workers */
    atomic_int n_running;
    bool stop; /* its change is a generation, too */
    elc_work *work;
    void *context;
    size_t n_items;
    atomic_size_t next_item;
    struct failure failure;
    struct elc_profile *profiles; /* one for each thread, or NULL */
};

struct worker {
    struct elc_pool *pool;
    int number;
};

static void take_items(struct elc_pool *pool, int number) {
    size_t item;
    while ((item = atomic_fetch_add(&pool->next_item, 1)) < pool->n_items) {
        int code = pool->work(pool->context, item, number);
        if (code) {
            pthread_mutex_lock(&pool->mutex);
            failure_note(&pool->failure, item, code);
            pthread_mutex_unlock(&pool->mutex);
        }
    }
}

static void look_again(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Until there is a loop after number `seen`; false: there will be none. */
static bool wait_for_loop(struct elc_pool *pool, unsigned long seen) {
    for (int i = 0; i < pool->looks && atomic_load(&pool->generation) == seen; i++)
        look_again();
    if (atomic_load(&pool->generation) == seen) {
        pthread_mutex_lock(&pool->mutex);
        while (atomic_load(&pool->generation) == seen)
            pthread_cond_wait(&pool->start, &pool->mutex);
        pthread_mutex_unlock(&pool->mutex);
    }
    return !pool->stop;
}

static void wait_for_others(struct elc_pool *pool) {
    for (int i = 0; i < pool->looks && atomic_load(&pool->n_running) > 0; i++)
        look_again();
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->n_running) > 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

/* Lets the workers look at what was written before. */
static void begin_loop(struct elc_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument) {
    struct worker worker = *(struct worker *)argument;
    free(argument);
    struct elc_pool *pool = worker.pool;
    for (unsigned long seen = 0; wait_for_loop(pool, seen); seen++) {
        take_items(pool, worker.number);
        if (atomic_fetch_sub(&pool->n_running, 1) == 1) {
            pthread_mutex_lock(&pool->mutex);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->mutex);
        }
    }
    return NULL;
}

static int pool_start_worker(struct elc_pool *pool, int number) {
    struct worker *worker = malloc(sizeof *worker);
    if (!worker)
        return elc_fail_memory(sizeof *worker);
    *worker = (struct worker){pool, number};
    if (pthread_create(&pool->threads[number - 1], NULL, worker_main, worker) != 0) {
        free(worker);
        return elc_fail(ELC_EIO, "thread %d cannot be started", number + 1);
    }
    return 0;
}

int elc_pool_new(struct elc_pool **pool_out, int n_threads) {
    struct elc_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return elc_fail_memory(sizeof *pool);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->start, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->n_threads = 1;
    pool->looks = n_threads <= elc_allowed_cpus() ? LOOKS : 0;
    int err = 0;
    pool->threads = calloc((size_t)n_threads, sizeof *pool->threads);
    if (!pool->threads)
        err = elc_fail_memory(0);
    while (!err && pool->n_threads < n_threads)
        if (!(err = pool_start_worker(pool, pool->n_threads)))
            pool->n_threads++;
    if (err) {
        elc_pool_destroy(pool);
        return err;
    }
    *pool_out = pool;
    return 0;
}

void elc_pool_destroy(struct elc_pool *pool) {
    if (!pool)
        return;
    pool->stop = true;
    begin_loop(pool);
    for (int i = 0; i + 1 < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->start);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->threads);
    free(pool);
}

int elc_pool_threads(const struct elc_pool *pool) {
    return pool ? pool->n_threads : 1;
}

void elc_pool_set_profiles(struct elc_pool *pool, struct elc_profile *profiles) {
    pool->profiles = profiles;
}

struct elc_profile *elc_pool_profile(const struct elc_pool *pool, int worker) {
    return pool && pool->profiles ? &pool->profiles[worker] : NULL;
}

static int serial_for(size_t n_items, elc_work *work, void *context) {
    struct failure failure = {0};
    for (size_t item = 0; item < n_items; item++) {
        int code = work(context, item, 0);
        if (code)
            failure_note(&failure, item, code);
    }
    return failure_raise(&failure);
}

int elc_parallel_for(struct elc_pool *pool, size_t n_items, elc_work *work, void *context) {
    if (elc_pool_threads(pool) == 1 || n_items < 2)
        return serial_for(n_items, work, context);
    pool->work = work;
    pool->context = context;
    pool->n_items = n_items;
    atomic_store(&pool->next_item, 0);
    atomic_store(&pool->n_running, pool->n_threads - 1);
    begin_loop(pool);
    take_items(pool, 0);
    wait_for_others(pool);
    return failure_raise(&pool->failure);
}

/* ---- ordered pipeline ---- */

enum job_state { FREE, READING, FILLED, WORKING, WORKED, WRITING };

/* Jobs are numbered as they are read; job n lives in slot n mod n_jobs. Whoever is free does the
 * most urgent thing: write the next job, else work on the oldest filled one, else read one. */
struct line {
    const struct elc_pipeline *pipeline;
    char *jobs;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum job_state *states;
    size_t next_read, next_work, next_write; /* job numbers */
    bool reading, input_ended;
    struct failure failure; /* jobs from its item on are neither worked on nor written */
};

static void *job_at(const struct line *line, size_t slot) {
    return line->jobs + slot * line->pipeline->job_size;
}

static bool failed_before(const struct line *line, size_t job) {
    return line->failure.code && job >= line->failure.item;
}

static bool finished(const struct line *line) {
    if (line->reading)
        return false;
    return failed_before(line, line->next_write) ||
           (line->input_ended && line->next_write == line->next_read);
}

static void step_write(struct line *line) {
    const struct elc_pipeline *p = line->pipeline;
    size_t job = line->next_write, slot = job % p->n_jobs;
    line->states[slot] = WRITING;
    pthread_mutex_unlock(&line->mutex);
    int code = p->write(p->context, job_at(line, slot));
    pthread_mutex_lock(&line->mutex);
    if (code)
        failure_note(&line->failure, job, code);
    else
        line->next_write++;
    line->states[slot] = FREE;
}

static void step_work(struct line *line, int worker) {
    const struct elc_pipeline *p = line->pipeline;
    size_t job = line->next_work++, slot = job % p->n_jobs;
    line->states[slot] = WORKING;
    pthread_mutex_unlock(&line->mutex);
    int code = p->work(p->context, job_at(line, slot), worker);
    pthread_mutex_lock(&line->mutex);
    if (code)
        failure_note(&line->failure, job, code);
    line->states[slot] = WORKED;
}

static void step_read(struct line *line) {
    const struct elc_pipeline *p = line->pipeline;
    size_t job = line->next_read, slot = job % p->n_jobs;
    line->states[slot] = READING;
    line->reading = true;
    pthread_mutex_unlock(&line->mutex);
    int code = p->read(p->context, job_at(line, slot));
    pthread_mutex_lock(&line->mutex);
    line->reading = false;
    line->states[slot] = code > 0 ? FILLED : FREE;
    if (code > 0)
        line->next_read++;
    else
        line->input_ended = true;
    if (code < 0)
        failure_note(&line->failure, job, code);
}

/* Does one thing that can be done now; false if there is none. */
static bool step(struct line *line, int worker) {
    const struct elc_pipeline *p = line->pipeline;
    enum job_state writable = line->states[line->next_write % p->n_jobs];
    if (writable == WORKED && line->next_write < line->next_work &&
        !failed_before(line, line->next_write)) {
        step_write(line);
        return true;
    }
    if (line->next_work < line->next_read && !failed_before(line, line->next_work)) {
        step_work(line, worker);
        return true;
    }
    if (!line->reading && !line->input_ended && !line->failure.code &&
        line->next_read - line->next_write < p->n_jobs &&
        line->states[line->next_read % p->n_jobs] == FREE) {
        step_read(line);
        return true;
    }
    return false;
}

static int line_work(void *context, size_t item, int worker) {
    struct line *line = context;
    (void)item;
    pthread_mutex_lock(&line->mutex);
    while (!finished(line)) {
        if (step(line, worker))
            pthread_cond_broadcast(&line->changed);
        else
            pthread_cond_wait(&line->changed, &line->mutex);
    }
    pthread_mutex_unlock(&line->mutex);
    return 0;
}

static int run_line(struct line *line) {
    struct elc_pool *pool;
    int err = elc_pool_new(&pool, line->pipeline->n_threads);
    if (err)
        return err;
    pthread_mutex_init(&line->mutex, NULL);
    pthread_cond_init(&line->changed, NULL);
    err = elc_parallel_for(pool, (size_t)elc_pool_threads(pool), line_work, line);
    elc_pool_destroy(pool);
    pthread_cond_destroy(&line->changed);
    pthread_mutex_destroy(&line->mutex);
    int failed = failure_raise(&line->failure);
    return failed ? failed : err;
}

int elc_pipeline_run(const struct elc_pipeline *pipeline) {
    const size_t n = pipeline->n_jobs;
    struct line line = {
        .pipeline = pipeline,
        .jobs = calloc(n, pipeline->job_size),
        .states = calloc(n, sizeof *line.states),
    };
    int err = line.jobs && line.states ? run_line(&line) : elc_fail_memory(n * pipeline->job_size);
    for (size_t i = 0; line.jobs && pipeline->free && i < n; i++)
        pipeline->free(job_at(&line, i));
    free(line.jobs);
    free(line.states);
    return err;
}

size_t elc_pipeline_jobs(size_t n_threads) {
    return n_threads > 1 ? n_threads + 2 : 1;
}
