/* Containers inside records. The record was walked before, so its bytes are whole. */
#include "electra/items.h"

#include "electra/stream.h"
#include "wire.h"

struct elc_items elc_field_items(const struct elc_field *array) {
    return (struct elc_items){elc_wire_elements(array), array->raw + array->raw_len,
                              array->as.count};
}

int elc_record_array(const struct elc_record *record, const char *key, struct elc_items *items) {
    const struct elc_field *field = elc_record_find(record, key);
    if (!field)
        return 0;
    if (field->type != ELC_ARRAY)
        return elc_fail(ELC_EFORMAT, "key '%s' is not an array", key);
    *items = elc_field_items(field);
    return 1;
}

int elc_items_next(struct elc_items *items, struct elc_field *item) {
    if (items->count == 0)
        return 0;
    int err = elc_wire_value(item, items->at, (size_t)(items->end - items->at));
    if (err)
        return err;
    items->at += item->raw_len;
    items->count--;
    return 1;
}

int elc_record_window(const struct elc_record *record, uint64_t *k, uint64_t *n) {
    struct elc_items items;
    struct elc_field first, second;
    *k = *n = 1;
    int got = elc_record_array(record, "window", &items);
    if (got <= 0)
        return got;
    if (items.count != 2 || elc_items_next(&items, &first) <= 0 ||
        elc_items_next(&items, &second) <= 0 || first.type != ELC_UINT || second.type != ELC_UINT ||
        first.as.uint < 1 || first.as.uint > second.as.uint)
        return elc_fail(ELC_EFORMAT, "key 'window' is not [k, n], the k-th of n windows");
    *k = first.as.uint;
    *n = second.as.uint;
    return 0;
}

int elc_field_record(struct elc_record *record, const struct elc_field *map) {
    if (map->type != ELC_MAP)
        return elc_fail(ELC_EFORMAT, "a map is wanted here");
    int err = elc_wire_map(record, map->raw, map->raw_len, ELC_DEPTH_LIMIT);
    for (size_t i = 0; !err && i < record->n_fields; i++)
        err = elc_wire_decode(&record->fields[i]);
    return err;
}
