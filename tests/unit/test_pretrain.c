/* The joint pre-training step: 200 steps beside PyTorch (tests/golden/make_pretrain.py), and what
 * must not change its results: threads, cuts into micro-batches, neighbours. */
#include "golden_run.h"

enum { STEPS = 200 };
static const char directory[] = "tests/golden/pretrain";

/* Both networks at the golden run's start. */
struct networks {
    struct elc_pretrain_config config;
    struct elc_table discriminator_table, generator_table;
    elc_float *discriminator, *generator;
    struct elc_trained trained[2];
    struct elc_pool *pool;
    struct elc_pretrain *pretrain;
};

static elc_float *load(const struct elc_table *table, const char *name) {
    char path[256];
    struct elc_safetensors file;
    snprintf(path, sizeof path, "%s/%s.safetensors", directory, name);
    check(elc_safetensors_open(&file, path));
    elc_float *values = calloc(table->total, sizeof *values);
    check(elc_params_load(values, table, &file, path, NULL));
    elc_safetensors_close(&file);
    return values;
}

static void open_networks(struct networks *n, double dropout, int n_threads) {
    char path[256];
    snprintf(path, sizeof path, "%s/config.json", directory);
    check(elc_pretrain_config_read(&n->config, path));
    struct elc_config *configs[] = {&n->config.discriminator, &n->config.generator};
    for (size_t i = 0; i < 2; i++) {
        configs[i]->vocab_size = GOLDEN_VOCAB;
        configs[i]->hidden_dropout_prob = dropout;
        configs[i]->attention_probs_dropout_prob = dropout;
    }
    check(elc_table_build(&n->discriminator_table, &n->config.discriminator, false));
    check(elc_table_build(&n->generator_table, &n->config.generator, true));
    n->discriminator = load(&n->discriminator_table, "discriminator");
    n->generator = load(&n->generator_table, "generator");
    check(elc_trained_init(&n->trained[0], &n->discriminator_table, n->discriminator));
    check(elc_trained_init(&n->trained[1], &n->generator_table, n->generator));
    check(elc_pool_new(&n->pool, n_threads));
    const struct elc_pretrain_setup setup = {
        .config = &n->config,
        .objective = ELC_OBJECTIVE_ELECTRA,
        .discriminator_table = &n->discriminator_table,
        .discriminator = n->discriminator,
        .d_discriminator = n->trained[0].gradients,
        .generator_table = &n->generator_table,
        .generator = n->generator,
        .d_generator = n->trained[1].gradients,
        .mask_id = GOLDEN_MASK,
        .seed = 1,
        .pool = n->pool,
    };
    check(elc_pretrain_new(&n->pretrain, &setup));
}

static void close_networks(struct networks *n) {
    elc_pretrain_destroy(n->pretrain);
    elc_pool_destroy(n->pool);
    elc_trained_free(&n->trained[0]);
    elc_trained_free(&n->trained[1]);
    elc_table_free(&n->discriminator_table);
    elc_table_free(&n->generator_table);
    free(n->discriminator);
    free(n->generator);
}

/* ---- the golden run ---- */

/* That batch alone, whole. */
static void read_batch(const struct elc_safetensors *run, size_t number, bool given,
                       struct elc_pretrain_batch *batch, struct elc_pretrain_totals *totals) {
    elc_pretrain_batch_clear(batch);
    *totals = (struct elc_pretrain_totals){0};
    golden_add(run, number, given ? GIVEN : SAMPLED, NULL, batch, 1, totals);
}

static void open_run(struct elc_safetensors *run) {
    char path[256];
    snprintf(path, sizeof path, "%s/run.safetensors", directory);
    check(elc_safetensors_open(run, path));
}

/* The loss of a global batch, its gradients added to those that are there. */
static double step(struct networks *n, const struct elc_pretrain_batch *parts, size_t n_parts,
                   const struct elc_pretrain_totals *totals, uint64_t number) {
    const struct elc_pretrain_sums sums = golden_step(n->pretrain, parts, n_parts, totals, number);
    return n->config.gen_weight * sums.generator_loss / (double)totals->n_masked +
           n->config.disc_weight * sums.discriminator_loss / (double)totals->n_tokens;
}

static void check_end(const struct elc_safetensors *run, const struct elc_trained *trained,
                      const char *net) {
    for (size_t i = 0; i < trained->table->n_tensors; i++) {
        const struct elc_tensor *tensor = &trained->table->tensors[i];
        char name[160];
        float expected[GOLDEN_TOKENS * 4];
        snprintf(name, sizeof name, "end.%s.%s", net, tensor->name);
        assert_true(tensor->count <= sizeof expected / sizeof *expected);
        memcpy(expected, golden_tensor(run, name)->data, tensor->count * sizeof *expected);
        for (size_t j = 0; j < tensor->count; j++) {
            double found = (double)trained->values[tensor->offset + j];
            if (!(fabs(found - (double)expected[j]) < 2e-4))
                fail_msg("%s[%zu] ends as %g, PyTorch's as %g", name, j, found,
                         (double)expected[j]);
        }
    }
}

static void two_hundred_steps(void **state) {
    (void)state;
    struct networks n;
    struct elc_safetensors run;
    struct elc_pretrain_batch batch = {0};
    struct elc_pretrain_totals totals;
    open_networks(&n, 0, 1);
    open_run(&run);
    for (uint64_t t = 0; t < STEPS; t++) {
        double expected, expected_norm;
        memcpy(&expected, golden_tensor(&run, "losses")->data + t * sizeof expected,
               sizeof expected);
        memcpy(&expected_norm, golden_tensor(&run, "norms")->data + t * sizeof expected,
               sizeof expected);
        read_batch(&run, t % GOLDEN_BATCHES, true, &batch, &totals);
        const double loss = step(&n, &batch, 1, &totals, t), norm = golden_norm(n.pool, n.trained);
        if (!(fabs(loss - expected) < 2e-4))
            fail_msg("step %d: the loss is %.9g, PyTorch's %.9g", (int)t, loss, expected);
        if (!(fabs(norm - expected_norm) < 1e-3 * fmax(1, expected_norm)))
            fail_msg("step %d: the norm is %.9g, PyTorch's %.9g", (int)t, norm, expected_norm);
        golden_update(n.pool, n.trained, &n.config, STEPS, t, norm);
    }
    check_end(&run, &n.trained[0], "discriminator");
    check_end(&run, &n.trained[1], "generator");
    elc_pretrain_batch_free(&batch);
    elc_safetensors_close(&run);
    close_networks(&n);
}

/* ---- what must not matter ---- */

/* The gradients of all batches together with sampling, cut into parts; the caller frees. */
static elc_float *gradients_of(double dropout, int n_threads, size_t n_parts, double *loss) {
    struct networks n;
    struct elc_safetensors run;
    struct elc_pretrain_batch parts[3] = {{.given = false}};
    struct elc_pretrain_totals totals = {0};
    open_networks(&n, dropout, n_threads);
    open_run(&run);
    for (size_t i = 0; i < GOLDEN_BATCHES; i++) /* several tiles of rows */
        golden_add(&run, i, SAMPLED, NULL, parts, n_parts, &totals);
    *loss = step(&n, parts, n_parts, &totals, 7);
    const size_t first = n.discriminator_table.total, second = n.generator_table.total;
    elc_float *all = malloc((first + second) * sizeof *all);
    memcpy(all, n.trained[0].gradients, first * sizeof *all);
    memcpy(all + first, n.trained[1].gradients, second * sizeof *all);
    for (size_t i = 0; i < n_parts; i++)
        elc_pretrain_batch_free(&parts[i]);
    elc_safetensors_close(&run);
    close_networks(&n);
    return all;
}

static size_t gradient_count(void) {
    struct networks n;
    open_networks(&n, 0, 1);
    size_t count = n.discriminator_table.total + n.generator_table.total;
    close_networks(&n);
    return count;
}

static void threads_change_no_bit(void **state) {
    (void)state;
    const size_t bytes = gradient_count() * sizeof(elc_float);
    double loss;
    elc_float *one = gradients_of(0.1, 1, 1, &loss);
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        double again;
        elc_float *more = gradients_of(0.1, n_threads, 1, &again);
        assert_true(loss == again);
        assert_memory_equal(one, more, bytes);
        free(more);
    }
    free(one);
}

static void micro_batches_change_rounding_only(void **state) {
    (void)state;
    const size_t count = gradient_count();
    double loss;
    elc_float *whole = gradients_of(0.1, 1, 1, &loss);
    for (size_t n_parts = 2; n_parts <= 3; n_parts++) {
        double again;
        elc_float *cut = gradients_of(0.1, 1, n_parts, &again);
        assert_true(fabs(loss - again) < 1e-4);
        for (size_t i = 0; i < count; i++)
            assert_true(fabs((double)(whole[i] - cut[i])) < 1e-4);
        free(cut);
    }
    free(whole);
}

static void a_step_names_its_chance(void **state) {
    (void)state;
    struct networks n;
    struct elc_safetensors run;
    struct elc_pretrain_batch batch = {0};
    struct elc_pretrain_totals totals;
    uint32_t first[GOLDEN_TOKENS];
    open_networks(&n, 0.1, 1);
    open_run(&run);
    read_batch(&run, 0, false, &batch, &totals);
    double losses[3];
    losses[0] = step(&n, &batch, 1, &totals, 1);
    memcpy(first, elc_pretrain_corrupted(n.pretrain), totals.n_tokens * sizeof *first);
    losses[1] = step(&n, &batch, 1, &totals, 2);
    assert_memory_not_equal(first, elc_pretrain_corrupted(n.pretrain),
                            totals.n_tokens * sizeof *first);
    losses[2] = step(&n, &batch, 1, &totals, 1);
    assert_memory_equal(first, elc_pretrain_corrupted(n.pretrain), totals.n_tokens * sizeof *first);
    assert_true(losses[0] == losses[2] && losses[0] != losses[1]);
    elc_pretrain_batch_free(&batch);
    elc_safetensors_close(&run);
    close_networks(&n);
}

/* ---- edges ---- */

static void texts_without_masks(void **state) {
    (void)state;
    struct networks n;
    open_networks(&n, 0.1, 2);
    struct elc_pretrain_batch batch = {0};
    const uint32_t ids[] = {2, 3};
    const struct elc_masks none = {0};
    struct elc_pretrain_sums sums;
    struct elc_pretrain_totals totals = {0, 0};
    check(elc_pretrain_step(&sums, n.pretrain, &batch, 0, &totals)); /* no text at all */
    assert_int_equal(sums.n_tokens, 0);
    check(elc_pretrain_batch_add(&batch, ids, NULL, 2, &none, NULL, 0));
    totals.n_tokens = 2;
    check(elc_pretrain_step(&sums, n.pretrain, &batch, 0, &totals));
    assert_int_equal(sums.n_tokens, 2);
    assert_int_equal(sums.n_replaced, 0);
    assert_true(sums.generator_loss == 0 && sums.discriminator_loss > 0);
    elc_pretrain_batch_free(&batch);
    close_networks(&n);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    struct networks n;
    open_networks(&n, 0, 1);
    struct elc_pretrain_batch batch = {0};
    uint32_t ids[30] = {2, GOLDEN_VOCAB, 3};
    uint32_t positions[] = {1, 1, 3};
    uint8_t keep[] = {0, 0, 0};
    struct elc_pretrain_sums sums;
    const struct elc_pretrain_totals totals = {1, 30};
    struct elc_masks masks = {.positions = positions, .keep = keep, .n = 2};
    assert_int_equal(elc_pretrain_batch_add(&batch, ids, NULL, 3, &masks, NULL, 0), ELC_EFORMAT);
    masks.positions = positions + 2;
    masks.n = 1;
    assert_int_equal(elc_pretrain_batch_add(&batch, ids, NULL, 3, &masks, NULL, 0), ELC_EFORMAT);
    masks.positions = positions;
    check(elc_pretrain_batch_add(&batch, ids, NULL, 3, &masks, NULL, 0));
    assert_int_equal(elc_pretrain_step(&sums, n.pretrain, &batch, 0, &totals), ELC_EMISMATCH);
    elc_pretrain_batch_clear(&batch);
    ids[1] = 7;
    check(elc_pretrain_batch_add(&batch, ids, NULL, 30, &masks, NULL, 0));
    assert_int_equal(elc_pretrain_step(&sums, n.pretrain, &batch, 0, &totals), ELC_EMISMATCH);
    elc_pretrain_batch_free(&batch);
    close_networks(&n);
}

static void a_loss_that_is_not_finite_is_an_error(void **state) {
    (void)state;
    struct networks n;
    struct elc_safetensors run;
    struct elc_pretrain_batch batch = {0};
    struct elc_pretrain_totals totals;
    struct elc_pretrain_sums sums;
    open_networks(&n, 0, 1);
    open_run(&run);
    read_batch(&run, 0, false, &batch, &totals);
    for (size_t i = 0; i < n.generator_table.total; i += 97) {
        const elc_float was = n.generator[i];
        n.generator[i] = (elc_float)NAN;
        const int err = elc_pretrain_step(&sums, n.pretrain, &batch, 0, &totals);
        if (err)
            assert_int_equal(err, ELC_ENUMERIC);
        else /* padding between tensors */
            assert_true(isfinite(sums.generator_loss));
        n.generator[i] = was;
    }
    n.discriminator[n.discriminator_table.total - 16] = (elc_float)INFINITY; /* the last bias */
    assert_int_equal(elc_pretrain_step(&sums, n.pretrain, &batch, 0, &totals), ELC_ENUMERIC);
    elc_pretrain_batch_free(&batch);
    elc_safetensors_close(&run);
    close_networks(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hundred_steps),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(micro_batches_change_rounding_only),
        cmocka_unit_test(a_step_names_its_chance),
        cmocka_unit_test(texts_without_masks),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_loss_that_is_not_finite_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
