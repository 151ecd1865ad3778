/* Conversions: every format against what transformers saves, and files that are not what they say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "electra/convert.h"
#include "electra/directory.h"
#include "electra/file.h"
#include "electra/random.h"
#include "scratch.h"

#define GOLDEN "tests/golden/convert/"

static char *scratch, *output;

static int setup(void **state) {
    (void)state;
    if (access("/dev/shm", W_OK) == 0) /* every model is fsynced, which takes its time on disks */
        assert_int_equal(setenv("TMPDIR", "/dev/shm", 0), 0);
    scratch = scratch_new();
    output = elc_path_join(scratch, "output");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    free(output);
    scratch_delete(scratch);
    return 0;
}

static void expect_equal_files(const char *a, const char *b) {
    struct elc_map x, y;
    assert_int_equal(elc_map_open(&x, a), 0);
    assert_int_equal(elc_map_open(&y, b), 0);
    if (x.len != y.len || memcmp(x.data, y.data, x.len) != 0)
        fail_msg("%s and %s differ", a, b);
    elc_map_close(&x);
    elc_map_close(&y);
}

/* ---- what is right ---- */

/* Converts GOLDEN source and compares with the GOLDEN file of weights. */
static void check(const char *source, const char *expected, enum elc_convert_networks networks) {
    struct elc_conversion conversion;
    struct elc_convert_options options = {.networks = networks};
    struct elc_network network;
    char from[128], to[128];
    snprintf(from, sizeof from, GOLDEN "%s", source);
    snprintf(to, sizeof to, GOLDEN "%s", expected);
    if (elc_convert(&conversion, output, from, &options) != 0)
        fail_msg("%s", elc_error());
    assert_int_equal(conversion.n_configs, 1);
    assert_int_equal(conversion.not_finite.len + conversion.missing.len, 0);
    char *weights = elc_path_join(output, "model.safetensors");
    expect_equal_files(weights, to);
    free(weights);
    assert_int_equal(elc_network_load(&network, output, conversion.configs[0].architecture), 0);
    elc_network_free(&network);
    elc_conversion_free(&conversion);
    scratch_remove(output);
}

static void every_format_gives_what_transformers_saves(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"discriminator", "discriminator/model.safetensors"},
        {"discriminator/pytorch_model.bin", "discriminator/model.safetensors"},
        {"discriminator/legacy.bin", "discriminator/model.safetensors"},
        {"discriminator/strided.bin", "discriminator/model.safetensors"},
        {"discriminator/flax_model.msgpack", "discriminator/model.safetensors"},
        {"discriminator/sharded", "discriminator/model.safetensors"},
        {"discriminator/sharded-bin", "discriminator/model.safetensors"},
        {"generator", "generator/model.safetensors"},
        {"generator/legacy.bin", "generator/model.safetensors"},
        {"generator/flax_model.msgpack", "generator/model.safetensors"},
        {"tensorflow/single.index", "generator/model.safetensors"},
        {"tensorflow/single", "generator/model.safetensors"},
        {"half/bf16.safetensors", "half/bf16-as-f32.safetensors"},
        {"half/f16.safetensors", "half/f16-as-f32.safetensors"},
        {"classifier", "classifier/model.safetensors"},
        {"tagger", "tagger/model.safetensors"},
        {"answerer", "answerer/model.safetensors"},
        {"bert-mlm/bert.safetensors", "bert-mlm/model.safetensors"},
        {"bert-tagger/bert.safetensors", "bert-tagger/model.safetensors"},
        {"bert-answerer/bert.safetensors", "bert-answerer/model.safetensors"},
        {"bert-classifier/bert.safetensors", "bert-classifier/model.safetensors"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i][0], cases[i][1], ELC_CONVERT_ALL);
    check("tensorflow/electra", "discriminator/model.safetensors", ELC_CONVERT_DISCRIMINATOR);
    check("tensorflow/electra", "generator/model.safetensors", ELC_CONVERT_GENERATOR);
}

/* transformers leaves "electra." out of an encoder's names; the numbers are the same. */
static void encoders_have_the_same_numbers(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {GOLDEN "encoder", GOLDEN "encoder"},
        {GOLDEN "encoder/zip64.bin", GOLDEN "encoder"},
        {GOLDEN "bert-encoder/bert.safetensors", GOLDEN "bert-encoder"},
        {GOLDEN "discriminator", GOLDEN "discriminator"},
        {GOLDEN "classifier", GOLDEN "classifier"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct elc_conversion conversion;
        struct elc_safetensors ours, theirs;
        const struct elc_convert_options options = {.encoder = true};
        if (elc_convert(&conversion, output, cases[i][0], &options) != 0)
            fail_msg("%s", elc_error());
        assert_int_equal(conversion.configs[0].architecture, ELC_ENCODER);
        elc_conversion_free(&conversion);
        char *a = elc_path_join(output, "model.safetensors");
        char *b = elc_path_join(cases[i][1], "model.safetensors");
        assert_int_equal(elc_safetensors_open(&ours, a), 0);
        assert_int_equal(elc_safetensors_open(&theirs, b), 0);
        for (size_t k = 0; k < ours.n_tensors; k++) {
            const struct elc_stored *x = &ours.tensors[k];
            const struct elc_stored *y = elc_safetensors_find(&theirs, x->name);
            if (!y)
                y = elc_safetensors_find(&theirs, x->name + strlen("electra."));
            assert_non_null(y);
            assert_int_equal(x->bytes, y->bytes);
            assert_memory_equal(x->data, y->data, x->bytes);
        }
        elc_safetensors_close(&ours);
        elc_safetensors_close(&theirs);
        free(a);
        free(b);
        scratch_remove(output);
    }
}

static void a_bundle_holds_both_networks(void **state) {
    (void)state;
    struct elc_conversion conversion;
    const struct elc_convert_options options = {0};
    assert_int_equal(elc_convert(&conversion, output, GOLDEN "tensorflow/electra", &options), 0);
    assert_int_equal(conversion.n_configs, 2);
    assert_int_equal(conversion.configs[0].architecture, ELC_DISCRIMINATOR);
    assert_int_equal(conversion.configs[1].architecture, ELC_GENERATOR);
    assert_int_equal(conversion.configs[1].hidden_size, 4);
    assert_int_equal(conversion.unused.len, 0);
    assert_true(conversion.cased_by_vocab && !conversion.cased);
    elc_conversion_free(&conversion);
    static const enum elc_architecture wanted[] = {ELC_DISCRIMINATOR, ELC_GENERATOR};
    for (size_t i = 0; i < 2; i++) {
        struct elc_network network;
        assert_int_equal(elc_network_load(&network, output, wanted[i]), 0);
        elc_network_free(&network);
    }
    scratch_remove(output);
}

/* ---- what files vary in ---- */

/* The tensors of a golden file, to be changed and written again. */
struct variant {
    struct elc_safetensors file;
    struct elc_to_store tensors[64];
    size_t n;
    char names[64][96];
};

static void variant_open(struct variant *variant, const char *golden) {
    assert_int_equal(elc_safetensors_open(&variant->file, golden), 0);
    variant->n = variant->file.n_tensors;
    assert_true(variant->n < 60);
    for (size_t i = 0; i < variant->n; i++) {
        const struct elc_stored *from = &variant->file.tensors[i];
        variant->tensors[i] =
            (struct elc_to_store){variant->names[i], from->dtype, {from->shape[0], from->shape[1]},
                                  from->rank,        from->data,  from->bytes};
        snprintf(variant->names[i], sizeof variant->names[i], "%s", from->name);
    }
}

static struct elc_to_store *variant_find(struct variant *variant, const char *name) {
    for (size_t i = 0; i < variant->n; i++)
        if (strcmp(variant->names[i], name) == 0)
            return &variant->tensors[i];
    fail_msg("there is no %s", name);
    return NULL;
}

/* A copy of a tensor under another name, at the end. */
static struct elc_to_store *variant_add(struct variant *variant, const char *name,
                                        const struct elc_to_store *like) {
    struct elc_to_store *added = &variant->tensors[variant->n];
    *added = *like;
    snprintf(variant->names[variant->n], sizeof variant->names[0], "%s", name);
    added->name = variant->names[variant->n++];
    return added;
}

/* Converts what has become of it; a success must be GOLDEN expected. */
static int variant_convert(struct variant *variant, struct elc_conversion *conversion,
                           const char *config, const char *expected) {
    char *path = elc_path_join(scratch, "variant.safetensors");
    char *weights = elc_path_join(output, "model.safetensors");
    const struct elc_convert_options options = {
        .config = config,
        .vocab = GOLDEN "discriminator/vocab.txt",
    };
    assert_int_equal(elc_safetensors_write(path, variant->tensors, variant->n, NULL, 0), 0);
    int err = elc_convert(conversion, output, path, &options);
    if (err == 0 && expected)
        expect_equal_files(weights, expected);
    if (err == 0)
        scratch_remove(output);
    free(weights);
    free(path);
    return err;
}

/* transformers and others of many years: no prefix, TensorFlow's names, buffers, tied copies. */
static void old_names_are_known(void **state) {
    (void)state;
    static const char golden[] = GOLDEN "generator/model.safetensors";
    static const char config[] = GOLDEN "generator/config.json";
    static const int64_t positions[2] = {0, 1};
    struct variant variant;
    struct elc_conversion conversion;
    variant_open(&variant, golden);
    for (size_t i = 0; i < variant.n; i++) {
        char *name = variant.names[i], *norm = strstr(name, "LayerNorm.");
        if (norm)
            snprintf(norm, 24, "LayerNorm.%s", strstr(norm, "weight") ? "gamma" : "beta");
        if (strncmp(name, "electra.", 8) == 0)
            memmove(name, name + 8, strlen(name) - 7);
    }
    struct elc_to_store *ids = variant_add(&variant, "embeddings.position_ids", variant.tensors);
    *ids = (struct elc_to_store){ids->name, "I64", {1, 2}, 2, positions, sizeof positions};
    variant_add(&variant, "generator_lm_head.weight",
                variant_find(&variant, "embeddings.word_embeddings.weight"));
    if (variant_convert(&variant, &conversion, config, golden) != 0)
        fail_msg("%s", elc_error());
    assert_int_equal(conversion.unused.len, 0);
    elc_conversion_free(&conversion);
    for (size_t i = 0; i < variant.n; i++) {
        char *name = variant.names[i];
        memmove(name + strlen("module."), name, strlen(name) + 1);
        memcpy(name, "module.", strlen("module."));
    }
    if (variant_convert(&variant, &conversion, config, golden) != 0)
        fail_msg("%s", elc_error());
    assert_int_equal(conversion.unused.len, 0);
    elc_conversion_free(&conversion);
    elc_safetensors_close(&variant.file);
}

static void what_cannot_be_held_is_refused(void **state) {
    (void)state;
    static const char config[] = GOLDEN "generator/config.json";
    static const char word[] = "electra.embeddings.word_embeddings.weight";
    static const char dense[] = "generator_predictions.dense.bias";
    struct variant variant;
    struct elc_conversion conversion;
    /* an output matrix of its own: the words in another order */
    variant_open(&variant, GOLDEN "generator/model.safetensors");
    const struct elc_to_store *embeddings = variant_find(&variant, word);
    float *other = malloc(embeddings->bytes);
    memcpy(other, embeddings->data, embeddings->bytes);
    other[0] += 1;
    variant_add(&variant, "generator_lm_head.weight", embeddings)->data = other;
    assert_int_equal(variant_convert(&variant, &conversion, config, NULL), ELC_EMISMATCH);
    assert_non_null(strstr(elc_error(), "'generator_lm_head.weight' is not the word embeddings"));
    elc_conversion_free(&conversion);
    /* two tensors of one name that differ */
    variant.n--;
    const struct elc_to_store *bias = variant_find(&variant, "generator_lm_head.bias");
    variant_add(&variant, "cls.predictions.decoder.bias", bias);
    assert_int_equal(variant_convert(&variant, &conversion, config, NULL), 0);
    elc_conversion_free(&conversion);
    variant.tensors[variant.n - 1].data = other;
    assert_int_equal(variant_convert(&variant, &conversion, config, NULL), ELC_EMISMATCH);
    assert_non_null(strstr(elc_error(), "are both 'generator_lm_head.bias', and differ"));
    elc_conversion_free(&conversion);
    /* whole numbers as weights; one tensor less */
    variant.n--;
    struct elc_to_store *whole = variant_find(&variant, dense);
    whole->dtype = "I32";
    assert_int_equal(variant_convert(&variant, &conversion, config, NULL), ELC_EMISMATCH);
    assert_non_null(strstr(elc_error(), "'generator_predictions.dense.bias' is I32, not F16"));
    elc_conversion_free(&conversion);
    whole->name = "generator_predictions.dense.bias2";
    assert_int_equal(variant_convert(&variant, &conversion, config, NULL), ELC_EMISMATCH);
    assert_string_equal((char *)conversion.missing.data, dense);
    elc_conversion_free(&conversion);
    free(other);
    elc_safetensors_close(&variant.file);
}

/* ---- what is wrong ---- */

static int digit(char c) {
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* A file of the scratch directory with the bytes that hexadecimal digits say. */
static char *write_hex(const char *name, const char *hex) {
    size_t len = strcspn(hex, "\n") / 2;
    uint8_t *bytes = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    char *path = elc_path_join(scratch, name);
    assert_int_equal(elc_file_write(path, bytes, len), 0);
    free(bytes);
    return path;
}

static void write_numbers(const char *index) {
    char path[512];
    uint8_t numbers[24];
    for (size_t i = 0; i < sizeof numbers; i++)
        numbers[i] = (uint8_t)i;
    snprintf(path, sizeof path, "%.*s.data-00000-of-00001", (int)(strlen(index) - strlen(".index")),
             index);
    assert_int_equal(elc_file_write(path, numbers, sizeof numbers), 0);
}

static const struct elc_convert_options beside = {
    .config = GOLDEN "discriminator/config.json",
    .vocab = GOLDEN "discriminator/vocab.txt",
};

/* Line by line of convert-bad.tsv: name, message, bytes. First all files are written. */
static void each_lie_is_named(void **state) {
    (void)state;
    FILE *file = fopen("tests/golden/convert-bad.tsv", "r");
    char *line = NULL;
    size_t capacity = 0, n = 0;
    assert_non_null(file);
    for (int round = 0; round < 2; round++) {
        rewind(file);
        while (getline(&line, &capacity, file) > 0) {
            struct elc_conversion conversion;
            char *message = strchr(line, '\t') + 1, *hex = strchr(message, '\t') + 1;
            message[-1] = hex[-1] = '\0';
            char *path = round == 0 ? write_hex(line, hex) : elc_path_join(scratch, line);
            if (round == 0 && strncmp(line, "tf-", 3) == 0)
                write_numbers(path);
            if (round == 1 && message[0]) {
                int err = elc_convert(&conversion, output, path, &beside);
                elc_conversion_free(&conversion);
                if (err >= 0 || err == ELC_ENOMEM || !strstr(elc_error(), message))
                    fail_msg("%s: %d, %s; not: %s", line, err, elc_error(), message);
                n++;
            }
            free(path);
        }
    }
    free(line);
    fclose(file);
    assert_in_range(n, 140, 1000);
}

/* Many values in few bytes, and tensors that share a storage in another order than C's, so that
 * each would have to be copied. */
static void memory_stays_bounded(void **state) {
    (void)state;
    static const uint8_t head[] = "\x80\2\x8a\nl\xfc\x9c\x46\xf9\x20j\xa8P\x19.\x80\2M\xe9\3."
                                  "\x80\2}X\r\0\0\0little_endian\x88s.\x80\2";
    const size_t n = 3 << 20;
    struct elc_buffer bytes = {0};
    struct elc_conversion conversion;
    assert_int_equal(elc_buffer_append(&bytes, head, sizeof head - 1), 0);
    const size_t start = bytes.len;
    assert_int_equal(elc_buffer_reserve(&bytes, n), 0);
    memset(bytes.data + bytes.len, ')', n);
    bytes.len += n;
    char *path = elc_path_join(scratch, "many.bin");
    assert_int_equal(elc_file_write(path, bytes.data, bytes.len), 0);
    assert_int_equal(elc_convert(&conversion, output, path, &beside), ELC_ELIMIT);
    assert_non_null(strstr(elc_error(), "more than 1048576 values"));
    elc_conversion_free(&conversion);
    /* dict: 'ai' -> storage 0 of 1024 numbers, [32, 32] transposed, 200 times */
    bytes.len = start;
    static const uint8_t place[] =
        "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
        "0X\3\0\0\0cpuM\0\4NtQK\0K K \x86K\1K \x86\x89}tR";
    assert_int_equal(elc_buffer_append(&bytes, "}(", 2), 0);
    for (int i = 0; i < 200; i++) {
        char name[32];
        int len = snprintf(name, sizeof name, "X%c%c%c%ca%03d", 4, 0, 0, 0, i);
        assert_int_equal(elc_buffer_append(&bytes, name, (size_t)len), 0);
        assert_int_equal(elc_buffer_append(&bytes, place, sizeof place - 1), 0);
    }
    static const uint8_t keys[] = "u.\x80\2]X\1\0\0\0"
                                  "0a.\0\4\0\0\0\0\0\0";
    assert_int_equal(elc_buffer_append(&bytes, keys, sizeof keys - 1), 0);
    assert_int_equal(elc_buffer_reserve(&bytes, 4096), 0);
    memset(bytes.data + bytes.len, 0, 4096);
    bytes.len += 4096;
    free(path);
    path = elc_path_join(scratch, "views.bin");
    assert_int_equal(elc_file_write(path, bytes.data, bytes.len), 0);
    assert_int_equal(elc_convert(&conversion, output, path, &beside), ELC_ELIMIT);
    assert_non_null(strstr(elc_error(), "views of one another"));
    elc_conversion_free(&conversion);
    free(path);
    elc_buffer_free(&bytes);
}

/* A signal that comes while the directory is filled ends the work. Here it has been held all the
 * while, and so does not end the test. */
static void a_signal_ends_the_work(void **state) {
    (void)state;
    struct elc_conversion conversion;
    const struct elc_convert_options options = {0};
    sigset_t term, before;
    int caught;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &term, &before), 0);
    assert_int_equal(raise(SIGTERM), 0);
    const int err = elc_convert(&conversion, output, GOLDEN "discriminator", &options);
    elc_conversion_free(&conversion);
    assert_int_equal(sigwait(&term, &caught), 0);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(err, ELC_ESTOPPED);
    assert_int_not_equal(access(output, F_OK), 0);
}

/* ---- damage ---- */

static void copy_file(const char *from, const char *to) {
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, from), 0);
    (void)unlink(to);
    assert_int_equal(elc_file_write(to, map.data, map.len), 0);
    elc_map_close(&map);
}

/* Converts a damaged file. Whatever comes of it, it is an error with a message or a model. Unless
 * `whole`, the conversion ends when the file has been read, as the output is there already. */
static void try_bytes(const char *path, const uint8_t *bytes, size_t len, bool whole) {
    struct elc_conversion conversion;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    int err = elc_convert(&conversion, whole ? output : scratch, path, &beside);
    assert_true(err <= 0 && err != ELC_ENOMEM && (err == 0 || elc_error()[0]));
    elc_conversion_free(&conversion);
    if (err == 0)
        scratch_remove(output);
}

/* Changes a few bytes of `bytes` [len]: a bit, a byte, an extreme number, or a piece that is copied
 * from elsewhere in them. */
static void mutate(uint8_t *bytes, size_t len, struct elc_random *random) {
    const size_t at = (size_t)elc_random_below(random, len);
    const size_t from = (size_t)elc_random_below(random, len);
    const size_t left = len - (at > from ? at : from);
    const size_t n = 1 + (size_t)elc_random_below(random, left < 12 ? left : 12);
    switch (elc_random_below(random, 4)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << elc_random_below(random, 8));
        return;
    case 1:
        bytes[at] = (uint8_t)elc_random_below(random, 256);
        return;
    case 2:
        memset(bytes + at, elc_random_below(random, 2) ? 0xff : 0x7f, n);
        return;
    default:
        memmove(bytes + at, bytes + from, n);
        return;
    }
}

/* Cut short at some places, and changed many times: FUZZ in the environment says how much more. */
static void damage(const char *golden) {
    enum {
        CUTS = 60,
        CHANGES = 400,
        WHOLE = 10 /* each of them writes a model, which takes time */
    };
    const char *more = getenv("FUZZ");
    const size_t changes = CHANGES * (more ? strtoul(more, NULL, 10) : 1);
    struct elc_map map;
    struct elc_random random;
    char *path = elc_path_join(scratch, strrchr(golden, '/') + 1);
    assert_int_equal(elc_map_open(&map, golden), 0);
    uint8_t *bytes = malloc(map.len);
    elc_random_init(&random, 7, ELC_INIT, 0, 0);
    for (size_t i = 0; i < CUTS; i++)
        try_bytes(path, map.data, map.len * i / CUTS, true);
    for (size_t i = 0; i < changes; i++) {
        memcpy(bytes, map.data, map.len);
        for (size_t k = 0; k <= i % 3; k++)
            mutate(bytes, map.len, &random);
        try_bytes(path, bytes, map.len, i < WHOLE);
    }
    free(bytes);
    elc_map_close(&map);
    free(path);
}

static void damaged_files_do_no_harm(void **state) {
    (void)state;
    static const char *const files[] = {
        "discriminator/pytorch_model.bin",  "discriminator/legacy.bin",
        "discriminator/strided.bin",        "encoder/zip64.bin",
        "discriminator/flax_model.msgpack", "discriminator/model.safetensors",
        "tensorflow/electra.index",         "discriminator/sharded/model.safetensors.index.json",
    };
    char *numbers = elc_path_join(scratch, "electra.data-00000-of-00001");
    copy_file(GOLDEN "tensorflow/electra.data-00000-of-00001", numbers);
    free(numbers);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char golden[128];
        snprintf(golden, sizeof golden, GOLDEN "%s", files[i]);
        damage(golden);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_gives_what_transformers_saves),
        cmocka_unit_test(encoders_have_the_same_numbers),
        cmocka_unit_test(a_bundle_holds_both_networks),
        cmocka_unit_test(old_names_are_known),
        cmocka_unit_test(what_cannot_be_held_is_refused),
        cmocka_unit_test(each_lie_is_named),
        cmocka_unit_test(memory_stays_bounded),
        cmocka_unit_test(a_signal_ends_the_work),
        cmocka_unit_test(damaged_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
