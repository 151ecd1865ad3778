/* Where the time goes. */
#include "electra/profile.h"

#include <time.h>

static const char *const names[ELC_N_OPERATIONS] = {
    [ELC_OP_PACK] = "packing of weights",
    [ELC_OP_EMBED] = "embeddings",
    [ELC_OP_QKV] = "queries, keys, values",
    [ELC_OP_ATTENTION] = "attention",
    [ELC_OP_ATTENTION_OUTPUT] = "attention output",
    [ELC_OP_INTERMEDIATE] = "feed-forward, in",
    [ELC_OP_ACTIVATION] = "activation",
    [ELC_OP_OUTPUT] = "feed-forward, out",
    [ELC_OP_NORM] = "residual, LayerNorm",
    [ELC_OP_HEAD] = "heads",
    [ELC_OP_VOCABULARY] = "vocabulary logits",
    [ELC_OP_CROSS_ENTROPY] = "cross-entropy, sampling",
    [ELC_OP_HEAD_BACKWARD] = "back: heads",
    [ELC_OP_VOCABULARY_BACKWARD] = "back: vocabulary",
    [ELC_OP_NORM_BACKWARD] = "back: LayerNorm",
    [ELC_OP_ACTIVATION_BACKWARD] = "back: activation",
    [ELC_OP_ROWS_BACKWARD] = "back: layers' products",
    [ELC_OP_ATTENTION_BACKWARD] = "back: attention",
    [ELC_OP_WEIGHTS] = "back: weights",
    [ELC_OP_EMBED_BACKWARD] = "back: embeddings",
    [ELC_OP_GRADIENT_NORM] = "gradient's norm",
    [ELC_OP_ADAM] = "Adam",
    [ELC_OP_READ] = "reading",
    [ELC_OP_FORMAT] = "results",
};

double elc_profile_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void elc_lap_add(struct elc_lap *lap, enum elc_operation operation, double operations,
                 double numbers) {
    const double now = elc_profile_clock();
    struct elc_operation_cost *cost = &lap->profile->costs[operation];
    cost->seconds += now - lap->since;
    cost->operations += operations;
    cost->numbers += numbers;
    cost->laps++;
    lap->since = now;
}

static void add(struct elc_operation_cost *sum, const struct elc_operation_cost *cost) {
    sum->seconds += cost->seconds;
    sum->operations += cost->operations;
    sum->numbers += cost->numbers;
    sum->laps += cost->laps;
}

static int format_row(struct elc_buffer *out, const char *name,
                      const struct elc_operation_cost *cost, double whole, size_t number_size) {
    const double seconds = cost->seconds > 0 ? cost->seconds : 1;
    return elc_buffer_printf(
        out, "%-26s %10.3f %6.1f %9.1f %8.1f %10llu\n", name, cost->seconds,
        whole > 0 ? 100 * cost->seconds / whole : 0, 1e-9 * cost->operations / seconds,
        1e-9 * cost->numbers * (double)number_size / seconds, (unsigned long long)cost->laps);
}

int elc_profile_format(struct elc_buffer *out, const struct elc_profile *profiles, size_t n,
                       double wall, size_t number_size) {
    const double whole = wall * (double)n;
    struct elc_operation_cost all = {0};
    int err = elc_buffer_printf(out, "%-26s %10s %6s %9s %8s %10s\n", "operation", "seconds", "%",
                                "GFLOP/s", "GB/s", "laps");
    for (int operation = 0; !err && operation < ELC_N_OPERATIONS; operation++) {
        struct elc_operation_cost cost = {0};
        for (size_t i = 0; i < n; i++)
            add(&cost, &profiles[i].costs[operation]);
        add(&all, &cost);
        if (cost.laps > 0)
            err = format_row(out, names[operation], &cost, whole, number_size);
    }
    const struct elc_operation_cost rest = {.seconds = whole - all.seconds};
    if (!err)
        err = format_row(out, "other, and waiting", &rest, whole, number_size);
    all.seconds = whole;
    return err ? err : format_row(out, "all threads", &all, whole, number_size);
}
