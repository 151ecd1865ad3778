/* Checkpoints: saved and loaded to the bit, damage found, failure without harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "electra/checkpoint.h"
#include "electra/random.h"
#include "scratch.h"

/* Two small networks with everything a checkpoint wants of them. */
struct fixture {
    char *directory; /* the run's, inside `scratch` */
    char *scratch;
    struct elc_pretrain_config config;
    struct elc_vocab *vocab;
    struct elc_table tables[2];
    struct elc_trained trained[2];
    struct elc_checkpoint checkpoint;
};

static void fill(elc_float *numbers, size_t n, uint64_t seed) {
    struct elc_random random;
    elc_random_init(&random, seed, ELC_SAMPLE, 0, 0);
    for (size_t i = 0; i < n; i++)
        numbers[i] = (elc_float)(elc_random_unit(&random) - 0.5);
}

/* Weights and moments that differ from step to step, in the tensors alone. */
static void fill_networks(struct fixture *f, uint64_t seed) {
    for (size_t i = 0; i < 2; i++) {
        const struct elc_table *table = &f->tables[i];
        for (size_t k = 0; k < table->n_tensors; k++) {
            size_t offset = table->tensors[k].offset, n = table->tensors[k].count;
            fill(f->trained[i].values + offset, n, seed * 1000 + i * 100 + k);
            fill(f->trained[i].m + offset, n, seed * 1000 + i * 100 + k + 300);
            fill(f->trained[i].v + offset, n, seed * 1000 + i * 100 + k + 600);
        }
    }
}

static int make_fixture(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->scratch = scratch_new();
    f->directory = elc_path_join(f->scratch, "run");
    assert_int_equal(mkdir(f->directory, 0777), 0);
    char *vocab_path = elc_path_join(f->scratch, "vocab.txt");
    scratch_write(vocab_path, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n");
    assert_int_equal(elc_vocab_read(&f->vocab, vocab_path), 0);
    free(vocab_path);
    static const char *const shape[] = {"hidden_size=8",
                                        "embedding_size=4",
                                        "num_hidden_layers=2",
                                        "num_attention_heads=2",
                                        "intermediate_size=12",
                                        "generator_hidden_size=0.5",
                                        "max_position_embeddings=16",
                                        "max_seq_length=16"};
    if (elc_pretrain_config_build(&f->config, "nano", shape, sizeof shape / sizeof *shape) != 0)
        fail_msg("%s", elc_error());
    f->config.discriminator.vocab_size = f->config.generator.vocab_size = 7;
    const struct elc_config *configs[] = {&f->config.discriminator, &f->config.generator};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(elc_table_build(&f->tables[i], configs[i], i == 1), 0);
        elc_float *values = elc_calloc_aligned(f->tables[i].total, sizeof *values);
        assert_int_equal(elc_trained_init(&f->trained[i], &f->tables[i], values), 0);
    }
    fill_networks(f, 1);
    f->checkpoint = (struct elc_checkpoint){
        .networks = {{"discriminator", configs[0], &f->trained[0]},
                     {"generator", configs[1], &f->trained[1]}},
        .vocab = f->vocab,
        .rules = {.strip_accents = true},
        .max_length = 16,
    };
    *state = f;
    return 0;
}

static int drop_fixture(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        free(f->trained[i].values);
        elc_trained_free(&f->trained[i]);
        elc_table_free(&f->tables[i]);
    }
    elc_vocab_destroy(f->vocab);
    free(f->directory);
    scratch_delete(f->scratch);
    free(f);
    return 0;
}

static void save(struct fixture *f, uint64_t step) {
    char text[64];
    (void)snprintf(text, sizeof text, "{\"step\": %llu}", (unsigned long long)step);
    fill_networks(f, step);
    if (elc_checkpoint_save(&f->checkpoint, f->directory, step, text, strlen(text)) != 0 ||
        elc_checkpoint_publish(&f->checkpoint, f->directory, step, step) != 0)
        fail_msg("%s", elc_error());
}

static char *inside(const struct fixture *f, const char *name) {
    return elc_path_join(f->directory, name);
}

static bool exists(const struct fixture *f, const char *name) {
    struct stat status;
    char *path = inside(f, name);
    bool there = lstat(path, &status) == 0;
    free(path);
    return there;
}

static void expect_link(const struct fixture *f, const char *name, const char *target) {
    char *path = inside(f, name), found[256] = "";
    ssize_t len = readlink(path, found, sizeof found - 1);
    assert_true(len > 0);
    assert_string_equal(found, target);
    struct stat status;
    assert_int_equal(stat(path, &status), 0); /* it leads somewhere */
    free(path);
}

/* Loads step `step` over something else and compares every number. */
static void expect_loaded(struct fixture *f, uint64_t step) {
    fill_networks(f, step);
    elc_float *expected[2][3];
    for (size_t i = 0; i < 2; i++) {
        elc_float *blocks[] = {f->trained[i].values, f->trained[i].m, f->trained[i].v};
        for (size_t k = 0; k < 3; k++) {
            size_t bytes = f->tables[i].total * sizeof(elc_float);
            expected[i][k] = malloc(bytes);
            memcpy(expected[i][k], blocks[k], bytes);
            memset(blocks[k], 0, bytes);
        }
    }
    if (elc_checkpoint_load(&f->checkpoint, f->directory, step) != 0)
        fail_msg("%s", elc_error());
    for (size_t i = 0; i < 2; i++) {
        elc_float *blocks[] = {f->trained[i].values, f->trained[i].m, f->trained[i].v};
        for (size_t k = 0; k < 3; k++) {
            assert_memory_equal(blocks[k], expected[i][k], f->tables[i].total * sizeof(elc_float));
            free(expected[i][k]);
        }
    }
}

static void expect_found(const struct fixture *f, uint64_t step, size_t n_damaged) {
    uint64_t found = 0;
    size_t damaged = 0;
    if (elc_checkpoint_find(f->directory, &found, &damaged) != 1)
        fail_msg("nothing found: %s", elc_error());
    assert_int_equal(found, step);
    assert_int_equal(damaged, n_damaged);
}

/* ---- whole ones ---- */

static void what_is_saved_is_loaded_to_the_bit(void **state) {
    struct fixture *f = *state;
    save(f, 120);
    expect_link(f, "latest", "checkpoint-120");
    expect_loaded(f, 120);
    struct elc_buffer text = {0};
    assert_int_equal(elc_checkpoint_state(f->directory, 120, &text), 0);
    assert_int_equal(text.len, strlen("{\"step\": 120}"));
    assert_memory_equal(text.data, "{\"step\": 120}", text.len);
    elc_buffer_free(&text);
    expect_found(f, 120, 0);
    assert_int_equal(scratch_count(f->directory), 4); /* the checkpoint and three links */
}

static void equal_runs_leave_equal_bytes(void **state) {
    struct fixture *f = *state;
    save(f, 5);
    char *manifest = inside(f, "checkpoint-5/manifest.json"), *first = inside(f, "first");
    assert_int_equal(rename(manifest, first), 0);
    save(f, 5); /* the broken one gives way */
    struct elc_map a, b;
    assert_int_equal(elc_map_open(&a, first), 0);
    assert_int_equal(elc_map_open(&b, manifest), 0);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len); /* checksums of all other files */
    elc_map_close(&a);
    elc_map_close(&b);
    expect_found(f, 5, 0);
    free(manifest);
    free(first);
}

static void the_newest_is_found(void **state) {
    struct fixture *f = *state;
    uint64_t step = 77;
    size_t damaged = 77;
    assert_int_equal(elc_checkpoint_find(f->directory, &step, &damaged), 0);
    assert_int_equal(damaged, 0);
    char *absent = inside(f, "absent");
    assert_int_equal(elc_checkpoint_find(absent, &step, &damaged), 0);
    free(absent);
    static const uint64_t steps[] = {9, 1000, 200}; /* by number, not by name or time */
    for (size_t i = 0; i < 3; i++)
        save(f, steps[i]);
    expect_found(f, 1000, 0);
    char *strange = inside(f, "checkpoint-2000x");
    assert_int_equal(mkdir(strange, 0777), 0);
    free(strange);
    expect_found(f, 1000, 0);
}

static void links_lead_where_they_are_told(void **state) {
    struct fixture *f = *state;
    save(f, 1);
    save(f, 2);
    for (uint64_t step = 1; step <= 2; step++) {
        char target[64];
        assert_int_equal(elc_checkpoint_publish(&f->checkpoint, f->directory, 2, step), 0);
        (void)snprintf(target, sizeof target, "checkpoint-%d/discriminator", (int)step);
        expect_link(f, "discriminator", target);
        (void)snprintf(target, sizeof target, "checkpoint-%d/generator", (int)step);
        expect_link(f, "generator", target);
        expect_link(f, "latest", "checkpoint-2");
    }
    assert_true(exists(f, "discriminator/model.safetensors"));
    assert_true(exists(f, "generator/config.json"));
    assert_true(exists(f, "generator/vocab.txt"));
    assert_int_equal(scratch_count(f->directory), 5);
}

static void three_and_the_best_are_kept(void **state) {
    struct fixture *f = *state;
    for (uint64_t step = 10; step <= 60; step += 10)
        save(f, step);
    char *leftover = inside(f, ".checkpoint-70");
    assert_int_equal(mkdir(leftover, 0777), 0);
    char *inner = elc_path_join(leftover, "discriminator");
    assert_int_equal(mkdir(inner, 0777), 0);
    char *file = elc_path_join(inner, "model.safetensors");
    scratch_write(file, "half");
    assert_int_equal(elc_checkpoint_prune(f->directory, 60, 3, 20), 0);
    assert_true(exists(f, "checkpoint-60") && exists(f, "checkpoint-50"));
    assert_true(exists(f, "checkpoint-40") && exists(f, "checkpoint-20"));
    assert_int_equal(scratch_count(f->directory), 7);                   /* with the links */
    assert_int_equal(elc_checkpoint_prune(f->directory, 60, 3, 60), 0); /* the best is among them */
    assert_int_equal(scratch_count(f->directory), 6);
    assert_int_equal(elc_checkpoint_prune(f->directory, 60, 1, UINT64_MAX), 0);
    assert_true(exists(f, "checkpoint-60"));
    assert_int_equal(scratch_count(f->directory), 4);
    free(leftover);
    free(inner);
    free(file);
}

/* ---- damage ---- */

/* Every file of a checkpoint, and whether its checksum stands in the manifest. */
static const char *const files[] = {"discriminator/config.json",
                                    "discriminator/model.safetensors",
                                    "discriminator/vocab.txt",
                                    "discriminator/tokenizer_config.json",
                                    "generator/config.json",
                                    "generator/model.safetensors",
                                    "generator/vocab.txt",
                                    "generator/tokenizer_config.json",
                                    "state/optimizer.safetensors",
                                    "state/state.json",
                                    "manifest.json"};
enum { N_FILES = sizeof files / sizeof *files };

static void put(const char *path, const struct elc_buffer *bytes, size_t len) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes->data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void take(struct elc_buffer *bytes, const char *path) {
    struct elc_map map;
    if (elc_map_open(&map, path) != 0)
        fail_msg("%s", elc_error());
    bytes->len = 0;
    assert_int_equal(elc_buffer_append(bytes, map.data, map.len), 0);
    elc_map_close(&map);
}

static void flip_bit(const char *path) {
    struct elc_buffer bytes = {0};
    take(&bytes, path);
    bytes.data[bytes.len / 2] ^= 4;
    put(path, &bytes, bytes.len);
    elc_buffer_free(&bytes);
}

static void a_damaged_one_is_passed_over(void **state) {
    struct fixture *f = *state;
    save(f, 10);
    save(f, 20);
    struct elc_buffer whole = {0};
    for (size_t i = 0; i < N_FILES; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "checkpoint-20/%s", files[i]);
        char *path = inside(f, name);
        take(&whole, path);
        flip_bit(path);
        expect_found(f, 10, 1);
        put(path, &whole, whole.len - 1);
        expect_found(f, 10, 1);
        assert_int_equal(unlink(path), 0);
        expect_found(f, 10, 1);
        put(path, &whole, whole.len);
        expect_found(f, 20, 0);
        free(path);
    }
    elc_buffer_free(&whole);
    expect_loaded(f, 10);
}

static void when_all_are_damaged_that_is_an_error(void **state) {
    struct fixture *f = *state;
    for (uint64_t step = 10; step <= 20; step += 10) {
        char name[64];
        save(f, step);
        (void)snprintf(name, sizeof name, "checkpoint-%d/state/state.json", (int)step);
        char *path = inside(f, name);
        flip_bit(path);
        free(path);
    }
    uint64_t step;
    size_t damaged;
    assert_int_equal(elc_checkpoint_find(f->directory, &step, &damaged), ELC_EFORMAT);
    assert_int_equal(damaged, 2);
    assert_non_null(strstr(elc_error(), "checkpoint-10/state/state.json: damaged"));
}

/* The older ones would take its place, and with the next save it would be gone. */
static void one_that_cannot_be_read_is_not_passed_over(void **state) {
    struct fixture *f = *state;
    save(f, 10);
    save(f, 20);
    static const char *const names[] = {"checkpoint-20/manifest.json",
                                        "checkpoint-20/state/state.json"};
    for (size_t i = 0; i < 2; i++) {
        char *path = inside(f, names[i]), *kept = inside(f, "kept");
        uint64_t step;
        size_t damaged;
        assert_int_equal(rename(path, kept), 0);
        assert_int_equal(symlink(path, path), 0); /* open fails, but not for want of a file */
        assert_int_equal(elc_checkpoint_find(f->directory, &step, &damaged), ELC_EIO);
        assert_int_equal(damaged, 0);
        assert_non_null(strstr(elc_error(), path));
        assert_int_equal(unlink(path), 0);
        expect_found(f, 10, 1); /* there is none: damage */
        assert_int_equal(rename(kept, path), 0);
        free(path);
        free(kept);
    }
    expect_found(f, 20, 0);
}

/* Else they would crowd out the good ones, being newer. */
static void damaged_newer_ones_go_with_the_next_save(void **state) {
    struct fixture *f = *state;
    for (uint64_t step = 10; step <= 50; step += 10)
        save(f, step);
    for (uint64_t step = 30; step <= 50; step += 10) {
        char name[64];
        (void)snprintf(name, sizeof name, "checkpoint-%d/manifest.json", (int)step);
        char *path = inside(f, name);
        assert_int_equal(unlink(path), 0);
        free(path);
    }
    expect_found(f, 20, 3);
    save(f, 25);
    assert_int_equal(elc_checkpoint_prune(f->directory, 25, 3, UINT64_MAX), 0);
    assert_true(exists(f, "checkpoint-10") && exists(f, "checkpoint-20"));
    assert_int_equal(scratch_count(f->directory), 6);
    expect_found(f, 25, 0);
    expect_link(f, "latest", "checkpoint-25");
}

static void a_manifest_leads_nowhere_else(void **state) {
    struct fixture *f = *state;
    save(f, 10);
    char *path = inside(f, "checkpoint-10/manifest.json");
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"electra\": 1}",
        "{\"files\": []}",
        "{\"files\": {\"state/state.json\": 7}}",
        "{\"files\": {\"../../vocab.txt\": {\"bytes\": 1, \"xxh3\": \"00\"}}}",
        "{\"files\": {\"/etc/passwd\": {\"bytes\": 1, \"xxh3\": \"00\"}}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint64_t step;
        size_t damaged;
        scratch_write(path, texts[i]);
        assert_int_equal(elc_checkpoint_find(f->directory, &step, &damaged), ELC_EFORMAT);
        assert_int_equal(damaged, 1);
    }
    free(path);
}

/* ---- failure ---- */

/* Runs a save of step 20 in a child that may not write files of more than `limit` bytes. */
static int save_within(struct fixture *f, size_t limit) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit most = {limit, limit};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &most);
        fill_networks(f, 20);
        int err = elc_checkpoint_save(&f->checkpoint, f->directory, 20, "{}", 2);
        if (!err)
            err = elc_checkpoint_publish(&f->checkpoint, f->directory, 20, 10);
        _exit(err == 0 ? 0 : err == ELC_EIO && strstr(elc_error(), "large") ? 1 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_failed_save_leaves_what_was_there(void **state) {
    struct fixture *f = *state;
    save(f, 10);
    int failed = 1, n_failed = 0;
    for (size_t limit = 0; failed; limit = limit * 3 / 2 + 1) {
        failed = save_within(f, limit);
        assert_in_range(failed, 0, 1);
        n_failed += failed;
        assert_int_equal(exists(f, "checkpoint-20"), !failed);
        assert_false(exists(f, ".checkpoint-20"));
        expect_link(f, "latest", failed ? "checkpoint-10" : "checkpoint-20");
        expect_link(f, "discriminator", "checkpoint-10/discriminator");
        expect_found(f, failed ? 10 : 20, 0);
    }
    assert_true(n_failed > 8);
    expect_loaded(f, 10);
    expect_loaded(f, 20);
}

static void one_of_the_same_step_gives_way(void **state) {
    struct fixture *f = *state;
    struct elc_buffer text = {0};
    save(f, 20);
    fill_networks(f, 10);
    assert_int_equal(elc_checkpoint_save(&f->checkpoint, f->directory, 20, "{}", 2), 0);
    assert_int_equal(elc_checkpoint_state(f->directory, 20, &text), 0);
    assert_int_equal(text.len, 2);
    assert_false(exists(f, ".checkpoint-20"));
    assert_false(exists(f, ".checkpoint-old-20"));
    expect_found(f, 20, 0);
    assert_int_equal(elc_checkpoint_is_whole(f->directory, 20), 1);
    assert_int_equal(elc_checkpoint_is_whole(f->directory, 10), 0);
    elc_buffer_free(&text);
}

static void a_directory_that_cannot_be_written_is_named(void **state) {
    struct fixture *f = *state;
    char *file = elc_path_join(f->scratch, "vocab.txt");
    assert_int_equal(elc_checkpoint_save(&f->checkpoint, file, 1, "{}", 2), ELC_EIO);
    assert_non_null(strstr(elc_error(), file));
    uint64_t step;
    size_t damaged;
    assert_int_equal(elc_checkpoint_find(file, &step, &damaged), ELC_EIO);
    assert_int_equal(elc_checkpoint_prune(file, 1, 3, UINT64_MAX), ELC_EIO);
    assert_int_equal(elc_checkpoint_load(&f->checkpoint, f->directory, 99), ELC_EIO);
    assert_non_null(strstr(elc_error(), "checkpoint-99"));
    free(file);
}

static void another_network_is_refused(void **state) {
    struct fixture *f = *state;
    save(f, 10);
    struct elc_config wider = f->config.discriminator;
    struct elc_table table;
    struct elc_trained trained;
    wider.hidden_size = 16;
    assert_int_equal(elc_table_build(&table, &wider, false), 0);
    elc_float *values = elc_calloc_aligned(table.total, sizeof *values);
    assert_int_equal(elc_trained_init(&trained, &table, values), 0);
    struct elc_checkpoint other = f->checkpoint;
    other.networks[0] = (struct elc_checkpoint_network){"discriminator", &wider, &trained};
    assert_int_equal(elc_checkpoint_load(&other, f->directory, 10), ELC_EMISMATCH);
    elc_trained_free(&trained);
    elc_table_free(&table);
    free(values);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, make_fixture, drop_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(what_is_saved_is_loaded_to_the_bit),
        WITH_FIXTURE(equal_runs_leave_equal_bytes),
        WITH_FIXTURE(the_newest_is_found),
        WITH_FIXTURE(links_lead_where_they_are_told),
        WITH_FIXTURE(three_and_the_best_are_kept),
        WITH_FIXTURE(a_damaged_one_is_passed_over),
        WITH_FIXTURE(when_all_are_damaged_that_is_an_error),
        WITH_FIXTURE(one_that_cannot_be_read_is_not_passed_over),
        WITH_FIXTURE(damaged_newer_ones_go_with_the_next_save),
        WITH_FIXTURE(a_manifest_leads_nowhere_else),
        WITH_FIXTURE(a_failed_save_leaves_what_was_there),
        WITH_FIXTURE(one_of_the_same_step_gives_way),
        WITH_FIXTURE(a_directory_that_cannot_be_written_is_named),
        WITH_FIXTURE(another_network_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
