/* Compressed files by their first bytes. */
#include <string.h>

#include "electra/file.h"

const char *elc_compressor(const void *bytes, size_t len) {
    static const struct {
        const char *program;
        unsigned char magic[6];
        size_t len;
    } known[] = {
        {"gzip", {0x1F, 0x8B}, 2},
        {"zstd", {0x28, 0xB5, 0x2F, 0xFD}, 4},
        {"xz", {0xFD, '7', 'z', 'X', 'Z', 0}, 6},
    };
    const unsigned char *at = bytes;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (len >= known[i].len && memcmp(at, known[i].magic, known[i].len) == 0)
            return known[i].program;
    if (len >= 10 && memcmp(at, "BZh", 3) == 0 && at[3] >= '1' && at[3] <= '9' &&
        memcmp(at + 4, "1AY&SY", 6) == 0)
        return "bzip2";
    return NULL;
}
