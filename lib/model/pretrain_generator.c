/* The network that reads masked texts. */
#include <string.h>

#include "electra/random.h"
#include "generator.h"
#include "pretrain_pass.h"

/* What it is to find at masked positions, and the chance of each position: the numbers of a text
 * are a sequence of their own, whatever batch the text is in. */
static void prepare_targets(const struct elc_pretrain_call *call) {
    const struct elc_pretrain_batch *batch = call->batch;
    const struct elc_batch *texts = &batch->texts;
    struct elc_pretrain *p = call->pretrain;
    size_t i = 0;
    for (size_t text = 0; text < texts->n_sequences; text++) {
        struct elc_random random;
        elc_random_init(&random, p->setup.seed, ELC_SAMPLE, call->step, texts->places[text]);
        for (; i < batch->n_masked && batch->rows[i] < texts->starts[text + 1]; i++) {
            p->filled.targets[i] = texts->ids[batch->rows[i]];
            p->filled.uniforms[i] = elc_random_unit(&random);
        }
    }
}

static void add_sums(const struct elc_pretrain_call *call) {
    const struct elc_predictions *filled = &call->pretrain->filled;
    for (size_t i = 0; i < call->batch->n_masked; i++) {
        call->sums->generator_loss += filled->results[i].loss;
        call->sums->generator_correct += filled->results[i].best == filled->targets[i];
    }
}

int elc_pretrain_generator(const struct elc_pretrain_call *call) {
    const struct elc_pretrain_batch *batch = call->batch;
    struct elc_pretrain *p = call->pretrain;
    struct elc_batch texts = batch->texts;
    int err = elc_predictions_reserve(&p->filled, batch->n_masked);
    if (err)
        return err;
    memcpy(p->masked_ids, texts.ids, texts.n_tokens * sizeof *texts.ids);
    for (size_t i = 0; i < batch->n_masked; i++)
        if (!batch->keep[i])
            p->masked_ids[batch->rows[i]] = p->setup.mask_id;
    texts.ids = p->masked_ids;
    prepare_targets(call);
    const struct elc_generator_targets targets = {
        .rows = batch->rows,
        .targets = p->filled.targets,
        .uniforms = p->filled.uniforms,
        .n = batch->n_masked,
        .temperature = (elc_float)p->setup.config->temperature,
        .weight = (elc_float)call->generator_weight,
        .results = p->filled.results,
    };
    struct elc_pass pass;
    err = elc_pretrain_open_pass(&pass, call, &p->generator, &texts, ELC_SITE_GENERATOR);
    if (!err)
        err = elc_encoder_pass(&pass);
    if (!err)
        err = elc_generator_head_loss(&pass, &targets);
    if (err)
        return err;
    add_sums(call);
    if (targets.weight == 0)
        return 0;
    err = elc_generator_head_backward(&pass, &targets);
    return err ? err : elc_encoder_backward(&pass);
}
