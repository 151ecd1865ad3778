/* The text twin back to a stream: lines of JSON, as electra/json.h has them, to records. */
#ifndef ELECTRA_IMPORT_H
#define ELECTRA_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/file.h"
#include "electra/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Everything is borrowed. */
struct elc_import {
    const struct elc_vocab *vocab; /* of lines without a header, and of every header; NULL: lines
                                    * have headers, with any vocabulary */
    const char *vocab_path;        /* for messages */
    bool is_model;                 /* vocab_path is a model's directory, whose rules made the ids */
    bool live;                     /* hand over what has come rather than wait for more */
    struct elc_output *output;     /* neither committed nor abandoned */
    uint64_t records;              /* read so far, headers included */
};
/* Reads operands (n_paths 0: standard input) to their end and writes a segment for each header
 * among the lines. ELC_EFORMAT and ELC_EMISMATCH name operand and line; what was written then has
 * no end. */
int elc_import_jsonl(struct elc_import *import, char *const *paths, size_t n_paths) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
