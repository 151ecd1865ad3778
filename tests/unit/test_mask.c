/* Masking: how many, which, and that chance depends on nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "electra/mask.h"
#include "electra/random.h"

static const struct elc_vocab_id vocab = {
    .size = 30522, .pad = 0, .unk = 100, .cls = 101, .sep = 102, .mask = 103};

/* [CLS], ordinary tokens, [SEP]: n in all. */
static void make_ids(uint32_t *ids, size_t n, uint32_t first) {
    for (size_t i = 0; i < n; i++)
        ids[i] = (uint32_t)(1000 + (first + i) % 20000);
    ids[0] = vocab.cls;
    ids[n - 1] = vocab.sep;
}

static size_t count_for(size_t n, double mask_prob, uint32_t max_length) {
    uint32_t ids[1024];
    struct elc_masks masks = {0};
    const struct elc_mask_options options = {mask_prob, max_length, 1};
    make_ids(ids, n, 0);
    assert_int_equal(elc_mask(&masks, ids, n, &vocab, &options, 0), 0);
    size_t count = masks.n;
    elc_masks_free(&masks);
    return count;
}

static void the_count_is_the_paper_s(void **state) {
    (void)state;
    assert_int_equal(count_for(128, 0.15, 128), 19); /* 19.2 */
    assert_int_equal(count_for(512, 0.15, 512), 77); /* 76.8 */
    assert_int_equal(count_for(512, 0.25, 512), 128);
    assert_int_equal(count_for(10, 0.15, 128), 2);    /* 1.5: halves go to the even number */
    assert_int_equal(count_for(10, 0.25, 128), 2);    /* 2.5 */
    assert_int_equal(count_for(14, 0.25, 128), 4);    /* 3.5 */
    assert_int_equal(count_for(3, 0.15, 128), 1);     /* at least one */
    assert_int_equal(count_for(1000, 0.15, 128), 19); /* never more than int(0.155 · 128) */
    assert_int_equal(count_for(1000, 0.15, 512), 79);
    assert_int_equal(count_for(1000, 0.25, 512), 130);
    assert_int_equal(count_for(4, 0.9, 512), 2); /* never more than there are tokens */
}

static void positions_are_distinct_ascending_and_no_specials(void **state) {
    (void)state;
    uint32_t ids[64];
    struct elc_masks masks = {0};
    const struct elc_mask_options options = {0.5, 64, 7};
    make_ids(ids, 64, 3);
    ids[10] = vocab.sep;
    ids[20] = vocab.mask;
    ids[30] = vocab.pad;
    ids[40] = vocab.cls;
    for (uint64_t epoch = 0; epoch < 500; epoch++) {
        assert_int_equal(elc_mask(&masks, ids, 64, &vocab, &options, epoch), 0);
        assert_int_equal(masks.n, 32);
        for (size_t i = 0; i < masks.n; i++) {
            uint32_t at = masks.positions[i];
            assert_true(i == 0 || masks.positions[i - 1] < at);
            assert_true(at > 0 && at < 63 && (at % 10 != 0 || at > 40));
            assert_true(masks.keep[i] <= 1);
        }
    }
    elc_masks_free(&masks);
}

static void every_position_is_as_likely(void **state) {
    (void)state;
    enum { N = 22, EPOCHS = 20000 };
    uint32_t ids[N];
    unsigned seen[N] = {0};
    double kept = 0, drawn = 0;
    struct elc_masks masks = {0};
    const struct elc_mask_options options = {0.15, 128, 1};
    make_ids(ids, N, 0);
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        assert_int_equal(elc_mask(&masks, ids, N, &vocab, &options, epoch), 0);
        for (size_t i = 0; i < masks.n; i++) {
            seen[masks.positions[i]]++;
            kept += masks.keep[i];
        }
        drawn += (double)masks.n;
    }
    elc_masks_free(&masks);
    double expected = drawn / (N - 2), chi_square = 0;
    for (size_t i = 1; i + 1 < N; i++)
        chi_square += (seen[i] - expected) * (seen[i] - expected) / expected;
    assert_true(chi_square < 43.8); /* 19 degrees of freedom, p = 0.001 */
    double share = kept / drawn;
    assert_true(share > 0.145 && share < 0.155); /* 5 standard deviations are 0.0073 */
}

static void chance_is_keyed_by_seed_epoch_and_ids_alone(void **state) {
    (void)state;
    uint32_t ids[128], others[128];
    make_ids(ids, 128, 0);
    make_ids(others, 128, 1);
    struct elc_masks first = {0}, second = {0};
    struct elc_mask_options options = {0.15, 128, 1};
    assert_int_equal(elc_mask(&first, ids, 128, &vocab, &options, 5), 0);

    assert_int_equal(elc_mask(&second, others, 128, &vocab, &options, 5), 0);
    assert_memory_not_equal(first.positions, second.positions, 19 * sizeof(uint32_t));
    assert_int_equal(elc_mask(&second, ids, 128, &vocab, &options, 5), 0);
    assert_memory_equal(first.positions, second.positions, 19 * sizeof(uint32_t));
    assert_memory_equal(first.keep, second.keep, 19);
    assert_int_equal(elc_mask(&second, ids, 128, &vocab, &options, 6), 0);
    assert_memory_not_equal(first.positions, second.positions, 19 * sizeof(uint32_t));
    options.seed = 2;
    assert_int_equal(elc_mask(&second, ids, 128, &vocab, &options, 5), 0);
    assert_memory_not_equal(first.positions, second.positions, 19 * sizeof(uint32_t));
    elc_masks_free(&first);
    elc_masks_free(&second);
}

static void nothing_to_mask_is_no_error(void **state) {
    (void)state;
    const uint32_t ids[] = {101, 102};
    struct elc_masks masks = {0};
    const struct elc_mask_options options = {0.15, 128, 1};
    assert_int_equal(elc_mask(&masks, ids, 2, &vocab, &options, 0), 0);
    assert_int_equal(masks.n, 0);
    assert_int_equal(elc_mask(&masks, NULL, 0, &vocab, &options, 0), 0);
    assert_int_equal(masks.n, 0);
    elc_masks_free(&masks);
}

static void impossible_probabilities_are_refused(void **state) {
    (void)state;
    const uint32_t ids[] = {101, 1000, 102};
    struct elc_masks masks = {0};
    static const double bad[] = {0, 1, -0.5, 2, 0.0 / 0.0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct elc_mask_options options = {bad[i], 128, 1};
        assert_int_equal(elc_mask(&masks, ids, 3, &vocab, &options, 0), ELC_EINVAL);
    }
    elc_masks_free(&masks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_count_is_the_paper_s),
        cmocka_unit_test(positions_are_distinct_ascending_and_no_specials),
        cmocka_unit_test(every_position_is_as_likely),
        cmocka_unit_test(chance_is_keyed_by_seed_epoch_and_ids_alone),
        cmocka_unit_test(nothing_to_mask_is_no_error),
        cmocka_unit_test(impossible_probabilities_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
