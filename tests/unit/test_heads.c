/* Heads, losses and their gradients against transformers: tests/golden/make_heads.py. */
#include "golden.h"

#include "electra/encoder.h"
#include "electra/finetune.h"
#include "electra/parallel.h"

/* A golden network, with its texts and their targets. */
struct example {
    struct golden golden;
    enum elc_finetune_task task;
    struct elc_task_batch batch;
};

/* What the file says of all texts. */
struct inputs {
    int32_t *ids, *types, *lengths, *rows, *classes, *spans;
    float *values;
};

/* The words of the text that begins at row `at`; `*word` counts them over all texts. */
static void target_words(struct elc_target *target, uint32_t *words, uint32_t *labels,
                         const struct golden *g, const struct inputs *in, size_t at, size_t n,
                         size_t *word) {
    const size_t n_rows = golden_tensor(&g->file, "in.rows")->shape[0];
    target->words = words;
    target->labels = labels;
    for (; *word < n_rows && (size_t)in->rows[*word] < at + n; ++*word) {
        words[target->n_words] = (uint32_t)in->rows[*word] - (uint32_t)at;
        labels[target->n_words++] = (uint32_t)in->classes[*word];
    }
}

static void read_texts(struct example *e) {
    const struct golden *g = &e->golden;
    const struct inputs in = {golden_copy(g, "in.ids"),     golden_copy(g, "in.types"),
                              golden_copy(g, "in.lengths"), golden_copy(g, "in.rows"),
                              golden_copy(g, "in.classes"), golden_copy(g, "in.spans"),
                              golden_copy(g, "in.values")};
    const size_t n_texts = golden_tensor(&g->file, "in.lengths")->shape[0];
    size_t at = 0, word = 0;
    for (size_t text = 0; text < n_texts; text++) {
        const size_t n = (size_t)in.lengths[text];
        uint32_t ids[64], words[64], labels[64];
        uint8_t types[64];
        struct elc_target target = {0};
        for (size_t i = 0; i < n; i++) {
            ids[i] = (uint32_t)in.ids[at + i];
            types[i] = (uint8_t)in.types[at + i];
        }
        if (e->task == ELC_TASK_TAG)
            target_words(&target, words, labels, g, &in, at, n, &word);
        else if (in.classes)
            target.label = (uint32_t)in.classes[text];
        if (in.values)
            target.values = in.values + text * g->config.num_labels;
        if (in.spans) {
            target.start = (uint32_t)in.spans[2 * text];
            target.end = (uint32_t)in.spans[2 * text + 1];
        }
        check(elc_task_batch_add(&e->batch, e->task, g->config.num_labels, ids, types, n, &target,
                                 text));
        at += n;
    }
    free(in.ids);
    free(in.types);
    free(in.lengths);
    free(in.rows);
    free(in.classes);
    free(in.spans);
    free(in.values);
}

static void open_example(struct example *e, const char *name, enum elc_finetune_task task) {
    *e = (struct example){.task = task};
    golden_open(&e->golden, "tests/golden/heads", name);
    read_texts(e);
}

static void close_example(struct example *e) {
    elc_task_batch_free(&e->batch);
    golden_close(&e->golden);
}

static void check_case(const char *name, enum elc_finetune_task task, int n_threads) {
    struct example e;
    struct elc_pool *pool;
    struct elc_finetune *finetune;
    struct elc_finetune_sums sums, evaluated;
    open_example(&e, name, task);
    check(elc_pool_new(&pool, n_threads));
    const struct golden *g = &e.golden;
    const struct elc_finetune_setup setup = {
        .task = task,
        .config = &g->config,
        .table = &g->table,
        .values = g->values,
        .gradients = g->gradients,
        .pool = pool,
    };
    check(elc_finetune_new(&finetune, &setup));
    check(elc_finetune_step(&sums, finetune, &e.batch, 0, 1 / (double)e.batch.n_items));
    golden_expect(g, "out.logits", elc_finetune_logits(finetune));
    golden_expect_loss(g, sums.loss / (double)sums.n_items);
    golden_expect_gradients(g);
    check(elc_finetune_evaluate(&evaluated, finetune, &e.batch));
    assert_memory_equal(&evaluated, &sums, sizeof sums); /* there is no dropout in these */
    elc_finetune_destroy(finetune);
    elc_pool_destroy(pool);
    close_example(&e);
}

static const struct {
    const char *name;
    enum elc_finetune_task task;
} cases[] = {
    {"classify", ELC_TASK_CLASSIFY},
    {"classify-relu", ELC_TASK_CLASSIFY},
    {"multi-label", ELC_TASK_SET},
    {"regress", ELC_TASK_REGRESS},
    {"tag", ELC_TASK_TAG},
    {"qa", ELC_TASK_QA},
    {"classify-bert", ELC_TASK_CLASSIFY},
};
enum { CASES = sizeof cases / sizeof *cases };

static void as_transformers(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++)
        check_case(cases[i].name, cases[i].task, 1);
}

static void by_three_threads(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++)
        check_case(cases[i].name, cases[i].task, 3);
}

/* The last layer for [CLS] alone leaves what all of it leaves there. */
static void first_tokens_alone(void **state) {
    (void)state;
    struct example e;
    struct elc_weights weights;
    struct elc_workspace all = {0}, first = {0};
    const elc_float *expected, *found;
    open_example(&e, "classify", ELC_TASK_CLASSIFY);
    const struct golden *g = &e.golden;
    check(elc_weights_of_block(&weights, &g->config, &g->table, g->values, NULL));
    const struct elc_batch *texts = &e.batch.texts;
    const size_t h = g->config.hidden_size;
    check(elc_encoder_forward(&expected, &all, &weights, texts));
    check(elc_encoder_forward_first(&found, &first, &weights, texts));
    for (size_t i = 0; i < texts->n_sequences; i++)
        for (size_t j = 0; j < h; j++)
            assert_true(
                fabs((double)found[i * h + j] - (double)expected[texts->starts[i] * h + j]) < 2e-6);
    elc_workspace_free(&all);
    elc_workspace_free(&first);
    elc_weights_free(&weights);
    close_example(&e);
}

/* ---- batches ---- */

static void targets_that_do_not_exist(void **state) {
    (void)state;
    static const uint32_t ids[] = {2, 7, 8, 3}, ascending[] = {1, 2}, again[] = {1, 1};
    static const uint32_t beyond[] = {1, 4}, labels[] = {0, 2};
    struct elc_task_batch batch = {0};
    struct elc_target target = {.label = 3};
    assert_int_equal(elc_task_batch_add(&batch, ELC_TASK_CLASSIFY, 3, ids, NULL, 4, &target, 0),
                     ELC_EMISMATCH);
    target = (struct elc_target){.n_words = 2, .words = again, .labels = labels};
    assert_int_equal(elc_task_batch_add(&batch, ELC_TASK_TAG, 3, ids, NULL, 4, &target, 0),
                     ELC_EMISMATCH);
    target.words = beyond;
    assert_int_equal(elc_task_batch_add(&batch, ELC_TASK_TAG, 3, ids, NULL, 4, &target, 0),
                     ELC_EMISMATCH);
    target.words = ascending;
    assert_int_equal(elc_task_batch_add(&batch, ELC_TASK_TAG, 2, ids, NULL, 4, &target, 0),
                     ELC_EMISMATCH);
    target = (struct elc_target){.start = 2, .end = 1};
    assert_int_equal(elc_task_batch_add(&batch, ELC_TASK_QA, 2, ids, NULL, 4, &target, 0),
                     ELC_EMISMATCH);
    target.end = 4;
    assert_int_equal(elc_task_batch_add(&batch, ELC_TASK_QA, 2, ids, NULL, 4, &target, 0),
                     ELC_EMISMATCH);
    elc_task_batch_free(&batch);
    elc_task_batch_free(&batch);
}

static void first_tokens_of_words(void **state) {
    (void)state;
    /* [CLS], word 0 in two tokens, no token of word 1, word 2, [SEP], a number that goes back */
    static const uint32_t words[] = {UINT32_MAX, 0, 0, 2, UINT32_MAX, 1, 3};
    static const uint32_t expected[] = {1, 3, 6};
    struct elc_buffer firsts = {0};
    size_t n_words;
    check(elc_first_tokens(&firsts, &n_words, words, 7));
    assert_int_equal(firsts.len, sizeof expected);
    assert_memory_equal(firsts.data, expected, sizeof expected);
    assert_int_equal(n_words, 4);
    check(elc_first_tokens(&firsts, &n_words, words, 1));
    assert_int_equal(firsts.len, 0);
    assert_int_equal(n_words, 0);
    elc_buffer_free(&firsts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_transformers),       cmocka_unit_test(by_three_threads),
        cmocka_unit_test(first_tokens_alone),    cmocka_unit_test(targets_that_do_not_exist),
        cmocka_unit_test(first_tokens_of_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
