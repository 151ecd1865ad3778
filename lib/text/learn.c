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

#include "ascii.h"
#include "spelling.h"

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
    struct spelled corpus; /* words, merged more and more, and the tokens that there are */
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
    spelled_free(&learner->corpus);
    free(learner->pairs);
    free(learner->pair_slots);
    free(learner->heap);
    free(learner->touched);
}

/* ---- pairs ---- */

static size_t pair_slot(const struct learner *learner, uint32_t a, uint32_t b) {
    uint64_t hash = ((uint64_t)a << 32 | b) * GOLDEN_64;
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
    for (size_t w = 0; w < learner->corpus.n_words; w++) {
        const struct spelling *word = &learner->corpus.words[w];
        const uint32_t *symbols = learner->corpus.symbols + word->start;
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
    const struct string *tokens = learner->corpus.tokens.items;
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
    const struct string *x = &learner->corpus.tokens.items[a],
                        *y = &learner->corpus.tokens.items[b];
    struct elc_buffer text = {0};
    int rc = elc_buffer_append(&text, x->text, x->len);
    if (rc == 0)
        rc = elc_buffer_append(&text, y->text + 2, y->len - 2);
    long long symbol =
        rc < 0 ? rc : strings_add(&learner->corpus.tokens, (const char *)text.data, text.len);
    elc_buffer_free(&text);
    return symbol;
}

/* Replaces each a b in the word, from left to right, and corrects the counts around it. */
static int merge_word(struct learner *learner, uint32_t w, uint32_t a, uint32_t b, uint32_t ab) {
    struct spelling *word = &learner->corpus.words[w];
    uint32_t *symbols = learner->corpus.symbols + word->start;
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
    while (rc == 0 && learner->corpus.tokens.n < n_tokens) {
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

/* The tokens that are not learned: the special ones at their ids, free places around them. */
struct front {
    uint32_t ids[ELC_N_SPECIALS];
    uint64_t n; /* tokens of it */
};

static int plan_front(struct front *front, const struct elc_learn_options *options) {
    uint32_t last = 0;
    bool chosen = false;
    for (uint32_t i = 0; i < ELC_N_SPECIALS; i++)
        chosen = chosen || options->special_ids[i] > 0;
    for (uint32_t i = 0; i < ELC_N_SPECIALS; i++) {
        front->ids[i] = chosen ? options->special_ids[i] : i;
        last = front->ids[i] > last ? front->ids[i] : last;
        for (uint32_t k = 0; k < i; k++)
            if (front->ids[k] == front->ids[i])
                return elc_fail(ELC_EINVAL, "two special tokens cannot have the same id %" PRIu32,
                                front->ids[i]);
    }
    uint64_t between = last + UINT64_C(1) - ELC_N_SPECIALS;
    front->n = ELC_N_SPECIALS + (options->reserve > between ? options->reserve : between);
    return 0;
}

static int write_front(struct elc_buffer *lines, const struct front *front) {
    uint64_t n_unused = 0;
    int rc = 0;
    for (uint64_t id = 0; id < front->n && rc == 0; id++) {
        int special = 0;
        while (special < ELC_N_SPECIALS && front->ids[special] != id)
            special++;
        rc = special < ELC_N_SPECIALS
                 ? elc_buffer_printf(lines, "%s\n", elc_special_tokens[special])
                 : elc_buffer_printf(lines, "[unused%" PRIu64 "]\n", n_unused++);
    }
    return rc;
}

static int write_tokens(struct elc_buffer *lines, const struct strings *tokens) {
    int rc = 0;
    for (size_t i = 0; i < tokens->n && rc == 0; i++) {
        rc = elc_buffer_append(lines, tokens->items[i].text, tokens->items[i].len);
        if (rc == 0)
            rc = elc_buffer_append(lines, "\n", 1);
    }
    return rc;
}

static int learn(struct learner *learner, const struct elc_word_counts *counts,
                 const struct elc_learn_options *options, uint64_t n_front) {
    int rc = spell_words(&learner->corpus, counts, options->limit_alphabet);
    if (rc < 0)
        return rc;
    uint64_t needed = n_front + learner->corpus.tokens.n;
    if (needed > options->size)
        return elc_fail(ELC_EINVAL,
                        "a vocabulary of %" PRIu64 " tokens has no room for the alphabet: %" PRIu64
                        " are needed; ask for more tokens or a smaller alphabet",
                        options->size, needed);
    return merge_until(learner, options->size - n_front,
                       options->min_frequency > 0 ? options->min_frequency : 1);
}

long long elc_learn(struct elc_buffer *lines, const struct elc_word_counts *counts,
                    const struct elc_learn_options *options) {
    if (counts->words.n == 0)
        return elc_fail(ELC_EFORMAT, "no words to learn from (did the previous command fail?)");
    struct learner learner = {0};
    struct front front = {0};
    int rc = plan_front(&front, options);
    if (rc == 0)
        rc = learn(&learner, counts, options, front.n);
    if (rc == 0)
        rc = write_front(lines, &front);
    if (rc == 0)
        rc = write_tokens(lines, &learner.corpus.tokens);
    long long n = rc < 0 ? rc : (long long)(front.n + learner.corpus.tokens.n);
    learner_free(&learner);
    return n;
}
