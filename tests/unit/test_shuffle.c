/* Shuffling: a permutation, uniform, the same in any amount of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "electra/shuffle.h"

/* Shuffles the numbers 0 … n-1, each a record of 4 bytes and a varying tail. */
static void shuffle(uint32_t *order, uint32_t n, uint64_t seed, size_t memory, size_t tail) {
    struct elc_shuffle *shuffle;
    uint8_t *record = calloc(1, sizeof(uint32_t) + tail);
    assert_non_null(record);
    assert_int_equal(elc_shuffle_new(&shuffle, seed, memory), 0);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(record, &i, sizeof i);
        assert_int_equal(
            elc_shuffle_add(shuffle, record, sizeof i + (tail > 0 ? i * 37 % tail : 0)), 0);
    }
    free(record);
    const void *out;
    size_t len;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(elc_shuffle_next(shuffle, &out, &len), 1);
        memcpy(&order[i], out, sizeof *order);
        assert_int_equal(len, sizeof *order + (tail > 0 ? order[i] * 37 % tail : 0));
    }
    assert_int_equal(elc_shuffle_next(shuffle, &out, &len), 0);
    assert_int_equal(elc_shuffle_next(shuffle, &out, &len), 0);
    elc_shuffle_destroy(shuffle);
}

static void test_permutation(void **state) {
    (void)state;
    enum { N = 10000 };
    static uint32_t order[N], other[N];
    static bool seen[N];
    shuffle(order, N, 1, 1 << 28, 0);
    size_t fixed = 0;
    for (size_t i = 0; i < N; i++) {
        assert_true(order[i] < N && !seen[order[i]]);
        seen[order[i]] = true;
        fixed += order[i] == i;
    }
    assert_true(fixed < 10); /* 1 is expected */
    shuffle(other, N, 1, 1 << 28, 0);
    assert_memory_equal(order, other, sizeof order);
    shuffle(other, N, 2, 1 << 28, 0);
    assert_true(memcmp(order, other, sizeof order) != 0);
}

/* One run, several runs, and more runs than can be merged at once. */
static void test_memory(void **state) {
    (void)state;
    enum { N = 40000, TAIL = 2000 };
    static uint32_t order[N], other[N];
    shuffle(order, N, 7, (size_t)1 << 28, TAIL);
    shuffle(other, N, 7, 8 << 20, TAIL); /* about 5 runs */
    assert_memory_equal(order, other, sizeof order);
    shuffle(other, N, 7, 1 << 20, TAIL); /* about 40 runs, 16 at once */
    assert_memory_equal(order, other, sizeof order);
}

/* A record larger than all the memory that is allowed. */
static void test_large_record(void **state) {
    (void)state;
    enum { N = 6, TAIL = 3 << 20 };
    uint32_t order[N], other[N];
    shuffle(order, N, 3, (size_t)1 << 28, TAIL);
    shuffle(other, N, 3, 1 << 20, TAIL);
    assert_memory_equal(order, other, sizeof order);
}

static void test_empty(void **state) {
    (void)state;
    uint32_t order[1];
    shuffle(order, 0, 1, 1 << 20, 0);
    shuffle(order, 1, 1, 1 << 20, 0);
    assert_int_equal(order[0], 0);
}

/* All 24 orders of 4 records come equally often: chi-squared with 23 degrees of freedom. */
static void test_uniform(void **state) {
    (void)state;
    enum { SEEDS = 24000, ORDERS = 256 };
    unsigned counts[ORDERS] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        uint32_t order[4];
        shuffle(order, 4, seed, 1 << 20, 0);
        counts[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    double expected = SEEDS / 24.0, chi2 = 0;
    unsigned orders = 0;
    for (unsigned i = 0; i < ORDERS; i++)
        if (counts[i] > 0) {
            orders++;
            chi2 += (counts[i] - expected) * (counts[i] - expected) / expected;
        }
    assert_int_equal(orders, 24);
    assert_true(chi2 < 49.7); /* p = 0.001 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permutation),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_large_record), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
