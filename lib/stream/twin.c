/* Keys with arrays of numbers, and base64. */
#include "twin.h"

#include <string.h>

static const struct {
    const char *key;
    enum elc_numbers numbers;
} keys[] = {
    {"ids", ELC_IDS},         {"original", ELC_IDS},   {"types", ELC_BYTES},
    {"best", ELC_BYTES},      {"replaced", ELC_BYTES}, {"masked", ELC_POSITIONS},
    {"offsets", ELC_OFFSETS}, {"words", ELC_WORDS},
};

enum elc_numbers elc_twin_numbers(const char *key, size_t len) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strlen(keys[i].key) == len && memcmp(keys[i].key, key, len) == 0)
            return keys[i].numbers;
    return ELC_NO_NUMBERS;
}

unsigned elc_twin_width(enum elc_numbers numbers, unsigned id_width) {
    switch (numbers) {
    case ELC_IDS:
        return id_width;
    case ELC_POSITIONS:
        return 2;
    case ELC_OFFSETS:
    case ELC_WORDS:
        return 4;
    default:
        return 1;
    }
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int elc_base64_encode(struct elc_buffer *text, const uint8_t *bytes, size_t len) {
    int err = elc_buffer_reserve(text, len / 3 * 4 + 4);
    if (err)
        return err;
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= n > 2 ? bytes[i + 2] : 0;
        uint8_t *to = text->data + text->len;
        to[0] = (uint8_t)digits[group >> 18];
        to[1] = (uint8_t)digits[group >> 12 & 63];
        to[2] = n > 1 ? (uint8_t)digits[group >> 6 & 63] : '=';
        to[3] = n > 2 ? (uint8_t)digits[group & 63] : '=';
        text->len += 4;
    }
    return 0;
}

static int not_base64(void) {
    return elc_fail(ELC_EFORMAT, "not base64");
}

int elc_base64_decode(struct elc_buffer *bytes, const char *text, size_t len) {
    if (len % 4 != 0)
        return not_base64();
    int err = elc_buffer_reserve(bytes, len / 4 * 3);
    if (err)
        return err;
    for (size_t i = 0; i < len; i += 4) {
        bool last = i + 4 == len;
        size_t n = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 3) : 4;
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            const char *digit = k < n && text[i + k] ? strchr(digits, text[i + k]) : NULL;
            if (k < n && !digit)
                return not_base64();
            group = group << 6 | (digit ? (uint32_t)(digit - digits) : 0);
        }
        if ((n == 2 && (group & 0xffff)) || (n == 3 && (group & 0xff)))
            return not_base64(); /* bits behind the last byte */
        for (size_t k = 0; k + 1 < n; k++)
            bytes->data[bytes->len++] = (uint8_t)(group >> (16 - 8 * k));
    }
    return 0;
}
