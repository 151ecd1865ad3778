/* Generator, sampling, discriminator: one micro-batch of pre-training. */
#include "electra/pretrain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "activations.h"
#include "discriminator.h"
#include "electra/memory.h"
#include "electra/random.h"
#include "generator.h"

/* One of the two networks, if the objective has it. */
struct side {
    bool present;
    struct elc_weights weights, gradients;
    struct elc_activations *activations;
};

struct elc_pretrain {
    struct elc_pretrain_setup setup;
    struct side discriminator, generator;

    /* One number for each token of the micro-batch, [T]. */
    size_t token_capacity;
    uint32_t *masked_ids; /* what the generator reads */
    uint32_t *corrupted;  /* what the discriminator reads */
    uint8_t *labels;
    elc_float *d_logits;

    /* One for each masked position, [M]. */
    size_t masked_capacity;
    uint32_t *targets;
    double *uniforms;
    struct elc_cross_entropy *results;
};

/* ---- made and unmade ---- */

static void side_free(struct side *side) {
    elc_weights_free(&side->weights);
    elc_weights_free(&side->gradients);
    elc_activations_free(side->activations);
}

static int side_open(struct side *side, const struct elc_config *config,
                     const struct elc_table *table, elc_float *block, elc_float *d_block,
                     const struct side *owner) {
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
    struct side *discriminator = &pretrain->discriminator, *generator = &pretrain->generator;
    int err = 0;
    if (setup->objective != ELC_OBJECTIVE_MLM)
        err = side_open(discriminator, &setup->config->discriminator, setup->discriminator_table,
                        setup->discriminator, setup->d_discriminator, &(struct side){0});
    if (!err && setup->objective != ELC_OBJECTIVE_RTD)
        err = side_open(generator, &setup->config->generator, setup->generator_table,
                        setup->generator, setup->d_generator, discriminator);
    if (err) {
        elc_pretrain_destroy(pretrain);
        return err;
    }
    *pretrain_out = pretrain;
    return 0;
}

void elc_pretrain_destroy(struct elc_pretrain *pretrain) {
    if (!pretrain)
        return;
    side_free(&pretrain->discriminator);
    side_free(&pretrain->generator);
    free(pretrain->masked_ids);
    free(pretrain->corrupted);
    free(pretrain->labels);
    free(pretrain->d_logits);
    free(pretrain->targets);
    free(pretrain->uniforms);
    free(pretrain->results);
    free(pretrain);
}

static int reserve(struct elc_pretrain *p, const struct elc_pretrain_batch *batch) {
    const size_t t = batch->texts.n_tokens, m = batch->n_masked;
    size_t ids = p->token_capacity, corrupted = ids, labels = ids, d_logits = ids;
    int err = elc_grow(&p->masked_ids, &ids, t, sizeof *p->masked_ids);
    if (!err)
        err = elc_grow(&p->corrupted, &corrupted, t, sizeof *p->corrupted);
    if (!err)
        err = elc_grow(&p->labels, &labels, t, sizeof *p->labels);
    if (!err)
        err = elc_grow(&p->d_logits, &d_logits, t, sizeof *p->d_logits);
    if (err)
        return err;
    p->token_capacity = ids;
    size_t targets = p->masked_capacity, uniforms = targets, results = targets;
    err = elc_grow(&p->targets, &targets, m, sizeof *p->targets);
    if (!err)
        err = elc_grow(&p->uniforms, &uniforms, m, sizeof *p->uniforms);
    if (!err)
        err = elc_grow(&p->results, &results, m, sizeof *p->results);
    if (!err)
        p->masked_capacity = targets;
    return err;
}

/* ---- the step ---- */

/* One call: what it works on, and how its two losses are weighed. */
struct call {
    struct elc_pretrain *pretrain;
    const struct elc_pretrain_batch *batch;
    struct elc_pretrain_sums *sums;
    uint64_t step;
    bool train;
    double generator_weight;     /* of one masked position */
    double discriminator_weight; /* of one token */
};

/* Opens a pass of one network over `texts`. */
static int open_pass(struct elc_pass *pass, const struct call *call, struct side *side,
                     const struct elc_batch *texts, unsigned site_network) {
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

/* What the generator is to find at masked positions, and the chance of each position: the numbers
 * of a text are a sequence of their own, whatever batch the text is in. */
static void prepare_targets(const struct call *call) {
    const struct elc_pretrain_batch *batch = call->batch;
    const struct elc_batch *texts = &batch->texts;
    struct elc_pretrain *p = call->pretrain;
    size_t i = 0;
    for (size_t text = 0; text < texts->n_sequences; text++) {
        struct elc_random random;
        elc_random_init(&random, p->setup.seed, ELC_SAMPLE, call->step, texts->places[text]);
        for (; i < batch->n_masked && batch->rows[i] < texts->starts[text + 1]; i++) {
            p->targets[i] = texts->ids[batch->rows[i]];
            p->uniforms[i] = elc_random_unit(&random);
        }
    }
}

static int generator_step(const struct call *call) {
    const struct elc_pretrain_batch *batch = call->batch;
    struct elc_pretrain *p = call->pretrain;
    struct elc_batch texts = batch->texts;
    memcpy(p->masked_ids, texts.ids, texts.n_tokens * sizeof *texts.ids);
    for (size_t i = 0; i < batch->n_masked; i++)
        if (!batch->keep[i])
            p->masked_ids[batch->rows[i]] = p->setup.mask_id;
    texts.ids = p->masked_ids;
    prepare_targets(call);
    const struct elc_generator_targets targets = {
        .rows = batch->rows,
        .targets = p->targets,
        .uniforms = p->uniforms,
        .n = batch->n_masked,
        .temperature = (elc_float)p->setup.config->temperature,
        .weight = (elc_float)call->generator_weight,
        .results = p->results,
    };
    struct elc_pass pass;
    int err = open_pass(&pass, call, &p->generator, &texts, ELC_SITE_GENERATOR);
    if (!err)
        err = elc_encoder_pass(&pass);
    if (!err)
        err = elc_generator_head_loss(&pass, &targets);
    if (err || targets.weight == 0)
        return err;
    err = elc_generator_head_backward(&pass, &targets);
    return err ? err : elc_encoder_backward(&pass);
}

static void generator_sums(const struct call *call) {
    const struct elc_pretrain *p = call->pretrain;
    for (size_t i = 0; i < call->batch->n_masked; i++) {
        call->sums->generator_loss += p->results[i].loss;
        call->sums->generator_correct += p->results[i].best == p->targets[i];
    }
}

/* The original texts with the replacements in place, and which tokens they changed. */
static void corrupt(const struct call *call) {
    const struct elc_pretrain_batch *batch = call->batch;
    const struct elc_batch *texts = &batch->texts;
    struct elc_pretrain *p = call->pretrain;
    memcpy(p->corrupted, texts->ids, texts->n_tokens * sizeof *texts->ids);
    memset(p->labels, 0, texts->n_tokens);
    for (size_t i = 0; i < batch->n_masked; i++) {
        const uint32_t row = batch->rows[i];
        const uint32_t token = batch->given ? batch->replacements[i] : p->results[i].sampled;
        p->corrupted[row] = token;
        p->labels[row] = token != texts->ids[row];
        call->sums->sampled_correct += token == texts->ids[row];
    }
}

/* The loss of all tokens, and d_logits. */
static void discriminator_loss(const struct call *call, const elc_float *logits) {
    struct elc_pretrain *p = call->pretrain;
    struct elc_pretrain_sums *sums = call->sums;
    for (size_t i = 0; i < call->batch->texts.n_tokens; i++) {
        const bool label = p->labels[i], predicted = logits[i] > 0;
        double d_logit;
        sums->discriminator_loss += elc_binary_cross_entropy((double)logits[i], label, &d_logit);
        p->d_logits[i] = (elc_float)(call->discriminator_weight * d_logit);
        sums->n_replaced += label;
        sums->n_predicted += predicted;
        sums->true_positives += label && predicted;
        sums->discriminator_correct += label == predicted;
    }
}

static int discriminator_step(const struct call *call) {
    struct elc_pretrain *p = call->pretrain;
    struct elc_batch texts = call->batch->texts;
    texts.ids = p->corrupted;
    struct elc_pass pass;
    int err = open_pass(&pass, call, &p->discriminator, &texts, ELC_SITE_DISCRIMINATOR);
    if (!err)
        err = elc_encoder_pass(&pass);
    if (!err)
        err = elc_discriminator_head(&pass);
    if (err)
        return err;
    discriminator_loss(call, pass.a->logits);
    if (call->train)
        err = elc_discriminator_head_backward(&pass, p->d_logits);
    if (!err && call->train)
        err = elc_encoder_backward(&pass);
    return err;
}

static int check_loss(const char *name, double loss) {
    return isfinite(loss) ? 0 : elc_fail(ELC_ENUMERIC, "the %s loss is not finite", name);
}

static int run(const struct call *call) {
    struct elc_pretrain *p = call->pretrain;
    struct elc_pretrain_sums *sums = call->sums;
    *sums = (struct elc_pretrain_sums){.n_masked = call->batch->n_masked,
                                       .n_tokens = call->batch->texts.n_tokens};
    if (!p->generator.present && !call->batch->given && call->batch->n_masked > 0)
        return elc_fail(ELC_EINVAL, "the batch has no replacements, and no generator is there");
    const struct side *any = p->generator.present ? &p->generator : &p->discriminator;
    int err = elc_batch_check(&call->batch->texts, &any->weights.config);
    if (!err)
        err = reserve(p, call->batch);
    if (!err && p->generator.present && call->batch->n_masked > 0) {
        err = generator_step(call);
        if (!err) {
            generator_sums(call);
            err = check_loss("generator's", sums->generator_loss);
        }
    }
    if (!err && p->discriminator.present && sums->n_tokens > 0) {
        corrupt(call);
        err = discriminator_step(call);
        if (!err)
            err = check_loss("discriminator's", sums->discriminator_loss);
    }
    return err;
}

int elc_pretrain_step(struct elc_pretrain_sums *sums, struct elc_pretrain *pretrain,
                      const struct elc_pretrain_batch *batch, uint64_t step,
                      const struct elc_pretrain_totals *totals) {
    const struct elc_pretrain_config *config = pretrain->setup.config;
    struct call call = {
        .pretrain = pretrain, .batch = batch, .sums = sums, .step = step, .train = true};
    if (totals->n_masked > 0)
        call.generator_weight = config->gen_weight / (double)totals->n_masked;
    if (totals->n_tokens > 0)
        call.discriminator_weight = config->disc_weight / (double)totals->n_tokens;
    return run(&call);
}

int elc_pretrain_evaluate(struct elc_pretrain_sums *sums, struct elc_pretrain *pretrain,
                          const struct elc_pretrain_batch *batch, uint64_t step) {
    const struct call call = {.pretrain = pretrain, .batch = batch, .sums = sums, .step = step};
    return run(&call);
}

const elc_float *elc_pretrain_logits(const struct elc_pretrain *pretrain) {
    const struct elc_activations *a = pretrain->discriminator.activations;
    return a ? a->logits : NULL;
}

const uint8_t *elc_pretrain_labels(const struct elc_pretrain *pretrain) {
    return pretrain->discriminator.present ? pretrain->labels : NULL;
}

const uint32_t *elc_pretrain_corrupted(const struct elc_pretrain *pretrain) {
    return pretrain->discriminator.present ? pretrain->corrupted : NULL;
}
