/* Generator, sampling, discriminator: one micro-batch of pre-training. */
#include "electra/pretrain.h"

#include <math.h>
#include <stdlib.h>

#include "electra/memory.h"
#include "pretrain_pass.h"

/* ---- made and unmade ---- */

static void side_free(struct elc_side *side) {
    elc_weights_free(&side->weights);
    elc_weights_free(&side->gradients);
    elc_activations_free(side->activations);
}

static int side_open(struct elc_side *side, const struct elc_config *config,
                     const struct elc_table *table, elc_float *block, elc_float *d_block,
                     const struct elc_side *owner) {
    const struct elc_weights *weights = owner->present ? &owner->weights : NULL;
    const struct elc_weights *gradients = owner->present ? &owner->gradients : NULL;
    int err = elc_weights_of_block(&side->weights, config, table, block, weights);
    if (!err && d_block)
        err = elc_weights_of_block(&side->gradients, config, table, d_block, gradients);
    side->present = true;
    return err;
}

int elc_pretrain_new(struct elc_pretrain **pretrain_out, const struct elc_pretrain_setup *setup) {
    struct elc_pretrain *pretrain = calloc(1, sizeof *pretrain);
    if (!pretrain)
        return elc_fail_memory(sizeof *pretrain);
    pretrain->setup = *setup;
    pretrain->parts = elc_objective_parts(setup->objective);
    struct elc_side *discriminator = &pretrain->discriminator, *generator = &pretrain->generator;
    int err = 0;
    if (pretrain->parts->discriminator)
        err = side_open(discriminator, &setup->config->discriminator, setup->discriminator_table,
                        setup->discriminator, setup->d_discriminator, &(struct elc_side){0});
    if (!err && pretrain->parts->generator)
        err = side_open(generator, &setup->config->generator, setup->generator_table,
                        setup->generator, setup->d_generator, discriminator);
    if (err) {
        elc_pretrain_destroy(pretrain);
        return err;
    }
    *pretrain_out = pretrain;
    return 0;
}

static void free_predictions(struct elc_predictions *predictions) {
    free(predictions->rows);
    free(predictions->targets);
    free(predictions->uniforms);
    free(predictions->results);
}

void elc_pretrain_destroy(struct elc_pretrain *pretrain) {
    if (!pretrain)
        return;
    side_free(&pretrain->discriminator);
    side_free(&pretrain->generator);
    free_predictions(&pretrain->filled);
    free_predictions(&pretrain->restored);
    free(pretrain->masked_ids);
    free(pretrain->corrupted);
    free(pretrain->labels);
    free(pretrain->d_logits);
    free(pretrain);
}

/* ---- memory ---- */

int elc_predictions_reserve(struct elc_predictions *predictions, size_t n) {
    size_t rows = predictions->capacity, targets = rows, uniforms = rows, results = rows;
    int err = elc_grow(&predictions->rows, &rows, n, sizeof *predictions->rows);
    if (!err)
        err = elc_grow(&predictions->targets, &targets, n, sizeof *predictions->targets);
    if (!err)
        err = elc_grow(&predictions->uniforms, &uniforms, n, sizeof *predictions->uniforms);
    if (!err)
        err = elc_grow(&predictions->results, &results, n, sizeof *predictions->results);
    if (!err)
        predictions->capacity = rows;
    return err;
}

static int reserve_tokens(struct elc_pretrain *p, size_t n) {
    size_t ids = p->token_capacity, corrupted = ids, labels = ids, d_logits = ids;
    int err = elc_grow(&p->masked_ids, &ids, n, sizeof *p->masked_ids);
    if (!err)
        err = elc_grow(&p->corrupted, &corrupted, n, sizeof *p->corrupted);
    if (!err)
        err = elc_grow(&p->labels, &labels, n, sizeof *p->labels);
    if (!err)
        err = elc_grow(&p->d_logits, &d_logits, n, sizeof *p->d_logits);
    if (!err)
        p->token_capacity = ids;
    return err;
}

/* ---- the step ---- */

int elc_pretrain_open_pass(struct elc_pass *pass, const struct elc_pretrain_call *call,
                           struct elc_side *side, const struct elc_batch *texts,
                           unsigned site_network) {
    const struct elc_pretrain_setup *setup = &call->pretrain->setup;
    const struct elc_config *config = &side->weights.config;
    int err = elc_batch_check(texts, config);
    if (!err)
        err = elc_activations_prepare(&side->activations, config, texts, call->train,
                                      elc_pool_threads(setup->pool));
    if (err)
        return err;
    *pass = (struct elc_pass){
        .a = side->activations,
        .weights = &side->weights,
        .gradients = &side->gradients,
        .batch = texts,
        .pool = setup->pool,
        .site_network = site_network,
    };
    if (call->train) {
        elc_dropout_init(&pass->hidden_dropout, config->hidden_dropout_prob, setup->seed,
                         call->step);
        elc_dropout_init(&pass->attention_dropout, config->attention_probs_dropout_prob,
                         setup->seed, call->step);
    }
    return 0;
}

static int check_loss(const char *name, double loss) {
    return isfinite(loss) ? 0 : elc_fail(ELC_ENUMERIC, "the %s loss is not finite", name);
}

static int run(const struct elc_pretrain_call *call) {
    struct elc_pretrain *p = call->pretrain;
    const struct elc_pretrain_batch *batch = call->batch;
    struct elc_pretrain_sums *sums = call->sums;
    *sums =
        (struct elc_pretrain_sums){.n_masked = batch->n_masked, .n_tokens = batch->texts.n_tokens};
    if (!p->generator.present && !batch->given && batch->n_masked > 0)
        return elc_fail(ELC_EINVAL, "the batch has no replacements, and no generator is there");
    const struct elc_side *any = p->generator.present ? &p->generator : &p->discriminator;
    int err = elc_batch_check(&batch->texts, &any->weights.config);
    if (!err)
        err = reserve_tokens(p, batch->texts.n_tokens);
    if (!err && p->generator.present && batch->n_masked > 0) {
        err = elc_pretrain_generator(call);
        if (!err)
            err = check_loss("generator's", sums->generator_loss);
    }
    if (!err && p->discriminator.present && batch->texts.n_tokens > 0) {
        err = elc_pretrain_discriminator(call);
        if (!err)
            err = check_loss("discriminator's", sums->discriminator_loss);
    }
    return err;
}

int elc_pretrain_step(struct elc_pretrain_sums *sums, struct elc_pretrain *pretrain,
                      const struct elc_pretrain_batch *batch, uint64_t step,
                      const struct elc_pretrain_totals *totals) {
    const struct elc_pretrain_config *config = pretrain->setup.config;
    const struct elc_objective_parts *parts = pretrain->parts;
    const uint64_t n_counted = parts->everywhere ? totals->n_tokens : totals->n_masked;
    struct elc_pretrain_call call = {
        .pretrain = pretrain, .batch = batch, .sums = sums, .step = step, .train = true};
    if (totals->n_masked > 0)
        call.generator_weight = config->gen_weight / (double)totals->n_masked;
    if (n_counted > 0)
        call.discriminator_weight =
            (parts->predicts_tokens ? config->token_weight : config->disc_weight) /
            (double)n_counted;
    return run(&call);
}

int elc_pretrain_evaluate(struct elc_pretrain_sums *sums, struct elc_pretrain *pretrain,
                          const struct elc_pretrain_batch *batch, uint64_t step) {
    const struct elc_pretrain_call call = {
        .pretrain = pretrain, .batch = batch, .sums = sums, .step = step};
    return run(&call);
}

/* ---- what the last call left ---- */

const elc_float *elc_pretrain_logits(const struct elc_pretrain *pretrain) {
    const struct elc_activations *a = pretrain->discriminator.activations;
    return a && !pretrain->parts->predicts_tokens ? a->logits : NULL;
}

const uint8_t *elc_pretrain_labels(const struct elc_pretrain *pretrain) {
    return pretrain->discriminator.present ? pretrain->labels : NULL;
}

const uint32_t *elc_pretrain_corrupted(const struct elc_pretrain *pretrain) {
    return pretrain->discriminator.present ? pretrain->corrupted : NULL;
}
