/* Containers inside records: the elements of arrays, and maps as records of their own.
 *
 *     struct elc_items items;
 *     struct elc_field item;
 *     int got = elc_record_array(&record, "label", &items);        1 present, 0 absent
 *     while (got > 0 && (got = elc_items_next(&items, &item)) > 0)
 *         …
 */
#ifndef ELECTRA_ITEMS_H
#define ELECTRA_ITEMS_H

#include "electra/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What of an array is still to be read. Points into the record. */
struct elc_items {
    const uint8_t *at, *end;
    size_t count;
};

/* 1 present, 0 absent, ELC_EFORMAT "key 'x' is not an array". */
int elc_record_array(const struct elc_record *record, const char *key,
                     struct elc_items *items) ELC_MUST_CHECK;
/* The elements of a field whose type is ELC_ARRAY. */
struct elc_items elc_field_items(const struct elc_field *array);
/* The next element, decoded, without a key. 1, 0 behind the last one, or an error. */
int elc_items_next(struct elc_items *items, struct elc_field *item) ELC_MUST_CHECK;

/* Key 'window', [k, n]: this is the k-th of a text's n windows; without it *k = *n = 1, the whole
 * text. ELC_EFORMAT unless 1 ≤ k ≤ n. */
int elc_record_window(const struct elc_record *record, uint64_t *k, uint64_t *n) ELC_MUST_CHECK;

/* A field whose type is ELC_MAP, with strings for keys that differ, as a record. ELC_EFORMAT. */
int elc_field_record(struct elc_record *record, const struct elc_field *map) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
