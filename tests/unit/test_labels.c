/* Configurations and tables of fine-tuned networks: heads, names of classes, kinds of problems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "electra/config.h"
#include "electra/params.h"

static int parse(struct elc_config *config, const char *json) {
    return elc_config_parse(config, json, strlen(json), "config.json");
}

static int parse_labels(struct elc_labels *labels, const char *json) {
    return elc_labels_parse(labels, json, strlen(json), "config.json");
}

/* "name [rows,columns]" of the head's tensors, one after another. */
static void list_head(char *list, size_t capacity, const struct elc_config *config) {
    struct elc_table table;
    assert_int_equal(elc_table_build(&table, config, false), 0);
    size_t len = 0;
    list[0] = '\0';
    for (size_t i = 0; i < table.n_tensors; i++) {
        const struct elc_tensor *tensor = &table.tensors[i];
        if (strncmp(tensor->name, "electra.", 8) == 0)
            continue;
        assert_int_equal(tensor->depth, config->num_hidden_layers + 2);
        assert_int_equal(tensor->decay, strstr(tensor->name, "weight") != NULL);
        len += (size_t)snprintf(list + len, capacity - len, "%s [%u,%u] ", tensor->name,
                                tensor->shape[0], tensor->shape[1]);
    }
    elc_table_free(&table);
}

static void heads_have_transformers_names(void **state) {
    (void)state;
    static const struct {
        const char *architecture, *tensors;
    } cases[] = {
        {"ElectraModel", ""},
        {"ElectraForSequenceClassification",
         "classifier.dense.weight [256,256] classifier.dense.bias [256,0] "
         "classifier.out_proj.weight [3,256] classifier.out_proj.bias [3,0] "},
        {"ElectraForTokenClassification", "classifier.weight [3,256] classifier.bias [3,0] "},
        {"ElectraForQuestionAnswering", "qa_outputs.weight [2,256] qa_outputs.bias [2,0] "},
        {"GoogleElectraForSequenceClassification",
         "classifier.weight [3,256] classifier.bias [3,0] "},
        {"BertElectraForSequenceClassification",
         "pooler.dense.weight [256,256] pooler.dense.bias [256,0] "
         "classifier.weight [3,256] classifier.bias [3,0] "},
        {"GoogleElectraForQuestionAnswering",
         "start.weight [1,256] start.bias [1,0] "
         "end.dense.weight [512,512] end.dense.bias [512,0] "
         "end.out_proj.weight [1,512] end.out_proj.bias [1,0] "
         "answerable.dense.weight [512,512] answerable.dense.bias [512,0] "
         "answerable.out_proj.weight [1,512] answerable.out_proj.bias [1,0] "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[256], list[1024];
        struct elc_config config;
        snprintf(json, sizeof json,
                 "{\"architectures\": [\"%s\"], \"id2label\": {\"0\":\"a\",\"1\":\"b\",\"2\":"
                 "\"c\"}}",
                 cases[i].architecture);
        assert_int_equal(parse(&config, json), 0);
        list_head(list, sizeof list, &config);
        assert_string_equal(list, cases[i].tensors);
    }
}

static void what_is_written_is_read(void **state) {
    (void)state;
    static const char *const names[] = {"neg", "pos \"x\"", "\xc3\xa9"};
    struct elc_config config, again;
    struct elc_labels labels;
    struct elc_buffer json = {0};
    elc_config_default(&config);
    config.architecture = ELC_SEQUENCE_CLASSIFIER;
    config.num_labels = 3;
    config.labels = names;
    config.problem_type = ELC_PROBLEM_MULTI;
    config.classifier_dropout = 0.25;
    assert_int_equal(elc_config_format(&config, &json), 0);
    assert_int_equal(elc_buffer_append(&json, "", 1), 0);
    assert_int_equal(parse(&again, (char *)json.data), 0);
    assert_int_equal(again.architecture, ELC_SEQUENCE_CLASSIFIER);
    assert_int_equal(again.num_labels, 3);
    assert_int_equal(again.problem_type, ELC_PROBLEM_MULTI);
    assert_true(again.classifier_dropout == 0.25 && elc_head_dropout(&again) == 0.25);
    assert_null(again.labels);
    assert_int_equal(parse_labels(&labels, (char *)json.data), 0);
    assert_int_equal(labels.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(labels.names[i], names[i]);
    elc_labels_free(&labels);
    elc_buffer_free(&json);
}

static void defaults_are_those_of_transformers(void **state) {
    (void)state;
    struct elc_config config;
    struct elc_labels labels;
    struct elc_buffer json = {0};
    static const char bare[] = "{\"architectures\": [\"ElectraForSequenceClassification\"], "
                               "\"hidden_dropout_prob\": 0.2}";
    assert_int_equal(parse(&config, bare), 0);
    assert_int_equal(config.num_labels, 2);
    assert_int_equal(config.problem_type, ELC_PROBLEM_UNSET);
    assert_true(elc_head_dropout(&config) == 0.2);
    assert_int_equal(parse_labels(&labels, bare), 0);
    assert_null(labels.names);
    assert_int_equal(elc_config_format(&config, &json), 0);
    assert_int_equal(elc_buffer_append(&json, "", 1), 0);
    assert_int_equal(parse_labels(&labels, (char *)json.data), 0);
    assert_int_equal(labels.n, 2);
    assert_string_equal(labels.names[1], "LABEL_1");
    elc_labels_free(&labels);
    elc_buffer_free(&json);
    assert_int_equal(parse(&config, "{\"architectures\": [\"ElectraForTokenClassification\"], "
                                    "\"num_labels\": 9}"),
                     0);
    assert_int_equal(config.num_labels, 9);
}

static void bad_heads_are_named(void **state) {
    (void)state;
    static const struct {
        const char *members, *message;
    } cases[] = {
        {"\"id2label\": {}", "no number of labels"},
        {"\"num_labels\": 0", "no number of labels"},
        {"\"num_labels\": \"x\"", "no number of labels"},
        {"\"num_labels\": 65536", "no number of labels"},
        {"\"problem_type\": \"ranking\"", "'problem_type' is 'ranking'"},
        {"\"problem_type\": 1", "'problem_type' is 'no string'"},
        {"\"classifier_dropout\": 1", "'classifier_dropout'"},
        {"\"classifier_dropout\": -0.1", "'classifier_dropout'"},
        {"\"classifier_dropout\": \"x\"", "'classifier_dropout'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[256];
        struct elc_config config;
        snprintf(json, sizeof json,
                 "{\"architectures\": [\"ElectraForSequenceClassification\"], %s}",
                 cases[i].members);
        assert_int_equal(parse(&config, json), ELC_EFORMAT);
        if (!strstr(elc_error(), cases[i].message))
            fail_msg("%s: %s", cases[i].members, elc_error());
    }
}

static void numbers_may_be_names(void **state) {
    (void)state;
    struct elc_labels labels;
    assert_int_equal(parse_labels(&labels, "{\"id2label\": {\"1\": -7, \"0\": 0}}"), 0);
    assert_int_equal(labels.n, 2);
    assert_string_equal(labels.names[0], "0");
    assert_string_equal(labels.names[1], "-7");
    elc_labels_free(&labels);
}

static void bad_labels_are_named(void **state) {
    (void)state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{\"id2label\": [\"a\"]}", "does not name each class by a word"},
        {"{\"id2label\": {\"0\": 1.5}}", "does not name each class by a word"},
        {"{\"id2label\": {\"0\": \"a\", \"2\": \"b\"}}", "has '2' among its 2 classes"},
        {"{\"id2label\": {\"0\": \"a\", \"01\": \"b\"}}", "has '01' among"},
        {"{\"id2label\": {\"0\": \"a\", \"-1\": \"b\"}}", "has '-1' among"},
        {"{\"id2label\": {\"0\": \"a\", \"18446744073709551617\": \"b\"}}", "among"},
        {"{\"id2label\": {\"0\": \"a\", \"0\": \"b\"}}", "duplicate"},
        {"{\"id2label\": {\"0\": \"a\", \"1\": \"a\"}}", "calls two classes 'a'"},
        {"{\"id2label\": {\"0\": 1, \"1\": \"1\"}}", "calls two classes '1'"},
        {"[]", "not a JSON object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct elc_labels labels;
        assert_int_equal(parse_labels(&labels, cases[i].json), ELC_EFORMAT);
        if (!strstr(elc_error(), cases[i].message))
            fail_msg("%s: %s", cases[i].json, elc_error());
        assert_null(labels.names);
        elc_labels_free(&labels);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_have_transformers_names),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(defaults_are_those_of_transformers),
        cmocka_unit_test(bad_heads_are_named),
        cmocka_unit_test(numbers_may_be_names),
        cmocka_unit_test(bad_labels_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
