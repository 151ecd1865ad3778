/* Model directories: config.json, model.safetensors, vocab.txt, tokenizer_config.json, as
 * transformers reads and writes them (electra-model(5)). */
#ifndef ELECTRA_DIRECTORY_H
#define ELECTRA_DIRECTORY_H

#include "electra/config.h"
#include "electra/params.h"
#include "electra/tokenize.h"
#include "electra/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The directory that holds the network itself: `path` if it has a config.json, else
 * path/discriminator or path/generator (a directory of electra-train), as asked; ELC_ENCODER takes
 * the generator where there is no discriminator. Malloced.
 * ELC_EIO, naming what was looked for, if there is none. */
int elc_directory_resolve(char **resolved, const char *path,
                          enum elc_architecture wanted) ELC_MUST_CHECK;

/* A loaded network. Its weights stay mapped from the file when the file's layout allows it
 * (F32, aligned) — `values` then is NULL and `tensors[i]` point into the map — else are copied. */
struct elc_network {
    char *path;
    struct elc_config config; /* its `labels` are the next member's */
    struct elc_labels labels;
    struct elc_table table;
    const elc_float **tensors; /* one pointer for each tensor of the table */
    elc_float *values;         /* owned copy, or NULL */
    struct elc_safetensors file;
    char hash[33]; /* XXH3-128 of config.json's and model.safetensors' bytes */
};
/* Loads, validates and checks every number for finiteness. A config whose architecture has no such
 * head (an ElectraModel where a discriminator is wanted) is refused by name. ELC_ENCODER takes the
 * encoder out of any, leaving the head; `config.architecture` then is ELC_ENCODER. To load whatever
 * is there, read its config first. */
int elc_network_load(struct elc_network *network, const char *path,
                     enum elc_architecture wanted) ELC_MUST_CHECK;
void elc_network_free(struct elc_network *network);

/* Writes a directory's four files (the directory must exist), fsynced. `values` is in the layout of
 * `table`; the names of classes are those of `config`. Of `rules`, how texts are tokenized, compat
 * NULL is "fast". A generator in pre-training passes table and
 * block of the discriminator as the owner of what it shares, to be written out whole. */
int elc_network_save(const char *directory, const struct elc_config *config,
                     const struct elc_table *table, const elc_float *values,
                     const struct elc_table *owner_table, const elc_float *owner,
                     const struct elc_vocab *vocab, const struct elc_tokenizer_id *rules,
                     uint32_t max_length) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
