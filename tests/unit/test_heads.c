/* Heads, losses and their gradients against transformers: tests/golden/make_heads.py. */
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
#include "electra/finetune.h"
#include "electra/parallel.h"

static void check(int err) {
    if (err)
        fail_msg("%s", elc_error());
}

/* A golden file, its network, and its texts with their targets. */
struct golden {
    const char *name;
    enum elc_finetune_task task;
    struct elc_safetensors file;
    struct elc_config config;
    struct elc_table table;
    elc_float *values, *gradients;
    struct elc_task_batch batch;
};

static const struct elc_stored *stored(const struct golden *g, const char *name) {
    const struct elc_stored *tensor = elc_safetensors_find(&g->file, name);
    if (!tensor)
        fail_msg("%s: no tensor %s", g->name, name);
    return tensor;
}

/* The file's numbers lie in a map, where they need not be aligned. NULL: there is none. */
static void *copy_of(const struct golden *g, const char *name) {
    if (!elc_safetensors_find(&g->file, name))
        return NULL;
    const struct elc_stored *tensor = stored(g, name);
    void *copy = malloc(tensor->bytes + 1);
    memcpy(copy, tensor->data, tensor->bytes);
    return copy;
}

/* What the file says of all texts. */
struct inputs {
    int32_t *ids, *types, *lengths, *rows, *classes, *spans;
    float *values;
};

/* The words of the text that begins at row `at`; `*word` counts them over all texts. */
static void target_words(struct elc_target *target, uint32_t *words, uint32_t *labels,
                         const struct golden *g, const struct inputs *in, size_t at, size_t n,
                         size_t *word) {
    const size_t n_rows = stored(g, "in.rows")->shape[0];
    target->words = words;
    target->labels = labels;
    for (; *word < n_rows && (size_t)in->rows[*word] < at + n; ++*word) {
        words[target->n_words] = (uint32_t)in->rows[*word] - (uint32_t)at;
        labels[target->n_words++] = (uint32_t)in->classes[*word];
    }
}

static void read_texts(struct golden *g) {
    const struct inputs in = {copy_of(g, "in.ids"),     copy_of(g, "in.types"),
                              copy_of(g, "in.lengths"), copy_of(g, "in.rows"),
                              copy_of(g, "in.classes"), copy_of(g, "in.spans"),
                              copy_of(g, "in.values")};
    size_t at = 0, word = 0;
    for (size_t text = 0; text < stored(g, "in.lengths")->shape[0]; text++) {
        const size_t n = (size_t)in.lengths[text];
        uint32_t ids[64], words[64], labels[64];
        uint8_t types[64];
        struct elc_target target = {0};
        for (size_t i = 0; i < n; i++) {
            ids[i] = (uint32_t)in.ids[at + i];
            types[i] = (uint8_t)in.types[at + i];
        }
        if (g->task == ELC_TASK_TAG)
            target_words(&target, words, labels, g, &in, at, n, &word);
        else if (in.classes)
            target.label = (uint32_t)in.classes[text];
        if (in.values)
            target.values = in.values + text * g->config.num_labels;
        if (in.spans) {
            target.start = (uint32_t)in.spans[2 * text];
            target.end = (uint32_t)in.spans[2 * text + 1];
        }
        check(elc_task_batch_add(&g->batch, g->task, g->config.num_labels, ids, types, n, &target,
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

static void open_golden(struct golden *g, const char *name, enum elc_finetune_task task) {
    char path[256];
    *g = (struct golden){.name = name, .task = task};
    snprintf(path, sizeof path, "tests/golden/heads/%s.json", name);
    check(elc_config_read(&g->config, path));
    snprintf(path, sizeof path, "tests/golden/heads/%s.safetensors", name);
    check(elc_safetensors_open(&g->file, path));
    check(elc_table_build(&g->table, &g->config, false));
    g->values = calloc(g->table.total, sizeof *g->values);
    g->gradients = calloc(g->table.total, sizeof *g->gradients);
    check(elc_params_load(g->values, &g->table, &g->file, path, NULL));
    read_texts(g);
}

static void close_golden(struct golden *g) {
    elc_task_batch_free(&g->batch);
    free(g->values);
    free(g->gradients);
    elc_table_free(&g->table);
    elc_safetensors_close(&g->file);
}

static void assert_close(const struct golden *g, const char *name, const elc_float *found) {
    const size_t n = stored(g, name)->bytes / sizeof(float);
    float *expected = copy_of(g, name);
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)found[i] - (double)expected[i]) <= 1e-5 * fmax(1, largest)))
            fail_msg("%s: %s[%zu] is %.9g, transformers has %.9g", g->name, name, i,
                     (double)found[i], (double)expected[i]);
    free(expected);
}

static void check_gradients(const struct golden *g) {
    for (size_t i = 0; i < g->table.n_tensors; i++) {
        char name[128];
        snprintf(name, sizeof name, "grad.%s", g->table.tensors[i].name);
        assert_close(g, name, g->gradients + g->table.tensors[i].offset);
    }
}

static void check_case(const char *name, enum elc_finetune_task task, int n_threads) {
    struct golden g;
    struct elc_pool *pool;
    struct elc_finetune *finetune;
    struct elc_finetune_sums sums, evaluated;
    open_golden(&g, name, task);
    check(elc_pool_new(&pool, n_threads));
    const struct elc_finetune_setup setup = {
        .task = task,
        .config = &g.config,
        .table = &g.table,
        .values = g.values,
        .gradients = g.gradients,
        .pool = pool,
    };
    check(elc_finetune_new(&finetune, &setup));
    check(elc_finetune_step(&sums, finetune, &g.batch, 0, 1 / (double)g.batch.n_items));
    assert_close(&g, "out.logits", elc_finetune_logits(finetune));
    double *expected = copy_of(&g, "out.loss"), loss = sums.loss / (double)sums.n_items;
    if (!(fabs(loss - *expected) < 1e-5))
        fail_msg("%s: the loss is %.9g, transformers has %.9g", name, loss, *expected);
    check_gradients(&g);
    check(elc_finetune_evaluate(&evaluated, finetune, &g.batch));
    assert_memory_equal(&evaluated, &sums, sizeof sums); /* there is no dropout in these */
    elc_finetune_destroy(finetune);
    elc_pool_destroy(pool);
    free(expected);
    close_golden(&g);
}

static const struct {
    const char *name;
    enum elc_finetune_task task;
} cases[] = {
    {"classify", ELC_TASK_CLASSIFY}, {"classify-relu", ELC_TASK_CLASSIFY},
    {"multi-label", ELC_TASK_SET},   {"regress", ELC_TASK_REGRESS},
    {"tag", ELC_TASK_TAG},           {"qa", ELC_TASK_QA},
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
    struct golden g;
    struct elc_weights weights;
    struct elc_workspace all = {0}, first = {0};
    const elc_float *expected, *found;
    open_golden(&g, "classify", ELC_TASK_CLASSIFY);
    check(elc_weights_of_block(&weights, &g.config, &g.table, g.values, NULL));
    const struct elc_batch *texts = &g.batch.texts;
    const size_t h = g.config.hidden_size;
    check(elc_encoder_forward(&expected, &all, &weights, texts));
    check(elc_encoder_forward_first(&found, &first, &weights, texts));
    for (size_t i = 0; i < texts->n_sequences; i++)
        for (size_t j = 0; j < h; j++)
            assert_true(
                fabs((double)found[i * h + j] - (double)expected[texts->starts[i] * h + j]) < 2e-6);
    elc_workspace_free(&all);
    elc_workspace_free(&first);
    elc_weights_free(&weights);
    close_golden(&g);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_transformers),
        cmocka_unit_test(by_three_threads),
        cmocka_unit_test(first_tokens_alone),
        cmocka_unit_test(targets_that_do_not_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
