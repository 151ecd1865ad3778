/* The vocabulary of a tokenizer.json. */
#ifndef LIB_TEXT_VOCAB_JSON_H
#define LIB_TEXT_VOCAB_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "electra/vocab.h"

/* A token of a tokenizer's files: a text, or an object that has one. NULL: neither. */
const char *elc_token_text(const json_t *token);
/* ELC_EINVAL names an added token other than [PAD] [UNK] [CLS] [SEP] [MASK], which would be taken
 * out of texts before they are cut into words, and one that takes more out of a text than itself,
 * or less: lstrip, rstrip, single_word, normalized. */
int elc_added_token_check(const json_t *token) ELC_MUST_CHECK;
/* ELC_EINVAL names what is not WordPiece's in the `model` of a tokenizer.json. */
int elc_wordpiece_check(const json_t *model) ELC_MUST_CHECK;

/* `name` is for messages. */
int elc_vocab_parse_json(struct elc_vocab **vocab, const char *text, size_t len,
                         const char *name) ELC_MUST_CHECK;

#endif
