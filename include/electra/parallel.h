/* Threads: a parallel loop and an ordered pipeline. Nothing else in the library starts a thread.
 *
 * Work is cut by the data alone and results are combined in a fixed order, so that no output
 * depends on the number of threads.
 */
#ifndef ELECTRA_PARALLEL_H
#define ELECTRA_PARALLEL_H

#include <stddef.h>

#include "electra/error.h"
#include "electra/profile.h"

#ifdef __cplusplus
extern "C" {
#endif

/* CPUs this process may run on (its affinity mask, so cgroups and Slurm bindings count). */
int elc_allowed_cpus(void);

/* A team of threads for elc_parallel_for. NULL is a valid team of one: the caller. */
struct elc_pool;
int elc_pool_new(struct elc_pool **pool, int n_threads) ELC_MUST_CHECK; /* the caller counts */
void elc_pool_destroy(struct elc_pool *pool);
int elc_pool_threads(const struct elc_pool *pool);
/* Lets the loops that the team works on count what they do in profiles[worker]; borrowed. */
void elc_pool_set_profiles(struct elc_pool *pool, struct elc_profile *profiles);
struct elc_profile *elc_pool_profile(const struct elc_pool *pool, int worker); /* or NULL */

/* Calls work(context, item, worker) once for each item in 0 … n_items-1, spread over the team,
 * the caller included; returns when all are done. `worker` is in 0 … threads-1, for scratch.
 * Returns the error, with its message, of the lowest item that failed. Not reentrant. */
typedef int elc_work(void *context, size_t item, int worker);
int elc_parallel_for(struct elc_pool *pool, size_t n_items, elc_work *work,
                     void *context) ELC_MUST_CHECK;

/* An ordered pipeline: jobs are read one at a time in order, worked on by several threads at
 * once, and written one at a time in the order in which they were read.
 * A job is a struct of the caller's of `job_size` bytes, zeros at first; `n_jobs` of them are
 * reused in turn, and what they hold may stay in them for the next time. */
struct elc_pipeline {
    /* Fills a job: 1 filled, 0 end of input, negative error. */
    int (*read)(void *context, void *job);
    /* Works on a job; `worker` is in 0 … n_threads-1. 0 or negative error. */
    int (*work)(void *context, void *job, int worker);
    /* Takes the result of a job. 0 or negative error. */
    int (*write)(void *context, void *job);
    /* Frees what a job holds, at the end, whatever became of it. May be NULL: nothing. */
    void (*free)(void *job);
    void *context;
    size_t job_size;
    size_t n_jobs; /* at least 1 */
    int n_threads; /* the caller's thread counts */
};

/* Jobs that keep threads busy: one for each, one that waits to be written while another is read. No
 * more, as memory that is new to a CPU costs time, too. A single thread does all this in turn. */
size_t elc_pipeline_jobs(size_t n_threads);

/* Runs to the end of input or the first error in input order; jobs before it are written. */
int elc_pipeline_run(const struct elc_pipeline *pipeline) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
