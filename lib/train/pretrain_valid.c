/* Validation of pre-training: the networks without dropout on a stream of their own, masked the
 * same way each time. */
#include <math.h>

#include "electra/auc.h"
#include "pretraining.h"

enum { VALID_TEXTS = 64 }; /* read at a time */

/* ---- what streams must hold ---- */

static int check_train(const struct elc_pretraining *p, const struct elc_examples *train) {
    const char *name = elc_examples_name(train);
    enum elc_content content = elc_examples_content(train);
    if (content == ELC_CONTENT_EMPTY)
        return 0;
    if (content == ELC_CONTENT_REPLACED && p->parts->generator)
        return elc_fail(ELC_EMISMATCH, "%s: holds replacements, which only --objective rtd reads",
                        name);
    if (content != ELC_CONTENT_REPLACED && !p->parts->generator)
        return elc_fail(ELC_EMISMATCH,
                        "%s: holds %s, where --objective rtd reads replacements "
                        "(electra-corrupt --method makes them)",
                        name, elc_content_name(content));
    return 0;
}

int elc_pretraining_check_streams(const struct elc_pretraining *p) {
    const struct elc_examples *train = p->run->options->train, *valid = p->run->options->valid;
    int err = check_train(p, train);
    if (err || !valid)
        return err;
    enum elc_content held = elc_examples_content(valid), wanted = elc_examples_content(train);
    if (wanted == ELC_CONTENT_EMPTY) /* it has not come yet */
        wanted = elc_examples_header(train)->kind == ELC_TOKENS ? ELC_CONTENT_TOKENS
                 : p->parts->generator                          ? ELC_CONTENT_MASKED
                                                                : ELC_CONTENT_REPLACED;
    if (held == wanted || held == ELC_CONTENT_EMPTY)
        return 0;
    return elc_fail(ELC_EMISMATCH, "%s: holds %s, where the stream to train on, %s, holds %s",
                    elc_examples_name(valid), elc_content_name(held), elc_examples_name(train),
                    elc_content_name(wanted));
}

/* ---- the pass ---- */

struct validation {
    struct elc_pretrain_sums sums;
    struct elc_scored by_logit;
    struct elc_scored by_frequency; /* the same tokens, rare ones scoring high */
};

/* Of the tokens that count in the loss. */
static int score_tokens(struct validation *validation, const struct elc_pretraining *p,
                        const struct elc_pretrain_batch *batch) {
    const elc_float *logits = elc_pretrain_logits(p->pretrain);
    const uint8_t *labels = elc_pretrain_labels(p->pretrain);
    const uint32_t *ids = elc_pretrain_corrupted(p->pretrain);
    const uint64_t *frequencies = elc_examples_frequencies(p->run->options->train);
    const uint64_t n_known = elc_examples_header(p->run->options->train)->vocab.size;
    const size_t n = p->parts->everywhere ? batch->texts.n_tokens : batch->n_masked;
    int err = 0;
    for (size_t i = 0; !err && i < n; i++) {
        const size_t row = p->parts->everywhere ? i : batch->rows[i];
        err = elc_scored_add(&validation->by_logit, (float)logits[row], labels[row]);
        if (!err && frequencies) /* a network may know more tokens than the vocabulary */
            err = elc_scored_add(&validation->by_frequency,
                                 ids[row] < n_known ? (float)-log((double)frequencies[ids[row]] + 1)
                                                    : 0,
                                 labels[row]);
    }
    return err;
}

/* `first`: the number of the batch's first text. Places name the random numbers: the texts are
 * numbered through. */
static int evaluate_batch(struct validation *validation, const struct elc_pretraining *p,
                          struct elc_global_batch *batch, uint64_t first) {
    int err = 0;
    for (size_t i = 0; !err && i < batch->n_parts; i++) {
        struct elc_pretrain_batch *part = &batch->parts[i];
        struct elc_pretrain_sums sums = {0};
        for (size_t k = 0; k < part->texts.n_sequences; k++)
            part->texts.places[k] += first;
        err = elc_pretrain_evaluate(&sums, p->pretrain, part, 0);
        elc_pretrain_sums_add(&validation->sums, &sums);
        if (!err && elc_pretrain_logits(p->pretrain))
            err = score_tokens(validation, p, part);
    }
    return err;
}

static double auc_of(struct elc_scored *scored) {
    return scored->n > 0 ? elc_auc(scored) : NAN;
}

int elc_pretraining_validate(void *self, json_t *line) {
    const struct elc_pretraining *p = self;
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
        err = elc_pretrain_report_valid(line, p->job->objective, &p->config, &validation.sums,
                                        auc_of(&validation.by_logit),
                                        auc_of(&validation.by_frequency));
    elc_scored_free(&validation.by_logit);
    elc_scored_free(&validation.by_frequency);
    elc_global_batch_free(&batch);
    return err;
}
