/* Two counts of the work of a pre-training step. */
#include "electra/flops.h"

/* Operations per number, as flops_computation.py counts them. */
enum { DROPOUT = 4, LAYER_NORM = 5, GELU = 8, SOFTMAX = 5 };
#define OUTPUT_FRACTION 0.15625

/* One layer, for each token of a text of s tokens. The LayerNorm after attention counts 5 in all,
 * not 5·h: the script's slip, kept for equal figures. */
static double paper_layer(double h, double i, double s, double heads) {
    double attention = 3 * 2 * h * h + 3 * h + 2 * h * s + (SOFTMAX + DROPOUT + 1) * s * heads +
                       2 * h * s + 2 * h * h + h + DROPOUT * h + h + LAYER_NORM;
    double feed_forward =
        2 * h * i + GELU * i + i + 2 * h * i + h + DROPOUT * h + h + LAYER_NORM * h;
    return attention + feed_forward;
}

static double paper_input(const struct elc_config *c, double s) {
    double e = c->embedding_size, h = c->hidden_size;
    double flops = 2 * e * c->vocab_size + 2 * e * (s + 2) + 2 * e + LAYER_NORM * e + DROPOUT * e;
    return c->embedding_size == c->hidden_size ? flops : flops + 2 * h * e + h;
}

static double paper_encoder(const struct elc_config *c, double s) {
    return c->num_hidden_layers *
               paper_layer(c->hidden_size, c->intermediate_size, s, c->num_attention_heads) +
           paper_input(c, s);
}

static double paper_output(const struct elc_config *c) {
    double e = c->embedding_size, h = c->hidden_size, v = c->vocab_size;
    return OUTPUT_FRACTION *
           (2 * e * v + 2 * h * e + e + GELU * e + LAYER_NORM * e + SOFTMAX * v + 2 * v);
}

static double paper_classifier(const struct elc_config *c) {
    double h = c->hidden_size;
    return 2 * h * h + h + GELU * h + 2 * h;
}

double elc_flops_paper(const struct elc_pretrain_config *config, enum elc_objective objective,
                       uint64_t length, double n_sequences) {
    const struct elc_objective_parts *parts = elc_objective_parts(objective);
    const struct elc_config *d = &config->discriminator, *g = &config->generator;
    double s = (double)length, per_token = 0;
    if (parts->discriminator)
        per_token += paper_encoder(d, s);
    if (parts->discriminator && (!parts->predicts_tokens || parts->copies))
        per_token += paper_classifier(d);
    if (parts->predicts_tokens)
        per_token += paper_output(d) / (parts->everywhere ? OUTPUT_FRACTION : 1);
    if (parts->generator)
        per_token += paper_encoder(g, s) + paper_output(g);
    return 2 * n_sequences * s * per_token;
}

/* Forward matrix products of an encoder: for each token, and for each pair of tokens of a text. */
static double real_encoder(const struct elc_config *c, double n_tokens, double squares) {
    double e = c->embedding_size, h = c->hidden_size, i = c->intermediate_size;
    double project = c->embedding_size == c->hidden_size ? 0 : 2 * e * h;
    double layer = 4 * 2 * h * h + 2 * 2 * h * i;
    return n_tokens * (project + c->num_hidden_layers * layer) +
           squares * c->num_hidden_layers * 2 * 2 * h;
}

/* Of a generator's head, for one position. */
static double real_output(const struct elc_config *c) {
    return 2.0 * c->embedding_size * ((double)c->hidden_size + (double)c->vocab_size);
}

double elc_flops_real(const struct elc_pretrain_config *config, enum elc_objective objective,
                      uint64_t n_tokens, double squares, uint64_t n_masked) {
    const struct elc_objective_parts *parts = elc_objective_parts(objective);
    const struct elc_config *d = &config->discriminator, *g = &config->generator;
    const double n = (double)n_tokens, h = d->hidden_size;
    double forward = 0;
    if (parts->discriminator)
        forward += real_encoder(d, n, squares);
    if (parts->discriminator && (!parts->predicts_tokens || parts->copies))
        forward += n * (2 * h * h + 2 * h);
    if (parts->predicts_tokens)
        forward += (parts->everywhere ? n : (double)n_masked) * real_output(d);
    if (parts->generator)
        forward += real_encoder(g, n, squares) + (double)n_masked * real_output(g);
    return 3 * forward;
}

double elc_flops_encoder(const struct elc_config *config, uint64_t n_tokens, double squares) {
    return 3 * real_encoder(config, (double)n_tokens, squares);
}
