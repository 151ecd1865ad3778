/* A run: its loop of steps. */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double elc_run_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void elc_run_note(const struct elc_run *run, bool warning, const char *format, ...) {
    if (!run->options->note)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    run->options->note(run->options->context, warning, text);
}

int elc_run_report(struct elc_run *run, json_t *object) {
    int err = elc_metrics_line(&run->line, object);
    const uint8_t *at = run->line.data;
    size_t left = run->line.len;
    while (!err && left > 0) {
        ssize_t wrote = write(run->metrics_fd, at, left);
        if (wrote < 0 && errno != EINTR)
            err = elc_fail_errno("%s", run->metrics_path);
        if (wrote > 0) {
            at += wrote;
            left -= (size_t)wrote;
        }
    }
    run->metrics_lines++;
    if (!err && run->options->metrics)
        err = run->options->metrics(run->options->context, (const char *)run->line.data,
                                    run->line.len);
    return err;
}

/* ---- setting up ---- */

/* How long the run is: --steps, --hours, or --epochs and the size of the input. */
static int plan(struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    uint64_t batch = options->recipe.batch_size;
    uint64_t n = elc_examples_count(options->train);
    run->steps = options->steps;
    if (n > 0 && n < batch)
        return elc_fail(ELC_EMISMATCH,
                        "%s: %" PRIu64 " records, fewer than the %" PRIu64
                        " of one batch: lower --batch or give more text",
                        elc_examples_name(options->train), n, batch);
    bool by_epochs = options->steps == 0 && options->hours == 0;
    if (by_epochs) {
        run->n_texts = n * options->epochs * (options->double_epochs ? 2 : 1);
        run->steps = (run->n_texts + batch - 1) / batch;
    }
    if (by_epochs && run->steps == 0)
        return elc_fail(ELC_EMISMATCH, "%s: no records, nothing to train on",
                        elc_examples_name(options->train));
    return 0;
}

static int set_up(struct elc_run *run) {
    int err = elc_run_check_metric(run);
    if (!err)
        err = plan(run);
    if (!err)
        err = elc_pool_new(&run->pool, run->options->n_threads);
    if (!err)
        elc_pool_set_profiles(run->pool, run->options->profiles);
    return err ? err : run->task->open(run->task->self, run);
}

static void tear_down(struct elc_run *run) {
    elc_pool_destroy(run->pool);
    elc_buffer_free(&run->line);
    if (run->metrics_fd >= 0)
        close(run->metrics_fd);
    free(run->metrics_path);
}

/* ---- the budget ---- */

double elc_run_elapsed(const struct elc_run *run) {
    return run->earlier_seconds + elc_run_clock() - run->started_at;
}

/* The share of the budget that is spent. */
static double share_done(const struct elc_run *run) {
    double share = run->steps > 0 ? (double)run->progress.step / (double)run->steps
                                  : elc_run_elapsed(run) / (3600 * run->options->hours);
    return share < 1 ? share : 1;
}

static bool is_spent(const struct elc_run *run) {
    bool budget = run->steps > 0 ? run->progress.step >= run->steps : share_done(run) >= 1;
    return budget || elc_run_is_out_of_patience(run);
}

/* Of the next step. Under --hours the decay follows the clock, in milliseconds. */
static double learning_rate(const struct elc_run *run) {
    const struct elc_recipe *recipe = &run->options->recipe;
    const double budget_ms = 3.6e6 * run->options->hours;
    bool is_share = recipe->warmup < 1;
    if (run->steps > 0) {
        double warmup = is_share ? recipe->warmup * (double)run->steps : recipe->warmup;
        return elc_learning_rate(recipe->learning_rate, run->progress.step, run->steps,
                                 (uint64_t)warmup, recipe->decay_power);
    }
    double elapsed_ms = 1e3 * elc_run_elapsed(run);
    double rate = elc_learning_rate(recipe->learning_rate, (uint64_t)elapsed_ms,
                                    (uint64_t)(budget_ms + 1), 0, recipe->decay_power);
    double warmup = is_share ? recipe->warmup * budget_ms : recipe->warmup;
    double at = is_share ? elapsed_ms : (double)run->progress.step;
    return at < warmup ? rate * at / warmup : rate;
}

/* ---- one step ---- */

static int read_batch(struct elc_run *run, struct elc_batch_counts *counts) {
    const struct elc_run_options *options = run->options;
    uint64_t batch = options->recipe.batch_size;
    uint64_t first = run->progress.step * batch;
    uint64_t count = batch;
    if (run->n_texts > 0 && run->n_texts - first < batch)
        count = run->n_texts - first;
    int err = run->task->read(run->task->self, first, count, counts);
    if (err)
        return err;
    if (counts->n_texts == count) { /* the end of a pipe is not of what a step saw */
        run->data_digest = elc_examples_digest(options->train);
        return 0;
    }
    const char *name = elc_examples_name(options->train);
    if (run->steps == 0)
        return elc_fail(ELC_ETRUNCATED,
                        "%s: ended after %" PRIu64 " steps, before the hours were over (a pipe is "
                        "read once: use a file)",
                        name, run->progress.step);
    return elc_fail(ELC_ETRUNCATED,
                    "%s: ended after %" PRIu64 " of %" PRIu64
                    " steps (a pipe is read once: use a file, or fewer --steps)",
                    name, run->progress.step, run->steps);
}

/* The networks that are trained, of two at most. */
static size_t trained_networks(const struct elc_run *run, const struct elc_trained *trained[2]) {
    size_t n = 0;
    for (size_t i = 0; i < 2; i++)
        if (run->checkpoint.networks[i].trained)
            trained[n++] = run->checkpoint.networks[i].trained;
    return n;
}

/* Gradients of the batch that was read, then one update of all networks. */
static int train_batch(struct elc_run *run) {
    const struct elc_recipe *recipe = &run->options->recipe;
    double loss, rate = learning_rate(run), squares = 0;
    int err = run->task->train(run->task->self, run->progress.step, &loss);
    if (err)
        return err;
    const struct elc_trained *trained[2];
    size_t n = trained_networks(run, trained);
    for (size_t i = 0; i < n; i++)
        squares += elc_gradient_squares(run->pool, trained[i]);
    double norm = sqrt(squares);
    if (!isfinite(norm))
        return elc_fail(ELC_ENUMERIC, "the gradient is not finite");
    double factor = elc_clip_factor(norm, recipe->max_grad_norm);
    for (size_t i = 0; i < n; i++)
        elc_adam_update(run->pool, trained[i], &recipe->adam, rate, factor, run->progress.step);
    run->window.n_steps++;
    run->window.loss += loss;
    run->window.grad_norm += norm;
    run->window.learning_rate = rate;
    return 0;
}

static void advance(struct elc_run *run, const struct elc_batch_counts *counts, double started) {
    struct elc_progress *progress = &run->progress;
    progress->step++;
    progress->n_texts += counts->n_texts;
    progress->n_tokens += counts->n_tokens;
    progress->flops += counts->flops;
    progress->flops_paper += counts->flops_paper;
    progress->seconds += elc_run_clock() - started;
    run->window_tokens += counts->n_tokens;
    run->finished = is_spent(run);
}

/* ---- metrics ---- */

static double tokens_per_second(const struct elc_run *run) {
    double seconds = elc_run_clock() - run->window_started_at;
    return seconds > 0 ? (double)run->window_tokens / seconds : NAN;
}

static int fill_line(struct elc_run *run, json_t *line) {
    const struct elc_progress *progress = &run->progress;
    const struct elc_window *window = &run->window;
    const double n_steps = (double)window->n_steps;
    const double n = (double)elc_examples_count(run->options->train);
    const struct elc_named first[] = {
        {"epoch", elc_ratio((double)progress->n_texts, n)},
        {"loss", elc_ratio(window->loss, n_steps)},
    };
    const struct elc_named last[] = {
        {"learning_rate", window->learning_rate},
        {"grad_norm", elc_ratio(window->grad_norm, n_steps)},
        {"tokens_per_second", tokens_per_second(run)},
        {"flops", progress->flops},
        {"seconds", progress->seconds},
        {"flops_paper", progress->flops_paper},
    };
    int err = elc_metrics_add_count(line, "step", progress->step);
    if (!err)
        err = elc_metrics_add(line, "", first, sizeof first / sizeof *first);
    if (!err)
        err = run->task->report(run->task->self, line);
    if (!err)
        err = elc_metrics_add_count(line, "tokens", progress->n_tokens);
    size_t n_last = sizeof last / sizeof *last;
    return err ? err
               : elc_metrics_add(line, "", last, progress->flops_paper > 0 ? n_last : n_last - 1);
}

static int report_training(struct elc_run *run) {
    json_t *line = json_object();
    int err = line ? fill_line(run, line) : elc_fail_memory(0);
    run->window = (struct elc_window){0};
    run->window_started_at = elc_run_clock();
    run->window_tokens = 0;
    if (!err)
        return elc_run_report(run, line);
    json_decref(line);
    return err;
}

static void show_progress(const struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    if (options->progress)
        options->progress(options->context, run->progress.step, share_done(run),
                          elc_ratio(run->window.loss, (double)run->window.n_steps),
                          tokens_per_second(run));
}

static bool every(uint64_t step, uint64_t interval) {
    return interval > 0 && step % interval == 0;
}

static bool checkpoint_due(const struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    if (options->save && *options->save)
        return true;
    if (options->checkpoint_steps > 0)
        return every(run->progress.step, options->checkpoint_steps);
    return elc_run_clock() - run->saved_at >= options->checkpoint_seconds;
}

/* One step and what is due after it. */
static int step(struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    struct elc_batch_counts counts = {0};
    double started = elc_run_clock();
    int err = read_batch(run, &counts);
    if (!err)
        err = train_batch(run);
    if (err == ELC_ENUMERIC)
        return elc_fail(err,
                        "step %" PRIu64 ": %s (the checkpoints before it stay; lower --lr, or "
                        "lengthen --warmup)",
                        run->progress.step + 1, elc_error());
    if (err)
        return err;
    advance(run, &counts, started);
    show_progress(run);
    const uint64_t done = run->progress.step;
    if (run->finished || done == 1 || every(done, options->log_every))
        err = report_training(run);
    if (!err && options->valid && (run->finished || every(done, options->valid_every)))
        err = elc_run_validate(run);
    if (!err && (run->finished || checkpoint_due(run))) {
        if (options->save)
            *options->save = 0;
        err = elc_run_save(run);
    }
    return err;
}

static bool must_stop(const struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    if (options->stop && *options->stop)
        return true;
    return options->stop_after > 0 && elc_run_clock() - run->started_at >= options->stop_after;
}

/* After an error of the input the weights are good: keep them. Other errors leave the checkpoint
 * there is. An input that ends because the whole pipeline was told to stop is no error. */
static int end_badly(struct elc_run *run, int err) {
    bool input =
        err == ELC_ETRUNCATED || err == ELC_EFORMAT || err == ELC_EMISMATCH || err == ELC_ELIMIT;
    bool stopped = run->options->stop && *run->options->stop && (input || err == ELC_ESTOPPED);
    if (run->progress.step == 0 || !(input || stopped))
        return stopped ? ELC_RUN_STOPPED : err;
    char message[1024];
    (void)snprintf(message, sizeof message, "%s", elc_error());
    int failed = elc_run_save(run);
    if (failed || stopped)
        return failed ? failed : ELC_RUN_STOPPED;
    return elc_fail((enum elc_err)err, "%s", message);
}

static int go(struct elc_run *run) {
    run->finished = is_spent(run); /* it may have been cut off between its last two acts */
    while (!run->finished) {
        int err = step(run);
        if (err)
            return end_badly(run, err);
        if (!run->finished && must_stop(run)) {
            err = elc_run_save(run);
            return err ? err : ELC_RUN_STOPPED;
        }
    }
    int err = elc_run_save(run);
    if (!err)
        err = elc_run_mark_done(run->options->directory);
    return err ? err : ELC_RUN_DONE;
}

/* go, to an end that is kept. */
static int go_to_end(struct elc_run *run) {
    int result = go(run);
    if (result != ELC_ENUMERIC || !run->options->keep_divergence)
        return result;
    int err = elc_run_mark_diverged(run);
    return err ? err : result;
}

bool elc_run_is_done(const char *directory) {
    return elc_path_exists(directory, "done");
}

int elc_run(const struct elc_run_options *options, const struct elc_task *task,
            struct elc_run_work *work) {
    struct elc_run run = {
        .options = options, .task = task, .metrics_fd = -1, .saved_step = UINT64_MAX};
    run.started_at = run.saved_at = run.window_started_at = elc_run_clock();
    elc_examples_stop_when(options->train, options->stop);
    int result = set_up(&run);
    if (!result)
        result = elc_run_begin(&run);
    const struct elc_progress before = run.progress;
    if (!result)
        result = go_to_end(&run);
    if (work)
        *work = (struct elc_run_work){run.progress.n_texts - before.n_texts,
                                      run.progress.n_tokens - before.n_tokens,
                                      run.progress.step};
    tear_down(&run);
    return result == ELC_ESTOPPED ? ELC_RUN_STOPPED : result;
}
