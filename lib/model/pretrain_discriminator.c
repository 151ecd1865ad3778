/* The network that reads corrupted texts: it tells which tokens were replaced, or predicts the
 * original ones. */
#include <string.h>

#include "discriminator.h"
#include "generator.h"
#include "pretrain_pass.h"

/* The original texts with the replacements in place, and which tokens they changed. */
static void corrupt(const struct elc_pretrain_call *call) {
    const struct elc_pretrain_batch *batch = call->batch;
    const struct elc_batch *texts = &batch->texts;
    struct elc_pretrain *p = call->pretrain;
    memcpy(p->corrupted, texts->ids, texts->n_tokens * sizeof *texts->ids);
    memset(p->labels, 0, texts->n_tokens);
    for (size_t i = 0; i < batch->n_masked; i++) {
        const uint32_t row = batch->rows[i];
        const uint32_t token = batch->given ? batch->replacements[i] : p->filled.results[i].sampled;
        const bool replaced = token != texts->ids[row];
        p->corrupted[row] = token;
        p->labels[row] = replaced;
        call->sums->n_replaced += replaced;
        call->sums->sampled_correct += !replaced;
    }
}

/* ---- which tokens were replaced ---- */

/* The loss of the tokens that count, and d_logits. */
static void detection_loss(const struct elc_pretrain_call *call, const elc_float *logits) {
    struct elc_pretrain *p = call->pretrain;
    struct elc_pretrain_sums *sums = call->sums;
    const size_t n_tokens = call->batch->texts.n_tokens;
    const bool everywhere = p->parts->everywhere;
    const size_t n = everywhere ? n_tokens : call->batch->n_masked;
    if (!everywhere)
        memset(p->d_logits, 0, n_tokens * sizeof *p->d_logits);
    for (size_t i = 0; i < n; i++) {
        const size_t row = everywhere ? i : call->batch->rows[i];
        const bool label = p->labels[row], predicted = logits[row] > 0;
        double d_logit;
        sums->discriminator_loss += elc_binary_cross_entropy((double)logits[row], label, &d_logit);
        p->d_logits[row] = (elc_float)(call->discriminator_weight * d_logit);
        sums->n_predicted += predicted;
        sums->true_positives += label && predicted;
        sums->discriminator_correct += label == predicted;
    }
}

static int detect(const struct elc_pretrain_call *call, struct elc_pass *pass) {
    int err = elc_discriminator_head(pass);
    if (err)
        return err;
    detection_loss(call, pass->a->logits);
    return call->train
               ? elc_discriminator_head_backward(pass, call->pretrain->d_logits, ELC_SET_D_HIDDEN)
               : 0;
}

/* ---- which tokens were there ---- */

/* At all tokens, or at the masked ones. */
static size_t prepare_targets(const struct elc_pretrain_call *call) {
    const struct elc_pretrain_batch *batch = call->batch;
    struct elc_predictions *restored = &call->pretrain->restored;
    const bool everywhere = call->pretrain->parts->everywhere;
    const size_t n = everywhere ? batch->texts.n_tokens : batch->n_masked;
    for (size_t i = 0; i < n; i++) {
        restored->rows[i] = everywhere ? (uint32_t)i : batch->rows[i];
        restored->targets[i] = batch->texts.ids[restored->rows[i]];
        restored->uniforms[i] = 0; /* nothing is drawn */
    }
    return n;
}

static void add_sums(const struct elc_pretrain_call *call, size_t n) {
    const struct elc_pretrain_batch *batch = call->batch;
    const struct elc_predictions *restored = &call->pretrain->restored;
    const bool everywhere = call->pretrain->parts->everywhere;
    for (size_t i = 0; i < n; i++)
        call->sums->discriminator_loss += restored->results[i].loss;
    for (size_t i = 0; i < batch->n_masked; i++) {
        const size_t at = everywhere ? batch->rows[i] : i;
        call->sums->token_correct += restored->results[at].best == restored->targets[at];
    }
}

static int restore(const struct elc_pretrain_call *call, struct elc_pass *pass) {
    struct elc_pretrain *p = call->pretrain;
    int err = elc_predictions_reserve(&p->restored, call->batch->texts.n_tokens);
    if (err)
        return err;
    struct elc_copy copy = {.read = p->corrupted, .d_logits = p->d_logits};
    if (p->parts->copies) {
        err = elc_discriminator_head(pass);
        copy.logits = pass->a->logits;
    }
    const struct elc_generator_targets targets = {
        .n = prepare_targets(call),
        .rows = p->restored.rows,
        .targets = p->restored.targets,
        .uniforms = p->restored.uniforms,
        .temperature = 1,
        .weight = (elc_float)call->discriminator_weight,
        .results = p->restored.results,
        .copy = p->parts->copies ? &copy : NULL,
    };
    if (targets.n == 0)
        return 0;
    if (!err)
        err = elc_generator_head_loss(pass, &targets);
    if (err)
        return err;
    add_sums(call, targets.n);
    if (targets.weight == 0)
        return 0;
    err = elc_generator_head_backward(pass, &targets);
    if (!err && p->parts->copies)
        err = elc_discriminator_head_backward(pass, p->d_logits, ELC_ADD_D_HIDDEN);
    return err;
}

int elc_pretrain_discriminator(const struct elc_pretrain_call *call) {
    struct elc_pretrain *p = call->pretrain;
    struct elc_batch texts = call->batch->texts;
    corrupt(call);
    texts.ids = p->corrupted;
    struct elc_pass pass;
    int err =
        elc_pretrain_open_pass(&pass, call, &p->discriminator, &texts, ELC_SITE_DISCRIMINATOR);
    if (!err)
        err = elc_encoder_pass(&pass);
    if (!err)
        err = p->parts->predicts_tokens ? restore(call, &pass) : detect(call, &pass);
    bool idle = p->parts->predicts_tokens && !p->parts->everywhere && call->batch->n_masked == 0;
    if (err || !call->train || idle || call->discriminator_weight == 0)
        return err;
    return elc_encoder_backward(&pass);
}
