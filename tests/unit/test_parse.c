/* Numbers in text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "electra/parse.h"

static void whole_numbers_are_read_strictly(void **state) {
    (void)state;
    uint64_t value;
    assert_int_equal(elc_parse_uint(&value, "0", 0, 10), 0);
    assert_true(value == 0);
    assert_int_equal(elc_parse_uint(&value, "007", 0, 10), 0);
    assert_true(value == 7);
    assert_int_equal(elc_parse_uint(&value, "18446744073709551615", 0, UINT64_MAX), 0);
    assert_true(value == UINT64_MAX);
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "+1",
                                      "-1",
                                      "1.0",
                                      "1e3",
                                      "0x10",
                                      "12x",
                                      "1k",
                                      "1_0",
                                      "١",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(elc_parse_uint(&value, bad[i], 0, UINT64_MAX), ELC_EINVAL);
        assert_non_null(strstr(elc_error(), "is not a whole number"));
    }
    assert_int_equal(elc_parse_uint(&value, "513", 1, 512), ELC_EINVAL);
    assert_string_equal(elc_error(), "'513' is not in 1 … 512");
    assert_int_equal(elc_parse_uint(&value, "0", 1, UINT64_MAX), ELC_EINVAL);
    assert_string_equal(elc_error(), "'0' is below 1");
}

static void real_numbers_are_read_strictly(void **state) {
    (void)state;
    double value;
    const struct {
        const char *text;
        double value;
    } good[] = {{"0.15", 0.15}, {"1e-3", 1e-3}, {".5", 0.5}, {"5.", 5}, {"-2", -2}, {"+1E2", 100}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(elc_parse_real(&value, good[i].text, -1000, 1000), 0);
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",      " 1",    "1 ",  "nan",     "inf", "-inf",
                                      "0x1p3", "1e999", "1,5", "--1",     "1e",  "e5",
                                      ".",     "1.2.3", "+-1", "INFINITY"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(elc_parse_real(&value, bad[i], -1e300, 1e300), ELC_EINVAL);
    assert_int_equal(elc_parse_real(&value, "1.5", 0, 1), ELC_EINVAL);
    assert_string_equal(elc_error(), "'1.5' is not in 0 … 1");
}

static void sizes_have_suffixes(void **state) {
    (void)state;
    uint64_t bytes;
    const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},        {"17", 17},         {"1k", 1024},
                {"3M", 3 << 20}, {"4G", 4ull << 30}, {"17179869183G", 17179869183ull << 30}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(elc_parse_size(&bytes, good[i].text, 0, UINT64_MAX), 0);
        assert_true(bytes == good[i].bytes);
    }
    static const char *const bad[] = {"",    "k",  "1K",   "1m", "1g",           "1kB",
                                      "1 k", "-1", "1.5M", "M1", "17179869184G", "1T"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(elc_parse_size(&bytes, bad[i], 0, UINT64_MAX), ELC_EINVAL);
    assert_int_equal(elc_parse_size(&bytes, "2k", 0, 2047), ELC_EINVAL);
    assert_string_equal(elc_error(), "'2k' is not in 0 … 2047");
}

static void shards_are_one_of_n(void **state) {
    (void)state;
    uint64_t k, n;
    assert_int_equal(elc_parse_shard(&k, &n, "3/8"), 0);
    assert_true(k == 3 && n == 8);
    assert_int_equal(elc_parse_shard(&k, &n, "1/1"), 0);
    static const char *const bad[] = {"",    "3",    "/8",  "3/",   "0/8",  "9/8",
                                      "0/0", "3/8/", "a/8", "3 /8", "-1/8", "3/-8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(elc_parse_shard(&k, &n, bad[i]), ELC_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_read_strictly),
        cmocka_unit_test(real_numbers_are_read_strictly),
        cmocka_unit_test(sizes_have_suffixes),
        cmocka_unit_test(shards_are_one_of_n),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
