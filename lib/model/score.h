/* The parts of the scorer: a text as it is read, the tasks, the formats.
 *
 * A task is one file and one entry of the table in score_task.c: which network it needs, what of a
 * record, how results are computed, and how they are written. All else is common to all tasks:
 *
 *     score.c         the model; which streams fit it
 *     score_run.c     a stream on several threads, in order
 *     score_batch.c   a batch of its records through the network
 *     score_text.c    a record's text
 *     score_format.c  what all formats share: ids, gold, rejected records
 *     score_task.c    the table
 *     score_rtd.c …   the tasks
 *
 * To add one: a value of enum elc_score_task (score.h), an entry of the table, its file.
 */
#ifndef ELC_MODEL_SCORE_H
#define ELC_MODEL_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "electra/directory.h"
#include "electra/encoder.h"
#include "electra/memory.h"
#include "electra/record.h"
#include "electra/score.h"
#include "electra/stream.h"
#include "electra/tsv.h"
#include "electra/vocab.h"
#include "electra/answers.h"
#include "head.h"
#include "joint.h"

/* ---- the model (score.c) ---- */

struct elc_scorer {
    char *path;
    struct elc_score_options options; /* its task is not AUTO */
    const struct elc_score_entry *task;
    struct elc_network network;
    struct elc_weights weights;
    struct elc_vocab *vocab;
    const char *const *labels; /* [config.num_labels] names of a fine-tuned network's outputs */
    struct elc_arena arena;    /* those that the model does not have */
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
    bool by_word;              /* --tokens */
};

/* One record's text. A zeroed struct is empty; reuse it, then free it. */
struct elc_score_text {
    const struct elc_record *record;
    unsigned id_width;    /* of the record's ids */
    size_t n;             /* tokens */
    const uint32_t *ids;  /* [n] */
    const uint8_t *types; /* [n], or NULL: all 0 */
    /* The rest is NULL where the stream does not have it. */
    const uint32_t *offsets; /* [2n]: byte range of each token in `text`, or in `pair` by type */
    const uint32_t *words;   /* [n]: number of its word, UINT32_MAX for specials */
    const char *text, *pair;
    size_t text_len, pair_len;
    /* Tokens that the task's head reads, where those are not all: its `read` sets them. */
    const uint32_t *rows;     /* [n_rows] ascending */
    const uint32_t *original; /* [n_rows] what stood there before it was masked; fill */
    size_t n_rows;
    /* Its place among the windows of a text, from 1; 1 of 1 where the text is whole. */
    uint64_t window, n_windows;
    const uint8_t *best; /* [n] 1: the token has the most context in this window; or NULL */
    uint64_t text_start, pair_start; /* bytes of the whole texts where `text` and `pair` begin */
    struct elc_buffer id_buffer, offset_buffer, word_buffer, row_buffer, original_buffer;
};
/* Everything in range and of the right length, or ELC_EFORMAT, ELC_EMISMATCH. Borrows the record.
 */
int elc_score_text_read(struct elc_score_text *text, const struct elc_record *record,
                        const struct elc_score_limits *limits) ELC_MUST_CHECK;
void elc_score_text_free(struct elc_score_text *text);
/* Is it a window of the same text as the record before it? */
bool elc_score_continues(const struct elc_record *record);

/* Byte range of a token, 0,0 where it is not known. */
void elc_score_text_range(const struct elc_score_text *text, size_t token, uint32_t *start,
                          uint32_t *end);
/* What these are bytes of: `text`, or `pair` by the token's type; NULL where the stream does not
 * have it, and nothing has then checked the range. */
const char *elc_score_text_source(const struct elc_score_text *text, size_t token);

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
/* [CLS], [SEP] and [PAD]. */
bool elc_score_is_special(const struct elc_vocab_id *vocab, uint32_t id);

/* ---- tasks ---- */

/* A batch of texts on its way through the network. One for each worker. */
struct elc_score_pass {
    const struct elc_scorer *scorer;
    struct elc_workspace workspace;
    struct elc_batch texts; /* those of the job that can be scored, one after another */
    struct elc_buffer rows; /* what `collect` has noted; emptied before each batch */
    /* What `forward` leaves for `compute`. */
    const elc_float *outputs;      /* in the workspace */
    struct elc_buffer numbers;     /* or here */
    struct elc_batch variants;     /* scratch: part of the texts, or some with a token masked */
    struct elc_head_memory head;   /* of fine-tuned networks */
    struct elc_joint_memory joint; /* qa, google's head */
    struct elc_buffer words;   /* uint32_t: the first row of each row's word; classify --tokens */
    struct elc_buffer effects; /* double: of the word that begins there, or NaN; the same */
};

/* Where in the pass a text's part is. */
struct elc_score_place {
    size_t text;  /* its number, from 0 */
    size_t token; /* its first row of `texts` */
    size_t row;   /* n_rows of the texts before it */
};

/* A token that could stand at a place. */
struct elc_candidate {
    uint32_t id;
    float p;
};

/* A word and its label. */
struct elc_score_tagged {
    uint32_t label;
    double p;        /* the label's probability */
    bool has_token;  /* else it is outside of everything, and nowhere */
    bool is_settled; /* no later window says otherwise */
    bool second;     /* of the pair */
    bool cut;        /* its characters are these bytes of the whole text */
    uint32_t start, end;
    size_t characters, len; /* or else stand here among the result's characters */
};

/* A span of words that a model gave a type. */
struct elc_entity {
    const char *type;
    size_t type_len;
    struct elc_score_word place; /* its characters, where it is */
    double score;                /* mean over its words of their labels' probabilities */
};

/* Of one text; each task fills its own part. */
struct elc_score_result {
    const float *vector; /* [width] the row of format f32; embed */
    size_t width;
    const double *p;            /* rtd: [n] P(replaced) of each token */
    double score, max;          /* rtd: mean and largest p of the tokens that are not special */
    struct elc_score_word word; /* rtd: the one that has the largest */
    const struct elc_candidate *candidates; /* fill: [n_rows, k], the likeliest first */
    const float *p_original; /* fill: [n_rows], NULL where the text has no `original` */
    size_t k;
    double pll;        /* pll: the sum of the logarithms of each token's probability */
    size_t n_counted;  /* pll: how many these are */
    double perplexity; /* pll: exp(-pll / n_counted) */
    /* classify: [n_labels] probabilities; regress: [n_labels] numbers. */
    const double *values;
    const char *const *labels; /* classify, tag: [n_labels] names */
    size_t n_labels;
    size_t best;           /* classify: the likeliest */
    const double *effects; /* classify --tokens: [n] of the word that begins there, or NaN */
    bool multi_label;      /* classify: those with p > 0.5 apply */
    size_t n_words;        /* tag: struct elc_score_tagged each, in word_buffer */
    const struct elc_entity *entities; /* tag: [n_entities] */
    size_t n_entities;
    struct elc_buffer word_buffer, tag_buffer, entity_buffer;
    struct elc_buffer whole[2];        /* tag: text and pair, out of all windows */
    struct elc_buffer characters;      /* tag: of words that cannot be cut out of those */
    struct elc_answers answers;        /* qa */
    struct elc_buffer numbers, joined; /* what the pointers above point into */
};
void elc_score_result_free(struct elc_score_result *result);
/* `count` numbers of `size` bytes in the result's own memory; NULL: ENOMEM set. */
void *elc_score_numbers(struct elc_score_result *result, size_t count, size_t size) ELC_MUST_CHECK;

struct elc_score_entry {
    const char *name;                   /* as --task and a stream's header have it */
    enum elc_architecture architecture; /* of the network, with the head that it needs */
    /* Is it the task of a network with this config? NULL: of those with that architecture. */
    bool (*fits)(const struct elc_config *config);
    bool masked, replaced; /* reads corrupted streams with [MASK]s, or with replacements, too */
    const char *gold;      /* the key that has the right answers, where that is not `label` */
    bool blank_line;       /* TSV: one follows each text's rows, as it does under --tokens */
    bool windows;          /* all windows of a text have one result, and the first record has it */
    const char *const *keys; /* that results add to a stream's records; the last is NULL */

    /* What of a record the task needs beyond its tokens; NULL: nothing. May set text->rows. An
     * error rejects the record. */
    int (*read)(struct elc_score_text *text, const struct elc_score_limits *limits);
    /* Notes in the pass what `forward` needs of the text that has just been added; NULL: nothing.
     */
    int (*collect)(struct elc_score_pass *pass, const struct elc_score_text *text,
                   const struct elc_score_place *place);
    /* pass->texts (never empty) through the network. */
    int (*forward)(struct elc_score_pass *pass);
    /* The result of one of them; under `windows` called for each in order, and complete with the
     * last. An error rejects the text. */
    int (*compute)(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place);
    /* Floats in a row of format f32; NULL: the task has no such rows. */
    size_t (*width)(const struct elc_scorer *scorer);

    /* TSV: the names of the columns, with their newline; and the rows, each with the id first. */
    int (*names)(struct elc_buffer *out, const struct elc_scorer *scorer);
    int (*tsv)(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result);
    /* JSON Lines: adds to the object that has id and gold; false when out of memory. */
    bool (*json)(json_t *object, const struct elc_scorer *scorer, const struct elc_score_text *text,
                 const struct elc_score_result *result);
    /* Streams: adds `keys` to the record that has the input's others. */
    int (*record)(struct elc_builder *builder, const struct elc_scorer *scorer,
                  const struct elc_score_text *text, const struct elc_score_result *result);
};
extern const struct elc_score_entry elc_score_rtd, elc_score_embed, elc_score_fill, elc_score_pll,
    elc_score_classify, elc_score_regress, elc_score_tag, elc_score_qa;
/* The entry of a task other than AUTO. */
const struct elc_score_entry *elc_score_entry(enum elc_score_task task);

/* ---- what fine-tuned networks have in common (score_head.c) ---- */

/* A row of the head for each text: its first token. For `collect`. */
int elc_score_collect_first(struct elc_score_pass *pass, const struct elc_score_text *text,
                            const struct elc_score_place *place);
/* The same for each of text->rows. */
int elc_score_collect_rows(struct elc_score_pass *pass, const struct elc_score_text *text,
                           const struct elc_score_place *place);
/* pass->variants becomes the texts first … *end - 1, of pass->texts: as many as should go through
 * the network at a time, and one at least. */
int elc_score_part(struct elc_score_pass *pass, size_t first, size_t *end) ELC_MUST_CHECK;
/* pass->outputs [rows collected, num_labels] by encoder and head, of the rows that each of those
 * collects. For `forward`. */
int elc_score_forward_first(struct elc_score_pass *pass);
int elc_score_forward_rows(struct elc_score_pass *pass);
/* p [n] = softmax of logits [n], or ELC_ENUMERIC where one of them is not finite. */
int elc_score_softmax(double *p, const elc_float *logits, size_t n);

/* For `compute` of tasks that have the mean over a text's windows of n numbers: where to put those
 * of this window (NULL: ENOMEM set), and then the means of those so far, in the result's memory. */
double *elc_score_window(struct elc_score_result *result, const struct elc_score_text *text,
                         size_t n) ELC_MUST_CHECK;
const double *elc_score_mean(struct elc_score_result *result, const struct elc_score_text *text,
                             size_t n);

/* ---- formats (score_format.c) ---- */

/* The row of --names. */
int elc_score_format_names(struct elc_buffer *out, const struct elc_scorer *scorer) ELC_MUST_CHECK;
/* A text's result. `builder` is scratch. */
int elc_score_format_result(struct elc_buffer *out, const struct elc_scorer *scorer,
                            const struct elc_score_text *text,
                            const struct elc_score_result *result,
                            struct elc_builder *builder) ELC_MUST_CHECK;
/* A record of a stream that has no result of its own. */
int elc_score_format_bare(struct elc_buffer *out, const struct elc_scorer *scorer,
                          const struct elc_record *record,
                          struct elc_builder *builder) ELC_MUST_CHECK;
/* What stands in the place of the result of a record that was rejected. */
int elc_score_format_rejected(struct elc_buffer *out, const struct elc_scorer *scorer,
                              const struct elc_record *record, unsigned id_width,
                              const char *message, struct elc_builder *builder) ELC_MUST_CHECK;

/* For tasks. TSV (electra/tsv.h): the record's id; a token. */
int elc_tsv_id(struct elc_buffer *out, const struct elc_record *record) ELC_MUST_CHECK;
int elc_tsv_token(struct elc_buffer *out, const struct elc_scorer *scorer,
                  uint32_t id) ELC_MUST_CHECK;
/* JSON values, NULL when out of memory. A number is as %.9g has it, which names every float; one
 * that is not finite is null. Bytes of a text that are not UTF-8 become U+FFFD. */
json_t *elc_score_json_number(double value);
json_t *elc_score_json_text(const char *text, size_t len);
json_t *elc_score_json_token(const struct elc_scorer *scorer, uint32_t id);
/* object[key] = value, which is taken over; false when out of memory. */
bool elc_score_json_set(json_t *object, const char *key, json_t *value);

#endif
