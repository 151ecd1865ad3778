/* Configuration: the shapes of one encoder with its head, as Hugging Face's config.json has it. */
#ifndef ELECTRA_CONFIG_H
#define ELECTRA_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/memory.h"
#include "electra/stream.h"
#include "electra/tensor.h"
#include "electra/vocab.h" /* ELC_VOCAB_LIMIT */

#ifdef __cplusplus
extern "C" {
#endif

/* Which network a directory holds, from `architectures`. The heads of transformers' classes are
 * loaded by it; for the last three it has no class, and does not know their names: two are
 * google-research/electra's, one is BERT's on top of an ELECTRA. (google-research's tagger is
 * ElectraForTokenClassification with a classifier_dropout of 0.) */
enum elc_architecture {
    ELC_ENCODER,             /* ElectraModel: no head */
    ELC_DISCRIMINATOR,       /* ElectraForPreTraining */
    ELC_GENERATOR,           /* ElectraForMaskedLM */
    ELC_SEQUENCE_CLASSIFIER, /* ElectraForSequenceClassification: num_labels numbers for a text */
    ELC_TOKEN_CLASSIFIER,    /* ElectraForTokenClassification: num_labels numbers for a token */
    ELC_QUESTION_ANSWERER,   /* ElectraForQuestionAnswering: start and end for a token */
    ELC_GOOGLE_CLASSIFIER,   /* GoogleElectraForSequenceClassification: one linear layer */
    ELC_GOOGLE_ANSWERER,     /* GoogleElectraForQuestionAnswering: end given start, answerability */
    ELC_BERT_CLASSIFIER,     /* BertElectraForSequenceClassification: a pooler, a linear layer */
};

/* `problem_type`: what the outputs of a sequence classifier are. */
enum elc_problem {
    ELC_PROBLEM_UNSET,      /* null: regression for one label, else single-label */
    ELC_PROBLEM_REGRESSION, /* numbers as they are */
    ELC_PROBLEM_SINGLE,     /* "single_label_classification": softmax */
    ELC_PROBLEM_MULTI,      /* "multi_label_classification": a sigmoid for each */
};

/* Bounds that hold before anything is computed or allocated from a config. */
enum {
    ELC_HIDDEN_LIMIT = 8192,
    ELC_INTERMEDIATE_LIMIT = 8 * ELC_HIDDEN_LIMIT,
    ELC_LAYERS_LIMIT = 128,
    ELC_POSITIONS_LIMIT = 65535,
    ELC_TYPES_LIMIT = 256,
    ELC_LABELS_LIMIT = 65535,
};

enum { ELC_ANSWERER_WIDTH = 512 }; /* of the inner layers of ELC_GOOGLE_ANSWERER */

struct elc_config {
    enum elc_architecture architecture;
    uint32_t vocab_size;
    uint32_t embedding_size;
    uint32_t hidden_size;
    uint32_t num_hidden_layers;
    uint32_t num_attention_heads;
    uint32_t intermediate_size;
    uint32_t max_position_embeddings;
    uint32_t type_vocab_size;
    enum elc_activation hidden_act;
    double hidden_dropout_prob;
    double attention_probs_dropout_prob;
    double layer_norm_eps;
    double initializer_range;
    uint32_t pad_token_id;

    /* Of fine-tuned networks. */
    uint32_t num_labels;       /* outputs of a classifier; 2 for an answerer */
    const char *const *labels; /* [num_labels] names (id2label), borrowed; NULL: LABEL_0, … */
    enum elc_problem problem_type;
    double classifier_dropout; /* below 0: null, which is hidden_dropout_prob */

    /* What made the network, oldest first, as in a stream's header: written into config.json where
     * it is known, never read from there. Borrowed. */
    const struct elc_history_entry *history; /* [n_history] */
    size_t n_history;
};

/* The defaults of transformers' ElectraConfig (= the small discriminator): of missing keys. */
void elc_config_default(struct elc_config *config);
/* ELC_EINVAL "'hidden_size' …" unless all fields are in bounds and the heads divide the width. */
int elc_config_check(const struct elc_config *config) ELC_MUST_CHECK;
/* Reads a config.json; `name` is for messages. Unknown keys are ignored (transformers writes
 * many); a model_type other than "electra", a position_embedding_type other than "absolute" and an
 * unknown hidden_act or architecture are refused by name. num_labels is the number of id2label's
 * names, else of the key `num_labels`, else 2; `labels` is left NULL, see elc_labels_parse. */
int elc_config_parse(struct elc_config *config, const char *json, size_t len,
                     const char *name) ELC_MUST_CHECK;
int elc_config_read(struct elc_config *config, const char *path) ELC_MUST_CHECK;
/* The config.json that transformers reads, appended to `json`. */
int elc_config_format(const struct elc_config *config, struct elc_buffer *json) ELC_MUST_CHECK;
const char *elc_architecture_name(enum elc_architecture architecture);
/* Does the network give `num_labels` numbers for a text? */
bool elc_architecture_is_classifier(enum elc_architecture architecture);
/* Has the network `num_labels` outputs that have names? */
bool elc_architecture_has_labels(enum elc_architecture architecture);
/* What dropout a fine-tuned network's head has: classifier_dropout, or what stands for it. */
double elc_head_dropout(const struct elc_config *config);

/* The names of classes in a config.json. A zeroed struct has none. */
struct elc_labels {
    const char *const *names; /* [n] by number; NULL where the file has no id2label */
    size_t n;
    struct elc_arena arena;
};
/* `name` is for messages. ELC_EFORMAT unless id2label, where there is one, is an object that names
 * each class from 0 on. */
int elc_labels_parse(struct elc_labels *labels, const char *json, size_t len,
                     const char *name) ELC_MUST_CHECK;
int elc_labels_read(struct elc_labels *labels, const char *path) ELC_MUST_CHECK;
void elc_labels_free(struct elc_labels *labels); /* idempotent */

/* Both networks and what pre-training does with them. The discriminator's keys are Hugging Face's,
 * the rest google-research/electra's. */
struct elc_pretrain_config {
    struct elc_config discriminator;
    struct elc_config generator;
    double mask_prob;          /* 0.15 */
    double temperature;        /* 1.0: of sampling */
    double gen_weight;         /* 1.0 */
    double disc_weight;        /* 50.0 */
    double token_weight;       /* 1.0: of the discriminator's loss where it predicts tokens */
    bool untied_generator;     /* true; false: one network with two heads, as large as the
                                  discriminator */
    bool untied_generator_embeddings; /* false; true: it has its own, as wide as its layers */
    double learning_rate;      /* 5e-4 */
    double weight_decay_rate;  /* 0.01 */
    uint64_t num_warmup_steps; /* 10000 */
    uint64_t train_batch_size; /* 128 */
    uint32_t max_seq_length;   /* 128: sets the default of a tokens stream's length */
    double lr_decay_power;     /* 1.0 */
    double adam_beta1, adam_beta2, adam_epsilon; /* .9 .999 1e-6 */
    bool adam_bias_correction;                   /* false */
    double max_grad_norm;                        /* 1.0 */
};
/* `name` is nano, small, base or large, or the path of a flat JSON file with any of
 * the keys; unknown keys are refused by name. vocab_size is left 0 for the caller to set.
 * Generator: hidden = round(hidden · generator_hidden_size), layers = round(layers ·
 * generator_layers), FFN = 4·hidden, heads = max(1, hidden // 64) unless given as generator_….
 * Its embeddings are as wide as the discriminator's, which it shares, unless they are untied. */
int elc_pretrain_config_read(struct elc_pretrain_config *config, const char *name) ELC_MUST_CHECK;
/* Is it one of those names? */
bool elc_pretrain_config_is_preset(const char *name);
/* The same with "key=value" overrides applied before the generator's shape is derived. */
int elc_pretrain_config_build(struct elc_pretrain_config *config, const char *name,
                              const char *const *overrides, size_t n_overrides) ELC_MUST_CHECK;

/* A configuration around a discriminator that is there already: its shape and dropout, the training
 * of `small`, and the overrides. */
int elc_pretrain_config_adopt(struct elc_pretrain_config *config,
                              const struct elc_config *discriminator, const char *const *overrides,
                              size_t n_overrides) ELC_MUST_CHECK;

/* All of it as one flat JSON object, appended to `json`: the shapes of both networks (the
 * generator's with "generator_" in front) and the rest. What a checkpoint keeps. */
int elc_pretrain_config_format(const struct elc_pretrain_config *config,
                               struct elc_buffer *json) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
