/* Validation and repair of UTF-8.
 *
 * A sequence is what table 3-7 of the Unicode Standard allows: no surrogates, nothing above
 * U+10FFFF, no longer form of what a shorter one says. Repair is the standard's "substitution of
 * maximal subparts" (section 3.9), which is also what Python, Rust and WHATWG decoders do.
 */
#include "electra/utf8.h"

#include <string.h>

/* Length of the well-formed sequence at `s`, or 0; `*bad` is then the length of the maximal
 * subpart to replace. Looks at no more than `len` bytes, len ≥ 1. */
static size_t sequence_length(const uint8_t *s, size_t len, size_t *bad) {
    *bad = 1;
    uint8_t low = 0x80, high = 0xBF; /* bounds of the second byte */
    size_t needed;
    if (s[0] < 0x80) {
        return 1;
    } else if (s[0] < 0xC2) {
        return 0;
    } else if (s[0] < 0xE0) {
        needed = 2;
    } else if (s[0] < 0xF0) {
        needed = 3;
        low = s[0] == 0xE0 ? 0xA0 : 0x80;
        high = s[0] == 0xED ? 0x9F : 0xBF;
    } else if (s[0] < 0xF5) {
        needed = 4;
        low = s[0] == 0xF0 ? 0x90 : 0x80;
        high = s[0] == 0xF4 ? 0x8F : 0xBF;
    } else {
        return 0;
    }
    for (size_t i = 1; i < needed; i++) {
        if (i == len || s[i] < low || s[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xBF;
    }
    return needed;
}

/* Length of the ASCII that `s` begins with. */
static size_t ascii_length(const uint8_t *s, size_t len) {
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    size_t i = 0;
    for (; i + 32 <= len; i += 32) {
        uint64_t words[4];
        memcpy(words, s + i, sizeof words);
        if ((words[0] | words[1] | words[2] | words[3]) & high_bits)
            break;
    }
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, s + i, 8);
        if (word & high_bits)
            break;
    }
    while (i < len && s[i] < 0x80)
        i++;
    return i;
}

size_t elc_utf8_valid(const char *text, size_t len) {
    const uint8_t *s = (const uint8_t *)text;
    size_t i = 0;
    while (i < len) {
        size_t bad, n;
        if (s[i] < 0x80)
            i += ascii_length(s + i, len - i);
        if (i == len)
            break;
        n = sequence_length(s + i, len - i, &bad);
        if (n == 0)
            return i;
        i += n;
    }
    return len;
}

long long elc_utf8_clean(struct elc_buffer *clean, const char *text, size_t len) {
    static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
    long long n_replaced = 0;
    for (size_t i = 0; i < len;) {
        size_t valid = elc_utf8_valid(text + i, len - i);
        int rc = elc_buffer_append(clean, text + i, valid);
        if (rc < 0)
            return rc;
        i += valid;
        if (i == len)
            break;
        size_t bad;
        sequence_length((const uint8_t *)text + i, len - i, &bad);
        rc = elc_buffer_append(clean, replacement, sizeof replacement - 1);
        if (rc < 0)
            return rc;
        i += bad;
        n_replaced++;
    }
    return n_replaced;
}
