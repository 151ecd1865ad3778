/* Every objective of pre-training: 100 steps beside PyTorch (tests/golden/make_objectives.py), and
 * what must hold between them. */
#include "golden_run.h"

enum { STEPS = 100, BUDGET = 200 };

/* ---- files ---- */

struct files {
    struct elc_safetensors discriminator, generator, heads, batches, run;
};

static int open_files(void **state) {
    static struct files files;
    *state = &files;
    check(elc_safetensors_open(&files.discriminator,
                               "tests/golden/pretrain/discriminator.safetensors"));
    check(elc_safetensors_open(&files.generator, "tests/golden/pretrain/generator.safetensors"));
    check(elc_safetensors_open(&files.batches, "tests/golden/pretrain/run.safetensors"));
    check(elc_safetensors_open(&files.heads, "tests/golden/objectives/heads.safetensors"));
    check(elc_safetensors_open(&files.run, "tests/golden/objectives/run.safetensors"));
    return 0;
}

static int close_files(void **state) {
    struct files *files = *state;
    elc_safetensors_close(&files->discriminator);
    elc_safetensors_close(&files->generator);
    elc_safetensors_close(&files->heads);
    elc_safetensors_close(&files->batches);
    elc_safetensors_close(&files->run);
    return 0;
}

/* The start of a network: each tensor from the first of the files that has it. */
static elc_float *start_of(const struct elc_table *table,
                           const struct elc_safetensors *const *files, size_t n_files) {
    elc_float *values = calloc(table->total, sizeof *values);
    for (size_t i = 0; i < table->n_tensors; i++) {
        const struct elc_tensor *tensor = &table->tensors[i];
        const struct elc_stored *found = NULL;
        for (size_t k = 0; !found && k < n_files; k++)
            found = elc_safetensors_find(files[k], tensor->name);
        if (!found)
            fail_msg("no tensor %s", tensor->name);
        assert_int_equal(found->bytes, tensor->count * sizeof(float));
        memcpy(values + tensor->offset, found->data, found->bytes);
    }
    return values;
}

/* ---- networks ---- */

struct variant {
    const char *name; /* in run.safetensors */
    enum elc_objective objective;
    bool tied, untied_embeddings;
};
static const struct variant variants[] = {
    {"rtd", ELC_OBJECTIVE_RTD, false, false},
    {"mlm", ELC_OBJECTIVE_MLM, false, false},
    {"electra-15", ELC_OBJECTIVE_ELECTRA_15, false, false},
    {"replace-mlm", ELC_OBJECTIVE_REPLACE_MLM, false, false},
    {"all-tokens-mlm", ELC_OBJECTIVE_ALL_TOKENS_MLM, false, false},
    {"electra-tied", ELC_OBJECTIVE_ELECTRA, true, false},
    {"electra-untied", ELC_OBJECTIVE_ELECTRA, false, true},
};
enum { N_VARIANTS = sizeof variants / sizeof *variants };

struct networks {
    const struct variant *variant;
    const struct elc_objective_parts *parts;
    struct elc_pretrain_config config;
    struct elc_table tables[2]; /* discriminator, generator */
    elc_float *values[2];
    struct elc_trained trained[2];
    struct elc_pool *pool;
    struct elc_pretrain *pretrain;
};

static void configure(struct networks *n, double dropout) {
    const struct variant *v = n->variant;
    char untied[64], embeddings[64], drop[64], attention[64];
    snprintf(untied, sizeof untied, "untied_generator=%s", v->tied ? "false" : "true");
    snprintf(embeddings, sizeof embeddings, "untied_generator_embeddings=%s",
             v->untied_embeddings ? "true" : "false");
    snprintf(drop, sizeof drop, "hidden_dropout_prob=%g", dropout);
    snprintf(attention, sizeof attention, "attention_probs_dropout_prob=%g", dropout);
    const char *const overrides[] = {untied, embeddings, drop, attention, "token_weight=2"};
    check(elc_pretrain_config_build(&n->config, "tests/golden/pretrain/config.json", overrides,
                                    sizeof overrides / sizeof *overrides));
    n->config.discriminator.vocab_size = n->config.generator.vocab_size = GOLDEN_VOCAB;
    elc_objective_shape(&n->config, v->objective);
}

static void make_tables(struct networks *n) {
    const struct variant *v = n->variant;
    const bool alone = !n->parts->discriminator;
    if (n->parts->discriminator)
        check(elc_table_build(&n->tables[0], &n->config.discriminator, ELC_SHARE_NOTHING));
    if (n->parts->copies)
        check(elc_table_add_copy_head(&n->tables[0], &n->config.discriminator));
    if (n->parts->generator)
        check(elc_table_build(&n->tables[1], &n->config.generator,
                              alone || v->untied_embeddings ? ELC_SHARE_NOTHING
                              : v->tied                     ? ELC_SHARE_ENCODER
                                                            : ELC_SHARE_EMBEDDINGS));
}

static void open_networks(struct networks *n, const struct files *files,
                          const struct variant *variant, double dropout, int n_threads) {
    *n = (struct networks){.variant = variant, .parts = elc_objective_parts(variant->objective)};
    configure(n, dropout);
    make_tables(n);
    const struct elc_safetensors *const large[] = {&files->discriminator, &files->heads};
    const struct elc_safetensors *const small[] = {&files->generator, &files->discriminator};
    const bool is_large = variant->tied || !n->parts->discriminator;
    n->values[0] = start_of(&n->tables[0], large, 2);
    n->values[1] = start_of(&n->tables[1], is_large ? large : small, 2);
    for (size_t i = 0; i < 2; i++)
        check(elc_trained_init(&n->trained[i], &n->tables[i], n->values[i]));
    check(elc_pool_new(&n->pool, n_threads));
    const struct elc_pretrain_setup setup = {
        .config = &n->config,
        .objective = variant->objective,
        .discriminator_table = &n->tables[0],
        .discriminator = n->values[0],
        .d_discriminator = n->trained[0].gradients,
        .generator_table = &n->tables[1],
        .generator = n->values[1],
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
    for (size_t i = 0; i < 2; i++) {
        elc_trained_free(&n->trained[i]);
        elc_table_free(&n->tables[i]);
        free(n->values[i]);
    }
}

/* ---- steps ---- */

static double loss_of(const struct networks *n, const struct elc_pretrain_sums *sums,
                      const struct elc_pretrain_totals *totals) {
    const uint64_t counted = n->parts->everywhere ? totals->n_tokens : totals->n_masked;
    const double weight =
        n->parts->predicts_tokens ? n->config.token_weight : n->config.disc_weight;
    return n->config.gen_weight * sums->generator_loss / (double)totals->n_masked +
           weight * sums->discriminator_loss / (double)counted;
}

/* The loss of a global batch, its gradients added to those that are there. */
static double step(const struct networks *n, const struct elc_pretrain_batch *parts, size_t n_parts,
                   const struct elc_pretrain_totals *totals, uint64_t number) {
    const struct elc_pretrain_sums sums = golden_step(n->pretrain, parts, n_parts, totals, number);
    return loss_of(n, &sums, totals);
}

static void expect_number(const struct files *files, const struct variant *variant,
                          const char *what, uint64_t t, double found, double tolerance) {
    char name[64];
    double expected;
    snprintf(name, sizeof name, "%s.%s", variant->name, what);
    memcpy(&expected, golden_tensor(&files->run, name)->data + t * sizeof expected,
           sizeof expected);
    if (!(fabs(found - expected) < tolerance * fmax(1, fabs(expected))))
        fail_msg("step %d of %s: %s is %.9g, PyTorch's %.9g", (int)t, variant->name, what, found,
                 expected);
}

static void a_hundred_steps(void **state) {
    const struct files *files = *state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        struct networks n;
        struct elc_pretrain_batch batch = {0};
        open_networks(&n, files, &variants[v], 0, 1);
        for (uint64_t t = 0; t < STEPS; t++) {
            struct elc_pretrain_totals totals = {0};
            elc_pretrain_batch_clear(&batch);
            golden_add(&files->batches, t % GOLDEN_BATCHES, GIVEN, NULL, &batch, 1, &totals);
            const double loss = step(&n, &batch, 1, &totals, t),
                         norm = golden_norm(n.pool, n.trained);
            expect_number(files, &variants[v], "losses", t, loss, 2e-5);
            expect_number(files, &variants[v], "norms", t, norm, 1e-3);
            golden_update(n.pool, n.trained, &n.config, BUDGET, t, norm);
        }
        elc_pretrain_batch_free(&batch);
        close_networks(&n);
    }
}

/* A generator that is not trained draws replacements; a discriminator that reads the record of
 * them learns the same, bit for bit. */
static void rtd_is_the_discriminators_half_of_electra(void **state) {
    const struct files *files = *state;
    struct networks joint, alone;
    struct elc_pretrain_batch sampled = {0}, recorded = {0};
    open_networks(&joint, files, &variants[6], 0.1, 1);
    open_networks(&alone, files, &variants[0], 0.1, 1);
    joint.config.gen_weight = 0;
    for (uint64_t t = 0; t < STEPS; t++) {
        struct elc_pretrain_totals totals = {0}, same = {0};
        elc_pretrain_batch_clear(&sampled);
        golden_add(&files->batches, t % GOLDEN_BATCHES, SAMPLED, NULL, &sampled, 1, &totals);
        const double expected = step(&joint, &sampled, 1, &totals, t);
        elc_pretrain_batch_clear(&recorded);
        golden_add(&files->batches, t % GOLDEN_BATCHES, INSTEAD,
                   elc_pretrain_corrupted(joint.pretrain), &recorded, 1, &same);
        assert_true(step(&alone, &recorded, 1, &same, t) == expected);
        assert_memory_equal(joint.trained[0].gradients, alone.trained[0].gradients,
                            joint.tables[0].total * sizeof(elc_float));
        const double norm = golden_norm(joint.pool, joint.trained);
        assert_true(golden_norm(alone.pool, alone.trained) == norm);
        elc_adam_update(NULL, &joint.trained[0], &(struct elc_adam){0.9, 0.999, 1e-6, 0, false},
                        1e-3, 1, t);
        elc_adam_update(NULL, &alone.trained[0], &(struct elc_adam){0.9, 0.999, 1e-6, 0, false},
                        1e-3, 1, t);
    }
    assert_memory_equal(joint.values[0], alone.values[0],
                        joint.tables[0].total * sizeof(elc_float));
    elc_pretrain_batch_free(&sampled);
    elc_pretrain_batch_free(&recorded);
    close_networks(&joint);
    close_networks(&alone);
}

/* ---- what must not matter ---- */

/* Loss and gradients of all batches together, with dropout, cut into parts. */
static double gradients_of(struct networks *n, const struct files *files,
                           const struct variant *variant, int n_threads, size_t n_parts) {
    struct elc_pretrain_batch parts[3] = {{.given = false}};
    struct elc_pretrain_totals totals = {0};
    open_networks(n, files, variant, 0.1, n_threads);
    for (size_t i = 0; i < GOLDEN_BATCHES; i++)
        golden_add(&files->batches, i, n->parts->generator ? SAMPLED : GIVEN, NULL, parts, n_parts,
                   &totals);
    const double loss = step(n, parts, n_parts, &totals, 7);
    for (size_t i = 0; i < n_parts; i++)
        elc_pretrain_batch_free(&parts[i]);
    return loss;
}

static void threads_change_no_bit(void **state) {
    const struct files *files = *state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        struct networks one, more;
        const double expected = gradients_of(&one, files, &variants[v], 1, 1);
        for (int n_threads = 2; n_threads <= 3; n_threads++) {
            assert_true(gradients_of(&more, files, &variants[v], n_threads, 1) == expected);
            for (size_t i = 0; i < 2; i++)
                assert_memory_equal(one.trained[i].gradients, more.trained[i].gradients,
                                    one.tables[i].total * sizeof(elc_float));
            close_networks(&more);
        }
        close_networks(&one);
    }
}

static void micro_batches_change_rounding_only(void **state) {
    const struct files *files = *state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        struct networks whole, cut;
        const double loss = gradients_of(&whole, files, &variants[v], 1, 1);
        const double again = gradients_of(&cut, files, &variants[v], 1, 3);
        assert_true(fabs(loss - again) < 1e-4);
        for (size_t i = 0; i < 2; i++)
            for (size_t k = 0; k < whole.tables[i].total; k++)
                assert_true(fabs((double)(whole.trained[i].gradients[k] -
                                          cut.trained[i].gradients[k])) < 1e-4);
        close_networks(&whole);
        close_networks(&cut);
    }
}

static void a_text_without_masks_does_no_harm(void **state) {
    const struct files *files = *state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        struct networks n;
        struct elc_pretrain_batch batch = {0};
        struct elc_pretrain_sums sums;
        const struct elc_pretrain_totals totals = {0, 2};
        open_networks(&n, files, &variants[v], 0.1, 1);
        check(elc_pretrain_batch_add(&batch, (const uint32_t[]){2, 3}, NULL, 2,
                                     &(struct elc_masks){0}, NULL, 0));
        check(elc_pretrain_step(&sums, n.pretrain, &batch, 0, &totals));
        check(elc_pretrain_evaluate(&sums, n.pretrain, &batch, 0));
        assert_true(isfinite(golden_norm(n.pool, n.trained)));
        assert_true((sums.discriminator_loss > 0) ==
                    (n.parts->discriminator && n.parts->everywhere));
        elc_pretrain_batch_free(&batch);
        close_networks(&n);
    }
}

/* ---- names ---- */

static void objectives_have_names(void **state) {
    (void)state;
    for (int i = 0; i < ELC_N_OBJECTIVES; i++) {
        enum elc_objective parsed;
        const struct elc_objective_parts *parts = elc_objective_parts((enum elc_objective)i);
        check(elc_objective_parse(&parsed, parts->name));
        assert_int_equal(parsed, i);
        assert_true(parts->generator || parts->discriminator);
    }
    enum elc_objective objective;
    assert_int_equal(elc_objective_parse(&objective, "electra-16"), ELC_EINVAL);
    assert_non_null(strstr(elc_error(), "'electra-16' is no objective"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_steps),
        cmocka_unit_test(rtd_is_the_discriminators_half_of_electra),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(micro_batches_change_rounding_only),
        cmocka_unit_test(a_text_without_masks_does_no_harm),
        cmocka_unit_test(objectives_have_names),
    };
    return cmocka_run_group_tests(tests, open_files, close_files);
}
