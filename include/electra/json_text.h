/* JSON as text, written by Jansson, with the failures that json_dumps() forgets. */
#ifndef ELECTRA_JSON_TEXT_H
#define ELECTRA_JSON_TEXT_H

#include <jansson.h>

#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/* json_dumps(), but never without a key: Jansson 2.14 ignores it when memory runs out in the middle
 * of one. malloced; NULL: ENOMEM set. `json` NULL gives NULL. */
char *elc_json_dumps(const json_t *json, size_t flags) ELC_MUST_CHECK;
/* Appends the same to `text`. */
int elc_json_append(struct elc_buffer *text, const json_t *json, size_t flags) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
