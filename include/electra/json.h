/* The JSON twin of a stream: records and headers as lines of JSON, and back, without loss.
 *
 * Arrays of numbers, which records keep as little-endian bin, are arrays of JSON numbers:
 * ids, original, types, best, replaced, masked; offsets is an array of [start, end] and words has
 * null for special tokens. What JSON has no word for is an object with one key:
 *
 *     {"$bin": base64}      binary data under any other key
 *     {"$str": base64}      a string that is not UTF-8
 *     {"$ext": [type, base64]}
 *     {"$uint": "18446744073709551615"}   integers from 2^63
 *     {"$double": "nan"}    also "inf", "-inf" and the 16 hexadecimal digits of other NaNs
 *     {"$array": […]}       an array under one of the keys above
 *     {"$map": [[key, value]…]}   maps with keys that are no strings, come twice or begin with $
 *
 * Float 32 comes back as float 64, and integers come back in their shortest form.
 */
#ifndef ELECTRA_JSON_H
#define ELECTRA_JSON_H

#include "electra/memory.h"
#include "electra/record.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The token with this id, as elc_vocab_token; NULL: there is none. */
typedef const char *elc_token_of(const void *context, uint32_t id, size_t *len);

struct elc_json_options {
    unsigned id_width;   /* bytes per id, from the header; 0: no header was read yet */
    uint64_t vocab_size; /* for reading: every id is below */
    elc_token_of *token; /* for writing: adds "tokens"; NULL: does not */
    const void *context; /* of token */
};

/* Appends one line, LF included. */
int elc_json_from_record(struct elc_buffer *line, const struct elc_record *record,
                         const struct elc_json_options *options) ELC_MUST_CHECK;
/* Appends the value alone, without a LF. */
int elc_json_from_value(struct elc_buffer *text, const struct elc_field *value) ELC_MUST_CHECK;
/* Appends {"header": …} and a LF. */
int elc_json_from_header(struct elc_buffer *line, const struct elc_header *header) ELC_MUST_CHECK;

/* Reads one line. ELC_HEADER: it was {"header": …} and `header` is overwritten by it (free it
 * after use); 0: it was a record, which replaces the contents of `record`, verified as a reader
 * would. "tokens", which elc_json_from_record adds, is dropped: an array of as many strings as
 * there are ids. */
int elc_json_parse(struct elc_buffer *record, struct elc_header *header, const char *line,
                   size_t len, const struct elc_json_options *options) ELC_MUST_CHECK;

/* Adds a key with a value of Jansson's to a record under construction; nested at most
 * ELC_DEPTH_LIMIT deep, the record included. */
struct json_t;
int elc_json_build(struct elc_builder *builder, const char *key,
                   const struct json_t *value) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
