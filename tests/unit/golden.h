/* Golden networks: their tensors, and what transformers computes with them. */
#ifndef TESTS_UNIT_GOLDEN_H
#define TESTS_UNIT_GOLDEN_H

#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/config.h"
#include "electra/params.h"

/* A golden file and the network that is in it. */
struct golden {
    const char *name;
    struct elc_safetensors file;
    struct elc_config config;
    struct elc_table table;
    elc_float *values, *gradients; /* blocks with its layout */
};

static inline const struct elc_stored *golden_tensor(const struct elc_safetensors *file,
                                                     const char *name) {
    const struct elc_stored *tensor = elc_safetensors_find(file, name);
    if (!tensor)
        fail_msg("no tensor %s", name);
    return tensor;
}

/* The file's numbers lie in a map, where they need not be aligned. NULL: there are none. */
static inline void *golden_copy(const struct golden *golden, const char *name) {
    const struct elc_stored *tensor = elc_safetensors_find(&golden->file, name);
    if (!tensor)
        return NULL;
    void *copy = malloc(tensor->bytes + 1);
    memcpy(copy, tensor->data, tensor->bytes);
    return copy;
}

static inline void golden_open(struct golden *golden, const char *directory, const char *name) {
    char path[256];
    *golden = (struct golden){.name = name};
    snprintf(path, sizeof path, "%s/%s.json", directory, name);
    check(elc_config_read(&golden->config, path));
    snprintf(path, sizeof path, "%s/%s.safetensors", directory, name);
    check(elc_safetensors_open(&golden->file, path));
    check(elc_table_build(&golden->table, &golden->config, ELC_SHARE_NOTHING));
    golden->values = calloc(golden->table.total, sizeof *golden->values);
    golden->gradients = calloc(golden->table.total, sizeof *golden->gradients);
    check(elc_params_load(golden->values, &golden->table, &golden->file, path, NULL));
}

static inline void golden_close(struct golden *golden) {
    free(golden->values);
    free(golden->gradients);
    elc_table_free(&golden->table);
    elc_safetensors_close(&golden->file);
}

static inline void golden_expect(const struct golden *golden, const char *name,
                                 const elc_float *found) {
    const size_t n = golden_tensor(&golden->file, name)->bytes / sizeof(float);
    float *expected = golden_copy(golden, name);
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)found[i] - (double)expected[i]) <= 1e-5 * fmax(1, largest)))
            fail_msg("%s: %s[%zu] is %.9g, transformers has %.9g", golden->name, name, i,
                     (double)found[i], (double)expected[i]);
    free(expected);
}

static inline void golden_expect_loss(const struct golden *golden, double loss) {
    double expected;
    memcpy(&expected, golden_tensor(&golden->file, "out.loss")->data, sizeof expected);
    if (!(fabs(loss - expected) < 1e-5))
        fail_msg("%s: the loss is %.9g, transformers has %.9g", golden->name, loss, expected);
}

static inline void golden_expect_gradients(const struct golden *golden) {
    for (size_t i = 0; i < golden->table.n_tensors; i++) {
        char name[128];
        snprintf(name, sizeof name, "grad.%s", golden->table.tensors[i].name);
        golden_expect(golden, name, golden->gradients + golden->table.tensors[i].offset);
    }
}

#endif
