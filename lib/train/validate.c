/* Validation between steps: which checkpoint is the best, and when patience ends. */
#include "run.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

bool elc_metric_is_low(const char *name) {
    return strstr(name, "loss") || strcmp(name, "mse") == 0;
}

/* Does a metric's value beat the best so far? */
static bool is_better(const struct elc_run *run, double value) {
    if (!isfinite(value) || !run->has_best)
        return isfinite(value);
    return elc_metric_is_low(run->options->metric) ? value < run->best_value
                                                   : value > run->best_value;
}

int elc_run_check_metric(const struct elc_run *run) {
    const char *metric = run->options->metric;
    bool known = !metric;
    for (const char *const *name = run->task->metrics; !known && *name; name++)
        known = strcmp(*name, metric) == 0;
    return known ? 0 : elc_fail(ELC_EINVAL, "--metric: '%s' is no metric of validation", metric);
}

bool elc_run_is_out_of_patience(const struct elc_run *run) {
    const uint64_t patience = run->options->patience;
    return patience > 0 && run->since_best >= patience;
}

/* Keeps the checkpoint of this step if it is the best one; ends the run when none was for long. */
static int judge(struct elc_run *run, const json_t *line) {
    char key[64];
    (void)snprintf(key, sizeof key, "valid_%s", run->options->metric);
    const json_t *value = json_object_get(line, key);
    if (json_is_number(value) && is_better(run, json_number_value(value))) {
        run->has_best = true;
        run->best_step = run->progress.step;
        run->best_is_lost = false;
        run->best_value = json_number_value(value);
        run->since_best = 0;
        return elc_run_save(run);
    }
    run->since_best++;
    if (elc_run_is_out_of_patience(run)) {
        run->finished = true;
        elc_run_note(run, false, "%" PRIu64 " validations without a better %s: ended",
                     run->since_best, run->options->metric);
    }
    return 0;
}

int elc_run_validate(struct elc_run *run) {
    json_t *line = json_object();
    int err = line ? elc_metrics_add_count(line, "step", run->progress.step) : elc_fail_memory(0);
    if (!err)
        err = run->task->validate(run->task->self, line);
    if (!err)
        err = elc_run_report(run, json_incref(line));
    if (!err && run->options->metric)
        err = judge(run, line);
    json_decref(line);
    return err ? elc_context(err, "validation") : 0;
}
