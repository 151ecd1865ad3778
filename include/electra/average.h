/* The mean of several models: their weights added up and divided by their number. Checkpoints of
 * one run, or runs that went on from the same model, lie close enough together for their mean to
 * be a model, often a better one than each of them. */
#ifndef ELECTRA_AVERAGE_H
#define ELECTRA_AVERAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "electra/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the directory `output`, which must not be there yet, whole or not at all. The paths are
 * model directories, or directories of electra-train, which stand for the network that the first
 * one is: a discriminator unless it names a generator. At least two.
 *
 * Sums are taken in double, in the order given, and rounded once; weights are written as F32.
 * Configuration, vocabulary and tokenizer are those of the first; with `history` the configuration
 * also says what was done here, else nothing of how the model was made. ELC_EMISMATCH, naming both
 * models, where architectures, shapes, vocabularies or the rules for text differ; dropout and
 * initial values may. */
int elc_average(const char *output, const char *const *paths, size_t n_paths,
                bool history) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
