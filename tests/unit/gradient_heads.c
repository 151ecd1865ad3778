/* The losses of fine-tuning, dropout and all, against central differences by the weights of heads
 * and encoder. */
#include "difference.h"

#include <stdlib.h>
#include <string.h>

#include "electra/finetune.h"

enum { VOCAB = 40, STEP = 3, LABELS = 3, TEXTS = 5 };

struct setting {
    enum elc_finetune_task task;
    struct elc_config config;
    struct elc_table table;
    elc_float *values, *gradients, *unwanted;
    struct elc_task_batch batch[2];
    struct elc_finetune *wanted; /* adds to `gradients`, the other to `unwanted` */
    struct elc_finetune *value;
};

static struct elc_config network_config(enum elc_architecture architecture, double dropout) {
    struct elc_config config;
    elc_config_default(&config);
    config.architecture = architecture;
    config.vocab_size = VOCAB;
    config.embedding_size = 6;
    config.hidden_size = 8;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 19;
    config.max_position_embeddings = 24;
    config.hidden_dropout_prob = dropout;
    config.attention_probs_dropout_prob = dropout;
    config.num_labels = architecture == ELC_QUESTION_ANSWERER ? 2 : LABELS;
    return config;
}

static struct elc_finetune *open_finetune(const struct setting *s, elc_float *gradients) {
    const struct elc_finetune_setup setup = {
        .task = s->task,
        .config = &s->config,
        .table = &s->table,
        .values = s->values,
        .gradients = gradients,
        .seed = 11,
        .answerable_weight = 0.6,
    };
    struct elc_finetune *finetune;
    check(elc_finetune_new(&finetune, &setup));
    return finetune;
}

/* An answer among the n tokens of a text, in its second half; text 1 has none. */
static void make_span(struct elc_target *target, struct elc_random *random, size_t text, size_t n) {
    const size_t first = n / 2 + 1;
    target->impossible = text == 3;
    if (text == 1 || first >= n)
        return;
    target->start = (uint32_t)(first + elc_random_below(random, n - first));
    target->end = target->start + (uint32_t)elc_random_below(random, n - target->start);
}

/* Texts of 1 … 17 tokens in two micro-batches; every third token begins a word. */
static void make_batches(struct setting *s) {
    const size_t lengths[TEXTS] = {5, 17, 1, 8, 12};
    struct elc_random random;
    elc_random_init(&random, 5, ELC_INIT, 0, 0);
    for (size_t text = 0; text < TEXTS; text++) {
        const size_t n = lengths[text];
        uint32_t ids[32], words[32], labels[32];
        uint8_t types[32];
        float values[LABELS];
        struct elc_target target = {.values = values, .words = words, .labels = labels};
        for (size_t i = 0; i < n; i++) {
            ids[i] = (uint32_t)elc_random_below(&random, VOCAB);
            types[i] = i > n / 2;
            if (i % 3 != 1)
                continue;
            words[target.n_words] = (uint32_t)i;
            labels[target.n_words++] = (uint32_t)elc_random_below(&random, LABELS);
        }
        for (size_t i = 0; i < LABELS; i++)
            values[i] = s->task == ELC_TASK_SET ? (float)elc_random_below(&random, 2)
                                                : (float)elc_random_unit(&random);
        target.label = (uint32_t)elc_random_below(&random, LABELS);
        make_span(&target, &random, text, n);
        check(elc_task_batch_add(&s->batch[text / 3], s->task, s->config.num_labels, ids, types, n,
                                 &target, text));
    }
}

static double loss_of(const struct setting *s, struct elc_finetune *finetune) {
    double loss = 0;
    for (size_t i = 0; i < 2; i++) {
        struct elc_finetune_sums sums;
        check(elc_finetune_step(&sums, finetune, &s->batch[i], STEP, 0.7));
        loss += 0.7 * sums.loss;
    }
    return loss;
}

static double value(void *context) {
    struct setting *s = context;
    return loss_of(s, s->value);
}

static void check_gradients(enum elc_finetune_task task, enum elc_architecture architecture,
                            double dropout) {
    struct setting s = {.task = task, .config = network_config(architecture, dropout)};
    check(elc_table_build(&s.table, &s.config, false));
    s.values = malloc(s.table.total * sizeof(elc_float));
    s.gradients = calloc(s.table.total, sizeof(elc_float));
    s.unwanted = calloc(s.table.total, sizeof(elc_float));
    elc_test_fill(s.values, s.table.total, 1, 0.5); /* biases and gammas too */
    make_batches(&s);
    s.wanted = open_finetune(&s, s.gradients);
    s.value = open_finetune(&s, s.unwanted);
    loss_of(&s, s.wanted);
    for (size_t i = 0; i < s.table.n_tensors; i++) {
        const struct elc_tensor *tensor = &s.table.tensors[i];
        elc_test_direction(tensor->name, s.values + tensor->offset, s.gradients + tensor->offset,
                           tensor->count, value, &s);
    }
    elc_finetune_destroy(s.wanted);
    elc_finetune_destroy(s.value);
    for (size_t i = 0; i < 2; i++)
        elc_task_batch_free(&s.batch[i]);
    elc_table_free(&s.table);
    free(s.values);
    free(s.gradients);
    free(s.unwanted);
}

static void one_class_for_a_text(void **state) {
    (void)state;
    check_gradients(ELC_TASK_CLASSIFY, ELC_SEQUENCE_CLASSIFIER, 0);
    check_gradients(ELC_TASK_CLASSIFY, ELC_SEQUENCE_CLASSIFIER, 0.2);
}

static void several_labels_for_a_text(void **state) {
    (void)state;
    check_gradients(ELC_TASK_SET, ELC_SEQUENCE_CLASSIFIER, 0.1);
}

static void numbers_for_a_text(void **state) {
    (void)state;
    check_gradients(ELC_TASK_REGRESS, ELC_SEQUENCE_CLASSIFIER, 0.1);
}

static void one_linear_layer_over_a_text(void **state) {
    (void)state;
    check_gradients(ELC_TASK_CLASSIFY, ELC_GOOGLE_CLASSIFIER, 0.1);
    check_gradients(ELC_TASK_CLASSIFY, ELC_BERT_CLASSIFIER, 0.1);
}

static void a_label_for_each_word(void **state) {
    (void)state;
    check_gradients(ELC_TASK_TAG, ELC_TOKEN_CLASSIFIER, 0.1);
}

static void a_span_of_a_text(void **state) {
    (void)state;
    check_gradients(ELC_TASK_QA, ELC_QUESTION_ANSWERER, 0.1);
}

static void an_end_given_a_start(void **state) {
    (void)state;
    check_gradients(ELC_TASK_QA, ELC_GOOGLE_ANSWERER, 0);
    check_gradients(ELC_TASK_QA, ELC_GOOGLE_ANSWERER, 0.1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_class_for_a_text),  cmocka_unit_test(several_labels_for_a_text),
        cmocka_unit_test(numbers_for_a_text),    cmocka_unit_test(one_linear_layer_over_a_text),
        cmocka_unit_test(a_label_for_each_word), cmocka_unit_test(a_span_of_a_text),
        cmocka_unit_test(an_end_given_a_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
