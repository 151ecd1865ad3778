/* Each layer's backward pass against central differences. The function differentiated is always the
 * sum of the outputs weighted by fixed random numbers, whose gradient by the outputs is those. */
#include "difference.h"

#include <string.h>

#include "electra/nn.h"

enum { MOST = 4096 };

static double weighted_sum(const elc_float *y, const elc_float *weights, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += y[i] * weights[i];
    return sum;
}

/* ---- LayerNorm ---- */

struct norm {
    size_t n;
    double eps;
    elc_float x[32], gamma[32], beta[32], weights[32];
};

static double norm_value(void *context) {
    struct norm *t = context;
    elc_float hat[32], y[32];
    elc_norm_row(hat, t->x, t->n, t->eps);
    elc_norm_scale(y, hat, t->gamma, t->beta, t->n);
    return weighted_sum(y, t->weights, t->n);
}

static void layer_norm(void **state) {
    (void)state;
    const size_t widths[] = {2, 5, 16, 32};
    for (size_t i = 0; i < 4; i++) {
        struct norm t = {.n = widths[i], .eps = 1e-12};
        elc_float hat[32], d_x[32], d_gamma[32] = {0}, d_beta[32] = {0};
        elc_test_fill(t.x, t.n, 1, 2);
        elc_test_fill(t.gamma, t.n, 2, 1);
        elc_test_fill(t.beta, t.n, 3, 1);
        elc_test_fill(t.weights, t.n, 4, 1);
        if (t.n == 2)
            t.eps = 0.1; /* of two numbers only eps tells the distance */
        elc_float rstd = elc_norm_row(hat, t.x, t.n, t.eps);
        elc_norm_backward_row(d_x, d_gamma, d_beta, t.weights, hat, rstd, t.gamma, t.n);
        elc_test_gradient("x", t.x, d_x, t.n, 1, norm_value, &t);
        elc_test_gradient("gamma", t.gamma, d_gamma, t.n, 1, norm_value, &t);
        elc_test_gradient("beta", t.beta, d_beta, t.n, 1, norm_value, &t);
    }
}

static void layer_norm_in_place(void **state) {
    (void)state;
    elc_float x[20], hat[20], gamma[20], d[20], d_x[20], sums[4][20] = {{0}};
    elc_test_fill(x, 20, 1, 1);
    elc_test_fill(gamma, 20, 2, 1);
    elc_test_fill(d, 20, 3, 1);
    elc_float rstd = elc_norm_row(hat, x, 20, 1e-12);
    elc_norm_backward_row(d_x, sums[0], sums[1], d, hat, rstd, gamma, 20);
    elc_norm_backward_row(d, sums[2], sums[3], d, hat, rstd, gamma, 20);
    assert_memory_equal(d, d_x, sizeof d);
    assert_memory_equal(sums[0], sums[2], 2 * sizeof sums[0]);
}

static void layer_norm_of_equal_numbers(void **state) {
    (void)state;
    elc_float x[8] = {3, 3, 3, 3, 3, 3, 3, 3}, hat[8];
    elc_float rstd = elc_norm_row(hat, x, 8, 0);
    assert_true(isfinite(rstd));
    for (size_t i = 0; i < 8; i++)
        assert_true(hat[i] == 0);
}

/* ---- activations ---- */

struct activation {
    enum elc_activation kind;
    elc_float x[100], weights[100];
};

static double activation_value(void *context) {
    struct activation *t = context;
    elc_float y[100];
    elc_activate(y, t->x, 100, t->kind);
    return weighted_sum(y, t->weights, 100);
}

static void activations(void **state) {
    (void)state;
    for (int kind = ELC_GELU; kind <= ELC_TANH; kind++) {
        struct activation t = {.kind = (enum elc_activation)kind};
        elc_float d[100], y[100], expected[100];
        elc_test_fill(t.x, 100, 5, 6);
        elc_test_fill(t.weights, 100, 6, 1);
        memcpy(d, t.weights, sizeof d);
        elc_activate_backward(d, y, t.x, 100, t.kind);
        elc_test_gradient("x", t.x, d, 100, 1, activation_value, &t);
        elc_activate(expected, t.x, 100, t.kind);
        for (size_t i = 0; i < 100; i++)
            assert_true(fabs(y[i] - expected[i]) < 1e-14);
    }
}

/* ---- attention ---- */

struct attention {
    struct elc_attention a;
    struct elc_dropout dropout;
    elc_float qkv[MOST * 3], context[MOST], log_sum[512], weights[MOST];
};

static double attention_value(void *context) {
    struct attention *t = context;
    elc_attention_forward(t->context, t->log_sum, &t->a);
    double sum = 0;
    for (size_t i = 0; i < t->a.n; i++)
        sum += weighted_sum(t->context + i * t->a.ld_context, t->weights + i * t->a.ld_context,
                            t->a.d);
    return sum;
}

static void check_attention(size_t n, size_t d, double rate, size_t stride) {
    static struct attention t;
    static elc_float d_qkv[MOST * 3], scratch[1 << 17];
    const size_t h = 2 * d; /* one of two heads: rows are further apart than they are wide */
    memset(&t, 0, sizeof t);
    elc_dropout_init(&t.dropout, rate, 7, 8);
    t.a = (struct elc_attention){.query = t.qkv,
                                 .key = t.qkv + h,
                                 .value = t.qkv + 2 * h,
                                 .n = n,
                                 .d = d,
                                 .ld = 3 * h,
                                 .ld_context = h,
                                 .dropout = &t.dropout,
                                 .scratch = scratch};
    assert_true(elc_attention_scratch(n) <= sizeof scratch / sizeof *scratch && n * h <= MOST);
    elc_dropout_begin(&t.a.random, &t.dropout, 3, elc_dropout_site(0, 1, 2));
    elc_test_fill(t.qkv, n * 3 * h, 9, 2);
    elc_test_fill(t.weights, n * h, 10, 1);
    attention_value(&t);
    elc_attention_backward(d_qkv, d_qkv + h, d_qkv + 2 * h, t.weights, t.context, t.log_sum, &t.a);
    for (size_t row = 0; row < n; row += stride)
        for (size_t part = 0; part < 3; part++) {
            const size_t at = row * 3 * h + part * h;
            elc_test_gradient("qkv", t.qkv + at, d_qkv + at, d, 1, attention_value, &t);
        }
}

static void attention(void **state) {
    (void)state;
    check_attention(1, 4, 0, 1);
    check_attention(7, 4, 0, 1);
    check_attention(5, 3, 0.25, 1);
    check_attention(16, 8, 0.1, 1);
}

static void attention_over_several_blocks(void **state) {
    (void)state;
    check_attention(2 * ELC_ATTENTION_ROWS + 5, 4, 0, 29);
    check_attention(ELC_ATTENTION_ROWS + 1, 4, 0.1, 19);
}

/* ---- losses ---- */

struct cross_entropy {
    size_t n;
    elc_float logits[1000];
    uint32_t target;
};

static double cross_entropy_value(void *context) {
    struct cross_entropy *t = context;
    elc_float copy[1000], scratch[1000];
    struct elc_cross_entropy result;
    memcpy(copy, t->logits, sizeof copy);
    elc_cross_entropy_row(&result, copy, t->n, t->target, 0, 1, 0.5, scratch);
    return 0.25 * result.loss;
}

static void cross_entropy(void **state) {
    (void)state;
    const double temperatures[] = {1, 0.7};
    for (size_t i = 0; i < 2; i++) {
        struct cross_entropy t = {.n = 999, .target = 17};
        elc_float d[1000], scratch[1000];
        struct elc_cross_entropy result;
        elc_test_fill(t.logits, t.n, 11, 4);
        memcpy(d, t.logits, sizeof d);
        elc_cross_entropy_row(&result, d, t.n, t.target, 0.25, temperatures[i], 0.5, scratch);
        elc_test_gradient("logits", t.logits, d, t.n, 1, cross_entropy_value, &t);
    }
}

static void binary_cross_entropy(void **state) {
    (void)state;
    const double logits[] = {-800, -30, -1.5, 0, 1e-3, 2, 40, 800};
    for (size_t i = 0; i < sizeof logits / sizeof *logits; i++) {
        for (int label = 0; label < 2; label++) {
            double d, ignored, step = 1e-5;
            assert_true(isfinite(elc_binary_cross_entropy(logits[i], label, &d)));
            double quotient = (elc_binary_cross_entropy(logits[i] + step, label, &ignored) -
                               elc_binary_cross_entropy(logits[i] - step, label, &ignored)) /
                              (2 * step);
            assert_true(fabs(d - quotient) < 1e-7);
        }
    }
}

/* ---- linear ---- */

struct linear {
    size_t t, n_out, n_in;
    elc_float *x, *weight, *bias, *weights;
};

static double linear_value(void *context) {
    struct linear *l = context;
    double sum = 0;
    for (size_t row = 0; row < l->t; row++)
        for (size_t o = 0; o < l->n_out; o++) {
            double y = l->bias[o];
            for (size_t i = 0; i < l->n_in; i++)
                y += l->x[row * l->n_in + i] * l->weight[o * l->n_in + i];
            sum += y * l->weights[row * l->n_out + o];
        }
    return sum;
}

static void linear(void **state) {
    (void)state;
    /* Wider than one tile of 256 both ways, more rows than one stretch of 64. */
    enum { T = 70, OUT = 300, IN = 260 };
    static elc_float x[T * IN], weight[OUT * IN], bias[OUT], weights[T * OUT];
    static elc_float d_weight[OUT * IN], d_bias[OUT];
    struct linear l = {T, OUT, IN, x, weight, bias, weights};
    elc_test_fill(x, T * IN, 12, 1);
    elc_test_fill(weight, OUT * IN, 13, 0.1);
    elc_test_fill(bias, OUT, 14, 1);
    elc_test_fill(weights, T * OUT, 15, 0.1);
    memset(d_weight, 0, sizeof d_weight);
    memset(d_bias, 0, sizeof d_bias);
    const struct elc_weight_gradient g = {d_weight, d_bias, weights, x, OUT, IN, T, OUT, IN};
    assert_int_equal(elc_weight_gradient_tiles(&g), 4);
    for (size_t tile = 0; tile < 4; tile++)
        elc_weight_gradient_tile(&g, tile);
    elc_test_gradient("weight", weight, d_weight, OUT * IN, 9973, linear_value, &l);
    elc_test_gradient("bias", bias, d_bias, OUT, 37, linear_value, &l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layer_norm),
        cmocka_unit_test(layer_norm_in_place),
        cmocka_unit_test(layer_norm_of_equal_numbers),
        cmocka_unit_test(activations),
        cmocka_unit_test(attention),
        cmocka_unit_test(attention_over_several_blocks),
        cmocka_unit_test(cross_entropy),
        cmocka_unit_test(binary_cross_entropy),
        cmocka_unit_test(linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
