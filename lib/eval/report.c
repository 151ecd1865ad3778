/* Metrics as TSV and JSON. */
#include "evaluation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/json_text.h"
#include "electra/tsv.h"

/* What a report shows, worked out. */
struct shown {
    const struct elc_report *report;
    const struct elc_metric *metrics; /* of the task */
    size_t rows[ELC_METRICS_LIMIT];   /* the places in `metrics` of those shown, in order */
    size_t n;
    bool classes, confusion;
    bool has_intervals;
    double values[ELC_METRICS_LIMIT], against[ELC_METRICS_LIMIT]; /* of all metrics */
    struct elc_interval intervals[ELC_METRICS_LIMIT];
    struct elc_difference differences[ELC_METRICS_LIMIT];
};

/* ---- what to show ---- */

static int fail_unknown(const struct elc_evaluation *evaluation, const char *name) {
    char list[512];
    size_t n, len = 0;
    const struct elc_metric *metrics = elc_evaluation_metrics(evaluation, &n);
    for (size_t i = 0; i < n && len < sizeof list; i++)
        len += (size_t)snprintf(list + len, sizeof list - len, "%s ", metrics[i].name);
    return elc_fail(ELC_EINVAL, "'%s' is no metric of %s; these are: %sclasses confusion", name,
                    elc_evaluation_task(evaluation), list);
}

static int fail_unfit(const char *name, const char *needs) {
    return elc_fail(ELC_EMISMATCH, "%s needs %s", name, needs);
}

static int choose(struct shown *shown, const char *name) {
    const struct elc_evaluation *evaluation = shown->report->evaluation;
    size_t n;
    (void)elc_evaluation_metrics(evaluation, &n);
    if (strcmp(name, "classes") == 0) {
        shown->classes = true;
        return elc_evaluation_classes(evaluation) > 0 ? 0 : fail_unfit(name, "classes");
    }
    if (strcmp(name, "confusion") == 0) {
        shown->confusion = true;
        return elc_evaluation_has_confusion(evaluation)
                   ? 0
                   : fail_unfit(name, "items of one class each, of at most 1000");
    }
    for (size_t i = 0; i < n; i++)
        if (strcmp(shown->metrics[i].name, name) == 0) {
            if (!elc_evaluation_fits(evaluation, i))
                return fail_unfit(name, shown->metrics[i].needs);
            for (size_t k = 0; k < shown->n; k++)
                if (shown->rows[k] == i)
                    return 0;
            shown->rows[shown->n++] = i;
            return 0;
        }
    return fail_unknown(evaluation, name);
}

static int choose_all(struct shown *shown) {
    const struct elc_report *report = shown->report;
    size_t n;
    int err = 0;
    shown->metrics = elc_evaluation_metrics(report->evaluation, &n);
    for (size_t i = 0; !err && i < report->n_metrics; i++)
        err = choose(shown, report->metrics[i]);
    if (err || report->n_metrics > 0)
        return err;
    for (size_t i = 0; i < n; i++)
        if (shown->metrics[i].usual && elc_evaluation_fits(report->evaluation, i))
            shown->rows[shown->n++] = i;
    shown->classes = report->json && elc_evaluation_classes(report->evaluation) > 0;
    shown->confusion = report->json && elc_evaluation_has_confusion(report->evaluation);
    return 0;
}

static void warn_of_undefined(const struct shown *shown) {
    for (size_t i = 0; i < shown->n; i++) {
        const struct elc_metric *metric = &shown->metrics[shown->rows[i]];
        char message[200];
        if (!isnan(shown->values[shown->rows[i]]) || !shown->report->warn)
            continue;
        (void)snprintf(message, sizeof message, "%s is not defined here: it needs %s", metric->name,
                       metric->needs);
        shown->report->warn(shown->report->context, message);
    }
}

static int compute(struct shown *shown) {
    const struct elc_report *report = shown->report;
    int err = elc_evaluation_compute(report->evaluation, NULL, shown->values);
    if (!err && report->against)
        err = elc_evaluation_compute(report->against, NULL, shown->against);
    shown->has_intervals = report->bootstrap.n > 0;
    if (err || !shown->has_intervals)
        return err;
    return report->against
               ? elc_bootstrap_paired(shown->differences, report->evaluation, report->against,
                                      &report->bootstrap)
               : elc_bootstrap(shown->intervals, report->evaluation, &report->bootstrap);
}

/* ---- TSV ---- */

static int put_number(struct elc_buffer *out, double value) {
    return isnan(value) ? elc_buffer_printf(out, "\tnan") : elc_buffer_printf(out, "\t%.6g", value);
}

static int put_numbers(struct elc_buffer *out, const double *values, size_t n) {
    int err = 0;
    for (size_t i = 0; !err && i < n; i++)
        err = put_number(out, values[i]);
    return err;
}

static int put_class(struct elc_buffer *out, const struct elc_evaluation *evaluation, size_t i) {
    size_t len;
    const char *name = elc_evaluation_class(evaluation, i, &len);
    return elc_tsv_text(out, name, len);
}

static int tsv_names(struct elc_buffer *out, const struct shown *shown) {
    int err = elc_buffer_printf(out, "metric\tvalue");
    if (!err && shown->report->against)
        err = elc_buffer_printf(out, "\tagainst\tdifference");
    if (!err && shown->has_intervals)
        err = elc_buffer_printf(out, "\tlow\thigh%s", shown->report->against ? "\tp" : "");
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int tsv_metric(struct elc_buffer *out, const struct shown *shown, size_t i) {
    const struct elc_difference *difference = &shown->differences[i];
    double value = shown->values[i];
    int err = elc_buffer_printf(out, "%s", shown->metrics[i].name);
    if (!err)
        err = put_number(out, value);
    if (!err && shown->report->against) {
        double against = shown->against[i];
        err = put_numbers(out, (double[]){against, value - against}, 2);
        if (!err && shown->has_intervals)
            err = put_numbers(
                out, (double[]){difference->interval.low, difference->interval.high, difference->p},
                3);
    } else if (!err && shown->has_intervals)
        err = put_numbers(out, (double[]){shown->intervals[i].low, shown->intervals[i].high}, 2);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int tsv_classes(struct elc_buffer *out, const struct elc_evaluation *evaluation) {
    int err = elc_buffer_printf(out, "class\tprecision\trecall\tf1\tgold\tpredicted\tcorrect\n");
    for (size_t i = 0; !err && i < elc_evaluation_classes(evaluation); i++) {
        struct elc_counts counts = elc_evaluation_counts(evaluation, i);
        struct elc_prf prf = elc_prf(&counts);
        err = put_class(out, evaluation, i);
        if (!err)
            err = put_numbers(out, (double[]){prf.precision, prf.recall, prf.f1}, 3);
        if (!err)
            err = elc_buffer_printf(out, "\t%llu\t%llu\t%llu\n", (unsigned long long)counts.gold,
                                    (unsigned long long)counts.predicted,
                                    (unsigned long long)counts.correct);
    }
    return err;
}

static int tsv_confusion(struct elc_buffer *out, const struct elc_evaluation *evaluation) {
    size_t n = elc_evaluation_classes(evaluation);
    int err = elc_buffer_printf(out, "gold");
    for (size_t i = 0; !err && i < n; i++) {
        err = elc_buffer_append(out, "\t", 1);
        if (!err)
            err = put_class(out, evaluation, i);
    }
    for (size_t gold = 0; !err && gold < n; gold++) {
        err = elc_buffer_append(out, "\n", 1);
        if (!err)
            err = put_class(out, evaluation, gold);
        for (size_t i = 0; !err && i < n; i++)
            err = elc_buffer_printf(
                out, "\t%llu", (unsigned long long)elc_evaluation_confusion(evaluation, gold, i));
    }
    return err ? err : elc_buffer_append(out, "\n", 1);
}

static int tsv(struct elc_buffer *out, const struct shown *shown) {
    const struct elc_evaluation *evaluation = shown->report->evaluation;
    bool metrics = shown->n > 0;
    int err = metrics && shown->report->names ? tsv_names(out, shown) : 0;
    for (size_t i = 0; !err && i < shown->n; i++)
        err = tsv_metric(out, shown, shown->rows[i]);
    if (!err && shown->classes) {
        if (metrics)
            err = elc_buffer_append(out, "\n", 1);
        if (!err)
            err = tsv_classes(out, evaluation);
    }
    if (!err && shown->confusion) {
        if (metrics || shown->classes)
            err = elc_buffer_append(out, "\n", 1);
        if (!err)
            err = tsv_confusion(out, evaluation);
    }
    return err;
}

/* ---- JSON ---- */

static json_t *json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* object[key] = value, which is taken over; false when out of memory. */
static bool set(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

static bool set_count(json_t *object, const char *key, uint64_t count) {
    return set(object, key, json_integer((json_int_t)count));
}

static bool append(json_t *array, json_t *value) {
    return json_array_append_new(array, value) == 0;
}

static json_t *json_class(const struct elc_evaluation *evaluation, size_t i) {
    size_t len;
    const char *name = elc_evaluation_class(evaluation, i, &len);
    return json_stringn(name, len);
}

static bool json_metrics(json_t *object, const char *key, const struct shown *shown,
                         const double *values) {
    json_t *metrics = json_object();
    bool good = set(object, key, metrics);
    for (size_t i = 0; good && i < shown->n; i++)
        good =
            set(metrics, shown->metrics[shown->rows[i]].name, json_number(values[shown->rows[i]]));
    return good;
}

static bool json_intervals(json_t *object, const struct shown *shown) {
    json_t *intervals = json_object();
    bool good = set(object, "intervals", intervals);
    for (size_t i = 0; good && i < shown->n; i++) {
        const struct elc_interval *interval = &shown->intervals[shown->rows[i]];
        json_t *pair = json_array();
        good = set(intervals, shown->metrics[shown->rows[i]].name, pair) &&
               append(pair, json_number(interval->low)) &&
               append(pair, json_number(interval->high));
    }
    return good;
}

static bool json_differences(json_t *object, const struct shown *shown) {
    json_t *differences = json_object();
    bool good = set(object, "differences", differences);
    for (size_t k = 0; good && k < shown->n; k++) {
        size_t i = shown->rows[k];
        const struct elc_difference *difference = &shown->differences[i];
        json_t *one = json_object();
        good = set(differences, shown->metrics[i].name, one) &&
               set(one, "value", json_number(shown->values[i] - shown->against[i]));
        if (good && shown->has_intervals)
            good = set(one, "low", json_number(difference->interval.low)) &&
                   set(one, "high", json_number(difference->interval.high)) &&
                   set(one, "p", json_number(difference->p));
    }
    return good;
}

static bool json_classes(json_t *object, const struct elc_evaluation *evaluation) {
    json_t *classes = json_array();
    bool good = set(object, "classes", classes);
    for (size_t i = 0; good && i < elc_evaluation_classes(evaluation); i++) {
        struct elc_counts counts = elc_evaluation_counts(evaluation, i);
        struct elc_prf prf = elc_prf(&counts);
        json_t *one = json_object();
        good = append(classes, one) && set(one, "class", json_class(evaluation, i)) &&
               set(one, "precision", json_number(prf.precision)) &&
               set(one, "recall", json_number(prf.recall)) && set(one, "f1", json_number(prf.f1)) &&
               set_count(one, "gold", counts.gold) &&
               set_count(one, "predicted", counts.predicted) &&
               set_count(one, "correct", counts.correct);
    }
    return good;
}

static bool json_confusion(json_t *object, const struct elc_evaluation *evaluation) {
    size_t n = elc_evaluation_classes(evaluation);
    json_t *confusion = json_object();
    bool good = set(object, "confusion", confusion);
    json_t *classes = good ? json_array() : NULL;
    good = good && set(confusion, "classes", classes);
    json_t *counts = good ? json_array() : NULL;
    good = good && set(confusion, "counts", counts);
    for (size_t gold = 0; good && gold < n; gold++) {
        json_t *row = json_array();
        good = append(classes, json_class(evaluation, gold)) && append(counts, row);
        for (size_t i = 0; good && i < n; i++)
            good = append(row,
                          json_integer((json_int_t)elc_evaluation_confusion(evaluation, gold, i)));
    }
    return good;
}

static int json(struct elc_buffer *out, const struct shown *shown) {
    const struct elc_report *report = shown->report;
    const struct elc_evaluation *evaluation = report->evaluation;
    json_t *object = json_object();
    bool good = object && set(object, "task", json_string(elc_evaluation_task(evaluation))) &&
                set_count(object, "texts", elc_evaluation_texts(evaluation));
    if (good && elc_evaluation_rejected(evaluation) > 0)
        good = set_count(object, "rejected", elc_evaluation_rejected(evaluation));
    if (good && shown->n > 0)
        good = json_metrics(object, "metrics", shown, shown->values);
    if (good && shown->n > 0 && report->against)
        good = json_metrics(object, "against", shown, shown->against) &&
               json_differences(object, shown);
    else if (good && shown->n > 0 && shown->has_intervals)
        good = json_intervals(object, shown);
    if (good && shown->has_intervals)
        good = set_count(object, "resamples", report->bootstrap.n);
    if (good && shown->classes)
        good = json_classes(object, evaluation);
    if (good && shown->confusion)
        good = json_confusion(object, evaluation);
    int err = good ? elc_json_append(out, object, JSON_COMPACT | JSON_REAL_PRECISION(15))
                   : elc_fail_memory(0);
    json_decref(object);
    return err ? err : elc_buffer_append(out, "\n", 1);
}

int elc_report(struct elc_buffer *out, const struct elc_report *report) {
    struct shown shown = {.report = report};
    int err = choose_all(&shown);
    if (!err)
        err = compute(&shown);
    if (err)
        return err;
    warn_of_undefined(&shown);
    return report->json ? json(out, &shown) : tsv(out, &shown);
}
