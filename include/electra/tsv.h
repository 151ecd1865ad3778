/* Text in a field of TSV. */
#ifndef ELECTRA_TSV_H
#define ELECTRA_TSV_H

#include <stddef.h>

#include "electra/error.h"
#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Appends the text with tab, newline and backslash as \t, \n and \\. */
int elc_tsv_text(struct elc_buffer *out, const char *text, size_t len) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
