/* Samples to records. */
#include "records.h"

#include <stdlib.h>
#include <string.h>

#include "spans.h"

void record_maker_forget(struct record_maker *maker) {
    maker->encoded = NULL;
}

void record_maker_free(struct record_maker *maker) {
    elc_encoding_free(&maker->text);
    elc_encoding_free(&maker->pair);
    elc_encoding_free(&maker->answer);
    elc_builder_free(&maker->builder);
    free(maker->best);
    maker->best = NULL;
}

void count_tokens(struct elc_tokenize_counts *counts, const struct elc_layout_part *part,
                  uint32_t unk) {
    if (part->n == 0)
        return;
    const uint32_t *ids = part->encoding->ids + part->first;
    const uint32_t *words = part->encoding->words + part->first;
    size_t unknown = 0;
    for (size_t i = 0; i < part->n; i++)
        unknown += ids[i] == unk;
    counts->tokens += part->n;
    counts->unknown += unknown;
    counts->words += words[part->n - 1] - words[0] + 1;
}

/* ---- tokens ---- */

static size_t all_tokens(const struct elc_encoding *encoding) {
    return encoding->n + encoding->cut;
}

/* Words are those that the sample came in, not those that were found. */
static void number_words(struct elc_encoding *encoding, const struct sample *sample) {
    uint32_t word = 0;
    for (size_t i = 0; i < encoding->n; i++) {
        while (word + 1 < sample->n_words &&
               encoding->ranges[i].start >= sample->word_starts[word + 1])
            word++;
        encoding->words[i] = word;
    }
}

/* More tokens than the windows of one block could hold, where each token is in one at least: its
 * id, whether it is the best, and with the text its bytes and its word. */
static size_t window_tokens(const struct elc_layout *layout) {
    const size_t number = sizeof(uint32_t);
    size_t bytes = elc_id_width(layout->vocab->size) + 1;
    bytes += layout->text ? 3 * number : layout->words ? number : 0;
    return ELC_BLOCK_LIMIT / bytes + 1;
}

/* The tokens of both texts, as many as may be needed. Questions share a context. */
static int encode(struct record_maker *maker, const struct sample *sample) {
    const struct elc_tokenize_options *options = maker->options;
    const size_t of_windows = window_tokens(&maker->layout);
    bool is_question = options->layout == ELC_INPUT_SQUAD;
    size_t limit = options->windows ? of_windows : options->max_length - 2;
    int err = elc_tokenizer_encode(maker->tokenizer, sample->text, sample->text_len,
                                   is_question ? ELC_QUESTION_TOKENS : limit, &maker->text);
    if (!err && sample->word_starts)
        number_words(&maker->text, sample);
    if (err || !sample->pair || (is_question && sample->pair == maker->encoded))
        return err;
    maker->encoded = NULL;
    err = elc_tokenizer_encode(maker->tokenizer, sample->pair, sample->pair_len,
                               is_question ? of_windows : limit, &maker->pair);
    if (!err)
        maker->encoded = sample->pair;
    return err;
}

/* ---- what fits ---- */

static int put_record(struct record_maker *maker, const struct elc_layout_record *record,
                      struct elc_buffer *records, struct elc_tokenize_counts *counts) {
    const size_t before = records->len;
    int err = elc_layout_record(&maker->builder, &maker->layout, record);
    if (!err)
        err = elc_builder_write(&maker->builder, records);
    if (!err && records->len - before > ELC_BLOCK_LIMIT)
        err = elc_fail(ELC_ELIMIT,
                       "a record of %zu bytes where %d are the most; --no-text makes it shorter",
                       records->len - before, ELC_BLOCK_LIMIT);
    if (err)
        return err;
    count_tokens(counts, &record->text, maker->layout.vocab->unk);
    count_tokens(counts, &record->pair, maker->layout.vocab->unk);
    return 0;
}

/* One record, cut where it is too long. */
static int make_one(struct record_maker *maker, struct elc_layout_record *record,
                    struct elc_buffer *records, struct elc_tokenize_counts *counts) {
    const struct elc_tokenize_options *options = maker->options;
    size_t n1 = all_tokens(&maker->text), n2 = 0, all = n1;
    int err = 0;
    if (record->pair.encoding) {
        n2 = all_tokens(&maker->pair);
        all += n2;
        err = elc_truncate_pair(&n1, &n2, options->max_length - 3, options->truncation,
                                maker->google);
    } else if (n1 > options->max_length - 2) {
        n1 = options->max_length - 2;
    }
    record->text.n = n1;
    record->pair.n = n2;
    record->cut = all - n1 - n2;
    return err ? err : put_record(maker, record, records, counts);
}

static int refuse_windows(const struct record_maker *maker) {
    return elc_fail(ELC_ELIMIT, "windows of more than %d bytes%s", ELC_BLOCK_LIMIT,
                    maker->layout.text ? "; --no-text makes them shorter" : "");
}

/* What slides over what. */
static int plan_windows(const struct record_maker *maker, const struct elc_layout_record *record,
                        struct elc_windows *windows) {
    const struct elc_tokenize_options *options = maker->options;
    bool pair = record->pair.encoding != NULL;
    size_t room = options->max_length - (pair ? 3 : 2), fixed = 0;
    if (pair)
        fixed = record->windowed_pair ? maker->text.n : maker->pair.n;
    *windows = (struct elc_windows){
        .n = record->windowed_pair ? maker->pair.n : maker->text.n,
        .room = room - fixed,
        .overlap = options->overlap,
    };
    if (fixed + windows->n <= room) {
        windows->room = windows->n + 1; /* whatever it is, one will do */
        windows->overlap = 0;
        return 0;
    }
    if (fixed >= room)
        return elc_fail(ELC_ELIMIT, "the %s text has %zu tokens, which leaves none for the other",
                        record->windowed_pair ? "first" : "second", fixed);
    if (!options->windows && windows->overlap > windows->room / 2)
        windows->overlap = windows->room / 2;
    if (windows->room <= windows->overlap)
        return elc_fail(ELC_ELIMIT,
                        "windows of %zu tokens cannot share %u with the one before (see --stride)",
                        windows->room, options->overlap);
    return 0;
}

/* Tokens of a whole pair. */
struct span {
    bool found;
    size_t first, last;
};

static int find_answer(struct record_maker *maker, const struct sample *sample, struct span *span) {
    *span = (struct span){0};
    if (!sample->answer.text)
        return 0;
    int err = elc_tokenizer_encode(maker->tokenizer, sample->answer.text, sample->answer.len,
                                   SIZE_MAX, &maker->answer);
    if (!err)
        span->found = answer_span(&maker->pair, sample->pair, sample->pair_len, &sample->answer,
                                  &maker->answer, &span->first, &span->last);
    return err;
}

/* The answer among the tokens of the record, if all of it is there. */
static void place_answer(struct elc_layout_record *record, const struct span *span) {
    const struct elc_layout_part *pair = &record->pair;
    bool inside = span->found && span->first >= pair->first && span->last < pair->first + pair->n;
    size_t before = record->text.n + 2; /* tokens before the pair's */
    record->span[0] = inside ? (uint32_t)(span->first - pair->first + before) : 0;
    record->span[1] = inside ? (uint32_t)(span->last - pair->first + before) : 0;
}

static int mark_best(struct record_maker *maker, const struct elc_windows *windows, size_t k,
                     const struct elc_layout_part *part) {
    int err = elc_grow(&maker->best, &maker->best_capacity, part->n + 1, sizeof *maker->best);
    for (size_t i = 0; i < part->n && !err; i++)
        maker->best[i] = elc_windows_best(windows, part->first + i) == k;
    return err;
}

/* A record for each window. */
static int make_windows(struct record_maker *maker, const struct sample *sample,
                        struct elc_layout_record *record, struct elc_buffer *records,
                        struct elc_tokenize_counts *counts) {
    struct elc_layout_part *part = record->windowed_pair ? &record->pair : &record->text;
    struct elc_windows windows;
    struct span span = {0};
    size_t end, before = records->len;
    record->text.n = maker->text.n;
    record->pair.n = record->pair.encoding ? maker->pair.n : 0;
    record->cut = maker->text.cut; /* of a question */
    record->has_span = sample->has_span;
    int err = part->encoding->cut > 0 ? refuse_windows(maker) : 0;
    if (!err)
        err = plan_windows(maker, record, &windows);
    if (!err)
        err = find_answer(maker, sample, &span);
    record->n_windows = err ? 0 : elc_windows_count(&windows);
    for (size_t k = 0; k < record->n_windows && !err; k++) {
        elc_windows_range(&windows, k, &part->first, &end);
        part->n = end - part->first;
        record->window = k + 1;
        place_answer(record, &span);
        err = mark_best(maker, &windows, k, part);
        record->best = maker->best;
        if (!err)
            err = put_record(maker, record, records, counts);
        if (!err && records->len - before > ELC_BLOCK_LIMIT)
            err = refuse_windows(maker);
    }
    return err;
}

int record_maker_run(struct record_maker *maker, const struct sample *sample,
                     struct elc_buffer *records, uint64_t *n, struct elc_tokenize_counts *counts) {
    const struct elc_tokenize_options *options = maker->options;
    struct elc_layout_record record = {
        .id = sample->id,
        .text = {.encoding = &maker->text, .text = sample->text},
        .pair = {.encoding = sample->pair ? &maker->pair : NULL, .text = sample->pair},
        .extra = &sample->extra,
        .windowed_pair = sample->pair && options->truncation != ELC_ONLY_FIRST,
    };
    bool windows = options->windows || options->layout == ELC_INPUT_SQUAD;
    struct elc_tokenize_counts more = *counts;
    int err = encode(maker, sample);
    if (!err)
        err = windows ? make_windows(maker, sample, &record, records, &more)
                      : make_one(maker, &record, records, &more);
    if (err)
        return err;
    *n = windows ? record.n_windows : 1;
    more.cut_texts += record.cut > 0;
    more.cut_tokens += record.cut;
    more.windows += *n > 1 ? *n : 0;
    *counts = more;
    return 0;
}
