/* The parts of the scorer: a text as it is read, its results, their formats. */
#ifndef ELC_MODEL_SCORE_H
#define ELC_MODEL_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/directory.h"
#include "electra/encoder.h"
#include "electra/memory.h"
#include "electra/record.h"
#include "electra/score.h"
#include "electra/stream.h"
#include "electra/vocab.h"

/* ---- the model (score.c) ---- */

struct elc_scorer {
    char *path;
    struct elc_score_options options;
    struct elc_network network;
    struct elc_weights weights;
    struct elc_vocab *vocab;
};

/* ELC_EMISMATCH, naming both, unless the stream with this header was made for the model. */
int elc_scorer_check_header(const struct elc_scorer *scorer, const struct elc_header *header,
                            const char *name) ELC_MUST_CHECK;

/* ---- a text (score_text.c) ---- */

/* What the stream and the model say about every record. */
struct elc_score_limits {
    unsigned id_width;
    struct elc_vocab_id vocab; /* of the header, which is the model's */
    uint32_t max_length;       /* positions of the model */
    uint32_t n_types;          /* segment types of the model */
};

/* One record's text. A zeroed struct is empty; reuse it, then free it. */
struct elc_score_text {
    const struct elc_record *record;
    size_t n;             /* tokens */
    const uint32_t *ids;  /* [n] */
    const uint8_t *types; /* [n], or NULL: all 0 */
    /* The rest is NULL where the stream does not have it. */
    const uint32_t *offsets; /* [2n]: byte range of each token in `text`, or in `pair` by type */
    const uint32_t *words;   /* [n]: number of its word, UINT32_MAX for specials */
    const char *text, *pair;
    size_t text_len, pair_len;
    struct elc_buffer id_buffer, offset_buffer, word_buffer;
};
/* Everything in range and of the right length, or ELC_EFORMAT, ELC_EMISMATCH. Borrows the record.
 */
int elc_score_text_read(struct elc_score_text *text, const struct elc_record *record,
                        const struct elc_score_limits *limits) ELC_MUST_CHECK;
void elc_score_text_free(struct elc_score_text *text);

/* Byte range of a token, 0,0 where it is not known. */
void elc_score_text_range(const struct elc_score_text *text, size_t token, uint32_t *start,
                          uint32_t *end);

/* The word that a token is part of: its place in `text` (or `pair`) and its characters, cut from
 * there or, where the stream has no text, joined from the tokens in `joined`. */
struct elc_score_word {
    const char *text;
    size_t len;
    uint32_t start, end;
};
int elc_score_text_word(struct elc_score_word *word, const struct elc_score_text *text,
                        size_t token, const struct elc_vocab *vocab,
                        struct elc_buffer *joined) ELC_MUST_CHECK;

/* ---- results (score_result.c) ---- */

/* Of one text. rtd fills what its comment says, embed the rest. */
struct elc_score_result {
    const double *p;            /* rtd: [n] P(replaced) of each token */
    double score, max;          /* rtd: mean and largest p of the tokens that are not special */
    struct elc_score_word word; /* rtd: the one that has the largest */
    const float *embedding;     /* embed: [width] */
    size_t width;
    struct elc_buffer numbers, joined; /* what the pointers above point into */
};
/* From the discriminator's logits [n]. */
int elc_score_rtd(struct elc_score_result *result, const struct elc_score_text *text,
                  const elc_float *logits, const struct elc_vocab *vocab) ELC_MUST_CHECK;
/* From the encoder's output [n, width]. */
int elc_score_embed(struct elc_score_result *result, const struct elc_score_text *text,
                    const elc_float *hidden, size_t width, bool mean,
                    bool normalize) ELC_MUST_CHECK;
void elc_score_result_free(struct elc_score_result *result);

/* ---- formats (score_format.c) ---- */

struct elc_score_layout {
    const struct elc_score_options *options; /* task is not AUTO */
    const struct elc_vocab *vocab;
    size_t width; /* of an embedding */
};
/* The row of --names. */
int elc_score_format_names(struct elc_buffer *out,
                           const struct elc_score_layout *layout) ELC_MUST_CHECK;
/* A text's result. `builder` is scratch. */
int elc_score_format_result(struct elc_buffer *out, const struct elc_score_layout *layout,
                            const struct elc_score_text *text,
                            const struct elc_score_result *result,
                            struct elc_builder *builder) ELC_MUST_CHECK;
/* What stands in the place of the result of a record that was rejected. */
int elc_score_format_rejected(struct elc_buffer *out, const struct elc_score_layout *layout,
                              const struct elc_record *record, const char *message,
                              struct elc_builder *builder) ELC_MUST_CHECK;

#endif
