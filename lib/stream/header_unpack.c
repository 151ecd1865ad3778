/* Headers from msgpack: every key has the type and range that the rest of the program counts on. */
#include <string.h>

#include "header.h"
#include "wire.h"

/* The keys that are read below; all others are passed on. */
static const char *const known_keys[] = {"electra",   "kind",    "ids",   "max_length", "vocab",
                                         "tokenizer", "history", "shard", "epoch",      "method",
                                         "mask_prob", "model",   "task"};

/* A decoded map. */
static int read_map(struct elc_record *map, const uint8_t *bytes, size_t len) {
    int err = elc_wire_map(map, bytes, len, ELC_DEPTH_LIMIT);
    for (size_t i = 0; !err && i < map->n_fields; i++)
        err = elc_wire_decode(&map->fields[i]);
    return err;
}

static int missing(int got, const char *key) {
    return got < 0 ? got : elc_fail(ELC_EFORMAT, "key '%s' is missing", key);
}

static int need_uint(const struct elc_record *map, const char *key, uint64_t max, uint64_t *value) {
    *value = 0;
    int got = elc_record_uint(map, key, value);
    if (got <= 0)
        return missing(got, key);
    if (*value > max)
        return elc_fail(ELC_EFORMAT, "key '%s' is %llu, above %llu", key,
                        (unsigned long long)*value, (unsigned long long)max);
    return 0;
}

static int need_bool(const struct elc_record *map, const char *key, bool *value) {
    const struct elc_field *field = elc_record_find(map, key);
    if (!field)
        return missing(0, key);
    if (field->type != ELC_BOOL)
        return elc_fail(ELC_EFORMAT, "key '%s' is neither true nor false", key);
    *value = field->as.boolean;
    return 0;
}

/* A string as the header keeps it: in its arena, with a NUL behind and none inside. */
static int keep_text(struct elc_header *header, const struct elc_field *field, char **text) {
    const char *bytes = (const char *)field->as.bytes.data;
    size_t len = field->as.bytes.len;
    if (field->type != ELC_STR || (len > 0 && memchr(bytes, '\0', len)))
        return elc_fail(ELC_EFORMAT, "key '%.*s' is not a string without NUL", (int)field->key_len,
                        field->key);
    *text = elc_arena_text(&header->arena, bytes, len);
    return *text ? 0 : ELC_ENOMEM;
}

/* NULL when the key is absent or nil. */
static int optional_text(struct elc_header *header, const struct elc_record *map, const char *key,
                         char **text) {
    const struct elc_field *field = elc_record_find(map, key);
    *text = NULL;
    return field && field->type != ELC_NIL ? keep_text(header, field, text) : 0;
}

/* The index of the string that `key` holds in `words`. */
static int need_word(const struct elc_record *map, const char *key, const char *const *words,
                     size_t n_words) {
    const struct elc_field *field = elc_record_find(map, key);
    if (!field || field->type != ELC_STR)
        return elc_fail(ELC_EFORMAT, "key '%s' is %s", key, field ? "not a string" : "missing");
    const char *bytes = (const char *)field->as.bytes.data;
    size_t len = field->as.bytes.len;
    for (size_t i = 0; i < n_words; i++)
        if (strlen(words[i]) == len && memcmp(words[i], bytes, len) == 0)
            return (int)i;
    return elc_fail(ELC_EFORMAT, "key '%s' is '%.*s', which this version does not know", key,
                    (int)(len < 64 ? len : 64), bytes);
}

static int read_submap(struct elc_record *submap, const struct elc_record *map, const char *key) {
    const struct elc_field *field = elc_record_find(map, key);
    if (!field || field->type != ELC_MAP)
        return elc_fail(ELC_EFORMAT, "key '%s' is %s", key, field ? "not a map" : "missing");
    return read_map(submap, field->raw, field->raw_len);
}

static int unpack_hash(struct elc_vocab_id *vocab, const struct elc_record *map) {
    const struct elc_field *field = elc_record_find(map, "xxh3");
    enum { DIGITS = sizeof vocab->xxh3 - 1 };
    if (!field || field->type != ELC_STR || field->as.bytes.len != DIGITS)
        return elc_fail(ELC_EFORMAT, "key 'xxh3' is not %d hexadecimal digits", DIGITS);
    memcpy(vocab->xxh3, field->as.bytes.data, DIGITS);
    vocab->xxh3[DIGITS] = '\0';
    if (strspn(vocab->xxh3, "0123456789abcdef") != DIGITS)
        return elc_fail(ELC_EFORMAT, "key 'xxh3' is not %d hexadecimal digits", DIGITS);
    return 0;
}

static int unpack_vocab(struct elc_vocab_id *vocab, const struct elc_record *map) {
    struct elc_record submap;
    int err = read_submap(&submap, map, "vocab");
    if (!err)
        err = need_uint(&submap, "size", UINT32_MAX, &vocab->size);
    if (!err && vocab->size == 0)
        err = elc_fail(ELC_EFORMAT, "key 'size' is 0");
    if (!err)
        err = unpack_hash(vocab, &submap);
    const struct {
        const char *key;
        uint32_t *id;
    } specials[] = {{"pad", &vocab->pad},
                    {"unk", &vocab->unk},
                    {"cls", &vocab->cls},
                    {"sep", &vocab->sep},
                    {"mask", &vocab->mask}};
    for (size_t i = 0; !err && i < sizeof specials / sizeof *specials; i++) {
        uint64_t id;
        err = need_uint(&submap, specials[i].key, vocab->size - 1, &id);
        *specials[i].id = (uint32_t)id;
    }
    return err ? elc_context(err, "key 'vocab'") : 0;
}

/* Rules that a header has keys for only where they are unusual. */
static int unpack_unusual(struct elc_tokenizer_id *tokenizer, const struct elc_record *map) {
    bool cuts_chinese = true, cleans = true;
    uint64_t word_chars = 0;
    int err = 0;
    if (elc_record_find(map, "tokenize_chinese_chars"))
        err = need_bool(map, "tokenize_chinese_chars", &cuts_chinese);
    if (!err && elc_record_find(map, "clean_text"))
        err = need_bool(map, "clean_text", &cleans);
    if (!err && elc_record_find(map, "max_input_chars_per_word"))
        err = need_uint(map, "max_input_chars_per_word", UINT32_MAX, &word_chars);
    tokenizer->chinese_joined = !cuts_chinese;
    tokenizer->keep_controls = !cleans;
    tokenizer->word_chars = (uint32_t)word_chars;
    return err;
}

static int unpack_tokenizer(struct elc_header *header, const struct elc_record *map) {
    struct elc_tokenizer_id *tokenizer = &header->tokenizer;
    struct elc_record submap;
    int err = read_submap(&submap, map, "tokenizer");
    if (!err)
        err = need_bool(&submap, "cased", &tokenizer->cased);
    if (!err)
        err = need_bool(&submap, "strip_accents", &tokenizer->strip_accents);
    if (!err)
        err = optional_text(header, &submap, "compat", &tokenizer->compat);
    if (!err)
        err = optional_text(header, &submap, "pattern", &tokenizer->pattern);
    if (!err)
        err = optional_text(header, &submap, "unicode", &tokenizer->unicode);
    if (!err)
        err = unpack_unusual(tokenizer, &submap);
    return err ? elc_context(err, "key 'tokenizer'") : 0;
}

/* An array of this map; its elements follow at *at, which ends at *end. */
static int need_array(const struct elc_record *map, const char *key, size_t *count,
                      const uint8_t **at, const uint8_t **end) {
    const struct elc_field *field = elc_record_find(map, key);
    if (!field || field->type != ELC_ARRAY)
        return elc_fail(ELC_EFORMAT, "key '%s' is %s", key, field ? "not an array" : "missing");
    *count = field->as.count;
    *at = elc_wire_elements(field);
    *end = field->raw + field->raw_len;
    return 0;
}

static int unpack_entry(struct elc_header *header, struct elc_history_entry *entry,
                        const struct elc_record *map) {
    const uint8_t *at, *end;
    int err = optional_text(header, map, "program", &entry->program);
    if (!err)
        err = optional_text(header, map, "version", &entry->version);
    if (!err && (!entry->program || !entry->version))
        err = missing(0, entry->program ? "version" : "program");
    if (!err)
        err = need_array(map, "args", &entry->n_args, &at, &end);
    if (err)
        return err;
    entry->args = elc_arena_alloc(&header->arena, (entry->n_args + 1) * sizeof *entry->args);
    if (!entry->args)
        return ELC_ENOMEM;
    for (size_t i = 0; i < entry->n_args; i++) {
        struct elc_field arg;
        err = elc_wire_value(&arg, at, (size_t)(end - at));
        if (err)
            return err;
        arg.key = "args";
        arg.key_len = 4;
        err = keep_text(header, &arg, &entry->args[i]);
        if (err)
            return err;
        at += arg.raw_len;
    }
    return 0;
}

static int unpack_history(struct elc_header *header, const struct elc_record *map) {
    const uint8_t *at, *end;
    size_t n;
    int err = need_array(map, "history", &n, &at, &end);
    if (err)
        return err;
    header->history = elc_arena_alloc(&header->arena, (n + 1) * sizeof *header->history);
    if (!header->history)
        return ELC_ENOMEM;
    for (; header->n_history < n; header->n_history++) {
        struct elc_record entry;
        err = read_map(&entry, at, (size_t)(end - at));
        if (!err)
            err = unpack_entry(header, &header->history[header->n_history], &entry);
        if (err)
            return elc_context(err, "key 'history'");
        at += entry.raw_len;
    }
    return 0;
}

static int unpack_shard(struct elc_header *header, const struct elc_record *map) {
    const uint8_t *at, *end;
    size_t n;
    if (!elc_record_find(map, "shard"))
        return 0;
    int err = need_array(map, "shard", &n, &at, &end);
    struct elc_field k = {.type = ELC_NIL}, of = {.type = ELC_NIL};
    if (!err && n == 2)
        err = elc_wire_value(&k, at, (size_t)(end - at));
    if (!err && n == 2)
        err = elc_wire_value(&of, at + k.raw_len, (size_t)(end - at) - k.raw_len);
    if (err)
        return err;
    if (k.type != ELC_UINT || of.type != ELC_UINT || k.as.uint < 1 || k.as.uint > of.as.uint)
        return elc_fail(ELC_EFORMAT, "key 'shard' is not [k, n] with 1 ≤ k ≤ n");
    header->shard = k.as.uint;
    header->shards = of.as.uint;
    return 0;
}

static int unpack_optional(struct elc_header *header, const struct elc_record *map) {
    int err = unpack_shard(header, map);
    if (err)
        return err;
    int got = elc_record_uint(map, "epoch", &header->epoch);
    if (got < 0)
        return got;
    header->has_epoch = got == 1;
    const struct elc_field *prob = elc_record_find(map, "mask_prob");
    if (prob) {
        if (prob->type != ELC_REAL || !(prob->as.real > 0) || !(prob->as.real < 1))
            return elc_fail(ELC_EFORMAT, "key 'mask_prob' is not between 0 and 1");
        header->mask_prob = prob->as.real;
    }
    err = optional_text(header, map, "method", &header->method);
    if (!err)
        err = optional_text(header, map, "model", &header->model);
    if (!err)
        err = optional_text(header, map, "task", &header->task);
    return err;
}

static bool is_known(const struct elc_field *field) {
    for (size_t i = 0; i < sizeof known_keys / sizeof *known_keys; i++)
        if (strlen(known_keys[i]) == field->key_len &&
            memcmp(known_keys[i], field->key, field->key_len) == 0)
            return true;
    return false;
}

static int keep_extra(struct elc_header *header, const struct elc_record *map) {
    msgpack_packer packer;
    elc_packer_init(&packer, &header->extra);
    for (size_t i = 0; i < map->n_fields; i++) {
        const struct elc_field *field = &map->fields[i];
        if (is_known(field))
            continue;
        int err = elc_pack_str(&packer, field->key, field->key_len);
        if (!err)
            err = elc_buffer_append(&header->extra, field->raw, field->raw_len);
        if (err)
            return err;
        header->n_extra++;
    }
    return 0;
}

static int unpack_ids(struct elc_header *header, const struct elc_record *map) {
    static const char *const widths[] = {"u16", "u32"};
    int width = need_word(map, "ids", widths, 2);
    if (width < 0)
        return width;
    header->id_width = width == 0 ? 2 : 4;
    if (header->id_width == 2 && header->vocab.size > UINT16_MAX)
        return elc_fail(ELC_EFORMAT, "ids of 2 bytes for a vocabulary of %llu tokens",
                        (unsigned long long)header->vocab.size);
    return 0;
}

static int unpack_map(struct elc_header *header, const struct elc_record *map) {
    const char *const kinds[] = {elc_kind_name(ELC_TOKENS), elc_kind_name(ELC_CORRUPTED),
                                 elc_kind_name(ELC_SCORES)};
    uint64_t version, max_length;
    int err = need_uint(map, "electra", UINT64_MAX, &version);
    if (err)
        return err;
    if (version != 1)
        return elc_fail(ELC_EFORMAT, "version %llu of the format, which this version does not know",
                        (unsigned long long)version);
    int kind = need_word(map, "kind", kinds, sizeof kinds / sizeof *kinds);
    if (kind < 0)
        return kind;
    header->kind = (enum elc_kind)kind;
    err = need_uint(map, "max_length", UINT32_MAX, &max_length);
    header->max_length = (uint32_t)max_length;
    if (!err)
        err = unpack_vocab(&header->vocab, map);
    if (!err)
        err = unpack_ids(header, map);
    if (!err)
        err = unpack_tokenizer(header, map);
    if (!err)
        err = unpack_history(header, map);
    if (!err)
        err = unpack_optional(header, map);
    return err ? err : keep_extra(header, map);
}

int elc_header_unpack(struct elc_header *header, const uint8_t *bytes, size_t len) {
    struct elc_record map;
    *header = (struct elc_header){0};
    int err = read_map(&map, bytes, len);
    if (!err)
        err = unpack_map(header, &map);
    if (err)
        elc_header_free(header);
    return err;
}
