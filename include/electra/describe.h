/* What a model directory holds, as one JSON object, and that object as text. */
#ifndef ELECTRA_DESCRIBE_H
#define ELECTRA_DESCRIBE_H

#include <stdbool.h>

#include "electra/error.h"
#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t; /* Jansson's */

struct elc_describe_options {
    bool tensors; /* also name each tensor of the file, with type and shape */
    bool stats;   /* and its least, greatest and mean number and their standard deviation */
};

/* A new object, to be freed with json_decref, about a directory that has a config.json. Its keys
 * are those of electra-model(1). The weights are read and verified as by elc_network_load, and
 * the vocabulary and the rules of the tokenizer where there are any. */
int elc_model_describe(struct json_t **object, const char *directory,
                       const struct elc_describe_options *options) ELC_MUST_CHECK;

/* Appends one line of JSON. */
int elc_description_json(struct elc_buffer *text, const struct json_t *object) ELC_MUST_CHECK;
/* Appends a line `key TAB value` for each number, word or array of them; keys of inner objects
 * have their outer key and a point in front, and null is an empty value. An object in an array is
 * a line, its values separated by TABs. TAB, LF and backslash are written \t, \n and \\. */
int elc_description_tsv(struct elc_buffer *text, const struct json_t *object) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
