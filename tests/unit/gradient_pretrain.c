/* The loss of pre-training under each objective, dropout and all, against central differences by
 * the weights of both networks: by every kind of tensor, the shared embeddings above all, which
 * receive three gradients (generator's input and output, discriminator's input). */
#include "difference.h"

#include <stdlib.h>
#include <string.h>

#include "electra/parallel.h"
#include "electra/pretrain.h"

struct net {
    struct elc_table table;
    elc_float *values, *gradients, *unwanted;
};

struct setting {
    enum elc_objective objective;
    struct elc_pretrain_config config;
    struct net discriminator, generator;
    struct elc_pretrain_batch batch[2];
    struct elc_pretrain_totals totals;
    struct elc_pretrain *wanted; /* adds to `gradients`, the other to `unwanted` */
    struct elc_pretrain *value;
};

enum { VOCAB = 40, MASK = 4, STEP = 3 };

static struct elc_config network_config(enum elc_architecture architecture, uint32_t e, uint32_t h,
                                        uint32_t heads, double dropout) {
    struct elc_config config;
    elc_config_default(&config);
    config.architecture = architecture;
    config.vocab_size = VOCAB;
    config.embedding_size = e;
    config.hidden_size = h;
    config.num_hidden_layers = 2;
    config.num_attention_heads = heads;
    config.intermediate_size = 2 * h + 3;
    config.max_position_embeddings = 24;
    config.hidden_dropout_prob = dropout;
    config.attention_probs_dropout_prob = dropout;
    return config;
}

static void open_net(struct net *net, const struct elc_config *config, enum elc_sharing sharing,
                     bool copies, uint64_t seed) {
    check(elc_table_build(&net->table, config, sharing));
    if (copies)
        check(elc_table_add_copy_head(&net->table, config));
    const size_t bytes = net->table.total * sizeof(elc_float);
    net->values = malloc(bytes);
    net->gradients = calloc(1, bytes);
    net->unwanted = calloc(1, bytes);
    elc_test_fill(net->values, net->table.total, seed, 0.5); /* biases and gammas too */
}

static void close_net(struct net *net) {
    elc_table_free(&net->table);
    free(net->values);
    free(net->gradients);
    free(net->unwanted);
}

static struct elc_pretrain *open_pretrain(const struct setting *s, bool wanted) {
    const struct elc_pretrain_setup setup = {
        .config = &s->config,
        .objective = s->objective,
        .discriminator_table = &s->discriminator.table,
        .discriminator = s->discriminator.values,
        .d_discriminator = wanted ? s->discriminator.gradients : s->discriminator.unwanted,
        .generator_table = &s->generator.table,
        .generator = s->generator.values,
        .d_generator = wanted ? s->generator.gradients : s->generator.unwanted,
        .mask_id = MASK,
        .seed = 11,
    };
    struct elc_pretrain *pretrain;
    check(elc_pretrain_new(&pretrain, &setup));
    return pretrain;
}

/* Texts of 1 … 17 tokens in two micro-batches, three and two of every five; every third token
 * masked, every sixth kept. */
static void make_batches(struct setting *s, size_t n_texts) {
    const size_t lengths[] = {5, 17, 1, 8, 12};
    struct elc_random random;
    elc_random_init(&random, 5, ELC_INIT, 0, 0);
    for (size_t text = 0; text < n_texts; text++) {
        const size_t n = lengths[text % 5];
        uint32_t ids[32], positions[32], replacements[32];
        uint8_t types[32], keep[32];
        struct elc_masks masks = {.positions = positions, .keep = keep};
        for (size_t i = 0; i < n; i++) {
            ids[i] = (uint32_t)elc_random_below(&random, VOCAB);
            types[i] = i > n / 2;
            if (i % 3 != 1)
                continue;
            positions[masks.n] = (uint32_t)i;
            keep[masks.n] = i % 6 == 4;
            replacements[masks.n] =
                masks.n % 2 ? (uint32_t)elc_random_below(&random, VOCAB) : ids[i];
            masks.n++;
        }
        check(elc_pretrain_batch_add(&s->batch[text % 5 / 3], ids, types, n, &masks, replacements,
                                     text));
        s->totals.n_masked += masks.n;
        s->totals.n_tokens += n;
    }
}

static double loss_of(const struct setting *s, struct elc_pretrain *pretrain) {
    struct elc_pretrain_sums sums = {0};
    for (size_t i = 0; i < 2; i++) {
        struct elc_pretrain_sums part;
        check(elc_pretrain_step(&part, pretrain, &s->batch[i], STEP, &s->totals));
        elc_pretrain_sums_add(&sums, &part);
    }
    const struct elc_objective_parts *parts = elc_objective_parts(s->objective);
    const double counted = (double)(parts->everywhere ? s->totals.n_tokens : s->totals.n_masked);
    const double weight = parts->predicts_tokens ? s->config.token_weight : s->config.disc_weight;
    return s->config.gen_weight * sums.generator_loss / (double)s->totals.n_masked +
           weight * sums.discriminator_loss / counted;
}

static double value(void *context) {
    struct setting *s = context;
    return loss_of(s, s->value);
}

static void check_net(struct setting *s, struct net *net) {
    for (size_t i = 0; i < net->table.n_tensors; i++) {
        const struct elc_tensor *tensor = &net->table.tensors[i];
        elc_test_direction(tensor->name, net->values + tensor->offset,
                           net->gradients + tensor->offset, tensor->count, value, s);
    }
}

static void close_setting(struct setting *s) {
    elc_pretrain_destroy(s->wanted);
    elc_pretrain_destroy(s->value);
    for (size_t i = 0; i < 2; i++)
        elc_pretrain_batch_free(&s->batch[i]);
    if (s->discriminator.values)
        close_net(&s->discriminator);
    if (s->generator.values)
        close_net(&s->generator);
}

/* Two networks under an objective, all of their tensors. */
static void check_both(struct setting *s, enum elc_sharing sharing) {
    elc_objective_shape(&s->config, s->objective);
    open_net(&s->discriminator, &s->config.discriminator, ELC_SHARE_NOTHING,
             elc_objective_parts(s->objective)->copies, 1);
    open_net(&s->generator, &s->config.generator, sharing, false, 2);
    make_batches(s, 5);
    s->wanted = open_pretrain(s, true);
    s->value = open_pretrain(s, false);
    loss_of(s, s->wanted);
    check_net(s, &s->discriminator);
    check_net(s, &s->generator);
    close_setting(s);
}

static void check_joint(uint32_t e, uint32_t h, uint32_t generator_h,
                        enum elc_activation activation, double dropout, enum elc_sharing sharing) {
    struct setting s = {.config = {.temperature = 1, .gen_weight = 1.5, .disc_weight = 5}};
    s.config.discriminator = network_config(ELC_DISCRIMINATOR, e, h, 2, dropout);
    s.config.generator = network_config(ELC_GENERATOR, e, generator_h, 1, dropout);
    s.config.discriminator.hidden_act = activation;
    check_both(&s, sharing);
}

static void joint(void **state) {
    (void)state;
    check_joint(6, 8, 4, ELC_GELU, 0, ELC_SHARE_EMBEDDINGS);
}

static void joint_with_dropout(void **state) {
    (void)state;
    check_joint(6, 8, 4, ELC_GELU, 0.2, ELC_SHARE_EMBEDDINGS);
}

static void joint_without_projection(void **state) {
    (void)state;
    check_joint(8, 8, 8, ELC_GELU_NEW, 0.1, ELC_SHARE_EMBEDDINGS);
}

static void joint_without_sharing(void **state) {
    (void)state;
    check_joint(6, 8, 4, ELC_GELU, 0.1, ELC_SHARE_NOTHING);
}

static void joint_with_embeddings_of_another_width(void **state) {
    (void)state;
    struct setting s = {.config = {.temperature = 1, .gen_weight = 1.5, .disc_weight = 5}};
    s.config.discriminator = network_config(ELC_DISCRIMINATOR, 6, 8, 2, 0.1);
    s.config.generator = network_config(ELC_GENERATOR, 4, 4, 1, 0.1);
    check_both(&s, ELC_SHARE_NOTHING);
}

/* One network, which receives the gradients of two passes. */
static void one_network(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct setting s = {.config = {.temperature = 1, .gen_weight = 1.5, .disc_weight = 5}};
        s.config.discriminator = network_config(ELC_DISCRIMINATOR, i ? 8 : 6, 8, 2, 0.1);
        s.config.generator = s.config.discriminator;
        s.config.generator.architecture = ELC_GENERATOR;
        check_both(&s, ELC_SHARE_ENCODER);
    }
}

/* ---- other objectives ---- */

static void check_objective(enum elc_objective objective, double dropout) {
    struct setting s = {
        .objective = objective,
        .config = {.temperature = 0.7, .gen_weight = 1.5, .disc_weight = 5, .token_weight = 2}};
    s.config.discriminator = network_config(ELC_DISCRIMINATOR, 6, 8, 2, dropout);
    s.config.generator = network_config(ELC_GENERATOR, 6, 4, 1, dropout);
    check_both(&s, ELC_SHARE_EMBEDDINGS);
}

static void electra_15(void **state) {
    (void)state;
    check_objective(ELC_OBJECTIVE_ELECTRA_15, 0.1);
}

static void replace_mlm(void **state) {
    (void)state;
    check_objective(ELC_OBJECTIVE_REPLACE_MLM, 0.1);
}

static void all_tokens_mlm(void **state) {
    (void)state;
    check_objective(ELC_OBJECTIVE_ALL_TOKENS_MLM, 0.1);
}

static void masked_language_model(void **state) {
    (void)state;
    struct setting s = {.objective = ELC_OBJECTIVE_MLM,
                        .config = {.temperature = 1, .gen_weight = 1}};
    s.config.generator = network_config(ELC_GENERATOR, 6, 8, 2, 0.1);
    open_net(&s.generator, &s.config.generator, ELC_SHARE_NOTHING, false, 2);
    make_batches(&s, 5);
    s.wanted = open_pretrain(&s, true);
    s.value = open_pretrain(&s, false);
    loss_of(&s, s.wanted);
    check_net(&s, &s.generator);
    close_setting(&s);
}

/* More masked positions than there are logits for at one time, more tokens than a thread takes. */
static void masked_language_model_in_chunks(void **state) {
    (void)state;
    struct setting s = {.objective = ELC_OBJECTIVE_MLM,
                        .config = {.temperature = 1, .gen_weight = 100}};
    s.config.generator = network_config(ELC_GENERATOR, 6, 8, 2, 0);
    s.config.generator.vocab_size = 1100;
    open_net(&s.generator, &s.config.generator, ELC_SHARE_NOTHING, false, 2);
    make_batches(&s, 125);
    assert_true(s.batch[0].n_masked > 192);
    s.wanted = open_pretrain(&s, true);
    s.value = open_pretrain(&s, false);
    loss_of(&s, s.wanted);
    const char *const names[] = {
        "electra.embeddings.word_embeddings.weight", "generator_predictions.dense.weight",
        "generator_predictions.LayerNorm.weight", "generator_lm_head.bias"};
    for (size_t i = 0; i < 4; i++) {
        const struct elc_tensor *tensor = elc_table_find(&s.generator.table, names[i]);
        elc_test_direction(names[i], s.generator.values + tensor->offset,
                           s.generator.gradients + tensor->offset, tensor->count, value, &s);
    }
    close_setting(&s);
}

static void replaced_token_detection(void **state) {
    (void)state;
    struct setting s = {.objective = ELC_OBJECTIVE_RTD, .config = {.disc_weight = 1}};
    s.config.discriminator = network_config(ELC_DISCRIMINATOR, 6, 8, 2, 0.1);
    open_net(&s.discriminator, &s.config.discriminator, ELC_SHARE_NOTHING, false, 2);
    make_batches(&s, 5);
    s.wanted = open_pretrain(&s, true);
    s.value = open_pretrain(&s, false);
    loss_of(&s, s.wanted);
    check_net(&s, &s.discriminator);
    close_setting(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joint),
        cmocka_unit_test(joint_with_dropout),
        cmocka_unit_test(joint_without_projection),
        cmocka_unit_test(joint_without_sharing),
        cmocka_unit_test(joint_with_embeddings_of_another_width),
        cmocka_unit_test(one_network),
        cmocka_unit_test(electra_15),
        cmocka_unit_test(replace_mlm),
        cmocka_unit_test(all_tokens_mlm),
        cmocka_unit_test(masked_language_model),
        cmocka_unit_test(masked_language_model_in_chunks),
        cmocka_unit_test(replaced_token_detection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
