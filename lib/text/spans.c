/* Answers as tokens. */
#include "spans.h"

#include <string.h>

/* The length of the white space that text ends in just there: space, tab, CR, LF or U+202F. */
static size_t space_before(const char *text, size_t at) {
    if (at > 0 && strchr(" \t\r\n", text[at - 1]) && text[at - 1])
        return 1;
    return at >= 3 && memcmp(text + at - 3, "\xE2\x80\xAF", 3) == 0 ? 3 : 0;
}

static size_t space_at(const char *text, size_t len, size_t at) {
    if (at < len && strchr(" \t\r\n", text[at]) && text[at])
        return 1;
    return len - at >= 3 && memcmp(text + at, "\xE2\x80\xAF", 3) == 0 ? 3 : 0;
}

/* Where the word around a byte begins; of white space, the word before it. */
static size_t word_start(const char *text, size_t len, size_t at) {
    size_t space;
    if (space_at(text, len, at) > 0)
        while ((space = space_before(text, at)) > 0)
            at -= space;
    while (at > 0 && space_before(text, at) == 0)
        at--;
    return at;
}

/* Where the word that begins there ends. */
static size_t word_end(const char *text, size_t len, size_t at) {
    while (at < len && space_at(text, len, at) == 0)
        at++;
    return at;
}

/* How many tokens begin before a byte. */
static size_t tokens_before(const struct elc_encoding *tokens, size_t byte) {
    size_t low = 0, high = tokens->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tokens->ranges[middle].start < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of each beginning of `sought`: how many tokens it ends in that `sought` also begins with. */
static void find_borders(const uint32_t *sought, size_t n, uint32_t *borders) {
    uint32_t k = 0;
    borders[0] = 0;
    for (size_t i = 1; i < n; i++) {
        while (k > 0 && sought[i] != sought[k])
            k = borders[k - 1];
        k += sought[i] == sought[k];
        borders[i] = k;
    }
}

/* The first of the places `from` … `to` - 1 at which the `n` tokens stand, or `to`: in linear time
 * (Knuth, Morris, Pratt), for a context may be one word of millions of tokens. */
static size_t find_tokens(const uint32_t *ids, size_t from, size_t to,
                          struct elc_encoding *sought) {
    uint32_t *borders = sought->words;
    if (sought->n == 0)
        return to;
    find_borders(sought->ids, sought->n, borders);
    uint32_t k = 0; /* tokens found so far */
    for (size_t i = from; i < to; i++) {
        while (k > 0 && ids[i] != sought->ids[k])
            k = borders[k - 1];
        k += ids[i] == sought->ids[k];
        if (k == sought->n)
            return i + 1 - k;
    }
    return to;
}

bool answer_span(const struct elc_encoding *tokens, const char *context, size_t len,
                 const struct answer *answer, struct elc_encoding *answer_tokens, size_t *first,
                 size_t *last) {
    size_t end = answer->start + (answer->len > 0 ? answer->len - 1 : 0);
    size_t from = tokens_before(tokens, word_start(context, len, answer->start));
    size_t to = tokens_before(tokens, word_end(context, len, word_start(context, len, end)));
    size_t found = find_tokens(tokens->ids, from, to, answer_tokens);
    *first = found < to ? found : from;
    *last = found < to ? found + answer_tokens->n - 1 : to - 1;
    return from < to;
}
