/* Parallel loops and the ordered pipeline. Run under ThreadSanitizer too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "electra/parallel.h"

static void rest(unsigned microseconds) {
    const struct timespec pause = {0, 1000L * microseconds};
    nanosleep(&pause, NULL);
}

/* ---- parallel loops ---- */

enum { ITEMS = 5000 };

struct loop {
    int n_threads;
    unsigned done[ITEMS];
    atomic_uint calls;
    atomic_bool bad_worker;
    size_t fail_from, fail_step; /* items fail_from, fail_from + fail_step, … fail */
};

static int count_item(void *context, size_t item, int worker) {
    struct loop *loop = context;
    atomic_fetch_add(&loop->calls, 1);
    if (worker < 0 || worker >= loop->n_threads)
        atomic_store(&loop->bad_worker, true);
    loop->done[item]++;
    if (loop->fail_step > 0 && item >= loop->fail_from &&
        (item - loop->fail_from) % loop->fail_step == 0)
        return elc_fail(ELC_EFORMAT, "item %zu", item);
    return 0;
}

static void each_item_is_done_once(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 9; n_threads += 2) {
        struct elc_pool *pool;
        assert_int_equal(elc_pool_new(&pool, n_threads), 0);
        assert_int_equal(elc_pool_threads(pool), n_threads);
        for (size_t n = 0; n <= ITEMS; n += n < 4 ? 1 : 1249) {
            struct loop *loop = calloc(1, sizeof *loop);
            loop->n_threads = n_threads;
            assert_int_equal(elc_parallel_for(pool, n, count_item, loop), 0);
            assert_int_equal(atomic_load(&loop->calls), n);
            for (size_t i = 0; i < ITEMS; i++)
                assert_int_equal(loop->done[i], i < n);
            assert_false(atomic_load(&loop->bad_worker));
            free(loop);
        }
        elc_pool_destroy(pool);
    }
}

static void no_pool_is_a_team_of_one(void **state) {
    (void)state;
    struct loop *loop = calloc(1, sizeof *loop);
    loop->n_threads = 1;
    assert_int_equal(elc_pool_threads(NULL), 1);
    assert_int_equal(elc_parallel_for(NULL, ITEMS, count_item, loop), 0);
    assert_int_equal(atomic_load(&loop->calls), ITEMS);
    assert_false(atomic_load(&loop->bad_worker));
    free(loop);
    elc_pool_destroy(NULL);
}

static void the_lowest_failure_is_raised(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 8; n_threads *= 2) {
        struct elc_pool *pool;
        assert_int_equal(elc_pool_new(&pool, n_threads), 0);
        for (size_t from = 0; from < 400; from += 57) {
            struct loop *loop = calloc(1, sizeof *loop);
            loop->n_threads = n_threads;
            loop->fail_from = from;
            loop->fail_step = 3;
            char message[32];
            (void)snprintf(message, sizeof message, "item %zu", from);
            (void)!elc_fail(ELC_EIO, "an older one");
            assert_int_equal(elc_parallel_for(pool, ITEMS, count_item, loop), ELC_EFORMAT);
            assert_string_equal(elc_error(), message);
            loop->fail_step = 0; /* the team is as good as new */
            assert_int_equal(elc_parallel_for(pool, ITEMS, count_item, loop), 0);
            free(loop);
        }
        elc_pool_destroy(pool);
    }
}

static void many_short_loops_follow_each_other(void **state) {
    (void)state;
    struct elc_pool *pool;
    assert_int_equal(elc_pool_new(&pool, 4), 0);
    struct loop *loop = calloc(1, sizeof *loop);
    loop->n_threads = 4;
    for (int i = 0; i < 3000; i++)
        assert_int_equal(elc_parallel_for(pool, 3, count_item, loop), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(loop->done[i], 3000);
    free(loop);
    elc_pool_destroy(pool);
}

static void there_is_at_least_one_cpu(void **state) {
    (void)state;
    assert_true(elc_allowed_cpus() >= 1);
}

/* ---- pipeline ---- */

struct job {
    size_t number;
    unsigned long value;
    char *held; /* from one use to the next */
};

struct line {
    size_t n_jobs; /* in the input */
    size_t n_read, n_written;
    atomic_int reading, working, writing;
    atomic_bool overlap;                     /* two reads or two writes at once */
    bool uneven;                             /* jobs take different times */
    size_t fail_read, fail_work, fail_write; /* job numbers; SIZE_MAX: none */
};

static struct line new_line(size_t n_jobs) {
    return (struct line){
        .n_jobs = n_jobs, .fail_read = SIZE_MAX, .fail_work = SIZE_MAX, .fail_write = SIZE_MAX};
}

static void enter(atomic_int *place, struct line *line) {
    if (atomic_fetch_add(place, 1) != 0)
        atomic_store(&line->overlap, true);
}

static int read_job(void *context, void *argument) {
    struct line *line = context;
    struct job *job = argument;
    enter(&line->reading, line);
    int result = line->n_read < line->n_jobs;
    job->number = line->n_read++;
    job->value = 0;
    if (!job->held)
        job->held = malloc(1);
    if (job->number == line->fail_read)
        result = elc_fail(ELC_EIO, "read %zu", job->number);
    atomic_fetch_sub(&line->reading, 1);
    return result;
}

static int work_job(void *context, void *argument, int worker) {
    struct line *line = context;
    struct job *job = argument;
    (void)worker;
    if (line->uneven)
        rest((unsigned)(job->number * 7919 % 13 * 20));
    job->value = job->number * job->number;
    /* the lowest failure counts, whichever comes first in time */
    if (line->fail_work != SIZE_MAX && job->number >= line->fail_work)
        return elc_fail(ELC_EFORMAT, "work %zu", job->number);
    return 0;
}

static int write_job(void *context, void *argument) {
    struct line *line = context;
    struct job *job = argument;
    enter(&line->writing, line);
    int result = 0;
    if (job->number == line->fail_write)
        result = elc_fail(ELC_EIO, "write %zu", job->number);
    else if (job->number != line->n_written || job->value != job->number * job->number)
        result = elc_fail(ELC_EINVAL, "job %zu written as %zu", job->number, line->n_written);
    else
        line->n_written++;
    atomic_fetch_sub(&line->writing, 1);
    return result;
}

static void free_job(void *argument) {
    struct job *job = argument;
    free(job->held);
}

static int run(struct line *line, int n_threads, size_t n_slots) {
    const struct elc_pipeline pipeline = {
        .read = read_job,
        .work = work_job,
        .write = write_job,
        .free = free_job,
        .context = line,
        .job_size = sizeof(struct job),
        .n_jobs = n_slots,
        .n_threads = n_threads,
    };
    int result = elc_pipeline_run(&pipeline);
    assert_false(atomic_load(&line->overlap));
    return result;
}

static void results_come_in_the_order_of_the_input(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 8; n_threads++)
        for (size_t n_slots = 1; n_slots <= 19; n_slots += 6)
            for (int uneven = 0; uneven < 2; uneven++) {
                struct line line = new_line(uneven ? 100 : 1000);
                line.uneven = uneven;
                assert_int_equal(run(&line, n_threads, n_slots), 0);
                assert_int_equal(line.n_written, line.n_jobs);
            }
}

static void an_empty_input_is_no_failure(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 4; n_threads++) {
        struct line line = new_line(0);
        assert_int_equal(run(&line, n_threads, 4), 0);
        assert_int_equal(line.n_written, 0);
    }
}

/* Whatever fails, all jobs before it are written, and none from it on. */
static void jobs_before_a_failure_are_written(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 8; n_threads++)
        for (size_t at = 0; at < 60; at += 11)
            for (int stage = 0; stage < 3; stage++) {
                static const char *const names[] = {"read", "work", "write"};
                struct line line = new_line(1000);
                line.uneven = true;
                *(stage == 0   ? &line.fail_read
                  : stage == 1 ? &line.fail_work
                               : &line.fail_write) = at;
                char message[32];
                (void)snprintf(message, sizeof message, "%s %zu", names[stage], at);
                assert_int_equal(run(&line, n_threads, 10), stage == 1 ? ELC_EFORMAT : ELC_EIO);
                assert_string_equal(elc_error(), message);
                assert_int_equal(line.n_written, at);
            }
}

static void of_several_failures_the_first_in_the_input_counts(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 8; n_threads++) {
        struct line line = new_line(1000);
        line.uneven = true;
        line.fail_work = 30;
        line.fail_write = 29;
        assert_int_equal(run(&line, n_threads, 18), ELC_EIO);
        assert_string_equal(elc_error(), "write 29");
        assert_int_equal(line.n_written, 29);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_is_done_once),
        cmocka_unit_test(no_pool_is_a_team_of_one),
        cmocka_unit_test(the_lowest_failure_is_raised),
        cmocka_unit_test(many_short_loops_follow_each_other),
        cmocka_unit_test(there_is_at_least_one_cpu),
        cmocka_unit_test(results_come_in_the_order_of_the_input),
        cmocka_unit_test(an_empty_input_is_no_failure),
        cmocka_unit_test(jobs_before_a_failure_are_written),
        cmocka_unit_test(of_several_failures_the_first_in_the_input_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
