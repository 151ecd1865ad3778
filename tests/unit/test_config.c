/* Configurations: transformers' config.json, and the presets and files of pre-training. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "electra/config.h"
#include "electra/file.h"

static int parse(struct elc_config *config, const char *json) {
    return elc_config_parse(config, json, strlen(json), "config.json");
}

static void missing_keys_take_the_defaults_of_transformers(void **state) {
    (void)state;
    struct elc_config config;
    assert_int_equal(parse(&config, "{}"), 0);
    assert_int_equal(config.architecture, ELC_ENCODER);
    assert_int_equal(config.vocab_size, 30522);
    assert_int_equal(config.embedding_size, 128);
    assert_int_equal(config.hidden_size, 256);
    assert_int_equal(config.num_hidden_layers, 12);
    assert_int_equal(config.num_attention_heads, 4);
    assert_int_equal(config.intermediate_size, 1024);
    assert_int_equal(config.max_position_embeddings, 512);
    assert_int_equal(config.type_vocab_size, 2);
    assert_int_equal(config.hidden_act, ELC_GELU);
    assert_true(config.hidden_dropout_prob == 0.1);
    assert_true(config.layer_norm_eps == 1e-12);
    assert_true(config.initializer_range == 0.02);
}

static void activations_have_several_names(void **state) {
    (void)state;
    struct elc_config config;
    assert_int_equal(parse(&config, "{\"hidden_act\": \"gelu_pytorch_tanh\"}"), 0);
    assert_int_equal(config.hidden_act, ELC_GELU_NEW);
    assert_int_equal(parse(&config, "{\"hidden_act\": \"gelu_python\"}"), 0);
    assert_int_equal(config.hidden_act, ELC_GELU);
}

static void what_transformers_saved_is_read(void **state) {
    (void)state;
    struct elc_config config;
    const char *path = "tests/golden/directory/discriminator/config.json";
    assert_int_equal(elc_config_read(&config, path), 0);
    assert_int_equal(config.architecture, ELC_DISCRIMINATOR);
    assert_int_equal(config.hidden_size, 24);
    assert_int_equal(config.num_attention_heads, 3);
    assert_int_equal(config.max_position_embeddings, 32);
    assert_int_equal(elc_config_read(&config, "tests/golden/directory/generator/config.json"), 0);
    assert_int_equal(config.architecture, ELC_GENERATOR);
}

static void formatting_and_parsing_are_inverse(void **state) {
    (void)state;
    struct elc_config config, again;
    elc_config_default(&config);
    config.architecture = ELC_GENERATOR;
    config.hidden_act = ELC_GELU_NEW;
    config.hidden_dropout_prob = 0.3;
    config.hidden_size = 64;
    config.pad_token_id = 7;
    struct elc_buffer json = {0};
    assert_int_equal(elc_config_format(&config, &json), 0);
    assert_int_equal(elc_config_parse(&again, (char *)json.data, json.len, "config.json"), 0);
    elc_buffer_free(&json);
    assert_int_equal(again.architecture, ELC_GENERATOR);
    assert_int_equal(again.hidden_act, ELC_GELU_NEW);
    assert_true(again.hidden_dropout_prob == 0.3);
    assert_true(again.layer_norm_eps == 1e-12);
    assert_int_equal(again.hidden_size, 64);
    assert_int_equal(again.pad_token_id, 7);
}

static void what_cannot_be_computed_is_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"", "config.json: line"},
        {"[]", "not a JSON object"},
        {"{\"hidden_size\": 256, \"hidden_size\": 128}", "duplicate"},
        {"{\"hidden_size\": 0}", "'hidden_size'"},
        {"{\"hidden_size\": -8}", "'hidden_size'"},
        {"{\"hidden_size\": 8196}", "'hidden_size' is not a whole number in 1 … 8192"},
        {"{\"hidden_size\": 18446744073709551615}", "config.json"},
        {"{\"hidden_size\": 256.5}", "'hidden_size'"},
        {"{\"hidden_size\": \"256\"}", "'hidden_size'"},
        {"{\"num_attention_heads\": 3}", "no multiple of 'num_attention_heads' 3"},
        {"{\"num_hidden_layers\": 129}", "'num_hidden_layers'"},
        {"{\"vocab_size\": 1048577}", "'vocab_size'"},
        {"{\"vocab_size\": 10, \"pad_token_id\": 10}", "'pad_token_id' 10"},
        {"{\"layer_norm_eps\": \"tiny\"}", "'layer_norm_eps'"},
        {"{\"hidden_dropout_prob\": 1.5}", "'hidden_dropout_prob'"},
        {"{\"hidden_act\": \"silu\"}", "'hidden_act' is 'silu'"},
        {"{\"model_type\": \"bert\"}", "'model_type' is 'bert'"},
        {"{\"position_embedding_type\": \"relative_key\"}", "relative_key"},
        {"{\"architectures\": [\"BertModel\"]}", "BertModel"},
        {"{\"architectures\": \"ElectraModel\"}", "'architectures'"},
        {"{\"architectures\": []}", "'architectures'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct elc_config config;
        assert_true(parse(&config, cases[i].json) < 0);
        if (!strstr(elc_error(), cases[i].says))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].json, elc_error(), cases[i].says);
    }
}

static void nulls_and_unknown_keys_of_a_model_are_ignored(void **state) {
    (void)state;
    struct elc_config config;
    assert_int_equal(parse(&config, "{\"hidden_size\": null, \"generator_size\": \"0.25\","
                                    " \"architectures\": null, \"torch_dtype\": \"float32\"}"),
                     0);
    assert_int_equal(config.hidden_size, 256);
}

/* ---- pre-training ---- */

static void check_preset(const char *name, const uint32_t expected[9]) {
    struct elc_pretrain_config config;
    assert_int_equal(elc_pretrain_config_read(&config, name), 0);
    const struct elc_config *d = &config.discriminator, *g = &config.generator;
    const uint32_t found[9] = {
        d->embedding_size,      d->hidden_size,         d->num_hidden_layers,
        d->num_attention_heads, d->intermediate_size,   g->hidden_size,
        g->num_hidden_layers,   g->num_attention_heads, g->intermediate_size,
    };
    assert_memory_equal(found, expected, sizeof found);
    assert_int_equal(d->architecture, ELC_DISCRIMINATOR);
    assert_int_equal(g->architecture, ELC_GENERATOR);
    assert_int_equal(g->embedding_size, d->embedding_size);
    assert_int_equal(d->vocab_size, 0);
    assert_int_equal(g->vocab_size, 0);
}

static void presets_have_the_shapes_of_the_paper(void **state) {
    (void)state;
    check_preset("nano", (uint32_t[]){64, 128, 4, 2, 512, 64, 4, 1, 256});
    check_preset("small", (uint32_t[]){128, 256, 12, 4, 1024, 64, 12, 1, 256});
    check_preset("base", (uint32_t[]){768, 768, 12, 12, 3072, 256, 12, 4, 1024});
    check_preset("large", (uint32_t[]){1024, 1024, 24, 16, 4096, 256, 24, 4, 1024});
}

static void presets_have_the_schedule_of_the_paper(void **state) {
    (void)state;
    struct elc_pretrain_config small, base, large;
    assert_int_equal(elc_pretrain_config_read(&small, "small"), 0);
    assert_int_equal(elc_pretrain_config_read(&base, "base"), 0);
    assert_int_equal(elc_pretrain_config_read(&large, "large"), 0);
    assert_true(small.mask_prob == 0.15 && base.mask_prob == 0.15 && large.mask_prob == 0.25);
    assert_true(small.learning_rate == 5e-4 && base.learning_rate == 2e-4);
    assert_true(large.learning_rate == 2e-4);
    assert_int_equal(small.train_batch_size, 128);
    assert_int_equal(base.train_batch_size, 256);
    assert_int_equal(large.train_batch_size, 2048);
    assert_int_equal(small.max_seq_length, 128);
    assert_int_equal(base.max_seq_length, 512);
    assert_int_equal(large.max_seq_length, 512);
    assert_int_equal(large.num_warmup_steps, 10000);
    assert_true(small.gen_weight == 1 && small.disc_weight == 50 && small.temperature == 1);
    assert_true(small.adam_beta1 == 0.9 && small.adam_beta2 == 0.999);
    assert_true(small.adam_epsilon == 1e-6 && !small.adam_bias_correction);
    assert_true(small.weight_decay_rate == 0.01 && small.max_grad_norm == 1);
}

static void overrides_come_before_the_generator(void **state) {
    (void)state;
    static const char *const overrides[] = {
        "hidden_size=384", "num_attention_heads=6",     "generator_hidden_size=0.333333",
        "temperature=2.5", "adam_bias_correction=true", "hidden_act=gelu_new",
        "hidden_size=192",
    };
    struct elc_pretrain_config config;
    assert_int_equal(elc_pretrain_config_build(&config, "small", overrides, 7), 0);
    assert_int_equal(config.discriminator.hidden_size, 192); /* the last one counts */
    assert_int_equal(config.generator.hidden_size, 64);
    assert_int_equal(config.generator.hidden_act, ELC_GELU_NEW);
    assert_true(config.temperature == 2.5);
    assert_true(config.adam_bias_correction);
}

static void bad_overrides_are_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *override, *says;
    } cases[] = {
        {"hidden_sizes=64", "--set hidden_sizes=64: unknown key 'hidden_sizes'"},
        {"hidden_size", "not KEY=VALUE"},
        {"=3", "not KEY=VALUE"},
        {"hidden_size=", "'hidden_size'"},
        {"hidden_size=big", "'hidden_size'"},
        {"hidden_size=102", "no multiple"},
        {"generator_hidden_size=0", "'generator_hidden_size' is not a number above 0"},
        {"generator_hidden_size=0.001", "the generator: 'hidden_size'"},
        {"generator_num_attention_heads=7", "the generator: 'hidden_size' 64 is no multiple"},
        {"mask_prob=1", "'mask_prob'"},
        {"train_batch_size=0", "'train_batch_size'"},
        {"max_seq_length=513", "'max_seq_length' 513 is above 'max_position_embeddings' 512"},
        {"vocab_size=100", "'vocab_size' is the vocabulary's to say"},
        {"learning_rate=nan", "'learning_rate'"},
        {"adam_bias_correction=1", "'adam_bias_correction'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct elc_pretrain_config config;
        assert_int_equal(elc_pretrain_config_build(&config, "small", &cases[i].override, 1),
                         ELC_EINVAL);
        if (!strstr(elc_error(), cases[i].says))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].override, elc_error(),
                     cases[i].says);
    }
}

static int read_text(struct elc_pretrain_config *config, const char *json) {
    char path[] = "/tmp/test_config.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(elc_file_write(path, json, strlen(json)), 0);
    int err = elc_pretrain_config_read(config, path);
    unlink(path);
    return err;
}

static void files_start_from_small(void **state) {
    (void)state;
    struct elc_pretrain_config config;
    assert_int_equal(read_text(&config, "{\"num_hidden_layers\": 6, \"learning_rate\": 1e-3,"
                                        " \"generator_layers\": 0.5,"
                                        " \"generator_intermediate_size\": 100}"),
                     0);
    assert_int_equal(config.discriminator.num_hidden_layers, 6);
    assert_int_equal(config.discriminator.hidden_size, 256);
    assert_int_equal(config.generator.num_hidden_layers, 3);
    assert_int_equal(config.generator.intermediate_size, 100);
    assert_true(config.learning_rate == 1e-3);
}

static void bad_files_are_refused(void **state) {
    (void)state;
    struct elc_pretrain_config config;
    assert_int_equal(read_text(&config, "{\"model_type\": \"electra\"}"), ELC_EFORMAT);
    assert_non_null(strstr(elc_error(), "unknown key 'model_type'"));
    assert_int_equal(read_text(&config, "{\"hidden_size\": {}}"), ELC_EFORMAT);
    assert_int_equal(read_text(&config, "hidden_size: 3"), ELC_EFORMAT);
    assert_int_equal(read_text(&config, ""), ELC_EFORMAT);
    assert_int_equal(elc_pretrain_config_read(&config, "tiny"), ELC_EIO);
    assert_string_equal(elc_error(), "tiny: no such file, and no configuration of that name (nano, "
                                     "small, base, large)");
    assert_int_equal(read_text(&config, "{\"num_attention_heads\": 3}"), ELC_EFORMAT);
    assert_non_null(strstr(elc_error(), "/tmp/test_config."));
    assert_non_null(strstr(elc_error(), ": 'hidden_size' 256 is no multiple"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_keys_take_the_defaults_of_transformers),
        cmocka_unit_test(activations_have_several_names),
        cmocka_unit_test(what_transformers_saved_is_read),
        cmocka_unit_test(formatting_and_parsing_are_inverse),
        cmocka_unit_test(what_cannot_be_computed_is_refused_by_name),
        cmocka_unit_test(nulls_and_unknown_keys_of_a_model_are_ignored),
        cmocka_unit_test(presets_have_the_shapes_of_the_paper),
        cmocka_unit_test(presets_have_the_schedule_of_the_paper),
        cmocka_unit_test(overrides_come_before_the_generator),
        cmocka_unit_test(bad_overrides_are_refused_by_name),
        cmocka_unit_test(files_start_from_small),
        cmocka_unit_test(bad_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
