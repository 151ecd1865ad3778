/* Pre-training as a task of a run: both networks, a batch of masked texts, validation. */
#include "electra/pretrain_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "batches.h"
#include "electra/auc.h"
#include "electra/flops.h"
#include "pretrain_metrics.h"
#include "run.h"

enum {
    DISCRIMINATOR = 0,
    GENERATOR = 1,
    VALID_TEXTS = 64, /* read at a time */
};

struct pretraining {
    const struct elc_pretrain_job *job;
    const struct elc_run *run;
    struct elc_table tables[2];
    elc_float *values[2];
    struct elc_trained trained[2];
    struct elc_pretrain *pretrain;
    struct elc_mask_options masking;
    struct elc_global_batch batch;
    struct elc_pretrain_window window;
};

/* ---- networks ---- */

/* A corrupted stream holds its masks: a second pass would show the same ones. */
static int check_one_pass(const struct elc_run_options *options) {
    uint64_t n = elc_examples_count(options->train);
    uint64_t batch = options->recipe.batch_size;
    if (elc_examples_header(options->train)->kind != ELC_CORRUPTED || n == 0)
        return 0;
    bool by_epochs = options->steps == 0 && options->hours == 0;
    if (by_epochs ? options->epochs == 1 : options->steps <= n / batch)
        return 0;
    return elc_fail(ELC_EINVAL,
                    "%s: %" PRIu64 " masked records are one pass, --%s asks for more "
                    "(electra-corrupt --epochs makes more)",
                    elc_examples_name(options->train), n, by_epochs ? "epochs" : "steps");
}

static int make_network(struct pretraining *p, int which, const struct elc_config *config,
                        bool shared) {
    int err = elc_table_build(&p->tables[which], config, shared);
    if (err)
        return err;
    p->values[which] = elc_calloc_aligned(p->tables[which].total, sizeof(elc_float));
    if (!p->values[which])
        return ELC_ENOMEM;
    elc_table_init(&p->tables[which], p->values[which], p->run->options->seed,
                   config->initializer_range);
    return elc_trained_init(&p->trained[which], &p->tables[which], p->values[which]);
}

static int open_networks(struct pretraining *p) {
    const struct elc_header *header = elc_examples_header(p->run->options->train);
    const struct elc_pretrain_setup setup = {
        .config = &p->job->config,
        .objective = ELC_OBJECTIVE_ELECTRA,
        .discriminator_table = &p->tables[DISCRIMINATOR],
        .discriminator = p->values[DISCRIMINATOR],
        .d_discriminator = p->trained[DISCRIMINATOR].gradients,
        .generator_table = &p->tables[GENERATOR],
        .generator = p->values[GENERATOR],
        .d_generator = p->trained[GENERATOR].gradients,
        .mask_id = header->vocab.mask,
        .seed = p->run->options->seed,
        .pool = p->run->pool,
    };
    return elc_pretrain_new(&p->pretrain, &setup);
}

static int open_pretraining(void *self, struct elc_run *run) {
    struct pretraining *p = self;
    const struct elc_run_options *options = run->options;
    const struct elc_header *header = elc_examples_header(options->train);
    p->run = run;
    p->masking = (struct elc_mask_options){
        .mask_prob = p->job->config.mask_prob,
        .max_length = header->max_length,
        .seed = options->seed,
    };
    run->checkpoint = (struct elc_checkpoint){
        .networks = {{"discriminator", &p->job->config.discriminator, &p->trained[DISCRIMINATOR]},
                     {"generator", &p->job->config.generator, &p->trained[GENERATOR]}},
        .vocab = p->job->vocab,
        .cased = header->tokenizer.cased,
        .strip_accents = header->tokenizer.strip_accents,
        .max_length = header->max_length,
    };
    int err = check_one_pass(options);
    if (!err)
        err = make_network(p, DISCRIMINATOR, &p->job->config.discriminator, false);
    if (!err)
        err = make_network(p, GENERATOR, &p->job->config.generator, true);
    return err ? err : open_networks(p);
}

static void close_pretraining(struct pretraining *p) {
    elc_pretrain_destroy(p->pretrain);
    for (int i = 0; i < 2; i++) {
        elc_trained_free(&p->trained[i]);
        free(p->values[i]);
        elc_table_free(&p->tables[i]);
    }
    elc_global_batch_free(&p->batch);
}

static int add_settings(const void *self, json_t *settings) {
    const struct pretraining *p = self;
    struct elc_buffer text = {0};
    json_t *config = NULL;
    int err = elc_pretrain_config_format(&p->job->config, &text);
    if (!err)
        config = json_loadb((const char *)text.data, text.len, 0, NULL);
    if (!err && (!config || json_object_update(settings, config) != 0))
        err = elc_fail_memory(0);
    json_decref(config);
    elc_buffer_free(&text);
    return err;
}

/* ---- a step ---- */

static int read_batch(void *self, uint64_t first, uint64_t count, struct elc_batch_counts *counts) {
    struct pretraining *p = self;
    struct elc_examples *train = p->run->options->train;
    const struct elc_global_batch *batch = &p->batch;
    int err = elc_global_batch_fill(&p->batch, train, first, count, &p->masking);
    if (!err && batch->example.has_replacements)
        err = elc_fail(ELC_EMISMATCH,
                       "%s: holds replacements, where the generator is to draw its own",
                       elc_examples_name(train));
    *counts = (struct elc_batch_counts){
        .n_texts = batch->n_texts,
        .n_tokens = batch->totals.n_tokens,
        .flops = elc_flops_real(&p->job->config, batch->totals.n_tokens, batch->squares,
                                batch->totals.n_masked),
        .flops_paper = elc_flops_paper(&p->job->config, elc_examples_header(train)->max_length,
                                       (double)batch->n_texts),
    };
    return err;
}

/* Forward and backward over all micro-batches. */
static int train_batch(void *self, uint64_t step, double *loss) {
    struct pretraining *p = self;
    struct elc_pretrain_sums sums = {0};
    for (size_t i = 0; i < p->batch.n_parts; i++) {
        struct elc_pretrain_sums part = {0};
        int err = elc_pretrain_step(&part, p->pretrain, &p->batch.parts[i], step, &p->batch.totals);
        if (err)
            return err;
        elc_pretrain_sums_add(&sums, &part);
    }
    elc_pretrain_window_add(&p->window, &sums);
    *loss = elc_pretrain_loss(&p->job->config, &sums);
    return 0;
}

static int report(void *self, json_t *line) {
    struct pretraining *p = self;
    int err = elc_pretrain_report(line, &p->window);
    p->window = (struct elc_pretrain_window){0};
    return err;
}

static json_t *save(const void *self) {
    const struct pretraining *p = self;
    return elc_pretrain_window_json(&p->window);
}

static int restore(void *self, const json_t *saved) {
    struct pretraining *p = self;
    return elc_pretrain_window_parse(&p->window, saved);
}

/* ---- validation ----
 *
 * Both networks without dropout on a stream of their own, masked the same way each time. */

struct validation {
    struct elc_pretrain_sums sums;
    struct elc_scored by_logit;
    struct elc_scored by_frequency; /* the same tokens, rare ones scoring high */
};

static int score_tokens(struct validation *validation, const struct pretraining *p,
                        size_t n_tokens) {
    const elc_float *logits = elc_pretrain_logits(p->pretrain);
    const uint8_t *labels = elc_pretrain_labels(p->pretrain);
    const uint32_t *ids = elc_pretrain_corrupted(p->pretrain);
    const uint64_t *frequencies = elc_examples_frequencies(p->run->options->train);
    int err = 0;
    for (size_t i = 0; !err && i < n_tokens; i++) {
        err = elc_scored_add(&validation->by_logit, (float)logits[i], labels[i]);
        if (!err && frequencies)
            err = elc_scored_add(&validation->by_frequency,
                                 (float)-log((double)frequencies[ids[i]] + 1), labels[i]);
    }
    return err;
}

/* `first`: the number of the batch's first text. Places name the random numbers: the texts are
 * numbered through. */
static int evaluate_batch(struct validation *validation, const struct pretraining *p,
                          struct elc_global_batch *batch, uint64_t first) {
    int err = 0;
    for (size_t i = 0; !err && i < batch->n_parts; i++) {
        struct elc_pretrain_batch *part = &batch->parts[i];
        struct elc_pretrain_sums sums = {0};
        for (size_t k = 0; k < part->texts.n_sequences; k++)
            part->texts.places[k] += first;
        err = elc_pretrain_evaluate(&sums, p->pretrain, part, 0);
        elc_pretrain_sums_add(&validation->sums, &sums);
        if (!err)
            err = score_tokens(validation, p, part->texts.n_tokens);
    }
    return err;
}

static int validate(void *self, json_t *line) {
    const struct pretraining *p = self;
    struct elc_examples *valid = p->run->options->valid;
    struct validation validation = {0};
    struct elc_global_batch batch = {0};
    uint64_t n = elc_examples_count(valid);
    int err = 0;
    for (uint64_t first = 0; !err && first < n; first += VALID_TEXTS) {
        uint64_t count = n - first < VALID_TEXTS ? n - first : VALID_TEXTS;
        err = elc_global_batch_fill(&batch, valid, first, count, &p->masking);
        if (!err)
            err = evaluate_batch(&validation, p, &batch, first);
    }
    if (!err)
        err = elc_pretrain_report_valid(
            line, &p->job->config, &validation.sums, elc_auc(&validation.by_logit),
            validation.by_frequency.n > 0 ? elc_auc(&validation.by_frequency) : NAN);
    elc_scored_free(&validation.by_logit);
    elc_scored_free(&validation.by_frequency);
    elc_global_batch_free(&batch);
    return err;
}

/* ---- the run ---- */

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
    struct pretraining p = {.job = job};
    const struct elc_task task = {
        .self = &p,
        .metrics = elc_pretrain_valid_names,
        .open = open_pretraining,
        .settings = add_settings,
        .read = read_batch,
        .train = train_batch,
        .report = report,
        .validate = validate,
        .save = save,
        .restore = restore,
    };
    int result = elc_run(options, &task, work);
    close_pretraining(&p);
    return result;
}
