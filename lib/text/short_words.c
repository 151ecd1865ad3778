/* Short words.
 *
 * The bytes of a block are classified at once. Whether a run of letters is a word depends on what
 * comes next only where that is not ASCII, or is dropped from the text: accents, for instance.
 */
#include "short_words.h"

#include <string.h>

#include "utf8.h"

/* ---- blocks ---- */

/* How many of the bits right below `end` are set. */
static unsigned run_before(uint64_t bits, unsigned end) {
    const uint64_t others = end > 0 ? ~(bits << (64 - end)) : UINT64_MAX;
    return others ? (unsigned)__builtin_clzll(others) : 64;
}

/* Takes the words that begin before `end`, where one of them ends or nothing is known. Returns
 * where the first one begins that is too long, or `end`. */
static unsigned take_words(struct short_words *words, const struct ascii_block *block,
                           const char *text, uint32_t position, unsigned end, bool lower) {
    uint64_t starts = block->marks | (block->letters & ~(block->letters << 1));
    if (end < ASCII_BLOCK)
        starts &= (UINT64_C(1) << end) - 1;
    struct short_word *word = words->words + words->n;
    for (; starts != 0; starts &= starts - 1) {
        const unsigned at = (unsigned)__builtin_ctzll(starts);
        const unsigned run = (unsigned)__builtin_ctzll(~(block->letters >> at));
        const unsigned len = run | (run == 0); /* no branch: which it is cannot be foreseen */
        if (len > ASCII_KEY) {
            end = at;
            break;
        }
        ascii_key(word->key, text + at, len, lower);
        word->len = len;
        word->start = position + at;
        word++;
    }
    words->n = (size_t)(word - words->words);
    return end;
}

/* ---- characters that are not ASCII ---- */

/* The entry of the character at `position`, and its length; NULL: out of memory. */
static const struct char_entry *entry_at(struct word_reader *reader, size_t position,
                                         unsigned *len) {
    return char_table_find(reader->table, reader->rules, utf8_decode(reader->text + position, len));
}

static bool ends_words(const struct char_entry *entry) {
    return entry->kind == CHAR_SPACE || entry->kind == CHAR_ALONE || entry->kind == CHAR_CHINESE;
}

/* Takes punctuation, Chinese characters and white space up to the next ASCII. */
static int take_characters(struct short_words *words, struct word_reader *reader) {
    const size_t start = reader->position;
    while (reader->position < reader->len && words->n < SHORT_WORDS) {
        unsigned len;
        const struct char_entry *entry = entry_at(reader, reader->position, &len);
        if (!entry)
            return ELC_ENOMEM;
        if (len == 1)
            return reader->position > start;
        if (!ends_words(entry) || (entry->kind != CHAR_SPACE && entry->len != len))
            return 0;
        if (entry->kind != CHAR_SPACE) {
            struct short_word *word = &words->words[words->n++];
            *word = (struct short_word){.start = (uint32_t)reader->position, .len = len};
            memcpy(word->key, entry->bytes, len);
        }
        reader->position += len;
    }
    return reader->position < reader->len;
}

/* Takes the words of one block, and characters behind it. As short_words_read. */
static int read_block(struct short_words *words, struct word_reader *reader, bool lower) {
    const size_t at = reader->position, left = reader->len - at;
    const char *text = reader->text + at;
    char padded[ASCII_BLOCK + ASCII_KEY];
    unsigned len;
    if (left == 0 || (uint8_t)text[0] >= 0x80)
        return take_characters(words, reader);
    if (left < sizeof padded) {
        memset(padded, ' ', sizeof padded);
        memcpy(padded, text, left);
        text = padded;
    }
    const struct ascii_block block = ascii_classify(text);
    const uint64_t others = ~(block.letters | block.marks | block.spaces);
    const unsigned known = others ? (unsigned)__builtin_ctzll(others) : ASCII_BLOCK;
    const struct char_entry *next = known < ASCII_BLOCK ? entry_at(reader, at + known, &len) : NULL;
    if (known < ASCII_BLOCK && !next)
        return ELC_ENOMEM;
    const bool open = !next || !ends_words(next); /* the run of letters there, if there is one */
    const unsigned end = open ? known - run_before(block.letters, known) : known;
    const unsigned taken = take_words(words, &block, text, (uint32_t)at, end, lower);
    reader->position = at + (taken < left ? taken : left);
    if (taken < end || (next && open))
        return 0;
    return next ? take_characters(words, reader) : taken > 0 && taken < left;
}

int short_words_read(struct short_words *words, struct word_reader *reader, bool lower) {
    int more = 1;
    words->n = 0;
    while (more > 0 && words->n <= SHORT_WORDS - ASCII_BLOCK)
        more = read_block(words, reader, lower);
    return more;
}
