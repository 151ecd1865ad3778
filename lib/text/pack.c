/* Documents to pre-training examples. See electra/pack.h for the rules. */
#include "electra/pack.h"

#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"
#include "electra/random.h"

static const double SHORT_PROB = 0.05;      /* of a target below max_length */
static const double ONE_SEGMENT_PROB = 0.1; /* of no B, however long A gets */
static const double OVERSHOOT_PROB = 0.5;   /* of one more line for A that makes it too long */

/* A line, or what is left of one. */
struct piece {
    size_t start, len; /* in the packer's tokens */
};

struct elc_packer {
    struct elc_vocab_id vocab;
    uint32_t max_length;
    uint64_t seed, document, example;
    elc_packed_emit *emit;
    void *context;

    /* The collected lines. */
    uint32_t *ids, *words;
    bool has_words;
    size_t n, ids_capacity, words_capacity;
    struct piece *pieces;
    size_t n_pieces, pieces_capacity;
    size_t collected; /* tokens in the pieces */
    size_t target;    /* 0: the example has not begun */
    struct elc_random random;

    /* The example being made: max_length places each. */
    uint32_t *example_ids, *example_words, *example_types;
};

int elc_packer_new(struct elc_packer **packer, const struct elc_vocab_id *vocab,
                   uint32_t max_length, uint64_t seed, elc_packed_emit *emit, void *context) {
    *packer = NULL;
    if (max_length < ELC_PACK_MIN_LENGTH)
        return elc_fail(ELC_EINVAL, "examples of %u tokens are too short; the least is %d",
                        max_length, ELC_PACK_MIN_LENGTH);
    struct elc_packer *made = calloc(1, sizeof *made);
    if (!made)
        return elc_fail_memory(sizeof *made);
    made->vocab = *vocab;
    made->max_length = max_length;
    made->seed = seed;
    made->emit = emit;
    made->context = context;
    made->example_ids = calloc(max_length, sizeof(uint32_t));
    made->example_words = calloc(max_length, sizeof(uint32_t));
    made->example_types = calloc(max_length, sizeof(uint32_t));
    if (!made->example_ids || !made->example_words || !made->example_types) {
        elc_packer_destroy(made);
        return elc_fail_memory(3 * max_length * sizeof(uint32_t));
    }
    *packer = made;
    return 0;
}

void elc_packer_destroy(struct elc_packer *packer) {
    if (!packer)
        return;
    free(packer->ids);
    free(packer->words);
    free(packer->pieces);
    free(packer->example_ids);
    free(packer->example_words);
    free(packer->example_types);
    free(packer);
}

/* ---- one example ---- */

static void begin_example(struct elc_packer *packer) {
    elc_random_init(&packer->random, packer->seed, ELC_PACK, packer->document, packer->example);
    packer->target = packer->max_length;
    if (elc_random_unit(&packer->random) < SHORT_PROB)
        packer->target =
            ELC_PACK_MIN_LENGTH +
            elc_random_below(&packer->random, packer->max_length - ELC_PACK_MIN_LENGTH + 1);
}

/* Decides which pieces go to B; the number of tokens of A. */
static size_t divide(struct elc_packer *packer, bool *in_b) {
    size_t a_target = (packer->target - 3) / 2;
    if (elc_random_unit(&packer->random) < ONE_SEGMENT_PROB)
        a_target = SIZE_MAX;
    size_t a = 0;
    bool b_begun = false;
    for (size_t i = 0; i < packer->n_pieces; i++) {
        size_t len = packer->pieces[i].len;
        bool short_of_target = a < a_target;
        bool to_a =
            a == 0 || (short_of_target && len < a_target - a) ||
            (short_of_target && !b_begun && elc_random_unit(&packer->random) < OVERSHOOT_PROB);
        in_b[i] = !to_a;
        b_begun = b_begun || !to_a;
        a += to_a ? len : 0;
    }
    return a;
}

struct example_end {
    size_t n;
    uint32_t word; /* number for the next word */
};

static void put(struct elc_packer *packer, struct example_end *end, uint32_t id, uint32_t word,
                uint32_t type) {
    packer->example_ids[end->n] = id;
    packer->example_words[end->n] = word;
    packer->example_types[end->n] = type;
    end->n++;
}

/* Moves up to `room` tokens of the segment's pieces into the example. What is left of a piece
 * stays in it. */
static size_t put_segment(struct elc_packer *packer, struct example_end *end, const bool *in_b,
                          bool b, size_t room) {
    size_t moved = 0;
    for (size_t i = 0; i < packer->n_pieces; i++) {
        struct piece *piece = &packer->pieces[i];
        if (in_b[i] != b)
            continue;
        size_t n = piece->len < room - moved ? piece->len : room - moved;
        for (size_t k = piece->start; k < piece->start + n; k++) {
            if (packer->has_words && k > piece->start && packer->words[k] != packer->words[k - 1])
                end->word++;
            put(packer, end, packer->ids[k], end->word, b);
        }
        end->word += n > 0;
        moved += n;
        piece->start += n;
        piece->len -= n;
    }
    return moved;
}

/* Forgets pieces that are used up, and their tokens now and then. */
static void tidy(struct elc_packer *packer) {
    size_t kept = 0;
    for (size_t i = 0; i < packer->n_pieces; i++)
        if (packer->pieces[i].len > 0)
            packer->pieces[kept++] = packer->pieces[i];
    packer->n_pieces = kept;
    size_t used = kept > 0 ? packer->pieces[0].start : packer->n;
    if (used < packer->n - used)
        return; /* moving would cost more than has been read since */
    packer->n -= used;
    memmove(packer->ids, packer->ids + used, packer->n * sizeof *packer->ids);
    if (packer->has_words)
        memmove(packer->words, packer->words + used, packer->n * sizeof *packer->words);
    for (size_t i = 0; i < kept; i++)
        packer->pieces[i].start -= used;
}

static int emit_example(struct elc_packer *packer) {
    bool *in_b = calloc(packer->n_pieces, sizeof *in_b);
    if (!in_b)
        return elc_fail_memory(packer->n_pieces);
    struct example_end end = {0};
    size_t a = divide(packer, in_b);
    size_t a_room = packer->max_length - 2;
    size_t a_kept = a < a_room ? a : a_room;
    size_t b_room = a_kept + 3 < packer->max_length ? packer->max_length - a_kept - 3 : 0;
    put(packer, &end, packer->vocab.cls, UINT32_MAX, 0);
    packer->collected -= put_segment(packer, &end, in_b, false, a_room);
    put(packer, &end, packer->vocab.sep, UINT32_MAX, 0);
    size_t b_kept = put_segment(packer, &end, in_b, true, b_room);
    packer->collected -= b_kept;
    if (b_kept > 0)
        put(packer, &end, packer->vocab.sep, UINT32_MAX, 1);
    free(in_b);
    tidy(packer);
    packer->target = 0;
    packer->example++;
    struct elc_packed example = {
        .ids = packer->example_ids,
        .words = packer->has_words ? packer->example_words : NULL,
        .types = packer->example_types,
        .n = end.n,
        .pair = b_kept > 0,
    };
    return packer->emit(packer->context, &example);
}

/* ---- lines and documents ---- */

/* Emits examples while there are enough tokens for one: any at all at the end of the document. */
static int drain(struct elc_packer *packer, bool end) {
    while (packer->collected > 0) {
        if (packer->target == 0)
            begin_example(packer);
        if (packer->collected < packer->target && !end)
            break;
        int rc = emit_example(packer);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int elc_packer_line(struct elc_packer *packer, const uint32_t *ids, const uint32_t *words,
                    size_t n) {
    if (n == 0)
        return elc_packer_end_document(packer);
    int rc = elc_grow(&packer->ids, &packer->ids_capacity, packer->n + n, sizeof *packer->ids);
    if (rc == 0)
        rc =
            elc_grow(&packer->words, &packer->words_capacity, packer->n + n, sizeof *packer->words);
    if (rc == 0)
        rc = elc_grow(&packer->pieces, &packer->pieces_capacity, packer->n_pieces + 1,
                      sizeof *packer->pieces);
    if (rc < 0)
        return rc;
    memcpy(packer->ids + packer->n, ids, n * sizeof *ids);
    if (words)
        memcpy(packer->words + packer->n, words, n * sizeof *words);
    packer->has_words = words != NULL;
    packer->pieces[packer->n_pieces++] = (struct piece){packer->n, n};
    packer->n += n;
    packer->collected += n;
    return drain(packer, false);
}

int elc_packer_end_document(struct elc_packer *packer) {
    bool begun = packer->collected > 0 || packer->example > 0;
    int rc = drain(packer, true);
    if (begun) {
        packer->document++;
        packer->example = 0;
    }
    packer->target = 0;
    return rc;
}
