/* Records that are written as a group share a block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "electra/record.h"
#include "electra/stream.h"
#include "scratch.h"

enum { TEXT = 100000, GROUPS = 20, IN_GROUP = 3 };

static const struct elc_header header = {
    .kind = ELC_TOKENS,
    .id_width = 2,
    .max_length = 128,
    .vocab = {.size = 9, .xxh3 = "00112233445566778899aabbccddeeff", .unk = 1, .cls = 2, .sep = 3},
};

/* A record, then three that belong together, and so on. */
static void write_groups(const char *path) {
    struct elc_output output;
    struct elc_writer writer = {0};
    struct elc_builder builder = {0};
    struct elc_buffer group = {0};
    char *text = calloc(1, TEXT);
    assert_int_equal(elc_builder_uint(&builder, "id", 1), 0);
    assert_int_equal(elc_builder_str(&builder, "text", text, TEXT), 0);
    assert_int_equal(elc_builder_finish(&builder), 0);
    const struct elc_buffer *record = &builder.record;
    for (int i = 0; i < IN_GROUP; i++)
        assert_int_equal(elc_buffer_append(&group, record->data, record->len), 0);
    assert_int_equal(elc_output_open(&output, path), 0);
    assert_int_equal(elc_writer_header(&writer, &output, &header), 0);
    for (int i = 0; i < GROUPS; i++) {
        assert_int_equal(elc_writer_record(&writer, record->data, record->len), 0);
        assert_int_equal(elc_writer_group(&writer, group.data, group.len, IN_GROUP), 0);
    }
    assert_int_equal(elc_writer_group(&writer, group.data, (size_t)ELC_BLOCK_LIMIT + 1, 9),
                     ELC_ELIMIT);
    assert_int_equal(elc_writer_end(&writer), 0);
    assert_int_equal(elc_output_commit(&output), 0);
    elc_writer_free(&writer);
    elc_builder_free(&builder);
    elc_buffer_free(&group);
    free(text);
}

static void a_group_shares_a_block(void **state) {
    (void)state;
    struct elc_reader *reader;
    struct elc_block block = {0};
    uint64_t n_blocks = 0;
    int event;
    char *directory = scratch_new(), *path = elc_path_join(directory, "groups.els");
    write_groups(path);
    assert_int_equal(elc_reader_new(&reader, &path, 1, false), 0);
    while ((event = elc_reader_next(reader, &block)) > 0) {
        n_blocks += event == ELC_BLOCK;
        if (event == ELC_BLOCK) /* closed behind the group that brings it past the limit */
            assert_int_equal(block.count, 1 + IN_GROUP);
    }
    assert_int_equal(event, ELC_END);
    assert_int_equal(n_blocks, GROUPS);
    elc_reader_destroy(reader);
    elc_buffer_free(&block.payload);
    free(path);
    scratch_delete(directory);
}

/* Groups of many sizes, handed over `at_a_time`; 0: by elc_writer_group. */
static void write_sizes(const char *path, size_t at_a_time) {
    enum { N = 150, LARGEST = 90000 };
    struct elc_output output;
    struct elc_writer writer = {0};
    struct elc_group groups[N];
    struct elc_buffer all = {.data = malloc((size_t)N * LARGEST)};
    assert_non_null(all.data);
    for (size_t i = 0; i < N; i++) {
        groups[i] = (struct elc_group){.len = i % 7 ? i * i * 31 % 5000 : i * 7919 % LARGEST,
                                       .count = i % 3};
        memset(all.data + all.len, (int)i, groups[i].len);
        all.len += groups[i].len;
    }
    assert_int_equal(elc_output_open(&output, path), 0);
    assert_int_equal(elc_writer_header(&writer, &output, &header), 0);
    struct elc_buffer rest = all;
    for (size_t i = 0, n; i < N; i += n) {
        n = at_a_time == 0 ? 1 : at_a_time < N - i ? at_a_time : N - i;
        if (at_a_time == 0)
            assert_int_equal(elc_writer_group(&writer, rest.data, groups[i].len, groups[i].count),
                             0);
        else
            assert_int_equal(elc_writer_groups(&writer, &rest, groups + i, n), 0);
        for (size_t k = i; k < i + n; k++)
            rest.data += groups[k].len;
    }
    assert_int_equal(elc_writer_end(&writer), 0);
    assert_int_equal(elc_output_commit(&output), 0);
    elc_writer_free(&writer);
    free(all.data);
}

static void blocks_do_not_depend_on_how_groups_come(void **state) {
    (void)state;
    char *directory = scratch_new(), *path = elc_path_join(directory, "groups.els");
    struct elc_map expected, found;
    write_sizes(path, 0);
    assert_int_equal(elc_map_open(&expected, path), 0);
    for (size_t n = 1; n <= 150; n += n < 10 ? 1 : 35) {
        write_sizes(path, n);
        assert_int_equal(elc_map_open(&found, path), 0);
        assert_int_equal(found.len, expected.len);
        assert_memory_equal(found.data, expected.data, found.len);
        elc_map_close(&found);
    }
    elc_map_close(&expected);
    free(path);
    scratch_delete(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_shares_a_block),
        cmocka_unit_test(blocks_do_not_depend_on_how_groups_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
