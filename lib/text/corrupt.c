/* Masking whole records. */
#include "electra/corrupt.h"

#include <string.h>

static const uint32_t *numbers(const struct elc_buffer *buffer) {
    return (const uint32_t *)(const void *)buffer->data;
}

static int copy_fields(struct elc_corrupter *corrupter, const struct elc_record *record,
                       unsigned id_width) {
    struct elc_builder *builder = &corrupter->builder;
    int err = 0;
    for (size_t i = 0; !err && i < record->n_fields; i++) {
        const struct elc_field *field = &record->fields[i];
        if (field->key_len == 3 && memcmp(field->key, "ids", 3) == 0)
            err = elc_builder_numbers(builder, "ids", numbers(&corrupter->ids),
                                      corrupter->ids.len / sizeof(uint32_t), id_width);
        else
            err = elc_builder_field(builder, field);
    }
    return err;
}

/* What is added must be new, and positions have to fit into 16 bits. */
static int check_record(const struct elc_record *record, size_t n_ids,
                        const struct elc_header *header) {
    static const char *const added[] = {"masked", "original", "replaced"};
    for (size_t i = 0; i < sizeof added / sizeof *added; i++)
        if (elc_record_find(record, added[i]))
            return elc_fail(ELC_EFORMAT, "key '%s' in a stream of tokens", added[i]);
    size_t most = header->max_length < UINT16_MAX ? header->max_length : UINT16_MAX;
    return n_ids <= most ? 0
                         : elc_fail(ELC_EFORMAT, "%zu tokens, where %zu are the most", n_ids, most);
}

int elc_corrupt_record(struct elc_corrupter *corrupter, const struct elc_record *record,
                       const struct elc_header *header, const struct elc_mask_options *options,
                       uint64_t epoch) {
    struct elc_masks *masks = &corrupter->masks;
    struct elc_builder *builder = &corrupter->builder;
    int err = elc_record_ids(record, "ids", header->id_width, header->vocab.size, &corrupter->ids);
    if (err)
        return err;
    uint32_t *ids = (uint32_t *)(void *)corrupter->ids.data;
    size_t n_ids = corrupter->ids.len / sizeof *ids;
    err = check_record(record, n_ids, header);
    if (err)
        return err;
    corrupter->n_tokens += n_ids;
    err = elc_mask(masks, ids, n_ids, &header->vocab, options, epoch);
    corrupter->original.len = 0;
    for (size_t i = 0; !err && i < masks->n; i++) {
        uint32_t *shown = &ids[masks->positions[i]];
        err = elc_buffer_append(&corrupter->original, shown, sizeof *shown);
        if (!masks->keep[i])
            *shown = header->vocab.mask;
    }
    elc_builder_reset(builder);
    if (!err)
        err = copy_fields(corrupter, record, header->id_width);
    if (!err)
        err = elc_builder_numbers(builder, "masked", masks->positions, masks->n, 2);
    if (!err)
        err = elc_builder_numbers(builder, "original", numbers(&corrupter->original), masks->n,
                                  header->id_width);
    return err ? err : elc_builder_finish(builder);
}

int elc_corrupt_block(struct elc_corrupter *corrupter, struct elc_block *out,
                      const struct elc_block *in, const struct elc_header *header,
                      const struct elc_mask_options *options, uint64_t epoch) {
    out->first = in->first;
    out->count = in->count;
    out->payload.len = 0;
    size_t position = 0;
    uint64_t number = in->first;
    int got;
    while ((got = elc_record_next(&corrupter->record, &in->payload, &position)) > 0) {
        number++;
        int err = elc_corrupt_record(corrupter, &corrupter->record, header, options, epoch);
        if (!err)
            err = elc_buffer_append(&out->payload, corrupter->builder.record.data,
                                    corrupter->builder.record.len);
        if (err)
            return elc_context(err, "record %llu", (unsigned long long)number);
    }
    return got;
}

void elc_corrupter_free(struct elc_corrupter *corrupter) {
    elc_masks_free(&corrupter->masks);
    elc_buffer_free(&corrupter->ids);
    elc_buffer_free(&corrupter->original);
    elc_builder_free(&corrupter->builder);
}

int elc_corrupt_header(struct elc_header *header, const struct elc_mask_options *options,
                       uint64_t epoch) {
    if (header->kind != ELC_TOKENS)
        return elc_fail(ELC_EMISMATCH, "a stream of kind '%s', where tokens are wanted",
                        elc_kind_name(header->kind));
    header->kind = ELC_CORRUPTED;
    header->has_epoch = true;
    header->epoch = epoch;
    header->mask_prob = options->mask_prob;
    static const char method[] = "mask";
    header->method = elc_arena_text(&header->arena, method, sizeof method - 1);
    return header->method ? 0 : ELC_ENOMEM;
}
