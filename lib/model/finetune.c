/* Encoder, head, loss: one micro-batch of fine-tuning. */
#include "electra/finetune.h"

#include <math.h>
#include <stdlib.h>

#include "electra/encoder.h"
#include "electra/memory.h"
#include "head.h"
#include "joint.h"

struct elc_finetune {
    struct elc_finetune_setup setup;
    struct elc_weights weights, gradients;
    bool is_joint; /* ELC_GOOGLE_ANSWERER: `joint` is in use, else `head` and `memory` */
    struct elc_row_head head;
    struct elc_head_memory memory;
    struct elc_joint_memory joint;
    struct elc_activations *activations;
};

/* ---- made and unmade ---- */

int elc_finetune_new(struct elc_finetune **finetune_out, const struct elc_finetune_setup *setup) {
    struct elc_finetune *finetune = calloc(1, sizeof *finetune);
    if (!finetune)
        return elc_fail_memory(sizeof *finetune);
    finetune->setup = *setup;
    finetune->is_joint = setup->config->architecture == ELC_GOOGLE_ANSWERER;
    int err =
        elc_weights_of_block(&finetune->weights, setup->config, setup->table, setup->values, NULL);
    if (!err && setup->gradients)
        err = elc_weights_of_block(&finetune->gradients, setup->config, setup->table,
                                   setup->gradients, NULL);
    if (!err && !finetune->is_joint)
        err = elc_row_head_of_weights(&finetune->head, &finetune->weights,
                                      setup->gradients ? &finetune->gradients : NULL);
    if (err) {
        elc_finetune_destroy(finetune);
        return err;
    }
    *finetune_out = finetune;
    return 0;
}

void elc_finetune_destroy(struct elc_finetune *finetune) {
    if (!finetune)
        return;
    elc_weights_free(&finetune->weights);
    elc_weights_free(&finetune->gradients);
    elc_activations_free(finetune->activations);
    elc_head_memory_free(&finetune->memory);
    elc_joint_memory_free(&finetune->joint);
    free(finetune);
}

/* ---- the loss ---- */

struct loss {
    struct elc_finetune *finetune;
    const struct elc_task_batch *batch;
    double weight; /* of an item; 0: no gradients are wanted */
    struct elc_finetune_sums *sums;
};

static void classes_loss(const struct loss *loss) {
    const struct elc_head_memory *memory = &loss->finetune->memory;
    const size_t n = loss->finetune->head.n_outputs;
    for (size_t i = 0; i < loss->batch->n_items; i++) {
        const uint32_t class = loss->batch->classes[i];
        uint32_t best;
        loss->sums->loss += elc_loss_class(memory->d_logits + i * n, &best, memory->logits + i * n,
                                           n, class, loss->weight);
        loss->sums->n_correct += best == class;
    }
}

static void values_loss(const struct loss *loss) {
    const struct elc_head_memory *memory = &loss->finetune->memory;
    const size_t n = loss->finetune->head.n_outputs;
    const bool set = loss->finetune->setup.task == ELC_TASK_SET;
    for (size_t i = 0; i < loss->batch->n_items; i++) {
        const float *values = loss->batch->values + i * n;
        elc_float *d_logits = memory->d_logits + i * n, *logits = memory->logits + i * n;
        loss->sums->loss += set ? elc_loss_set(d_logits, logits, values, n, loss->weight)
                                : elc_loss_squares(d_logits, logits, values, n, loss->weight);
    }
}

static void spans_loss(const struct loss *loss) {
    if (loss->finetune->is_joint) {
        loss->sums->loss = elc_joint_loss(&loss->finetune->joint, loss->batch->impossible,
                                          loss->finetune->setup.answerable_weight, loss->weight);
        return;
    }
    const struct elc_head_memory *memory = &loss->finetune->memory;
    const struct elc_batch *texts = &loss->batch->texts;
    for (size_t i = 0; i < texts->n_sequences; i++) {
        const size_t first = texts->starts[i];
        const uint32_t *span = loss->batch->spans + 2 * i;
        loss->sums->loss +=
            elc_loss_span(memory->d_logits + 2 * first, memory->logits + 2 * first,
                          texts->starts[i + 1] - first, span[0], span[1], loss->weight);
    }
}

static void compute_loss(const struct loss *loss) {
    switch (loss->finetune->setup.task) {
    case ELC_TASK_CLASSIFY:
    case ELC_TASK_TAG:
        classes_loss(loss);
        return;
    case ELC_TASK_SET:
    case ELC_TASK_REGRESS:
        values_loss(loss);
        return;
    case ELC_TASK_QA:
        spans_loss(loss);
        return;
    }
}

/* ---- the step ---- */

/* Opens a pass over the batch; `step` NULL: without dropout, and no backward pass follows. */
static int open_pass(struct elc_pass *pass, struct elc_finetune *finetune,
                     const struct elc_batch *texts, const uint64_t *step) {
    const struct elc_finetune_setup *setup = &finetune->setup;
    const struct elc_config *config = setup->config;
    int err = elc_batch_check(texts, config);
    if (!err)
        err = elc_activations_prepare(&finetune->activations, config, texts, step != NULL,
                                      elc_pool_threads(setup->pool));
    if (err)
        return err;
    *pass = (struct elc_pass){
        .a = finetune->activations,
        .weights = &finetune->weights,
        .gradients = &finetune->gradients,
        .batch = texts,
        .pool = setup->pool,
        .site_network = ELC_SITE_DISCRIMINATOR,
    };
    finetune->head.dropout = (struct elc_dropout){0};
    if (!step)
        return 0;
    elc_dropout_init(&pass->hidden_dropout, config->hidden_dropout_prob, setup->seed, *step);
    elc_dropout_init(&pass->attention_dropout, config->attention_probs_dropout_prob, setup->seed,
                     *step);
    if (finetune->head.drops)
        elc_dropout_init(&finetune->head.dropout, elc_head_dropout(config), setup->seed, *step);
    return 0;
}

static int forward_head(struct elc_finetune *finetune, struct elc_pass *pass,
                        const struct elc_task_batch *batch) {
    return finetune->is_joint ? elc_joint_forward(&finetune->joint, pass, batch->spans)
                              : elc_head_forward(&finetune->memory, &finetune->head, pass,
                                                 batch->rows, batch->n_rows);
}

static int backward_head(struct elc_finetune *finetune, struct elc_pass *pass) {
    return finetune->is_joint ? elc_joint_backward(&finetune->joint, pass)
                              : elc_head_backward(&finetune->memory, &finetune->head, pass);
}

static int run(struct elc_finetune_sums *sums, struct elc_finetune *finetune,
               const struct elc_task_batch *batch, const uint64_t *step, double weight) {
    struct elc_pass pass;
    *sums = (struct elc_finetune_sums){.n_items = batch->n_items};
    if (batch->n_items == 0)
        return 0;
    int err = open_pass(&pass, finetune, &batch->texts, step);
    if (!err)
        err = elc_encoder_pass(&pass);
    if (!err)
        err = forward_head(finetune, &pass, batch);
    if (err)
        return err;
    compute_loss(&(struct loss){finetune, batch, weight, sums});
    if (!isfinite(sums->loss))
        return elc_fail(ELC_ENUMERIC, "the loss is not finite");
    if (!step)
        return 0;
    err = backward_head(finetune, &pass);
    return err ? err : elc_encoder_backward(&pass);
}

int elc_finetune_step(struct elc_finetune_sums *sums, struct elc_finetune *finetune,
                      const struct elc_task_batch *batch, uint64_t step, double weight) {
    return run(sums, finetune, batch, &step, weight);
}

int elc_finetune_evaluate(struct elc_finetune_sums *sums, struct elc_finetune *finetune,
                          const struct elc_task_batch *batch) {
    return run(sums, finetune, batch, NULL, 0);
}

void elc_finetune_sums_add(struct elc_finetune_sums *sums, const struct elc_finetune_sums *more) {
    sums->loss += more->loss;
    sums->n_items += more->n_items;
    sums->n_correct += more->n_correct;
}

const elc_float *elc_finetune_logits(const struct elc_finetune *finetune) {
    return finetune->memory.logits;
}

int elc_finetune_beams(const struct elc_answer_beam **beams, struct elc_finetune *finetune) {
    *beams = NULL;
    if (!finetune->is_joint)
        return 0;
    const struct elc_pass pass = {
        .a = finetune->activations,
        .weights = &finetune->weights,
        .pool = finetune->setup.pool,
    };
    int err = elc_joint_beams(&finetune->joint, &pass);
    *beams = finetune->joint.beams;
    return err;
}
