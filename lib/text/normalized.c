/* Normalized text as a whole, which patterns are matched against. */
#include <stdlib.h>

#include "electra/memory.h"

#include "utf8.h"
#include "words.h"

enum { STRETCH_LIMIT = 1 << 27 /* bytes, for each of which there are two places too */ };

void normalized_free(struct normalized *normalized) {
    free(normalized->text);
    free(normalized->starts);
    free(normalized->ends);
    *normalized = (struct normalized){0};
}

static int normalized_reserve(struct normalized *normalized, size_t more) {
    size_t capacity = normalized->capacity, needed = normalized->len + more;
    if (needed <= capacity)
        return 0;
    if (needed > STRETCH_LIMIT)
        return elc_fail(ELC_ELIMIT, "more than %d bytes of text for a pattern to match",
                        STRETCH_LIMIT);
    int rc = elc_grow(&normalized->text, &capacity, needed, sizeof *normalized->text);
    capacity = normalized->capacity;
    if (rc == 0)
        rc = elc_grow(&normalized->starts, &capacity, needed, sizeof *normalized->starts);
    capacity = normalized->capacity;
    if (rc == 0)
        rc = elc_grow(&normalized->ends, &capacity, needed, sizeof *normalized->ends);
    if (rc == 0)
        normalized->capacity = capacity;
    return rc;
}

static int normalized_add(struct normalized *normalized, const char *bytes, unsigned len,
                          uint32_t start, uint32_t end) {
    int rc = normalized_reserve(normalized, len);
    for (unsigned i = 0; i < len && rc == 0; i++) {
        normalized->text[normalized->len] = bytes[i];
        normalized->starts[normalized->len] = start;
        normalized->ends[normalized->len++] = end;
    }
    return rc;
}

/* Appends what the character at the reader's position becomes. */
static int normalize_char(struct word_reader *reader, struct normalized *normalized) {
    unsigned len;
    uint32_t c = utf8_decode(reader->text + reader->position, &len);
    const struct char_entry *entry = char_table_find(reader->table, reader->rules, c);
    if (!entry)
        return ELC_ENOMEM;
    if (entry->kind == CHAR_COMPLEX)
        return word_reader_expand(reader);
    uint32_t start = (uint32_t)reader->position, end = start + len;
    bool spaced = entry->kind == CHAR_CHINESE;
    int rc = spaced ? normalized_add(normalized, " ", 1, start, start) : 0;
    if (rc == 0 && entry->kind == CHAR_SPACE)
        rc = normalized_add(normalized, " ", 1, start, end);
    else if (rc == 0)
        rc = normalized_add(normalized, entry->bytes, entry->len, start, end);
    if (rc == 0 && spaced)
        rc = normalized_add(normalized, " ", 1, end, end);
    reader->position = end;
    return rc;
}

int word_reader_normalize(struct word_reader *reader, struct normalized *normalized,
                          struct found_special *special) {
    normalized->len = 0;
    int rc = 0;
    while (rc == 0) {
        if (reader->ready_next < reader->ready_n) {
            const struct ready_char *ready = &reader->ready[reader->ready_next++];
            char bytes[4];
            unsigned len = utf8_encode(bytes, ready->c);
            rc = normalized_add(normalized, bytes, len, ready->start, ready->end);
            continue;
        }
        if (reader->position == reader->len)
            return 0;
        const struct special *found = word_reader_special(reader);
        if (found) {
            *special = word_reader_take(reader, found);
            return 1;
        }
        rc = normalize_char(reader, normalized);
    }
    return rc;
}
