/* Finding and converting the tensors of a network in a safetensors file. */
#ifndef ELC_MODEL_LOAD_H
#define ELC_MODEL_LOAD_H

#include <stdbool.h>

#include "electra/params.h"

/* As elc_safetensors_open, of a file that has been mapped: takes the map over in any case. `path`
 * is for messages. */
int elc_safetensors_adopt(struct elc_safetensors *file, struct elc_map *map,
                          const char *path) ELC_MUST_CHECK;

/* stored[i], n_tensors of them: where the file keeps tensor i of the table, under its present or
 * an older name, in the shape of the table. ELC_EMISMATCH by name otherwise. */
int elc_stored_match(const struct elc_stored **stored, const struct elc_table *table,
                     const struct elc_safetensors *file) ELC_MUST_CHECK;
/* ELC_EMISMATCH: a tensor that has another shape than the table's. `transposed`: it is stored
 * [in, out]. */
int elc_fail_shape(const struct elc_tensor *tensor, const struct elc_stored *stored,
                   bool transposed);
/* Converts `n` numbers of F16, BF16, F32 or F64; ELC_EMISMATCH for another type. *n_bad: how many
 * of them are not finite. */
int elc_stored_copy(elc_float *values, const struct elc_stored *stored, size_t n,
                    size_t *n_bad) ELC_MUST_CHECK;
/* Is every one of these `n` stored floats finite? */
bool elc_finite_f32(const uint8_t *bytes, size_t n);

#endif
