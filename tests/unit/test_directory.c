/* Model directories: what transformers saved loads, what is saved is what it would save, and
 * everything that ELECTRA's files are known to vary in is tolerated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "electra/directory.h"
#include "electra/encoder.h"
#include "electra/file.h"

static const char golden[] = "tests/golden/directory";
static char scratch[] = "/tmp/test_directory.XXXXXX";

static int make_scratch(void **state) {
    (void)state;
    return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state) {
    (void)state;
    static const char *const names[] = {"config.json", "model.safetensors", "vocab.txt",
                                        "tokenizer_config.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = elc_path_join(scratch, names[i]);
        assert_non_null(path);
        unlink(path);
        free(path);
    }
    return rmdir(scratch);
}

/* scratch/name with these bytes. */
static void put(const char *name, const void *bytes, size_t len) {
    char *path = elc_path_join(scratch, name);
    assert_non_null(path);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, len, stream), len);
    assert_int_equal(fclose(stream), 0);
    free(path);
}

static void put_copy(const char *name, const char *path) {
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, path), 0);
    put(name, map.data, map.len);
    elc_map_close(&map);
}

static void assert_says(const char *text) {
    if (!strstr(elc_error(), text))
        fail_msg("\"%s\" does not say \"%s\"", elc_error(), text);
}

/* ---- whole directories ---- */

static void what_transformers_saved_loads(void **state) {
    (void)state;
    struct elc_network network;
    assert_int_equal(elc_network_load(&network, golden, ELC_DISCRIMINATOR), 0);
    assert_string_equal(network.path, "tests/golden/directory/discriminator");
    assert_int_equal(network.config.hidden_size, 24);
    assert_int_equal(strlen(network.hash), 32);
    if (sizeof(elc_float) == sizeof(float))
        assert_null(network.values); /* mapped, not copied */
    elc_network_free(&network);
    assert_int_equal(elc_network_load(&network, golden, ELC_GENERATOR), 0);
    assert_string_equal(network.path, "tests/golden/directory/generator");
    elc_network_free(&network);
    assert_int_equal(elc_network_load(&network, golden, ELC_ENCODER), 0);
    assert_null(elc_table_find(&network.table, "discriminator_predictions.dense.weight"));
    elc_network_free(&network);
}

static void assert_same_file(const char *name, const char *path) {
    char *ours_path = elc_path_join(scratch, name);
    struct elc_map ours, theirs;
    assert_int_equal(elc_map_open(&ours, ours_path), 0);
    assert_int_equal(elc_map_open(&theirs, path), 0);
    assert_int_equal(ours.len, theirs.len);
    assert_memory_equal(ours.data, theirs.data, ours.len);
    elc_map_close(&ours);
    elc_map_close(&theirs);
    free(ours_path);
}

static void assert_same_config(const struct elc_config *a, const struct elc_config *b) {
    struct elc_buffer a_json = {0}, b_json = {0};
    assert_int_equal(elc_config_format(a, &a_json), 0);
    assert_int_equal(elc_config_format(b, &b_json), 0);
    assert_int_equal(a_json.len, b_json.len);
    assert_memory_equal(a_json.data, b_json.data, a_json.len);
    elc_buffer_free(&a_json);
    elc_buffer_free(&b_json);
}

static void check_saved(const char *path, enum elc_architecture architecture) {
    struct elc_network network;
    struct elc_vocab *vocab;
    assert_int_equal(elc_network_load(&network, path, architecture), 0);
    assert_int_equal(elc_vocab_read(&vocab, path), 0);
    elc_float *values = calloc(network.table.total, sizeof *values);
    assert_non_null(values);
    char name[128];
    snprintf(name, sizeof name, "%s/model.safetensors", path);
    assert_int_equal(elc_params_load(values, &network.table, &network.file, name, NULL), 0);
    assert_int_equal(elc_network_save(scratch, &network.config, &network.table, values, NULL, NULL,
                                      vocab, &(struct elc_tokenizer_id){.strip_accents = true}, 32),
                     0);
    assert_same_file("model.safetensors", name);
    snprintf(name, sizeof name, "%s/vocab.txt", path);
    assert_same_file("vocab.txt", name);
    struct elc_network again;
    assert_int_equal(elc_network_load(&again, scratch, architecture), 0);
    assert_same_config(&again.config, &network.config);
    elc_network_free(&again);
    elc_network_free(&network);
    elc_vocab_destroy(vocab);
    free(values);
}

static void what_is_saved_is_what_transformers_saves(void **state) {
    (void)state;
    check_saved("tests/golden/directory/discriminator", ELC_DISCRIMINATOR);
    check_saved("tests/golden/directory/generator", ELC_GENERATOR);
}

/* In pre-training the generator's embeddings lie in the discriminator's block. */
static void shared_embeddings_are_written_out_whole(void **state) {
    (void)state;
    struct elc_config config;
    assert_int_equal(elc_config_read(&config, "tests/golden/directory/discriminator/config.json"),
                     0);
    struct elc_config generator_config = config;
    generator_config.architecture = ELC_GENERATOR;
    generator_config.hidden_size = 12;
    struct elc_table table, shared;
    assert_int_equal(elc_table_build(&table, &config, false), 0);
    assert_int_equal(elc_table_build(&shared, &generator_config, true), 0);
    elc_float *discriminator = calloc(table.total, sizeof *discriminator);
    elc_float *generator = calloc(shared.total, sizeof *generator);
    assert_true(discriminator && generator);
    elc_table_init(&table, discriminator, 1, 0, 0.02);
    elc_table_init(&shared, generator, 2, 0, 0.02);
    struct elc_vocab *vocab;
    assert_int_equal(elc_vocab_read(&vocab, "tests/golden/directory/discriminator"), 0);
    assert_int_equal(elc_network_save(scratch, &generator_config, &shared, generator, &table,
                                      discriminator, vocab,
                                      &(struct elc_tokenizer_id){.cased = true}, 32),
                     0);
    struct elc_network network;
    assert_int_equal(elc_network_load(&network, scratch, ELC_GENERATOR), 0);
    for (size_t i = 0; i < network.table.n_tensors; i++) {
        const struct elc_tensor *tensor = &network.table.tensors[i];
        const struct elc_tensor *own = elc_table_find(&shared, tensor->name);
        const elc_float *expected =
            own ? generator + own->offset
                : discriminator + elc_table_find(&table, tensor->name)->offset;
        for (size_t j = 0; j < tensor->count; j++)
            assert_true((float)network.tensors[i][j] == (float)expected[j]);
    }
    elc_network_free(&network);
    elc_vocab_destroy(vocab);
    elc_table_free(&table);
    elc_table_free(&shared);
    free(discriminator);
    free(generator);
}

static void directories_that_hold_no_model_are_named(void **state) {
    (void)state;
    char *path;
    assert_int_equal(elc_directory_resolve(&path, "no/such/model", ELC_DISCRIMINATOR), ELC_EIO);
    assert_says("no/such/model: No such file or directory");
    assert_int_equal(elc_directory_resolve(&path, "Makefile", ELC_DISCRIMINATOR), ELC_EIO);
    assert_says("Makefile: is no model directory");
    assert_int_equal(elc_directory_resolve(&path, "tests", ELC_GENERATOR), ELC_EIO);
    assert_says("neither config.json nor generator/config.json");
}

static void a_network_without_the_head_is_refused(void **state) {
    (void)state;
    struct elc_network network;
    assert_int_equal(
        elc_network_load(&network, "tests/golden/directory/generator", ELC_DISCRIMINATOR),
        ELC_EMISMATCH);
    assert_says("holds ElectraForMaskedLM, but ElectraForPreTraining is needed");
}

/* ---- variants of one file ---- */

/* The tensors of the golden discriminator or generator, to be changed and written to scratch. */
struct variant {
    struct elc_network original;
    enum elc_architecture architecture;
    struct elc_to_store tensors[64];
    char names[64][96];
    size_t n;
};

static void variant_init(struct variant *variant, enum elc_architecture architecture) {
    variant->architecture = architecture;
    assert_int_equal(elc_network_load(&variant->original, golden, architecture), 0);
    const struct elc_safetensors *file = &variant->original.file;
    variant->n = file->n_tensors;
    for (size_t i = 0; i < variant->n; i++) {
        const struct elc_stored *stored = &file->tensors[i];
        snprintf(variant->names[i], sizeof variant->names[i], "%s", stored->name);
        variant->tensors[i] = (struct elc_to_store){
            .name = variant->names[i],
            .dtype = stored->dtype,
            .shape = {stored->shape[0], stored->shape[1]},
            .rank = stored->rank,
            .data = stored->data,
            .bytes = stored->bytes,
        };
    }
}

static struct elc_to_store *variant_find(struct variant *variant, const char *name) {
    for (size_t i = 0; i < variant->n; i++)
        if (strcmp(variant->names[i], name) == 0)
            return &variant->tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

/* Writes the variant with the original's configuration and loads it; 0 when it loads with the
 * original's numbers, within `tolerance` relative to each (those below 1e-3: to 1e-3). */
static int variant_load(struct variant *variant, double tolerance) {
    char path[96];
    snprintf(path, sizeof path, "%s/config.json", variant->original.path);
    put_copy("config.json", path);
    snprintf(path, sizeof path, "%s/model.safetensors", scratch);
    assert_int_equal(elc_safetensors_write(path, variant->tensors, variant->n, NULL, 0), 0);
    struct elc_network network;
    int err = elc_network_load(&network, scratch, variant->architecture);
    for (size_t i = 0; !err && i < network.table.n_tensors; i++)
        for (size_t j = 0; j < network.table.tensors[i].count; j++) {
            double original = variant->original.tensors[i][j];
            assert_true(fabs(network.tensors[i][j] - original) <=
                        tolerance * fmax(fabs(original), 1e-3));
        }
    elc_network_free(&network);
    elc_network_free(&variant->original);
    return err;
}

static void replace_in_names(struct variant *variant, const char *old, const char *new) {
    for (size_t i = 0; i < variant->n; i++) {
        char *at = strstr(variant->names[i], old), rest[96];
        if (!at)
            continue;
        snprintf(rest, sizeof rest, "%s", at + strlen(old));
        snprintf(at, sizeof rest - (size_t)(at - variant->names[i]), "%s%s", new, rest);
    }
}

static void add(struct variant *variant, const char *name, const struct elc_to_store *like) {
    variant->tensors[variant->n] = *like;
    snprintf(variant->names[variant->n], sizeof variant->names[0], "%s", name);
    variant->tensors[variant->n].name = variant->names[variant->n];
    variant->n++;
}

static void old_names_of_layer_norms_load(void **state) {
    (void)state;
    struct variant variant;
    variant_init(&variant, ELC_GENERATOR);
    replace_in_names(&variant, "LayerNorm.weight", "LayerNorm.gamma");
    replace_in_names(&variant, "LayerNorm.bias", "LayerNorm.beta");
    assert_int_equal(variant_load(&variant, 0), 0);
}

static void names_without_prefix_load(void **state) {
    (void)state;
    struct variant variant;
    variant_init(&variant, ELC_DISCRIMINATOR);
    replace_in_names(&variant, "electra.", "");
    replace_in_names(&variant, "LayerNorm.weight", "LayerNorm.gamma");
    assert_int_equal(variant_load(&variant, 0), 0);
}

static void spare_tensors_are_passed_over(void **state) {
    (void)state;
    static const int64_t ids[32];
    const struct elc_to_store positions = {
        .dtype = "I64", .shape = {1, 32}, .rank = 2, .data = ids, .bytes = sizeof ids};
    struct variant variant;
    variant_init(&variant, ELC_GENERATOR);
    add(&variant, "electra.embeddings.position_ids", &positions);
    add(&variant, "generator_lm_head.weight",
        variant_find(&variant, "electra.embeddings.word_embeddings.weight"));
    add(&variant, "unheard.of", &positions);
    assert_int_equal(variant_load(&variant, 0), 0);

    struct elc_config config;
    struct elc_table table;
    struct elc_safetensors file;
    char path[96];
    snprintf(path, sizeof path, "%s/config.json", scratch);
    assert_int_equal(elc_config_read(&config, path), 0);
    assert_int_equal(elc_table_build(&table, &config, false), 0);
    elc_float *values = calloc(table.total, sizeof *values);
    struct elc_buffer unused = {0};
    snprintf(path, sizeof path, "%s/model.safetensors", scratch);
    assert_int_equal(elc_safetensors_open(&file, path), 0);
    assert_int_equal(elc_params_load(values, &table, &file, path, &unused), 0);
    assert_int_equal(unused.len, sizeof "unheard.of");
    assert_string_equal((char *)unused.data, "unheard.of");
    elc_safetensors_close(&file);
    elc_buffer_free(&unused);
    elc_table_free(&table);
    free(values);
}

/* Base and large discriminators carry embeddings_project though their widths are equal. */
static void a_projection_without_use_is_passed_over(void **state) {
    (void)state;
    struct elc_config config;
    elc_config_default(&config);
    config.architecture = ELC_DISCRIMINATOR;
    config.vocab_size = 10;
    config.embedding_size = config.hidden_size = 16;
    config.num_hidden_layers = 1;
    config.intermediate_size = 16;
    struct elc_table table;
    assert_int_equal(elc_table_build(&table, &config, false), 0);
    assert_null(elc_table_find(&table, "electra.embeddings_project.weight"));
    static const float zeros[512 * 16];
    struct elc_to_store tensors[64];
    for (size_t i = 0; i < table.n_tensors; i++)
        tensors[i] = (struct elc_to_store){
            .name = table.tensors[i].name,
            .dtype = "F32",
            .shape = {table.tensors[i].shape[0], table.tensors[i].shape[1]},
            .rank = table.tensors[i].shape[1] ? 2 : 1,
            .data = zeros,
            .bytes = table.tensors[i].count * sizeof(float),
        };
    tensors[table.n_tensors] = (struct elc_to_store){.name = "electra.embeddings_project.weight",
                                                     .dtype = "F32",
                                                     .shape = {16, 16},
                                                     .rank = 2,
                                                     .data = zeros,
                                                     .bytes = 16 * 16 * sizeof(float)};
    char path[96];
    snprintf(path, sizeof path, "%s/model.safetensors", scratch);
    assert_int_equal(elc_safetensors_write(path, tensors, table.n_tensors + 1, NULL, 0), 0);
    struct elc_buffer json = {0};
    assert_int_equal(elc_config_format(&config, &json), 0);
    put("config.json", json.data, json.len);
    struct elc_network network;
    assert_int_equal(elc_network_load(&network, scratch, ELC_DISCRIMINATOR), 0);
    elc_network_free(&network);
    elc_buffer_free(&json);
    elc_table_free(&table);
}

static void an_untied_output_matrix_is_refused(void **state) {
    (void)state;
    struct variant variant;
    variant_init(&variant, ELC_GENERATOR);
    struct elc_to_store other =
        *variant_find(&variant, "electra.embeddings.word_embeddings.weight");
    float *values = calloc(1, other.bytes);
    other.data = values;
    add(&variant, "generator_lm_head.weight", &other);
    assert_int_equal(variant_load(&variant, 0), ELC_EMISMATCH);
    assert_says("generator_lm_head.weight");
    free(values);
}

/* ---- other number types ---- */

static uint16_t to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* Cuts the mantissa; the numbers of the golden files are within F16's normal range or below. */
static uint16_t to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000;
    int exponent = (int)(bits >> 23 & 0xff) - 127 + 15;
    uint32_t mantissa = (bits & 0x7fffff) | 0x800000;
    if (exponent <= 0)
        return (uint16_t)(exponent < -10 ? sign : sign | mantissa >> (14 - exponent));
    return (uint16_t)(sign | (uint32_t)exponent << 10 | (bits >> 13 & 0x3ff));
}

static void check_type(const char *dtype, size_t size, double tolerance) {
    struct variant variant;
    variant_init(&variant, ELC_DISCRIMINATOR);
    struct elc_arena arena = {0};
    for (size_t i = 0; i < variant.n; i++) {
        struct elc_to_store *tensor = &variant.tensors[i];
        size_t count = tensor->bytes / sizeof(float);
        char *bytes = elc_arena_alloc(&arena, count * size);
        for (size_t j = 0; j < count; j++) {
            float value;
            memcpy(&value, (const char *)tensor->data + j * sizeof value, sizeof value);
            uint16_t half = dtype[0] == 'B' ? to_bf16(value) : to_f16(value);
            double wide = value;
            memcpy(bytes + j * size, size == 2 ? (void *)&half : (void *)&wide, size);
        }
        tensor->dtype = dtype;
        tensor->data = bytes;
        tensor->bytes = count * size;
    }
    assert_int_equal(variant_load(&variant, tolerance), 0);
    elc_arena_free(&arena);
}

static void halves_and_doubles_are_converted(void **state) {
    (void)state;
    check_type("F64", 8, 0);
    check_type("BF16", 2, 1.0 / 128);
    check_type("F16", 2, 1.0 / 1024);
}

/* Known bit patterns of binary16, each stored as the bias of the last dense. */
static void halves_have_their_exact_values(void **state) {
    (void)state;
    static const struct {
        uint16_t half;
        double value;
    } cases[] = {
        {0x0000, 0.0},           {0x8000, -0.0},     {0x3c00, 1.0},     {0xc000, -2.0},
        {0x7bff, 65504.0},       {0x0400, 0x1p-14},  {0x0001, 0x1p-24}, {0x83ff, -1023 * 0x1p-24},
        {0x3555, 1365.0 / 4096}, {0x7c00, INFINITY}, {0xfe00, NAN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct variant variant;
        variant_init(&variant, ELC_DISCRIMINATOR);
        struct elc_to_store *bias =
            variant_find(&variant, "discriminator_predictions.dense_prediction.bias");
        *bias = (struct elc_to_store){.name = bias->name,
                                      .dtype = "F16",
                                      .shape = {1},
                                      .rank = 1,
                                      .data = &cases[i].half,
                                      .bytes = 2};
        int err = variant_load(&variant, INFINITY);
        assert_int_equal(err, isfinite(cases[i].value) ? 0 : ELC_ENUMERIC);
        struct elc_network network;
        if (err < 0 || elc_network_load(&network, scratch, ELC_DISCRIMINATOR) < 0)
            continue;
        const struct elc_tensor *tensor =
            elc_table_find(&network.table, "discriminator_predictions.dense_prediction.bias");
        assert_true(network.tensors[tensor - network.table.tensors][0] == cases[i].value);
        elc_network_free(&network);
    }
}

/* ---- what is refused ---- */

static void numbers_that_are_not_finite_are_refused_by_name(void **state) {
    (void)state;
    static const char name[] = "electra.encoder.layer.1.output.dense.weight";
    for (int i = 0; i < 3; i++) {
        struct variant variant;
        variant_init(&variant, ELC_DISCRIMINATOR);
        struct elc_to_store *tensor = variant_find(&variant, name);
        float *values = malloc(tensor->bytes);
        assert_non_null(values);
        memcpy(values, tensor->data, tensor->bytes);
        values[tensor->bytes / sizeof *values - 1 - 500 * (size_t)i] = i == 0   ? NAN
                                                                       : i == 1 ? INFINITY
                                                                                : -INFINITY;
        tensor->data = values;
        assert_int_equal(variant_load(&variant, 0), ELC_ENUMERIC);
        assert_says(name);
        free(values);
    }
}

static void a_double_beyond_float_is_refused(void **state) {
    (void)state;
    if (sizeof(elc_float) != sizeof(float))
        return;
    static const double huge = 1e300;
    struct variant variant;
    variant_init(&variant, ELC_DISCRIMINATOR);
    struct elc_to_store *bias =
        variant_find(&variant, "discriminator_predictions.dense_prediction.bias");
    *bias = (struct elc_to_store){
        .name = bias->name, .dtype = "F64", .shape = {1}, .rank = 1, .data = &huge, .bytes = 8};
    assert_int_equal(variant_load(&variant, 0), ELC_ENUMERIC);
}

static void tensors_that_do_not_fit_are_named(void **state) {
    (void)state;
    static const char name[] = "electra.encoder.layer.0.attention.self.query.weight";
    struct variant variant;
    variant_init(&variant, ELC_DISCRIMINATOR);
    struct elc_to_store *tensor = variant_find(&variant, name);
    tensor->shape[0] = 12;
    tensor->shape[1] = 48;
    assert_int_equal(variant_load(&variant, 0), ELC_EMISMATCH);
    assert_says("model.safetensors: tensor 'electra.encoder.layer.0.attention.self.query.weight' "
                "is [12, 48], but [24, 24] by the configuration");

    variant_init(&variant, ELC_DISCRIMINATOR);
    tensor = variant_find(&variant, name);
    tensor->rank = 1;
    tensor->shape[0] = 24 * 24;
    assert_int_equal(variant_load(&variant, 0), ELC_EMISMATCH);
    assert_says("is [576], but [24, 24]");

    variant_init(&variant, ELC_DISCRIMINATOR);
    replace_in_names(&variant, "layer.1.output.dense.bias", "layer.1.output.dense.bios");
    assert_int_equal(variant_load(&variant, 0), ELC_EMISMATCH);
    assert_says("tensor 'electra.encoder.layer.1.output.dense.bias' is missing");

    variant_init(&variant, ELC_DISCRIMINATOR);
    variant_find(&variant, name)->dtype = "I32";
    assert_int_equal(variant_load(&variant, 0), ELC_EMISMATCH);
    assert_says("is I32, not F16, BF16, F32 or F64");
}

static void missing_files_are_named(void **state) {
    (void)state;
    char path[96];
    put_copy("config.json", "tests/golden/directory/discriminator/config.json");
    snprintf(path, sizeof path, "%s/model.safetensors", scratch);
    unlink(path);
    struct elc_network network;
    assert_int_equal(elc_network_load(&network, scratch, ELC_DISCRIMINATOR), ELC_EIO);
    assert_says("model.safetensors: No such file or directory");
}

/* ---- the same numbers as transformers ---- */

/* A line of expected.txt: kind, number of tokens, ids, what follows. */
static size_t read_ids(uint32_t *ids, size_t limit, char **at) {
    size_t n = strtoul(*at, at, 10);
    assert_in_range(n, 1, limit);
    for (size_t i = 0; i < n; i++)
        ids[i] = (uint32_t)strtoul(*at, at, 10);
    return n;
}

static void check_numbers(const elc_float *found, size_t n, char *at) {
    for (size_t i = 0; i < n; i++) {
        char *end;
        double expected = strtod(at, &end);
        assert_ptr_not_equal(at, end);
        if (!(fabs(found[i] - expected) <= 1e-5))
            fail_msg("number %zu is %.9g, not %.9g", i, (double)found[i], expected);
        at = end;
    }
    assert_int_equal(*at, '\n');
}

/* Every line of one kind. Returns how many there were. */
static int check_kind(const char *kind, enum elc_architecture architecture) {
    struct elc_network network;
    struct elc_weights weights;
    struct elc_workspace workspace = {0};
    struct elc_batch batch = {0};
    assert_int_equal(elc_network_load(&network, golden, architecture), 0);
    assert_int_equal(elc_weights_of_network(&weights, &network), 0);
    FILE *stream = fopen("tests/golden/directory/expected.txt", "r");
    assert_non_null(stream);
    static char line[4096];
    int n_lines = 0;
    while (fgets(line, sizeof line, stream)) {
        size_t len = strlen(kind);
        if (strncmp(line, kind, len) != 0 || line[len] != ' ')
            continue;
        char *at = line + len;
        uint32_t ids[64];
        const elc_float *numbers;
        size_t n = read_ids(ids, 64, &at), n_numbers = n;
        elc_batch_clear(&batch);
        assert_int_equal(elc_batch_add(&batch, ids, NULL, n, 0), 0);
        if (architecture == ELC_DISCRIMINATOR) {
            assert_int_equal(elc_discriminator_forward(&numbers, &workspace, &weights, &batch), 0);
        } else {
            assert_int_equal(elc_encoder_forward(&numbers, &workspace, &weights, &batch), 0);
            n_numbers = network.config.hidden_size;
        }
        if (architecture == ELC_GENERATOR) {
            const uint32_t row = (uint32_t)strtoul(at, &at, 10);
            assert_int_equal(elc_generator_logits(&numbers, &workspace, &weights, &row, 1), 0);
            n_numbers = network.config.vocab_size;
        }
        check_numbers(numbers, n_numbers, at);
        n_lines++;
    }
    fclose(stream);
    elc_batch_free(&batch);
    elc_workspace_free(&workspace);
    elc_weights_free(&weights);
    elc_network_free(&network);
    return n_lines;
}

static void outputs_are_those_of_transformers(void **state) {
    (void)state;
    assert_int_equal(check_kind("discriminator", ELC_DISCRIMINATOR), 5);
    assert_int_equal(check_kind("embedding", ELC_ENCODER), 5);
    assert_int_equal(check_kind("generator", ELC_GENERATOR), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_transformers_saved_loads),
        cmocka_unit_test(what_is_saved_is_what_transformers_saves),
        cmocka_unit_test(shared_embeddings_are_written_out_whole),
        cmocka_unit_test(directories_that_hold_no_model_are_named),
        cmocka_unit_test(a_network_without_the_head_is_refused),
        cmocka_unit_test(old_names_of_layer_norms_load),
        cmocka_unit_test(names_without_prefix_load),
        cmocka_unit_test(spare_tensors_are_passed_over),
        cmocka_unit_test(a_projection_without_use_is_passed_over),
        cmocka_unit_test(an_untied_output_matrix_is_refused),
        cmocka_unit_test(halves_and_doubles_are_converted),
        cmocka_unit_test(halves_have_their_exact_values),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused_by_name),
        cmocka_unit_test(a_double_beyond_float_is_refused),
        cmocka_unit_test(tensors_that_do_not_fit_are_named),
        cmocka_unit_test(missing_files_are_named),
        cmocka_unit_test(outputs_are_those_of_transformers),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
