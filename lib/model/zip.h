/* Zip archives whose entries are stored, not compressed, so that they can be used where they lie:
 * what torch.save writes. */
#ifndef ELC_MODEL_ZIP_H
#define ELC_MODEL_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"

struct elc_zip_entry {
    const char *name;
    const uint8_t *data;
    size_t len;
    uint32_t crc;
    const uint8_t *begin; /* of the entry's own header, before its data */
};
struct elc_zip {
    struct elc_zip_entry *entries; /* by name */
    size_t n_entries;
};

/* Reads the directory at the end of an archive. ELC_EFORMAT, ELC_ETRUNCATED, ELC_ELIMIT unless
 * every entry is stored, lies within the archive, and neither lies in nor is named as another.
 * Everything is allocated from the arena or lies in `data`. */
int elc_zip_open(struct elc_zip *zip, const uint8_t *data, size_t len,
                 struct elc_arena *arena) ELC_MUST_CHECK;
/* The entry with this name, or NULL. */
const struct elc_zip_entry *elc_zip_find(const struct elc_zip *zip, const char *name);
/* ELC_EFORMAT unless the entry's bytes have its checksum. */
int elc_zip_check(const struct elc_zip_entry *entry) ELC_MUST_CHECK;

#endif
