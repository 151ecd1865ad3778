/* google-research/electra's head for questions against PyTorch: tests/golden/make_joint.py. */
#include "golden.h"

#include "electra/finetune.h"
#include "electra/parallel.h"

/* A golden network, its texts with their answers, and what trains it. */
struct example {
    struct golden golden;
    struct elc_task_batch batch;
    struct elc_pool *pool;
    struct elc_finetune *finetune;
};

static void read_texts(struct example *e) {
    const struct golden *g = &e->golden;
    int32_t *ids = golden_copy(g, "in.ids"), *types = golden_copy(g, "in.types");
    int32_t *lengths = golden_copy(g, "in.lengths"), *spans = golden_copy(g, "in.spans");
    int32_t *impossible = golden_copy(g, "in.impossible");
    const size_t n_texts = golden_tensor(&g->file, "in.lengths")->shape[0];
    size_t at = 0;
    for (size_t text = 0; text < n_texts; text++) {
        const size_t n = (size_t)lengths[text];
        uint32_t own_ids[64];
        uint8_t own_types[64];
        for (size_t i = 0; i < n; i++) {
            own_ids[i] = (uint32_t)ids[at + i];
            own_types[i] = (uint8_t)types[at + i];
        }
        const struct elc_target target = {
            .start = (uint32_t)spans[2 * text],
            .end = (uint32_t)spans[2 * text + 1],
            .impossible = impossible[text] != 0,
        };
        check(elc_task_batch_add(&e->batch, ELC_TASK_QA, 2, own_ids, own_types, n, &target, text));
        at += n;
    }
    free(ids);
    free(types);
    free(lengths);
    free(spans);
    free(impossible);
}

static void open_example(struct example *e, int n_threads) {
    *e = (struct example){0};
    golden_open(&e->golden, "tests/golden/heads", "joint");
    read_texts(e);
    check(elc_pool_new(&e->pool, n_threads));
    const struct elc_finetune_setup setup = {
        .task = ELC_TASK_QA,
        .config = &e->golden.config,
        .table = &e->golden.table,
        .values = e->golden.values,
        .gradients = e->golden.gradients,
        .pool = e->pool,
        .answerable_weight = 0.5,
    };
    check(elc_finetune_new(&e->finetune, &setup));
}

static void close_example(struct example *e) {
    elc_finetune_destroy(e->finetune);
    elc_pool_destroy(e->pool);
    elc_task_batch_free(&e->batch);
    golden_close(&e->golden);
}

static void loss_and_gradients(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
        struct example e;
        struct elc_finetune_sums sums, evaluated;
        open_example(&e, n_threads);
        check(elc_finetune_step(&sums, e.finetune, &e.batch, 0, 1 / (double)e.batch.n_items));
        golden_expect_loss(&e.golden, sums.loss / (double)sums.n_items);
        golden_expect_gradients(&e.golden);
        check(elc_finetune_evaluate(&evaluated, e.finetune, &e.batch));
        assert_memory_equal(&evaluated, &sums, sizeof sums); /* there is no dropout */
        close_example(&e);
    }
}

/* ---- beams ---- */

/* `n` tokens and their log p against those of the file, where -1 is no more. */
static void expect_best(const uint32_t *tokens, const double *log_p, size_t n,
                        const int32_t *expected, const float *expected_log_p) {
    for (size_t i = 0; i < ELC_ANSWER_BEAM && expected[i] >= 0; i++) {
        assert_true(i < n);
        assert_int_equal(tokens[i], expected[i]);
        if (!(fabs(log_p[i] - (double)expected_log_p[i]) < 3e-5))
            fail_msg("number %zu: %.9g, PyTorch has %.9g", i, log_p[i], (double)expected_log_p[i]);
    }
    assert_true(n == ELC_ANSWER_BEAM || expected[n] < 0);
}

static void beams(void **state) {
    (void)state;
    enum { K = ELC_ANSWER_BEAM };
    struct example e;
    struct elc_finetune_sums sums;
    const struct elc_answer_beam *found;
    open_example(&e, 2);
    check(elc_finetune_evaluate(&sums, e.finetune, &e.batch));
    check(elc_finetune_beams(&found, e.finetune));
    int32_t *starts = golden_copy(&e.golden, "out.starts"),
            *ends = golden_copy(&e.golden, "out.ends");
    float *start_log_p = golden_copy(&e.golden, "out.start_log_p");
    float *end_log_p = golden_copy(&e.golden, "out.end_log_p");
    float *impossible = golden_copy(&e.golden, "out.impossible");
    for (size_t text = 0; text < e.batch.texts.n_sequences; text++) {
        const struct elc_answer_beam *beam = &found[text];
        assert_true(fabs(beam->impossible - (double)impossible[text]) < 3e-5);
        expect_best(beam->starts, beam->start_log_p, beam->n, starts + text * K,
                    start_log_p + text * K);
        for (size_t i = 0; i < beam->n; i++)
            expect_best(beam->ends[i], beam->end_log_p[i], beam->n, ends + (text * K + i) * K,
                        end_log_p + (text * K + i) * K);
    }
    assert_int_equal(found[1].n, 1); /* [CLS] alone */
    assert_int_equal(found[4].n, K); /* of 24 */
    free(starts);
    free(ends);
    free(start_log_p);
    free(end_log_p);
    free(impossible);
    close_example(&e);
}

/* A text's beam has the same bits whatever its neighbours are. */
static void neighbours(void **state) {
    (void)state;
    struct example e;
    struct elc_finetune_sums sums;
    const struct elc_answer_beam *all, *one;
    open_example(&e, 1);
    const struct elc_batch *texts = &e.batch.texts;
    struct elc_answer_beam copies[8];
    assert_true(texts->n_sequences <= 8);
    check(elc_finetune_evaluate(&sums, e.finetune, &e.batch));
    check(elc_finetune_beams(&all, e.finetune));
    memcpy(copies, all, texts->n_sequences * sizeof *all);
    for (size_t text = 0; text < texts->n_sequences; text++) {
        const size_t at = texts->starts[text], n = texts->starts[text + 1] - at;
        struct elc_task_batch alone = {0};
        const struct elc_target none = {0};
        check(elc_task_batch_add(&alone, ELC_TASK_QA, 2, texts->ids + at, texts->types + at, n,
                                 &none, 0));
        check(elc_finetune_evaluate(&sums, e.finetune, &alone));
        check(elc_finetune_beams(&one, e.finetune));
        assert_int_equal(one->n, copies[text].n);
        assert_true(one->impossible == copies[text].impossible);
        for (size_t i = 0; i < one->n; i++) {
            assert_true(one->start_log_p[i] == copies[text].start_log_p[i]);
            assert_memory_equal(one->ends[i], copies[text].ends[i], one->n * sizeof **one->ends);
            assert_memory_equal(one->end_log_p[i], copies[text].end_log_p[i],
                                one->n * sizeof **one->end_log_p);
        }
        elc_task_batch_free(&alone);
    }
    close_example(&e);
}

/* A text longer than a beam looks at together: the loss of each span is what its beam says. */
static void long_text(void **state) {
    (void)state;
    enum { LENGTH = 120 };
    struct elc_config config;
    struct elc_table table;
    struct elc_finetune *finetune;
    struct elc_finetune_sums sums;
    const struct elc_answer_beam *beams;
    uint32_t ids[LENGTH];
    uint8_t types[LENGTH];
    elc_config_default(&config);
    config.architecture = ELC_GOOGLE_ANSWERER;
    config.vocab_size = LENGTH;
    config.embedding_size = config.hidden_size = 8;
    config.num_hidden_layers = 1;
    config.num_attention_heads = 2;
    config.intermediate_size = 16;
    config.max_position_embeddings = LENGTH;
    check(elc_table_build(&table, &config, ELC_SHARE_NOTHING));
    elc_float *values = malloc(table.total * sizeof *values);
    elc_table_init(&table, values, 1, 0, 0.5);
    const struct elc_finetune_setup setup = {
        .task = ELC_TASK_QA, .config = &config, .table = &table, .values = values};
    check(elc_finetune_new(&finetune, &setup));
    for (uint32_t i = 0; i < LENGTH; i++) {
        ids[i] = i * 7 % LENGTH;
        types[i] = i >= 5;
    }
    struct elc_task_batch batch = {0};
    struct elc_target target = {0};
    check(elc_task_batch_add(&batch, ELC_TASK_QA, 2, ids, types, LENGTH, &target, 0));
    check(elc_finetune_evaluate(&sums, finetune, &batch));
    check(elc_finetune_beams(&beams, finetune));
    const struct elc_answer_beam beam = *beams;
    assert_int_equal(beam.n, ELC_ANSWER_BEAM);
    size_t n_spans = 0;
    for (size_t i = 0; i < beam.n; i += 3)
        for (size_t k = 0; k < beam.n; k++) {
            target = (struct elc_target){.start = beam.starts[i], .end = beam.ends[i][k]};
            if (target.start > target.end)
                continue;
            elc_task_batch_clear(&batch);
            check(elc_task_batch_add(&batch, ELC_TASK_QA, 2, ids, types, LENGTH, &target, 0));
            check(elc_finetune_evaluate(&sums, finetune, &batch));
            const double expected = -(beam.start_log_p[i] + beam.end_log_p[i][k]) / 2;
            assert_true(fabs(sums.loss - expected) < 1e-6);
            n_spans++;
        }
    assert_true(n_spans > 20);
    elc_finetune_destroy(finetune);
    elc_task_batch_free(&batch);
    elc_table_free(&table);
    free(values);
}

static void an_answer_in_the_question(void **state) {
    (void)state;
    static const uint32_t ids[] = {2, 7, 3, 8, 3};
    static const uint8_t types[] = {0, 0, 0, 1, 1};
    struct example e;
    struct elc_finetune_sums sums;
    open_example(&e, 1);
    elc_task_batch_clear(&e.batch);
    const struct elc_target target = {.start = 1, .end = 3};
    check(elc_task_batch_add(&e.batch, ELC_TASK_QA, 2, ids, types, 5, &target, 0));
    assert_int_equal(elc_finetune_step(&sums, e.finetune, &e.batch, 0, 1), ELC_EMISMATCH);
    assert_non_null(strstr(elc_error(), "token 1"));
    close_example(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradients),
        cmocka_unit_test(beams),
        cmocka_unit_test(neighbours),
        cmocka_unit_test(long_text),
        cmocka_unit_test(an_answer_in_the_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
