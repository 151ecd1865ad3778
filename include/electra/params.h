/* Parameters: one contiguous block of numbers with a table of named tensors.
 *
 * Weights, gradients and both moments of Adam have the same layout, so that optimizers and
 * checkpoints are loops over one array. Tensor names and shapes are those of Hugging Face's
 * ELECTRA classes (linear weights [out, in]), see electra-model(5).
 */
#ifndef ELECTRA_PARAMS_H
#define ELECTRA_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/config.h"
#include "electra/error.h"
#include "electra/file.h"
#include "electra/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

enum elc_init { ELC_INIT_ZERO, ELC_INIT_ONE, ELC_INIT_TRUNCATED_NORMAL, ELC_INIT_GLOROT };

struct elc_tensor {
    char name[96];
    uint32_t shape[2]; /* [rows, columns]; a vector has shape[1] = 0 */
    size_t offset;     /* in numbers, from the start of the block; a multiple of 16 */
    size_t count;
    bool decay;        /* weight decay applies: neither LayerNorm nor bias */
    uint32_t depth;    /* 0 embeddings, i + 1 layer i, layers + 2 head: layer-wise learning rates */
    enum elc_init init;
};

/* The tensors of a network; offsets into a block of `total` numbers. */
struct elc_table {
    struct elc_tensor *tensors;
    size_t n_tensors;
    size_t total; /* numbers in the block, padding between tensors included */
};

/* The tensors of a network with this config, in a fixed order: embeddings, layers, head. A head's
 * are, with H the hidden size and n = num_labels, weights [out, in] and biases [out]:
 *
 *     ELC_DISCRIMINATOR        discriminator_predictions.dense [H, H], .dense_prediction [1, H]
 *     ELC_GENERATOR            generator_predictions.dense [E, H], .LayerNorm [E];
 *                              generator_lm_head.bias [V]; its matrix is the word embeddings
 *     ELC_SEQUENCE_CLASSIFIER  classifier.dense [H, H], classifier.out_proj [n, H]
 *     ELC_TOKEN_CLASSIFIER     classifier [n, H]
 *     ELC_QUESTION_ANSWERER    qa_outputs [2, H]: start, end
 *     ELC_GOOGLE_CLASSIFIER    classifier [n, H]
 *     ELC_GOOGLE_ANSWERER      start [1, H]; W = ELC_ANSWERER_WIDTH:
 *                              end.dense [W, 2H] over (h_start, h_t), end.out_proj [1, W];
 *                              answerable.dense [W, 2H], answerable.out_proj [1, W]
 *     ELC_BERT_CLASSIFIER      pooler.dense [H, H], classifier [n, H]
 *
 * A generator in pre-training leaves out of its table what it shares with the discriminator. */
enum elc_sharing {
    ELC_SHARE_NOTHING,    /* all tensors are its own */
    ELC_SHARE_EMBEDDINGS, /* no word, position and type tables, and no LayerNorm of theirs */
    ELC_SHARE_ENCODER,    /* nothing but the head */
};
int elc_table_build(struct elc_table *table, const struct elc_config *config,
                    enum elc_sharing sharing) ELC_MUST_CHECK;
/* Appends the tensors of a discriminator's head to those of a generator: the copy mechanism of
 * ELC_OBJECTIVE_ALL_TOKENS_MLM. */
int elc_table_add_copy_head(struct elc_table *table,
                            const struct elc_config *config) ELC_MUST_CHECK;
void elc_table_free(struct elc_table *table);
/* The tensor with this name, or NULL. */
const struct elc_tensor *elc_table_find(const struct elc_table *table, const char *name);
/* Draws initial values, keyed by (seed, network, name), as the tensors' `init` says. `network`: 1
 * for a generator, which must not start as a discriminator of its shape does, 0 for all else. */
void elc_table_init(const struct elc_table *table, elc_float *values, uint64_t seed,
                    uint64_t network, double stddev);

/* ---- safetensors ---- */

/* One tensor of a safetensors file; points into the map. */
struct elc_stored {
    const char *name;
    const char *dtype; /* "F32", … */
    uint64_t shape[8];
    size_t rank;
    const uint8_t *data;
    size_t bytes;
};
struct elc_safetensors {
    struct elc_map map;
    struct elc_stored *tensors;
    size_t n_tensors;
    struct elc_arena arena;
};
/* Maps and validates a file as the reference does: header length ≤ 100 MB, JSON
 * object, no duplicate keys, offsets contiguous from 0 to the end of the file, sizes equal to
 * product(shape) · size(dtype) with overflow checks. */
int elc_safetensors_open(struct elc_safetensors *file, const char *path) ELC_MUST_CHECK;
const struct elc_stored *elc_safetensors_find(const struct elc_safetensors *file,
                                              const char *name);
void elc_safetensors_close(struct elc_safetensors *file);

/* What to write: `count` f32 numbers under a name (or raw bytes of another dtype). */
struct elc_to_store {
    const char *name;
    const char *dtype; /* "F32", "U8", … */
    uint64_t shape[2];
    size_t rank;
    const void *data;
    size_t bytes;
};
/* Writes and fsyncs a file with `__metadata__` {"format":"pt"} plus the given string pairs
 * (keys and values alternating, n_metadata pairs), tensors in the reference's order. */
int elc_safetensors_write(const char *path, const struct elc_to_store *tensors, size_t n_tensors,
                          const char *const *metadata, size_t n_metadata) ELC_MUST_CHECK;

/* Copies (converting F16, BF16, F32, F64 to elc_float) the tensors of a network out of a file
 * into `values`, tolerating what ELECTRA's files come with: unused embeddings_project when E = H,
 * position_ids, tied generator_lm_head.weight present or absent, LayerNorm.gamma/beta, a missing
 * "electra." prefix. A missing tensor, a shape that disagrees with the config and an output
 * matrix that is not the word embeddings are ELC_EMISMATCH by name; a value that is not finite is
 * ELC_ENUMERIC by name. Tensors that are neither used nor tolerated are reported through `unused`
 * (NULL: not wanted), one name after another, NUL-terminated each. `path` is for messages. */
int elc_params_load(elc_float *values, const struct elc_table *table,
                    const struct elc_safetensors *file, const char *path,
                    struct elc_buffer *unused) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
