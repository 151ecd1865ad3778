/* Vocabularies: the tokens of a WordPiece model, by id and by name. */
#ifndef ELECTRA_VOCAB_H
#define ELECTRA_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ELC_NO_TOKEN = UINT32_MAX, ELC_TOKEN_BYTES = 1024 /* the longest token */ };
enum { ELC_VOCAB_LIMIT = 1 << 20 /* tokens of the largest vocabulary */ };

enum { ELC_N_SPECIALS = 5 };
/* The tokens that every vocabulary has: [PAD] [UNK] [CLS] [SEP] [MASK]. */
extern const char *const elc_special_tokens[ELC_N_SPECIALS];

struct elc_vocab; /* immutable once read; safe to share between threads */

/* Reads `path`: vocab.txt (one token a line, id = line number from 0), a tokenizer.json (a name
 * that ends in .json), or a model directory that has either (vocab.txt first). Refused by name
 * and line: duplicate tokens, empty lines, invalid UTF-8, missing [PAD] [UNK] [CLS] [SEP] [MASK],
 * more than ELC_VOCAB_LIMIT tokens, tokens made to meet in a hash table; of a tokenizer.json also
 * models other than WordPiece and added tokens beyond those five. */
int elc_vocab_read(struct elc_vocab **vocab, const char *path) ELC_MUST_CHECK;
/* From text in memory, as vocab.txt; `name` is for messages. */
int elc_vocab_parse(struct elc_vocab **vocab, const char *text, size_t len,
                    const char *name) ELC_MUST_CHECK;
void elc_vocab_destroy(struct elc_vocab *vocab);

/* Size, hash and special ids, as a stream's header holds them; borrowed. */
const struct elc_vocab_id *elc_vocab_id(const struct elc_vocab *vocab);
/* The token with this id and its length; NUL-terminated; borrowed. NULL: no such id. */
const char *elc_vocab_token(const struct elc_vocab *vocab, uint32_t id, size_t *len);
/* The id of a token, ELC_NO_TOKEN if there is none. */
uint32_t elc_vocab_lookup(const struct elc_vocab *vocab, const char *token, size_t len);
/* Writes vocab.txt: every token and a LF. */
int elc_vocab_write(const struct elc_vocab *vocab, const char *path) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
