/* FLOPs as the paper counts them, and as they are done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "electra/flops.h"

static struct elc_pretrain_config configured(const char *name) {
    struct elc_pretrain_config config;
    assert_int_equal(elc_pretrain_config_read(&config, name), 0);
    config.discriminator.vocab_size = config.generator.vocab_size = 30522;
    return config;
}

static void close_to(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * expected))
        fail_msg("%.17g is not %.17g", value, expected);
}

/* get_electra_train_flops of google-research/electra's flops_computation.py, for the runs of the
 * paper's tables (1.3e18, 6.4e19 and 7.1e20 there). */
static void the_papers_runs_cost_what_its_script_says(void **state) {
    (void)state;
    const struct elc_pretrain_config small = configured("small"), base = configured("base"),
                                     large = configured("large");
    close_to(elc_flops_paper(&small, ELC_OBJECTIVE_ELECTRA, 128, 128e6), 1.293743798272e+18, 1e-12);
    close_to(elc_flops_paper(&base, ELC_OBJECTIVE_ELECTRA, 512, 256 * 766000.0),
             6.4245418342776832e+19, 1e-12);
    close_to(elc_flops_paper(&large, ELC_OBJECTIVE_ELECTRA, 512, 2048 * 400000.0),
             7.117606040895488e+20, 1e-12);
    assert_true(elc_flops_paper(&small, ELC_OBJECTIVE_ELECTRA, 128, 0) == 0);
}

struct product {
    double m, k, n, times;
};

/* Every matrix product of a forward pass over two texts, written down one by one. */
static void real_operations_are_those_of_the_products(void **state) {
    (void)state;
    struct elc_pretrain_config config = configured("small");
    const double t1 = 40, t2 = 7, t = t1 + t2, masked = 8, v = 30522;
    const struct product products[] = {
        {t, 128, 256, 1},                            /* discriminator: embeddings_project */
        {t, 256, 256, 4 * 12},                       /* query, key, value, output */
        {t1, 64, t1, 4 * 12},  {t1, t1, 64, 4 * 12}, /* scores and mixes of four heads, */
        {t2, 64, t2, 4 * 12},  {t2, t2, 64, 4 * 12}, /* each text for itself */
        {t, 256, 1024, 12},    {t, 1024, 256, 12},   /* feed-forward */
        {t, 256, 256, 1},      {t, 256, 1, 1},       /* head */
        {t, 128, 64, 1},       {t, 64, 64, 4 * 12},  /* generator */
        {t1, 64, t1, 12},      {t1, t1, 64, 12},     /* one head */
        {t2, 64, t2, 12},      {t2, t2, 64, 12},     {t, 64, 256, 12},
        {t, 256, 64, 12},      {masked, 64, 128, 1}, {masked, 128, v, 1}, /* head, where masked */
    };
    double forward = 0;
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        forward += 2 * products[i].m * products[i].k * products[i].n * products[i].times;
    close_to(elc_flops_real(&config, ELC_OBJECTIVE_ELECTRA, (uint64_t)t, t1 * t1 + t2 * t2,
                            (uint64_t)masked),
             3 * forward, 1e-12);
    config.discriminator.embedding_size = config.generator.embedding_size = 256;
    double wider =
        elc_flops_real(&config, ELC_OBJECTIVE_ELECTRA, (uint64_t)t, t1 * t1 + t2 * t2, 0);
    config.discriminator.embedding_size = config.generator.embedding_size = 128;
    double project =
        elc_flops_real(&config, ELC_OBJECTIVE_ELECTRA, (uint64_t)t, t1 * t1 + t2 * t2, 0) - wider;
    /* of equal widths the discriminator's projection falls away, the generator's doubles */
    close_to(project, 3 * 2 * t * (128 * 256 + 128 * 64 - 256 * 64), 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_papers_runs_cost_what_its_script_says),
        cmocka_unit_test(real_operations_are_those_of_the_products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
