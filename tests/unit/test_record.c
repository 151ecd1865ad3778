/* Records: what is built is read back, and accessors refuse what is not as they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "electra/record.h"

static void assert_says(const char *text) {
    if (!strstr(elc_error(), text))
        fail_msg("\"%s\" does not say \"%s\"", elc_error(), text);
}

static const uint32_t *numbers_of(const struct elc_buffer *buffer) {
    return (const uint32_t *)(const void *)buffer->data;
}

/* id 7, text, three ids of 2 bytes, a double, a bool, bytes, offsets of 4 bytes. */
static void build(struct elc_builder *builder) {
    static const uint32_t ids[] = {2, 65535, 3}, offsets[] = {0, 4294967295};
    elc_builder_reset(builder);
    assert_int_equal(elc_builder_uint(builder, "id", 7), 0);
    assert_int_equal(elc_builder_str(builder, "text", "a\0b", 3), 0);
    assert_int_equal(elc_builder_numbers(builder, "ids", ids, 3, 2), 0);
    assert_int_equal(elc_builder_double(builder, "label", -0.5), 0);
    assert_int_equal(elc_builder_bool(builder, "impossible", true), 0);
    assert_int_equal(elc_builder_bin(builder, "blob", "\0\377", 2), 0);
    assert_int_equal(elc_builder_numbers(builder, "offsets", offsets, 2, 4), 0);
    assert_int_equal(elc_builder_finish(builder), 0);
}

static void test_bytes(void **state) {
    (void)state;
    static const char expected[] = "\x87\xa2id\x07\xa4text\xa3"
                                   "a\0b\xa3ids\xc4\x06\x02\0\xff\xff\x03\0\xa5label\xcb\xbf\xe0\0"
                                   "\0\0\0\0\0\xaaimpossible\xc3\xa4"
                                   "blob\xc4\x02\0\xff\xa7offsets\xc4\x08\0\0\0\0\xff\xff\xff\xff";
    struct elc_builder builder = {0};
    build(&builder);
    assert_int_equal(builder.record.len, sizeof expected - 1);
    assert_memory_equal(builder.record.data, expected, sizeof expected - 1);
    build(&builder); /* the same again after a reset */
    assert_int_equal(builder.record.len, sizeof expected - 1);
    elc_builder_free(&builder);
    elc_builder_free(&builder);
}

/* Nothing may be NULL, in any width. */
static void test_no_numbers(void **state) {
    (void)state;
    struct elc_builder builder = {0};
    assert_int_equal(elc_builder_numbers(&builder, "a", NULL, 0, 1), 0);
    assert_int_equal(elc_builder_numbers(&builder, "b", NULL, 0, 2), 0);
    assert_int_equal(elc_builder_numbers(&builder, "c", NULL, 0, 4), 0);
    assert_int_equal(elc_builder_finish(&builder), 0);
    assert_int_equal(builder.record.len, 1 + 3 * 4);
    assert_memory_equal(builder.record.data,
                        "\x83\xa1"
                        "a\xc4\0\xa1"
                        "b\xc4\0\xa1"
                        "c\xc4\0",
                        13);
    elc_builder_free(&builder);
}

static void test_containers(void **state) {
    (void)state;
    static const char expected[] = "\x83\xa2id\x01\xa4span\x92\x03\xcd\x01\0\xa7"
                                   "answers\x91\x82\xa4text\xa1x\xa5start\0";
    struct elc_builder builder = {0}, more = {0};
    assert_int_equal(elc_builder_uint(&builder, "id", 1), 0);
    assert_int_equal(elc_builder_array(&builder, "span", 2), 0);
    assert_int_equal(elc_builder_element_uint(&builder, 3), 0);
    assert_int_equal(elc_builder_element_uint(&builder, 256), 0);
    assert_int_equal(elc_builder_array(&more, "answers", 1), 0);
    assert_int_equal(elc_builder_element_map(&more, 2), 0);
    assert_int_equal(elc_builder_element_str(&more, "text", 4), 0);
    assert_int_equal(elc_builder_element_str(&more, "x", 1), 0);
    assert_int_equal(elc_builder_element_str(&more, "start", 5), 0);
    assert_int_equal(elc_builder_element_uint(&more, 0), 0);
    assert_int_equal(elc_builder_append(&builder, &more), 0);
    assert_int_equal(elc_builder_finish(&builder), 0);
    assert_int_equal(builder.record.len, sizeof expected - 1);
    assert_memory_equal(builder.record.data, expected, sizeof expected - 1);
    for (int i = 3; i < ELC_FIELDS_LIMIT; i++)
        assert_int_equal(elc_builder_append(&builder, &more), 0);
    assert_int_equal(elc_builder_append(&builder, &more), ELC_ELIMIT);
    elc_builder_free(&builder);
    elc_builder_free(&more);
}

static void test_read_back(void **state) {
    (void)state;
    struct elc_builder builder = {0};
    struct elc_record record;
    struct elc_buffer numbers = {0};
    size_t position = 0, len;
    uint64_t id;
    const char *text;
    const uint8_t *bytes;
    build(&builder);
    assert_int_equal(elc_record_next(&record, &builder.record, &position), 1);
    assert_int_equal(record.n_fields, 7);
    assert_int_equal(record.raw_len, builder.record.len);
    assert_int_equal(elc_record_uint(&record, "id", &id), 1);
    assert_int_equal(id, 7);
    assert_int_equal(elc_record_str(&record, "text", &text, &len), 1);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 3);
    assert_int_equal(elc_record_bin(&record, "blob", &bytes, &len), 1);
    assert_int_equal(len, 2);
    assert_int_equal(elc_record_ids(&record, "ids", 2, 65536, &numbers), 0);
    assert_int_equal(numbers.len, 3 * sizeof(uint32_t));
    assert_int_equal(numbers_of(&numbers)[1], 65535);
    assert_int_equal(elc_record_numbers(&record, "offsets", 4, 2, &numbers), 1);
    assert_int_equal(numbers_of(&numbers)[1], 4294967295);
    assert_int_equal(elc_record_numbers(&record, "ids", 1, 6, &numbers), 1);
    assert_int_equal(numbers_of(&numbers)[2], 255);
    const struct elc_field *label = elc_record_find(&record, "label");
    assert_non_null(label);
    assert_int_equal(label->type, ELC_REAL);
    assert_true(label->as.real == -0.5);
    assert_int_equal(elc_record_find(&record, "impossible")->type, ELC_BOOL);
    assert_true(elc_record_find(&record, "impossible")->as.boolean);
    assert_int_equal(elc_record_next(&record, &builder.record, &position), 0);
    elc_buffer_free(&numbers);
    elc_builder_free(&builder);
}

static void test_wrong(void **state) {
    (void)state;
    struct elc_builder builder = {0};
    struct elc_record record;
    struct elc_buffer numbers = {0};
    size_t position = 0, len = 99;
    uint64_t id = 99;
    const char *text = NULL;
    const uint8_t *bytes = NULL;
    build(&builder);
    assert_int_equal(elc_record_next(&record, &builder.record, &position), 1);
    assert_int_equal(elc_record_uint(&record, "cut", &id), 0);
    assert_int_equal(id, 99);
    assert_int_equal(elc_record_uint(&record, "text", &id), ELC_EFORMAT);
    assert_says("key 'text' is not a whole number");
    assert_int_equal(elc_record_str(&record, "i", &text, &len), 0);
    assert_null(text);
    assert_int_equal(elc_record_str(&record, "blob", &text, &len), ELC_EFORMAT);
    assert_says("key 'blob' is not a string");
    assert_int_equal(elc_record_bin(&record, "text", &bytes, &len), ELC_EFORMAT);
    assert_says("key 'text' is not binary data");
    assert_int_equal(elc_record_ids(&record, "ids", 2, 65535, &numbers), ELC_EFORMAT);
    assert_says("key 'ids' has id 65535 where the vocabulary has 65535 tokens");
    assert_int_equal(elc_record_ids(&record, "original", 2, 65536, &numbers), ELC_EFORMAT);
    assert_says("key 'original' is missing");
    assert_int_equal(elc_record_ids(&record, "ids", 4, 65536, &numbers), ELC_EFORMAT);
    assert_says("key 'ids' has 6 bytes, no multiple of 4");
    assert_int_equal(elc_record_numbers(&record, "offsets", 4, 3, &numbers), ELC_EFORMAT);
    assert_says("key 'offsets' has 2 numbers where 3 belong");
    assert_int_equal(elc_record_numbers(&record, "types", 1, 3, &numbers), 0);
    elc_buffer_free(&numbers);
    elc_builder_free(&builder);
}

/* Every kind of scalar and container, at the limits of each encoding. */
static void test_types(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum elc_type type;
        int64_t value; /* or the number of bytes or elements */
    } values[] = {
        {"\xc0", 1, ELC_NIL, 0},
        {"\xc2", 1, ELC_BOOL, 0},
        {"\x7f", 1, ELC_UINT, 127},
        {"\xcc\xff", 2, ELC_UINT, 255},
        {"\xcd\xff\xff", 3, ELC_UINT, 65535},
        {"\xce\xff\xff\xff\xff", 5, ELC_UINT, 4294967295},
        {"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, ELC_UINT, INT64_MAX},
        {"\xd0\x05", 2, ELC_UINT, 5}, /* a signed encoding of what is not negative */
        {"\xd3\0\0\0\0\0\0\0\1", 9, ELC_UINT, 1},
        {"\xe0", 1, ELC_INT, -32},
        {"\xd0\x80", 2, ELC_INT, -128},
        {"\xd3\x80\0\0\0\0\0\0\0", 9, ELC_INT, INT64_MIN},
        {"\xca\x3f\x80\0\0", 5, ELC_REAL, 1},
        {"\xcb\x3f\xf0\0\0\0\0\0\0", 9, ELC_REAL, 1},
        {"\xa0", 1, ELC_STR, 0},
        {"\xd9\x01x", 3, ELC_STR, 1},
        {"\xda\0\1x", 4, ELC_STR, 1},
        {"\xdb\0\0\0\1x", 6, ELC_STR, 1},
        {"\xc5\0\2xy", 5, ELC_BIN, 2},
        {"\xc6\0\0\0\2xy", 7, ELC_BIN, 2},
        {"\xd4\5x", 3, ELC_EXT, 2},
        {"\xc7\2\5xy", 5, ELC_EXT, 3},
        {"\x90", 1, ELC_ARRAY, 0},
        {"\x92\1\2", 3, ELC_ARRAY, 2},
        {"\xdc\0\1\1", 4, ELC_ARRAY, 1},
        {"\x81\1\2", 3, ELC_MAP, 1},
        {"\xdf\0\0\0\1\1\2", 7, ELC_MAP, 1},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct elc_builder builder = {0};
        struct elc_record record;
        size_t position = 0;
        struct elc_field field = {.key = "x",
                                  .key_len = 1,
                                  .raw = (const uint8_t *)values[i].bytes,
                                  .raw_len = values[i].len};
        assert_int_equal(elc_builder_field(&builder, &field), 0);
        assert_int_equal(elc_builder_finish(&builder), 0);
        assert_int_equal(elc_record_next(&record, &builder.record, &position), 1);
        const struct elc_field *read = elc_record_find(&record, "x");
        assert_non_null(read);
        assert_int_equal(read->type, values[i].type);
        assert_int_equal(read->raw_len, values[i].len);
        switch (read->type) {
        case ELC_UINT:
            assert_int_equal(read->as.uint, values[i].value);
            break;
        case ELC_INT:
            assert_int_equal(read->as.sint, values[i].value);
            break;
        case ELC_REAL:
            assert_true(read->as.real == (double)values[i].value);
            break;
        case ELC_STR:
        case ELC_BIN:
        case ELC_EXT:
            assert_int_equal(read->as.bytes.len, values[i].value);
            break;
        case ELC_ARRAY:
        case ELC_MAP:
            assert_int_equal(read->as.count, values[i].value);
            break;
        default:
            break;
        }
        elc_builder_free(&builder);
    }
}

static void test_walk(void **state) {
    (void)state;
    struct elc_buffer payload = {0};
    struct elc_record record;
    const uint8_t *raw;
    size_t position = 0, len;
    assert_int_equal(elc_buffer_append(&payload, "\x81\xa2id\x01\x81\xa2id\x02\x81\xa2i", 13), 0);
    assert_int_equal(elc_record_next_raw(&raw, &len, &payload, &position), 1);
    assert_int_equal(len, 5);
    assert_int_equal(elc_record_next(&record, &payload, &position), 1);
    assert_int_equal(elc_record_find(&record, "id")->as.uint, 2);
    assert_int_equal(elc_record_next(&record, &payload, &position), ELC_EFORMAT);
    assert_int_equal(elc_record_next_raw(&raw, &len, &payload, &position), ELC_EFORMAT);
    elc_buffer_free(&payload);
}

static void test_too_many_fields(void **state) {
    (void)state;
    struct elc_builder builder = {0};
    char key[8];
    for (unsigned i = 0; i < ELC_FIELDS_LIMIT; i++) {
        (void)snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(elc_builder_uint(&builder, key, i), 0);
    }
    assert_int_equal(elc_builder_uint(&builder, "more", 0), ELC_ELIMIT);
    elc_builder_free(&builder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),           cmocka_unit_test(test_containers),
        cmocka_unit_test(test_read_back),       cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_types),           cmocka_unit_test(test_walk),
        cmocka_unit_test(test_too_many_fields), cmocka_unit_test(test_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
