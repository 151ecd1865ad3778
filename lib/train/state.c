/* What a checkpoint says of the run itself, and how a run begins or goes on. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "electra/json_text.h"
#include "same_options.h"

enum { KEEP = 3 }; /* checkpoints, besides the best */

/* ---- settings: what must not change when a run is resumed ---- */

/* Of the run; the task adds its own. */
static json_t *run_settings(const struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    const struct elc_header *header = elc_examples_header(options->train);
    const struct elc_recipe *recipe = &options->recipe;
    bool by_epochs = options->steps == 0 && options->hours == 0;
    char valid[17] = "";
    if (options->valid)
        (void)snprintf(valid, sizeof valid, "%016" PRIx64, elc_examples_digest(options->valid));
    return json_pack(
        "{s:I, s:I, s:f, s:I, s:b, s:I, s:s, s:s, s:I, s:I, s:s, s:s, s:I, "
        "s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:b, s:f}",
        "seed", (json_int_t)options->seed, "steps", (json_int_t)run->steps, "hours",
        run->steps ? 0.0 : options->hours, "epochs", (json_int_t)(by_epochs ? options->epochs : 0),
        "shuffle", elc_examples_shuffled(options->train), "max_length",
        (json_int_t)header->max_length, "vocabulary", header->vocab.xxh3, "input",
        elc_kind_name(header->kind), "log_every", (json_int_t)options->log_every, "valid_every",
        (json_int_t)(options->valid && !options->valid_by_default ? options->valid_every : 0),
        "valid", valid, "metric", options->metric ? options->metric : "", "patience",
        (json_int_t)options->patience, "train_batch_size", (json_int_t)recipe->batch_size,
        "learning_rate", recipe->learning_rate, "num_warmup_steps", recipe->warmup,
        "lr_decay_power", recipe->decay_power, "adam_beta1", recipe->adam.beta1, "adam_beta2",
        recipe->adam.beta2, "adam_epsilon", recipe->adam.epsilon, "weight_decay_rate",
        recipe->adam.weight_decay, "adam_bias_correction", (int)recipe->adam.bias_correction,
        "max_grad_norm", recipe->max_grad_norm);
}

static json_t *settings_json(const struct elc_run *run) {
    json_t *settings = run_settings(run);
    int err = settings ? run->task->settings(run->task->self, settings) : elc_fail_memory(0);
    if (err) {
        json_decref(settings);
        settings = NULL;
    }
    return settings;
}

static json_t *state_json(const struct elc_run *run) {
    char digest[17];
    (void)snprintf(digest, sizeof digest, "%016" PRIx64, run->data_digest);
    json_t *best = run->has_best ? json_pack("{s:I, s:f}", "step", (json_int_t)run->best_step,
                                             "value", run->best_value)
                                 : json_null();
    /* "o" takes each object, also when packing fails */
    json_t *state =
        json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:I, s:s, s:I}", "electra", 1, "settings",
                  settings_json(run), "progress", elc_progress_json(&run->progress), "window",
                  elc_window_json(&run->window), "task", run->task->save(run->task->self), "best",
                  best, "since_best", (json_int_t)run->since_best, "data", digest, "metrics_lines",
                  (json_int_t)run->metrics_lines);
    /* no clock may change the bytes of a checkpoint, unless the clock decides about the run */
    if (state && run->steps == 0 &&
        json_object_set_new(state, "seconds", json_real(elc_run_elapsed(run))) != 0) {
        json_decref(state);
        state = NULL;
    }
    if (!state)
        elc_fail_memory(0);
    return state;
}

/* ---- saving ---- */

static bool is_finite(const struct elc_trained *trained) {
    for (size_t i = 0; trained && i < trained->table->total; i++)
        if (!isfinite(trained->values[i]))
            return false;
    return true;
}

/* Lets the links lead to the checkpoint of the present step, or the best, and removes others. */
static int publish(const struct elc_run *run) {
    const char *directory = run->options->directory;
    uint64_t newest = run->progress.step;
    int err = elc_checkpoint_publish(&run->checkpoint, directory, newest,
                                     run->has_best && !run->best_is_lost ? run->best_step : newest);
    return err ? err
               : elc_checkpoint_prune(directory, newest, KEEP,
                                      run->has_best ? run->best_step : UINT64_MAX);
}

int elc_run_save(struct elc_run *run) {
    if (run->saved_step == run->progress.step)
        return 0;
    const struct elc_run_options *options = run->options;
    for (size_t i = 0; i < 2; i++)
        if (!is_finite(run->checkpoint.networks[i].trained))
            return elc_fail(ELC_ENUMERIC, "after step %" PRIu64 " the weights are not finite",
                            run->progress.step);
    if (fsync(run->metrics_fd) != 0 && errno != EINVAL)
        return elc_fail_errno("%s", run->metrics_path);
    json_t *state = state_json(run);
    char *text = state ? elc_json_dumps(state, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(state);
    int err = text ? elc_checkpoint_save(&run->checkpoint, options->directory, run->progress.step,
                                         text, strlen(text))
                   : elc_fail_memory(0);
    free(text);
    if (err)
        return elc_context(err, "the checkpoint at step %" PRIu64 " cannot be saved",
                           run->progress.step);
    run->saved_step = run->progress.step;
    run->saved_at = elc_run_clock();
    return publish(run);
}

int elc_run_mark_done(const char *directory) {
    char *path = elc_path_join(directory, "done");
    int err = path ? elc_file_write(path, "", 0) : ELC_ENOMEM;
    free(path);
    return err ? err : elc_fsync_directory(directory);
}

int elc_run_mark_diverged(const struct elc_run *run) {
    char digest[17];
    (void)snprintf(digest, sizeof digest, "%016" PRIx64, run->data_digest);
    json_t *state =
        json_pack("{s:i, s:o, s:s}", "electra", 1, "settings", settings_json(run), "data", digest);
    char *text = state ? elc_json_dumps(state, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    char *path = elc_path_join(run->options->directory, "diverged");
    struct elc_output output = {0};
    json_decref(state);
    int err = text && path ? elc_output_open(&output, path) : elc_fail_memory(0);
    if (!err)
        err = elc_output_write(&output, text, strlen(text));
    if (!err)
        err = elc_output_commit(&output);
    elc_output_abandon(&output);
    free(path);
    free(text);
    return err;
}

/* ---- beginning ---- */

/* Cuts the file after its first `lines` lines; `*seconds` becomes the "seconds" of the last line
 * that stays and has them. */
static int cut_metrics(const struct elc_run *run, uint64_t lines, double *seconds) {
    struct elc_map map = {0};
    /* by the same descriptor: closing another one of this file would give up the lock */
    int err = elc_map_fd(&map, run->metrics_fd, run->metrics_path);
    if (err)
        return err;
    const char *text = (const char *)map.data;
    size_t end = 0;
    for (; lines > 0 && end < map.len; lines--) {
        const char *feed = memchr(text + end, '\n', map.len - end);
        size_t next = feed ? (size_t)(feed - text) + 1 : map.len;
        json_t *line = json_loadb(text + end, next - end, 0, NULL);
        const json_t *value = json_object_get(line, "seconds");
        if (json_is_number(value))
            *seconds = json_number_value(value);
        json_decref(line);
        end = next;
    }
    elc_map_close(&map);
    if (ftruncate(run->metrics_fd, (off_t)end) != 0 || lseek(run->metrics_fd, 0, SEEK_END) < 0)
        return elc_fail_errno("%s", run->metrics_path);
    return 0;
}

/* Opens DIR/metrics.jsonl with the lines that the checkpoint knew of, and locks it: one run in a
 * directory. */
static int open_metrics(struct elc_run *run, uint64_t lines) {
    run->metrics_path = elc_path_join(run->options->directory, "metrics.jsonl");
    if (!run->metrics_path)
        return ELC_ENOMEM;
    run->metrics_fd = open(run->metrics_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (run->metrics_fd < 0)
        return elc_fail_errno("%s: cannot be written", run->metrics_path);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(run->metrics_fd, F_SETLK, &lock) != 0 && (errno == EACCES || errno == EAGAIN))
        return elc_fail(ELC_EIO, "%s: another electra-train is at work here",
                        run->options->directory);
    run->metrics_lines = lines;
    return cut_metrics(run, lines, &run->progress.seconds);
}

static void parse_best(struct elc_run *run, const json_t *best) {
    if (!json_is_object(best))
        return;
    run->has_best = true;
    run->best_step = (uint64_t)json_integer_value(json_object_get(best, "step"));
    run->best_value = json_number_value(json_object_get(best, "value"));
}

/* The best checkpoint may be gone: one that was better, and is damaged now, had taken its place. */
static int check_best(struct elc_run *run) {
    const char *directory = run->options->directory;
    if (!run->has_best)
        return 0;
    int whole = elc_checkpoint_is_whole(directory, run->best_step);
    if (whole != 0)
        return whole < 0 ? whole : 0;
    run->best_is_lost = true;
    elc_run_note(run, true,
                 "%s: the best checkpoint so far, of step %" PRIu64
                 ", is gone or damaged: the latest is shown in its place",
                 directory, run->best_step);
    return 0;
}

/* A live input is read again up to where the checkpoint was; then its bytes must be the same. */
static int check_data(struct elc_run *run, const char *digest) {
    struct elc_examples *train = run->options->train;
    if (elc_examples_count(train) == 0 && run->progress.n_texts > 0) {
        struct elc_example example = {0};
        int got = elc_examples_get(train, run->progress.n_texts - 1, &example);
        elc_example_free(&example);
        if (got < 0)
            return got;
    }
    char now[17];
    run->data_digest = elc_examples_digest(train);
    (void)snprintf(now, sizeof now, "%016" PRIx64, run->data_digest);
    if (strcmp(now, digest ? digest : "") != 0)
        return elc_fail(ELC_EMISMATCH, "--resume: %s is not the input this run was started on",
                        elc_examples_name(train));
    return 0;
}

static int check_settings(const struct elc_run *run, const json_t *state) {
    json_t *now = settings_json(run);
    int err = now ? elc_same_options(json_object_get(state, "settings"), now) : ELC_ENOMEM;
    json_decref(now);
    return err;
}

/* Has this very run diverged before? ELC_ENUMERIC, then. */
static int check_diverged(struct elc_run *run) {
    if (!elc_path_exists(run->options->directory, "diverged"))
        return 0;
    struct elc_map map = {0};
    json_t *state = NULL;
    char *path = elc_path_join(run->options->directory, "diverged");
    int err = path ? elc_map_open(&map, path) : ELC_ENOMEM;
    if (!err && !(state = json_loadb((const char *)map.data, map.len, 0, NULL)))
        err = elc_fail(ELC_EFORMAT, "%s: not JSON", path);
    if (!err)
        err = check_settings(run, state);
    if (!err)
        err = check_data(run, json_string_value(json_object_get(state, "data")));
    if (!err)
        err = elc_fail(ELC_ENUMERIC, "%s: the run has diverged", run->options->directory);
    json_decref(state);
    elc_map_close(&map);
    free(path);
    return err;
}

static int restore(struct elc_run *run, const json_t *state, uint64_t step) {
    const struct elc_run_options *options = run->options;
    int err = check_settings(run, state);
    if (!err)
        err = elc_progress_parse(&run->progress, json_object_get(state, "progress"));
    if (!err)
        err = elc_window_parse(&run->window, json_object_get(state, "window"));
    if (!err)
        err = run->task->restore(run->task->self, json_object_get(state, "task"));
    parse_best(run, json_object_get(state, "best"));
    if (!err)
        err = check_best(run);
    run->since_best = (uint64_t)json_integer_value(json_object_get(state, "since_best"));
    run->earlier_seconds = json_number_value(json_object_get(state, "seconds"));
    if (!err && run->progress.step != step)
        err = elc_fail(ELC_EFORMAT, "state.json: the step is not the checkpoint's");
    if (!err)
        err = check_data(run, json_string_value(json_object_get(state, "data")));
    if (!err)
        err = elc_checkpoint_load(&run->checkpoint, options->directory, step);
    if (!err)
        err = open_metrics(run,
                           (uint64_t)json_integer_value(json_object_get(state, "metrics_lines")));
    run->saved_step = step;
    return err;
}

static int resume(struct elc_run *run, uint64_t step) {
    struct elc_buffer text = {0};
    json_t *state = NULL;
    int err = elc_checkpoint_state(run->options->directory, step, &text);
    if (!err && !(state = json_loadb((const char *)text.data, text.len, 0, NULL)))
        err = elc_fail(ELC_EFORMAT, "state.json: not JSON");
    if (!err)
        err = restore(run, state, step);
    json_decref(state);
    elc_buffer_free(&text);
    if (!err)
        err = publish(run); /* it may have been cut off between saving and this */
    if (!err)
        elc_run_note(run, false, "resumed from %s/checkpoint-%" PRIu64, run->options->directory,
                     step);
    return err;
}

int elc_run_begin(struct elc_run *run) {
    const struct elc_run_options *options = run->options;
    const char *directory = options->directory;
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return elc_fail_errno("%s: cannot be created", directory);
    uint64_t step = 0;
    size_t damaged = 0;
    int found = elc_checkpoint_find(directory, &step, &damaged);
    if (!options->resume && (found > 0 || damaged > 0 || elc_run_is_done(directory)))
        return elc_fail(ELC_EINVAL,
                        "%s: there is a run in it already: go on with it by --resume, or choose "
                        "another -o",
                        directory);
    if (found < 0)
        return found;
    int err = elc_checkpoint_check_names(&run->checkpoint, directory);
    if (!err && options->keep_divergence)
        err = check_diverged(run);
    if (err)
        return err;
    if (damaged > 0)
        elc_run_note(run, true, "%s: %zu newer checkpoint(s) are damaged and passed over",
                     directory, damaged);
    return found ? resume(run, step) : open_metrics(run, 0);
}
