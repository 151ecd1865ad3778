/* Bytes many at a time against bytes one at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "../../lib/text/ascii.h"

/* Every byte at every place of a block. */
static void each_byte_is_of_one_class(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        for (int at = 0; at < ASCII_BLOCK; at++) {
            char text[ASCII_BLOCK];
            memset(text, '\0', sizeof text);
            text[at] = (char)byte;
            const struct ascii_block block = ascii_classify(text);
            const uint64_t bit = UINT64_C(1) << at;
            const bool ascii = byte < 0x80;
            assert_int_equal(block.letters, ascii && isalnum(byte) ? bit : 0);
            assert_int_equal(block.marks, ascii && ispunct(byte) && byte != '[' ? bit : 0);
            assert_int_equal(block.spaces, byte != 0 && strchr(" \t\n\r", byte) ? bit : 0);
        }
    }
}

static void neighbours_do_not_matter(void **state) {
    (void)state;
    char text[ASCII_BLOCK];
    for (int first = 0; first < 256; first++) {
        struct ascii_block expected = {0};
        for (int i = 0; i < ASCII_BLOCK; i++) {
            const int byte = (first + 37 * i) & 0xFF;
            char alone[ASCII_BLOCK] = {0};
            text[i] = alone[i] = (char)byte;
            const struct ascii_block one = ascii_classify(alone);
            expected.letters |= one.letters;
            expected.marks |= one.marks;
            expected.spaces |= one.spaces;
        }
        const struct ascii_block block = ascii_classify(text);
        assert_memory_equal(&block, &expected, sizeof block);
    }
}

static void a_key_is_the_first_bytes_and_zeros(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[ASCII_KEY], expected[ASCII_KEY];
        for (size_t len = 0; len <= ASCII_KEY; len++) {
            uint64_t key[2];
            memset(text, byte, sizeof text);
            memset(expected, 0, sizeof expected);
            memset(expected, byte, len);
            ascii_key(key, text, len, false);
            assert_memory_equal(key, expected, sizeof key);
            memset(expected, byte < 0x80 ? tolower(byte) : byte, len);
            ascii_key(key, text, len, true);
            assert_memory_equal(key, expected, sizeof key);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_is_of_one_class),
        cmocka_unit_test(neighbours_do_not_matter),
        cmocka_unit_test(a_key_is_the_first_bytes_and_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
