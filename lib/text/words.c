/* Normalization and pre-tokenization in one pass over the text.
 *
 * Nearly every character is one table entry. What is not: characters that decompose into several,
 * and combining marks that stay in the text and that NFD may have to sort (`order_run`).
 */
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"

#include "utf8.h"

void find_specials(struct special specials[ELC_N_SPECIALS], const struct elc_vocab *vocab) {
    for (int i = 0; i < ELC_N_SPECIALS; i++) {
        const char *text = elc_special_tokens[i];
        specials[i].len = strlen(text);
        memcpy(specials[i].text, text, specials[i].len + 1);
        specials[i].id = vocab ? elc_vocab_lookup(vocab, text, specials[i].len) : 0;
    }
}

void word_reader_free(struct word_reader *reader) {
    free(reader->ready);
    free(reader->run);
    *reader = (struct word_reader){0};
}

/* ---- building a word ---- */

static void word_clear(struct word *word, uint32_t max_chars) {
    word->max_chars = max_chars;
    word->n_chars = 0;
    word->len = 0;
    word->special = ELC_NO_TOKEN;
    word->aligned = true;
}

/* Appends a character of `len` bytes that came from start … end of the text. */
static inline void word_add(struct word *word, const char *bytes, unsigned len, uint32_t start,
                            uint32_t end) {
    if (word->n_chars == 0)
        word->start = start;
    word->end = end;
    if (word->n_chars++ >= word->max_chars)
        return;
    if (word->aligned && (start != word->start + word->len || end - start != len)) {
        word->aligned = false;
        for (uint32_t i = 0; i < word->len; i++) {
            word->starts[i] = word->start + i;
            word->ends[i] = word->start + i + 1;
        }
    }
    for (unsigned i = 0; i < len; i++) {
        word_bytes(word)[word->len + i] = bytes[i];
        if (!word->aligned) {
            word->starts[word->len + i] = start;
            word->ends[word->len + i] = end;
        }
    }
    word->len += len;
}

/* ---- characters that take more than one look ---- */

/* One part of a run of combining marks. */
struct run_part {
    uint32_t c, start; /* of its character */
    uint8_t len;
    uint8_t combining_class;
    bool mark, alone;
    bool inserted; /* not the first part of its character */
};

static int make_ready(struct word_reader *reader, uint32_t c, bool alone, uint32_t start,
                      uint32_t end) {
    int rc = elc_grow(&reader->ready, &reader->ready_capacity, reader->ready_n + 1,
                      sizeof *reader->ready);
    if (rc == 0)
        reader->ready[reader->ready_n++] = (struct ready_char){c, alone, start, end};
    return rc;
}

static size_t previous_char(const char *text, size_t position) {
    do
        position--;
    while (utf8_continues(text[position]));
    return position;
}

/* The parts of the character at `position`, none if it is dropped; -1 as *n if it is white space
 * and therefore ends any run. `*len` becomes its length in bytes. */
static int parts_at(struct word_reader *reader, size_t position, struct char_part parts[CHAR_PARTS],
                    int *n, unsigned *len) {
    uint32_t c = utf8_decode(reader->text + position, len);
    const struct char_entry *entry = char_table_find(reader->table, reader->rules, c);
    if (!entry)
        return ELC_ENOMEM;
    *n = entry->kind == CHAR_SPACE ? -1 : char_parts(parts, reader->table, reader->rules, c);
    return entry->kind == CHAR_SPACE || *n >= 0 ? 0 : *n;
}

/* Where the run of combining marks that the character at `position` belongs to begins: at the
 * character with the run's first mark, be it behind that character's own base. */
static int find_run(struct word_reader *reader, size_t position, size_t *run_start) {
    struct char_part parts[CHAR_PARTS];
    unsigned len;
    int n;
    *run_start = position;
    int rc = parts_at(reader, position, parts, &n, &len);
    while (rc == 0 && position > reader->segment) {
        if (n > 0 && parts[0].combining_class == 0)
            break; /* a base: marks before it are another run */
        position = previous_char(reader->text, position);
        rc = parts_at(reader, position, parts, &n, &len);
        if (rc < 0 || n < 0 || (n > 0 && parts[n - 1].combining_class == 0))
            break;
        if (n > 0)
            *run_start = position;
    }
    return rc;
}

/* Appends a character's marks to the run. */
static int add_to_run(struct word_reader *reader, size_t *n, const struct char_part *parts,
                      int n_parts, uint32_t start, unsigned len) {
    int rc =
        elc_grow(&reader->run, &reader->run_capacity, 2 * (*n + CHAR_PARTS), sizeof *reader->run);
    for (int i = 0; i < n_parts && rc == 0; i++) {
        if (parts[i].combining_class == 0)
            continue;
        reader->run[(*n)++] = (struct run_part){
            .c = parts[i].c,
            .start = start,
            .len = (uint8_t)len,
            .combining_class = parts[i].combining_class,
            .mark = parts[i].mark,
            .alone = parts[i].alone,
            .inserted = i > 0,
        };
    }
    return rc;
}

/* Canonical order: by class, equal ones as they stand. (A counting sort.) */
static void order_parts(struct run_part *sorted, const struct run_part *parts, size_t n) {
    size_t places[257] = {0};
    for (size_t i = 0; i < n; i++)
        places[parts[i].combining_class + 1]++;
    for (int class = 0; class < 256; class ++)
        places[class + 1] += places[class];
    for (size_t i = 0; i < n; i++)
        sorted[places[parts[i].combining_class]++] = parts[i];
}

/* Sorts the run and makes ready what stays of it. As in the reference, places in the text are
 * not sorted along: the k-th character of the sorted run stands for the k-th of the text's. */
static int sort_run(struct word_reader *reader, size_t n, uint32_t base_start, uint32_t base_end) {
    const struct run_part *original = reader->run;
    struct run_part *sorted = reader->run + n;
    order_parts(sorted, original, n);
    uint32_t start = base_start, end = base_end;
    size_t next = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (!sorted[i].inserted) {
            while (original[next].inserted)
                next++;
            start = original[next].start;
            end = start + original[next].len;
            next++;
        }
        if (!sorted[i].mark)
            rc = make_ready(reader, sorted[i].c, sorted[i].alone, start, end);
    }
    return rc;
}

/* Makes ready the run of marks around `position`, in canonical order, and moves behind it. All
 * marks of the run before `position` were accents, which have been dropped. */
static int order_run(struct word_reader *reader, size_t position) {
    struct char_part parts[CHAR_PARTS];
    unsigned len;
    int n_parts;
    size_t n = 0, at;
    int rc = find_run(reader, position, &at);
    uint32_t base_start = (uint32_t)at, base_end = (uint32_t)at;
    for (bool first = true; rc == 0 && at < reader->len; first = false) {
        rc = parts_at(reader, at, parts, &n_parts, &len);
        if (rc < 0)
            break;
        bool starter = n_parts < 0 || (n_parts > 0 && parts[0].combining_class == 0);
        if (starter && !first)
            break;
        if (starter)
            base_end = (uint32_t)(at + len);
        if (starter && at >= position) { /* the base is still to come, before its marks */
            for (int i = 0; i < n_parts && parts[i].combining_class == 0 && rc == 0; i++)
                if (!parts[i].mark)
                    rc = make_ready(reader, parts[i].c, parts[i].alone, (uint32_t)at, base_end);
        }
        if (rc == 0)
            rc = add_to_run(reader, &n, parts, n_parts, (uint32_t)at, len);
        at += len;
    }
    if (rc == 0)
        rc = sort_run(reader, n, base_start, base_end);
    reader->position = at;
    return rc;
}

/* The first character before or from `position` on, in steps of `direction`, that is neither
 * dropped nor ignorable: whether it has case. Or a negative error. */
static int case_beyond(struct word_reader *reader, size_t position, bool forward) {
    while (forward ? position < reader->len : position > 0) {
        unsigned len;
        if (!forward)
            position = previous_char(reader->text, position);
        uint32_t c = utf8_decode(reader->text + position, &len);
        int context = char_sigma_context(reader->table, reader->rules, c);
        if (context != CHAR_IGNORABLE)
            return context < 0 ? context : context == CHAR_CASED;
        position += forward ? len : 0;
    }
    return 0;
}

/* Makes ready the small sigma for the capital one at the reader's position, the final one if it
 * ends a word (Unicode 3.13, Final_Sigma), and moves behind it. White space has no case, so that
 * to look beyond the word does no harm. */
static int expand_sigma(struct word_reader *reader) {
    size_t start = reader->position, end = start + 2;
    int before = case_beyond(reader, start, false);
    int after = before > 0 ? case_beyond(reader, end, true) : 0;
    if (before < 0 || after < 0)
        return before < 0 ? before : after;
    reader->position = end;
    uint32_t c = before && !after ? CHAR_FINAL_SIGMA : CHAR_FINAL_SIGMA + 1;
    return make_ready(reader, c, false, (uint32_t)start, (uint32_t)end);
}

int word_reader_expand(struct word_reader *reader) {
    struct char_part parts[CHAR_PARTS];
    unsigned len;
    int n;
    reader->ready_n = 0;
    reader->ready_next = 0;
    if (utf8_decode(reader->text + reader->position, &len) == CHAR_CAPITAL_SIGMA &&
        char_has_final_sigma(reader->rules))
        return expand_sigma(reader);
    int rc = parts_at(reader, reader->position, parts, &n, &len);
    for (int i = 0; i < n && rc == 0; i++)
        if (!parts[i].mark && parts[i].combining_class != 0)
            return order_run(reader, reader->position);
    uint32_t start = (uint32_t)reader->position;
    for (int i = 0; i < n && rc == 0; i++)
        if (!parts[i].mark)
            rc = make_ready(reader, parts[i].c, parts[i].alone, start, start + len);
    reader->position += len;
    return rc;
}

/* ---- reading ---- */

const struct special *word_reader_special(const struct word_reader *reader) {
    if (!reader->specials || reader->text[reader->position] != '[')
        return NULL;
    const char *here = reader->text + reader->position;
    size_t left = reader->len - reader->position;
    for (const struct special *s = reader->specials; s < reader->specials + ELC_N_SPECIALS; s++)
        if (s->len <= left && memcmp(here, s->text, s->len) == 0)
            return s;
    return NULL;
}

struct found_special word_reader_take(struct word_reader *reader, const struct special *special) {
    struct found_special found = {.id = special->id, .start = (uint32_t)reader->position};
    reader->position += special->len;
    reader->segment = reader->position;
    found.end = (uint32_t)reader->position;
    return found;
}

void word_of_special(struct word *word, const struct found_special *special) {
    word_clear(word, 0);
    word->special = special->id;
    word->start = special->start;
    word->end = special->end;
}

/* Takes one prepared character; true if that ends the word. */
static bool take_ready(struct word_reader *reader, struct word *word) {
    const struct ready_char *ready = &reader->ready[reader->ready_next];
    if (ready->alone && word->n_chars > 0)
        return true;
    char bytes[4];
    unsigned len = utf8_encode(bytes, ready->c);
    word_add(word, bytes, len, ready->start, ready->end);
    reader->ready_next++;
    return ready->alone;
}

/* Takes the ASCII letters that the text goes on with, most of most texts: a byte each, as it
 * stands. None where that would not keep the word aligned, or it is too long already. */
static bool take_ascii(struct word_reader *reader, struct word *word) {
    size_t at = reader->position;
    if (word->n_chars > 0 &&
        (!word->aligned || word->start + word->len != at || word->n_chars >= word->max_chars))
        return false;
    size_t room = word->max_chars - word->n_chars, left = reader->len - at;
    const uint8_t *from = (const uint8_t *)reader->text + at;
    char *to = word_bytes(word) + word->len;
    uint32_t n = 0;
    for (; n < room && n < left && reader->ascii[from[n]]; n++)
        to[n] = (char)reader->ascii[from[n]];
    if (n == 0)
        return false;
    if (word->n_chars == 0)
        word->start = (uint32_t)at;
    word->n_chars += n;
    word->len += n;
    reader->position += n;
    word->end = (uint32_t)reader->position;
    return true;
}

/* Takes the character at the reader's position. 1 if that ends the word, 0, or a negative error. */
static int take_char(struct word_reader *reader, struct word *word) {
    unsigned len;
    uint32_t c = utf8_decode(reader->text + reader->position, &len);
    const struct char_entry *entry = char_table_find(reader->table, reader->rules, c);
    if (!entry)
        return ELC_ENOMEM;
    bool begun = word->n_chars > 0;
    enum char_kind kind = entry->kind;
    if (kind == CHAR_COMPLEX)
        return word_reader_expand(reader);
    bool alone = kind == CHAR_ALONE || kind == CHAR_CHINESE;
    if (alone && begun)
        return 1; /* comes next */
    uint32_t start = (uint32_t)reader->position;
    reader->position += len;
    if (kind == CHAR_LETTER || alone)
        word_add(word, entry->bytes, entry->len, start, start + len);
    return alone || (kind == CHAR_SPACE && begun);
}

int word_reader_begin(struct word_reader *reader, const char *text, size_t len) {
    reader->text = text;
    reader->len = len;
    reader->position = 0;
    reader->segment = 0;
    reader->ready_n = reader->ready_next = 0;
    if (reader->ascii['a'])
        return 0;
    for (uint32_t c = 0; c < 128; c++) {
        const struct char_entry *entry = char_table_find(reader->table, reader->rules, c);
        if (!entry)
            return ELC_ENOMEM;
        if (entry->kind == CHAR_LETTER)
            reader->ascii[c] = (uint8_t)entry->bytes[0];
    }
    return 0;
}

int word_reader_next(struct word_reader *reader, struct word *word) {
    word_clear(word, reader->max_chars);
    while (true) {
        int ended = 0;
        if (reader->ready_next < reader->ready_n) {
            ended = take_ready(reader, word);
        } else if (reader->position == reader->len) {
            return word->n_chars > 0;
        } else if (!take_ascii(reader, word)) {
            const struct special *special = word_reader_special(reader);
            if (special && word->n_chars == 0) {
                const struct found_special found = word_reader_take(reader, special);
                word_of_special(word, &found);
            }
            ended = special ? 1 : take_char(reader, word);
        }
        if (ended != 0)
            return ended;
    }
}

void word_of_normalized(struct word *word, const struct word_reader *reader,
                        const struct normalized *normalized, size_t start, size_t end) {
    word_clear(word, reader->max_chars);
    unsigned len;
    for (size_t at = start; at < end; at += len) {
        (void)utf8_decode(normalized->text + at, &len);
        word_add(word, normalized->text + at, len, normalized->starts[at], normalized->ends[at]);
    }
}
