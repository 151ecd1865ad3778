/* Bytes of text, as many at a time as the machine takes: which ASCII they are, and as numbers. */
#ifndef LIB_TEXT_ASCII_H
#define LIB_TEXT_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined __SSE2__
#include <emmintrin.h>
#endif

/* ---- lanes: the bytes of a register ---- */

#if defined __SSE2__

typedef __m128i lanes;

static inline lanes lanes_load(const void *bytes) {
    return _mm_loadu_si128(bytes);
}

static inline void lanes_store(void *bytes, lanes x) {
    _mm_storeu_si128(bytes, x);
}

static inline lanes lanes_of(uint8_t byte) {
    return _mm_set1_epi8((char)byte);
}

/* 0xFF where a byte is `first` … `last`, ASCII both, or 0. */
static inline lanes lanes_between(lanes x, uint8_t first, uint8_t last) {
    const lanes from_first = _mm_sub_epi8(x, lanes_of(first));
    return _mm_cmpeq_epi8(_mm_min_epu8(from_first, lanes_of((uint8_t)(last - first))), from_first);
}

/* A bit for each of those, the first byte's lowest. */
static inline uint64_t lanes_bits(lanes x) {
    return (uint32_t)_mm_movemask_epi8(x);
}

#else

typedef uint64_t lanes; /* the first byte lowest */

static inline lanes lanes_in_order(lanes x) {
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(x);
#else
    return x;
#endif
}

static inline lanes lanes_load(const void *bytes) {
    lanes x;
    memcpy(&x, bytes, sizeof x);
    return lanes_in_order(x);
}

static inline void lanes_store(void *bytes, lanes x) {
    x = lanes_in_order(x);
    memcpy(bytes, &x, sizeof x);
}

static inline lanes lanes_of(uint8_t byte) {
    return byte * UINT64_C(0x0101010101010101);
}

/* The sums do not carry into the next byte, because bit 7 has been cleared before. */
static inline lanes lanes_between(lanes x, uint8_t first, uint8_t last) {
    const lanes low = x & lanes_of(0x7F), bit = lanes_of(0x80);
    const lanes found = (low + lanes_of((uint8_t)(0x80 - first))) &
                        ~(low + lanes_of((uint8_t)(0x7F - last))) & ~x & bit;
    return (found >> 7) * 0xFF;
}

static inline uint64_t lanes_bits(lanes x) {
    return ((x & lanes_of(1)) * UINT64_C(0x0102040810204080)) >> 56;
}

#endif

/* ---- what is done with them ---- */

enum {
    ASCII_BLOCK = 64,
    ASCII_KEY = 16, /* bytes of a key, below */
};

/* What the bytes of a block are: a bit each, the first byte's lowest. The rest is not ASCII, or not
 * so simple: controls, which rules drop, and '[', which a special token may begin with. */
struct ascii_block {
    uint64_t letters; /* and digits */
    uint64_t marks;   /* punctuation, each a word of its own */
    uint64_t spaces;  /* space, tab, LF, CR */
};

static inline struct ascii_block ascii_classify(const char text[ASCII_BLOCK]) {
    struct ascii_block block = {0};
    for (unsigned i = 0; i < ASCII_BLOCK; i += sizeof(lanes)) {
        const lanes x = lanes_load(text + i);
        const lanes letters =
            lanes_between(x | lanes_of(0x20), 'a', 'z') | lanes_between(x, '0', '9');
        const lanes visible = lanes_between(x, '!', '~') & ~lanes_between(x, '[', '[');
        const lanes spaces = lanes_between(x, ' ', ' ') | lanes_between(x, '\t', '\n') |
                             lanes_between(x, '\r', '\r');
        block.letters |= lanes_bits(letters) << i;
        block.marks |= lanes_bits(visible & ~letters) << i;
        block.spaces |= lanes_bits(spaces) << i;
    }
    return block;
}

/* A few bytes as two numbers: the first `len` of `text`, of which ASCII_KEY can be read, and zeros
 * behind them; ASCII in lower case if so asked. */
static inline void ascii_key(uint64_t key[2], const char *text, size_t len, bool lower) {
    static const uint8_t kept[2 * ASCII_KEY] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                255, 255, 255, 255, 255, 255, 255, 255};
    for (size_t i = 0; i < ASCII_KEY; i += sizeof(lanes)) {
        lanes x = lanes_load(text + i);
        if (lower)
            x |= lanes_between(x, 'A', 'Z') & lanes_of(0x20);
        lanes_store((char *)key + i, x & lanes_load(kept + ASCII_KEY - len + i));
    }
}

/* Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4): the product's top bits
 * depend on all bits of the key, and 2^64 over the golden ratio spreads keys that follow each other
 * evenly. The other half of a key goes by a prime of xxHash's. */
#define GOLDEN_64 UINT64_C(0x9E3779B97F4A7C15)
#define XXH_PRIME_64 UINT64_C(0xC2B2AE3D27D4EB4F)

/* A number of which the top bits are as good as random: take a place in a table from them. */
static inline uint64_t ascii_hash(const uint64_t key[2]) {
    return (key[0] ^ key[1] * XXH_PRIME_64) * GOLDEN_64;
}

static inline bool ascii_same(const uint64_t a[2], const uint64_t b[2]) {
    return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
}

#endif
