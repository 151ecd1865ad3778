/* UTF-8: what is valid, and how the rest is repaired. */
#ifndef ELECTRA_UTF8_H
#define ELECTRA_UTF8_H

#include <stddef.h>

#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Length of the valid UTF-8 that `text` begins with; equal to `len` if all of it is. */
size_t elc_utf8_valid(const char *text, size_t len);
/* Appends `text` to `clean` with each maximal invalid part (Unicode 15, 3.9, U+FFFD substitution
 * of maximal subparts) replaced by U+FFFD. Returns the number of replacements or an error. */
long long elc_utf8_clean(struct elc_buffer *clean, const char *text, size_t len) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
