/* Means of models: exact, refused where they would mean nothing, whole or not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "electra/average.h"
#include "electra/directory.h"
#include "electra/random.h"
#include "electra/staging.h"
#include "scratch.h"

static char *scratch;

static int enter(void **state) {
    (void)state;
    scratch = scratch_new();
    return chdir(scratch);
}

static int leave(void **state) {
    (void)state;
    int err = chdir("/");
    scratch_delete(scratch);
    return err;
}

static void assert_says(const char *text) {
    if (!strstr(elc_error(), text))
        fail_msg("\"%s\" does not say \"%s\"", elc_error(), text);
}

static struct elc_config small_config(void) {
    struct elc_config config;
    elc_config_default(&config);
    config.architecture = ELC_DISCRIMINATOR;
    config.vocab_size = 7;
    config.embedding_size = 4;
    config.hidden_size = 8;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 12;
    config.max_position_embeddings = 16;
    return config;
}

/* A model directory with numbers of its own. */
static void make_model(const char *path, const struct elc_config *config, const char *word,
                       bool cased, uint64_t seed) {
    char text[128];
    struct elc_vocab *vocab;
    struct elc_table table;
    (void)snprintf(text, sizeof text, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n%s\n", word);
    assert_int_equal(elc_vocab_parse(&vocab, text, strlen(text), "text"), 0);
    assert_int_equal(elc_table_build(&table, config, false), 0);
    elc_float *values = elc_calloc_aligned(table.total, sizeof *values);
    assert_non_null(values);
    struct elc_random random;
    elc_random_init(&random, seed, ELC_SAMPLE, 0, 0);
    for (size_t i = 0; i < table.total; i++)
        values[i] = (elc_float)(elc_random_unit(&random) - 0.5);
    assert_int_equal(mkdir(path, 0777), 0);
    const struct elc_tokenizer_id rules = {.cased = cased, .strip_accents = !cased};
    assert_int_equal(elc_network_save(path, config, &table, values, NULL, NULL, vocab, &rules, 16),
                     0);
    free(values);
    elc_table_free(&table);
    elc_vocab_destroy(vocab);
}

static void make(const char *path, uint64_t seed) {
    struct elc_config config = small_config();
    make_model(path, &config, "world", false, seed);
}

static void load(struct elc_network *network, const char *path) {
    if (elc_network_load(network, path, ELC_DISCRIMINATOR) != 0)
        fail_msg("%s", elc_error());
}

/* ---- the mean ---- */

static void the_mean_is_taken_in_double_and_rounded_once(void **state) {
    (void)state;
    static const char *const paths[] = {"a", "b", "c"};
    struct elc_network networks[3], mean;
    for (size_t i = 0; i < 3; i++)
        make(paths[i], i + 1);
    assert_int_equal(elc_average("mean", paths, 3, true), 0);
    load(&mean, "mean");
    for (size_t i = 0; i < 3; i++)
        load(&networks[i], paths[i]);
    for (size_t t = 0; t < mean.table.n_tensors; t++)
        for (size_t k = 0; k < mean.table.tensors[t].count; k++) {
            double sum = 0;
            for (size_t i = 0; i < 3; i++)
                sum += networks[i].tensors[t][k];
            float expected = (float)(sum / 3), got = (float)mean.tensors[t][k];
            assert_memory_equal(&expected, &got, sizeof got);
        }
    for (size_t i = 0; i < 3; i++)
        elc_network_free(&networks[i]);
    elc_network_free(&mean);
}

static void the_mean_of_equal_models_is_that_model(void **state) {
    (void)state;
    static const char *const paths[] = {"a", "a", "a"};
    static const char *const files[] = {"model.safetensors", "vocab.txt", "tokenizer_config.json"};
    make("a", 1);
    assert_int_equal(elc_average("mean", paths, 3, true), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *from = elc_path_join("a", files[i]), *to = elc_path_join("mean", files[i]);
        struct elc_map a, b;
        assert_int_equal(elc_map_open(&a, from), 0);
        assert_int_equal(elc_map_open(&b, to), 0);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.data, b.data, a.len);
        elc_map_close(&a);
        elc_map_close(&b);
        free(from);
        free(to);
    }
    assert_int_equal(scratch_count("mean"), 4);
}

/* Every number of the file at `path` becomes `bits` of F16. */
static void narrow(const char *path, uint16_t bits) {
    struct elc_safetensors file;
    assert_int_equal(elc_safetensors_open(&file, path), 0);
    struct elc_to_store *tensors = calloc(file.n_tensors, sizeof *tensors);
    assert_non_null(tensors);
    uint16_t numbers[1024];
    for (size_t i = 0; i < 1024; i++)
        numbers[i] = bits;
    for (size_t i = 0; i < file.n_tensors; i++) {
        const struct elc_stored *stored = &file.tensors[i];
        assert_true(stored->bytes <= 2 * sizeof numbers);
        tensors[i] =
            (struct elc_to_store){stored->name, "F16",   {stored->shape[0], stored->shape[1]},
                                  stored->rank, numbers, stored->bytes / 2};
    }
    assert_int_equal(elc_safetensors_write("narrow", tensors, file.n_tensors, NULL, 0), 0);
    assert_int_equal(rename("narrow", path), 0);
    free(tensors);
    elc_safetensors_close(&file);
}

static void number_types_may_differ(void **state) {
    (void)state;
    static const char *const paths[] = {"a", "b"};
    struct elc_network mean;
    make("a", 1);
    make("b", 2);
    narrow("a/model.safetensors", 0x3e00);                      /* 1.5 */
    narrow("b/model.safetensors", (uint16_t)(0x8000 | 0x4100)); /* -2.5 */
    assert_int_equal(elc_average("mean", paths, 2, true), 0);
    load(&mean, "mean");
    assert_string_equal(mean.file.tensors[0].dtype, "F32");
    for (size_t t = 0; t < mean.table.n_tensors; t++)
        for (size_t k = 0; k < mean.table.tensors[t].count; k++)
            assert_true(mean.tensors[t][k] == (elc_float)-0.5);
    elc_network_free(&mean);
}

static void what_the_first_says_of_itself_is_kept(void **state) {
    (void)state;
    static const char *const paths[] = {"a", "b"};
    make("a", 1);
    make("b", 2);
    scratch_write("a/config.json",
                  "{\"architectures\": [\"ElectraForPreTraining\"], \"vocab_size\": 7,"
                  "\"embedding_size\": 4, \"hidden_size\": 8, \"num_hidden_layers\": 2,"
                  "\"num_attention_heads\": 2, \"intermediate_size\": 12, \"torch_dtype\": "
                  "\"float16\", \"hidden_dropout_prob\": 0.3, \"max_position_embeddings\": 16,"
                  "\"dtype\": \"float16\", \"id2label\": {\"0\": \"kept\"}, \"own\": 1e-12}");
    scratch_write("a/special_tokens_map.json", "{}");
    assert_int_equal(elc_average("mean", paths, 2, true), 0);
    scratch_expect("mean/special_tokens_map.json", "{}");
    struct elc_map config;
    assert_int_equal(elc_map_open(&config, "mean/config.json"), 0);
    char *text = strndup((const char *)config.data, config.len);
    assert_non_null(text);
    assert_non_null(strstr(text, "\"0\": \"kept\""));
    assert_non_null(strstr(text, "\"own\": 1e-12"));
    assert_non_null(strstr(text, "\"hidden_dropout_prob\": 0.3"));
    assert_null(strstr(text, "dtype"));
    free(text);
    elc_map_close(&config);
}

/* ---- what has no mean ---- */

/* `path` beside a model "a": refused with these words, and nothing is written. */
static void refuse(const char *path, const char *words) {
    const char *const paths[] = {"a", path};
    struct stat status;
    size_t before = scratch_count(".");
    assert_int_equal(elc_average("mean", paths, 2, true), ELC_EMISMATCH);
    assert_says(words);
    assert_says(path);
    assert_int_equal(lstat("mean", &status), -1);
    assert_int_equal(scratch_count("."), before);
}

static void other_shapes_are_refused_by_name(void **state) {
    (void)state;
    struct elc_config config = small_config();
    make("a", 1);
    config.num_hidden_layers = 3;
    make_model("deeper", &config, "world", false, 1);
    refuse("deeper", "deeper: 'num_hidden_layers' is 3, but 2 in a");
    config = small_config();
    config.num_attention_heads = 4; /* the same tensors, another function */
    make_model("heads", &config, "world", false, 1);
    refuse("heads", "heads: 'num_attention_heads' is 4, but 2 in a");
    config = small_config();
    config.hidden_act = ELC_RELU;
    make_model("relu", &config, "world", false, 1);
    refuse("relu", "relu: 'hidden_act' is \"relu\", but \"gelu\" in a");
    config = small_config();
    config.architecture = ELC_GENERATOR;
    make_model("generator", &config, "world", false, 1);
    refuse("generator", "generator holds ElectraForMaskedLM, but a ElectraForPreTraining");
}

static void other_texts_are_refused_by_name(void **state) {
    (void)state;
    struct elc_config config = small_config();
    make("a", 1);
    make_model("words", &config, "moon", false, 1);
    refuse("words", "words has a vocabulary of 7 tokens");
    make_model("cased", &config, "world", true, 1);
    refuse("cased", "cased and a treat case or accents differently");
}

static void dropout_may_differ(void **state) {
    (void)state;
    static const char *const paths[] = {"a", "b"};
    struct elc_config config = small_config();
    make("a", 1);
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
    config.initializer_range = 0.5;
    make_model("b", &config, "world", false, 2);
    assert_int_equal(elc_average("mean", paths, 2, true), 0);
}

static void one_model_and_a_damaged_one_are_refused(void **state) {
    (void)state;
    static const char *const paths[] = {"a", "b"};
    make("a", 1);
    make("b", 2);
    assert_int_equal(elc_average("mean", paths, 1, true), ELC_EINVAL);
    assert_int_equal(truncate("b/model.safetensors", 1000), 0);
    assert_int_equal(elc_average("mean", paths, 2, true), ELC_ETRUNCATED);
    assert_says("b/model.safetensors");
    assert_int_equal(unlink("b/vocab.txt"), 0);
    assert_int_equal(elc_average("mean", paths, 2, true), ELC_EIO);
    assert_int_equal(scratch_count("."), 2);
}

/* ---- whole or not there ---- */

static void what_is_there_stays(void **state) {
    (void)state;
    static const char *const paths[] = {"a", "a"};
    make("a", 1);
    assert_int_equal(mkdir("empty", 0777), 0);
    assert_int_equal(symlink("nowhere", "link"), 0);
    static const char *const there[] = {"a", "a/", "empty", "link", "a/vocab.txt"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        assert_int_equal(elc_average(there[i], paths, 2, true), ELC_EINVAL);
        assert_says("is there already");
    }
    assert_int_equal(elc_average("no/such/place", paths, 2, true), ELC_EIO);
    assert_says("no/such/place");
    assert_int_equal(scratch_count("."), 3);
    assert_int_equal(scratch_count("a"), 4);
    assert_int_equal(scratch_count("empty"), 0);
}

static void a_full_disk_leaves_nothing(void **state) {
    (void)state;
    static const char *const paths[] = {"a", "a"};
    make("a", 1);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {1000, 1000}; /* bytes of any file: the weights have more */
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(elc_average("mean", paths, 2, true) == ELC_EIO ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(scratch_count("."), 1);
}

static void permissions_are_those_of_mkdir(void **state) {
    (void)state;
    struct elc_staging *staging;
    struct stat status;
    mode_t before = umask(027);
    assert_int_equal(elc_staging_new(&staging, "new///"), 0);
    assert_int_equal(elc_staging_commit(staging), 0);
    elc_staging_destroy(staging);
    umask(before);
    assert_int_equal(stat("new", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0750);
    assert_int_equal(scratch_count("."), 1);
}

/* Creates a directory with a file, with a signal on the way, and says by its death if the signal
 * waited. */
static pid_t write_under_fire(bool commit) {
    pid_t child = fork();
    if (child != 0)
        return child;
    struct elc_staging *staging;
    char *path = NULL;
    int err = elc_staging_new(&staging, "new");
    if (!err)
        path = elc_path_join(elc_staging_path(staging), "file");
    if (elc_staging_check() != 0)
        _exit(1);
    raise(SIGTERM);
    if (elc_staging_check() != ELC_ESTOPPED || !path || elc_file_write(path, "whole", 5) != 0)
        _exit(1);
    if (commit && elc_staging_commit(staging) != 0)
        _exit(1);
    elc_staging_destroy(staging);
    _exit(2);
}

static void signals_wait(void **state) {
    (void)state;
    int status;
    assert_int_equal(waitpid(write_under_fire(false), &status, 0) > 0, 1);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(scratch_count("."), 0);
    assert_int_equal(waitpid(write_under_fire(true), &status, 0) > 0, 1);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    scratch_expect("new/file", "whole");
    assert_int_equal(scratch_count("."), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_mean_is_taken_in_double_and_rounded_once),
        TEST(the_mean_of_equal_models_is_that_model),
        TEST(number_types_may_differ),
        TEST(what_the_first_says_of_itself_is_kept),
        TEST(other_shapes_are_refused_by_name),
        TEST(other_texts_are_refused_by_name),
        TEST(dropout_may_differ),
        TEST(one_model_and_a_damaged_one_are_refused),
        TEST(what_is_there_stays),
        TEST(a_full_disk_leaves_nothing),
        TEST(permissions_are_those_of_mkdir),
        TEST(signals_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
