/* Checkpoints of other programs, made into model directories (electra-model(5)).
 *
 * Read are, of transformers' ELECTRA classes and of BERT's that have the same shape, safetensors,
 * PyTorch's pickles (both layouts) and Flax's msgpack, whole or in shards; and the TensorFlow
 * bundles of google-research/electra. Nothing in them is executed, and no tensor that a network
 * needs is ever made up.
 */
#ifndef ELECTRA_CONVERT_H
#define ELECTRA_CONVERT_H

#include <stdbool.h>
#include <stddef.h>

#include "electra/config.h"
#include "electra/error.h"
#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

enum elc_convert_format {
    ELC_FORMAT_SAFETENSORS,
    ELC_FORMAT_PYTORCH,
    ELC_FORMAT_FLAX,
    ELC_FORMAT_TENSORFLOW,
};

/* Which of the networks that a TensorFlow bundle holds. */
enum elc_convert_networks {
    ELC_CONVERT_ALL, /* both, as output/discriminator and output/generator, or the only one */
    ELC_CONVERT_DISCRIMINATOR,
    ELC_CONVERT_GENERATOR,
};

struct elc_convert_options {
    const char *config; /* path of a config.json; NULL: the one beside the tensors */
    const char *vocab;  /* path of a vocab.txt or tokenizer.json; NULL: the one beside them */
    enum elc_convert_networks networks;
    bool encoder;    /* leave the head and write an ElectraModel */
    bool no_history; /* the configuration does not say what it was made of */
};

/* What became of a source. Names are as the source has them, NUL-terminated, one after another. */
struct elc_conversion {
    enum elc_convert_format format;
    struct elc_config configs[2]; /* of what was written; without names of classes */
    size_t n_configs;
    bool cased;                /* how texts are tokenized, */
    bool cased_by_vocab;       /* guessed from the vocabulary's capitals: a bundle without rules */
    struct elc_buffer missing; /* tensors that the networks need: none of a success */
    struct elc_buffer unused;  /* tensors that no network has a use for */
    struct elc_buffer not_finite; /* tensors with an infinity or NaN, written as they are */
};

/* Writes the directory `output`, which must not be there yet, whole or not at all. `source` is a
 * directory, one of the files in it, or the prefix of a TensorFlow bundle. ELC_EMISMATCH where
 * tensors are missing (all of them are in `conversion`) or have another shape than the
 * configuration says; ELC_EINVAL for options that do not fit the source. Free `conversion` in any
 * case. */
int elc_convert(struct elc_conversion *conversion, const char *output, const char *source,
                const struct elc_convert_options *options) ELC_MUST_CHECK;
void elc_conversion_free(struct elc_conversion *conversion); /* idempotent */
const char *elc_convert_format_name(enum elc_convert_format format);

#ifdef __cplusplus
}
#endif
#endif
