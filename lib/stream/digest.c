/* The checksum of a segment's end. */
#include "digest.h"

static void add_number(XXH3_state_t *digest, uint64_t number) {
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
    (void)XXH3_64bits_update(digest, bytes, sizeof bytes);
}

int elc_digest_start(XXH3_state_t **digest, const void *header, size_t len) {
    if (!*digest)
        *digest = XXH3_createState();
    if (!*digest)
        return elc_fail_memory(0);
    (void)XXH3_64bits_reset(*digest);
    add_number(*digest, XXH3_64bits(header, len));
    return 0;
}

void elc_digest_block(XXH3_state_t *digest, const struct elc_block *block) {
    add_number(digest, block->first);
    add_number(digest, block->count);
    add_number(digest, block->xxh3);
}

uint64_t elc_digest_value(const XXH3_state_t *digest) {
    return XXH3_64bits_digest(digest);
}
