/* Numbers in text, read strictly: the whole string, in range, or an error that says so.
 * None of them reads the locale. And how a text ends. */
#ifndef ELECTRA_PARSE_H
#define ELECTRA_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "electra/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Decimal digits only. ELC_EINVAL "'12x' is not a whole number", "… is not in 1 … 512". */
int elc_parse_uint(uint64_t *value, const char *text, uint64_t min, uint64_t max) ELC_MUST_CHECK;
/* A finite decimal number. */
int elc_parse_real(double *value, const char *text, double min, double max) ELC_MUST_CHECK;
/* Bytes with an optional suffix k, M, G (powers of 1024). */
int elc_parse_size(uint64_t *bytes, const char *text, uint64_t min, uint64_t max) ELC_MUST_CHECK;
/* "K/N" with 1 ≤ K ≤ N. */
int elc_parse_shard(uint64_t *k, uint64_t *n, const char *text) ELC_MUST_CHECK;

/* Do the last characters of a text, of a file's name for instance, read so? */
bool elc_ends_with(const char *text, const char *end);

#ifdef __cplusplus
}
#endif
#endif
