/* From a safetensors file to parameters, with what twenty kinds of writers made of the names. */
#include "load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little-endian, and so is this reader"
#endif

static const char head_name[] = "generator_lm_head.weight";
static const char word_name[] = "electra.embeddings.word_embeddings.weight";

/* ---- names ---- */

/* `name` as TensorFlow called it: LayerNorm.gamma, LayerNorm.beta. False: no such name. */
static bool old_name(char *old, size_t capacity, const char *name) {
    static const char weight[] = "LayerNorm.weight", bias[] = "LayerNorm.bias";
    size_t len = strlen(name), weight_len = sizeof weight - 1, bias_len = sizeof bias - 1;
    if (len >= weight_len && strcmp(name + len - weight_len, weight) == 0)
        snprintf(old, capacity, "%.*sLayerNorm.gamma", (int)(len - weight_len), name);
    else if (len >= bias_len && strcmp(name + len - bias_len, bias) == 0)
        snprintf(old, capacity, "%.*sLayerNorm.beta", (int)(len - bias_len), name);
    else
        return false;
    return true;
}

/* The tensor under its name, its old name, or either without "electra." (saved from a bare
 * ElectraModel). */
static const struct elc_stored *find(const struct elc_safetensors *file, const char *name) {
    static const char prefix[] = "electra.";
    char old[sizeof((struct elc_tensor *)0)->name];
    const struct elc_stored *stored = elc_safetensors_find(file, name);
    if (!stored && old_name(old, sizeof old, name))
        stored = elc_safetensors_find(file, old);
    if (!stored && strncmp(name, prefix, sizeof prefix - 1) == 0)
        stored = find(file, name + sizeof prefix - 1);
    return stored;
}

/* Tensors that ELECTRA's files are known to carry without use: the buffer of transformers 3.1 to
 * 4.30, the projection of base and large, which needs none, and the tied output matrix. */
static bool is_known_spare(const char *name) {
    return strstr(name, "embeddings.position_ids") || strstr(name, "embeddings_project.") ||
           strcmp(name, head_name) == 0;
}

/* ---- shapes ---- */

int elc_fail_shape(const struct elc_tensor *tensor, const struct elc_stored *stored,
                   bool transposed) {
    char found[8 * 21 + 1] = "", wanted[32];
    size_t len = 0;
    for (size_t i = 0; i < stored->rank; i++)
        len += (size_t)snprintf(found + len, sizeof found - len, i ? ", %llu" : "%llu",
                                (unsigned long long)stored->shape[i]);
    transposed = transposed && tensor->shape[1]; /* a vector has only one way to lie */
    snprintf(wanted, sizeof wanted, tensor->shape[1] ? "%u, %u" : "%u", tensor->shape[transposed],
             tensor->shape[!transposed]);
    return elc_fail(ELC_EMISMATCH, "tensor '%s' is [%s], but [%s] by the configuration",
                    stored->name, found, wanted);
}

static int check_shape(const struct elc_tensor *tensor, const struct elc_stored *stored) {
    size_t rank = tensor->shape[1] ? 2 : 1;
    bool same = stored->rank == rank;
    for (size_t i = 0; same && i < rank; i++)
        same = stored->shape[i] == tensor->shape[i];
    return same ? 0 : elc_fail_shape(tensor, stored, false);
}

/* The output matrix, where a file has it, must be the tied one: another would be ignored. */
static int check_head(const struct elc_table *table, const struct elc_safetensors *file) {
    const struct elc_stored *head = elc_safetensors_find(file, head_name);
    if (!head || !elc_table_find(table, word_name) ||
        !elc_table_find(table, "generator_lm_head.bias"))
        return 0;
    const struct elc_stored *word = find(file, word_name);
    if (word->dtype != head->dtype || word->bytes != head->bytes ||
        memcmp(word->data, head->data, word->bytes) != 0)
        return elc_fail(ELC_EMISMATCH,
                        "tensor '%s' is not the word embeddings: untied output "
                        "matrices are not supported",
                        head_name);
    return 0;
}

int elc_stored_match(const struct elc_stored **stored, const struct elc_table *table,
                     const struct elc_safetensors *file) {
    for (size_t i = 0; i < table->n_tensors; i++) {
        const struct elc_tensor *tensor = &table->tensors[i];
        stored[i] = find(file, tensor->name);
        if (!stored[i])
            return elc_fail(ELC_EMISMATCH, "tensor '%s' is missing", tensor->name);
        int err = check_shape(tensor, stored[i]);
        if (err)
            return err;
    }
    return check_head(table, file);
}

/* ---- numbers ---- */

/* Are these float bits an infinity or NaN? Their exponent, all ones, carries into the sign. */
static uint32_t not_finite_bit(uint32_t bits) {
    return ((bits & 0x7fffffff) + 0x00800000) & 0x80000000;
}

bool elc_finite_f32(const uint8_t *bytes, size_t n) {
    enum { CHUNK = 1024 }; /* a length known to the compiler, so that it vectorises */
    uint32_t chunk[CHUNK], bad = 0;
    for (; n >= CHUNK; n -= CHUNK, bytes += sizeof chunk) {
        memcpy(chunk, bytes, sizeof chunk);
        for (size_t i = 0; i < CHUNK; i++)
            bad |= not_finite_bit(chunk[i]);
    }
    memcpy(chunk, bytes, n * sizeof *chunk);
    for (size_t i = 0; i < n; i++)
        bad |= not_finite_bit(chunk[i]);
    return bad == 0;
}

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE binary16. Subnormals are their mantissa times 2^-24. */
static float from_f16(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
    if (exponent == 0) {
        float value = (float)mantissa * 0x1p-24f;
        return sign ? -value : value;
    }
    exponent = exponent == 0x1f ? 0xff : exponent + 127 - 15;
    return from_bits(sign | exponent << 23 | mantissa << 13);
}

enum float_type { F16, BF16, F32, F64, N_FLOAT_TYPES };

static elc_float convert(enum float_type type, const uint8_t *bytes, size_t i) {
    uint16_t half;
    float single;
    double number;
    switch (type) {
    case F16:
        memcpy(&half, bytes + i * sizeof half, sizeof half);
        return from_f16(half);
    case BF16:
        memcpy(&half, bytes + i * sizeof half, sizeof half);
        return from_bits((uint32_t)half << 16);
    case F32:
        memcpy(&single, bytes + i * sizeof single, sizeof single);
        return single;
    default:
        memcpy(&number, bytes + i * sizeof number, sizeof number);
        return (elc_float)number; /* beyond float's range: infinite, and refused as such */
    }
}

int elc_stored_copy(elc_float *values, const struct elc_stored *stored, size_t n, size_t *n_bad) {
    static const char *const names[] = {"F16", "BF16", "F32", "F64"};
    enum float_type type = 0;
    while (type < N_FLOAT_TYPES && strcmp(names[type], stored->dtype) != 0)
        type++;
    if (type == N_FLOAT_TYPES)
        return elc_fail(ELC_EMISMATCH, "tensor '%s' is %s, not F16, BF16, F32 or F64", stored->name,
                        stored->dtype);
    *n_bad = 0;
    for (size_t i = 0; i < n; i++) {
        values[i] = convert(type, stored->data, i);
        *n_bad += !isfinite(values[i]);
    }
    return 0;
}

static int copy_tensor(elc_float *values, const struct elc_tensor *tensor,
                       const struct elc_stored *stored) {
    size_t n_bad, i = 0;
    int err = elc_stored_copy(values, stored, tensor->count, &n_bad);
    if (err || n_bad == 0)
        return err;
    while (isfinite(values[i]))
        i++;
    return elc_fail(ELC_ENUMERIC, "tensor '%s': number %zu is not finite", stored->name, i);
}

/* ---- the whole ---- */

static int list_unused(struct elc_buffer *unused, const struct elc_stored **stored, size_t n_stored,
                       const struct elc_safetensors *file) {
    int err = 0;
    for (size_t i = 0; !err && i < file->n_tensors; i++) {
        const struct elc_stored *tensor = &file->tensors[i];
        bool used = is_known_spare(tensor->name);
        for (size_t j = 0; !used && j < n_stored; j++)
            used = stored[j] == tensor;
        if (!used)
            err = elc_buffer_append(unused, tensor->name, strlen(tensor->name) + 1);
    }
    return err;
}

int elc_params_load(elc_float *values, const struct elc_table *table,
                    const struct elc_safetensors *file, const char *path,
                    struct elc_buffer *unused) {
    const struct elc_stored **stored = calloc(table->n_tensors, sizeof *stored);
    if (!stored)
        return elc_fail_memory(table->n_tensors * sizeof *stored);
    int err = elc_stored_match(stored, table, file);
    for (size_t i = 0; !err && i < table->n_tensors; i++)
        err = copy_tensor(values + table->tensors[i].offset, &table->tensors[i], stored[i]);
    if (!err && unused)
        err = list_unused(unused, stored, table->n_tensors, file);
    free(stored);
    return err ? elc_context(err, "%s", path) : 0;
}
