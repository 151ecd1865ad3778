/* Kernels: how exact they are, what they do at edges, and what chance draws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"
#include "electra/nn.h"
#include "electra/random.h"
#include "electra/tensor.h"

static void fill(elc_float *x, size_t n, uint64_t seed) {
    struct elc_random random;
    elc_random_init(&random, seed, ELC_INIT, 0, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (elc_float)(2 * elc_random_unit(&random) - 1);
}

/* ---- products ---- */

enum { MOST_ROWS = 20, MOST = 70 };

/* Against sums in double, for all sizes around the kernel's blocks; nothing outside y is touched.
 */
static void linear_of_any_size(void **state) {
    (void)state;
    static elc_float x[MOST_ROWS * MOST], w[MOST * MOST], bias[MOST], y[MOST_ROWS * (MOST + 3)];
    const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 17, 64};
    const size_t n_sizes = sizeof sizes / sizeof *sizes;
    fill(x, sizeof x / sizeof *x, 1);
    fill(w, sizeof w / sizeof *w, 2);
    fill(bias, MOST, 3);
    for (size_t rows = 1; rows <= 7; rows++)
        for (size_t i = 0; i < n_sizes * n_sizes; i++) {
            const size_t n_out = sizes[i / n_sizes], n_in = sizes[i % n_sizes], ld_y = n_out + 3;
            for (size_t j = 0; j < sizeof y / sizeof *y; j++)
                y[j] = 77;
            elc_linear(y, ld_y, x, MOST, w, MOST, i % 2 ? bias : NULL, rows, n_out, n_in);
            for (size_t row = 0; row < MOST_ROWS; row++)
                for (size_t out = 0; out < ld_y && row * ld_y + out < sizeof y / sizeof *y; out++) {
                    double expected = i % 2 ? (double)bias[out % MOST] : 0;
                    for (size_t in = 0; in < n_in; in++)
                        expected += (double)x[row * MOST + in] * (double)w[out % MOST * MOST + in];
                    const bool inside = row < rows && out < n_out;
                    const double found = (double)y[row * ld_y + out];
                    if (!(fabs(found - (inside ? expected : 77)) < 1e-5))
                        fail_msg("%zu × %zu × %zu: [%zu, %zu] is %g", rows, n_out, n_in, row, out,
                                 found);
                }
        }
}

static void linear_has_no_neighbours(void **state) {
    (void)state;
    enum { ROWS = 50, OUT = 37, IN = 261 };
    static elc_float x[ROWS * IN], w[OUT * IN], y[ROWS * OUT], again[ROWS * OUT];
    fill(x, ROWS * IN, 4);
    fill(w, OUT * IN, 5);
    elc_linear(y, OUT, x, IN, w, IN, NULL, ROWS, OUT, IN);
    for (size_t first = 0; first < ROWS; first++)
        for (size_t n = 1; n <= 4 && first + n <= ROWS; n++) {
            elc_linear(again, OUT, x + first * IN, IN, w, IN, NULL, n, OUT, IN);
            assert_memory_equal(again, y + first * OUT, n * OUT * sizeof *y);
        }
    for (size_t column = 0; column < OUT; column++) {
        elc_linear(again, 1, x, IN, w + column * IN, IN, NULL, ROWS, 1, IN);
        for (size_t row = 0; row < ROWS; row++)
            assert_memory_equal(&again[row], &y[row * OUT + column], sizeof *y);
    }
}

/* However the operands lie in memory, and packed or not: the same bits, and near the true value.
 * Sizes about those at which products are cut: 16 columns, 256 of k, 264 rows of a transposed A. */
static void products_of_all_kinds(void **state) {
    (void)state;
    enum { M = 270, N = 35, K = 517 };
    const size_t sizes[][3] = {{1, 1, 1},   {5, 16, 256}, {6, 32, 257}, {13, 17, 0},
                               {24, 31, 3}, {264, 16, 9}, {M, N, K},    {12, 1, 512}};
    static elc_float a[M * K], ta[K * M], b[K * N], tb[N * K], packed[(N + 15) / 16 * 16 * K];
    static elc_float start[M * N], c[M * N], again[M * N], bias[N];
    fill(bias, N, 8);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t m = sizes[i][0], n = sizes[i][1], k = sizes[i][2], bytes = m * n * sizeof *c;
        fill(a, m * k, 6);
        fill(b, k * n, 7);
        fill(start, m * n, 9);
        for (size_t row = 0; row < m; row++)
            for (size_t j = 0; j < k; j++)
                ta[j * m + row] = a[row * k + j];
        for (size_t j = 0; j < k; j++)
            for (size_t column = 0; column < n; column++)
                tb[column * k + j] = b[j * n + column];
        for (int add = 0; add < 2; add++) {
            memcpy(c, start, bytes);
            elc_gemm(ELC_PLAIN, ELC_PLAIN, m, n, k, a, k, b, n, add, c, n);
            for (size_t row = 0; row < m; row++)
                for (size_t column = 0; column < n; column++) {
                    double expected = add ? (double)start[row * n + column] : 0;
                    for (size_t j = 0; j < k; j++)
                        expected += (double)a[row * k + j] * (double)b[j * n + column];
                    assert_true(fabs((double)c[row * n + column] - expected) < 2e-5);
                }
            for (int kind = 1; kind < 4; kind++) {
                const enum elc_transpose t_a = kind & 1 ? ELC_TRANSPOSED : ELC_PLAIN;
                const enum elc_transpose t_b = kind & 2 ? ELC_TRANSPOSED : ELC_PLAIN;
                memcpy(again, start, bytes);
                elc_gemm(t_a, t_b, m, n, k, kind & 1 ? ta : a, kind & 1 ? m : k, kind & 2 ? tb : b,
                         kind & 2 ? k : n, add, again, n);
                assert_memory_equal(again, c, bytes);
                elc_pack(packed, t_b, n, k, kind & 2 ? tb : b, kind & 2 ? k : n);
                memcpy(again, start, bytes);
                elc_multiply_packed(again, n, a, k, packed, NULL, add, m, n, k);
                assert_memory_equal(again, c, bytes);
            }
        }
        elc_linear(c, n, a, k, tb, k, bias, m, n, k);
        elc_multiply_packed(again, n, a, k, packed, bias, false, m, n, k);
        assert_memory_equal(again, c, bytes);
    }
}

/* ---- functions ---- */

static double gelu(double x) {
    return 0.5 * x * erfc(-x * sqrt(0.5));
}

static double gelu_derivative(double x) {
    return 0.5 * erfc(-x * sqrt(0.5)) + x * exp(-0.5 * x * x) * 0.39894228040143267794;
}

static double gelu_new(double x) {
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

static double relu(double x) {
    return x > 0 ? x : 0;
}

static void activations_are_exact(void **state) {
    (void)state;
    double (*const exact[])(double) = {gelu, gelu_new, relu, tanh};
    for (int kind = ELC_GELU; kind <= ELC_TANH; kind++)
        for (double at = -30; at < 30; at += 0.00037) {
            elc_float x = (elc_float)at, y, d = 1;
            const double scale = fmax(1, fabs(at));
            elc_activate(&y, &x, 1, (enum elc_activation)kind);
            if (!(fabs((double)y - exact[kind]((double)x)) < 6e-7 * scale))
                fail_msg("activation %d of %g is %g", kind, at, (double)y);
            elc_activate_backward(&d, &y, &x, 1, (enum elc_activation)kind);
            if (kind == ELC_GELU && !(fabs((double)d - gelu_derivative((double)x)) < 5e-7))
                fail_msg("GELU' of %g is %g", at, (double)d);
        }
}

static void exp_is_exact(void **state) {
    (void)state;
    for (double at = -86; at <= 0; at += 0.00021) {
        elc_float x = (elc_float)at, y;
        elc_float sum = elc_exp_sum(&y, &x, 1, 1, 0);
        const double exact = exp((double)x);
        assert_true(sum == y);
        if (!(fabs((double)y - exact) < 2 * 0x1p-23 * exact))
            fail_msg("exp(%g) is %g", at, (double)y);
    }
}

static void extremes(void **state) {
    (void)state;
    const elc_float x[] = {(elc_float)-1e30, (elc_float)-INFINITY, -200, 0, (elc_float)NAN};
    elc_float y[5];
    elc_exp_sum(y, x, 5, 1, 0);
    assert_true(y[0] >= 0 && y[0] < (elc_float)1e-37);
    assert_true(y[1] >= 0 && y[1] < (elc_float)1e-37);
    assert_true(y[2] >= 0 && y[2] < (elc_float)1e-37);
    assert_true(y[3] == 1 && isnan(y[4]));
    const elc_float z[] = {-50, 50, (elc_float)NAN, (elc_float)1e10, (elc_float)-1e10};
    for (int kind = ELC_GELU; kind <= ELC_GELU_NEW; kind++) {
        elc_activate(y, z, 5, (enum elc_activation)kind);
        assert_true(y[0] == 0 && y[1] == 50 && isnan(y[2]) && y[3] == z[3] && y[4] == 0);
    }
}

/* As in a network that is about to diverge: the largest probability stays 1, none is above it. */
static void attention_bears_any_score(void **state) {
    (void)state;
    enum { N = 37, D = 8, H = 3 * D };
    static elc_float qkv[N * H], d_qkv[N * H], context[N * D], d_context[N * D], log_sum[N];
    elc_float *scratch = elc_calloc_aligned(elc_attention_scratch(N), sizeof *scratch);
    const struct elc_dropout none = {0};
    const struct elc_attention a = {.query = qkv,
                                    .key = qkv + D,
                                    .value = qkv + 2 * D,
                                    .n = N,
                                    .d = D,
                                    .ld = H,
                                    .ld_context = D,
                                    .dropout = &none,
                                    .scratch = scratch};
    fill(d_context, N * D, 12);
    for (double size = 1; size < 1e17; size *= 10) {
        fill(qkv, N * H, 11);
        for (size_t row = 0; row < N; row++)
            for (size_t i = 0; i < 2 * D; i++)
                qkv[row * H + i] *= (elc_float)size;
        elc_attention_forward(context, log_sum, &a);
        elc_attention_backward(d_qkv, d_qkv + D, d_qkv + 2 * D, d_context, context, log_sum, &a);
        for (size_t i = 0; i < N * D; i++)
            if (!(fabs((double)context[i]) <= 1.0001)) /* a mean of values within 1 */
                fail_msg("with scores of %g: %g", size * size, (double)context[i]);
        for (size_t i = 0; i < N * H; i++)
            assert_true(isfinite((double)d_qkv[i]));
    }
    free(scratch);
}

static void sums(void **state) {
    (void)state;
    elc_float x[100], y[100];
    fill(x, 100, 6);
    fill(y, 100, 7);
    for (size_t n = 0; n <= 100; n++) {
        double sum = 0, dot = 0, max = n ? (double)x[0] : 0;
        for (size_t i = 0; i < n; i++) {
            sum += (double)x[i];
            dot += (double)x[i] * (double)y[i];
            max = fmax(max, (double)x[i]);
        }
        assert_true(fabs((double)elc_sum(x, n) - sum) < 1e-5);
        assert_true(fabs((double)elc_dot(x, y, n) - dot) < 1e-5);
        if (n)
            assert_true((double)elc_max(x, n) == max);
    }
}

/* ---- chance ---- */

/* Is `seen` of `n` what a probability of `p` gives, within 5 standard deviations? */
static bool likely(size_t seen, size_t n, double p) {
    const double deviation = sqrt((double)n * p * (1 - p));
    return fabs((double)seen - (double)n * p) <= 5 * deviation + 1;
}

static void softmax_of_any_size(void **state) {
    (void)state;
    enum { N = 100 };
    elc_float x[N], p[N];
    double wide[N];
    for (size_t n = 1; n <= N; n++) {
        fill(x, n, n);
        for (size_t i = 0; i < n; i++)
            x[i] += 800; /* no double holds its exponential */
        elc_softmax_double(wide, x, n);
        elc_softmax(p, x, n);
        const double all = elc_log_sum_exp(x, n);
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += wide[i];
            assert_true(fabs((double)p[i] - wide[i]) < 1e-6);
            assert_true(fabs(log(wide[i]) - ((double)x[i] - all)) < 1e-12);
        }
        assert_true(fabs(sum - 1) < 1e-12);
    }
    x[0] = NAN;
    elc_softmax(p, x, N);
    assert_true(isnan(p[0]) && isnan(p[N - 1]));
}

static void dropout_has_its_rate(void **state) {
    (void)state;
    const double rates[] = {0.1, 0.5, 0.9};
    for (size_t i = 0; i < 3; i++) {
        struct elc_dropout dropout;
        struct elc_random random;
        size_t dropped = 0, repeated = 0, n = 0;
        elc_dropout_init(&dropout, rates[i], 1, 2);
        elc_dropout_begin(&random, &dropout, 3, elc_dropout_site(0, 1, 0));
        elc_float before[104] = {0};
        for (size_t row = 0; row < 2000; row++) {
            elc_float factors[104];
            elc_dropout_factors(factors, &random, &dropout, row, 100);
            for (size_t j = 0; j < 100; j++, n++) {
                assert_true(factors[j] == 0 || factors[j] == dropout.scale);
                dropped += factors[j] == 0;
                repeated += factors[j] == before[j];
            }
            memcpy(before, factors, sizeof before);
        }
        const double rate = 1 - 1 / (double)dropout.scale;
        assert_true(fabs(rate - rates[i]) < 1e-5);
        assert_true(likely(dropped, n, rate));
        assert_true(likely(repeated, n, rate * rate + (1 - rate) * (1 - rate)));
    }
}

static void no_dropout_is_none(void **state) {
    (void)state;
    struct elc_dropout dropout;
    elc_dropout_init(&dropout, 0, 1, 2);
    assert_int_equal(dropout.threshold, 0);
    assert_true(dropout.scale == 1);
}

/* Rows do not run into each other, whatever their width: a row is a whole number of blocks. */
static void dropout_sites_differ(void **state) {
    (void)state;
    struct elc_dropout dropout;
    elc_float seen[6][64];
    elc_dropout_init(&dropout, 0.5, 1, 2);
    const uint32_t sites[] = {elc_dropout_site(0, 0, 0), elc_dropout_site(0, 1, 0),
                              elc_dropout_site(0, 1, 1), elc_dropout_site(0, 1, 2),
                              elc_dropout_site(1, 0, 0), elc_dropout_site(1, 1, 0)};
    for (size_t i = 0; i < 6; i++) {
        struct elc_random random;
        elc_dropout_begin(&random, &dropout, 0, sites[i]);
        elc_dropout_factors(seen[i], &random, &dropout, 0, 64);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(seen[i], seen[j], sizeof seen[i]);
    }
}

static void draw_many(size_t *counts, const elc_float *logits, size_t n, elc_float temperature,
                      size_t draws) {
    elc_float *copy = malloc(n * sizeof *copy), *scratch = malloc(n * sizeof *scratch);
    struct elc_random random;
    elc_random_init(&random, 9, ELC_SAMPLE, 0, 0);
    memset(counts, 0, n * sizeof *counts);
    for (size_t i = 0; i < draws; i++) {
        struct elc_cross_entropy result;
        memcpy(copy, logits, n * sizeof *copy);
        elc_cross_entropy_row(&result, copy, n, 0, 0, temperature, elc_random_unit(&random),
                              scratch);
        assert_true(result.sampled < n);
        counts[result.sampled]++;
    }
    free(copy);
    free(scratch);
}

static void sampling_follows_the_softmax(void **state) {
    (void)state;
    enum { N = 1200, DRAWS = 100000 };
    static elc_float logits[N];
    static size_t counts[N];
    fill(logits, N, 10);
    for (size_t i = 0; i < N; i++)
        logits[i] *= 5;
    const elc_float temperatures[] = {1, 2, (elc_float)0.5};
    for (size_t t = 0; t < 3; t++) {
        double total = 0;
        for (size_t i = 0; i < N; i++)
            total += exp((double)logits[i] / (double)temperatures[t]);
        draw_many(counts, logits, N, temperatures[t], DRAWS);
        for (size_t i = 0; i < N; i++)
            if (!likely(counts[i], DRAWS, exp((double)logits[i] / (double)temperatures[t]) / total))
                fail_msg("token %zu was drawn %zu times", i, counts[i]);
    }
}

static void sampling_at_the_ends(void **state) {
    (void)state;
    enum { N = 1500 };
    elc_float logits[N], scratch[N];
    struct elc_cross_entropy result;
    for (size_t i = 0; i < N; i++)
        logits[i] = i % 2 ? 0 : -80;
    elc_cross_entropy_row(&result, logits, N, 1, 0, 1, 0, scratch);
    assert_true(result.sampled <= 1);
    assert_int_equal(result.best, 1);
    elc_cross_entropy_row(&result, logits, N, 1, 0, 1, 1 - 0x1p-53, scratch);
    assert_int_equal(result.sampled, N - 1);
    assert_true(fabs(result.loss - log(N / 2)) < 1e-6);
    logits[7] = (elc_float)NAN;
    elc_cross_entropy_row(&result, logits, N, 1, 0, 1, 0.5, scratch);
    assert_true(isnan(result.loss) && result.sampled < N && result.best < N);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_of_any_size),
        cmocka_unit_test(linear_has_no_neighbours),
        cmocka_unit_test(products_of_all_kinds),
        cmocka_unit_test(activations_are_exact),
        cmocka_unit_test(exp_is_exact),
        cmocka_unit_test(extremes),
        cmocka_unit_test(attention_bears_any_score),
        cmocka_unit_test(sums),
        cmocka_unit_test(softmax_of_any_size),
        cmocka_unit_test(dropout_has_its_rate),
        cmocka_unit_test(no_dropout_is_none),
        cmocka_unit_test(dropout_sites_differ),
        cmocka_unit_test(sampling_follows_the_softmax),
        cmocka_unit_test(sampling_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
