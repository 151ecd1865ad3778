#include "crc32.h"

/* tables[k][b]: what byte b, with k zero bytes behind it, adds to the checksum. */
struct tables {
    uint32_t of[8][256];
};

static void fill(struct tables *tables, uint32_t polynomial) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
        tables->of[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int k = 1; k < 8; k++) {
            const uint32_t crc = tables->of[k - 1][byte];
            tables->of[k][byte] = crc >> 8 ^ tables->of[0][crc & 0xff];
        }
}

/* Eight bytes at a time ("slicing by 8"). */
uint32_t elc_crc32(uint32_t polynomial, const uint8_t *bytes, size_t len) {
    struct tables tables;
    uint32_t crc = UINT32_MAX;
    fill(&tables, polynomial);
    for (; len >= 8; len -= 8, bytes += 8) {
        uint32_t next = 0;
        for (int i = 0; i < 4; i++)
            next ^=
                tables.of[7 - i][(crc >> 8 * i & 0xff) ^ bytes[i]] ^ tables.of[3 - i][bytes[4 + i]];
        crc = next;
    }
    for (; len > 0; len--)
        crc = crc >> 8 ^ tables.of[0][(crc & 0xff) ^ *bytes++];
    return ~crc;
}
