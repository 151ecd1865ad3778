/* Vocabularies: one block of text, an index by id and a hash table by name. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <xxhash.h>

#include "electra/file.h"
#include "electra/memory.h"
#include "electra/parse.h"
#include "electra/tokenize.h"
#include "electra/vocab.h"

#include "places.h"
#include "vocab_json.h"

enum { SIZE_LIMIT = 1 << 28 }; /* bytes of a vocabulary: offsets and slots stay below 2^32 */

struct elc_vocab {
    struct elc_vocab_id id;
    char *text;           /* every token with a NUL behind it, in id order */
    uint32_t *starts;     /* size + 1 places in `text` */
    struct place *places; /* the tag is the upper half of a hash */
    size_t place_mask;    /* number of places, a power of two, minus 1 */
};

const char *const elc_special_tokens[ELC_N_SPECIALS] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                                        "[MASK]"};

static size_t token_len(const struct elc_vocab *vocab, uint32_t id) {
    return vocab->starts[id + 1] - vocab->starts[id] - 1;
}

/* The place of the token, or the free one where it would go. */
static struct place *find_place(const struct elc_vocab *vocab, const char *token, size_t len,
                                uint64_t hash) {
    uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t i = hash & vocab->place_mask;; i = (i + 1) & vocab->place_mask) {
        struct place *place = &vocab->places[i];
        if (place->id == ELC_NO_TOKEN)
            return place;
        if (place->tag == tag && token_len(vocab, place->id) == len &&
            memcmp(vocab->text + vocab->starts[place->id], token, len) == 0)
            return place;
    }
}

uint32_t elc_vocab_lookup(const struct elc_vocab *vocab, const char *token, size_t len) {
    return find_place(vocab, token, len, XXH3_64bits(token, len))->id;
}

const char *elc_vocab_token(const struct elc_vocab *vocab, uint32_t id, size_t *len) {
    if (id >= vocab->id.size)
        return NULL;
    if (len)
        *len = token_len(vocab, id);
    return vocab->text + vocab->starts[id];
}

const struct elc_vocab_id *elc_vocab_id(const struct elc_vocab *vocab) {
    return &vocab->id;
}

void elc_vocab_destroy(struct elc_vocab *vocab) {
    if (!vocab)
        return;
    free(vocab->text);
    free(vocab->starts);
    free(vocab->places);
    free(vocab);
}

/* Copies the lines, CRLF ends made LF, the last one ended, and counts them. */
static int copy_lines(struct elc_vocab *vocab, const char *text, size_t len, size_t *text_len) {
    vocab->text = malloc(len + 1);
    if (!vocab->text)
        return elc_fail_memory(len + 1);
    char *out = vocab->text;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r' && (i + 1 == len || text[i + 1] == '\n'))
            continue;
        *out++ = text[i];
        vocab->id.size += text[i] == '\n';
    }
    if (out > vocab->text && out[-1] != '\n') {
        *out++ = '\n';
        vocab->id.size++;
    }
    *text_len = (size_t)(out - vocab->text);
    if (vocab->id.size > ELC_VOCAB_LIMIT)
        return elc_fail(ELC_ELIMIT, "vocabulary of %" PRIu64 " lines; the limit is %d tokens",
                        (uint64_t)vocab->id.size, ELC_VOCAB_LIMIT);
    return 0;
}

static void hash_tokens(struct elc_vocab *vocab, size_t text_len) {
    XXH128_hash_t hash = XXH3_128bits(vocab->text, text_len);
    (void)snprintf(vocab->id.xxh3, sizeof vocab->id.xxh3, "%016" PRIx64 "%016" PRIx64,
                   (uint64_t)hash.high64, (uint64_t)hash.low64);
}

static int check_token(const char *token, size_t len, uint64_t line) {
    if (len == 0)
        return elc_fail(ELC_EFORMAT, "line %" PRIu64 ": empty line; each line must be a token",
                        line);
    if (len > ELC_TOKEN_BYTES)
        return elc_fail(ELC_ELIMIT, "line %" PRIu64 ": token of %zu bytes; the limit is %d", line,
                        len, ELC_TOKEN_BYTES);
    if (memchr(token, '\0', len))
        return elc_fail(ELC_EFORMAT, "line %" PRIu64 ": NUL byte in a token", line);
    if (elc_utf8_valid(token, len) != len)
        return elc_fail(ELC_EFORMAT, "line %" PRIu64 ": token is not valid UTF-8", line);
    return 0;
}

static int table_new(struct elc_vocab *vocab) {
    size_t n_places = 16;
    while (n_places < vocab->id.size * 2)
        n_places *= 2;
    const size_t bytes = n_places * sizeof *vocab->places;
    vocab->place_mask = n_places - 1;
    vocab->places = malloc(bytes);
    vocab->starts = malloc((vocab->id.size + 1) * sizeof *vocab->starts);
    if (!vocab->places || !vocab->starts)
        return elc_fail_memory(bytes);
    memset(vocab->places, 0xFF, bytes); /* every id ELC_NO_TOKEN */
    return 0;
}

/* Enters the token into the table. */
static int table_add(struct elc_vocab *vocab, const char *token, size_t len, uint32_t id) {
    const uint64_t hash = XXH3_64bits(token, len);
    struct place *place = find_place(vocab, token, len, hash);
    if (place->id != ELC_NO_TOKEN)
        return elc_fail(ELC_EFORMAT,
                        "line %" PRIu64 ": token '%s' is there twice, first on line %" PRIu64,
                        (uint64_t)id + 1, token, (uint64_t)place->id + 1);
    *place = (struct place){.tag = (uint32_t)(hash >> 32), .id = id};
    return place_check(vocab->places, vocab->place_mask, hash & vocab->place_mask, place, token);
}

/* Cuts the copied lines into tokens and enters each in the table. */
static int index_tokens(struct elc_vocab *vocab, size_t text_len) {
    int rc = table_new(vocab);
    char *token = vocab->text;
    for (uint32_t id = 0; rc == 0 && id < vocab->id.size; id++) {
        char *end = memchr(token, '\n', text_len - (size_t)(token - vocab->text));
        size_t len = (size_t)(end - token);
        rc = check_token(token, len, (uint64_t)id + 1);
        if (rc < 0)
            return rc;
        *end = '\0';
        vocab->starts[id] = (uint32_t)(token - vocab->text);
        vocab->starts[id + 1] = (uint32_t)(end + 1 - vocab->text);
        rc = table_add(vocab, token, len, id);
        token = end + 1;
    }
    return rc < 0 ? rc : places_check(vocab->places, vocab->place_mask, vocab);
}

static int find_specials(struct elc_vocab *vocab) {
    uint32_t *const ids[ELC_N_SPECIALS] = {&vocab->id.pad, &vocab->id.unk, &vocab->id.cls,
                                           &vocab->id.sep, &vocab->id.mask};
    for (int i = 0; i < ELC_N_SPECIALS; i++) {
        const char *token = elc_special_tokens[i];
        *ids[i] = elc_vocab_lookup(vocab, token, strlen(token));
        if (*ids[i] == ELC_NO_TOKEN)
            return elc_fail(ELC_EFORMAT, "no token %s in the vocabulary", token);
    }
    return 0;
}

static int parse(struct elc_vocab *vocab, const char *text, size_t len) {
    if (len == 0)
        return elc_fail(ELC_EFORMAT, "empty vocabulary (did the previous command fail?)");
    if (len > SIZE_LIMIT)
        return elc_fail(ELC_ELIMIT, "vocabulary of %zu bytes; the limit is %d", len, SIZE_LIMIT);
    size_t text_len = 0;
    int rc = copy_lines(vocab, text, len, &text_len);
    if (rc < 0)
        return rc;
    hash_tokens(vocab, text_len);
    rc = index_tokens(vocab, text_len);
    return rc < 0 ? rc : find_specials(vocab);
}

int elc_vocab_parse(struct elc_vocab **vocab, const char *text, size_t len, const char *name) {
    *vocab = NULL;
    struct elc_vocab *made = calloc(1, sizeof *made);
    if (!made)
        return elc_fail_memory(sizeof *made);
    int rc = parse(made, text, len);
    if (rc < 0) {
        elc_vocab_destroy(made);
        return elc_context(rc, "%s", name);
    }
    *vocab = made;
    return 0;
}

static bool is_directory(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* directory/name if that exists; NULL otherwise, with *rc set only if memory is out. */
static char *existing(const char *directory, const char *name, int *rc) {
    char *path = elc_path_join(directory, name);
    struct stat status;
    if (!path)
        *rc = ELC_ENOMEM;
    else if (stat(path, &status) == 0)
        return path;
    free(path);
    return NULL;
}

/* The file of a model directory that holds its vocabulary. */
static int find_file(char **path, const char *directory) {
    int rc = 0;
    *path = existing(directory, "vocab.txt", &rc);
    if (!*path && rc == 0)
        *path = existing(directory, "tokenizer.json", &rc);
    if (!*path && rc == 0)
        return elc_fail(ELC_EIO, "%s: neither vocab.txt nor tokenizer.json is there", directory);
    return rc;
}

static int read_file(struct elc_vocab **vocab, const char *path) {
    struct elc_map map;
    int rc = elc_map_open(&map, path);
    if (rc < 0)
        return rc;
    if (elc_ends_with(path, ".json"))
        rc = elc_vocab_parse_json(vocab, (const char *)map.data, map.len, path);
    else
        rc = elc_vocab_parse(vocab, (const char *)map.data, map.len, path);
    elc_map_close(&map);
    return rc;
}

int elc_vocab_read(struct elc_vocab **vocab, const char *path) {
    *vocab = NULL;
    if (!is_directory(path))
        return read_file(vocab, path);
    char *found;
    int rc = find_file(&found, path);
    if (rc == 0)
        rc = read_file(vocab, found);
    free(found);
    return rc;
}

int elc_vocab_write(const struct elc_vocab *vocab, const char *path) {
    size_t len = vocab->starts[vocab->id.size];
    char *lines = malloc(len);
    if (!lines)
        return elc_fail_memory(len);
    for (size_t i = 0; i < len; i++)
        lines[i] = vocab->text[i] ? vocab->text[i] : '\n';
    int rc = elc_file_write(path, lines, len);
    free(lines);
    return rc;
}
