/* Checkpoints of other programs: their tensors, wherever they lie in whichever format.
 *
 * A reader lists what a file holds and checks that all of it is there; nothing is converted or
 * copied before convert.c asks for numbers. Names are made those of transformers' ELECTRA classes
 * on the way in (foreign_names.c), so that the formats need not be told apart afterwards.
 */
#ifndef ELC_MODEL_FOREIGN_H
#define ELC_MODEL_FOREIGN_H

#include <stdbool.h>

#include "electra/convert.h"
#include "electra/file.h"
#include "electra/memory.h"
#include "electra/params.h"

/* One tensor. `stored.name` is the file's own name for it. */
struct elc_foreign_tensor {
    struct elc_stored stored;
    const char *name; /* of transformers' ELECTRA classes; NULL: known to be none of a network's */
    bool transposed;  /* a linear layer's weight that is stored [in, out] */
};

struct elc_foreign {
    enum elc_convert_format format;
    char *directory; /* that the files lie in: config.json and vocab.txt are looked for there */
    struct elc_foreign_tensor *tensors;
    size_t n_tensors, tensor_capacity;
    const struct elc_foreign_tensor **by_name; /* those that have a `name`, in its order */
    size_t n_named;
    struct elc_map *maps; /* what `stored.data` points into: these, */
    size_t n_maps, map_capacity;
    struct elc_safetensors *files; /* or the maps of these */
    size_t n_files, file_capacity;
    struct elc_arena arena;
};

/* Opens a directory, a file, or (TensorFlow) the prefix of a bundle's two files. No two tensors
 * have the same name of the file's own: ELC_EFORMAT. */
int elc_foreign_open(struct elc_foreign *foreign, const char *source) ELC_MUST_CHECK;
void elc_foreign_close(struct elc_foreign *foreign); /* idempotent */

/* ---- for the readers ---- */

/* Maps a file, which stays open with the rest; *map itself is valid until the next call. */
int elc_foreign_map(const struct elc_map **map, struct elc_foreign *foreign,
                    const char *path) ELC_MUST_CHECK;
/* Appends a tensor; the name is copied, the numbers must outlive it. */
int elc_foreign_add(struct elc_foreign *foreign, const struct elc_stored *stored) ELC_MUST_CHECK;
/* *bytes = what `rank` dimensions of this type take: ELC_EFORMAT beyond all memory. */
int elc_foreign_bytes(size_t *bytes, const char *dtype, const uint64_t *shape,
                      size_t rank) ELC_MUST_CHECK;

/* Lists the tensors of one file that has been mapped. `name` is for messages. */
int elc_flax_read(struct elc_foreign *foreign, const struct elc_map *map) ELC_MUST_CHECK;
int elc_pytorch_read(struct elc_foreign *foreign, const struct elc_map *map) ELC_MUST_CHECK;
/* `path` is that of the index; its data files lie beside it. */
int elc_tensorflow_read(struct elc_foreign *foreign, const struct elc_map *map,
                        const char *path) ELC_MUST_CHECK;

/* ---- names (foreign_names.c) ---- */

/* Which network of a TensorFlow bundle is wanted; of other formats it does not matter. */
enum elc_foreign_network { ELC_FOREIGN_DISCRIMINATOR, ELC_FOREIGN_GENERATOR };
/* Has the bundle tensors of a generator, of a discriminator's head? Always false elsewhere. */
bool elc_foreign_has(const struct elc_foreign *foreign, enum elc_foreign_network network);
/* Sets `name` and `transposed` of each tensor, and puts them in order. */
int elc_foreign_rename(struct elc_foreign *foreign,
                       enum elc_foreign_network network) ELC_MUST_CHECK;
/* Where by_name[] has the tensors with this name: *n of them, from the index returned on. */
size_t elc_foreign_named(size_t *n, const struct elc_foreign *foreign, const char *name);
/* The first of them, or NULL. */
const struct elc_foreign_tensor *elc_foreign_find(const struct elc_foreign *foreign,
                                                  const char *name);
/* Is it of no network at all: moments of Adam, step counters, buffers? */
bool elc_foreign_is_state(const struct elc_foreign *foreign, const char *name);

/* ---- configuration (convert_config.c) ---- */

/* The configuration of what has been opened and renamed: read from `path` (NULL: config.json beside
 * the tensors; a TensorFlow bundle, which has none, is known by its shapes). Messages name the
 * file, if there is one. `labels` hold the names that config->labels points at. */
int elc_foreign_config(struct elc_config *config, struct elc_labels *labels,
                       const struct elc_foreign *foreign, const struct elc_convert_options *options,
                       const char *path) ELC_MUST_CHECK;

#endif
