/* WordPiece: each word as the longest tokens of the vocabulary, from left to right. */
#include "electra/tokenize.h"

#include <stdlib.h>
#include <string.h>

#include "words.h"

struct elc_tokenizer {
    const struct elc_vocab *vocab;
    struct char_rules *rules;
    bool cased, strip_accents;
    uint32_t unk;
    size_t longest; /* bytes of the longest token, without its "##" */
    struct special specials[N_SPECIALS];
};

/* What one thread needs besides the tokenizer. */
struct scratch {
    const struct elc_tokenizer *owner;
    struct char_table table;
    struct word_reader reader;
    struct word word;
};

/* ---- making a tokenizer ---- */

static size_t longest_token(const struct elc_vocab *vocab) {
    size_t longest = 0, len;
    const char *token;
    for (uint32_t id = 0; (token = elc_vocab_token(vocab, id, &len)); id++) {
        if (len > 2 && memcmp(token, "##", 2) == 0)
            len -= 2;
        if (len > longest)
            longest = len;
    }
    return longest;
}

int elc_tokenizer_new(struct elc_tokenizer **tokenizer, const struct elc_vocab *vocab,
                      const struct elc_tokenizer_options *options) {
    *tokenizer = NULL;
    if (options->google)
        return elc_fail(ELC_EINVAL, "tokenization 'google' is not supported, only 'fast'");
    if (options->pattern)
        return elc_fail(ELC_EINVAL, "pre-tokenization by a pattern is not supported");
    struct elc_tokenizer *made = calloc(1, sizeof *made);
    if (!made)
        return elc_fail_memory(sizeof *made);
    made->vocab = vocab;
    made->cased = options->cased;
    made->strip_accents = options->strip_accents < 0 ? !options->cased : options->strip_accents;
    int rc = char_rules_new(&made->rules, made->cased, made->strip_accents);
    if (rc < 0) {
        free(made);
        return rc;
    }
    made->unk = vocab ? elc_vocab_id(vocab)->unk : 0;
    made->longest = vocab ? longest_token(vocab) : 0;
    find_specials(made->specials, vocab);
    *tokenizer = made;
    return 0;
}

void elc_tokenizer_destroy(struct elc_tokenizer *tokenizer) {
    if (!tokenizer)
        return;
    char_rules_destroy(tokenizer->rules);
    free(tokenizer);
}

int elc_tokenizer_describe(const struct elc_tokenizer *tokenizer, struct elc_tokenizer_id *id,
                           struct elc_arena *arena) {
    char version[24];
    int rc = char_unicode_version(version);
    if (rc < 0)
        return rc;
    *id = (struct elc_tokenizer_id){
        .cased = tokenizer->cased,
        .strip_accents = tokenizer->strip_accents,
        .compat = elc_arena_text(arena, "fast", 4),
        .unicode = elc_arena_text(arena, version, strlen(version)),
    };
    return id->compat && id->unicode ? 0 : ELC_ENOMEM;
}

/* ---- encoding ---- */

static int prepare(const struct elc_tokenizer *tokenizer, const char *text, size_t len,
                   struct elc_encoding *encoding, struct scratch **result) {
    if (len > UINT32_MAX)
        return elc_fail(ELC_ELIMIT, "text of %zu bytes; the limit is 2^32 - 1", len);
    struct scratch *scratch = encoding->scratch;
    if (!scratch) {
        scratch = encoding->scratch = calloc(1, sizeof *scratch);
        if (!scratch)
            return elc_fail_memory(sizeof *scratch);
        scratch->owner = tokenizer;
        scratch->reader = (struct word_reader){
            .rules = tokenizer->rules,
            .table = &scratch->table,
            .specials = tokenizer->specials,
        };
    }
    if (scratch->owner != tokenizer)
        return elc_fail(ELC_EINVAL, "this encoding belongs to another tokenizer");
    *result = scratch;
    return word_reader_begin(&scratch->reader, text, len);
}

void elc_encoding_free(struct elc_encoding *encoding) {
    struct scratch *scratch = encoding->scratch;
    if (scratch) {
        word_reader_free(&scratch->reader);
        char_table_free(&scratch->table);
    }
    free(scratch);
    free(encoding->ids);
    free(encoding->starts);
    free(encoding->ends);
    free(encoding->words);
    *encoding = (struct elc_encoding){0};
}

/* Makes room for the tokens of one more word. */
static int reserve(struct elc_encoding *encoding) {
    size_t needed = encoding->n + WORD_CHARS;
    if (needed <= encoding->capacity)
        return 0;
    size_t capacity = encoding->capacity;
    uint32_t **arrays[] = {&encoding->ids, &encoding->starts, &encoding->ends, &encoding->words};
    for (int i = 0; i < 4; i++) {
        capacity = encoding->capacity;
        int rc = elc_grow(arrays[i], &capacity, needed, sizeof(uint32_t));
        if (rc < 0)
            return rc;
    }
    encoding->capacity = capacity;
    return 0;
}

static void add_token(struct elc_encoding *encoding, uint32_t id, uint32_t start, uint32_t end,
                      uint32_t word) {
    size_t i = encoding->n++;
    encoding->ids[i] = id;
    encoding->starts[i] = start;
    encoding->ends[i] = end;
    encoding->words[i] = word;
}

/* The longest token that word->bytes goes on with at `at`: its id, and its end as `*end`. */
static uint32_t longest_match(const struct elc_tokenizer *tokenizer, struct word *word, size_t at,
                              size_t *end) {
    size_t stop = word->len - at > tokenizer->longest ? at + tokenizer->longest : word->len;
    char *piece = word_bytes(word) + at;
    size_t prefix = at > 0 ? 2 : 0;
    if (prefix) /* over what has been matched already */
        memcpy(piece - 2, "##", 2);
    for (; stop > at; stop--) {
        if (stop < word->len && ((uint8_t)word_bytes(word)[stop] & 0xC0) == 0x80)
            continue; /* not between characters */
        uint32_t id = elc_vocab_lookup(tokenizer->vocab, piece - prefix, stop - at + prefix);
        if (id != ELC_NO_TOKEN) {
            *end = stop;
            return id;
        }
    }
    return ELC_NO_TOKEN;
}

/* Adds the tokens of a word: its pieces, or one [UNK] for all of it. */
static void add_word(const struct elc_tokenizer *tokenizer, struct elc_encoding *encoding,
                     struct word *word, uint32_t number) {
    size_t first = encoding->n;
    size_t at = 0, end = 0;
    bool known = word->n_chars <= WORD_CHARS;
    while (known && at < word->len) {
        uint32_t id = longest_match(tokenizer, word, at, &end);
        known = id != ELC_NO_TOKEN;
        if (known && word->aligned)
            add_token(encoding, id, word->start + (uint32_t)at, word->start + (uint32_t)end,
                      number);
        else if (known)
            add_token(encoding, id, word->starts[at], word->ends[end - 1], number);
        at = end;
    }
    if (!known) {
        encoding->n = first;
        add_token(encoding, tokenizer->unk, word->start, word->end, number);
    }
}

int elc_tokenizer_encode(const struct elc_tokenizer *tokenizer, const char *text, size_t len,
                         size_t limit, struct elc_encoding *encoding) {
    struct scratch *scratch;
    encoding->n = 0;
    encoding->cut = 0;
    int rc = prepare(tokenizer, text, len, encoding, &scratch);
    if (rc < 0)
        return rc;
    struct word *word = &scratch->word;
    uint32_t number = 0;
    while ((rc = word_reader_next(&scratch->reader, word)) > 0) {
        rc = reserve(encoding);
        if (rc < 0)
            return rc;
        if (word->special != ELC_NO_TOKEN)
            add_token(encoding, word->special, word->start, word->end, number++);
        else
            add_word(tokenizer, encoding, word, number++);
        if (encoding->n > limit) {
            encoding->cut += encoding->n - limit;
            encoding->n = limit;
        }
    }
    return rc;
}

int elc_tokenizer_words(const struct elc_tokenizer *tokenizer, const char *text, size_t len,
                        struct elc_encoding *encoding,
                        int (*found)(void *context, const char *bytes, size_t len), void *context) {
    struct scratch *scratch;
    int rc = prepare(tokenizer, text, len, encoding, &scratch);
    if (rc < 0)
        return rc;
    struct word *word = &scratch->word;
    while ((rc = word_reader_next(&scratch->reader, word)) > 0) {
        if (word->special != ELC_NO_TOKEN || word->n_chars > WORD_CHARS)
            continue;
        rc = found(context, word_bytes(word), word->len);
        if (rc < 0)
            return rc;
    }
    return rc;
}
