/* The structure of zip archives, from PKWARE's APPNOTE 4.3. */
#include "zip.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "crc32.h"

enum {
    END_BYTES = 22,     /* of the end of the central directory, without its comment */
    CENTRAL_BYTES = 46, /* of an entry of the central directory, without its name */
    LOCAL_BYTES = 30,   /* of the header before an entry's data, without its name */
    COMMENT_LIMIT = 0xffff,
};

static int fail_zip64(void) {
    return elc_fail(ELC_ELIMIT, "is a zip64 archive: of more than 4 GiB or 65534 entries");
}

/* ---- the end ---- */

static const uint8_t *find_end(const uint8_t *data, size_t len) {
    for (size_t comment = 0; comment <= COMMENT_LIMIT && END_BYTES + comment <= len; comment++) {
        const uint8_t *end = data + len - END_BYTES - comment;
        if (memcmp(end, "PK\5\6", 4) == 0 && elc_little(end + 20, 2) == comment)
            return end;
    }
    return NULL;
}

/* ---- entries ---- */

/* The header that stands before the data repeats some of it. */
static int read_local(struct elc_zip_entry *entry, const uint8_t *data, size_t limit,
                      size_t offset) {
    const size_t name_len = strlen(entry->name);
    if (offset > limit || limit - offset < LOCAL_BYTES + name_len)
        return elc_fail(ELC_EFORMAT, "it lies outside the archive");
    const uint8_t *header = data + offset;
    if (memcmp(header, "PK\3\4", 4) != 0 || elc_little(header + 26, 2) != name_len ||
        memcmp(header + LOCAL_BYTES, entry->name, name_len) != 0)
        return elc_fail(ELC_EFORMAT, "it is not where the archive's directory says");
    const size_t skip = LOCAL_BYTES + name_len + (size_t)elc_little(header + 28, 2);
    if (limit - offset < skip || limit - offset - skip < entry->len)
        return elc_fail(ELC_EFORMAT, "its %zu bytes run out of the archive", entry->len);
    entry->begin = header;
    entry->data = header + skip;
    return 0;
}

/* `record`: of the central directory, whole. `limit`: where that directory begins. */
static int read_entry(struct elc_zip_entry *entry, const uint8_t *record, const uint8_t *data,
                      size_t limit) {
    const unsigned flags = (unsigned)elc_little(record + 8, 2);
    const unsigned method = (unsigned)elc_little(record + 10, 2);
    const uint64_t stored = elc_little(record + 20, 4), size = elc_little(record + 24, 4);
    const uint64_t offset = elc_little(record + 42, 4);
    if (flags & 1)
        return elc_fail(ELC_EFORMAT, "it is encrypted");
    if (method != 0)
        return elc_fail(ELC_EFORMAT, "it is compressed (method %u), which torch.save never does",
                        method);
    if (stored == UINT32_MAX || size == UINT32_MAX || offset == UINT32_MAX)
        return fail_zip64();
    if (stored != size)
        return elc_fail(ELC_EFORMAT, "it is stored in %llu bytes, but has %llu",
                        (unsigned long long)stored, (unsigned long long)size);
    entry->len = (size_t)size;
    entry->crc = (uint32_t)elc_little(record + 16, 4);
    return read_local(entry, data, limit, (size_t)offset);
}

static int read_entries(struct elc_zip *zip, const uint8_t *data, size_t begin, size_t end,
                        struct elc_arena *arena) {
    size_t at = begin;
    for (size_t i = 0; i < zip->n_entries; i++) {
        const uint8_t *record = data + at;
        if (end - at < CENTRAL_BYTES || memcmp(record, "PK\1\2", 4) != 0)
            return elc_fail(ELC_EFORMAT, "its directory has no entry %zu", i + 1);
        const size_t name_len = (size_t)elc_little(record + 28, 2);
        const size_t more = (size_t)(elc_little(record + 30, 2) + elc_little(record + 32, 2));
        if (end - at - CENTRAL_BYTES < name_len + more)
            return elc_fail(ELC_EFORMAT, "its directory ends within entry %zu", i + 1);
        if (memchr(record + CENTRAL_BYTES, '\0', name_len))
            return elc_fail(ELC_EFORMAT, "the name of entry %zu is no text", i + 1);
        struct elc_zip_entry *entry = &zip->entries[i];
        entry->name = elc_arena_text(arena, (const char *)record + CENTRAL_BYTES, name_len);
        if (!entry->name)
            return ELC_ENOMEM;
        int err = read_entry(entry, record, data, begin);
        if (err)
            return elc_context(err, "entry '%s'", entry->name);
        at += CENTRAL_BYTES + name_len + more;
    }
    return 0;
}

static int by_place(const void *a, const void *b) {
    const struct elc_zip_entry *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static int by_name(const void *a, const void *b) {
    const struct elc_zip_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int check_apart(struct elc_zip *zip) {
    qsort(zip->entries, zip->n_entries, sizeof *zip->entries, by_place);
    for (size_t i = 1; i < zip->n_entries; i++) {
        const struct elc_zip_entry *one = &zip->entries[i - 1], *next = &zip->entries[i];
        if (next->begin < one->data + one->len)
            return elc_fail(ELC_EFORMAT, "entries '%s' and '%s' overlap", one->name, next->name);
    }
    qsort(zip->entries, zip->n_entries, sizeof *zip->entries, by_name);
    for (size_t i = 1; i < zip->n_entries; i++)
        if (strcmp(zip->entries[i - 1].name, zip->entries[i].name) == 0)
            return elc_fail(ELC_EFORMAT, "two entries '%s'", zip->entries[i].name);
    return 0;
}

/* ---- the whole ---- */

int elc_zip_open(struct elc_zip *zip, const uint8_t *data, size_t len, struct elc_arena *arena) {
    *zip = (struct elc_zip){0};
    const uint8_t *end = find_end(data, len);
    if (!end)
        return elc_fail(ELC_ETRUNCATED, "is a zip archive that stops before its directory");
    const uint64_t n = elc_little(end + 10, 2), bytes = elc_little(end + 12, 4);
    const uint64_t begin = elc_little(end + 16, 4), place = (uint64_t)(end - data);
    if (n == UINT16_MAX || bytes == UINT32_MAX || begin == UINT32_MAX)
        return fail_zip64();
    if (elc_little(end + 4, 4) != 0 || elc_little(end + 8, 2) != n)
        return elc_fail(ELC_EFORMAT, "is one of several parts of a zip archive");
    if (begin > place || bytes > place - begin || n * CENTRAL_BYTES > bytes)
        return elc_fail(ELC_EFORMAT, "its directory of %llu entries lies outside the archive",
                        (unsigned long long)n);
    zip->n_entries = (size_t)n;
    zip->entries = elc_arena_alloc(arena, (n ? n : 1) * sizeof *zip->entries);
    if (!zip->entries)
        return ELC_ENOMEM;
    int err = read_entries(zip, data, (size_t)begin, (size_t)(begin + bytes), arena);
    return err ? err : check_apart(zip);
}

const struct elc_zip_entry *elc_zip_find(const struct elc_zip *zip, const char *name) {
    struct elc_zip_entry key = {.name = name};
    return bsearch(&key, zip->entries, zip->n_entries, sizeof *zip->entries, by_name);
}

int elc_zip_check(const struct elc_zip_entry *entry) {
    if (elc_crc32(ELC_CRC32_ZIP, entry->data, entry->len) == entry->crc)
        return 0;
    return elc_fail(ELC_EFORMAT, "entry '%s' is damaged: it has not its checksum", entry->name);
}
