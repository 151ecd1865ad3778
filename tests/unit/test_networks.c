/* Forward and backward against transformers: tests/golden/make_networks.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/encoder.h"
#include "electra/parallel.h"
#include "electra/pretrain.h"

static void check(int err) {
    if (err)
        fail_msg("%s", elc_error());
}

/* A golden file, its network, and its texts as a batch and as a batch of pre-training. */
struct golden {
    const char *name;
    struct elc_safetensors file;
    struct elc_config config;
    struct elc_table table;
    elc_float *values, *gradients;
    struct elc_weights weights;
    struct elc_batch batch;
    struct elc_pretrain_batch pretrain_batch;
};

static const struct elc_stored *stored(const struct golden *g, const char *name) {
    const struct elc_stored *tensor = elc_safetensors_find(&g->file, name);
    if (!tensor)
        fail_msg("%s: no tensor %s", g->name, name);
    return tensor;
}

/* The file's numbers lie in a map, where they need not be aligned. */
static void *copy_of(const struct golden *g, const char *name) {
    const struct elc_stored *tensor = stored(g, name);
    void *copy = malloc(tensor->bytes + 1);
    memcpy(copy, tensor->data, tensor->bytes);
    return copy;
}

static void read_texts(struct golden *g) {
    int32_t *ids = copy_of(g, "in.ids"), *original = copy_of(g, "in.original");
    int32_t *types = copy_of(g, "in.types"), *lengths = copy_of(g, "in.lengths");
    int32_t *rows = copy_of(g, "in.masked");
    const size_t n_masked = stored(g, "in.masked")->shape[0];
    size_t at = 0, mask = 0;
    for (size_t text = 0; text < stored(g, "in.lengths")->shape[0]; text++) {
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
        check(elc_batch_add(&g->batch, reads, kinds, n, text));
        check(
            elc_pretrain_batch_add(&g->pretrain_batch, was, kinds, n, &masks, replacements, text));
        at += n;
    }
    free(ids);
    free(original);
    free(types);
    free(lengths);
    free(rows);
}

static void open_golden(struct golden *g, const char *name) {
    char path[256];
    *g = (struct golden){.name = name};
    snprintf(path, sizeof path, "tests/golden/networks/%s.json", name);
    check(elc_config_read(&g->config, path));
    snprintf(path, sizeof path, "tests/golden/networks/%s.safetensors", name);
    check(elc_safetensors_open(&g->file, path));
    check(elc_table_build(&g->table, &g->config, false));
    g->values = calloc(g->table.total, sizeof *g->values);
    g->gradients = calloc(g->table.total, sizeof *g->gradients);
    check(elc_params_load(g->values, &g->table, &g->file, path, NULL));
    check(elc_weights_of_block(&g->weights, &g->config, &g->table, g->values, NULL));
    read_texts(g);
}

static void close_golden(struct golden *g) {
    elc_batch_free(&g->batch);
    elc_pretrain_batch_free(&g->pretrain_batch);
    elc_weights_free(&g->weights);
    free(g->values);
    free(g->gradients);
    elc_table_free(&g->table);
    elc_safetensors_close(&g->file);
}

static void assert_close(const struct golden *g, const char *name, const elc_float *found) {
    float *expected = copy_of(g, name);
    const size_t n = stored(g, name)->bytes / sizeof *expected;
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)found[i] - (double)expected[i]) <= 1e-5 * fmax(1, largest)))
            fail_msg("%s: %s[%zu] is %.9g, transformers has %.9g", g->name, name, i,
                     (double)found[i], (double)expected[i]);
    free(expected);
}

/* ---- forward ---- */

static void check_forward(const char *name) {
    struct golden g;
    open_golden(&g, name);
    struct elc_workspace workspace = {0};
    const elc_float *hidden, *logits;
    check(elc_encoder_forward(&hidden, &workspace, &g.weights, &g.batch));
    assert_close(&g, "out.hidden", hidden);
    if (g.config.architecture == ELC_DISCRIMINATOR)
        check(elc_discriminator_forward(&logits, &workspace, &g.weights, &g.batch));
    else
        check(elc_generator_logits(&logits, &workspace, &g.weights, g.pretrain_batch.rows,
                                   g.pretrain_batch.n_masked));
    assert_close(&g, "out.logits", logits);
    elc_workspace_free(&workspace);
    close_golden(&g);
}

/* ---- backward ---- */

static double loss_of(const struct golden *g, const struct elc_pretrain_sums *sums) {
    if (g->config.architecture == ELC_DISCRIMINATOR)
        return sums->discriminator_loss / (double)sums->n_tokens;
    return sums->generator_loss / (double)sums->n_masked;
}

static void check_gradients(const struct golden *g) {
    for (size_t i = 0; i < g->table.n_tensors; i++) {
        char name[128];
        snprintf(name, sizeof name, "grad.%s", g->table.tensors[i].name);
        assert_close(g, name, g->gradients + g->table.tensors[i].offset);
    }
}

static void check_backward(const char *name, int n_threads) {
    struct golden g;
    struct elc_pool *pool;
    open_golden(&g, name);
    check(elc_pool_new(&pool, n_threads));
    const bool generator = g.config.architecture == ELC_GENERATOR;
    const struct elc_pretrain_config config = {.discriminator = g.config,
                                               .generator = g.config,
                                               .temperature = 1,
                                               .gen_weight = 1,
                                               .disc_weight = 1};
    const struct elc_pretrain_setup setup = {
        .config = &config,
        .objective = generator ? ELC_OBJECTIVE_MLM : ELC_OBJECTIVE_RTD,
        .discriminator_table = &g.table,
        .discriminator = g.values,
        .d_discriminator = g.gradients,
        .generator_table = &g.table,
        .generator = g.values,
        .d_generator = g.gradients,
        .mask_id = 4,
        .pool = pool,
    };
    struct elc_pretrain *pretrain;
    struct elc_pretrain_sums sums, evaluated;
    double *expected = copy_of(&g, "out.loss");
    const struct elc_pretrain_totals totals = {g.pretrain_batch.n_masked, g.batch.n_tokens};
    check(elc_pretrain_new(&pretrain, &setup));
    check(elc_pretrain_step(&sums, pretrain, &g.pretrain_batch, 0, &totals));
    if (!(fabs(loss_of(&g, &sums) - *expected) < 1e-5))
        fail_msg("%s: the loss is %.9g, transformers has %.9g", name, loss_of(&g, &sums),
                 *expected);
    check_gradients(&g);
    if (!generator)
        assert_close(&g, "out.logits", elc_pretrain_logits(pretrain));
    check(elc_pretrain_evaluate(&evaluated, pretrain, &g.pretrain_batch, 0));
    assert_memory_equal(&evaluated, &sums, sizeof sums); /* there is no dropout in these */
    elc_pretrain_destroy(pretrain);
    elc_pool_destroy(pool);
    free(expected);
    close_golden(&g);
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
