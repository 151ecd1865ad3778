/* Truncation of pairs and sliding windows, against their definitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "electra/windows.h"

enum { LARGEST = 24 };

/* google-research/electra: one token at a time off the longer, off the second on ties. */
static void pop(size_t *n1, size_t *n2, size_t room) {
    while (*n1 + *n2 > room)
        --*(*n1 > *n2 ? n1 : n2);
}

/* Hugging Face tokenizers, utils/truncation.rs. */
static void size_at_once(size_t *n1, size_t *n2, size_t room) {
    bool swap = *n1 > *n2;
    size_t shorter = swap ? *n2 : *n1, longer = swap ? *n1 : *n2;
    if (shorter + longer <= room)
        return;
    if (shorter > room)
        longer = shorter;
    else
        longer = shorter > room - shorter ? shorter : room - shorter;
    if (shorter + longer > room) {
        shorter = room / 2;
        longer = shorter + room % 2;
    }
    *n1 = swap ? longer : shorter;
    *n2 = swap ? shorter : longer;
}

static void longest_first_as_either_reference(void **state) {
    (void)state;
    for (size_t room = 2; room < LARGEST; room++)
        for (size_t a = 0; a < LARGEST; a++)
            for (size_t b = 0; b < LARGEST; b++)
                for (int google = 0; google < 2; google++) {
                    size_t n1 = a, n2 = b, expected1 = a, expected2 = b;
                    (google ? pop : size_at_once)(&expected1, &expected2, room);
                    assert_int_equal(elc_truncate_pair(&n1, &n2, room, ELC_LONGEST_FIRST, google),
                                     0);
                    assert_int_equal(n1, expected1);
                    assert_int_equal(n2, expected2);
                }
}

static void only_one_text_is_cut(void **state) {
    (void)state;
    size_t n1 = 30, n2 = 5;
    assert_int_equal(elc_truncate_pair(&n1, &n2, 20, ELC_ONLY_FIRST, false), 0);
    assert_int_equal(n1, 15);
    assert_int_equal(n2, 5);
    n1 = 30;
    assert_int_equal(elc_truncate_pair(&n1, &n2, 20, ELC_ONLY_SECOND, false), ELC_ELIMIT);
    n1 = 19;
    assert_int_equal(elc_truncate_pair(&n1, &n2, 20, ELC_ONLY_SECOND, false), 0);
    assert_int_equal(n2, 1);
}

/* Hugging Face tokenizers, tokenizer/encoding.rs: starts a step apart until one reaches the end. */
static void windows_slide_to_the_end(void **state) {
    (void)state;
    for (size_t room = 1; room < LARGEST; room++)
        for (size_t overlap = 0; overlap < room; overlap++)
            for (size_t n = 0; n < 3 * LARGEST; n++) {
                const struct elc_windows windows = {.n = n, .room = room, .overlap = overlap};
                size_t count = 0, start = 0, stop;
                do {
                    size_t first, end;
                    stop = start + room < n ? start + room : n;
                    elc_windows_range(&windows, count++, &first, &end);
                    assert_int_equal(first, start);
                    assert_int_equal(end, stop);
                    start += room - overlap;
                } while (stop < n);
                assert_int_equal(elc_windows_count(&windows), count);
            }
}

/* google-research/bert, run_squad.py, _check_is_max_context. */
static size_t best_window(const struct elc_windows *windows, size_t token) {
    double best_score = -1;
    size_t best = 0;
    for (size_t k = 0; k < elc_windows_count(windows); k++) {
        size_t first, end;
        elc_windows_range(windows, k, &first, &end);
        if (token < first || token >= end)
            continue;
        size_t left = token - first, right = end - 1 - token;
        double score = (double)(left < right ? left : right) + 0.01 * (double)(end - first);
        if (score > best_score) {
            best_score = score;
            best = k;
        }
    }
    return best;
}

static void check_best(size_t room, size_t overlap, size_t n) {
    const struct elc_windows windows = {.n = n, .room = room, .overlap = overlap};
    for (size_t token = 0; token < n; token++)
        assert_int_equal(elc_windows_best(&windows, token), best_window(&windows, token));
}

static void the_best_window_has_the_most_context(void **state) {
    (void)state;
    for (size_t room = 1; room < LARGEST; room++)
        for (size_t overlap = 0; overlap < room; overlap++)
            for (size_t n = 1; n < 3 * LARGEST; n++)
                check_best(room, overlap, n);
    /* where the last window's length weighs as much as tokens of context */
    for (size_t overlap = 0; overlap < 1000; overlap += 53)
        for (size_t n = 1001; n < 4000; n += 97)
            check_best(1000, overlap, n);
}

/* A text of 26 letters, out of windows that begin at these bytes. */
static int join(struct elc_buffer *whole, const size_t *starts, size_t n, size_t len) {
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    int err = 0;
    whole->len = 0;
    for (size_t i = 0; !err && i < n; i++)
        err = elc_windows_join(whole, text + starts[i], starts[i] + len > 26 ? 26 - starts[i] : len,
                               starts[i]);
    return err;
}

static void windows_make_the_whole_again(void **state) {
    (void)state;
    struct elc_buffer whole = {0};
    const size_t overlapping[] = {0, 4, 8, 8, 12, 16, 20, 24}, apart[] = {1, 12, 22};
    assert_int_equal(join(&whole, overlapping, 8, 6), 0);
    assert_int_equal(whole.len, 26);
    assert_memory_equal(whole.data, "abcdefghijklmnopqrstuvwxyz", 26);
    assert_int_equal(join(&whole, apart, 3, 9), 0);
    assert_int_equal(whole.len, 26);
    assert_memory_equal(whole.data, " bcdefghij  mnopqrstu wxyz", 26);
    assert_int_equal(elc_windows_join(&whole, "a", 1, 3), 0); /* what is known stays */
    assert_int_equal(whole.len, 26);
    assert_int_equal(elc_windows_join(&whole, "a", 1, 26 + (1 << 16) + 1), ELC_EFORMAT);
    assert_int_equal(elc_windows_join(&whole, "a", 1, UINT64_MAX), ELC_EFORMAT);
    whole.len = 0;
    int err = 0;
    for (uint64_t at = 0; !err; at += 1 << 16) /* spaces alone do not fill the memory */
        err = elc_windows_join(&whole, "", 0, at);
    assert_int_equal(err, ELC_EFORMAT);
    assert_true(whole.len <= 64 * 1024 * 1024);
    elc_buffer_free(&whole);
}

static void windows_stand_in_order(void **state) {
    (void)state;
    struct elc_window_order order = {0};
    const uint8_t ids[] = {1, 2};
    const struct elc_field one = {.raw = ids, .raw_len = 1}, two = {.raw = ids + 1, .raw_len = 1};
    assert_int_equal(elc_windows_end(&order), 0);
    assert_int_equal(elc_windows_follow(&order, 1, 1, &one), 0);
    assert_true(elc_windows_done(&order));
    assert_int_equal(elc_windows_follow(&order, 2, 2, &one), ELC_EFORMAT);
    assert_string_equal(elc_error(), "window 2 stands where window 1 belongs");
    assert_int_equal(elc_windows_follow(&order, 1, 3, &one), 0);
    assert_false(elc_windows_done(&order));
    assert_int_equal(elc_windows_end(&order), ELC_EFORMAT);
    assert_string_equal(elc_error(), "windows of this text are missing");
    assert_int_equal(elc_windows_follow(&order, 1, 3, &one), ELC_EFORMAT);
    assert_int_equal(elc_windows_follow(&order, 2, 4, &one), ELC_EFORMAT);
    assert_string_equal(elc_error(), "a window of 4 stands where one of 3 belongs");
    assert_int_equal(elc_windows_follow(&order, 2, 3, &two), ELC_EFORMAT);
    assert_string_equal(elc_error(), "window 2 is of another text");
    assert_int_equal(elc_windows_follow(&order, 2, 3, NULL), ELC_EFORMAT);
    assert_int_equal(elc_windows_follow(&order, 2, 3, &one), 0);
    assert_int_equal(elc_windows_follow(&order, 3, 3, &one), 0);
    assert_int_equal(elc_windows_end(&order), 0);
    assert_int_equal(elc_windows_follow(&order, 1, 2, NULL), 0);
    assert_int_equal(elc_windows_follow(&order, 2, 2, NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_first_as_either_reference),
        cmocka_unit_test(only_one_text_is_cut),
        cmocka_unit_test(windows_slide_to_the_end),
        cmocka_unit_test(windows_stand_in_order),
        cmocka_unit_test(the_best_window_has_the_most_context),
        cmocka_unit_test(windows_make_the_whole_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
