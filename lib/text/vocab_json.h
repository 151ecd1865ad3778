/* The vocabulary of a tokenizer.json. */
#ifndef LIB_TEXT_VOCAB_JSON_H
#define LIB_TEXT_VOCAB_JSON_H

#include <stddef.h>

#include "electra/vocab.h"

/* `name` is for messages. */
int elc_vocab_parse_json(struct elc_vocab **vocab, const char *text, size_t len,
                         const char *name) ELC_MUST_CHECK;

#endif
