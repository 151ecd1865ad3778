/* Containers inside records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "electra/items.h"

/* {"id": 1, "label": ["a", 2, {"x": "y"}, []], "text": "t"} */
static const char bytes[] = "\x83\xa2id\x01\xa5label\x94\xa1"
                            "a\x02\x81\xa1x\xa1y\x90\xa4text\xa1t";

static void read_record(struct elc_record *record) {
    const struct elc_buffer payload = {(uint8_t *)(uintptr_t)bytes, sizeof bytes - 1, 0};
    size_t position = 0;
    assert_int_equal(elc_record_next(record, &payload, &position), 1);
}

static void elements_come_in_order(void **state) {
    (void)state;
    struct elc_record record, inner;
    struct elc_items items;
    struct elc_field item;
    read_record(&record);
    assert_int_equal(elc_record_array(&record, "label", &items), 1);
    assert_int_equal(items.count, 4);
    assert_int_equal(elc_items_next(&items, &item), 1);
    assert_int_equal(item.type, ELC_STR);
    assert_memory_equal(item.as.bytes.data, "a", 1);
    assert_int_equal(elc_field_record(&inner, &item), ELC_EFORMAT);
    assert_int_equal(elc_items_next(&items, &item), 1);
    assert_int_equal(item.type, ELC_UINT);
    assert_int_equal(item.as.uint, 2);
    assert_int_equal(elc_items_next(&items, &item), 1);
    assert_int_equal(elc_field_record(&inner, &item), 0);
    const char *text;
    size_t len;
    assert_int_equal(elc_record_str(&inner, "x", &text, &len), 1);
    assert_int_equal(len, 1);
    assert_int_equal(text[0], 'y');
    assert_int_equal(elc_items_next(&items, &item), 1);
    assert_int_equal(item.type, ELC_ARRAY);
    struct elc_items none = elc_field_items(&item);
    assert_int_equal(elc_items_next(&none, &item), 0);
    assert_int_equal(elc_items_next(&items, &item), 0);
    assert_int_equal(elc_items_next(&items, &item), 0);
}

static void what_is_no_array_is_refused(void **state) {
    (void)state;
    struct elc_record record;
    struct elc_items items;
    read_record(&record);
    assert_int_equal(elc_record_array(&record, "nothing", &items), 0);
    assert_int_equal(elc_record_array(&record, "text", &items), ELC_EFORMAT);
    assert_string_equal(elc_error(), "key 'text' is not an array");
}

/* The window of a record whose key 'window' is these numbers; 0 elements: that has none. */
static int read_window(const uint64_t *numbers, size_t n, uint64_t *k, uint64_t *n_windows) {
    struct elc_builder builder = {0};
    struct elc_record record;
    assert_int_equal(elc_builder_uint(&builder, "id", 1), 0);
    if (n > 0)
        assert_int_equal(elc_builder_array(&builder, "window", n), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(elc_builder_element_uint(&builder, numbers[i]), 0);
    assert_int_equal(elc_builder_finish(&builder), 0);
    size_t position = 0;
    assert_int_equal(elc_record_next(&record, &builder.record, &position), 1);
    int err = elc_record_window(&record, k, n_windows);
    elc_builder_free(&builder);
    return err;
}

static void windows_count_from_one(void **state) {
    (void)state;
    uint64_t k, n;
    assert_int_equal(read_window(NULL, 0, &k, &n), 0);
    assert_true(k == 1 && n == 1);
    assert_int_equal(read_window((const uint64_t[]){2, 3}, 2, &k, &n), 0);
    assert_true(k == 2 && n == 3);
    static const uint64_t bad[][3] = {{0, 3}, {4, 3}, {1, 2, 3}};
    assert_int_equal(read_window(bad[0], 2, &k, &n), ELC_EFORMAT);
    assert_int_equal(read_window(bad[1], 2, &k, &n), ELC_EFORMAT);
    assert_int_equal(read_window(bad[2], 3, &k, &n), ELC_EFORMAT);
    assert_int_equal(read_window(bad[2], 1, &k, &n), ELC_EFORMAT);
    assert_string_equal(elc_error(), "key 'window' is not [k, n], the k-th of n windows");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_in_order),
        cmocka_unit_test(what_is_no_array_is_refused),
        cmocka_unit_test(windows_count_from_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
