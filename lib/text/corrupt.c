/* Corrupting whole blocks: masks of all texts, replacements for all of them, then the records. */
#include "electra/corrupt.h"

#include <string.h>

static uint32_t *numbers(const struct elc_buffer *buffer) {
    return (uint32_t *)(void *)buffer->data;
}

/* ---- masking a text ---- */

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

static int mask_words(struct elc_corrupter *corrupter, const uint32_t *ids, size_t n,
                      const struct elc_header *header, const struct elc_mask_options *options,
                      uint64_t epoch) {
    int got = elc_record_numbers(&corrupter->record, "words", 4, n, &corrupter->words);
    if (got == 0)
        return elc_fail(ELC_EFORMAT, "no key 'words', which says where whole words are "
                                     "(electra-tokenize --words)");
    return got < 0 ? got
                   : elc_mask_words(&corrupter->masks, ids, n, numbers(&corrupter->words),
                                    &header->vocab, options, epoch);
}

static int append_types(struct elc_corrupter *corrupter, size_t n) {
    const uint8_t *types;
    size_t len;
    int got = elc_record_bin(&corrupter->record, "types", &types, &len);
    if (got > 0 && len != n)
        return elc_fail(ELC_EFORMAT, "key 'types' has %zu numbers for %zu tokens", len, n);
    int err = got < 0 ? got : elc_buffer_reserve(&corrupter->types, n);
    if (err)
        return err;
    if (got > 0)
        memcpy(corrupter->types.data + corrupter->types.len, types, n);
    else
        memset(corrupter->types.data + corrupter->types.len, 0, n);
    corrupter->types.len += n;
    return 0;
}

/* Adds corrupter->record to the texts of the block. Its pointers are set when all are there. */
static int mask_record(struct elc_corrupter *corrupter, const struct elc_header *header,
                       const struct elc_corruption *corruption, uint64_t epoch) {
    const struct elc_mask_options options = {corruption->mask_prob, header->max_length,
                                             corruption->seed};
    struct elc_buffer *scratch = &corrupter->drawn;
    struct elc_masks *masks = &corrupter->masks;
    int err =
        elc_record_ids(&corrupter->record, "ids", header->id_width, header->vocab.size, scratch);
    if (err)
        return err;
    const uint32_t *ids = numbers(scratch);
    const size_t n = scratch->len / sizeof *ids;
    err = check_record(&corrupter->record, n, header);
    if (!err)
        err = corruption->whole_word ? mask_words(corrupter, ids, n, header, &options, epoch)
                                     : elc_mask(masks, ids, n, &header->vocab, &options, epoch);
    if (!err)
        err = append_types(corrupter, n);
    if (!err)
        err = elc_buffer_append(&corrupter->ids, ids, n * sizeof *ids);
    if (!err)
        err = elc_buffer_append(&corrupter->positions, masks->positions,
                                masks->n * sizeof *masks->positions);
    if (!err)
        err = elc_buffer_append(&corrupter->keep, masks->keep, masks->n);
    for (size_t i = 0; !err && i < masks->n; i++)
        err = elc_buffer_append(&corrupter->original, &ids[masks->positions[i]], sizeof *ids);
    const struct elc_masked_text text = {.n = n, .n_masked = masks->n};
    corrupter->n_tokens += n;
    return err ? err : elc_buffer_append(&corrupter->texts, &text, sizeof text);
}

/* ---- all texts of a block ---- */

static struct elc_masked_text *texts_of(const struct elc_corrupter *corrupter, size_t *n) {
    struct elc_masked_text *texts = (struct elc_masked_text *)(void *)corrupter->texts.data;
    *n = corrupter->texts.len / sizeof *texts;
    return texts;
}

/* No texts, but buffers that have an address. */
static int reset(struct elc_corrupter *corrupter) {
    struct elc_buffer *const buffers[] = {
        &corrupter->ids,      &corrupter->types, &corrupter->positions, &corrupter->keep,
        &corrupter->original, &corrupter->drawn, &corrupter->texts,
    };
    int err = 0;
    for (size_t i = 0; !err && i < sizeof buffers / sizeof *buffers; i++) {
        buffers[i]->len = 0;
        err = elc_buffer_reserve(buffers[i], 1);
    }
    return err;
}

static int mask_block(struct elc_corrupter *corrupter, const struct elc_block *in,
                      const struct elc_header *header, const struct elc_corruption *corruption,
                      uint64_t epoch) {
    size_t position = 0;
    uint64_t number = in->first;
    int got;
    int err = reset(corrupter);
    if (err)
        return err;
    while ((got = elc_record_next(&corrupter->record, &in->payload, &position)) > 0) {
        err = mask_record(corrupter, header, corruption, epoch);
        number++;
        if (err)
            return elc_context(err, "record %llu", (unsigned long long)number);
    }
    return got;
}

/* Points each text at its part of the buffers, which do not move any more. */
static int lay_out(struct elc_corrupter *corrupter) {
    size_t n_texts, token = 0, mask = 0;
    struct elc_masked_text *texts = texts_of(corrupter, &n_texts);
    corrupter->drawn.len = 0;
    int err = elc_buffer_reserve(&corrupter->drawn, corrupter->original.len);
    if (err)
        return err;
    for (size_t i = 0; i < n_texts; i++) {
        texts[i].ids = numbers(&corrupter->ids) + token;
        texts[i].types = corrupter->types.data + token;
        texts[i].positions = numbers(&corrupter->positions) + mask;
        texts[i].keep = corrupter->keep.data + mask;
        texts[i].replacements = numbers(&corrupter->drawn) + mask;
        token += texts[i].n;
        mask += texts[i].n_masked;
    }
    return 0;
}

static int replace(struct elc_corrupter *corrupter, const struct elc_header *header,
                   const struct elc_corruption *corruption, uint64_t epoch) {
    size_t n_texts;
    struct elc_masked_text *texts = texts_of(corrupter, &n_texts);
    const struct elc_draws draws = {corruption->seed, epoch, corruption->never_original,
                                    corrupter->worker};
    if (corruption->replacer)
        return corruption->replacer->draw(corruption->replacer, texts, n_texts, &draws);
    for (size_t i = 0; i < n_texts; i++)
        for (size_t k = 0; k < texts[i].n_masked; k++)
            texts[i].replacements[k] =
                texts[i].keep[k] ? texts[i].ids[texts[i].positions[k]] : header->vocab.mask;
    return 0;
}

/* ---- records ---- */

/* Puts the replacements into ids[n]; flags[n] say where they differ. */
static void show(uint32_t *ids, uint8_t *flags, const struct elc_masked_text *text) {
    memset(flags, 0, text->n);
    for (size_t k = 0; k < text->n_masked; k++) {
        const uint32_t position = text->positions[k];
        flags[position] = ids[position] != text->replacements[k];
        ids[position] = text->replacements[k];
    }
}

static int copy_fields(struct elc_corrupter *corrupter, const struct elc_masked_text *text,
                       unsigned id_width) {
    struct elc_builder *builder = &corrupter->builder;
    int err = 0;
    for (size_t i = 0; !err && i < corrupter->record.n_fields; i++) {
        const struct elc_field *field = &corrupter->record.fields[i];
        if (field->key_len == 3 && memcmp(field->key, "ids", 3) == 0)
            err = elc_builder_numbers(builder, "ids", text->ids, text->n, id_width);
        else
            err = elc_builder_field(builder, field);
    }
    return err;
}

/* The record of `text`, made of corrupter->record. */
static int build_record(struct elc_corrupter *corrupter, const struct elc_masked_text *text,
                        const uint32_t *original, const uint8_t *replaced, unsigned id_width) {
    struct elc_builder *builder = &corrupter->builder;
    elc_builder_reset(builder);
    int err = copy_fields(corrupter, text, id_width);
    if (!err)
        err = elc_builder_numbers(builder, "masked", text->positions, text->n_masked, 2);
    if (!err)
        err = elc_builder_numbers(builder, "original", original, text->n_masked, id_width);
    if (!err && replaced)
        err = elc_builder_bin(builder, "replaced", replaced, text->n);
    return err ? err : elc_builder_finish(builder);
}

/* Ids and types are not needed after this as they were: the ids get their replacements, and the
 * flags take the types' place. */
static int build_block(struct elc_corrupter *corrupter, struct elc_block *out,
                       const struct elc_block *in, unsigned id_width, bool replaced) {
    size_t n_texts, position = 0;
    const struct elc_masked_text *text = texts_of(corrupter, &n_texts);
    const uint32_t *original = numbers(&corrupter->original);
    uint32_t *ids = numbers(&corrupter->ids);
    uint8_t *flags = corrupter->types.data;
    int got;
    out->first = in->first;
    out->count = in->count;
    out->payload.len = 0;
    while ((got = elc_record_next(&corrupter->record, &in->payload, &position)) > 0) {
        show(ids, flags, text);
        int err = build_record(corrupter, text, original, replaced ? flags : NULL, id_width);
        if (!err)
            err = elc_buffer_append(&out->payload, corrupter->builder.record.data,
                                    corrupter->builder.record.len);
        if (err)
            return err;
        ids += text->n;
        flags += text->n;
        original += text->n_masked;
        text++;
    }
    return got;
}

int elc_corrupt_block(struct elc_corrupter *corrupter, struct elc_block *out,
                      const struct elc_block *in, const struct elc_header *header,
                      const struct elc_corruption *corruption, uint64_t epoch) {
    int err = mask_block(corrupter, in, header, corruption, epoch);
    if (!err)
        err = lay_out(corrupter);
    if (!err)
        err = replace(corrupter, header, corruption, epoch);
    return err ? err
               : build_block(corrupter, out, in, header->id_width, corruption->replacer != NULL);
}

void elc_corrupter_free(struct elc_corrupter *corrupter) {
    elc_masks_free(&corrupter->masks);
    elc_buffer_free(&corrupter->ids);
    elc_buffer_free(&corrupter->types);
    elc_buffer_free(&corrupter->positions);
    elc_buffer_free(&corrupter->keep);
    elc_buffer_free(&corrupter->original);
    elc_buffer_free(&corrupter->drawn);
    elc_buffer_free(&corrupter->texts);
    elc_buffer_free(&corrupter->words);
    elc_builder_free(&corrupter->builder);
}

int elc_corrupt_check(const struct elc_corruption *corruption, const struct elc_header *header,
                      const char *name) {
    struct elc_replacer *replacer = corruption->replacer;
    if (header->kind != ELC_TOKENS)
        return elc_fail(ELC_EMISMATCH, "%s: a stream of kind '%s', where tokens are wanted", name,
                        elc_kind_name(header->kind));
    return replacer ? replacer->check(replacer, header, name) : 0;
}

int elc_corrupt_header(struct elc_header *header, const struct elc_corruption *corruption,
                       uint64_t epoch) {
    const char *method = corruption->replacer ? corruption->replacer->method : "mask";
    header->kind = ELC_CORRUPTED;
    header->has_epoch = true;
    header->epoch = epoch;
    header->mask_prob = corruption->mask_prob;
    header->method = elc_arena_text(&header->arena, method, strlen(method));
    return header->method ? 0 : ELC_ENOMEM;
}
