/* The structure of zip archives, from PKWARE's APPNOTE 4.3 (zip64: 4.3.14, 4.3.15, 4.5.3). */
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
    END64_BYTES = 56,     /* of zip64's end of the central directory, without its extensions */
    LOCATOR_BYTES = 20,   /* of what says where that is, right before the end proper */
    EXTRA_HEADER = 4,     /* of an extra field: its id and its length */
    EXTRA_ZIP64 = 0x0001, /* the id of the one that has an entry's large numbers */
};

/* Where the central directory is, and how many entries it has. */
struct directory {
    uint64_t n, bytes, begin;
    uint64_t limit; /* where it must have ended */
};

/* ---- the end ---- */

static const uint8_t *find_end(const uint8_t *data, size_t len) {
    for (size_t comment = 0; comment <= COMMENT_LIMIT && END_BYTES + comment <= len; comment++) {
        const uint8_t *end = data + len - END_BYTES - comment;
        if (memcmp(end, "PK\5\6", 4) == 0 && elc_little(end + 20, 2) == comment)
            return end;
    }
    return NULL;
}

/* Numbers that do not fit the end proper are all ones there, and stand in a record of zip64. */
static int read_end64(struct directory *directory, const uint8_t *data, size_t place) {
    if (place < LOCATOR_BYTES || memcmp(data + place - LOCATOR_BYTES, "PK\6\7", 4) != 0)
        return elc_fail(ELC_EFORMAT, "is a zip64 archive without the place of its directory");
    const uint8_t *locator = data + place - LOCATOR_BYTES;
    const uint64_t at = elc_little(locator + 8, 8), limit = place - LOCATOR_BYTES;
    if (at > limit || limit - at < END64_BYTES || memcmp(data + at, "PK\6\6", 4) != 0)
        return elc_fail(ELC_EFORMAT, "is a zip64 archive whose directory has no end");
    const uint8_t *end = data + at;
    if (elc_little(locator + 16, 4) > 1 || elc_little(end + 16, 4) != 0 ||
        elc_little(end + 24, 8) != elc_little(end + 32, 8))
        return elc_fail(ELC_EFORMAT, "is one of several parts of a zip archive");
    *directory = (struct directory){
        .n = elc_little(end + 32, 8),
        .bytes = elc_little(end + 40, 8),
        .begin = elc_little(end + 48, 8),
        .limit = at,
    };
    return 0;
}

static int read_end(struct directory *directory, const uint8_t *data, size_t len) {
    const uint8_t *end = find_end(data, len);
    if (!end)
        return elc_fail(ELC_ETRUNCATED, "is a zip archive that stops before its directory");
    const size_t place = (size_t)(end - data);
    *directory = (struct directory){
        .n = elc_little(end + 10, 2),
        .bytes = elc_little(end + 12, 4),
        .begin = elc_little(end + 16, 4),
        .limit = place,
    };
    int err = 0;
    if (directory->n == UINT16_MAX || directory->bytes == UINT32_MAX ||
        directory->begin == UINT32_MAX)
        err = read_end64(directory, data, place);
    else if (elc_little(end + 4, 4) != 0 || elc_little(end + 8, 2) != directory->n)
        err = elc_fail(ELC_EFORMAT, "is one of several parts of a zip archive");
    if (!err && (directory->begin > directory->limit ||
                 directory->bytes > directory->limit - directory->begin ||
                 directory->n > directory->bytes / CENTRAL_BYTES))
        err = elc_fail(ELC_EFORMAT, "its directory of %llu entries lies outside the archive",
                       (unsigned long long)directory->n);
    return err;
}

/* ---- entries ---- */

/* An entry's numbers, as its record in the directory has them. */
struct numbers {
    uint64_t size, stored, offset;
};

/* Those of them that are all ones are in an extra field, one after another. */
static int read_extra(struct numbers *numbers, const uint8_t *extra, size_t len) {
    uint64_t *const large[] = {&numbers->size, &numbers->stored, &numbers->offset};
    while (len >= EXTRA_HEADER && elc_little(extra, 2) != EXTRA_ZIP64) {
        const size_t field = EXTRA_HEADER + (size_t)elc_little(extra + 2, 2);
        extra += field < len ? field : len;
        len -= field < len ? field : len;
    }
    size_t left = len < EXTRA_HEADER ? 0 : (size_t)elc_little(extra + 2, 2);
    if (left > 0 && left > len - EXTRA_HEADER)
        return elc_fail(ELC_EFORMAT, "its extra fields run out of its record");
    for (size_t i = 0, at = EXTRA_HEADER; i < sizeof large / sizeof *large; i++) {
        if (*large[i] != UINT32_MAX)
            continue;
        if (left < 8)
            return elc_fail(ELC_EFORMAT, "its zip64 record lacks a number");
        *large[i] = elc_little(extra + at, 8);
        at += 8;
        left -= 8;
    }
    return 0;
}

/* The header that stands before the data repeats some of it. */
static int read_local(struct elc_zip_entry *entry, const uint8_t *data, size_t limit,
                      uint64_t offset) {
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

/* `record`: of the central directory, whole, with `name_len` bytes of name and `extra_len` of extra
 * fields. `limit`: where that directory begins. */
static int read_entry(struct elc_zip_entry *entry, const uint8_t *record, size_t name_len,
                      size_t extra_len, const uint8_t *data, size_t limit) {
    const unsigned flags = (unsigned)elc_little(record + 8, 2);
    const unsigned method = (unsigned)elc_little(record + 10, 2);
    struct numbers numbers = {
        .stored = elc_little(record + 20, 4),
        .size = elc_little(record + 24, 4),
        .offset = elc_little(record + 42, 4),
    };
    if (flags & 1)
        return elc_fail(ELC_EFORMAT, "it is encrypted");
    if (method != 0)
        return elc_fail(ELC_EFORMAT, "it is compressed (method %u), which torch.save never does",
                        method);
    int err = read_extra(&numbers, record + CENTRAL_BYTES + name_len, extra_len);
    if (err)
        return err;
    if (numbers.stored != numbers.size)
        return elc_fail(ELC_EFORMAT, "it is stored in %llu bytes, but has %llu",
                        (unsigned long long)numbers.stored, (unsigned long long)numbers.size);
    entry->len = numbers.size;
    entry->crc = (uint32_t)elc_little(record + 16, 4);
    return read_local(entry, data, limit, numbers.offset);
}

static int read_entries(struct elc_zip *zip, const uint8_t *data, size_t begin, size_t end,
                        struct elc_arena *arena) {
    size_t at = begin;
    for (size_t i = 0; i < zip->n_entries; i++) {
        const uint8_t *record = data + at;
        if (end - at < CENTRAL_BYTES || memcmp(record, "PK\1\2", 4) != 0)
            return elc_fail(ELC_EFORMAT, "its directory has no entry %zu", i + 1);
        const size_t name_len = (size_t)elc_little(record + 28, 2);
        const size_t extra_len = (size_t)elc_little(record + 30, 2);
        const size_t bytes = CENTRAL_BYTES + name_len + extra_len +
                             (size_t)elc_little(record + 32, 2); /* its comment */
        if (end - at < bytes)
            return elc_fail(ELC_EFORMAT, "its directory ends within entry %zu", i + 1);
        if (memchr(record + CENTRAL_BYTES, '\0', name_len))
            return elc_fail(ELC_EFORMAT, "the name of entry %zu is no text", i + 1);
        struct elc_zip_entry *entry = &zip->entries[i];
        entry->name = elc_arena_text(arena, (const char *)record + CENTRAL_BYTES, name_len);
        if (!entry->name)
            return ELC_ENOMEM;
        int err = read_entry(entry, record, name_len, extra_len, data, begin);
        if (err)
            return elc_context(err, "entry '%s'", entry->name);
        at += bytes;
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
    struct directory directory = {0};
    *zip = (struct elc_zip){0};
    int err = read_end(&directory, data, len);
    if (err)
        return err;
    zip->n_entries = (size_t)directory.n;
    zip->entries = elc_arena_alloc(arena, (zip->n_entries + 1) * sizeof *zip->entries);
    if (!zip->entries)
        return ELC_ENOMEM;
    err = read_entries(zip, data, (size_t)directory.begin,
                       (size_t)(directory.begin + directory.bytes), arena);
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
