/* A pre-training run: its loop of steps. */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "electra/flops.h"

enum { DISCRIMINATOR = 0, GENERATOR = 1 };

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
    int err = elc_json_line(&run->line, object);
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

/* A corrupted stream holds its masks: a second pass would show the same ones. */
static int check_one_pass(const struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    uint64_t n = elc_examples_count(options->train);
    uint64_t batch = options->config.train_batch_size;
    if (elc_examples_header(options->train)->kind != ELC_CORRUPTED || n == 0)
        return 0;
    if (options->steps == 0 ? options->epochs == 1 : options->steps <= n / batch)
        return 0;
    return elc_fail(ELC_EINVAL,
                    "%s: %" PRIu64 " masked records are one pass, --%s asks for more "
                    "(electra-corrupt --epochs makes more)",
                    elc_examples_name(options->train), n, options->steps ? "steps" : "epochs");
}

/* How long the run is, from --steps or from --epochs and the size of the input. */
static int plan(struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    uint64_t batch = options->config.train_batch_size;
    uint64_t n = elc_examples_count(options->train);
    run->steps = options->steps;
    if (n > 0 && n < batch)
        return elc_fail(ELC_EMISMATCH,
                        "%s: %" PRIu64 " records, fewer than the %" PRIu64
                        " of one batch: lower --batch or give more text",
                        elc_examples_name(options->train), n, batch);
    if (options->steps == 0) {
        run->n_texts = n * options->epochs;
        run->steps = (run->n_texts + batch - 1) / batch;
    }
    if (run->steps == 0)
        return elc_fail(ELC_EMISMATCH, "%s: no records, nothing to train on",
                        elc_examples_name(options->train));
    return 0;
}

static int make_network(struct elc_run *run, int which, bool shared) {
    const struct elc_run_options *options = run->options;
    const struct elc_config *config =
        which == GENERATOR ? &options->config.generator : &options->config.discriminator;
    int err = elc_table_build(&run->tables[which], config, shared);
    if (err)
        return err;
    run->values[which] = elc_calloc_aligned(run->tables[which].total, sizeof(elc_float));
    if (!run->values[which])
        return ELC_ENOMEM;
    elc_table_init(&run->tables[which], run->values[which], options->seed,
                   config->initializer_range);
    return elc_trained_init(&run->trained[which], &run->tables[which], run->values[which]);
}

static int make_networks(struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    int err = make_network(run, DISCRIMINATOR, false);
    if (!err)
        err = make_network(run, GENERATOR, true);
    if (err)
        return err;
    const struct elc_header *header = elc_examples_header(options->train);
    const struct elc_pretrain_setup setup = {
        .config = &options->config,
        .objective = ELC_OBJECTIVE_ELECTRA,
        .discriminator_table = &run->tables[DISCRIMINATOR],
        .discriminator = run->values[DISCRIMINATOR],
        .d_discriminator = run->trained[DISCRIMINATOR].gradients,
        .generator_table = &run->tables[GENERATOR],
        .generator = run->values[GENERATOR],
        .d_generator = run->trained[GENERATOR].gradients,
        .mask_id = header->vocab.mask,
        .seed = options->seed,
        .pool = run->pool,
    };
    run->checkpoint = (struct elc_checkpoint){
        .networks = {{"discriminator", &options->config.discriminator,
                      &run->trained[DISCRIMINATOR]},
                     {"generator", &options->config.generator, &run->trained[GENERATOR]}},
        .vocab = options->vocab,
        .cased = header->tokenizer.cased,
        .strip_accents = header->tokenizer.strip_accents,
        .max_length = header->max_length,
    };
    return elc_pretrain_new(&run->pretrain, &setup);
}

static int set_up(struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    const struct elc_header *header = elc_examples_header(options->train);
    run->masking = (struct elc_mask_options){
        .mask_prob = options->config.mask_prob,
        .max_length = header->max_length,
        .seed = options->seed,
    };
    int err = elc_run_check_metric(run);
    if (!err)
        err = check_one_pass(run);
    if (!err)
        err = plan(run);
    if (!err)
        err = elc_pool_new(&run->pool, options->n_threads);
    return err ? err : make_networks(run);
}

static void tear_down(struct elc_run *run) {
    elc_pretrain_destroy(run->pretrain);
    for (int i = 0; i < 2; i++) {
        elc_trained_free(&run->trained[i]);
        free(run->values[i]);
        elc_table_free(&run->tables[i]);
    }
    elc_global_batch_free(&run->batch);
    elc_pool_destroy(run->pool);
    elc_buffer_free(&run->line);
    if (run->metrics_fd >= 0)
        close(run->metrics_fd);
    free(run->metrics_path);
}

/* ---- one step ---- */

static int read_batch(struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    uint64_t batch = options->config.train_batch_size;
    uint64_t first = run->progress.step * batch;
    uint64_t count = batch;
    if (run->n_texts > 0 && run->n_texts - first < batch)
        count = run->n_texts - first;
    int err = elc_global_batch_fill(&run->batch, options->train, first, count, &run->masking);
    if (!err && run->batch.n_texts < count)
        err = elc_fail(ELC_ETRUNCATED,
                       "%s: ended after %" PRIu64 " of %" PRIu64
                       " steps (a pipe is read once: use a file, or fewer --steps)",
                       elc_examples_name(options->train), run->progress.step, run->steps);
    if (!err && run->batch.example.has_replacements)
        err = elc_fail(ELC_EMISMATCH,
                       "%s: holds replacements, where the generator is to draw its own",
                       elc_examples_name(options->train));
    if (!err)
        run->data_digest = elc_examples_digest(options->train);
    return err;
}

/* Forward and backward over all micro-batches, then one update of both networks. */
static int train_batch(struct elc_run *run) {
    const struct elc_pretrain_config *config = &run->options->config;
    struct elc_pretrain_sums sums = {0};
    for (size_t i = 0; i < run->batch.n_parts; i++) {
        struct elc_pretrain_sums part = {0};
        int err = elc_pretrain_step(&part, run->pretrain, &run->batch.parts[i], run->progress.step,
                                    &run->batch.totals);
        if (err)
            return err;
        elc_pretrain_sums_add(&sums, &part);
    }
    double squares = elc_gradient_squares(run->pool, &run->trained[DISCRIMINATOR]) +
                     elc_gradient_squares(run->pool, &run->trained[GENERATOR]);
    double norm = sqrt(squares);
    if (!isfinite(norm))
        return elc_fail(ELC_ENUMERIC, "the gradient is not finite");
    const struct elc_adam adam = {config->adam_beta1, config->adam_beta2, config->adam_epsilon,
                                  config->weight_decay_rate, config->adam_bias_correction};
    double rate = elc_learning_rate(config->learning_rate, run->progress.step, run->steps,
                                    config->num_warmup_steps, config->lr_decay_power);
    double factor = elc_clip_factor(norm, config->max_grad_norm);
    for (int i = 0; i < 2; i++)
        elc_adam_update(run->pool, &run->trained[i], &adam, rate, factor, run->progress.step);
    elc_window_add(&run->window, config, &sums, norm, rate);
    return 0;
}

static void advance(struct elc_run *run, double started) {
    const struct elc_run_options *options = run->options;
    uint32_t length = elc_examples_header(options->train)->max_length;
    const struct elc_global_batch *batch = &run->batch;
    run->progress.step++;
    run->progress.n_texts += batch->n_texts;
    run->progress.n_tokens += batch->totals.n_tokens;
    run->progress.flops += elc_flops_real(&options->config, batch->totals.n_tokens, batch->squares,
                                          batch->totals.n_masked);
    run->progress.flops_paper += elc_flops_paper(&options->config, length, (double)batch->n_texts);
    run->progress.seconds += elc_run_clock() - started;
    run->window_tokens += batch->totals.n_tokens;
}

static int report_training(struct elc_run *run) {
    uint64_t n = elc_examples_count(run->options->train);
    double epoch = n > 0 ? (double)run->progress.n_texts / (double)n : NAN;
    double seconds = elc_run_clock() - run->window_started_at;
    json_t *object = elc_metrics_train(&run->window, &run->progress, epoch,
                                       seconds > 0 ? (double)run->window_tokens / seconds : NAN);
    run->window = (struct elc_window){0};
    run->window_started_at = elc_run_clock();
    run->window_tokens = 0;
    return object ? elc_run_report(run, object) : ELC_ENOMEM;
}

static void show_progress(const struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    if (!options->progress)
        return;
    double seconds = elc_run_clock() - run->window_started_at;
    double loss = run->window.n_steps > 0 ? run->window.loss / (double)run->window.n_steps : NAN;
    options->progress(options->context, run->progress.step, run->steps, loss,
                      seconds > 0 ? (double)run->window_tokens / seconds : NAN);
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
    double started = elc_run_clock();
    int err = read_batch(run);
    if (!err)
        err = train_batch(run);
    if (err == ELC_ENUMERIC)
        return elc_fail(err,
                        "step %" PRIu64 ": %s (the checkpoints before it stay; lower --lr, or "
                        "lengthen --warmup)",
                        run->progress.step + 1, elc_error());
    if (err)
        return err;
    advance(run, started);
    show_progress(run);
    bool last = run->progress.step == run->steps;
    if (last || run->progress.step == 1 || every(run->progress.step, options->log_every))
        err = report_training(run);
    if (!err && options->valid && (last || every(run->progress.step, options->valid_every)))
        err = elc_run_validate(run);
    if (!err && (last || checkpoint_due(run))) {
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
    while (run->progress.step < run->steps) {
        int err = step(run);
        if (err)
            return end_badly(run, err);
        if (run->progress.step < run->steps && must_stop(run)) {
            err = elc_run_save(run);
            return err ? err : ELC_RUN_STOPPED;
        }
    }
    int err = elc_run_save(run);
    if (!err)
        err = elc_run_mark_done(run);
    return err ? err : ELC_RUN_DONE;
}

bool elc_run_is_done(const char *directory) {
    char *path = elc_path_join(directory, "done");
    bool done = path && access(path, F_OK) == 0;
    free(path);
    return done;
}

int elc_run(const struct elc_run_options *options, uint64_t *texts, uint64_t *tokens) {
    struct elc_run run = {.options = options, .metrics_fd = -1, .saved_step = UINT64_MAX};
    run.started_at = run.saved_at = run.window_started_at = elc_run_clock();
    elc_examples_stop_when(options->train, options->stop);
    int result = set_up(&run);
    if (!result)
        result = elc_run_begin(&run);
    const struct elc_progress before = run.progress;
    if (!result)
        result = go(&run);
    if (texts)
        *texts = run.progress.n_texts - before.n_texts;
    if (tokens)
        *tokens = run.progress.n_tokens - before.n_tokens;
    tear_down(&run);
    return result == ELC_ESTOPPED ? ELC_RUN_STOPPED : result;
}
