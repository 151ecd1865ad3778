/* Buffers, arenas, growing arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"

static void buffers_grow(void **state) {
    (void)state;
    struct elc_buffer buffer = {0};
    for (int i = 0; i < 10000; i++)
        assert_int_equal(elc_buffer_append(&buffer, "abc", 3), 0);
    assert_int_equal(buffer.len, 30000);
    for (size_t i = 0; i < buffer.len; i++)
        assert_int_equal(buffer.data[i], "abc"[i % 3]);
    assert_int_equal(elc_buffer_append(&buffer, NULL, 0), 0);
    assert_int_equal(elc_buffer_reserve(&buffer, 12345), 0);
    assert_true(buffer.capacity - buffer.len >= 12345);
    assert_int_equal(buffer.len, 30000);
    elc_buffer_free(&buffer);
    elc_buffer_free(&buffer);
    assert_null(buffer.data);
}

static void formatted_text_of_any_length_is_appended(void **state) {
    (void)state;
    struct elc_buffer buffer = {0};
    char text[1000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(elc_buffer_printf(&buffer, "%d-%s", 5, "x"), 0);
    for (size_t len = 120; len < 136; len++) /* around the size of the small buffer inside */
        assert_int_equal(elc_buffer_printf(&buffer, "%.*s", (int)len, text), 0);
    assert_int_equal(elc_buffer_printf(&buffer, "%s", text), 0);
    assert_memory_equal(buffer.data, "5-x", 3);
    assert_int_equal(buffer.len, 3 + (120 + 135) * 16 / 2 + 999);
    for (size_t i = 3; i < buffer.len; i++)
        assert_int_equal(buffer.data[i], 'y');
    elc_buffer_free(&buffer);
}

static void sizes_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct elc_buffer buffer = {0};
    assert_int_equal(elc_buffer_append(&buffer, "x", 1), 0);
    uint8_t *before = buffer.data;
    assert_int_equal(elc_buffer_reserve(&buffer, SIZE_MAX), ELC_ENOMEM);
    assert_int_equal(elc_buffer_reserve(&buffer, SIZE_MAX / 2), ELC_ENOMEM);
    assert_ptr_equal(buffer.data, before);
    assert_int_equal(buffer.len, 1);
    elc_buffer_free(&buffer);

    uint64_t *array = NULL;
    size_t capacity = 0;
    assert_int_equal(elc_grow(&array, &capacity, SIZE_MAX / 8 + 2, sizeof *array), ELC_ENOMEM);
    assert_null(array);
    assert_int_equal(capacity, 0);

    struct elc_arena arena = {0};
    assert_null(elc_arena_alloc(&arena, SIZE_MAX));
    assert_null(elc_arena_text(&arena, "x", SIZE_MAX));
    assert_null(elc_calloc_aligned(SIZE_MAX / 4, 8));
    elc_arena_free(&arena);

    size_t product;
    assert_true(elc_size_product(&product, 1 << 16, 1 << 15));
    assert_int_equal(product, (size_t)1 << 31);
    assert_true(elc_size_product(&product, 0, SIZE_MAX));
    assert_false(elc_size_product(&product, SIZE_MAX / 2, 3));
}

static void arrays_keep_their_items(void **state) {
    (void)state;
    uint32_t *array = NULL;
    size_t capacity = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        assert_int_equal(elc_grow(&array, &capacity, i + 1, sizeof *array), 0);
        assert_true(capacity > i);
        array[i] = i;
    }
    assert_true(capacity < 3 * 5000);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(array[i], i);
    free(array);
}

static void arena_memory_is_aligned_and_stays(void **state) {
    (void)state;
    enum { N = 3000 };
    struct elc_arena arena = {0};
    unsigned char *pieces[N];
    for (size_t i = 0; i < N; i++) {
        size_t len = i % 100 == 99 ? 100000 : i % 61;
        pieces[i] = elc_arena_alloc(&arena, len);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i % 251), len);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0, len = i % 100 == 99 ? 100000 : i % 61; k < len; k++)
            if (pieces[i][k] != i % 251)
                fail_msg("piece %zu was overwritten at %zu", i, k);
    char *text = elc_arena_text(&arena, "hello world", 5);
    assert_string_equal(text, "hello");
    assert_memory_equal(elc_arena_copy(&arena, "a\0b", 3), "a\0b", 3);
    assert_non_null(elc_arena_copy(&arena, NULL, 0));
    elc_arena_free(&arena);
    elc_arena_free(&arena);
    assert_null(arena.chunks);
}

static void aligned_memory_is_zero(void **state) {
    (void)state;
    for (size_t n = 0; n < 300; n += 7) {
        unsigned char *bytes = elc_calloc_aligned(n, 3);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % 64, 0);
        for (size_t i = 0; i < 3 * n; i++)
            assert_int_equal(bytes[i], 0);
        memset(bytes, 0xff, 3 * n); /* so that the next one, taken from here, has to be cleared */
        free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_grow),
        cmocka_unit_test(formatted_text_of_any_length_is_appended),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
        cmocka_unit_test(arrays_keep_their_items),
        cmocka_unit_test(arena_memory_is_aligned_and_stays),
        cmocka_unit_test(aligned_memory_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
