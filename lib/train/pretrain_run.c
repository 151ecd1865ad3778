/* Pre-training as a task of a run. */
#include "electra/pretrain_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "electra/flops.h"
#include "pretraining.h"

/* A corrupted stream holds its masks: a second pass would show the same ones. */
static int check_one_pass(const struct elc_run_options *options) {
    uint64_t n = elc_examples_count(options->train);
    uint64_t batch = options->recipe.batch_size;
    bool by_epochs = options->steps == 0 && options->hours == 0;
    if (elc_examples_header(options->train)->kind != ELC_CORRUPTED || n == 0)
        return 0;
    if (by_epochs ? options->epochs == 1 : options->steps <= n / batch)
        return 0;
    return elc_fail(ELC_EINVAL,
                    "%s: %" PRIu64 " corrupted records are one pass, --%s asks for more "
                    "(electra-corrupt --epochs makes more)",
                    elc_examples_name(options->train), n, by_epochs ? "epochs" : "steps");
}

static int open_pretraining(void *self, struct elc_run *run) {
    struct elc_pretraining *p = self;
    p->run = run;
    p->masking = (struct elc_mask_options){
        .mask_prob = p->config.mask_prob,
        .max_length = elc_examples_header(run->options->train)->max_length,
        .seed = run->options->seed,
    };
    const uint32_t n_types = p->config.discriminator.type_vocab_size;
    int err = check_one_pass(run->options);
    if (!err)
        err = elc_pretraining_check_streams(p);
    if (!err)
        err = elc_examples_limit_types(run->options->train, n_types);
    if (!err && run->options->valid)
        err = elc_examples_limit_types(run->options->valid, n_types);
    return err ? err : elc_pretraining_open_networks(p);
}

/* The hashes of the networks that --init named. */
static json_t *init_json(const struct elc_pretrain_init *init) {
    char hashes[2 * sizeof init->main.hash] = "";
    if (init)
        (void)snprintf(hashes, sizeof hashes, "%s%s", init->main.hash, init->generator.hash);
    return json_string(hashes);
}

static int add_settings(const void *self, json_t *settings) {
    const struct elc_pretraining *p = self;
    struct elc_buffer text = {0};
    json_t *config = NULL;
    int err = elc_pretrain_config_format(&p->config, &text);
    if (!err)
        config = json_loadb((const char *)text.data, text.len, 0, NULL);
    /* the objective comes first: shapes follow from it */
    if (!err && (json_object_set_new(settings, "objective", json_string(p->parts->name)) != 0 ||
                 json_object_set_new(settings, "init", init_json(p->job->init)) != 0 || !config ||
                 json_object_update(settings, config) != 0))
        err = elc_fail_memory(0);
    json_decref(config);
    elc_buffer_free(&text);
    return err;
}

static void count(struct elc_batch_counts *counts, const struct elc_pretraining *p) {
    const struct elc_global_batch *batch = &p->batch;
    const uint32_t length = elc_examples_header(p->run->options->train)->max_length;
    *counts = (struct elc_batch_counts){
        .n_texts = batch->n_texts,
        .n_tokens = batch->totals.n_tokens,
        .flops = elc_flops_real(&p->config, p->job->objective, batch->totals.n_tokens,
                                batch->squares, batch->totals.n_masked),
        .flops_paper =
            elc_flops_paper(&p->config, p->job->objective, length, (double)batch->n_texts),
    };
}

/* A corrupted stream is gone through once, whatever --hours says. */
static int read_batch(void *self, uint64_t first, uint64_t n, struct elc_batch_counts *counts) {
    struct elc_pretraining *p = self;
    struct elc_examples *train = p->run->options->train;
    uint64_t there = elc_examples_count(train);
    if (elc_examples_header(train)->kind == ELC_CORRUPTED && there > 0 && first + n > there)
        return elc_fail(ELC_ETRUNCATED,
                        "%s: %" PRIu64 " corrupted records are one pass, and it is over "
                        "(electra-corrupt --epochs makes more)",
                        elc_examples_name(train), there);
    int err = elc_global_batch_fill(&p->batch, train, first, n, &p->masking);
    if (!err)
        err = elc_pretraining_check_streams(p); /* what a live one holds is known by now */
    count(counts, p);
    return err;
}

/* Said once, when the first step begins. */
static void say_notes(const struct elc_pretraining *p) {
    const char *note = (const char *)p->notes.data;
    for (const char *end = note + p->notes.len; note < end; note += strlen(note) + 1)
        elc_run_note(p->run, true, "%s", note);
}

/* Forward and backward over all micro-batches. */
static int train_batch(void *self, uint64_t step, double *loss) {
    struct elc_pretraining *p = self;
    struct elc_pretrain_sums sums = {0};
    if (step == 0)
        say_notes(p);
    for (size_t i = 0; i < p->batch.n_parts; i++) {
        struct elc_pretrain_sums part = {0};
        int err = elc_pretrain_step(&part, p->pretrain, &p->batch.parts[i], step, &p->batch.totals);
        if (err)
            return err;
        elc_pretrain_sums_add(&sums, &part);
    }
    elc_pretrain_window_add(&p->window, p->job->objective, &sums);
    *loss = elc_pretrain_loss(p->job->objective, &p->config, &sums);
    return 0;
}

static int report(void *self, json_t *line) {
    struct elc_pretraining *p = self;
    int err = elc_pretrain_report(line, p->job->objective, &p->window);
    p->window = (struct elc_pretrain_window){0};
    return err;
}

static json_t *save(const void *self) {
    const struct elc_pretraining *p = self;
    return elc_pretrain_window_json(&p->window);
}

static int restore(void *self, const json_t *saved) {
    struct elc_pretraining *p = self;
    return elc_pretrain_window_parse(&p->window, saved);
}

struct elc_recipe elc_pretrain_recipe(const struct elc_pretrain_config *config) {
    return (struct elc_recipe){
        .batch_size = config->train_batch_size,
        .learning_rate = config->learning_rate,
        .decay_power = config->lr_decay_power,
        .warmup = (double)config->num_warmup_steps,
        .adam = {config->adam_beta1, config->adam_beta2, config->adam_epsilon,
                 config->weight_decay_rate, config->adam_bias_correction},
        .max_grad_norm = config->max_grad_norm,
    };
}

int elc_pretrain_run(const struct elc_run_options *options, const struct elc_pretrain_job *job,
                     struct elc_run_work *work) {
    struct elc_pretraining p = {
        .job = job, .parts = elc_objective_parts(job->objective), .config = job->config};
    elc_objective_shape(&p.config, job->objective);
    const char *metrics[ELC_PRETRAIN_METRICS_LIMIT];
    elc_pretrain_valid_names(metrics, job->objective);
    const struct elc_task task = {
        .self = &p,
        .metrics = metrics,
        .open = open_pretraining,
        .settings = add_settings,
        .read = read_batch,
        .train = train_batch,
        .report = report,
        .validate = elc_pretraining_validate,
        .save = save,
        .restore = restore,
    };
    int result = elc_run(options, &task, work);
    elc_pretraining_close_networks(&p);
    elc_global_batch_free(&p.batch);
    return result;
}
