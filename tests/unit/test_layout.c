/* The records of tokens streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "electra/layout.h"

static const struct elc_vocab_id vocab = {
    .size = 30522, .pad = 0, .unk = 100, .cls = 101, .sep = 102, .mask = 103};

static void read_back(struct elc_record *record, struct elc_builder *builder) {
    assert_int_equal(elc_builder_finish(builder), 0);
    size_t position = 0;
    if (elc_record_next(record, &builder->record, &position) != 1)
        fail_msg("%s", elc_error());
}

static void check_numbers(const struct elc_record *record, const char *key, unsigned width,
                          const uint32_t *expected, size_t n) {
    struct elc_buffer numbers = {0};
    assert_int_equal(elc_record_numbers(record, key, width, n, &numbers), 1);
    assert_memory_equal(numbers.data, expected, n * sizeof *expected);
    elc_buffer_free(&numbers);
}

static uint32_t ids[] = {1000, 2000}, words[] = {0, 1};
static struct elc_range ranges[] = {{1, 3}, {4, 6}};
static const struct elc_encoding encoding = {
    .ids = ids, .ranges = ranges, .words = words, .n = 2, .cut = 7};

/* The record of all tokens of a text. */
static int one_text(struct elc_builder *builder, struct elc_layout *layout, uint64_t id,
                    const char *text, const struct elc_encoding *tokens) {
    const struct elc_layout_record record = {
        .id = {.number = id},
        .text = {.encoding = tokens, .text = text, .n = tokens->n},
        .cut = tokens->cut,
    };
    return elc_layout_record(builder, layout, &record);
}

static void a_text_stands_between_cls_and_sep(void **state) {
    (void)state;
    struct elc_layout layout = {.vocab = &vocab, .text = true};
    struct elc_builder builder = {0};
    struct elc_record record;
    assert_int_equal(one_text(&builder, &layout, 5, " ab cd and more", &encoding), 0);
    read_back(&record, &builder);
    uint64_t number;
    const char *text;
    size_t len;
    assert_int_equal(elc_record_uint(&record, "id", &number), 1);
    assert_int_equal(number, 5);
    assert_int_equal(elc_record_uint(&record, "cut", &number), 1);
    assert_int_equal(number, 7);
    assert_int_equal(elc_record_str(&record, "text", &text, &len), 1);
    assert_int_equal(len, 6); /* up to the last token */
    assert_memory_equal(text, " ab cd", 6);
    check_numbers(&record, "ids", 2, (const uint32_t[]){101, 1000, 2000, 102}, 4);
    check_numbers(&record, "offsets", 4, (const uint32_t[]){0, 0, 1, 3, 4, 6, 0, 0}, 8);
    check_numbers(&record, "words", 4, (const uint32_t[]){UINT32_MAX, 0, 1, UINT32_MAX}, 4);
    assert_null(elc_record_find(&record, "types"));
    elc_builder_free(&builder);
}

static void keys_can_be_left_out(void **state) {
    (void)state;
    struct elc_layout layout = {.vocab = &vocab};
    struct elc_builder builder = {0};
    struct elc_record record;
    struct elc_encoding whole = encoding;
    whole.cut = 0;
    assert_int_equal(one_text(&builder, &layout, 1, " ab cd", &whole), 0);
    read_back(&record, &builder);
    assert_int_equal(record.n_fields, 2);
    layout.words = true;
    assert_int_equal(one_text(&builder, &layout, 1, " ab cd", &whole), 0);
    read_back(&record, &builder);
    assert_int_equal(record.n_fields, 3);
    assert_non_null(elc_record_find(&record, "words"));
    elc_builder_free(&builder);
}

static void a_pair_has_types_and_its_own_bytes(void **state) {
    (void)state;
    struct elc_layout layout = {.vocab = &vocab, .text = true};
    struct elc_builder builder = {0};
    struct elc_record record;
    const char *text;
    size_t len;
    const struct elc_layout_record pair = {
        .id = {.text = "x7", .len = 2},
        .text = {.encoding = &encoding, .text = " ab cd", .n = 1},
        .pair = {.encoding = &encoding, .text = " ef gh", .n = 2},
    };
    assert_int_equal(elc_layout_record(&builder, &layout, &pair), 0);
    read_back(&record, &builder);
    assert_int_equal(elc_record_str(&record, "id", &text, &len), 1);
    assert_memory_equal(text, "x7", 2);
    check_numbers(&record, "ids", 2, (const uint32_t[]){101, 1000, 102, 1000, 2000, 102}, 6);
    check_numbers(&record, "types", 1, (const uint32_t[]){0, 0, 0, 1, 1, 1}, 6);
    check_numbers(&record, "offsets", 4, (const uint32_t[]){0, 0, 1, 3, 0, 0, 1, 3, 4, 6, 0, 0},
                  12);
    check_numbers(&record, "words", 4,
                  (const uint32_t[]){UINT32_MAX, 0, UINT32_MAX, 0, 1, UINT32_MAX}, 6);
    assert_int_equal(elc_record_str(&record, "text", &text, &len), 1);
    assert_int_equal(len, 3);
    assert_int_equal(elc_record_str(&record, "pair", &text, &len), 1);
    assert_int_equal(len, 6);
    elc_builder_free(&builder);
}

static void a_window_counts_from_its_first_byte(void **state) {
    (void)state;
    struct elc_layout layout = {.vocab = &vocab, .text = true};
    struct elc_builder builder = {0}, extra = {0};
    struct elc_record record;
    const char *text;
    size_t len;
    uint64_t number;
    assert_int_equal(elc_builder_bool(&extra, "impossible", true), 0);
    const struct elc_layout_record window = {
        .id = {.number = 1},
        .text = {.encoding = &encoding, .text = " ab cd", .n = 1},
        .pair = {.encoding = &encoding, .text = " ef gh", .first = 1, .n = 1},
        .window = 2,
        .n_windows = 2,
        .windowed_pair = true,
        .best = (const uint32_t[]){1},
        .has_span = true,
        .span = {3, 3},
        .extra = &extra,
    };
    assert_int_equal(elc_layout_record(&builder, &layout, &window), 0);
    read_back(&record, &builder);
    check_numbers(&record, "ids", 2, (const uint32_t[]){101, 1000, 102, 2000, 102}, 5);
    check_numbers(&record, "offsets", 4, (const uint32_t[]){0, 0, 1, 3, 0, 0, 0, 2, 0, 0}, 10);
    check_numbers(&record, "best", 1, (const uint32_t[]){0, 0, 0, 1, 0}, 5);
    assert_int_equal(elc_record_str(&record, "pair", &text, &len), 1);
    assert_int_equal(len, 2);
    assert_memory_equal(text, "gh", 2);
    assert_int_equal(elc_record_uint(&record, "pair_start", &number), 1);
    assert_int_equal(number, 4);
    assert_non_null(elc_record_find(&record, "window"));
    assert_non_null(elc_record_find(&record, "span"));
    assert_non_null(elc_record_find(&record, "impossible"));
    elc_builder_free(&builder);
    elc_builder_free(&extra);
}

static void an_empty_text_is_a_record(void **state) {
    (void)state;
    struct elc_layout layout = {.vocab = &vocab, .text = true};
    struct elc_builder builder = {0};
    struct elc_record record;
    const struct elc_encoding empty = {0};
    const char *text;
    size_t len;
    assert_int_equal(one_text(&builder, &layout, 1, "  ", &empty), 0);
    read_back(&record, &builder);
    check_numbers(&record, "ids", 2, (const uint32_t[]){101, 102}, 2);
    assert_int_equal(elc_record_str(&record, "text", &text, &len), 1);
    assert_int_equal(len, 0);
    elc_builder_free(&builder);
}

static void a_rejected_line_keeps_its_place(void **state) {
    (void)state;
    struct elc_layout layout = {.vocab = &vocab, .text = true};
    struct elc_builder builder = {0};
    struct elc_record record;
    const char *text;
    size_t len;
    const struct elc_layout_id id = {.number = 3};
    assert_int_equal(elc_layout_rejected(&builder, &layout, &id, "why"), 0);
    read_back(&record, &builder);
    check_numbers(&record, "ids", 2, (const uint32_t[]){101, 102}, 2);
    assert_int_equal(elc_record_str(&record, "error", &text, &len), 1);
    assert_memory_equal(text, "why", 3);
    assert_null(elc_record_find(&record, "text"));
    elc_builder_free(&builder);
}

static void large_vocabularies_have_wide_ids(void **state) {
    (void)state;
    assert_int_equal(elc_id_width(65535), 2);
    assert_int_equal(elc_id_width(65536), 4);
    struct elc_vocab_id large = vocab;
    large.size = 100000;
    struct elc_layout layout = {.vocab = &large};
    struct elc_builder builder = {0};
    struct elc_record record;
    assert_int_equal(one_text(&builder, &layout, 1, " ab cd", &encoding), 0);
    read_back(&record, &builder);
    check_numbers(&record, "ids", 4, (const uint32_t[]){101, 1000, 2000, 102}, 4);
    elc_builder_free(&builder);
}

static void an_example_has_types_when_it_is_a_pair(void **state) {
    (void)state;
    struct elc_layout layout = {.vocab = &vocab, .words = true};
    struct elc_builder builder = {0};
    struct elc_record record;
    const uint32_t pair[] = {101, 7, 102, 8, 102}, types[] = {0, 0, 0, 1, 1};
    const uint32_t numbers[] = {UINT32_MAX, 0, UINT32_MAX, 1, UINT32_MAX};
    struct elc_packed example = {
        .ids = pair, .words = numbers, .types = types, .n = 5, .pair = true};
    assert_int_equal(elc_layout_example(&builder, &layout, 9, &example), 0);
    read_back(&record, &builder);
    assert_int_equal(record.n_fields, 4);
    check_numbers(&record, "types", 1, types, 5);
    check_numbers(&record, "words", 4, numbers, 5);
    example.pair = false;
    layout.words = false;
    assert_int_equal(elc_layout_example(&builder, &layout, 9, &example), 0);
    read_back(&record, &builder);
    assert_int_equal(record.n_fields, 2);
    elc_builder_free(&builder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_stands_between_cls_and_sep),
        cmocka_unit_test(keys_can_be_left_out),
        cmocka_unit_test(a_pair_has_types_and_its_own_bytes),
        cmocka_unit_test(a_window_counts_from_its_first_byte),
        cmocka_unit_test(an_empty_text_is_a_record),
        cmocka_unit_test(a_rejected_line_keeps_its_place),
        cmocka_unit_test(large_vocabularies_have_wide_ids),
        cmocka_unit_test(an_example_has_types_when_it_is_a_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
