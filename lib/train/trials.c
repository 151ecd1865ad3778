/* Trials: a loop around a fine-tuning run. What a trial achieved is read from its checkpoint, so
 * that trials of this call and of an earlier one are alike. */
#include "electra/trials.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "electra/correlation.h"
#include "run.h"

/* One trial that is over. */
struct trial {
    uint64_t seed;
    uint64_t step; /* of the checkpoint that its links lead to */
    double value;  /* of the metric, NaN: it cannot be told */
    bool diverged; /* there is no model of it */
};

struct trials {
    const struct elc_run_options *options;
    struct elc_finetune_job *job;
    struct trial *list;
    uint64_t n, n_done;
    bool has_begun; /* a trial that was not over before */
    struct elc_run_work work;
    double started_at;
};

enum { NAME_BYTES = 64 };

/* "DIR/trial-K", malloced. */
static char *trial_path(const char *directory, uint64_t number) {
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "trial-%" PRIu64, number);
    return elc_path_join(directory, name);
}

/* ---- the directory ---- */

/* What diverges once does so each time. */
static bool has_diverged(const char *trial) {
    return elc_path_exists(trial, "diverged");
}

/* Is there nothing left to do in DIR/trial-K? */
static bool is_over(const char *trial) {
    return elc_run_is_done(trial) || has_diverged(trial);
}

bool elc_trials_are_done(const char *directory, uint64_t n) {
    char *path = trial_path(directory, n);
    const bool done = path && elc_run_is_done(directory) && is_over(path);
    free(path);
    return done;
}

/* 1 if DIR/trial-K is there, 0 if not, or an error. */
static int trial_exists(const char *directory, uint64_t number) {
    char *path = trial_path(directory, number);
    const int found = path ? access(path, F_OK) == 0 : ELC_ENOMEM;
    free(path);
    return found;
}

int elc_trials_check_none(const char *directory) {
    const int found = trial_exists(directory, 1);
    if (found <= 0)
        return found;
    return elc_fail(ELC_EINVAL, "%s: there are trials in it: give --trials, or choose another -o",
                    directory);
}

/* Neither a single run nor, without --resume, another one's trials, nor what its links would
 * replace. */
static int check_directory(const struct trials *trials) {
    const char *directory = trials->options->directory;
    uint64_t step;
    size_t damaged;
    int found = elc_checkpoint_find(directory, &step, &damaged);
    if (found > 0 || damaged > 0)
        return elc_fail(ELC_EINVAL, "%s: there is a run in it, not trials: choose another -o",
                        directory);
    for (uint64_t i = 1; found == 0 && !trials->options->resume && i <= trials->n; i++)
        found = trial_exists(directory, i);
    if (found > 0)
        return elc_fail(ELC_EINVAL,
                        "%s: there are trials in it already: go on with them by --resume, or "
                        "choose another -o",
                        directory);
    return found < 0 ? found : elc_checkpoint_check_model(directory);
}

/* ---- one trial ---- */

/* Its best value, as its newest checkpoint knows it; other checkpoints are no longer needed. */
static int read_result(struct trial *trial, const char *directory) {
    struct elc_buffer text = {0};
    size_t damaged;
    uint64_t newest = 0;
    json_t *state = NULL;
    int err = elc_checkpoint_find(directory, &newest, &damaged);
    if (err == 0)
        return elc_fail(ELC_EIO, "%s: its checkpoints are gone", directory);
    if (err > 0)
        err = elc_checkpoint_state(directory, newest, &text);
    if (!err && !(state = json_loadb((const char *)text.data, text.len, 0, NULL)))
        err = elc_fail(ELC_EFORMAT, "%s: state.json: not JSON", directory);
    const json_t *best = json_object_get(state, "best");
    const bool has_best = json_is_object(best);
    trial->step = newest;
    trial->value = NAN;
    if (!err && has_best) {
        trial->step = (uint64_t)json_integer_value(json_object_get(best, "step"));
        trial->value = json_number_value(json_object_get(best, "value"));
    }
    if (!err)
        err = elc_checkpoint_prune(directory, newest, 1, has_best ? trial->step : UINT64_MAX);
    json_decref(state);
    elc_buffer_free(&text);
    return err;
}

/* Is it time to stop? Else `*left` seconds remain, 0 for no end. Within a time each call gets at
 * least one step further, however long it takes to check the trials that are done. */
static bool must_stop(const struct trials *trials, double *left) {
    const struct elc_run_options *options = trials->options;
    *left = 0;
    if (options->stop_after > 0) {
        *left = options->stop_after - (elc_run_clock() - trials->started_at);
        if (*left <= 0 && trials->work.n_texts > 0)
            return true;
        *left = fmax(*left, 1e-9);
    }
    return options->stop && *options->stop;
}

/* It ended in numbers that are none, for the first time `now`: that is said. */
static int note_divergence(const struct trials *trials, struct trial *trial, const char *directory,
                           bool now) {
    const struct elc_run_options *options = trials->options;
    size_t damaged;
    trial->diverged = true;
    trial->value = NAN;
    if (now && options->note) {
        char text[1024];
        (void)snprintf(text, sizeof text, "trial %" PRIu64 " diverged: %s", trials->n_done + 1,
                       elc_error());
        options->note(options->context, true, text);
    }
    const int found = elc_checkpoint_find(directory, &trial->step, &damaged);
    return found < 0 ? found : 0;
}

/* The run of trial number n_done + 1, and what it achieved. An elc_run_end, or an error. */
static int run_trial(struct trials *trials, struct trial *trial, const char *directory) {
    struct elc_run_options options = *trials->options;
    struct elc_run_work work = {0};
    options.directory = directory;
    options.seed = trial->seed;
    options.keep_divergence = true;
    if (must_stop(trials, &options.stop_after))
        return ELC_RUN_STOPPED;
    const bool is_new = !is_over(directory);
    elc_examples_reseed(options.train, trial->seed);
    const int result = elc_finetune_run(&options, trials->job, &work);
    trials->work.n_texts += work.n_texts;
    trials->work.n_tokens += work.n_tokens;
    if (result == ELC_ENUMERIC && has_diverged(directory))
        return note_divergence(trials, trial, directory, is_new);
    if (result < 0)
        return elc_context(result, "trial %" PRIu64, trials->n_done + 1);
    return result == ELC_RUN_DONE ? read_result(trial, directory) : result;
}

/* ---- what became of them ---- */

/* A model is better than none, and a value than none. */
static bool is_better(const struct trial *trial, const struct trial *best, bool low) {
    if (best->diverged || trial->diverged)
        return best->diverged && !trial->diverged;
    if (isnan(best->value) || isnan(trial->value))
        return isnan(best->value) && !isnan(trial->value);
    return low ? trial->value < best->value : trial->value > best->value;
}

/* The place in the list of the best so far, the first one of equals. */
static uint64_t find_best(const struct trials *trials) {
    const bool low = elc_metric_is_low(trials->options->metric);
    uint64_t best = 0;
    for (uint64_t i = 1; i < trials->n_done; i++)
        if (is_better(&trials->list[i], &trials->list[best], low))
            best = i;
    return best;
}

static bool all_diverged(const struct trials *trials) {
    return trials->n_done == 0 || trials->list[find_best(trials)].diverged;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int summarize(struct elc_trials *summary, const struct trials *trials) {
    const uint64_t n = trials->n_done, best = find_best(trials);
    double *values = calloc(n, sizeof *values);
    double sum = 0, squares = 0;
    if (!values)
        return elc_fail_memory(n * sizeof *values);
    for (uint64_t i = 0; i < n; i++)
        sum += values[i] = trials->list[i].value;
    *summary = (struct elc_trials){
        .n = n,
        .best = best + 1,
        .best_value = trials->list[best].value,
        .mean = sum / (double)n,
        .median = NAN,
        .deviation = NAN,
    };
    for (uint64_t i = 0; i < n; i++)
        squares += (values[i] - summary->mean) * (values[i] - summary->mean);
    if (n > 1)
        summary->deviation = sqrt(squares / (double)(n - 1));
    if (!isnan(sum)) {
        qsort(values, n, sizeof *values, ascending);
        summary->median = (values[(n - 1) / 2] + values[n / 2]) / 2;
    }
    free(values);
    return 0;
}

/* ---- DIR/metrics.jsonl ---- */

static json_t *trial_line(const struct trials *trials, uint64_t i) {
    const struct trial *trial = &trials->list[i];
    const struct elc_named value = {trials->options->metric, trial->value};
    json_t *line = json_object();
    if (!line || elc_metrics_add_count(line, "trial", i + 1) < 0 ||
        elc_metrics_add_count(line, "seed", trial->seed) < 0 ||
        elc_metrics_add_count(line, "step", trial->step) < 0 ||
        elc_metrics_add(line, "valid_", &value, 1) < 0) {
        json_decref(line);
        return NULL;
    }
    return line;
}

static json_t *summary_line(const struct elc_trials *summary, const char *metric) {
    const struct elc_named values[] = {
        {"mean", summary->mean},
        {"deviation", summary->deviation},
        {"median", summary->median},
        {"best", summary->best_value},
    };
    json_t *line = json_object();
    if (!line || elc_metrics_add_count(line, "trials", summary->n) < 0 ||
        json_object_set_new(line, "metric", json_string(metric)) != 0 ||
        elc_metrics_add(line, "", values, sizeof values / sizeof *values) < 0 ||
        elc_metrics_add_count(line, "best_trial", summary->best) < 0) {
        json_decref(line);
        return NULL;
    }
    return line;
}

/* Writes the line, taking it, and tells the listener of `heard` ones. */
static int put_line(const struct trials *trials, struct elc_output *output, json_t *object,
                    bool heard) {
    struct elc_buffer line = {0};
    int err = elc_metrics_line(&line, object);
    if (!err)
        err = elc_output_write(output, line.data, line.len);
    if (!err && heard && trials->options->metrics)
        err = trials->options->metrics(trials->options->context, (const char *)line.data, line.len);
    elc_buffer_free(&line);
    return err;
}

/* The whole file anew, of which the last line is news, if any; `summary` NULL: not all are done. */
static int write_metrics(const struct trials *trials, const struct elc_trials *summary,
                         bool is_news) {
    char *path = elc_path_join(trials->options->directory, "metrics.jsonl");
    struct elc_output output = {0};
    int err = path ? elc_output_open(&output, path) : ELC_ENOMEM;
    if (err) {
        free(path);
        return err;
    }
    for (uint64_t i = 0; !err && i < trials->n_done; i++)
        err = put_line(trials, &output, trial_line(trials, i),
                       is_news && !summary && i + 1 == trials->n_done);
    if (!err && summary)
        err = put_line(trials, &output, summary_line(summary, trials->options->metric), is_news);
    if (!err)
        err = elc_output_commit(&output);
    elc_output_abandon(&output);
    free(path);
    return err;
}

/* ---- all of them ---- */

/* The model of the best trial so far becomes the directory's. */
static int publish(const struct trials *trials) {
    if (all_diverged(trials))
        return 0;
    char target[NAME_BYTES];
    (void)snprintf(target, sizeof target, "trial-%" PRIu64 "/model", find_best(trials) + 1);
    return elc_checkpoint_publish_model(trials->options->directory, target);
}

/* Of this call, the first trial that is not over begins: no longer is the directory done. What an
 * earlier call achieved, which may have been cut off before it said so, is shown all at once: there
 * is no moment when the model is not the best one. */
static int begin(struct trials *trials) {
    if (trials->has_begun)
        return 0;
    trials->has_begun = true;
    char *path = elc_path_join(trials->options->directory, "done");
    int err = path ? 0 : ELC_ENOMEM;
    if (!err && unlink(path) != 0 && errno != ENOENT)
        err = elc_fail_errno("%s: cannot be removed", path);
    free(path);
    if (!err && trials->n_done > 0)
        err = write_metrics(trials, NULL, false);
    return err ? err : publish(trials);
}

/* The next trial, to its end. An elc_run_end, or an error. */
static int next_trial(struct trials *trials) {
    struct trial *trial = &trials->list[trials->n_done];
    char *path = trial_path(trials->options->directory, trials->n_done + 1);
    if (!path)
        return ELC_ENOMEM;
    const bool is_new = !is_over(path);
    trial->seed = trials->options->seed + trials->n_done;
    int result = is_new ? begin(trials) : 0;
    if (!result)
        result = run_trial(trials, trial, path);
    free(path);
    if (result != ELC_RUN_DONE)
        return result;
    trials->n_done++;
    if (is_new)
        result = write_metrics(trials, NULL, true);
    return result || !is_new ? result : publish(trials);
}

/* All are over. */
static int end(struct elc_trials *summary, const struct trials *trials) {
    if (all_diverged(trials))
        return elc_fail(ELC_ENUMERIC, "all trials diverged: lower --lr, or lengthen --warmup");
    int err = summarize(summary, trials);
    if (!err)
        err = write_metrics(trials, summary, true);
    if (!err)
        err = publish(trials);
    return err ? err : elc_run_mark_done(trials->options->directory);
}

int elc_trials_run(struct elc_trials *summary, uint64_t n, const struct elc_run_options *options,
                   struct elc_finetune_job *job, struct elc_run_work *work) {
    struct trials trials = {
        .options = options,
        .job = job,
        .n = n,
        .list = calloc(n, sizeof *trials.list),
        .started_at = elc_run_clock(),
    };
    int result = trials.list ? check_directory(&trials) : elc_fail_memory(n * sizeof *trials.list);
    if (!result && mkdir(options->directory, 0777) != 0 && errno != EEXIST)
        result = elc_fail_errno("%s: cannot be created", options->directory);
    while (!result && trials.n_done < n)
        result = next_trial(&trials);
    if (!result)
        result = end(summary, &trials);
    if (work)
        *work = trials.work;
    free(trials.list);
    return result;
}
