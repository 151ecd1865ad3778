/* Adam, schedule and clipping against plain formulas in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/optimizer.h"
#include "electra/random.h"

static void close_to(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g is not %.17g", value, expected);
}

/* ---- schedule ---- */

/* The numbers of ELECTRA-Small: 5e-4, 10,000 steps of warm-up, 1,000,000 in all. */
static void warm_up_and_decay_multiply(void **state) {
    (void)state;
    const struct {
        uint64_t step;
        double rate;
    } cases[] = {
        {0, 0},
        {1, 5e-4 * (1 - 1e-6) * 1e-4},
        {5000, 2.4875e-4},
        {9999, 4.9495099995e-4},
        {10000, 4.95e-4},
        {500000, 2.5e-4},
        {999999, 5e-10},
        {1000000, 0},
        {1000001, 0},
        {UINT64_MAX, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        close_to(elc_learning_rate(5e-4, cases[i].step, 1000000, 10000, 1), cases[i].rate, 1e-13);
}

static void schedules_may_be_short_or_bent(void **state) {
    (void)state;
    assert_true(elc_learning_rate(1, 0, 10, 0, 1) == 1); /* no warm-up: the first step counts */
    close_to(elc_learning_rate(1, 5, 10, 0, 2), 0.25, 1e-15);
    close_to(elc_learning_rate(1, 5, 10, 0, 0), 1, 1e-15);
    close_to(elc_learning_rate(1, 5, 10, 20, 1), 0.125, 1e-15); /* warm-up longer than the run */
    assert_true(elc_learning_rate(1, 0, 1, 1, 1) == 0);
}

/* ---- updates ---- */

struct fixture {
    struct elc_table table;
    struct elc_trained trained;
    double *w, *m, *v; /* what the formulas say */
};

static struct elc_config small_config(void) {
    struct elc_config config;
    elc_config_default(&config);
    config.architecture = ELC_DISCRIMINATOR;
    config.vocab_size = 6001;
    config.embedding_size = 33; /* so that there are gaps between tensors */
    config.hidden_size = 40;
    config.num_attention_heads = 2;
    config.num_hidden_layers = 2;
    config.intermediate_size = 70;
    config.max_position_embeddings = 50;
    return config;
}

static void make(struct fixture *fixture) {
    const struct elc_config config = small_config();
    *fixture = (struct fixture){0};
    assert_int_equal(elc_table_build(&fixture->table, &config, false), 0);
    size_t n = fixture->table.total;
    assert_true(n > 2 * 65536); /* several tiles */
    elc_float *values = elc_calloc_aligned(n, sizeof *values);
    elc_table_init(&fixture->table, values, 1, 0, 0.02);
    assert_int_equal(elc_trained_init(&fixture->trained, &fixture->table, values), 0);
    fixture->w = calloc(n, sizeof(double));
    fixture->m = calloc(n, sizeof(double));
    fixture->v = calloc(n, sizeof(double));
    for (size_t i = 0; i < n; i++)
        fixture->w[i] = (double)values[i];
}

static void drop(struct fixture *fixture) {
    free(fixture->trained.values);
    elc_trained_free(&fixture->trained);
    elc_trained_free(&fixture->trained);
    elc_table_free(&fixture->table);
    free(fixture->w);
    free(fixture->m);
    free(fixture->v);
}

/* Gradients of very different sizes, as in life; gaps between tensors have none. */
static void draw_gradients(struct fixture *fixture, uint64_t step) {
    struct elc_random random;
    elc_random_init(&random, 3, ELC_SAMPLE, step, 0);
    for (size_t i = 0; i < fixture->table.n_tensors; i++) {
        const struct elc_tensor *tensor = &fixture->table.tensors[i];
        double scale = pow(10, (double)(i % 6) - 5);
        for (size_t k = 0; k < tensor->count; k++)
            fixture->trained.gradients[tensor->offset + k] =
                (elc_float)(scale * (2 * elc_random_unit(&random) - 1));
    }
}

/* The header's equations, number by number. */
static void update_by_formula(struct fixture *fixture, const struct elc_adam *adam, double rate,
                              double factor, uint64_t step) {
    for (size_t i = 0; i < fixture->table.n_tensors; i++) {
        const struct elc_tensor *tensor = &fixture->table.tensors[i];
        for (size_t k = tensor->offset; k < tensor->offset + tensor->count; k++) {
            double g = factor * (double)fixture->trained.gradients[k];
            double *w = &fixture->w[k], *m = &fixture->m[k], *v = &fixture->v[k];
            *m = adam->beta1 * *m + (1 - adam->beta1) * g;
            *v = adam->beta2 * *v + (1 - adam->beta2) * g * g;
            double t = (double)step + 1;
            double mc = adam->bias_correction ? 1 - pow(adam->beta1, t) : 1;
            double vc = adam->bias_correction ? 1 - pow(adam->beta2, t) : 1;
            double decay = tensor->decay ? adam->weight_decay : 0;
            *w -= rate * (*m / mc / (sqrt(*v / vc) + adam->epsilon) + decay * *w);
        }
    }
}

static void follow_the_formulas(bool bias_correction) {
    const struct elc_adam adam = {0.9, 0.999, 1e-6, 0.01, bias_correction};
    struct fixture f;
    make(&f);
    for (uint64_t step = 0; step < 8; step++) {
        draw_gradients(&f, step);
        double rate = elc_learning_rate(1e-2, step + 1, 20, 4, 1),
               factor = 1.0 / (double)(step + 1);
        update_by_formula(&f, &adam, rate, factor, step);
        elc_adam_update(NULL, &f.trained, &adam, rate, factor, step);
        for (size_t i = 0; i < f.table.total; i++) {
            close_to((double)f.trained.m[i], f.m[i], 1e-5 * sqrt(f.v[i]));
            close_to((double)f.trained.v[i], f.v[i], 1e-6 * f.v[i]);
            close_to((double)f.trained.values[i], f.w[i], 3e-6 * (1 + fabs(f.w[i])));
            assert_true(f.trained.gradients[i] == 0);
        }
    }
    drop(&f);
}

static void updates_follow_the_formulas(void **state) {
    (void)state;
    follow_the_formulas(false);
}

static void bias_correction_is_that_of_kingma_and_ba(void **state) {
    (void)state;
    follow_the_formulas(true);
}

/* google-research skips names with LayerNorm, layer_norm or bias, and decays the embeddings. */
static void layernorms_and_biases_do_not_decay(void **state) {
    (void)state;
    const struct elc_adam adam = {0.9, 0.999, 1e-6, 0.5, false};
    struct fixture f;
    make(&f);
    for (size_t i = 0; i < f.table.n_tensors;
         i++) /* biases start at zero, where none would decay */
        for (size_t k = 0; k < f.table.tensors[i].count; k++)
            f.trained.values[f.table.tensors[i].offset + k] = 1;
    elc_adam_update(NULL, &f.trained, &adam, 0.1, 1, 0);
    size_t n_decayed = 0;
    for (size_t i = 0; i < f.table.n_tensors; i++) {
        const struct elc_tensor *tensor = &f.table.tensors[i];
        bool stays = strstr(tensor->name, "LayerNorm") || strstr(tensor->name, "bias");
        n_decayed += !stays;
        for (size_t k = 0; k < tensor->count; k++)
            close_to((double)f.trained.values[tensor->offset + k], stays ? 1 : 0.95, 1e-6);
    }
    assert_true(n_decayed > 10);
    drop(&f);
}

static void without_a_rate_only_the_moments_move(void **state) {
    (void)state;
    const struct elc_adam adam = {0.9, 0.999, 1e-6, 0.01, false};
    struct fixture f;
    make(&f);
    size_t bytes = f.table.total * sizeof(elc_float);
    elc_float *before = malloc(bytes);
    memcpy(before, f.trained.values, bytes);
    draw_gradients(&f, 0);
    elc_float first = f.trained.gradients[0];
    elc_adam_update(NULL, &f.trained, &adam, 0, 1, 0);
    assert_memory_equal(before, f.trained.values, bytes);
    close_to((double)f.trained.m[0], 0.1 * (double)first, 1e-7 * fabs((double)first));
    free(before);
    drop(&f);
}

/* The embeddings' rate is decay^(layers + 2), the last layer's decay², the head's 1. */
static void layers_have_rates_of_their_own(void **state) {
    (void)state;
    const struct elc_adam adam = {0.9, 0.999, 1e-6, 0.5, false, .layer_decay = 0.8};
    static const struct {
        const char *name;
        double rate;
    } expected[] = {
        {"electra.embeddings.word_embeddings.weight", 0.04096},
        {"electra.embeddings_project.weight", 0.04096},
        {"electra.encoder.layer.0.output.dense.weight", 0.0512},
        {"electra.encoder.layer.1.output.dense.weight", 0.064},
        {"discriminator_predictions.dense.weight", 0.1},
    };
    struct fixture f;
    make(&f);
    for (size_t i = 0; i < f.table.total; i++)
        f.trained.values[i] = 1;
    elc_adam_update(NULL, &f.trained, &adam, 0.1, 1, 0);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct elc_tensor *tensor = elc_table_find(&f.table, expected[i].name);
        close_to((double)f.trained.values[tensor->offset], 1 - 0.5 * expected[i].rate, 1e-6);
    }
    drop(&f);
}

static void the_team_changes_no_bit(void **state) {
    (void)state;
    const struct elc_adam adam = {0.9, 0.999, 1e-6, 0.01, false};
    struct fixture alone;
    make(&alone);
    double squares_alone[3];
    for (uint64_t step = 0; step < 3; step++) {
        draw_gradients(&alone, step);
        squares_alone[step] = elc_gradient_squares(NULL, &alone.trained);
        elc_adam_update(NULL, &alone.trained, &adam, 0.01, 0.5, step);
    }
    for (int n_threads = 2; n_threads <= 7; n_threads++) {
        struct elc_pool *pool;
        assert_int_equal(elc_pool_new(&pool, n_threads), 0);
        struct fixture f;
        make(&f);
        for (uint64_t step = 0; step < 3; step++) {
            draw_gradients(&f, step);
            double squares = elc_gradient_squares(pool, &f.trained);
            assert_memory_equal(&squares, &squares_alone[step], sizeof squares);
            elc_adam_update(pool, &f.trained, &adam, 0.01, 0.5, step);
        }
        size_t bytes = f.table.total * sizeof(elc_float);
        assert_memory_equal(f.trained.values, alone.trained.values, bytes);
        assert_memory_equal(f.trained.m, alone.trained.m, bytes);
        assert_memory_equal(f.trained.v, alone.trained.v, bytes);
        drop(&f);
        elc_pool_destroy(pool);
    }
    drop(&alone);
}

/* ---- clipping ---- */

static void norms_are_summed_in_double(void **state) {
    (void)state;
    struct fixture f;
    make(&f);
    assert_true(elc_gradient_squares(NULL, &f.trained) == 0);
    draw_gradients(&f, 1);
    double expected = 0;
    for (size_t i = 0; i < f.table.total; i++)
        expected += (double)f.trained.gradients[i] * (double)f.trained.gradients[i];
    close_to(elc_gradient_squares(NULL, &f.trained), expected, 1e-12 * expected);
    f.trained.gradients[5] = (elc_float)1e30; /* its square is beyond float */
    close_to(elc_gradient_squares(NULL, &f.trained), 1e60, 1e54);
    f.trained.gradients[f.table.tensors[3].offset] = (elc_float)NAN;
    assert_true(isnan(elc_gradient_squares(NULL, &f.trained)));
    f.trained.gradients[f.table.tensors[3].offset] = (elc_float)INFINITY;
    assert_false(isfinite(elc_gradient_squares(NULL, &f.trained)));
    drop(&f);
}

static void only_long_gradients_are_clipped(void **state) {
    (void)state;
    assert_true(elc_clip_factor(0, 1) == 1);
    assert_true(elc_clip_factor(0.999, 1) == 1);
    assert_true(elc_clip_factor(1, 1) == 1);
    assert_true(elc_clip_factor(4, 1) == 0.25);
    assert_true(elc_clip_factor(4, 0.5) == 0.125);
    assert_true(elc_clip_factor(4, 0) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warm_up_and_decay_multiply),
        cmocka_unit_test(schedules_may_be_short_or_bent),
        cmocka_unit_test(updates_follow_the_formulas),
        cmocka_unit_test(bias_correction_is_that_of_kingma_and_ba),
        cmocka_unit_test(layernorms_and_biases_do_not_decay),
        cmocka_unit_test(layers_have_rates_of_their_own),
        cmocka_unit_test(without_a_rate_only_the_moments_move),
        cmocka_unit_test(the_team_changes_no_bit),
        cmocka_unit_test(norms_are_summed_in_double),
        cmocka_unit_test(only_long_gradients_are_clipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
