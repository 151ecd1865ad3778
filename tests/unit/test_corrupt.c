/* Masked and replaced records against the rules of electra/mask.h and electra/corrupt.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "electra/corrupt.h"

enum { PAD = 0, UNK = 1, CLS = 2, SEP = 3, MASK = 4, WORDS = 5, VOCAB = 1000, LENGTH = 128 };

static struct elc_header tokens_header(void) {
    return (struct elc_header){
        .kind = ELC_TOKENS,
        .id_width = 2,
        .max_length = LENGTH,
        .vocab = {.size = VOCAB, .pad = PAD, .unk = UNK, .cls = CLS, .sep = SEP, .mask = MASK},
    };
}

/* [CLS], n - 2 words, [SEP]; of two texts of four or more tokens the words differ. */
static void make_text(uint32_t *ids, size_t n, uint32_t kind) {
    enum { CHOICE = VOCAB - WORDS };
    for (size_t i = 0; i < n; i++)
        ids[i] = WORDS + (uint32_t)i * 17 % CHOICE;
    ids[1] = WORDS + kind % CHOICE;
    ids[2] = WORDS + kind / CHOICE;
    ids[0] = CLS;
    ids[n - 1] = SEP;
}

/* A record with these ids and what else a tokenizer adds; valid while the builder is. */
static void make_record(struct elc_record *record, struct elc_builder *builder, const uint32_t *ids,
                        size_t n) {
    elc_builder_reset(builder);
    assert_int_equal(elc_builder_uint(builder, "id", 7), 0);
    assert_int_equal(elc_builder_numbers(builder, "ids", ids, n, 2), 0);
    assert_int_equal(elc_builder_str(builder, "text", "hello", 5), 0);
    assert_int_equal(elc_builder_double(builder, "unknown to us", 0.25), 0);
    assert_int_equal(elc_builder_finish(builder), 0);
    size_t position = 0;
    assert_int_equal(elc_record_next(record, &builder->record, &position), 1);
}

struct masked {
    struct elc_corrupter corrupter;
    struct elc_block block;
    struct elc_record record;
    struct elc_buffer ids, positions, original; /* uint32_t each */
    size_t n, n_masked;
};

static const uint32_t *numbers(const struct elc_buffer *buffer) {
    return (const uint32_t *)(const void *)buffer->data;
}

/* A block of one record. */
static int corrupt_one(struct masked *masked, const struct elc_record *record,
                       const struct elc_header *header, const struct elc_corruption *corruption,
                       uint64_t epoch) {
    const struct elc_block in = {.count = 1,
                                 .payload = {.data = (uint8_t *)(uintptr_t)record->raw,
                                             .len = record->raw_len,
                                             .capacity = record->raw_len}};
    size_t position = 0;
    int err = elc_corrupt_block(&masked->corrupter, &masked->block, &in, header, corruption, epoch);
    if (!err)
        assert_int_equal(elc_record_next(&masked->record, &masked->block.payload, &position), 1);
    return err;
}

static void read_masks(struct masked *masked) {
    const struct elc_record *record = &masked->record;
    assert_int_equal(elc_record_ids(record, "ids", 2, VOCAB, &masked->ids), 0);
    assert_int_equal(elc_record_numbers(record, "masked", 2, SIZE_MAX, &masked->positions), 1);
    assert_int_equal(elc_record_ids(record, "original", 2, VOCAB, &masked->original), 0);
    masked->n = masked->ids.len / sizeof(uint32_t);
    masked->n_masked = masked->positions.len / sizeof(uint32_t);
    assert_int_equal(masked->original.len, masked->positions.len);
}

static int corrupt(struct masked *masked, const uint32_t *ids, size_t n,
                   const struct elc_header *header, const struct elc_corruption *corruption,
                   uint64_t epoch) {
    struct elc_builder builder = {0};
    struct elc_record record;
    make_record(&record, &builder, ids, n);
    int err = corrupt_one(masked, &record, header, corruption, epoch);
    if (!err)
        read_masks(masked);
    elc_builder_free(&builder);
    return err;
}

static void free_masked(struct masked *masked) {
    elc_corrupter_free(&masked->corrupter);
    elc_buffer_free(&masked->block.payload);
    elc_buffer_free(&masked->ids);
    elc_buffer_free(&masked->positions);
    elc_buffer_free(&masked->original);
}

/* Everything a reader may rely on, whatever was drawn. Returns how many show [MASK]. */
static size_t expect_sound(const struct masked *masked, const uint32_t *ids, size_t n) {
    const uint32_t *shown = numbers(&masked->ids), *positions = numbers(&masked->positions);
    const uint32_t *original = numbers(&masked->original);
    size_t n_shown = 0, next = 0;
    assert_int_equal(masked->n, n);
    for (size_t i = 0; i < n; i++) {
        bool chosen = next < masked->n_masked && positions[next] == i;
        if (chosen) {
            assert_int_equal(original[next], ids[i]);
            assert_true(ids[i] >= WORDS || ids[i] == UNK);
            assert_true(shown[i] == MASK || shown[i] == ids[i]);
            n_shown += shown[i] == MASK;
            next++;
        } else {
            assert_int_equal(shown[i], ids[i]);
        }
    }
    assert_int_equal(next, masked->n_masked); /* ascending, in the text, each once */
    return n_shown;
}

static const struct elc_corruption usual = {.mask_prob = 0.15, .seed = 1};

static void as_many_are_masked_as_the_paper_says(void **state) {
    (void)state;
    const struct {
        size_t n, expected;
    } cases[] = {
        {128, 19}, /* round(19.2) */
        {127, 19},         {124, 19},         {123, 18}, {100, 15}, {30, 4} /* 4.5: to even */,
        {50, 8} /* 7.5 */, {10, 2} /* 1.5 */, {9, 1},    {4, 1},    {3, 1},
    };
    const struct elc_header header = tokens_header();
    struct masked masked = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t ids[LENGTH];
        make_text(ids, cases[i].n, (uint32_t)i);
        assert_int_equal(corrupt(&masked, ids, cases[i].n, &header, &usual, 0), 0);
        assert_int_equal(masked.n_masked, cases[i].expected);
        expect_sound(&masked, ids, cases[i].n);
    }
    free_masked(&masked);
}

static void of_the_masked_six_in_seven_show_mask(void **state) {
    (void)state;
    const struct elc_header header = tokens_header();
    struct masked masked = {0};
    size_t n_masked = 0, n_shown = 0;
    unsigned chosen[LENGTH] = {0};
    enum { TEXTS = 2000 };
    for (uint32_t kind = 0; kind < TEXTS; kind++) {
        uint32_t ids[LENGTH];
        make_text(ids, LENGTH, kind);
        ids[60] = SEP;
        ids[61] = UNK;
        assert_int_equal(corrupt(&masked, ids, LENGTH, &header, &usual, 0), 0);
        n_masked += masked.n_masked;
        n_shown += expect_sound(&masked, ids, LENGTH);
        for (size_t i = 0; i < masked.n_masked; i++)
            chosen[numbers(&masked.positions)[i]]++;
    }
    assert_int_equal(n_masked, TEXTS * 19);
    double share = (double)n_shown / (double)n_masked;
    assert_true(share > 0.84 && share < 0.86);
    assert_int_equal(chosen[0] + chosen[60] + chosen[LENGTH - 1], 0);
    for (size_t i = 1; i < LENGTH - 1; i++) /* 2000·19/125 = 304 each, deviation 16 */
        if (i != 60)
            assert_in_range(chosen[i], 235, 375);
    free_masked(&masked);
}

static void special_tokens_are_never_masked(void **state) {
    (void)state;
    const struct elc_header header = tokens_header();
    struct masked masked = {0};
    const uint32_t none[] = {CLS, SEP}, many[] = {CLS, MASK, PAD, SEP, 77, MASK, SEP, PAD};
    assert_int_equal(corrupt(&masked, none, 2, &header, &usual, 0), 0);
    assert_int_equal(masked.n_masked, 0);
    expect_sound(&masked, none, 2);
    for (uint64_t epoch = 0; epoch < 50; epoch++) {
        assert_int_equal(corrupt(&masked, many, 8, &header, &usual, epoch), 0);
        assert_int_equal(masked.n_masked, 1);
        assert_int_equal(numbers(&masked.positions)[0], 4);
        assert_int_equal(numbers(&masked.original)[0], 77);
    }
    free_masked(&masked);
}

/* Seed, epoch and ids name the draw; nothing else has a part in it. */
static void draws_depend_on_seed_epoch_and_ids_alone(void **state) {
    (void)state;
    const struct elc_header header = tokens_header();
    struct masked first = {0}, second = {0};
    uint32_t ids[LENGTH], others[LENGTH];
    make_text(ids, LENGTH, 5);
    make_text(others, LENGTH, 6);
    struct elc_corruption seeded = usual;
    seeded.seed = 2;
    assert_int_equal(corrupt(&first, ids, LENGTH, &header, &usual, 0), 0);
    assert_int_equal(corrupt(&second, others, LENGTH, &header, &usual, 0), 0);
    assert_memory_not_equal(first.positions.data, second.positions.data, 19 * 4);
    assert_int_equal(corrupt(&second, ids, LENGTH, &header, &usual, 0), 0);
    assert_memory_equal(first.block.payload.data, second.block.payload.data,
                        first.block.payload.len);
    assert_int_equal(corrupt(&second, ids, LENGTH, &header, &usual, 1), 0);
    assert_memory_not_equal(first.positions.data, second.positions.data, 19 * 4);
    assert_int_equal(corrupt(&second, ids, LENGTH, &header, &seeded, 0), 0);
    assert_memory_not_equal(first.positions.data, second.positions.data, 19 * 4);
    free_masked(&first);
    free_masked(&second);
}

static void other_keys_pass_untouched_and_in_place(void **state) {
    (void)state;
    static const char *const keys[] = {"id", "ids", "text", "unknown to us", "masked", "original"};
    const struct elc_header header = tokens_header();
    struct masked masked = {0};
    uint32_t ids[20];
    make_text(ids, 20, 1);
    assert_int_equal(corrupt(&masked, ids, 20, &header, &usual, 0), 0);
    assert_int_equal(masked.record.n_fields, sizeof keys / sizeof *keys);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_memory_equal(masked.record.fields[i].key, keys[i], strlen(keys[i]));
    assert_memory_equal(masked.record.fields[2].as.bytes.data, "hello", 5);
    assert_true(masked.record.fields[3].as.real == 0.25);
    assert_int_equal(masked.corrupter.n_tokens, 20);
    free_masked(&masked);
}

static void records_that_do_not_fit_are_refused(void **state) {
    (void)state;
    struct elc_header header = tokens_header();
    struct masked masked = {0};
    uint32_t ids[LENGTH + 1];
    make_text(ids, LENGTH + 1, 1);
    assert_int_equal(corrupt(&masked, ids, LENGTH + 1, &header, &usual, 0), ELC_EFORMAT);
    assert_non_null(strstr(elc_error(), "129 tokens"));

    enum { LONG = 70000 };
    uint32_t *many = malloc(LONG * sizeof *many);
    make_text(many, LONG, 1);
    header.max_length = UINT32_MAX;
    assert_int_equal(corrupt(&masked, many, LONG, &header, &usual, 0), ELC_EFORMAT);
    assert_non_null(strstr(elc_error(), "65535"));
    make_text(many, 65535, 1);
    assert_int_equal(corrupt(&masked, many, 65535, &header, &usual, 0), 0);
    expect_sound(&masked, many, 65535);
    free(many);

    ids[3] = VOCAB;
    assert_int_equal(corrupt(&masked, ids, 9, &header, &usual, 0), ELC_EFORMAT);

    struct elc_builder builder = {0};
    struct elc_record record;
    size_t position = 0;
    assert_int_equal(elc_builder_numbers(&builder, "ids", ids, 3, 2), 0);
    assert_int_equal(elc_builder_numbers(&builder, "masked", ids, 1, 2), 0);
    assert_int_equal(elc_builder_finish(&builder), 0);
    assert_int_equal(elc_record_next(&record, &builder.record, &position), 1);
    assert_int_equal(corrupt_one(&masked, &record, &header, &usual, 0), ELC_EFORMAT);
    assert_string_equal(elc_error(), "record 1: key 'masked' in a stream of tokens");
    elc_builder_free(&builder);
    free_masked(&masked);
}

static void blocks_keep_their_place_and_name_bad_records(void **state) {
    (void)state;
    const struct elc_header header = tokens_header();
    struct elc_corrupter corrupter = {0};
    struct elc_block in = {.first = 40, .count = 3}, out = {0};
    struct elc_builder builder = {0};
    struct elc_record record;
    uint32_t ids[12];
    for (uint32_t kind = 0; kind < 3; kind++) {
        make_text(ids, 12, kind);
        make_record(&record, &builder, ids, 12);
        assert_int_equal(elc_buffer_append(&in.payload, record.raw, record.raw_len), 0);
    }
    for (int again = 0; again < 2; again++) { /* `out` is reused */
        assert_int_equal(elc_corrupt_block(&corrupter, &out, &in, &header, &usual, 0), 0);
        assert_int_equal(out.first, 40);
        assert_int_equal(out.count, 3);
        size_t position = 0, n = 0;
        while (elc_record_next(&record, &out.payload, &position) > 0)
            n++;
        assert_int_equal(n, 3);
        assert_int_equal(position, out.payload.len);
    }
    ids[1] = VOCAB;
    make_record(&record, &builder, ids, 12);
    assert_int_equal(elc_buffer_append(&in.payload, record.raw, record.raw_len), 0);
    in.count = 4;
    assert_int_equal(elc_corrupt_block(&corrupter, &out, &in, &header, &usual, 0), ELC_EFORMAT);
    assert_memory_equal(elc_error(), "record 44: ", strlen("record 44: "));
    elc_builder_free(&builder);
    elc_buffer_free(&in.payload);
    elc_buffer_free(&out.payload);
    elc_corrupter_free(&corrupter);
    elc_corrupter_free(&corrupter);
}

static void headers_say_what_was_done(void **state) {
    (void)state;
    struct elc_header header = tokens_header();
    struct elc_unigrams uniform;
    struct elc_corruption replacing = usual;
    elc_unigrams_uniform(&uniform);
    replacing.replacer = &uniform.replacer;
    assert_int_equal(elc_corrupt_check(&usual, &header, "a"), 0);
    assert_int_equal(elc_corrupt_header(&header, &usual, 3), 0);
    assert_int_equal(header.kind, ELC_CORRUPTED);
    assert_true(header.has_epoch && header.epoch == 3);
    assert_string_equal(header.method, "mask");
    assert_true(header.mask_prob == 0.15);
    assert_int_equal(elc_corrupt_check(&usual, &header, "a"), ELC_EMISMATCH);
    assert_string_equal(elc_error(), "a: a stream of kind 'corrupted', where tokens are wanted");
    assert_int_equal(elc_corrupt_header(&header, &replacing, 3), 0);
    assert_string_equal(header.method, "uniform");
    elc_header_free(&header);
    elc_unigrams_free(&uniform);
}

/* ---- whole words ---- */

/* A record whose words have 1, 2, 3, 1, 2, 3 … tokens; ids[n] and words[n] are set. */
static void make_words(uint32_t *ids, uint32_t *words, size_t n) {
    make_text(ids, n, 3);
    words[0] = words[n - 1] = UINT32_MAX;
    for (size_t i = 1, word = 0; i < n - 1; word++)
        for (size_t k = 0; k <= word % 3 && i < n - 1; k++)
            words[i++] = (uint32_t)word;
}

static void whole_words_are_masked_or_not_at_all(void **state) {
    (void)state;
    const struct elc_vocab_id vocab = tokens_header().vocab;
    const struct elc_mask_options options = {.mask_prob = 0.15, .max_length = LENGTH, .seed = 1};
    uint32_t ids[LENGTH], words[LENGTH];
    unsigned seen[LENGTH] = {0}, n_masked = 0;
    struct elc_masks masks = {0};
    enum { EPOCHS = 4000 };
    make_words(ids, words, LENGTH);
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        bool masked[LENGTH] = {false};
        assert_int_equal(elc_mask_words(&masks, ids, LENGTH, words, &vocab, &options, epoch), 0);
        assert_true(masks.n <= 19 && masks.n >= 17); /* a word of 1 fits nearly always */
        for (size_t i = 0; i < masks.n; i++) {
            assert_true(i == 0 || masks.positions[i] > masks.positions[i - 1]);
            masked[masks.positions[i]] = true;
            seen[masks.positions[i]]++;
        }
        assert_false(masked[0] || masked[LENGTH - 1]);
        for (size_t i = 2; i < LENGTH - 1; i++)
            if (words[i] == words[i - 1])
                assert_int_equal(masked[i], masked[i - 1]);
        n_masked += (unsigned)masks.n;
    }
    assert_true(n_masked > 18.9 * EPOCHS);
    for (size_t i = 1; i < LENGTH - 1;
         i++) /* long words, 564 each, fit less often than short: 712 */
        assert_in_range(seen[i], 460, 820);
    elc_masks_free(&masks);
}

static void words_end_where_their_number_does(void **state) {
    (void)state;
    const struct elc_vocab_id vocab = tokens_header().vocab;
    const struct elc_mask_options options = {.mask_prob = 0.4, .max_length = LENGTH, .seed = 1};
    /* Two texts that number their words alike, a [MASK] that is nobody's, a word of one token. */
    const uint32_t none = UINT32_MAX;
    const uint32_t ids[] = {CLS, 10, 11, SEP, 12, MASK, 13, 14, SEP};
    const uint32_t words[] = {none, 0, 0, none, 0, 0, 0, 0, none};
    struct elc_masks masks = {0};
    bool found[3] = {false};
    for (uint64_t epoch = 0; epoch < 100; epoch++) {
        assert_int_equal(elc_mask_words(&masks, ids, 9, words, &vocab, &options, epoch), 0);
        assert_in_range(masks.n, 3, 4); /* k is round(3.6) */
        for (size_t i = 0; i < masks.n; i++) {
            found[0] |= masks.positions[i] == 1;
            found[1] |= masks.positions[i] == 4;
            found[2] |= masks.positions[i] == 6;
            assert_true(masks.positions[i] != 5);
        }
    }
    assert_true(found[0] && found[1] && found[2]);
    elc_masks_free(&masks);
}

static void a_word_longer_than_all_masks_is_taken_where_there_is_no_other(void **state) {
    (void)state;
    const struct elc_vocab_id vocab = tokens_header().vocab;
    const struct elc_mask_options options = {.mask_prob = 0.15, .max_length = LENGTH, .seed = 1};
    const uint32_t ids[] = {CLS, 10, 11, 12, SEP}, words[] = {UINT32_MAX, 0, 0, 0, UINT32_MAX};
    const uint32_t special[] = {CLS, SEP};
    struct elc_masks masks = {0};
    assert_int_equal(elc_mask_words(&masks, ids, 5, words, &vocab, &options, 0), 0);
    assert_int_equal(masks.n, 3);
    assert_int_equal(elc_mask_words(&masks, special, 2, words, &vocab, &options, 0), 0);
    assert_int_equal(masks.n, 0);
    elc_masks_free(&masks);
}

static void whole_words_need_words(void **state) {
    (void)state;
    const struct elc_header header = tokens_header();
    struct elc_corruption whole = usual;
    struct masked masked = {0};
    uint32_t ids[20], words[20];
    whole.whole_word = true;
    make_words(ids, words, 20);
    assert_int_equal(corrupt(&masked, ids, 20, &header, &whole, 0), ELC_EFORMAT);
    assert_string_equal(elc_error(), "record 1: no key 'words', which says where whole words are "
                                     "(electra-tokenize --words)");
    for (size_t n_words = 19; n_words <= 20; n_words++) {
        struct elc_builder builder = {0};
        struct elc_record record;
        size_t position = 0;
        assert_int_equal(elc_builder_numbers(&builder, "ids", ids, 20, 2), 0);
        assert_int_equal(elc_builder_numbers(&builder, "words", words, n_words, 4), 0);
        assert_int_equal(elc_builder_finish(&builder), 0);
        assert_int_equal(elc_record_next(&record, &builder.record, &position), 1);
        assert_int_equal(corrupt_one(&masked, &record, &header, &whole, 0),
                         n_words == 20 ? 0 : ELC_EFORMAT);
        elc_builder_free(&builder);
    }
    free_masked(&masked);
}

/* ---- replacements ---- */

/* How often each token is drawn for `original` over many texts and epochs. */
static void count_draws(unsigned *counts, struct elc_replacer *replacer, uint32_t original,
                        bool never_original, unsigned n) {
    uint32_t ids[34] = {CLS}, positions[32], replacements[32];
    struct elc_masked_text text = {
        .ids = ids, .n = 34, .positions = positions, .replacements = replacements, .n_masked = 32};
    for (uint32_t i = 0; i < 32; i++) {
        ids[i + 1] = original;
        positions[i] = i + 1;
    }
    ids[33] = SEP;
    memset(counts, 0, VOCAB * sizeof *counts);
    struct elc_draws draws = {.seed = 1, .never_original = never_original};
    for (; draws.epoch < n / 32; draws.epoch++) {
        assert_int_equal(replacer->draw(replacer, &text, 1, &draws), 0);
        for (size_t i = 0; i < 32; i++)
            counts[replacements[i]]++;
    }
}

/* Pearson's statistic of counts against expected[i], those that are 0 left out. *n: how many are
 * left. */
static double chi_square(const unsigned *counts, const double *expected, size_t *n) {
    double sum = 0;
    *n = 0;
    for (size_t i = 0; i < VOCAB; i++) {
        if (expected[i] == 0) {
            assert_int_equal(counts[i], 0);
            continue;
        }
        sum += (counts[i] - expected[i]) * (counts[i] - expected[i]) / expected[i];
        ++*n;
    }
    return sum;
}

enum { DRAWS = 320000 };

static void uniform_draws_every_token_but_specials_alike(void **state) {
    (void)state;
    const struct elc_header header = tokens_header();
    struct elc_unigrams uniform;
    unsigned counts[VOCAB];
    double expected[VOCAB];
    size_t n;
    elc_unigrams_uniform(&uniform);
    assert_int_equal(uniform.replacer.check(&uniform.replacer, &header, "a"), 0);
    for (int never = 0; never < 2; never++) {
        count_draws(counts, &uniform.replacer, 77, never, DRAWS);
        for (size_t i = 0; i < VOCAB; i++)
            expected[i] = i < WORDS || (never && i == 77) ? 0 : (double)DRAWS / (995 - never);
        /* 994 and 993 degrees of freedom: the mean, deviation 45; p = 0.001 at 1138. */
        assert_true(chi_square(counts, expected, &n) < 1138);
        assert_int_equal(n, 995 - never);
    }
    elc_unigrams_free(&uniform);
}

/* A stream on file with these texts, one record each. */
static void write_tokens(const char *path, const uint32_t *ids, size_t n, size_t n_records) {
    struct elc_header header = tokens_header();
    struct elc_writer writer = {0};
    struct elc_output output;
    memset(header.vocab.xxh3, 'a', 32);
    header.tokenizer.compat = (char *)"fast";
    header.tokenizer.unicode = (char *)"14.0.0";
    assert_int_equal(elc_output_open(&output, path), 0);
    assert_int_equal(elc_writer_header(&writer, &output, &header), 0);
    for (size_t i = 0; i < n_records; i++) {
        struct elc_builder builder = {0};
        struct elc_record record;
        make_record(&record, &builder, ids, n);
        assert_int_equal(elc_writer_record(&writer, record.raw, record.raw_len), 0);
        elc_builder_free(&builder);
    }
    assert_int_equal(elc_writer_end(&writer), 0);
    assert_int_equal(elc_output_commit(&output), 0);
    elc_writer_free(&writer);
}

static void unigrams_are_drawn_as_often_as_they_were_counted(void **state) {
    (void)state;
    /* 10 once, 11 twice, 12 three times; specials, however many, never. */
    const uint32_t ids[] = {CLS, 10, 11, 12, 12, UNK, MASK, 11, 12, SEP, PAD, UNK};
    char path[] = "/tmp/electra-test-XXXXXX";
    close(mkstemp(path));
    write_tokens(path, ids, 12, 50);
    struct elc_header header = tokens_header();
    memset(header.vocab.xxh3, 'a', 32);
    struct elc_unigrams unigrams;
    unsigned counts[VOCAB];
    double expected[VOCAB] = {0};
    size_t n;
    assert_int_equal(elc_unigrams_read(&unigrams, path), 0);
    assert_string_equal(unigrams.replacer.method, "unigram");
    assert_int_equal(unigrams.replacer.check(&unigrams.replacer, &header, "a"), 0);

    count_draws(counts, &unigrams.replacer, 77, false, DRAWS);
    for (size_t i = 10; i <= 12; i++)
        expected[i] = DRAWS * (double)(i - 9) / 6;
    assert_true(chi_square(counts, expected, &n) < 13.8); /* 2 degrees of freedom, p = 0.001 */
    assert_int_equal(n, 3);
    count_draws(counts, &unigrams.replacer, 11, true, DRAWS);
    expected[10] = DRAWS / 4.0, expected[11] = 0, expected[12] = DRAWS * 0.75;
    assert_true(chi_square(counts, expected, &n) < 10.8);
    assert_int_equal(n, 2);

    header.vocab.xxh3[0] = 'b';
    assert_int_equal(unigrams.replacer.check(&unigrams.replacer, &header, "b.els"), ELC_EMISMATCH);
    assert_non_null(strstr(elc_error(), "b.els"));
    assert_non_null(strstr(elc_error(), path));
    elc_unigrams_free(&unigrams);
    assert_int_equal(unlink(path), 0);
}

static void unigrams_without_a_token_to_draw(void **state) {
    (void)state;
    const uint32_t special[] = {CLS, UNK, SEP}, one[] = {CLS, 9, SEP};
    char path[] = "/tmp/electra-test-XXXXXX";
    close(mkstemp(path));
    struct elc_unigrams unigrams;
    write_tokens(path, special, 3, 1);
    assert_int_equal(elc_unigrams_read(&unigrams, path), ELC_EFORMAT);
    assert_non_null(strstr(elc_error(), "no token to draw"));
    write_tokens(path, one, 3, 1);
    assert_int_equal(elc_unigrams_read(&unigrams, path), 0);
    const struct elc_header header = tokens_header();
    struct elc_corruption replacing = usual;
    struct masked masked = {0};
    replacing.replacer = &unigrams.replacer;
    assert_int_equal(corrupt(&masked, one, 3, &header, &replacing, 0), 0);
    replacing.never_original = true;
    assert_int_equal(corrupt(&masked, one, 3, &header, &replacing, 0), ELC_EFORMAT);
    assert_non_null(strstr(elc_error(), "no token but the original to draw"));
    free_masked(&masked);
    elc_unigrams_free(&unigrams);
    assert_int_equal(unlink(path), 0);
}

static void a_vocabulary_of_one_word_has_no_other_to_draw(void **state) {
    (void)state;
    const uint32_t word[] = {CLS, WORDS, SEP};
    struct elc_header header = tokens_header();
    header.vocab.size = WORDS + 1;
    struct elc_unigrams uniform;
    struct elc_corruption replacing = usual;
    struct masked masked = {0};
    elc_unigrams_uniform(&uniform);
    assert_int_equal(uniform.replacer.check(&uniform.replacer, &header, "a"), 0);
    replacing.replacer = &uniform.replacer;
    replacing.never_original = true;
    assert_int_equal(corrupt(&masked, word, 3, &header, &replacing, 0), ELC_EFORMAT);
    assert_non_null(strstr(elc_error(), "the first stream: no token but the original to draw"));
    free_masked(&masked);
    elc_unigrams_free(&uniform);
}

/* The same positions as masks have, other ids there, and a flag where these are others. */
static void replaced_says_where_ids_are_not_the_original(void **state) {
    (void)state;
    const struct elc_header header = tokens_header();
    struct elc_unigrams uniform;
    struct elc_corruption replacing = usual;
    struct masked masks = {0}, masked = {0};
    unsigned n_same = 0, n_masked = 0;
    elc_unigrams_uniform(&uniform);
    assert_int_equal(uniform.replacer.check(&uniform.replacer, &header, "a"), 0);
    replacing.replacer = &uniform.replacer;
    for (uint64_t epoch = 0; epoch < 600; epoch++) {
        uint32_t ids[LENGTH];
        const uint8_t *replaced;
        size_t len, next = 0;
        make_text(ids, LENGTH, (uint32_t)epoch);
        assert_int_equal(corrupt(&masks, ids, LENGTH, &header, &usual, epoch), 0);
        assert_int_equal(corrupt(&masked, ids, LENGTH, &header, &replacing, epoch), 0);
        assert_memory_equal(masked.positions.data, masks.positions.data, masks.positions.len);
        assert_memory_equal(masked.original.data, masks.original.data, masks.original.len);
        assert_int_equal(elc_record_bin(&masked.record, "replaced", &replaced, &len), 1);
        assert_int_equal(len, LENGTH);
        for (size_t i = 0; i < LENGTH; i++) {
            const bool chosen = next < masked.n_masked && numbers(&masked.positions)[next] == i;
            next += chosen;
            assert_int_equal(replaced[i], numbers(&masked.ids)[i] != ids[i]);
            assert_true(chosen || !replaced[i]);
            n_same += chosen && !replaced[i];
        }
        n_masked += (unsigned)masked.n_masked;
    }
    assert_in_range(n_same, 1, n_masked / 400); /* one in 995 is the original */
    free_masked(&masks);
    free_masked(&masked);
    elc_unigrams_free(&uniform);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_are_masked_as_the_paper_says),
        cmocka_unit_test(of_the_masked_six_in_seven_show_mask),
        cmocka_unit_test(special_tokens_are_never_masked),
        cmocka_unit_test(draws_depend_on_seed_epoch_and_ids_alone),
        cmocka_unit_test(other_keys_pass_untouched_and_in_place),
        cmocka_unit_test(records_that_do_not_fit_are_refused),
        cmocka_unit_test(blocks_keep_their_place_and_name_bad_records),
        cmocka_unit_test(headers_say_what_was_done),
        cmocka_unit_test(whole_words_are_masked_or_not_at_all),
        cmocka_unit_test(words_end_where_their_number_does),
        cmocka_unit_test(a_word_longer_than_all_masks_is_taken_where_there_is_no_other),
        cmocka_unit_test(whole_words_need_words),
        cmocka_unit_test(uniform_draws_every_token_but_specials_alike),
        cmocka_unit_test(unigrams_are_drawn_as_often_as_they_were_counted),
        cmocka_unit_test(unigrams_without_a_token_to_draw),
        cmocka_unit_test(a_vocabulary_of_one_word_has_no_other_to_draw),
        cmocka_unit_test(replaced_says_where_ids_are_not_the_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
