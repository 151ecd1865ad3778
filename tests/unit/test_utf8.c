/* UTF-8: what is valid, and how the rest is repaired. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "electra/utf8.h"

static void only_well_formed_sequences_are_valid(void **state) {
    (void)state;
    static const char *const valid[] = {
        "",
        "a",
        "\x7F",
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "abcdefghijklmnop\xC3\xA9",
    };
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
        assert_int_equal(elc_utf8_valid(valid[i], strlen(valid[i])), strlen(valid[i]));
    static const char *const invalid[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC2",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xE2\x82",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xFE",
        "\xFF",
    };
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        char text[32] = "0123456789";
        strcat(text, invalid[i]);
        strcat(text, "z");
        assert_int_equal(elc_utf8_valid(text, strlen(text)), 10);
    }
}

static void check_repair(const char *text, size_t len, const char *expected, long long n) {
    struct elc_buffer clean = {0};
    assert_int_equal(elc_utf8_clean(&clean, text, len), n);
    assert_int_equal(clean.len, strlen(expected));
    if (clean.len > 0)
        assert_memory_equal(clean.data, expected, clean.len);
    elc_buffer_free(&clean);
}

#define REPAIR(text, expected, n) check_repair(text, sizeof(text) - 1, expected, n)
#define R "\xEF\xBF\xBD"

static void maximal_subparts_are_replaced(void **state) {
    (void)state;
    REPAIR("", "", 0);
    REPAIR("\xC3\xA9", "\xC3\xA9", 0);
    /* The examples of the Unicode Standard 15, tables 3-8 to 3-11. */
    REPAIR("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", R R R R R R R R "A", 8);
    REPAIR("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", R R R R R R R R "A", 8);
    REPAIR("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", R R R R R "A" R R "B", 7);
    REPAIR("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", R R R R "A", 4);
    REPAIR("a\xF0\x9F\x98", "a" R, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_well_formed_sequences_are_valid),
        cmocka_unit_test(maximal_subparts_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
