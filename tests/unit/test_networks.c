/* Forward and backward against transformers: tests/golden/make_networks.py. */
#include "golden.h"

#include "electra/encoder.h"
#include "electra/parallel.h"
#include "electra/pretrain.h"

/* A golden network, with its texts as a batch and as a batch of pre-training. */
struct example {
    struct golden golden;
    struct elc_weights weights;
    struct elc_batch batch;
    struct elc_pretrain_batch pretrain_batch;
};

static void read_texts(struct example *e) {
    const struct golden *g = &e->golden;
    int32_t *ids = golden_copy(g, "in.ids"), *original = golden_copy(g, "in.original");
    int32_t *types = golden_copy(g, "in.types"), *lengths = golden_copy(g, "in.lengths");
    int32_t *rows = golden_copy(g, "in.masked");
    const size_t n_masked = golden_tensor(&g->file, "in.masked")->shape[0];
    const size_t n_texts = golden_tensor(&g->file, "in.lengths")->shape[0];
    size_t at = 0, mask = 0;
    for (size_t text = 0; text < n_texts; text++) {
        const size_t n = (size_t)lengths[text];
        uint32_t reads[64], was[64], positions[64], replacements[64];
        uint8_t kinds[64], keep[64];
        struct elc_masks masks = {.positions = positions, .keep = keep};
        for (size_t i = 0; i < n; i++) {
            reads[i] = (uint32_t)ids[at + i];
            was[i] = (uint32_t)original[at + i];
            kinds[i] = (uint8_t)types[at + i];
        }
        for (; mask < n_masked && (size_t)rows[mask] < at + n; mask++) {
            const size_t i = (size_t)rows[mask] - at;
            positions[masks.n] = (uint32_t)i;
            replacements[masks.n] = reads[i];
            keep[masks.n++] = reads[i] == was[i];
        }
        check(elc_batch_add(&e->batch, reads, kinds, n, text));
        check(
            elc_pretrain_batch_add(&e->pretrain_batch, was, kinds, n, &masks, replacements, text));
        at += n;
    }
    free(ids);
    free(original);
    free(types);
    free(lengths);
    free(rows);
}

static void open_example(struct example *e, const char *name) {
    *e = (struct example){.golden = {0}};
    struct golden *g = &e->golden;
    golden_open(g, "tests/golden/networks", name);
    check(elc_weights_of_block(&e->weights, &g->config, &g->table, g->values, NULL));
    read_texts(e);
}

static void close_example(struct example *e) {
    elc_batch_free(&e->batch);
    elc_pretrain_batch_free(&e->pretrain_batch);
    elc_weights_free(&e->weights);
    golden_close(&e->golden);
}

/* ---- forward ---- */

static void check_forward(const char *name) {
    struct example e;
    open_example(&e, name);
    struct elc_workspace workspace = {0};
    const elc_float *hidden, *logits;
    check(elc_encoder_forward(&hidden, &workspace, &e.weights, &e.batch));
    golden_expect(&e.golden, "out.hidden", hidden);
    if (e.golden.config.architecture == ELC_DISCRIMINATOR)
        check(elc_discriminator_forward(&logits, &workspace, &e.weights, &e.batch));
    else
        check(elc_generator_logits(&logits, &workspace, &e.weights, e.pretrain_batch.rows,
                                   e.pretrain_batch.n_masked));
    golden_expect(&e.golden, "out.logits", logits);
    elc_workspace_free(&workspace);
    close_example(&e);
}

/* ---- backward ---- */

static double loss_of(const struct golden *g, const struct elc_pretrain_sums *sums) {
    if (g->config.architecture == ELC_DISCRIMINATOR)
        return sums->discriminator_loss / (double)sums->n_tokens;
    return sums->generator_loss / (double)sums->n_masked;
}

static void check_backward(const char *name, int n_threads) {
    struct example e;
    struct elc_pool *pool;
    open_example(&e, name);
    check(elc_pool_new(&pool, n_threads));
    const struct golden *g = &e.golden;
    const bool generator = g->config.architecture == ELC_GENERATOR;
    const struct elc_pretrain_config config = {.discriminator = g->config,
                                               .generator = g->config,
                                               .temperature = 1,
                                               .gen_weight = 1,
                                               .disc_weight = 1};
    const struct elc_pretrain_setup setup = {
        .config = &config,
        .objective = generator ? ELC_OBJECTIVE_MLM : ELC_OBJECTIVE_RTD,
        .discriminator_table = &g->table,
        .discriminator = g->values,
        .d_discriminator = g->gradients,
        .generator_table = &g->table,
        .generator = g->values,
        .d_generator = g->gradients,
        .mask_id = 4,
        .pool = pool,
    };
    struct elc_pretrain *pretrain;
    struct elc_pretrain_sums sums, evaluated;
    const struct elc_pretrain_totals totals = {e.pretrain_batch.n_masked, e.batch.n_tokens};
    check(elc_pretrain_new(&pretrain, &setup));
    check(elc_pretrain_step(&sums, pretrain, &e.pretrain_batch, 0, &totals));
    golden_expect_loss(g, loss_of(g, &sums));
    golden_expect_gradients(g);
    if (!generator)
        golden_expect(g, "out.logits", elc_pretrain_logits(pretrain));
    check(elc_pretrain_evaluate(&evaluated, pretrain, &e.pretrain_batch, 0));
    assert_memory_equal(&evaluated, &sums, sizeof sums); /* there is no dropout in these */
    elc_pretrain_destroy(pretrain);
    elc_pool_destroy(pool);
    close_example(&e);
}

static const char *const cases[] = {
    "discriminator-equal", "discriminator-projected", "discriminator-gelu-new",
    "discriminator-relu",  "generator-equal",         "generator-projected",
};
enum { CASES = sizeof cases / sizeof *cases };

static void forward(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++)
        check_forward(cases[i]);
}

static void backward(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++)
        check_backward(cases[i], 1);
}

static void backward_by_three_threads(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++)
        check_backward(cases[i], 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward),
        cmocka_unit_test(backward),
        cmocka_unit_test(backward_by_three_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
