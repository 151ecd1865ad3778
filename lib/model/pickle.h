/* Python's pickles, as far as torch.save uses them (protocol 2), and not a step further.
 *
 * A pickle is a program for a stack machine; Python's own interpreter of it calls whatever function
 * a file names. This one knows a closed list of opcodes and a closed list of names, calls nothing,
 * and refuses everything else by its name. What comes out is a tree of plain values.
 */
#ifndef ELC_MODEL_PICKLE_H
#define ELC_MODEL_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"

enum elc_pickle_kind {
    ELC_PICKLE_NONE,
    ELC_PICKLE_BOOL,
    ELC_PICKLE_INT,
    ELC_PICKLE_FLOAT, /* whose number nobody needs */
    ELC_PICKLE_TEXT,
    ELC_PICKLE_TUPLE,
    ELC_PICKLE_LIST,
    ELC_PICKLE_DICT, /* a dict or an OrderedDict: items are keys and values by turns */
    ELC_PICKLE_GLOBAL,
    ELC_PICKLE_STORAGE,
    ELC_PICKLE_TENSOR,
};

struct elc_pickle_value {
    enum elc_pickle_kind kind;
    union {
        int64_t number; /* BOOL too; GLOBAL: which */
        struct {
            const char *text; /* NUL-terminated; may have others within */
            size_t len;
        } text;
        struct {
            const struct elc_pickle_value **items;
            size_t n, capacity;
        } list; /* TUPLE, LIST, DICT */
        struct {
            const char *key;   /* the numbers are elsewhere in the file, under this name */
            const char *dtype; /* as safetensors has it */
            uint64_t n;        /* numbers */
        } storage;
        struct {
            const struct elc_pickle_value *storage;
            uint64_t offset;                               /* in numbers */
            const struct elc_pickle_value *shape, *stride; /* tuples of whole numbers, alike long */
        } tensor;
    } as;
};

/* The value that the pickle at data[0] makes, allocated from the arena, and how many bytes the
 * pickle has. ELC_EFORMAT, ELC_ETRUNCATED, ELC_ELIMIT name the byte at fault. */
int elc_pickle_read(const struct elc_pickle_value **value, size_t *size, const uint8_t *data,
                    size_t len, struct elc_arena *arena) ELC_MUST_CHECK;
/* The value of a key that is a text; NULL. */
const struct elc_pickle_value *elc_pickle_get(const struct elc_pickle_value *dict, const char *key);

/* ---- torch's part of it (pickle_torch.c) ---- */

/* The number of a name in the closed list, in `module` and `name` as the pickle has them, or an
 * error that names it. */
int elc_pickle_global(int64_t *number, const char *module, const char *name) ELC_MUST_CHECK;
/* What a call of that name would have returned. `made` is zeroed. */
int elc_pickle_call(struct elc_pickle_value *made, int64_t global,
                    const struct elc_pickle_value *arguments) ELC_MUST_CHECK;
/* What a persistent id stands for: a storage. */
int elc_pickle_persistent(struct elc_pickle_value *made,
                          const struct elc_pickle_value *id) ELC_MUST_CHECK;

#endif
