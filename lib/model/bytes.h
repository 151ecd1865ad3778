/* Little-endian numbers out of bytes at any address. */
#ifndef ELC_MODEL_BYTES_H
#define ELC_MODEL_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* The number in `n` bytes, at most 8. */
static inline uint64_t elc_little(const uint8_t *bytes, size_t n) {
    uint64_t number = 0;
    while (n-- > 0)
        number = number << 8 | bytes[n];
    return number;
}

#endif
