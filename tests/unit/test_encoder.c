/* A text's results have the same bits whatever its neighbours, its place among them, and the
 * team. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/encoder.h"
#include "electra/parallel.h"
#include "electra/random.h"

enum { VOCAB = 1500, LONGEST = 200 };

struct model {
    struct elc_config config;
    struct elc_table table;
    elc_float *values;
    struct elc_weights weights;
};

/* The shape of a published size, with fewer layers. */
static void open_model(struct model *m, enum elc_architecture architecture, uint32_t e, uint32_t h,
                       uint32_t layers) {
    elc_config_default(&m->config);
    m->config.architecture = architecture;
    m->config.vocab_size = VOCAB;
    m->config.embedding_size = e;
    m->config.hidden_size = h;
    m->config.num_hidden_layers = layers;
    m->config.num_attention_heads = h / 64;
    m->config.intermediate_size = 4 * h;
    check(elc_table_build(&m->table, &m->config, false));
    m->values = calloc(m->table.total, sizeof *m->values);
    elc_table_init(&m->table, m->values, 1, 0, 0.1);
    check(elc_weights_of_block(&m->weights, &m->config, &m->table, m->values, NULL));
}

static void close_model(struct model *m) {
    elc_weights_free(&m->weights);
    elc_table_free(&m->table);
    free(m->values);
}

/* Text number `number`, its length and tokens a function of that. */
static size_t make_text(uint32_t ids[LONGEST], uint64_t number) {
    struct elc_random random;
    elc_random_init(&random, 3, ELC_INIT, number, 0);
    const size_t n = 1 + (size_t)elc_random_below(&random, number % 3 ? 40 : LONGEST);
    for (size_t i = 0; i < n; i++)
        ids[i] = (uint32_t)elc_random_below(&random, VOCAB);
    return n;
}

static void add_text(struct elc_batch *batch, uint64_t number) {
    uint32_t ids[LONGEST];
    const size_t n = make_text(ids, number);
    check(elc_batch_add(batch, ids, NULL, n, number));
}

/* The discriminator's logits of each text alone, then of batches of many, with packed weights: the
 * same bits? */
static void check_neighbours(uint32_t e, uint32_t h, uint32_t layers, int n_threads) {
    enum { TEXTS = 23 };
    struct model m;
    struct elc_weights packed;
    struct elc_pool *pool;
    struct elc_workspace alone = {0}, together = {0};
    struct elc_batch batch = {0}, many = {0};
    const elc_float *logits, *all;
    open_model(&m, ELC_DISCRIMINATOR, e, h, layers);
    check(elc_weights_of_block(&packed, &m.config, &m.table, m.values, NULL));
    check(elc_weights_pack(&packed));
    check(elc_pool_new(&pool, n_threads));
    together.pool = pool;
    for (uint64_t first = 0; first < TEXTS; first += 5) {
        elc_batch_clear(&many);
        for (uint64_t i = first; i < TEXTS; i++)
            add_text(&many, i);
        check(elc_discriminator_forward(&all, &together, &packed, &many));
        for (uint64_t i = first; i < TEXTS; i++) {
            elc_batch_clear(&batch);
            add_text(&batch, i);
            check(elc_discriminator_forward(&logits, &alone, &m.weights, &batch));
            if (memcmp(logits, all + many.starts[i - first], batch.n_tokens * sizeof *logits) != 0)
                fail_msg("hidden size %u: text %d of %zu tokens differs among %zu tokens", h,
                         (int)i, batch.n_tokens, many.n_tokens);
        }
    }
    elc_workspace_free(&alone);
    elc_workspace_free(&together);
    elc_batch_free(&batch);
    elc_batch_free(&many);
    elc_pool_destroy(pool);
    elc_weights_free(&packed);
    close_model(&m);
}

static void neighbours_nano(void **state) {
    (void)state;
    check_neighbours(64, 128, 4, 1);
}

static void neighbours_small(void **state) {
    (void)state;
    check_neighbours(128, 256, 2, 1);
}

static void neighbours_base(void **state) {
    (void)state;
    check_neighbours(768, 768, 1, 1);
}

static void a_team_gives_the_same(void **state) {
    (void)state;
    check_neighbours(64, 128, 2, 3);
}

static void generator_rows(void **state) {
    (void)state;
    struct model m;
    struct elc_workspace workspace = {0};
    struct elc_batch batch = {0};
    const elc_float *hidden, *logits;
    enum { ROWS = 130 };
    uint32_t rows[ROWS];
    open_model(&m, ELC_GENERATOR, 128, 64, 2);
    for (uint64_t i = 0; i < 20; i++)
        add_text(&batch, i);
    for (size_t i = 0; i < ROWS; i++)
        rows[i] = (uint32_t)(batch.n_tokens - 1 - i);
    check(elc_encoder_forward(&hidden, &workspace, &m.weights, &batch));
    check(elc_generator_logits(&logits, &workspace, &m.weights, rows, ROWS));
    elc_float *all = malloc((size_t)ROWS * VOCAB * sizeof *all);
    memcpy(all, logits, (size_t)ROWS * VOCAB * sizeof *all);
    for (size_t i = 0; i < ROWS; i += 7) {
        check(elc_generator_logits(&logits, &workspace, &m.weights, rows + i, 1));
        assert_memory_equal(logits, all + i * VOCAB, VOCAB * sizeof *all);
    }
    free(all);
    elc_workspace_free(&workspace);
    elc_batch_free(&batch);
    close_model(&m);
}

/* One workspace for models of different shapes, and batches that grow and shrink. */
static void a_workspace_serves_any_model(void **state) {
    (void)state;
    struct elc_workspace used = {0};
    struct elc_batch batch = {0};
    for (uint64_t round = 0; round < 6; round++) {
        struct model m;
        struct elc_workspace fresh = {0};
        const elc_float *a, *b;
        open_model(&m, ELC_DISCRIMINATOR, 64, round % 2 ? 64 : 128, 1 + (uint32_t)round % 3);
        elc_batch_clear(&batch);
        for (uint64_t i = 0; i < 1 + 5 * (round % 4); i++)
            add_text(&batch, i);
        check(elc_discriminator_forward(&a, &used, &m.weights, &batch));
        check(elc_discriminator_forward(&b, &fresh, &m.weights, &batch));
        assert_memory_equal(a, b, batch.n_tokens * sizeof *a);
        elc_workspace_free(&fresh);
        close_model(&m);
    }
    elc_workspace_free(&used);
    elc_batch_free(&batch);
}

static void empty_batches_and_texts(void **state) {
    (void)state;
    struct model m;
    struct elc_workspace workspace = {0};
    struct elc_batch batch = {0};
    const elc_float *logits;
    const uint32_t ids[] = {1, 2, 3};
    elc_float expected[3];
    open_model(&m, ELC_DISCRIMINATOR, 64, 64, 2);
    check(elc_discriminator_forward(&logits, &workspace, &m.weights, &batch));
    check(elc_batch_add(&batch, ids, NULL, 3, 0));
    check(elc_discriminator_forward(&logits, &workspace, &m.weights, &batch));
    memcpy(expected, logits, sizeof expected);
    elc_batch_clear(&batch);
    check(elc_batch_add(&batch, ids, NULL, 0, 0));
    check(elc_batch_add(&batch, ids, NULL, 3, 1));
    check(elc_batch_add(&batch, ids, NULL, 0, 2));
    check(elc_discriminator_forward(&logits, &workspace, &m.weights, &batch));
    assert_memory_equal(logits, expected, sizeof expected);
    elc_workspace_free(&workspace);
    elc_batch_free(&batch);
    close_model(&m);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    struct model m;
    struct elc_workspace workspace = {0};
    struct elc_batch batch = {0};
    const elc_float *logits;
    uint32_t ids[600] = {VOCAB};
    const uint8_t types[] = {2};
    open_model(&m, ELC_DISCRIMINATOR, 64, 64, 1);
    check(elc_batch_add(&batch, ids, NULL, 1, 0));
    assert_int_equal(elc_discriminator_forward(&logits, &workspace, &m.weights, &batch),
                     ELC_EMISMATCH);
    elc_batch_clear(&batch);
    ids[0] = 0;
    check(elc_batch_add(&batch, ids, types, 1, 0));
    assert_int_equal(elc_discriminator_forward(&logits, &workspace, &m.weights, &batch),
                     ELC_EMISMATCH);
    elc_batch_clear(&batch);
    check(elc_batch_add(&batch, ids, NULL, 600, 0));
    assert_int_equal(elc_discriminator_forward(&logits, &workspace, &m.weights, &batch),
                     ELC_EMISMATCH);
    const uint32_t row = 0;
    assert_int_equal(elc_generator_logits(&logits, &workspace, &m.weights, &row, 1), ELC_EMISMATCH);
    elc_workspace_free(&workspace);
    elc_batch_free(&batch);
    close_model(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_nano),         cmocka_unit_test(neighbours_small),
        cmocka_unit_test(neighbours_base),         cmocka_unit_test(a_team_gives_the_same),
        cmocka_unit_test(generator_rows),          cmocka_unit_test(a_workspace_serves_any_model),
        cmocka_unit_test(empty_batches_and_texts), cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
