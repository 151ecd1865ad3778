/* The vocabulary of a tokenizer.json. */
#ifndef LIB_TEXT_VOCAB_JSON_H
#define LIB_TEXT_VOCAB_JSON_H

#include <stddef.h>

#include "electra/vocab.h"

/* ELC_EINVAL names an added token other than [PAD] [UNK] [CLS] [SEP] [MASK]: it would be taken out
 * of texts before they are cut into words. NULL: there is one without a name. */
int elc_added_token_check(const char *token) ELC_MUST_CHECK;

/* `name` is for messages. */
int elc_vocab_parse_json(struct elc_vocab **vocab, const char *text, size_t len,
                         const char *name) ELC_MUST_CHECK;

#endif
