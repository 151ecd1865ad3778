/* Vocabulary learning by merging the most frequent pair. See electra/learn.h.
 *
 * Words are arrays of symbols, a symbol being the number of a token's text. Each pair of neighbours
 * has its exact count and a list of the words that may hold it. A heap gives the best pair; its
 * entries may be out of date, which is noticed when they come up. (Sennrich et al. 2016 is the
 * idea, fastBPE and Hugging Face tokenizers the data structure.)
 */
#include "electra/learn.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "electra/vocab.h"

#include "strings.h"
#include "utf8.h"

enum { CODE_POINTS = 0x110000 };

/* ---- counting words ---- */

struct elc_word_counts {
    struct strings words;
    uint64_t *n; /* of each */
    size_t capacity;
};

int elc_word_counts_new(struct elc_word_counts **counts) {
    *counts = calloc(1, sizeof **counts);
    return *counts ? 0 : elc_fail_memory(sizeof **counts);
}

void elc_word_counts_destroy(struct elc_word_counts *counts) {
    if (!counts)
        return;
    strings_free(&counts->words);
    free(counts->n);
    free(counts);
}

int elc_word_counts_add(struct elc_word_counts *counts, const char *word, size_t len, uint64_t n) {
    size_t before = counts->words.n;
    long long i = strings_add(&counts->words, word, len);
    if (i < 0)
        return (int)i;
    if ((size_t)i == before) {
        int rc = elc_grow(&counts->n, &counts->capacity, before + 1, sizeof *counts->n);
        if (rc < 0)
            return rc;
        counts->n[i] = 0;
    }
    counts->n[i] += n;
    return 0;
}

int elc_word_counts_merge(struct elc_word_counts *counts, const struct elc_word_counts *more) {
    int rc = 0;
    for (size_t i = 0; i < more->words.n && rc == 0; i++)
        rc = elc_word_counts_add(counts, more->words.items[i].text, more->words.items[i].len,
                                 more->n[i]);
    return rc;
}

size_t elc_word_counts_distinct(const struct elc_word_counts *counts) {
    return counts->words.n;
}

/* ---- state ---- */

struct spelling { /* of a word */
    size_t start; /* in symbols */
    uint32_t len;
    uint64_t n;
};

struct pair {
    uint32_t a, b; /* symbols */
    uint64_t n;
    uint32_t *words; /* numbers of words that hold it, or did; some perhaps twice */
    size_t n_words, capacity;
    bool touched; /* in the list of pairs to enter into the heap */
};

struct heap_entry {
    uint64_t n; /* the pair's count when it was entered */
    uint32_t pair;
};

struct learner {
    struct strings tokens; /* texts; the number of one is a symbol */
    uint32_t *symbols;
    struct spelling *words;
    size_t n_words;
    struct pair *pairs;
    size_t n_pairs, pairs_capacity;
    uint32_t *pair_slots; /* number + 1, 0 free; by (a, b) */
    size_t n_pair_slots;
    struct heap_entry *heap;
    size_t n_heap, heap_capacity;
    uint32_t *touched;
    size_t n_touched, touched_capacity;
};

static void learner_free(struct learner *learner) {
    for (size_t i = 0; i < learner->n_pairs; i++)
        free(learner->pairs[i].words);
    strings_free(&learner->tokens);
    free(learner->symbols);
    free(learner->words);
    free(learner->pairs);
    free(learner->pair_slots);
    free(learner->heap);
    free(learner->touched);
}

/* ---- alphabet ---- */

struct letter {
    uint32_t c;
    uint64_t n;
    bool inside;              /* seen behind another character */
    uint32_t bare, continued; /* symbols */
};

/* Letters by code point; `places` maps a code point to its letter's number + 1. */
struct alphabet {
    struct letter *letters;
    size_t n;
    uint32_t *places;
};

static int by_frequency(const void *a, const void *b) {
    const struct letter *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return (x->c > y->c) - (x->c < y->c);
}

static int by_code_point(const void *a, const void *b) {
    const struct letter *x = a, *y = b;
    return (x->c > y->c) - (x->c < y->c);
}

static int count_letters(struct alphabet *alphabet, const struct elc_word_counts *counts) {
    size_t capacity = 0;
    for (size_t w = 0; w < counts->words.n; w++) {
        const struct string *word = &counts->words.items[w];
        unsigned len;
        for (uint32_t at = 0; at < word->len; at += len) {
            uint32_t c = utf8_decode(word->text + at, &len);
            if (alphabet->places[c] == 0) {
                int rc = elc_grow(&alphabet->letters, &capacity, alphabet->n + 1,
                                  sizeof *alphabet->letters);
                if (rc < 0)
                    return rc;
                alphabet->letters[alphabet->n++] = (struct letter){.c = c};
                alphabet->places[c] = (uint32_t)alphabet->n;
            }
            alphabet->letters[alphabet->places[c] - 1].n += counts->n[w];
        }
    }
    return 0;
}

static int find_alphabet(struct alphabet *alphabet, const struct elc_word_counts *counts,
                         uint64_t limit) {
    alphabet->places = calloc(CODE_POINTS, sizeof *alphabet->places);
    if (!alphabet->places)
        return elc_fail_memory(CODE_POINTS * sizeof *alphabet->places);
    int rc = count_letters(alphabet, counts);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < alphabet->n; i++)
        alphabet->places[alphabet->letters[i].c] = 0;
    qsort(alphabet->letters, alphabet->n, sizeof *alphabet->letters, by_frequency);
    if (alphabet->n > limit)
        alphabet->n = (size_t)limit;
    qsort(alphabet->letters, alphabet->n, sizeof *alphabet->letters, by_code_point);
    for (size_t i = 0; i < alphabet->n; i++)
        alphabet->places[alphabet->letters[i].c] = (uint32_t)i + 1;
    return 0;
}

/* Whether every character of the word is in the alphabet; notes which stand inside it. */
static bool is_covered(struct alphabet *alphabet, const struct string *word) {
    unsigned len;
    for (uint32_t at = 0; at < word->len; at += len)
        if (alphabet->places[utf8_decode(word->text + at, &len)] == 0)
            return false;
    for (uint32_t at = 0; at < word->len; at += len) {
        uint32_t c = utf8_decode(word->text + at, &len);
        if (at > 0)
            alphabet->letters[alphabet->places[c] - 1].inside = true;
    }
    return true;
}

/* Makes tokens of the letters: all of them bare, then those inside words with "##". */
static int name_letters(struct learner *learner, struct alphabet *alphabet) {
    char text[2 + 4] = "##";
    for (int continued = 0; continued <= 1; continued++) {
        for (size_t i = 0; i < alphabet->n; i++) {
            struct letter *letter = &alphabet->letters[i];
            unsigned len = utf8_encode(text + 2, letter->c);
            if (continued && !letter->inside)
                continue;
            long long symbol = strings_add(&learner->tokens, continued ? text : text + 2,
                                           continued ? len + 2 : len);
            if (symbol < 0)
                return (int)symbol;
            *(continued ? &letter->continued : &letter->bare) = (uint32_t)symbol;
        }
    }
    return 0;
}

/* Cuts the covered words into symbols. */
static int spell_words(struct learner *learner, struct alphabet *alphabet,
                       const struct elc_word_counts *counts) {
    size_t n_symbols = 0;
    learner->words = calloc(counts->words.n + 1, sizeof *learner->words);
    if (!learner->words)
        return elc_fail_memory(counts->words.n * sizeof *learner->words);
    for (size_t w = 0; w < counts->words.n; w++)
        n_symbols += counts->words.items[w].len;
    learner->symbols = malloc((n_symbols + 1) * sizeof *learner->symbols);
    bool *covered = calloc(counts->words.n + 1, sizeof *covered);
    int rc = learner->symbols && covered ? 0 : elc_fail_memory(n_symbols);
    for (size_t w = 0; w < counts->words.n && rc == 0; w++)
        covered[w] = is_covered(alphabet, &counts->words.items[w]);
    if (rc == 0)
        rc = name_letters(learner, alphabet);
    size_t end = 0;
    for (size_t w = 0; w < counts->words.n && rc == 0; w++) {
        if (!covered[w])
            continue;
        const struct string *text = &counts->words.items[w];
        struct spelling *word = &learner->words[learner->n_words++];
        *word = (struct spelling){.start = end, .n = counts->n[w]};
        unsigned len;
        for (uint32_t at = 0; at < text->len; at += len) {
            uint32_t place = alphabet->places[utf8_decode(text->text + at, &len)];
            const struct letter *letter = &alphabet->letters[place - 1];
            learner->symbols[end++] = at > 0 ? letter->continued : letter->bare;
        }
        word->len = (uint32_t)(end - word->start);
    }
    free(covered);
    return rc;
}

/* ---- pairs ---- */

static size_t pair_slot(const struct learner *learner, uint32_t a, uint32_t b) {
    uint64_t hash = ((uint64_t)a << 32 | b) * UINT64_C(0x9E3779B97F4A7C15);
    hash ^= hash >> 32;
    size_t mask = learner->n_pair_slots - 1;
    size_t at = hash & mask;
    for (; learner->pair_slots[at] != 0; at = (at + 1) & mask) {
        const struct pair *pair = &learner->pairs[learner->pair_slots[at] - 1];
        if (pair->a == a && pair->b == b)
            break;
    }
    return at;
}

static int grow_pair_slots(struct learner *learner) {
    size_t n = learner->n_pair_slots > 0 ? learner->n_pair_slots * 2 : 4096;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        return elc_fail_memory(n * sizeof *slots);
    free(learner->pair_slots);
    learner->pair_slots = slots;
    learner->n_pair_slots = n;
    for (size_t i = 0; i < learner->n_pairs; i++)
        slots[pair_slot(learner, learner->pairs[i].a, learner->pairs[i].b)] = (uint32_t)i + 1;
    return 0;
}

/* The pair's number, made if need be. */
static int find_pair(struct learner *learner, uint32_t a, uint32_t b, uint32_t *number) {
    if (learner->n_pairs * 2 >= learner->n_pair_slots) {
        int rc = grow_pair_slots(learner);
        if (rc < 0)
            return rc;
    }
    size_t at = pair_slot(learner, a, b);
    if (learner->pair_slots[at] == 0) {
        int rc = elc_grow(&learner->pairs, &learner->pairs_capacity, learner->n_pairs + 1,
                          sizeof *learner->pairs);
        if (rc < 0)
            return rc;
        learner->pairs[learner->n_pairs++] = (struct pair){.a = a, .b = b};
        learner->pair_slots[at] = (uint32_t)learner->n_pairs;
    }
    *number = learner->pair_slots[at] - 1;
    return 0;
}

/* The pair occurs in word `w`, `n` times more. */
static int add_pair(struct learner *learner, uint32_t a, uint32_t b, uint64_t n, uint32_t w) {
    uint32_t number;
    int rc = find_pair(learner, a, b, &number);
    if (rc < 0)
        return rc;
    struct pair *pair = &learner->pairs[number];
    pair->n += n;
    if (pair->n_words == 0 || pair->words[pair->n_words - 1] != w) {
        rc = elc_grow(&pair->words, &pair->capacity, pair->n_words + 1, sizeof *pair->words);
        if (rc < 0)
            return rc;
        pair->words[pair->n_words++] = w;
    }
    if (pair->touched)
        return 0;
    rc = elc_grow(&learner->touched, &learner->touched_capacity, learner->n_touched + 1,
                  sizeof *learner->touched);
    if (rc < 0)
        return rc;
    pair->touched = true;
    learner->touched[learner->n_touched++] = number;
    return 0;
}

static int remove_pair(struct learner *learner, uint32_t a, uint32_t b, uint64_t n) {
    uint32_t number;
    int rc = find_pair(learner, a, b, &number);
    if (rc == 0)
        learner->pairs[number].n -= n;
    return rc;
}

static int count_pairs(struct learner *learner) {
    int rc = 0;
    for (size_t w = 0; w < learner->n_words; w++) {
        const struct spelling *word = &learner->words[w];
        const uint32_t *symbols = learner->symbols + word->start;
        for (uint32_t i = 0; i + 1 < word->len && rc == 0; i++)
            rc = add_pair(learner, symbols[i], symbols[i + 1], word->n, (uint32_t)w);
    }
    return rc;
}

/* ---- the heap: the best pair on top ---- */

static int compare_text(const struct string *x, const struct string *y) {
    size_t shorter = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->text, y->text, shorter);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* The total order on pairs: true if x is merged before y. */
static bool comes_before(const struct learner *learner, struct heap_entry x, struct heap_entry y) {
    if (x.n != y.n)
        return x.n > y.n;
    const struct pair *p = &learner->pairs[x.pair], *q = &learner->pairs[y.pair];
    const struct string *tokens = learner->tokens.items;
    int order = p->a == q->a ? 0 : compare_text(&tokens[p->a], &tokens[q->a]);
    return order != 0 ? order < 0 : compare_text(&tokens[p->b], &tokens[q->b]) < 0;
}

static int heap_push(struct learner *learner, struct heap_entry entry) {
    int rc = elc_grow(&learner->heap, &learner->heap_capacity, learner->n_heap + 1,
                      sizeof *learner->heap);
    if (rc < 0)
        return rc;
    size_t at = learner->n_heap++;
    while (at > 0 && comes_before(learner, entry, learner->heap[(at - 1) / 2])) {
        learner->heap[at] = learner->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    learner->heap[at] = entry;
    return 0;
}

static struct heap_entry heap_pop(struct learner *learner) {
    struct heap_entry *heap = learner->heap;
    struct heap_entry top = heap[0], last = heap[--learner->n_heap];
    size_t at = 0;
    while (true) {
        size_t child = 2 * at + 1;
        if (child >= learner->n_heap)
            break;
        if (child + 1 < learner->n_heap && comes_before(learner, heap[child + 1], heap[child]))
            child++;
        if (!comes_before(learner, heap[child], last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    if (learner->n_heap > 0)
        heap[at] = last;
    return top;
}

/* Enters the pairs whose counts have grown. */
static int enter_touched(struct learner *learner, uint64_t least) {
    int rc = 0;
    for (size_t i = 0; i < learner->n_touched && rc == 0; i++) {
        struct pair *pair = &learner->pairs[learner->touched[i]];
        pair->touched = false;
        if (pair->n >= least)
            rc = heap_push(learner, (struct heap_entry){pair->n, learner->touched[i]});
    }
    learner->n_touched = 0;
    return rc;
}

/* 1 with the most frequent pair of at least `least`, 0 if there is none, or a negative error. */
static int best_pair(struct learner *learner, uint64_t least, uint32_t *best) {
    while (learner->n_heap > 0) {
        struct heap_entry top = heap_pop(learner);
        uint64_t n = learner->pairs[top.pair].n;
        if (n == top.n) {
            *best = top.pair;
            return 1;
        }
        if (n < top.n && n >= least) { /* were it above, a later entry would have it */
            int rc = heap_push(learner, (struct heap_entry){n, top.pair});
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/* ---- merging ---- */

/* The token that two neighbours make, as a symbol: the second one loses its "##". */
static long long join(struct learner *learner, uint32_t a, uint32_t b) {
    const struct string *x = &learner->tokens.items[a], *y = &learner->tokens.items[b];
    struct elc_buffer text = {0};
    int rc = elc_buffer_append(&text, x->text, x->len);
    if (rc == 0)
        rc = elc_buffer_append(&text, y->text + 2, y->len - 2);
    long long symbol =
        rc < 0 ? rc : strings_add(&learner->tokens, (const char *)text.data, text.len);
    elc_buffer_free(&text);
    return symbol;
}

/* Replaces each a b in the word, from left to right, and corrects the counts around it. */
static int merge_word(struct learner *learner, uint32_t w, uint32_t a, uint32_t b, uint32_t ab) {
    struct spelling *word = &learner->words[w];
    uint32_t *symbols = learner->symbols + word->start;
    uint32_t end = 0;
    int rc = 0;
    for (uint32_t i = 0; i < word->len && rc == 0; i++) {
        if (i + 1 == word->len || symbols[i] != a || symbols[i + 1] != b) {
            symbols[end++] = symbols[i];
            continue;
        }
        rc = remove_pair(learner, a, b, word->n);
        if (rc == 0 && end > 0)
            rc = remove_pair(learner, symbols[end - 1], a, word->n);
        if (rc == 0 && end > 0)
            rc = add_pair(learner, symbols[end - 1], ab, word->n, w);
        if (rc == 0 && i + 2 < word->len)
            rc = remove_pair(learner, b, symbols[i + 2], word->n);
        if (rc == 0 && i + 2 < word->len)
            rc = add_pair(learner, ab, symbols[i + 2], word->n, w);
        symbols[end++] = ab;
        i++;
    }
    word->len = end;
    return rc;
}

static int merge_pair(struct learner *learner, uint32_t number) {
    uint32_t a = learner->pairs[number].a, b = learner->pairs[number].b;
    long long ab = join(learner, a, b);
    if (ab < 0)
        return (int)ab;
    /* The list moves when the pair occurs anew, as x y in x x y y can: take it away first. */
    struct pair *pair = &learner->pairs[number];
    uint32_t *words = pair->words;
    size_t n_words = pair->n_words;
    pair->words = NULL;
    pair->n_words = pair->capacity = 0;
    int rc = 0;
    for (size_t i = 0; i < n_words && rc == 0; i++)
        rc = merge_word(learner, words[i], a, b, (uint32_t)ab);
    free(words);
    return rc;
}

static int merge_until(struct learner *learner, uint64_t n_tokens, uint64_t least) {
    int rc = count_pairs(learner);
    if (rc == 0)
        rc = enter_touched(learner, least);
    while (rc == 0 && learner->tokens.n < n_tokens) {
        uint32_t best;
        rc = best_pair(learner, least, &best);
        if (rc <= 0)
            return rc;
        rc = merge_pair(learner, best);
        if (rc == 0)
            rc = enter_touched(learner, least);
    }
    return rc;
}

/* ---- the result ---- */

static int write_lines(struct elc_buffer *lines, const struct strings *tokens, uint64_t reserve) {
    int rc = elc_buffer_printf(lines, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    for (uint64_t i = 0; i < reserve && rc == 0; i++)
        rc = elc_buffer_printf(lines, "[unused%" PRIu64 "]\n", i);
    for (size_t i = 0; i < tokens->n && rc == 0; i++) {
        rc = elc_buffer_append(lines, tokens->items[i].text, tokens->items[i].len);
        if (rc == 0)
            rc = elc_buffer_append(lines, "\n", 1);
    }
    return rc;
}

static int learn(struct learner *learner, struct alphabet *alphabet,
                 const struct elc_word_counts *counts, const struct elc_learn_options *options) {
    enum { N_SPECIALS = 5 };
    int rc = find_alphabet(alphabet, counts, options->limit_alphabet);
    if (rc == 0)
        rc = spell_words(learner, alphabet, counts);
    if (rc < 0)
        return rc;
    uint64_t needed = N_SPECIALS + options->reserve + learner->tokens.n;
    if (needed > options->size)
        return elc_fail(ELC_EINVAL,
                        "a vocabulary of %" PRIu64 " tokens has no room for the alphabet: %" PRIu64
                        " are needed; ask for more tokens or a smaller alphabet",
                        options->size, needed);
    return merge_until(learner, options->size - N_SPECIALS - options->reserve,
                       options->min_frequency > 0 ? options->min_frequency : 1);
}

long long elc_learn(struct elc_buffer *lines, const struct elc_word_counts *counts,
                    const struct elc_learn_options *options) {
    if (counts->words.n == 0)
        return elc_fail(ELC_EFORMAT, "no words to learn from (did the previous command fail?)");
    struct learner learner = {0};
    struct alphabet alphabet = {0};
    int rc = learn(&learner, &alphabet, counts, options);
    if (rc == 0)
        rc = write_lines(lines, &learner.tokens, options->reserve);
    long long n = rc < 0 ? rc : (long long)(5 + options->reserve + learner.tokens.n);
    learner_free(&learner);
    free(alphabet.letters);
    free(alphabet.places);
    return n;
}
