/* Task pll, pseudo-log-likelihood (Salazar et al. 2020): each token masked in turn, one in a pass,
 *
 *     pll = Σ log P(token | all the others)        perplexity = exp(-pll / tokens)
 *
 * over the tokens that are not special. A text of n tokens is n - 2 texts to the network.
 */
#include <math.h>

#include "electra/tensor.h"
#include "score.h"

/* Tokens, and masked rows, that go through the network at a time. */
enum { BATCH_TOKENS = 768, BATCH_ROWS = 32 };

/* [MASK] in the text itself is not what anyone wrote there: given, as special tokens are. */
static bool is_counted(const struct elc_vocab_id *vocab, uint32_t id) {
    return !elc_score_is_special(vocab, id) && id != vocab->mask;
}

/* Variants that are waiting to go through the network. */
struct waiting {
    struct elc_score_pass *pass;
    double *log_p; /* [T] */
    size_t n;
    uint32_t rows[BATCH_ROWS]; /* of `variants` */
    size_t tokens[BATCH_ROWS]; /* of `texts`, which is masked there */
    elc_float *scratch;        /* [V] */
};

/* log softmax(logits)[token] */
static double log_probability(const elc_float *logits, size_t v, uint32_t token,
                              elc_float *scratch) {
    const elc_float max = elc_max(logits, v);
    return (double)logits[token] - (double)max -
           log((double)elc_exp_sum(scratch, logits, v, 1, max));
}

static int evaluate(struct waiting *waiting) {
    struct elc_score_pass *pass = waiting->pass;
    const struct elc_weights *weights = &pass->scorer->weights;
    const size_t v = weights->config.vocab_size;
    const elc_float *logits;
    if (waiting->n == 0)
        return 0;
    int err = elc_encoder_forward(&logits, &pass->workspace, weights, &pass->variants);
    if (!err)
        err = elc_generator_logits(&logits, &pass->workspace, weights, waiting->rows, waiting->n);
    for (size_t i = 0; !err && i < waiting->n; i++) {
        const size_t token = waiting->tokens[i];
        waiting->log_p[token] =
            log_probability(logits + i * v, v, pass->texts.ids[token], waiting->scratch);
    }
    waiting->n = 0;
    elc_batch_clear(&pass->variants);
    return err;
}

/* The text from row `first` with its token `token` masked. */
static int add_variant(struct waiting *waiting, size_t first, size_t n, size_t token) {
    struct elc_score_pass *pass = waiting->pass;
    struct elc_batch *variants = &pass->variants;
    int err = 0;
    if (waiting->n == BATCH_ROWS || variants->n_tokens + n > BATCH_TOKENS)
        err = evaluate(waiting);
    const size_t row = variants->n_tokens + (token - first);
    if (!err)
        err = elc_batch_add(variants, pass->texts.ids + first, pass->texts.types + first, n, 0);
    if (err)
        return err;
    variants->ids[row] = elc_vocab_id(pass->scorer->vocab)->mask;
    waiting->rows[waiting->n] = (uint32_t)row;
    waiting->tokens[waiting->n++] = token;
    return 0;
}

/* pass->numbers: the logarithm of each token's probability [T], 0 of those that are given; [V]. */
static int forward(struct elc_score_pass *pass) {
    const struct elc_batch *texts = &pass->texts;
    const size_t v = pass->scorer->weights.config.vocab_size;
    pass->numbers.len = 0;
    elc_batch_clear(&pass->variants);
    int err = elc_buffer_reserve(&pass->numbers,
                                 texts->n_tokens * sizeof(double) + v * sizeof(elc_float));
    struct waiting waiting = {.pass = pass, .log_p = (double *)(void *)pass->numbers.data};
    waiting.scratch = (elc_float *)(void *)(waiting.log_p + texts->n_tokens);
    for (size_t text = 0; !err && text < texts->n_sequences; text++) {
        const size_t first = texts->starts[text], end = texts->starts[text + 1];
        for (size_t i = first; !err && i < end; i++) {
            waiting.log_p[i] = 0;
            if (is_counted(elc_vocab_id(pass->scorer->vocab), texts->ids[i]))
                err = add_variant(&waiting, first, end - first, i);
        }
    }
    return err ? err : evaluate(&waiting);
}

static int compute(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place) {
    const double *log_p = (const double *)(const void *)pass->numbers.data + place->token;
    result->pll = 0;
    result->n_counted = 0;
    for (size_t i = 0; i < text->n; i++) {
        result->pll += log_p[i];
        result->n_counted += is_counted(elc_vocab_id(pass->scorer->vocab), text->ids[i]);
    }
    if (!isfinite(result->pll))
        return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
    result->perplexity = result->n_counted ? exp(-result->pll / (double)result->n_counted) : 1;
    return 0;
}

/* ---- formats ---- */

static int names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    (void)scorer;
    return elc_buffer_printf(out, "id\tpll\ttokens\tperplexity\n");
}

static int tsv(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer;
    int err = elc_tsv_id(out, text->record);
    return err ? err
               : elc_buffer_printf(out, "\t%.6g\t%zu\t%.6g\n", result->pll, result->n_counted,
                                   result->perplexity);
}

static bool json(json_t *object, const struct elc_scorer *scorer, const struct elc_score_text *text,
                 const struct elc_score_result *result) {
    (void)scorer, (void)text;
    return elc_score_json_set(object, "pll", elc_score_json_number(result->pll)) &&
           elc_score_json_set(object, "tokens", json_integer((json_int_t)result->n_counted)) &&
           elc_score_json_set(object, "perplexity", elc_score_json_number(result->perplexity));
}

static int record(struct elc_builder *builder, const struct elc_scorer *scorer,
                  const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer, (void)text;
    int err = elc_builder_double(builder, "pll", result->pll);
    if (!err)
        err = elc_builder_uint(builder, "tokens", result->n_counted);
    return err ? err : elc_builder_double(builder, "perplexity", result->perplexity);
}

static const char *const keys[] = {"pll", "tokens", "perplexity", NULL};

const struct elc_score_entry elc_score_pll = {
    .name = "pll",
    .architecture = ELC_GENERATOR,
    .keys = keys,
    .forward = forward,
    .compute = compute,
    .names = names,
    .tsv = tsv,
    .json = json,
    .record = record,
};
