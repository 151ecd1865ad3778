/* WordPiece: each word as the longest tokens of the vocabulary, from left to right. */
#include "electra/tokenize.h"

#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "word_cache.h"
#include "wordpiece.h"
#include "words.h"

struct elc_tokenizer {
    struct wordpiece pieces; /* empty without a vocabulary */
    struct char_rules *rules;
    struct elc_tokenizer_options options;
    char *pattern_text;      /* what options.pattern is a copy of */
    struct pattern *pattern; /* NULL: BERT's rules */
    uint32_t unk;
    struct special specials[ELC_N_SPECIALS];
};

/* What one thread needs besides the tokenizer. */
struct scratch {
    const struct elc_tokenizer *owner;
    struct char_table table;
    struct word_reader reader;
    struct word word;
    struct cache_set *cache; /* CACHE_SETS of them */
    struct short_words found;
    /* For patterns: a stretch of the text up to the next special token, and that token. */
    struct normalized stretch;
    struct pattern_walk walk;
    struct found_special special;
    enum { STRETCH_NONE, STRETCH_OPEN, STRETCH_BEFORE_SPECIAL } state;
};

/* ---- making a tokenizer ---- */

static int check_options(const struct elc_tokenizer_options *options) {
    if (options->word_chars > WORD_CHARS_LIMIT)
        return elc_fail(ELC_EINVAL, "words of up to %u characters are not supported, only of %d",
                        options->word_chars, WORD_CHARS_LIMIT);
    if (options->google && (options->keep_controls || options->chinese_joined))
        return elc_fail(ELC_EINVAL, "Google's rules clean the text and cut Chinese characters");
    return 0;
}

/* Fills in what the options leave open. */
static void settle_options(struct elc_tokenizer_options *settled,
                           const struct elc_tokenizer_options *options) {
    *settled = *options;
    if (options->strip_accents < 0)
        settled->strip_accents = !options->cased;
    if (options->word_chars == 0)
        settled->word_chars = options->google ? WORD_CHARS_GOOGLE : WORD_CHARS;
}

static int make_rules(struct elc_tokenizer *made) {
    const struct elc_tokenizer_options *options = &made->options;
    const struct char_options rules = {
        .cased = options->cased,
        .strip_accents = options->strip_accents,
        .google = options->google,
        .keep_controls = options->keep_controls,
        .chinese_joined = options->chinese_joined,
    };
    int rc = char_rules_new(&made->rules, &rules);
    if (rc < 0 || !options->pattern)
        return rc;
    made->pattern_text = strdup(options->pattern);
    if (!made->pattern_text)
        return elc_fail_memory(strlen(options->pattern));
    made->options.pattern = made->pattern_text;
    return pattern_new(&made->pattern, made->pattern_text);
}

static int use_vocab(struct elc_tokenizer *made, const struct elc_vocab *vocab) {
    find_specials(made->specials, vocab);
    if (!vocab)
        return 0;
    made->unk = elc_vocab_id(vocab)->unk;
    return wordpiece_init(&made->pieces, vocab);
}

int elc_tokenizer_new(struct elc_tokenizer **tokenizer, const struct elc_vocab *vocab,
                      const struct elc_tokenizer_options *options) {
    *tokenizer = NULL;
    int rc = check_options(options);
    if (rc < 0)
        return rc;
    struct elc_tokenizer *made = calloc(1, sizeof *made);
    if (!made)
        return elc_fail_memory(sizeof *made);
    settle_options(&made->options, options);
    rc = make_rules(made);
    if (rc == 0)
        rc = use_vocab(made, vocab);
    if (rc < 0) {
        elc_tokenizer_destroy(made);
        return rc;
    }
    *tokenizer = made;
    return 0;
}

void elc_tokenizer_destroy(struct elc_tokenizer *tokenizer) {
    if (!tokenizer)
        return;
    char_rules_destroy(tokenizer->rules);
    pattern_destroy(tokenizer->pattern);
    free(tokenizer->pattern_text);
    wordpiece_free(&tokenizer->pieces);
    free(tokenizer);
}

struct elc_tokenizer_id elc_tokenizer_options_id(const struct elc_tokenizer_options *options) {
    const uint32_t usual = options->google ? WORD_CHARS_GOOGLE : WORD_CHARS;
    return (struct elc_tokenizer_id){
        .cased = options->cased,
        .strip_accents = options->strip_accents < 0 ? !options->cased : options->strip_accents,
        .compat = options->google ? "google" : NULL,
        .pattern = (char *)(uintptr_t)options->pattern,
        .chinese_joined = options->chinese_joined,
        .keep_controls = options->keep_controls,
        .word_chars = options->word_chars == usual ? 0 : options->word_chars,
    };
}

int elc_tokenizer_describe(const struct elc_tokenizer *tokenizer, struct elc_tokenizer_id *id,
                           struct elc_arena *arena) {
    char version[24];
    int rc = char_unicode_version(version);
    if (rc < 0)
        return rc;
    const struct elc_tokenizer_options *options = &tokenizer->options;
    const char *compat = options->google ? "google" : "fast";
    *id = elc_tokenizer_options_id(options);
    id->compat = elc_arena_text(arena, compat, strlen(compat));
    id->unicode = elc_arena_text(arena, version, strlen(version));
    if (options->pattern) {
        id->pattern = elc_arena_text(arena, options->pattern, strlen(options->pattern));
        if (!id->pattern)
            return ELC_ENOMEM;
    }
    return id->compat && id->unicode ? 0 : ELC_ENOMEM;
}

/* ---- encoding ---- */

static struct scratch *scratch_new(const struct elc_tokenizer *tokenizer) {
    struct scratch *scratch = calloc(1, sizeof *scratch);
    struct cache_set *cache = elc_calloc_aligned(CACHE_SETS, sizeof *cache);
    if (!scratch || !cache) {
        free(scratch);
        free(cache);
        (void)elc_fail_memory(CACHE_SETS * sizeof *cache);
        return NULL;
    }
    scratch->owner = tokenizer;
    scratch->cache = cache;
    scratch->reader = (struct word_reader){
        .rules = tokenizer->rules,
        .table = &scratch->table,
        .specials = tokenizer->options.google ? NULL : tokenizer->specials,
        .max_chars = tokenizer->options.word_chars,
    };
    return scratch;
}

static int prepare(const struct elc_tokenizer *tokenizer, const char *text, size_t len,
                   struct elc_encoding *encoding, struct scratch **result) {
    if (len > UINT32_MAX)
        return elc_fail(ELC_ELIMIT, "text of %zu bytes; the limit is 2^32 - 1", len);
    struct scratch *scratch = encoding->scratch;
    if (!scratch) {
        scratch = encoding->scratch = scratch_new(tokenizer);
        if (!scratch)
            return ELC_ENOMEM;
    }
    if (scratch->owner != tokenizer)
        return elc_fail(ELC_EINVAL, "this encoding belongs to another tokenizer");
    scratch->state = STRETCH_NONE;
    scratch->walk.hard_places = 0;
    scratch->walk.far = 0;
    *result = scratch;
    return word_reader_begin(&scratch->reader, text, len);
}

void elc_encoding_free(struct elc_encoding *encoding) {
    struct scratch *scratch = encoding->scratch;
    if (scratch) {
        word_reader_free(&scratch->reader);
        char_table_free(&scratch->table);
        normalized_free(&scratch->stretch);
        pattern_walk_free(&scratch->walk);
        free(scratch->cache);
    }
    free(scratch);
    free(encoding->ids);
    free(encoding->ranges);
    free(encoding->words);
    *encoding = (struct elc_encoding){0};
}

/* Makes room for more tokens. */
static int reserve(struct elc_encoding *encoding, size_t n) {
    size_t needed = encoding->n + n;
    if (needed <= encoding->capacity)
        return 0;
    size_t ids = encoding->capacity, ranges = ids, words = ids;
    int rc = elc_grow(&encoding->ids, &ids, needed, sizeof *encoding->ids);
    if (rc == 0)
        rc = elc_grow(&encoding->ranges, &ranges, needed, sizeof *encoding->ranges);
    if (rc == 0)
        rc = elc_grow(&encoding->words, &words, needed, sizeof *encoding->words);
    if (rc == 0)
        encoding->capacity = ids;
    return rc;
}

static void add_token(struct elc_encoding *encoding, uint32_t id, uint32_t start, uint32_t end,
                      uint32_t word) {
    size_t i = encoding->n++;
    encoding->ids[i] = id;
    encoding->ranges[i] = (struct elc_range){start, end};
    encoding->words[i] = word;
}

/* Adds the tokens of a word: its pieces, or one [UNK] for all of it. */
static void add_word(const struct elc_tokenizer *tokenizer, struct elc_encoding *encoding,
                     struct word *word, uint32_t number) {
    size_t first = encoding->n;
    size_t at = 0, end = 0;
    bool known = word->n_chars <= tokenizer->options.word_chars;
    while (known && at < word->len) {
        uint32_t id = wordpiece_match(&tokenizer->pieces, word, at, &end);
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

/* ---- whole texts ---- */

/* Where the tokens of one text go. */
struct target {
    const struct elc_tokenizer *tokenizer;
    struct scratch *scratch;
    struct elc_encoding *encoding;
    size_t limit;
    uint32_t word; /* number of the next word */
};

/* Counts what is beyond the limit and takes it away. */
static inline void cut(struct target *target) {
    struct elc_encoding *encoding = target->encoding;
    if (encoding->n > target->limit) {
        encoding->cut += encoding->n - target->limit;
        encoding->n = target->limit;
    }
}

/* Adds the tokens of the word in scratch. */
static int encode_word(struct target *target) {
    struct word *word = &target->scratch->word;
    int rc = reserve(target->encoding, WORD_CHARS_LIMIT);
    if (rc < 0)
        return rc;
    if (word->special != ELC_NO_TOKEN)
        add_token(target->encoding, word->special, word->start, word->end, target->word++);
    else
        add_word(target->tokenizer, target->encoding, word, target->word++);
    cut(target);
    return 0;
}

/* ---- short words ---- */

/* Adds the tokens of a word that is not in the cache, and enters it unless they are many. */
static void add_new_word(struct target *target, struct cache_set *set,
                         const struct short_word *found, uint32_t number) {
    struct elc_encoding *encoding = target->encoding;
    struct word *word = &target->scratch->word;
    size_t first = encoding->n;
    memcpy(word_bytes(word), found->key, sizeof found->key);
    word->len = found->len;
    word->n_chars = short_word_chars(found);
    word->aligned = true;
    word->start = found->start;
    word->end = found->start + found->len;
    add_word(target->tokenizer, encoding, word, number);
    size_t n = encoding->n - first;
    if (n > CACHED_PIECES_LIMIT)
        return;
    struct cached_word *cached = cache_enter(set, found, n);
    for (size_t i = 0; i < n; i++) {
        struct cached_word *part = &cached[i / CACHED_PIECES];
        part->ids[i % CACHED_PIECES] = encoding->ids[first + i];
        part->ends[i % CACHED_PIECES] = (uint8_t)(encoding->ranges[first + i].end - found->start);
    }
}

/* Writes CACHED_PIECES tokens at `i`, the first of which begins at `first`. There is room. */
static inline void put_cached(struct elc_encoding *encoding, size_t i,
                              const struct cached_word *cached, uint32_t start, uint32_t first,
                              uint32_t word) {
    uint32_t *words = encoding->words + i;
    struct elc_range *ranges = encoding->ranges + i;
    const uint32_t second = start + cached->ends[0], third = start + cached->ends[1];
    memcpy(encoding->ids + i, cached->ids, sizeof cached->ids);
    ranges[0] = (struct elc_range){first, second};
    ranges[1] = (struct elc_range){second, third};
    ranges[2] = (struct elc_range){third, start + cached->ends[2]};
    words[0] = words[1] = words[2] = word;
}

/* How many of the first CACHED_PIECES tokens there are cannot be foreseen, so that a branch would
 * cost more than to write them all. */
static inline void add_cached(struct elc_encoding *encoding, const struct cached_word *cached,
                              uint32_t start, uint32_t word) {
    const size_t n = encoding->n;
    put_cached(encoding, n, cached, start, start, word);
    if (cached->n > CACHED_PIECES)
        put_cached(encoding, n + CACHED_PIECES, cached + 1, start, start + cached->ends[2], word);
    encoding->n = n + cached->n;
}

/* Takes short words for as long as there are any. What stops it is the reader's. */
static int encode_short(struct target *target) {
    struct scratch *scratch = target->scratch;
    const struct short_words *found = &scratch->found;
    const bool lower = !target->tokenizer->options.cased;
    uint32_t number = target->word;
    int more;
    do {
        more = short_words_read(&scratch->found, &scratch->reader, lower);
        int rc = more < 0 ? more : reserve(target->encoding, found->n * ASCII_KEY);
        if (rc < 0)
            return rc;
        struct cache_set *sets[SHORT_WORDS];
        for (size_t i = 0; i < found->n; i++) {
            sets[i] = cache_set_of(scratch->cache, &found->words[i]);
            __builtin_prefetch(sets[i]);
        }
        for (size_t i = 0; i < found->n; i++, number++) {
            const struct short_word *word = &found->words[i];
            const struct cached_word *cached = cache_find(sets[i], word);
            if (cached)
                add_cached(target->encoding, cached, word->start, number);
            else
                add_new_word(target, sets[i], word, number);
        }
        cut(target);
    } while (more > 0);
    target->word = number;
    return 0;
}

/* ---- words by the user's pattern ---- */

static int begin_stretch(struct scratch *scratch) {
    int rc = word_reader_normalize(&scratch->reader, &scratch->stretch, &scratch->special);
    if (rc < 0)
        return rc;
    scratch->state = rc > 0 ? STRETCH_BEFORE_SPECIAL : STRETCH_OPEN;
    pattern_walk_begin(&scratch->walk, scratch->stretch.text, scratch->stretch.len);
    return 0;
}

/* The next word by the user's pattern, or special token: as word_reader_next. */
static int next_match(const struct elc_tokenizer *tokenizer, struct scratch *scratch) {
    size_t start, end;
    int rc = scratch->state == STRETCH_NONE ? begin_stretch(scratch) : 0;
    if (rc == 0)
        rc = pattern_walk_next(tokenizer->pattern, &scratch->walk, &start, &end);
    if (rc > 0)
        word_of_normalized(&scratch->word, &scratch->reader, &scratch->stretch, start, end);
    if (rc != 0 || scratch->state == STRETCH_OPEN)
        return rc;
    scratch->state = STRETCH_NONE;
    word_of_special(&scratch->word, &scratch->special);
    return 1;
}

/* 1 with the next word in scratch, 0 at the end of the text, or a negative error. */
static int next_word(const struct elc_tokenizer *tokenizer, struct scratch *scratch) {
    return tokenizer->pattern ? next_match(tokenizer, scratch)
                              : word_reader_next(&scratch->reader, &scratch->word);
}

int elc_tokenizer_encode(const struct elc_tokenizer *tokenizer, const char *text, size_t len,
                         size_t limit, struct elc_encoding *encoding) {
    struct target target = {.tokenizer = tokenizer, .encoding = encoding, .limit = limit};
    encoding->n = 0;
    encoding->cut = 0;
    int rc = prepare(tokenizer, text, len, encoding, &target.scratch);
    while (rc == 0) {
        if (!tokenizer->pattern && word_reader_is_between(&target.scratch->reader))
            rc = encode_short(&target);
        if (rc == 0)
            rc = next_word(tokenizer, target.scratch);
        if (rc == 0)
            return 0;
        if (rc > 0)
            rc = encode_word(&target);
    }
    return rc;
}

/* ---- words for learning ---- */

/* Short words, for as long as there are any. */
static int found_short(const struct elc_tokenizer *tokenizer, struct scratch *scratch,
                       int (*found)(void *context, const char *bytes, size_t len), void *context) {
    const struct short_words *words = &scratch->found;
    int more;
    do {
        more = short_words_read(&scratch->found, &scratch->reader, !tokenizer->options.cased);
        if (more < 0)
            return more;
        for (size_t i = 0; i < words->n; i++) {
            const struct short_word *word = &words->words[i];
            if (short_word_chars(word) > tokenizer->options.word_chars)
                continue;
            int rc = found(context, (const char *)word->key, word->len);
            if (rc < 0)
                return rc;
        }
    } while (more > 0);
    return 0;
}

int elc_tokenizer_words(const struct elc_tokenizer *tokenizer, const char *text, size_t len,
                        struct elc_encoding *encoding,
                        int (*found)(void *context, const char *bytes, size_t len), void *context) {
    struct scratch *scratch;
    int rc = prepare(tokenizer, text, len, encoding, &scratch);
    if (rc < 0)
        return rc;
    const struct word *word = &scratch->word;
    while (rc == 0) {
        if (!tokenizer->pattern && word_reader_is_between(&scratch->reader))
            rc = found_short(tokenizer, scratch, found, context);
        if (rc == 0)
            rc = next_word(tokenizer, scratch);
        if (rc <= 0)
            return rc;
        rc = 0;
        if (word->special == ELC_NO_TOKEN && word->n_chars <= tokenizer->options.word_chars)
            rc = found(context, word_bytes(&scratch->word), word->len);
    }
    return rc;
}
