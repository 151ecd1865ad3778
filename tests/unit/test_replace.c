/* Replacements by a generator: against transformers' probabilities, and against pre-training. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/pretrain.h"
#include "electra/random.h"
#include "electra/replace.h"

static const char generator_path[] = "tests/golden/directory/generator";
static const char discriminator_path[] = "tests/golden/directory/discriminator";
enum { V = 55, MOST = 32, MASK = 4 };

struct generator {
    struct elc_network network;
    struct elc_weights weights;
};

static void open_generator(struct generator *generator) {
    check(elc_network_load(&generator->network, generator_path, ELC_GENERATOR));
    check(elc_weights_of_network(&generator->weights, &generator->network));
    assert_int_equal(generator->network.config.vocab_size, V);
}

static void close_generator(struct generator *generator) {
    elc_weights_free(&generator->weights);
    elc_network_free(&generator->network);
}

/* ---- probabilities ---- */

/* A text, and transformers' logits over the vocabulary at one of its positions. */
struct golden {
    uint32_t ids[MOST];
    size_t n;
    uint32_t position;
    double logits[V];
};

/* The next line "generator N id… P logit…" of expected.txt; false at the end. */
static bool next_golden(FILE *file, struct golden *golden) {
    char kind[32], rest[8192];
    while (fscanf(file, "%31s", kind) == 1) {
        if (strcmp(kind, "generator") != 0) {
            assert_non_null(fgets(rest, sizeof rest, file));
            continue;
        }
        assert_int_equal(fscanf(file, "%zu", &golden->n), 1);
        assert_in_range(golden->n, 1, MOST);
        for (size_t i = 0; i < golden->n; i++)
            assert_int_equal(fscanf(file, "%u", &golden->ids[i]), 1);
        assert_int_equal(fscanf(file, "%u", &golden->position), 1);
        for (size_t i = 0; i < V; i++)
            assert_int_equal(fscanf(file, "%lf", &golden->logits[i]), 1);
        return true;
    }
    return false;
}

static void softmax(double *p, const double *logits, double temperature, uint32_t except) {
    double sum = 0;
    for (uint32_t i = 0; i < V; i++)
        sum += p[i] = i == except ? 0 : exp(logits[i] / temperature);
    for (uint32_t i = 0; i < V; i++)
        p[i] /= sum;
}

/* Uniform numbers a step apart draw each token as often as its probability has steps, but for one
 * at each end. */
static void check_draws(const struct generator *generator, const struct golden *golden,
                        double temperature, bool never_original) {
    enum { STEPS = 100000 };
    const uint32_t original = golden->ids[golden->position];
    struct elc_workspace workspace = {0};
    struct elc_batch batch = {0};
    uint32_t *rows = malloc(STEPS * sizeof *rows), *sampled = malloc(STEPS * sizeof *sampled);
    uint32_t *originals = malloc(STEPS * sizeof *originals);
    double *uniforms = malloc(STEPS * sizeof *uniforms), p[V];
    unsigned counts[V] = {0};
    check(elc_batch_add(&batch, golden->ids, NULL, golden->n, 0));
    for (size_t i = 0; i < STEPS; i++) {
        rows[i] = golden->position;
        originals[i] = original;
        uniforms[i] = (double)i / STEPS;
    }
    const struct elc_fill fill = {.rows = rows,
                                  .originals = originals,
                                  .uniforms = uniforms,
                                  .n = STEPS,
                                  .n_tokens = V,
                                  .temperature = temperature,
                                  .never_original = never_original};
    check(elc_fill_sample(sampled, &workspace, &generator->weights, &batch, &fill));
    for (size_t i = 0; i < STEPS; i++)
        counts[sampled[i]]++;
    softmax(p, golden->logits, temperature, never_original ? original : UINT32_MAX);
    for (uint32_t i = 0; i < V; i++)
        if (!(fabs(counts[i] - p[i] * STEPS) < 2))
            fail_msg("token %u drawn %u times, not %g", i, counts[i], p[i] * STEPS);
    if (never_original)
        assert_int_equal(counts[original], 0);
    free(rows);
    free(originals);
    free(uniforms);
    free(sampled);
    elc_workspace_free(&workspace);
    elc_batch_free(&batch);
}

static void tokens_are_drawn_with_transformers_probabilities(void **state) {
    (void)state;
    struct generator generator;
    struct golden golden;
    size_t n = 0;
    open_generator(&generator);
    FILE *file = fopen("tests/golden/directory/expected.txt", "r");
    assert_non_null(file);
    for (; next_golden(file, &golden); n++) {
        check_draws(&generator, &golden, 1, false);
        check_draws(&generator, &golden, 1, true);
        check_draws(&generator, &golden, 0.5, false);
        check_draws(&generator, &golden, 3, true);
    }
    assert_int_equal(n, 5);
    /* The last token is the one that takes the original's place. */
    rewind(file);
    assert_true(next_golden(file, &golden));
    golden.ids[golden.position] = V - 1;
    struct elc_workspace workspace = {0};
    struct elc_batch batch = {0};
    const elc_float *logits;
    check(elc_batch_add(&batch, golden.ids, NULL, golden.n, 0));
    check(elc_encoder_forward(&logits, &workspace, &generator.weights, &batch));
    check(elc_generator_logits(&logits, &workspace, &generator.weights, &golden.position, 1));
    for (size_t i = 0; i < V; i++)
        golden.logits[i] = (double)logits[i];
    check_draws(&generator, &golden, 1, true);
    elc_workspace_free(&workspace);
    elc_batch_free(&batch);
    fclose(file);
    close_generator(&generator);
}

/* ---- the same as in pre-training ---- */

/* A network's tensors as one block. */
static elc_float *block_of(const struct elc_network *network) {
    elc_float *block = elc_calloc_aligned(network->table.total, sizeof *block);
    assert_non_null(block);
    for (size_t i = 0; i < network->table.n_tensors; i++)
        memcpy(block + network->table.tensors[i].offset, network->tensors[i],
               network->table.tensors[i].count * sizeof *block);
    return block;
}

/* What the discriminator reads when pre-training draws replacements for these texts. */
static void pretrain_draws(uint32_t *corrupted, const struct generator *generator,
                           const struct elc_pretrain_batch *batch, uint64_t seed, uint64_t step) {
    struct elc_network discriminator;
    struct elc_pretrain_config config;
    check(elc_network_load(&discriminator, discriminator_path, ELC_DISCRIMINATOR));
    check(elc_pretrain_config_read(&config, "nano"));
    config.discriminator = discriminator.config;
    config.generator = generator->network.config;
    elc_float *values[] = {block_of(&discriminator), block_of(&generator->network)};
    const struct elc_pretrain_setup setup = {
        .config = &config,
        .objective = ELC_OBJECTIVE_ELECTRA,
        .discriminator_table = &discriminator.table,
        .discriminator = values[0],
        .generator_table = &generator->network.table,
        .generator = values[1],
        .mask_id = MASK,
        .seed = seed,
    };
    struct elc_pretrain *pretrain;
    struct elc_pretrain_sums sums;
    check(elc_pretrain_new(&pretrain, &setup));
    check(elc_pretrain_evaluate(&sums, pretrain, batch, step));
    memcpy(corrupted, elc_pretrain_corrupted(pretrain), batch->texts.n_tokens * sizeof *corrupted);
    elc_pretrain_destroy(pretrain);
    elc_network_free(&discriminator);
    free(values[0]);
    free(values[1]);
}

/* [CLS], n - 2 tokens, [SEP]. */
static void make_text(uint32_t *ids, size_t n, uint32_t kind) {
    for (size_t i = 0; i < n; i++)
        ids[i] = 5 + (uint32_t)(i * 7 + kind * 13) % (V - 5);
    ids[0] = 2;
    ids[n - 1] = 3;
}

static const struct elc_vocab_id vocab = {.size = V, .unk = 1, .cls = 2, .sep = 3, .mask = MASK};

static void the_same_numbers_draw_what_pretraining_draws(void **state) {
    (void)state;
    enum { TEXTS = 12, SEED = 5, STEP = 3 };
    struct generator generator;
    struct elc_pretrain_batch batch = {0};
    struct elc_masks masks = {0};
    const struct elc_mask_options options = {0.4, MOST, SEED};
    uint32_t originals[TEXTS * MOST], corrupted[TEXTS * MOST], sampled[TEXTS * MOST];
    double uniforms[TEXTS * MOST];
    size_t n = 0, n_replaced = 0;
    open_generator(&generator);
    for (uint32_t i = 0; i < TEXTS; i++) {
        uint32_t ids[MOST];
        const size_t len = 3 + i * 2, place = 100 + i;
        make_text(ids, len, i);
        check(elc_mask(&masks, ids, len, &vocab, &options, 0));
        check(elc_pretrain_batch_add(&batch, ids, NULL, len, &masks, NULL, place));
        struct elc_random random;
        elc_random_init(&random, SEED, ELC_SAMPLE, STEP, place);
        for (size_t k = 0; k < masks.n; k++) {
            originals[n] = ids[masks.positions[k]];
            uniforms[n++] = elc_random_unit(&random);
        }
    }
    assert_int_equal(n, batch.n_masked);
    pretrain_draws(corrupted, &generator, &batch, SEED, STEP);
    for (size_t i = 0; i < n; i++)
        if (!batch.keep[i])
            batch.texts.ids[batch.rows[i]] = MASK;
    const struct elc_fill fill = {.rows = batch.rows,
                                  .originals = originals,
                                  .uniforms = uniforms,
                                  .n = n,
                                  .n_tokens = V,
                                  .temperature = 1};
    struct elc_workspace workspace = {0};
    check(elc_fill_sample(sampled, &workspace, &generator.weights, &batch.texts, &fill));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(sampled[i], corrupted[batch.rows[i]]);
        n_replaced += sampled[i] != originals[i];
    }
    assert_true(n_replaced > n / 2);
    elc_workspace_free(&workspace);
    elc_masks_free(&masks);
    elc_pretrain_batch_free(&batch);
    close_generator(&generator);
}

/* ---- texts ---- */

static void neighbours_and_workers_change_no_draw(void **state) {
    (void)state;
    enum { TEXTS = 100 }; /* several batches */
    struct elc_generator_replacer *generator;
    static uint32_t ids[TEXTS][MOST], positions[TEXTS][MOST], together[TEXTS][MOST];
    static uint8_t keep[TEXTS][MOST];
    struct elc_masked_text texts[TEXTS];
    struct elc_masks masks = {0};
    const struct elc_mask_options options = {0.3, MOST, 1};
    const struct elc_draws draws = {.seed = 1, .epoch = 2}, elsewhere = {1, 2, false, 1};
    check(elc_generator_replacer_new(&generator, generator_path, 1, 2));
    struct elc_replacer *replacer = elc_generator_replacer(generator);
    assert_string_equal(replacer->method, "generator");
    for (uint32_t i = 0; i < TEXTS; i++) {
        const size_t n = 2 + i % (MOST - 2);
        make_text(ids[i], n, i);
        check(elc_mask(&masks, ids[i], n, &vocab, &options, 2));
        if (masks.n)
            memcpy(positions[i], masks.positions, masks.n * sizeof *masks.positions);
        if (masks.n)
            memcpy(keep[i], masks.keep, masks.n);
        texts[i] =
            (struct elc_masked_text){ids[i], NULL, n, positions[i], keep[i], together[i], masks.n};
    }
    check(replacer->draw(replacer, texts, TEXTS, &draws));
    for (size_t i = 0; i < TEXTS; i++) {
        uint32_t alone[MOST];
        texts[i].replacements = alone;
        check(replacer->draw(replacer, &texts[i], 1, &elsewhere));
        assert_memory_equal(alone, together[i], texts[i].n_masked * sizeof *alone);
    }
    elc_masks_free(&masks);
    elc_generator_replacer_destroy(generator);
}

static void generators_that_do_not_fit_are_refused(void **state) {
    (void)state;
    struct elc_generator_replacer *generator;
    assert_int_equal(elc_generator_replacer_new(&generator, discriminator_path, 1, 1),
                     ELC_EMISMATCH);
    assert_int_equal(elc_generator_replacer_new(&generator, "nowhere", 1, 1), ELC_EIO);
    assert_int_equal(elc_generator_replacer_new(&generator, generator_path, 0, 1), ELC_EINVAL);
    assert_int_equal(elc_generator_replacer_new(&generator, generator_path, NAN, 1), ELC_EINVAL);
    check(elc_generator_replacer_new(&generator, generator_path, 1, 1));
    struct elc_replacer *replacer = elc_generator_replacer(generator);
    struct elc_vocab *own;
    check(elc_vocab_read(&own, generator_path));
    struct elc_header header = {.max_length = 32, .vocab = *elc_vocab_id(own)};
    check(replacer->check(replacer, &header, "a.els"));
    header.max_length = 33;
    assert_int_equal(replacer->check(replacer, &header, "a.els"), ELC_EMISMATCH);
    assert_non_null(strstr(elc_error(), "33 tokens, but tests/golden/directory/generator has 32"));
    header.max_length = 32;
    header.vocab.xxh3[0] ^= 1;
    assert_int_equal(replacer->check(replacer, &header, "a.els"), ELC_EMISMATCH);
    assert_non_null(strstr(elc_error(), "a.els"));
    elc_vocab_destroy(own);
    elc_generator_replacer_destroy(generator);
    elc_generator_replacer_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_drawn_with_transformers_probabilities),
        cmocka_unit_test(the_same_numbers_draw_what_pretraining_draws),
        cmocka_unit_test(neighbours_and_workers_change_no_draw),
        cmocka_unit_test(generators_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
