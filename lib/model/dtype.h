/* The number types of safetensors, in the order of the reference's enumeration, by which it
 * sorts what it writes. */
#ifndef ELC_MODEL_DTYPE_H
#define ELC_MODEL_DTYPE_H

struct elc_dtype {
    const char *name;
    unsigned bits;
};

/* The type with this name, or NULL. Later in the enumeration is higher in memory. */
const struct elc_dtype *elc_dtype_find(const char *name);

#endif
