/* Examples by their number: files, pipes, epochs, masks that were recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "electra/corrupt.h"
#include "electra/examples.h"
#include "electra/record.h"
#include "scratch.h"

enum { CLS = 2, SEP = 3, MASK = 4, VOCAB = 500, LENGTH = 32 };

static int make_scratch(void **state) {
    *state = scratch_new();
    return 0;
}

static int drop_scratch(void **state) {
    scratch_delete(*state);
    return 0;
}

static void assert_says(const char *text) {
    if (!strstr(elc_error(), text))
        fail_msg("\"%s\" does not say \"%s\"", elc_error(), text);
}

/* ---- streams to read ---- */

static struct elc_header tokens_header(void) {
    return (struct elc_header){
        .kind = ELC_TOKENS,
        .id_width = 2,
        .max_length = LENGTH,
        .vocab = {.size = VOCAB,
                  .xxh3 = "00112233445566778899aabbccddeeff",
                  .unk = 1,
                  .cls = CLS,
                  .sep = SEP,
                  .mask = MASK},
        .tokenizer = {.strip_accents = true},
    };
}

static size_t text_length(uint64_t number) {
    return 3 + number % (LENGTH - 2);
}

/* Text number n of all: its second token tells which it is. */
static void make_text(uint32_t *ids, uint64_t number) {
    size_t n = text_length(number);
    for (size_t i = 0; i < n; i++)
        ids[i] = (uint32_t)(5 + (number * 7 + i * 13) % (VOCAB - 5));
    ids[0] = CLS;
    ids[1] = (uint32_t)(5 + number);
    ids[n - 1] = SEP;
}

static void build_text(struct elc_builder *builder, uint64_t number) {
    uint32_t ids[LENGTH], types[LENGTH];
    make_text(ids, number);
    size_t n = text_length(number);
    for (size_t i = 0; i < n; i++)
        types[i] = i > n / 2;
    elc_builder_reset(builder);
    assert_int_equal(elc_builder_uint(builder, "id", number + 1), 0);
    assert_int_equal(elc_builder_numbers(builder, "ids", ids, n, 2), 0);
    if (number % 2 == 1)
        assert_int_equal(elc_builder_numbers(builder, "types", types, n, 1), 0);
    assert_int_equal(elc_builder_finish(builder), 0);
}

enum { PER_BLOCK = 7 };

/* Texts first … first + count - 1 as one segment, PER_BLOCK to a block, masked if epoch ≥ 0. */
static void write_segment(struct elc_output *output, const struct elc_header *wanted,
                          uint64_t first, uint64_t count, int epoch) {
    struct elc_writer writer = {0};
    struct elc_header header;
    struct elc_builder builder = {0};
    struct elc_corrupter corrupter = {0};
    struct elc_block masked = {0};
    const struct elc_corruption corruption = {.mask_prob = 0.15, .seed = 1};
    assert_int_equal(elc_header_copy(&header, wanted), 0);
    if (epoch >= 0)
        assert_int_equal(elc_corrupt_header(&header, &corruption, (uint64_t)epoch), 0);
    assert_int_equal(elc_writer_header(&writer, output, &header), 0);
    for (uint64_t i = 0; i < count; i++) {
        build_text(&builder, first + i);
        const struct elc_buffer *record = &builder.record;
        if (epoch >= 0) {
            const struct elc_block plain = {.count = 1, .payload = *record};
            assert_int_equal(elc_corrupt_block(&corrupter, &masked, &plain, wanted, &corruption,
                                               (uint64_t)epoch),
                             0);
            record = &masked.payload;
        }
        assert_int_equal(elc_writer_record(&writer, record->data, record->len), 0);
        if (i % PER_BLOCK == PER_BLOCK - 1)
            assert_int_equal(elc_writer_flush_block(&writer), 0);
    }
    assert_int_equal(elc_writer_end(&writer), 0);
    elc_corrupter_free(&corrupter);
    elc_buffer_free(&masked.payload);
    elc_builder_free(&builder);
    elc_header_free(&header);
    elc_writer_free(&writer);
}

/* A stream of one segment in DIR/name; its path, malloced. */
static char *put_stream(const char *directory, const char *name, const struct elc_header *header,
                        uint64_t first, uint64_t count, int epoch) {
    char *path = elc_path_join(directory, name);
    struct elc_output output;
    assert_int_equal(elc_output_open(&output, path), 0);
    write_segment(&output, header, first, count, epoch);
    assert_int_equal(elc_output_commit(&output), 0);
    return path;
}

/* A stream of one record that is made by the caller. */
static char *put_record(const char *directory, const struct elc_header *header,
                        struct elc_builder *builder) {
    char *path = elc_path_join(directory, "one");
    struct elc_output output;
    struct elc_writer writer = {0};
    assert_int_equal(elc_builder_finish(builder), 0);
    assert_int_equal(elc_output_open(&output, path), 0);
    assert_int_equal(elc_writer_header(&writer, &output, header), 0);
    assert_int_equal(elc_writer_record(&writer, builder->record.data, builder->record.len), 0);
    assert_int_equal(elc_writer_end(&writer), 0);
    assert_int_equal(elc_output_commit(&output), 0);
    elc_writer_free(&writer);
    elc_builder_free(builder);
    return path;
}

/* A child that writes a file into a FIFO; the FIFO's path, malloced. */
static char *feed(const char *directory, const char *path, pid_t *child) {
    char *fifo = elc_path_join(directory, "fifo");
    unlink(fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    *child = fork();
    assert_true(*child >= 0);
    if (*child == 0) {
        struct elc_map map;
        struct elc_output output;
        int err = elc_map_open(&map, path);
        if (!err)
            err = elc_output_open(&output, fifo);
        for (size_t at = 0; !err && at < map.len; at += 100) {
            err = elc_output_write(&output, map.data + at, map.len - at < 100 ? map.len - at : 100);
            if (!err)
                err = elc_output_flush(&output);
        }
        _exit(err ? 1 : 0);
    }
    return fifo;
}

/* ---- what comes out ---- */

static uint64_t number_of(const struct elc_example *example) {
    return ((const uint32_t *)(const void *)example->ids.data)[1] - 5;
}

static void expect_text(const struct elc_example *example, uint64_t number) {
    uint32_t ids[LENGTH];
    make_text(ids, number);
    size_t n = text_length(number);
    assert_int_equal(example->n, n);
    assert_int_equal(example->ids.len, n * sizeof *ids);
    assert_memory_equal(example->ids.data, ids, n * sizeof *ids);
    assert_int_equal(example->types.len, number % 2 == 1 ? n * sizeof *ids : 0);
    const uint32_t *types = (const uint32_t *)(const void *)example->types.data;
    for (size_t i = 0; number % 2 == 1 && i < n; i++)
        assert_int_equal(types[i], i > n / 2);
}

static struct elc_examples *opened(char *path, enum elc_examples_order order, uint64_t seed) {
    struct elc_examples *examples;
    if (elc_examples_open(&examples, &path, 1, order, seed, false) != 0)
        fail_msg("%s", elc_error());
    return examples;
}

static void examples_come_in_order_epoch_after_epoch(void **state) {
    enum { N = 40 };
    const struct elc_header header = tokens_header();
    char *path = put_stream(*state, "a", &header, 0, N, -1);
    struct elc_examples *examples = opened(path, ELC_IN_ORDER, 1);
    struct elc_example example = {0};
    uint64_t counts[VOCAB] = {0};
    assert_int_equal(elc_examples_count(examples), N);
    assert_string_equal(elc_examples_name(examples), path);
    assert_false(elc_examples_shuffled(examples));
    assert_int_equal(elc_examples_header(examples)->max_length, LENGTH);
    for (uint64_t i = 0; i < 3 * N; i++) {
        assert_int_equal(elc_examples_get(examples, i, &example), 1);
        expect_text(&example, i % N);
        assert_int_equal(example.epoch, i / N);
        assert_false(example.has_masks);
    }
    assert_int_equal(elc_examples_get(examples, 17, &example), 1); /* in any order */
    expect_text(&example, 17);
    for (uint64_t i = 0; i < N; i++) {
        uint32_t ids[LENGTH];
        make_text(ids, i);
        for (size_t k = 0; k < text_length(i); k++)
            counts[ids[k]]++;
    }
    assert_memory_equal(elc_examples_frequencies(examples), counts, sizeof counts);
    elc_example_free(&example);
    elc_examples_close(examples);
    elc_examples_close(NULL);
    free(path);
}

static void order_of_epoch(uint64_t *order, size_t n, struct elc_examples *examples,
                           uint64_t epoch) {
    struct elc_example example = {0};
    for (uint64_t i = 0; i < n; i++) {
        assert_int_equal(elc_examples_get(examples, epoch * n + i, &example), 1);
        order[i] = number_of(&example);
        expect_text(&example, order[i]);
    }
    elc_example_free(&example);
}

static void each_epoch_shows_everything_in_an_order_of_its_own(void **state) {
    enum { N = 101 };
    const struct elc_header header = tokens_header();
    char *path = put_stream(*state, "a", &header, 0, N, -1);
    struct elc_examples *examples = opened(path, ELC_SHUFFLED, 1);
    assert_true(elc_examples_shuffled(examples));
    uint64_t orders[3][N], again[N];
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        unsigned seen[N] = {0};
        order_of_epoch(orders[epoch], N, examples, epoch);
        for (size_t i = 0; i < N; i++)
            seen[orders[epoch][i]]++;
        for (size_t i = 0; i < N; i++)
            assert_int_equal(seen[i], 1);
    }
    assert_memory_not_equal(orders[0], orders[1], sizeof orders[0]);
    assert_memory_not_equal(orders[1], orders[2], sizeof orders[0]);
    order_of_epoch(again, N, examples, 1);
    assert_memory_equal(again, orders[1], sizeof again);
    elc_examples_close(examples);

    examples = opened(path, ELC_SHUFFLED, 1);
    order_of_epoch(again, N, examples, 2);
    assert_memory_equal(again, orders[2], sizeof again);
    elc_examples_close(examples);
    examples = opened(path, ELC_SHUFFLED, 2);
    order_of_epoch(again, N, examples, 2);
    assert_memory_not_equal(again, orders[2], sizeof again);
    elc_examples_close(examples);
    free(path);
}

static void operands_and_segments_are_one_input(void **state) {
    const struct elc_header header = tokens_header();
    char *paths[] = {put_stream(*state, "a", &header, 0, 20, -1),
                     put_stream(*state, "b", &header, 20, 1, -1),
                     put_stream(*state, "c", &header, 21, 30, -1)};
    char *joined = elc_path_join(*state, "joined");
    struct elc_output output;
    assert_int_equal(elc_output_open(&output, joined), 0);
    for (size_t i = 0; i < 3; i++) {
        struct elc_map map;
        assert_int_equal(elc_map_open(&map, paths[i]), 0);
        assert_int_equal(elc_output_write(&output, map.data, map.len), 0);
        elc_map_close(&map);
    }
    assert_int_equal(elc_output_commit(&output), 0);
    struct elc_examples *examples, *of_one = opened(joined, ELC_IN_ORDER, 1);
    assert_int_equal(elc_examples_open(&examples, paths, 3, ELC_IN_ORDER, 1, false), 0);
    struct elc_example example = {0};
    assert_int_equal(elc_examples_count(examples), 51);
    assert_int_equal(elc_examples_count(of_one), 51);
    for (uint64_t i = 0; i < 51; i++) {
        assert_int_equal(elc_examples_get(examples, i, &example), 1);
        expect_text(&example, i);
        assert_int_equal(elc_examples_get(of_one, i, &example), 1);
        expect_text(&example, i);
    }
    assert_true(elc_examples_digest(examples) == elc_examples_digest(of_one));
    elc_example_free(&example);
    elc_examples_close(examples);
    elc_examples_close(of_one);
    for (size_t i = 0; i < 3; i++)
        free(paths[i]);
    free(joined);
}

static void a_pipe_is_spooled_for_several_epochs(void **state) {
    const struct elc_header header = tokens_header();
    char *path = put_stream(*state, "a", &header, 0, 40, -1);
    pid_t child;
    char *fifo = feed(*state, path, &child);
    struct elc_examples *piped = opened(fifo, ELC_SHUFFLED, 1);
    struct elc_examples *examples = opened(path, ELC_SHUFFLED, 1);
    uint64_t a[40], b[40];
    order_of_epoch(a, 40, examples, 1);
    order_of_epoch(b, 40, piped, 1);
    assert_memory_equal(a, b, sizeof a);
    assert_true(elc_examples_digest(examples) == elc_examples_digest(piped));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    elc_examples_close(examples);
    elc_examples_close(piped);
    free(fifo);
    free(path);
}

/* Reads a live input up to `end` examples and returns the digest there. */
static uint64_t read_live(const char *directory, const char *path, uint64_t first, uint64_t end) {
    pid_t child;
    char *fifo = feed(directory, path, &child);
    struct elc_examples *examples = opened(fifo, ELC_LIVE, 1);
    struct elc_example example = {0};
    assert_int_equal(elc_examples_count(examples), 0);
    assert_null(elc_examples_frequencies(examples));
    for (uint64_t i = first; i < end; i++) {
        assert_int_equal(elc_examples_get(examples, i, &example), 1);
        expect_text(&example, i);
        assert_int_equal(example.epoch, 0);
    }
    uint64_t digest = elc_examples_digest(examples);
    elc_example_free(&example);
    elc_examples_close(examples);
    waitpid(child, NULL, 0); /* it may have been ended by SIGPIPE */
    free(fifo);
    return digest;
}

static void a_live_pipe_is_read_once_in_its_order(void **state) {
    const struct elc_header header = tokens_header();
    char *path = elc_path_join(*state, "a");
    struct elc_output output;
    assert_int_equal(elc_output_open(&output, path), 0);
    write_segment(&output, &header, 0, 40, -1);
    write_segment(&output, &header, 40, 20, -1);
    assert_int_equal(elc_output_commit(&output), 0);
    pid_t child;
    char *fifo = feed(*state, path, &child);
    struct elc_examples *examples = opened(fifo, ELC_LIVE, 1);
    struct elc_example example = {0};
    for (uint64_t i = 0; i < 60; i++) {
        assert_int_equal(elc_examples_get(examples, i, &example), 1);
        expect_text(&example, i);
    }
    for (int again = 0; again < 3; again++)
        assert_int_equal(elc_examples_get(examples, 60, &example), 0);
    elc_example_free(&example);
    elc_examples_close(examples);
    assert_int_equal(waitpid(child, NULL, 0), child);
    free(fifo);
    free(path);
}

/* A run that was stopped after any example goes on with the next, and knows its input again. */
static void a_live_pipe_is_known_again_wherever_one_stopped(void **state) {
    const struct elc_header header = tokens_header();
    char *path = put_stream(*state, "a", &header, 0, 40, -1);
    char *other = put_stream(*state, "b", &header, 1, 40, -1);
    for (uint64_t stop = 1; stop <= 40; stop += stop % 3 + 1) {
        uint64_t digest = read_live(*state, path, 0, stop);
        assert_true(read_live(*state, path, stop - 1, stop) == digest);
        pid_t child;
        char *fifo = feed(*state, other, &child);
        struct elc_examples *examples = opened(fifo, ELC_LIVE, 1);
        struct elc_example example = {0};
        assert_int_equal(elc_examples_get(examples, stop - 1, &example), 1);
        assert_false(elc_examples_digest(examples) == digest);
        elc_example_free(&example);
        elc_examples_close(examples);
        waitpid(child, NULL, 0);
        free(fifo);
    }
    free(path);
    free(other);
}

static void recorded_masks_are_those_that_would_be_drawn(void **state) {
    enum { N = 30 };
    const struct elc_header header = tokens_header();
    const struct elc_mask_options options = {.mask_prob = 0.15, .max_length = LENGTH, .seed = 1};
    char *path = put_stream(*state, "a", &header, 0, N, 5);
    struct elc_examples *examples = opened(path, ELC_IN_ORDER, 1);
    struct elc_example example = {0};
    struct elc_masks masks = {0};
    uint64_t n_kept = 0, n_of_mask = elc_examples_frequencies(examples)[MASK];
    assert_int_equal(elc_examples_header(examples)->kind, ELC_CORRUPTED);
    for (uint64_t i = 0; i < N; i++) {
        assert_int_equal(elc_examples_get(examples, i, &example), 1);
        expect_text(&example, i);
        assert_true(example.has_masks);
        assert_false(example.has_replacements);
        const uint32_t *ids = (const uint32_t *)(const void *)example.ids.data;
        assert_int_equal(elc_mask(&masks, ids, example.n, &header.vocab, &options, 5), 0);
        assert_int_equal(example.masks.n, masks.n);
        assert_memory_equal(example.masks.positions, masks.positions,
                            masks.n * sizeof *masks.positions);
        assert_memory_equal(example.masks.keep, masks.keep, masks.n);
        for (size_t k = 0; k < masks.n; k++)
            n_kept += masks.keep[k];
    }
    assert_true(n_kept > 0);        /* else nothing was shown about them */
    assert_int_equal(n_of_mask, 0); /* frequencies are of the text before masking */
    elc_masks_free(&masks);
    elc_example_free(&example);
    elc_examples_close(examples);
    free(path);
}

/* ---- what is refused ---- */

static void expect_refusal(char *const *paths, size_t n, int code, const char *says) {
    for (enum elc_examples_order order = ELC_IN_ORDER; order <= ELC_LIVE; order++) {
        struct elc_examples *examples = NULL;
        int err = elc_examples_open(&examples, paths, n, order, 1, false);
        if (order == ELC_LIVE && !err) { /* shows up when it is reached */
            struct elc_example example = {0};
            int got = 1;
            for (uint64_t i = 0; got > 0; i++)
                got = elc_examples_get(examples, i, &example);
            err = got;
            elc_example_free(&example);
            elc_examples_close(examples);
        }
        if (err != code)
            fail_msg("%d: %s", err, elc_error());
        assert_says(says);
    }
}

static void inputs_that_do_not_belong_together_are_refused(void **state) {
    struct elc_header header = tokens_header();
    char *a = put_stream(*state, "a", &header, 0, 9, -1);
    char *masked = put_stream(*state, "masked", &header, 0, 9, 0);
    memset(header.vocab.xxh3, 'f', 32);
    char *other = put_stream(*state, "other", &header, 0, 9, -1);
    header = tokens_header();
    header.max_length = 64;
    char *longer = put_stream(*state, "longer", &header, 0, 9, -1);
    header = tokens_header();
    header.kind = ELC_SCORES;
    char *scores = put_stream(*state, "scores", &header, 0, 9, -1);
    expect_refusal((char *[]){a, masked}, 2, ELC_EMISMATCH, masked);
    expect_refusal((char *[]){a, other}, 2, ELC_EMISMATCH, other);
    expect_refusal((char *[]){a, longer}, 2, ELC_EMISMATCH, longer);
    assert_says("up to 64 tokens");
    expect_refusal((char *[]){scores}, 1, ELC_EMISMATCH, "scores");
    free(a);
    free(masked);
    free(other);
    free(longer);
    free(scores);
}

static void broken_inputs_are_refused(void **state) {
    struct elc_header header = tokens_header();
    char *a = put_stream(*state, "a", &header, 0, 30, -1);
    char *cut = elc_path_join(*state, "cut"), *absent = elc_path_join(*state, "absent");
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, a), 0);
    assert_int_equal(elc_file_write(cut, map.data, map.len - 5), 0);
    elc_map_close(&map);
    expect_refusal((char *[]){cut}, 1, ELC_ETRUNCATED, cut);
    expect_refusal((char *[]){absent}, 1, ELC_EIO, absent);
    scratch_write(cut, "");
    expect_refusal((char *[]){cut}, 1, ELC_EFORMAT, "empty");
    expect_refusal((char *[]){*state}, 1, ELC_EIO, "Is a directory");
    free(a);
    free(cut);
    free(absent);
}

static void records_that_cannot_be_trained_on_are_found_at_once(void **state) {
    struct elc_header header = tokens_header(), masked = tokens_header();
    assert_int_equal(elc_corrupt_header(&masked, &(struct elc_corruption){.mask_prob = 0.15}, 0),
                     0);
    const uint32_t many[LENGTH + 1] = {0};
    const struct {
        const struct elc_header *header;
        const char *says;
        uint32_t n, ids[4], n_masked, positions[3], n_original, original[3];
        uint32_t n_replaced, replaced[4];
    } cases[] = {
        {&header, "0 tokens", 0},
        {&header, "33 tokens", LENGTH + 1},
        {&header, "id 500", 3, {CLS, 500, SEP}},
        {&masked, "'masked' is missing", 3, {CLS, 7, SEP}},
        {&masked, "in the text", 3, {CLS, MASK, SEP}, 1, {3}, 1, {7}},
        {&masked, "ascending", 4, {CLS, MASK, MASK, SEP}, 2, {2, 1}, 2, {7, 8}},
        {&masked, "ascending", 4, {CLS, MASK, MASK, SEP}, 2, {1, 1}, 2, {7, 8}},
        {&masked, "disagree in length", 4, {CLS, MASK, MASK, SEP}, 2, {1, 2}, 1, {7}},
        {&masked, "id 501", 3, {CLS, MASK, SEP}, 1, {1}, 1, {501}},
        {&masked, "neither [MASK] nor its own", 3, {CLS, 8, SEP}, 1, {1}, 1, {7}},
        {&masked, "id 500", 3, {CLS, 500, SEP}, 1, {1}, 1, {7}, 3, {0, 1, 0}},
        {&masked, "id 500", 3, {CLS, 500, SEP}, .n_replaced = 3, .replaced = {0, 1, 0}},
        {&masked, "id 501", 3, {CLS, 8, SEP}, 1, {1}, 1, {501}, 3, {0, 1, 0}},
        {&masked, "'replaced' has 2 numbers", 3, {CLS, 8, SEP}, 1, {1}, 1, {7}, 2, {0, 1}},
        {&masked, "other than 0 and 1", 3, {CLS, 8, SEP}, .n_replaced = 3, .replaced = {0, 2, 0}},
        {&masked, "position 1: 'replaced' says 0", 3, {CLS, 8, SEP}, 1, {1}, 1, {7}, 3, {0, 0, 0}},
        {&masked, "position 1: 'replaced' says 1", 3, {CLS, 7, SEP}, 1, {1}, 1, {7}, 3, {0, 1, 0}},
        {&masked, "position 2: 'replaced' says 1", 3, {CLS, 8, SEP}, 1, {1}, 1, {7}, 3, {0, 1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct elc_builder builder = {0};
        assert_int_equal(elc_builder_uint(&builder, "id", 1), 0);
        assert_int_equal(elc_builder_numbers(&builder, "ids", cases[i].n > 4 ? many : cases[i].ids,
                                             cases[i].n, 2),
                         0);
        if (cases[i].n_masked > 0) {
            assert_int_equal(
                elc_builder_numbers(&builder, "masked", cases[i].positions, cases[i].n_masked, 2),
                0);
            assert_int_equal(elc_builder_numbers(&builder, "original", cases[i].original,
                                                 cases[i].n_original, 2),
                             0);
        }
        if (cases[i].n_replaced > 0)
            assert_int_equal(elc_builder_numbers(&builder, "replaced", cases[i].replaced,
                                                 cases[i].n_replaced, 1),
                             0);
        char *path = put_record(*state, cases[i].header, &builder);
        expect_refusal((char *[]){path}, 1, ELC_EFORMAT, cases[i].says);
        assert_says(": record 1: ");
        free(path);
    }
    elc_header_free(&masked);
}

/* Replacements come with the tokens that were there, or, from whoever does not know them, without:
 * then it was some other token. */
static void replacements_are_read_with_and_without_originals(void **state) {
    const uint32_t ids[] = {CLS, 8, 9, MASK, SEP}, replaced[] = {0, 1, 0, 1, 0};
    const uint32_t positions[] = {1, 2, 3}, original[] = {7, 9, 10};
    struct elc_header header = tokens_header();
    assert_int_equal(elc_corrupt_header(&header, &(struct elc_corruption){.mask_prob = 0.15}, 0),
                     0);
    for (int known = 0; known < 2; known++) {
        struct elc_builder builder = {0};
        struct elc_example example = {0};
        assert_int_equal(elc_builder_uint(&builder, "id", 1), 0);
        assert_int_equal(elc_builder_numbers(&builder, "ids", ids, 5, 2), 0);
        assert_int_equal(elc_builder_numbers(&builder, "replaced", replaced, 5, 1), 0);
        if (known) {
            assert_int_equal(elc_builder_numbers(&builder, "masked", positions, 3, 2), 0);
            assert_int_equal(elc_builder_numbers(&builder, "original", original, 3, 2), 0);
        }
        char *path = put_record(*state, &header, &builder);
        struct elc_examples *examples = opened(path, ELC_IN_ORDER, 1);
        assert_int_equal(elc_examples_content(examples), ELC_CONTENT_REPLACED);
        assert_int_equal(elc_examples_get(examples, 0, &example), 1);
        assert_true(example.has_masks && example.has_replacements);
        assert_int_equal(example.masks.n, known ? 3 : 2);
        uint32_t shown[5];
        memcpy(shown, example.ids.data, sizeof shown);
        for (size_t i = 0; i < example.masks.n; i++) {
            const uint32_t at = example.masks.positions[i];
            const uint32_t put = ((uint32_t *)(void *)example.replacements.data)[i];
            assert_int_equal(put, ids[at]);
            assert_int_equal(put != shown[at], replaced[at]);
            shown[at] = put;
        }
        assert_memory_equal(shown, ids, sizeof shown);
        elc_example_free(&example);
        elc_examples_close(examples);
        free(path);
    }
    elc_header_free(&header);
}

static void without_records_there_is_nothing_to_get(void **state) {
    const struct elc_header header = tokens_header();
    char *path = put_stream(*state, "a", &header, 0, 0, -1);
    struct elc_examples *examples = opened(path, ELC_SHUFFLED, 1);
    struct elc_example example = {0};
    assert_int_equal(elc_examples_count(examples), 0);
    assert_int_equal(elc_examples_get(examples, 0, &example), ELC_EFORMAT);
    assert_says("no records");
    elc_example_free(&example);
    elc_examples_close(examples);
    free(path);
}

#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make_scratch, drop_scratch)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(examples_come_in_order_epoch_after_epoch),
        WITH_SCRATCH(each_epoch_shows_everything_in_an_order_of_its_own),
        WITH_SCRATCH(operands_and_segments_are_one_input),
        WITH_SCRATCH(a_pipe_is_spooled_for_several_epochs),
        WITH_SCRATCH(a_live_pipe_is_read_once_in_its_order),
        WITH_SCRATCH(a_live_pipe_is_known_again_wherever_one_stopped),
        WITH_SCRATCH(recorded_masks_are_those_that_would_be_drawn),
        WITH_SCRATCH(inputs_that_do_not_belong_together_are_refused),
        WITH_SCRATCH(broken_inputs_are_refused),
        WITH_SCRATCH(records_that_cannot_be_trained_on_are_found_at_once),
        WITH_SCRATCH(replacements_are_read_with_and_without_originals),
        WITH_SCRATCH(without_records_there_is_nothing_to_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
