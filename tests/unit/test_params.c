/* The table of parameters: counts of the published models, layout, initial values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"
#include "electra/params.h"

static struct elc_config shaped(enum elc_architecture architecture, uint32_t embedding,
                                uint32_t hidden, uint32_t layers, uint32_t heads) {
    struct elc_config config;
    elc_config_default(&config);
    config.architecture = architecture;
    config.embedding_size = embedding;
    config.hidden_size = hidden;
    config.num_hidden_layers = layers;
    config.num_attention_heads = heads;
    config.intermediate_size = 4 * hidden;
    return config;
}

static size_t count_parameters(const struct elc_table *table) {
    size_t n = 0;
    for (size_t i = 0; i < table->n_tensors; i++)
        n += table->tensors[i].count;
    return n;
}

static void published_models_have_their_numbers(void **state) {
    (void)state;
    const struct {
        struct elc_config config;
        size_t n_tensors, n_parameters;
    } cases[] = {
        {shaped(ELC_DISCRIMINATOR, 128, 256, 12, 4), 203, 13549057},
        {shaped(ELC_GENERATOR, 128, 256, 12, 4), 204, 13546682},
        {shaped(ELC_DISCRIMINATOR, 768, 768, 12, 12), 201, 109483009},
        {shaped(ELC_GENERATOR, 768, 256, 12, 4), 204, 33740602},
        {shaped(ELC_DISCRIMINATOR, 1024, 1024, 24, 16), 393, 335142913},
        {shaped(ELC_GENERATOR, 1024, 256, 24, 4), 396, 51295290},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct elc_table table;
        assert_int_equal(elc_table_build(&table, &cases[i].config, false), 0);
        assert_int_equal(table.n_tensors, cases[i].n_tensors);
        assert_int_equal(count_parameters(&table), cases[i].n_parameters);
        elc_table_free(&table);
    }
}

static void shared_tables_leave_the_embeddings_out(void **state) {
    (void)state;
    const struct elc_config config = shaped(ELC_GENERATOR, 128, 64, 12, 1);
    struct elc_table whole, shared;
    assert_int_equal(elc_table_build(&whole, &config, false), 0);
    assert_int_equal(elc_table_build(&shared, &config, true), 0);
    assert_int_equal(whole.n_tensors - shared.n_tensors, 5);
    assert_non_null(elc_table_find(&whole, "electra.embeddings.LayerNorm.bias"));
    assert_null(elc_table_find(&shared, "electra.embeddings.LayerNorm.bias"));
    assert_non_null(elc_table_find(&shared, "electra.embeddings_project.weight"));
    assert_non_null(elc_table_find(&shared, "generator_lm_head.bias"));
    assert_null(elc_table_find(&whole, "generator_lm_head.weight"));
    elc_table_free(&whole);
    elc_table_free(&shared);
}

static void tensors_are_aligned_and_apart(void **state) {
    (void)state;
    const struct elc_config config = shaped(ELC_DISCRIMINATOR, 18, 30, 2, 3);
    struct elc_table table;
    assert_int_equal(elc_table_build(&table, &config, false), 0);
    size_t end = 0;
    for (size_t i = 0; i < table.n_tensors; i++) {
        assert_int_equal(table.tensors[i].offset % 16, 0);
        assert_true(table.tensors[i].offset >= end);
        assert_true(table.tensors[i].offset < end + 16);
        end = table.tensors[i].offset + table.tensors[i].count;
    }
    assert_true(table.total >= end && table.total % 16 == 0);
    elc_table_free(&table);
}

static void query_key_and_value_lie_side_by_side(void **state) {
    (void)state;
    const struct elc_config config = shaped(ELC_DISCRIMINATOR, 128, 256, 2, 4);
    struct elc_table table;
    assert_int_equal(elc_table_build(&table, &config, false), 0);
    static const char *const kinds[] = {"weight", "bias"};
    for (int i = 0; i < 2; i++) {
        const struct elc_tensor *tensors[3];
        static const char *const names[] = {"query", "key", "value"};
        for (int j = 0; j < 3; j++) {
            char name[96];
            snprintf(name, sizeof name, "electra.encoder.layer.1.attention.self.%s.%s", names[j],
                     kinds[i]);
            tensors[j] = elc_table_find(&table, name);
            assert_non_null(tensors[j]);
        }
        assert_int_equal(tensors[1]->offset, tensors[0]->offset + tensors[0]->count);
        assert_int_equal(tensors[2]->offset, tensors[1]->offset + tensors[1]->count);
    }
    elc_table_free(&table);
}

static void decay_and_depth_follow_the_name(void **state) {
    (void)state;
    const struct elc_config config = shaped(ELC_GENERATOR, 128, 256, 12, 4);
    struct elc_table table;
    assert_int_equal(elc_table_build(&table, &config, false), 0);
    const struct {
        const char *name;
        bool decay;
        uint32_t depth;
    } cases[] = {
        {"electra.embeddings.word_embeddings.weight", true, 0},
        {"electra.embeddings.LayerNorm.weight", false, 0},
        {"electra.embeddings_project.weight", true, 0},
        {"electra.encoder.layer.0.attention.self.query.weight", true, 1},
        {"electra.encoder.layer.0.attention.self.query.bias", false, 1},
        {"electra.encoder.layer.11.output.LayerNorm.bias", false, 12},
        {"generator_predictions.dense.weight", true, 14},
        {"generator_predictions.LayerNorm.weight", false, 14},
        {"generator_lm_head.bias", false, 14},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct elc_tensor *tensor = elc_table_find(&table, cases[i].name);
        assert_non_null(tensor);
        assert_int_equal(tensor->decay, cases[i].decay);
        assert_int_equal(tensor->depth, cases[i].depth);
    }
    elc_table_free(&table);
}

static void impossible_shapes_are_refused(void **state) {
    (void)state;
    const struct elc_config config = shaped(ELC_DISCRIMINATOR, 128, 256, 2, 7);
    struct elc_table table;
    assert_int_equal(elc_table_build(&table, &config, false), ELC_EINVAL);
    elc_table_free(&table);
}

/* ---- initial values ---- */

static void check_values(const struct elc_tensor *tensor, const elc_float *values) {
    double sum = 0, squares = 0, largest = 0;
    for (size_t i = 0; i < tensor->count; i++) {
        sum += values[i];
        squares += (double)values[i] * values[i];
        largest = fmax(largest, fabs((double)values[i]));
    }
    double n = (double)tensor->count, deviation = sqrt(squares / n);
    switch (tensor->init) {
    case ELC_INIT_ZERO:
        assert_true(largest == 0);
        break;
    case ELC_INIT_ONE:
        assert_true(sum == n && squares == n);
        break;
    case ELC_INIT_TRUNCATED_NORMAL: /* a normal cut at 2σ has 0.8796σ left */
        assert_true(largest <= 0.04 && fabs(sum / n) < 5 * 0.0176 / sqrt(n));
        assert_true(fabs(deviation / (0.8796 * 0.02) - 1) < 5 / sqrt(2 * n));
        break;
    case ELC_INIT_GLOROT: {
        double limit = sqrt(6.0 / ((double)tensor->shape[0] + tensor->shape[1]));
        assert_true(largest <= limit && fabs(deviation / (limit / sqrt(3)) - 1) < 5 / sqrt(n));
        break;
    }
    }
}

static void initial_values_have_their_distributions(void **state) {
    (void)state;
    const struct elc_config config = shaped(ELC_DISCRIMINATOR, 128, 256, 2, 4);
    struct elc_table table;
    assert_int_equal(elc_table_build(&table, &config, false), 0);
    elc_float *values = elc_calloc_aligned(table.total, sizeof *values);
    assert_non_null(values);
    elc_table_init(&table, values, 1, 0, 0.02);
    for (size_t i = 0; i < table.n_tensors; i++)
        check_values(&table.tensors[i], values + table.tensors[i].offset);
    assert_int_equal(elc_table_find(&table, "electra.embeddings_project.weight")->init,
                     ELC_INIT_GLOROT);
    assert_int_equal(
        elc_table_find(&table, "discriminator_predictions.dense_prediction.weight")->init,
        ELC_INIT_GLOROT);
    free(values);
    elc_table_free(&table);
}

/* A tensor's values depend on its name, the network and the seed, not on what else there is. */
static void initial_values_are_keyed(void **state) {
    (void)state;
    const struct elc_config config = shaped(ELC_GENERATOR, 32, 64, 1, 1);
    struct elc_table whole, shared;
    assert_int_equal(elc_table_build(&whole, &config, false), 0);
    assert_int_equal(elc_table_build(&shared, &config, true), 0);
    elc_float *a = elc_calloc_aligned(whole.total, sizeof *a);
    elc_float *b = elc_calloc_aligned(shared.total, sizeof *b);
    elc_float *c = elc_calloc_aligned(shared.total, sizeof *c);
    elc_float *d = elc_calloc_aligned(shared.total, sizeof *d);
    assert_true(a && b && c && d);
    elc_table_init(&whole, a, 1, 0, 0.02);
    elc_table_init(&shared, b, 1, 0, 0.02);
    elc_table_init(&shared, c, 2, 0, 0.02);
    elc_table_init(&shared, d, 1, 1, 0.02);
    for (size_t i = 0; i < shared.n_tensors; i++) {
        const struct elc_tensor *tensor = &shared.tensors[i];
        const struct elc_tensor *twin = elc_table_find(&whole, tensor->name);
        assert_memory_equal(b + tensor->offset, a + twin->offset, tensor->count * sizeof *a);
        if (tensor->init != ELC_INIT_TRUNCATED_NORMAL)
            continue;
        assert_memory_not_equal(b + tensor->offset, c + tensor->offset, tensor->count * sizeof *a);
        assert_memory_not_equal(b + tensor->offset, d + tensor->offset, tensor->count * sizeof *a);
    }
    free(a);
    free(b);
    free(c);
    free(d);
    elc_table_free(&whole);
    elc_table_free(&shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_models_have_their_numbers),
        cmocka_unit_test(shared_tables_leave_the_embeddings_out),
        cmocka_unit_test(tensors_are_aligned_and_apart),
        cmocka_unit_test(query_key_and_value_lie_side_by_side),
        cmocka_unit_test(decay_and_depth_follow_the_name),
        cmocka_unit_test(impossible_shapes_are_refused),
        cmocka_unit_test(initial_values_have_their_distributions),
        cmocka_unit_test(initial_values_are_keyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
