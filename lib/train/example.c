/* Records to texts for pre-training: as they are, masked, or with replacements. */
#include "example.h"

static int reserve_masks(struct elc_masks *masks, size_t n) {
    size_t capacity = masks->capacity;
    int err = elc_grow(&masks->positions, &capacity, n, sizeof *masks->positions);
    capacity = masks->capacity;
    if (!err)
        err = elc_grow(&masks->keep, &capacity, n, sizeof *masks->keep);
    if (!err)
        masks->capacity = capacity;
    return err;
}

/* Positions, and in example->numbers the original tokens. */
static int read_masks(struct elc_example *example, const struct elc_record *record,
                      const struct elc_header *header) {
    int present = elc_record_numbers(record, "masked", 2, SIZE_MAX, &example->numbers);
    if (present <= 0)
        return present < 0 ? present : elc_fail(ELC_EFORMAT, "key 'masked' is missing");
    struct elc_masks *masks = &example->masks;
    size_t n = example->numbers.len / sizeof(uint32_t);
    const uint32_t *positions = (const uint32_t *)(const void *)example->numbers.data;
    int err = reserve_masks(masks, n);
    if (err)
        return err;
    masks->n = n;
    for (size_t i = 0; i < n; i++) {
        if (positions[i] >= example->n || (i > 0 && positions[i] <= positions[i - 1]))
            return elc_fail(ELC_EFORMAT,
                            "key 'masked' is not an ascending list of positions in the text");
        masks->positions[i] = positions[i];
    }
    err =
        elc_record_ids(record, "original", header->id_width, header->vocab.size, &example->numbers);
    if (err)
        return err;
    if (example->numbers.len != n * sizeof(uint32_t))
        return elc_fail(ELC_EFORMAT, "keys 'masked' and 'original' disagree in length");
    return 0;
}

/* The same from `replaced` alone: what was there is not known, but something else. */
static int read_replaced(struct elc_example *example, const struct elc_header *header) {
    const uint32_t *replaced = (const uint32_t *)(const void *)example->flags.data;
    const uint32_t *ids = (const uint32_t *)(const void *)example->ids.data;
    int err = reserve_masks(&example->masks, example->n);
    example->masks.n = 0;
    example->numbers.len = 0;
    for (size_t i = 0; !err && i < example->n; i++) {
        if (!replaced[i])
            continue;
        uint32_t other = ids[i] == header->vocab.mask ? header->vocab.pad : header->vocab.mask;
        example->masks.positions[example->masks.n++] = (uint32_t)i;
        err = elc_buffer_append(&example->numbers, &other, sizeof other);
    }
    return err;
}

/* `replaced` says 1 just where a masked position shows another token than the original. */
static int check_replaced(struct elc_example *example) {
    const uint32_t *replaced = (const uint32_t *)(const void *)example->flags.data;
    const uint32_t *ids = (const uint32_t *)(const void *)example->ids.data;
    const uint32_t *original = (const uint32_t *)(const void *)example->numbers.data;
    const struct elc_masks *masks = &example->masks;
    for (size_t i = 0, k = 0; i < example->n; i++) {
        bool masked = k < masks->n && masks->positions[k] == i;
        bool differs = masked && ids[i] != original[k];
        k += masked;
        if (replaced[i] > 1)
            return elc_fail(ELC_EFORMAT, "key 'replaced' has a value other than 0 and 1");
        if (replaced[i] != differs)
            return elc_fail(ELC_EFORMAT,
                            "position %zu: 'replaced' says %u, 'masked' and 'original' say %d", i,
                            replaced[i], differs);
    }
    return 0;
}

static int read_corruption(struct elc_example *example, const struct elc_record *record,
                           const struct elc_header *header) {
    example->has_replacements = elc_record_find(record, "replaced") != NULL;
    if (!example->has_replacements)
        return read_masks(example, record, header);
    int present = elc_record_numbers(record, "replaced", 1, example->n, &example->flags);
    if (present < 0)
        return present;
    bool masked = elc_record_find(record, "masked") != NULL;
    int err = masked ? read_masks(example, record, header) : read_replaced(example, header);
    return err ? err : check_replaced(example);
}

/* What a masked position shows decides `keep`, or what replaces it; then the original token is
 * put there. */
static int restore_original(struct elc_example *example, const struct elc_record *record,
                            const struct elc_header *header) {
    int err = read_corruption(example, record, header);
    if (err)
        return err;
    uint32_t *ids = (uint32_t *)(void *)example->ids.data;
    const uint32_t *original = (const uint32_t *)(const void *)example->numbers.data;
    example->has_masks = true;
    example->replacements.len = 0;
    for (size_t i = 0; !err && i < example->masks.n; i++) {
        uint32_t *shown = &ids[example->masks.positions[i]];
        example->masks.keep[i] = *shown != header->vocab.mask;
        if (!example->has_replacements && example->masks.keep[i] && *shown != original[i])
            return elc_fail(ELC_EFORMAT, "position %lu shows neither [MASK] nor its own token",
                            (unsigned long)example->masks.positions[i]);
        err = elc_buffer_append(&example->replacements, shown, sizeof *shown);
        *shown = original[i];
    }
    return err;
}

int elc_example_read(struct elc_example *example, const struct elc_record *record,
                     const struct elc_header *header) {
    int err = elc_record_ids(record, "ids", header->id_width, header->vocab.size, &example->ids);
    if (err)
        return err;
    example->n = example->ids.len / sizeof(uint32_t);
    example->has_masks = example->has_replacements = false;
    example->types.len = 0;
    if (example->n == 0 || example->n > header->max_length)
        return elc_fail(ELC_EFORMAT, "%zu tokens, the header says 1 to %u", example->n,
                        header->max_length);
    int present = elc_record_numbers(record, "types", 1, example->n, &example->types);
    if (present < 0)
        return present;
    return header->kind == ELC_CORRUPTED ? restore_original(example, record, header) : 0;
}

void elc_example_free(struct elc_example *example) {
    elc_buffer_free(&example->ids);
    elc_buffer_free(&example->types);
    elc_buffer_free(&example->replacements);
    elc_buffer_free(&example->numbers);
    elc_buffer_free(&example->flags);
    elc_masks_free(&example->masks);
}
