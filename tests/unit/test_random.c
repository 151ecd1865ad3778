/* Philox against its published vectors, and what is drawn from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "electra/random.h"

/* Lines "philox4x32 10" of kat_vectors in the Random123 distribution (Salmon et al. 2011). */
static void philox_gives_the_known_answers(void **state) {
    (void)state;
    const struct {
        uint32_t counter[4], key[2], answer[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint32_t out[4];
        elc_philox(out, vectors[i].counter, vectors[i].key);
        assert_memory_equal(out, vectors[i].answer, sizeof out);
    }
}

/* A stream made today has to be made again by every later version. */
static void sequences_stay_what_they_are(void **state) {
    (void)state;
    const struct {
        uint64_t seed;
        uint32_t purpose;
        uint64_t a, b;
        uint32_t numbers[5];
    } pinned[] = {
        {1,
         ELC_MASK_POSITIONS,
         0,
         0x123456789abcdef0,
         {0x88520705, 0x50ba5ae0, 0x42c7714d, 0x351f2fe2, 0xd3598c94}},
        {1,
         ELC_MASK_KEEP,
         2,
         0x123456789abcdef0,
         {0xa40df10d, 0x1a9dea0f, 0xf38f034e, 0x90c659a3, 0x135e2bb7}},
        {7, ELC_EPOCH_ORDER, 1, 0, {0x55761662, 0x4a26afa1, 0x551599f4, 0xc567431f, 0x1c8ba76b}},
        {0x8000000000000000,
         ELC_PACK,
         3,
         9,
         {0x071c6187, 0xe739779a, 0xb1498d6e, 0xe516847b, 0xaafda06b}},
    };
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++) {
        struct elc_random random;
        elc_random_init(&random, pinned[i].seed, pinned[i].purpose, pinned[i].a, pinned[i].b);
        for (size_t k = 0; k < 5; k++)
            assert_int_equal(elc_random_u32(&random), pinned[i].numbers[k]);
    }
}

static void every_part_of_a_name_counts(void **state) {
    (void)state;
    const struct {
        uint64_t seed;
        uint32_t purpose;
        uint64_t a, b;
    } names[] = {
        {1, 3, 5, 7},
        {2, 3, 5, 7},
        {1 + (1ull << 32), 3, 5, 7},
        {1, 4, 5, 7},
        {1, 3, 6, 7},
        {1, 3, 5 + (1ull << 32), 7},
        {1, 3, 5, 8},
        {1, 3, 5, 7 + (1ull << 32)},
        {1, 3, 7, 5},
    };
    enum { N = sizeof names / sizeof *names };
    uint32_t first[N][4];
    for (size_t i = 0; i < N; i++) {
        struct elc_random random;
        elc_random_init(&random, names[i].seed, names[i].purpose, names[i].a, names[i].b);
        for (size_t k = 0; k < 4; k++)
            first[i][k] = elc_random_u32(&random);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(first[i], first[k], sizeof first[i]);
    }
}

static void in_bulk_the_numbers_are_the_same(void **state) {
    (void)state;
    enum { BLOCKS = 203 };
    struct elc_random start, random;
    elc_random_init(&start, 42, ELC_DROPOUT, 17, 3);
    random = start;
    uint32_t one_by_one[4 * BLOCKS];
    for (size_t i = 0; i < 4 * BLOCKS; i++)
        one_by_one[i] = elc_random_u32(&random);
    for (uint32_t first = 0; first < 20; first++)
        for (size_t n = 0; n + first <= BLOCKS; n += n < 20 ? 1 : 61) {
            uint32_t bulk[4 * BLOCKS + 1];
            bulk[4 * n] = 0xdeadbeef;
            elc_random_bulk(bulk, &start, first, n);
            assert_memory_equal(bulk, one_by_one + 4 * first, 4 * n * sizeof *bulk);
            assert_int_equal(bulk[4 * n], 0xdeadbeef);
        }
}

static void unit_numbers_fill_their_range(void **state) {
    (void)state;
    enum { N = 200000, BINS = 20 };
    struct elc_random random;
    elc_random_init(&random, 1, ELC_SAMPLE, 0, 0);
    double sum = 0;
    unsigned bins[BINS] = {0};
    for (int i = 0; i < N; i++) {
        double u = elc_random_unit(&random);
        assert_true(u >= 0 && u < 1);
        assert_true(u * 0x1p53 == (double)(uint64_t)(u * 0x1p53));
        sum += u;
        bins[(size_t)(u * BINS)]++;
    }
    assert_true(sum / N > 0.498 && sum / N < 0.502);
    for (int i = 0; i < BINS; i++)
        assert_true(bins[i] > 0.95 * N / BINS && bins[i] < 1.05 * N / BINS);
}

/* Pearson's statistic for `draws` numbers below n; its mean is n - 1, its variance 2(n - 1). */
static double chi_square(uint64_t n, unsigned draws) {
    struct elc_random random;
    elc_random_init(&random, n, ELC_SHUFFLE, 0, 0);
    unsigned *counts = calloc(n, sizeof *counts);
    assert_non_null(counts);
    for (unsigned i = 0; i < draws; i++) {
        uint64_t value = elc_random_below(&random, n);
        assert_true(value < n);
        counts[value]++;
    }
    double expected = (double)draws / (double)n, sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
    free(counts);
    return sum;
}

static void numbers_below_n_are_equally_likely(void **state) {
    (void)state;
    /* limits: far beyond the 99.9th percentile of each distribution */
    assert_true(chi_square(2, 100000) < 15);
    assert_true(chi_square(3, 100000) < 18);
    assert_true(chi_square(10, 100000) < 35);
    assert_true(chi_square(127, 400000) < 195);
    assert_true(chi_square(1000, 1000000) < 1160);
}

/* 3·2^30 leaves a quarter of the 32-bit numbers over: without rejection a third of the results
 * would come twice as often. The same for a range above 32 bits. */
static void no_range_is_biased(void **state) {
    (void)state;
    const uint64_t ranges[] = {3ull << 30, 3ull << 40, (1ull << 32) + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct elc_random random;
        elc_random_init(&random, 9, ELC_SHUFFLE, i, 0);
        unsigned thirds[3] = {0};
        for (int k = 0; k < 90000; k++) {
            uint64_t value = elc_random_below(&random, ranges[i]);
            assert_true(value < ranges[i]);
            thirds[value / (ranges[i] / 3 + 1)]++;
        }
        for (int k = 0; k < 3; k++)
            assert_in_range(thirds[k], 29300, 30700);
    }
    struct elc_random random;
    elc_random_init(&random, 9, ELC_SHUFFLE, 0, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(elc_random_below(&random, 1), 0);
}

static void permutations_are_permutations(void **state) {
    (void)state;
    for (uint64_t n = 0; n < 200; n += n < 10 ? 1 : 37) {
        uint64_t order[200];
        unsigned seen[200] = {0};
        struct elc_random random;
        elc_random_init(&random, 5, ELC_EPOCH_ORDER, n, 0);
        elc_random_permutation(order, n, &random);
        for (uint64_t i = 0; i < n; i++) {
            assert_true(order[i] < n);
            seen[order[i]]++;
        }
        for (uint64_t i = 0; i < n; i++)
            assert_int_equal(seen[i], 1);
    }
}

static void all_orders_are_equally_likely(void **state) {
    (void)state;
    unsigned counts[24] = {0};
    for (uint64_t epoch = 0; epoch < 24000; epoch++) {
        uint64_t o[4];
        struct elc_random random;
        elc_random_init(&random, 5, ELC_EPOCH_ORDER, epoch, 0);
        elc_random_permutation(o, 4, &random);
        uint64_t rank = 6 * o[0] + 2 * (o[1] - (o[1] > o[0])) + (o[2] > o[3]);
        counts[rank]++;
    }
    for (int i = 0; i < 24; i++)
        assert_in_range(counts[i], 860, 1140);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(sequences_stay_what_they_are),
        cmocka_unit_test(every_part_of_a_name_counts),
        cmocka_unit_test(in_bulk_the_numbers_are_the_same),
        cmocka_unit_test(unit_numbers_fill_their_range),
        cmocka_unit_test(numbers_below_n_are_equally_likely),
        cmocka_unit_test(no_range_is_biased),
        cmocka_unit_test(permutations_are_permutations),
        cmocka_unit_test(all_orders_are_equally_likely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
