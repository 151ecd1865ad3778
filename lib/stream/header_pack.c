/* Headers to msgpack. */
#include <string.h>

#include "header.h"
#include "wire.h"

static int pack_text(msgpack_packer *packer, const char *text) {
    return text ? elc_pack_str(packer, text, strlen(text)) : msgpack_pack_nil(packer);
}

static int pack_bool(msgpack_packer *packer, bool value) {
    return value ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
}

static int pair_uint(msgpack_packer *packer, const char *key, uint64_t value) {
    int err = elc_pack_key(packer, key);
    return err ? err : msgpack_pack_uint64(packer, value);
}

static int pair_text(msgpack_packer *packer, const char *key, const char *text) {
    int err = elc_pack_key(packer, key);
    return err ? err : pack_text(packer, text);
}

static int pair_bool(msgpack_packer *packer, const char *key, bool value) {
    int err = elc_pack_key(packer, key);
    return err ? err : pack_bool(packer, value);
}

static int pack_vocab(msgpack_packer *packer, const struct elc_vocab_id *vocab) {
    const struct {
        const char *key;
        uint32_t id;
    } specials[] = {{"pad", vocab->pad},
                    {"unk", vocab->unk},
                    {"cls", vocab->cls},
                    {"sep", vocab->sep},
                    {"mask", vocab->mask}};
    enum { N_SPECIALS = sizeof specials / sizeof *specials };
    int err = elc_pack_key(packer, "vocab");
    if (!err)
        err = msgpack_pack_map(packer, 2 + N_SPECIALS);
    if (!err)
        err = pair_uint(packer, "size", vocab->size);
    if (!err)
        err = pair_text(packer, "xxh3", vocab->xxh3);
    for (size_t i = 0; !err && i < N_SPECIALS; i++)
        err = pair_uint(packer, specials[i].key, specials[i].id);
    return err;
}

static int pack_tokenizer(msgpack_packer *packer, const struct elc_tokenizer_id *tokenizer) {
    const size_t n_unusual =
        tokenizer->chinese_joined + tokenizer->keep_controls + (tokenizer->word_chars > 0);
    int err = elc_pack_key(packer, "tokenizer");
    if (!err)
        err = msgpack_pack_map(packer, 5 + n_unusual);
    if (!err)
        err = pair_bool(packer, "cased", tokenizer->cased);
    if (!err)
        err = pair_bool(packer, "strip_accents", tokenizer->strip_accents);
    if (!err)
        err = pair_text(packer, "compat", tokenizer->compat);
    if (!err)
        err = pair_text(packer, "pattern", tokenizer->pattern);
    if (!err)
        err = pair_text(packer, "unicode", tokenizer->unicode);
    if (!err && tokenizer->chinese_joined)
        err = pair_bool(packer, "tokenize_chinese_chars", false);
    if (!err && tokenizer->keep_controls)
        err = pair_bool(packer, "clean_text", false);
    if (!err && tokenizer->word_chars > 0)
        err = pair_uint(packer, "max_input_chars_per_word", tokenizer->word_chars);
    return err;
}

static int pack_entry(msgpack_packer *packer, const struct elc_history_entry *entry) {
    int err = msgpack_pack_map(packer, 3);
    if (!err)
        err = pair_text(packer, "program", entry->program);
    if (!err)
        err = pair_text(packer, "version", entry->version);
    if (!err)
        err = elc_pack_key(packer, "args");
    if (!err)
        err = msgpack_pack_array(packer, entry->n_args);
    for (size_t i = 0; !err && i < entry->n_args; i++)
        err = pack_text(packer, entry->args[i]);
    return err;
}

static int pack_history(msgpack_packer *packer, const struct elc_header *header) {
    int err = elc_pack_key(packer, "history");
    if (!err)
        err = msgpack_pack_array(packer, header->n_history);
    for (size_t i = 0; !err && i < header->n_history; i++)
        err = pack_entry(packer, &header->history[i]);
    return err;
}

static int pack_shard(msgpack_packer *packer, const struct elc_header *header) {
    int err = elc_pack_key(packer, "shard");
    if (!err)
        err = msgpack_pack_array(packer, 2);
    if (!err)
        err = msgpack_pack_uint64(packer, header->shard);
    if (!err)
        err = msgpack_pack_uint64(packer, header->shards);
    return err;
}

/* The keys that only some headers have. */
static int pack_optional(msgpack_packer *packer, const struct elc_header *header) {
    int err = 0;
    if (header->shards > 0)
        err = pack_shard(packer, header);
    if (!err && header->has_epoch)
        err = pair_uint(packer, "epoch", header->epoch);
    if (!err && header->method)
        err = pair_text(packer, "method", header->method);
    if (!err && header->mask_prob > 0) {
        err = elc_pack_key(packer, "mask_prob");
        if (!err)
            err = msgpack_pack_double(packer, header->mask_prob);
    }
    if (!err && header->model)
        err = pair_text(packer, "model", header->model);
    if (!err && header->task)
        err = pair_text(packer, "task", header->task);
    return err;
}

int elc_header_pack(struct elc_buffer *bytes, const struct elc_header *header) {
    size_t n_optional = (size_t)(header->shards > 0) + header->has_epoch +
                        (header->method != NULL) + (header->mask_prob > 0) +
                        (header->model != NULL) + (header->task != NULL);
    size_t start = bytes->len;
    msgpack_packer packer;
    elc_packer_init(&packer, bytes);
    int err = msgpack_pack_map(&packer, 7 + n_optional + header->n_extra);
    if (!err)
        err = pair_uint(&packer, "electra", 1);
    if (!err)
        err = pair_text(&packer, "kind", elc_kind_name(header->kind));
    if (!err)
        err = pair_text(&packer, "ids", header->id_width == 2 ? "u16" : "u32");
    if (!err)
        err = pair_uint(&packer, "max_length", header->max_length);
    if (!err)
        err = pack_vocab(&packer, &header->vocab);
    if (!err)
        err = pack_tokenizer(&packer, &header->tokenizer);
    if (!err)
        err = pack_history(&packer, header);
    if (!err)
        err = pack_optional(&packer, header);
    if (!err)
        err = elc_buffer_append(bytes, header->extra.data, header->extra.len);
    if (!err && bytes->len - start > ELC_HEADER_LIMIT)
        err = elc_fail(ELC_ELIMIT, "a header of more than %d bytes", ELC_HEADER_LIMIT);
    return err;
}
