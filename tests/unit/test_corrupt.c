/* Masked records against the rules of electra/mask.h and electra/corrupt.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    struct elc_record record;
    struct elc_buffer ids, positions, original; /* uint32_t each */
    size_t n, n_masked;
};

static const uint32_t *numbers(const struct elc_buffer *buffer) {
    return (const uint32_t *)(const void *)buffer->data;
}

static int corrupt(struct masked *masked, const uint32_t *ids, size_t n,
                   const struct elc_header *header, const struct elc_mask_options *options,
                   uint64_t epoch) {
    struct elc_builder builder = {0};
    struct elc_record record;
    make_record(&record, &builder, ids, n);
    int err = elc_corrupt_record(&masked->corrupter, &record, header, options, epoch);
    if (!err) {
        size_t position = 0;
        assert_int_equal(
            elc_record_next(&masked->record, &masked->corrupter.builder.record, &position), 1);
        assert_int_equal(elc_record_ids(&masked->record, "ids", 2, VOCAB, &masked->ids), 0);
        assert_int_equal(
            elc_record_numbers(&masked->record, "masked", 2, SIZE_MAX, &masked->positions), 1);
        assert_int_equal(elc_record_ids(&masked->record, "original", 2, VOCAB, &masked->original),
                         0);
        masked->n = masked->ids.len / sizeof(uint32_t);
        masked->n_masked = masked->positions.len / sizeof(uint32_t);
        assert_int_equal(masked->original.len, masked->positions.len);
    }
    elc_builder_free(&builder);
    return err;
}

static void free_masked(struct masked *masked) {
    elc_corrupter_free(&masked->corrupter);
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

static const struct elc_mask_options usual = {.mask_prob = 0.15, .max_length = LENGTH, .seed = 1};

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
    struct elc_mask_options seeded = usual;
    seeded.seed = 2;
    assert_int_equal(corrupt(&first, ids, LENGTH, &header, &usual, 0), 0);
    assert_int_equal(corrupt(&second, others, LENGTH, &header, &usual, 0), 0);
    assert_memory_not_equal(first.positions.data, second.positions.data, 19 * 4);
    assert_int_equal(corrupt(&second, ids, LENGTH, &header, &usual, 0), 0);
    assert_memory_equal(first.corrupter.builder.record.data, second.corrupter.builder.record.data,
                        first.corrupter.builder.record.len);
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
    assert_int_equal(elc_corrupt_record(&masked.corrupter, &record, &header, &usual, 0),
                     ELC_EFORMAT);
    assert_string_equal(elc_error(), "key 'masked' in a stream of tokens");
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
    assert_int_equal(elc_corrupt_header(&header, &usual, 3), 0);
    assert_int_equal(header.kind, ELC_CORRUPTED);
    assert_true(header.has_epoch && header.epoch == 3);
    assert_string_equal(header.method, "mask");
    assert_true(header.mask_prob == 0.15);
    assert_int_equal(elc_corrupt_header(&header, &usual, 3), ELC_EMISMATCH);
    assert_non_null(strstr(elc_error(), "'corrupted'"));
    elc_header_free(&header);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
