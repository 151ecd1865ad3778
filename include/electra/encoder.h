/* The encoder and its two pre-training heads: weights by name, and the forward passes that score.
 *
 *     struct elc_network network;                        (directory.h)
 *     struct elc_weights weights;
 *     struct elc_workspace workspace = {0};               one for each worker
 *     elc_network_load(&network, path, ELC_DISCRIMINATOR);
 *     elc_weights_of_network(&weights, &network);
 *     while (…) {
 *         elc_batch_clear(&batch); elc_batch_add(&batch, …); …
 *         elc_discriminator_forward(&logits, &workspace, &weights, &batch);   logits[t], t < T
 *     }
 *
 * A text's results have the same bits whatever else is in its batch and however many threads
 * work (elc_encoder_forward on one batch by a team, or on several batches side by side).
 * electra.md 1.5 in one line: BERT's post-LayerNorm encoder, with a projection between
 * embeddings and layers when their widths differ.
 */
#ifndef ELECTRA_ENCODER_H
#define ELECTRA_ENCODER_H

#include "electra/batch.h"
#include "electra/config.h"
#include "electra/directory.h"
#include "electra/parallel.h"
#include "electra/params.h"
#include "electra/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- weights ---- */

struct elc_linear {
    elc_float *weight; /* [out, in] */
    elc_float *bias;   /* [out] */
};
struct elc_norm {
    elc_float *weight, *bias; /* gamma and beta of a LayerNorm */
};
struct elc_embeddings {
    elc_float *word;     /* [V, E] */
    elc_float *position; /* [P, E] */
    elc_float *type;     /* [types, E] */
    struct elc_norm norm;
};
struct elc_layer {
    struct elc_linear query, key, value; /* [H, H] */
    struct elc_linear attention_output;  /* [H, H] */
    struct elc_norm attention_norm;
    struct elc_linear intermediate; /* [F, H] */
    struct elc_linear output;       /* [H, F] */
    struct elc_norm output_norm;
};
struct elc_discriminator_head {         /* discriminator_predictions */
    struct elc_linear dense;            /* [H, H] */
    struct elc_linear dense_prediction; /* [1, H] */
};
struct elc_generator_head {  /* generator_predictions, generator_lm_head */
    struct elc_linear dense; /* [E, H] */
    struct elc_norm norm;
    elc_float *bias; /* [V]; the matrix is embeddings.word */
};
/* Of the fine-tuned architectures (params.h has their names). */
struct elc_task_head {
    struct elc_linear dense;  /* ELC_SEQUENCE_CLASSIFIER, ELC_BERT_CLASSIFIER: [H, H] */
    struct elc_linear output; /* [n, H]; of ELC_GOOGLE_ANSWERER: start [1, H] */
    struct elc_linear end_dense, end_output; /* ELC_GOOGLE_ANSWERER: [512, 2H], [1, 512] */
    struct elc_linear answerable_dense, answerable_output; /* the same */
};

/* Pointers to the tensors of one network: its weights or, in the same shape, their gradients.
 * The numbers belong to someone else. Forward passes only read them, so they may well lie in a
 * read-only map. Pointers of tensors that the network has not are NULL. */
struct elc_weights {
    struct elc_config config;
    struct elc_embeddings embeddings;
    struct elc_linear project; /* embeddings_project [H, E], when E ≠ H */
    struct elc_layer *layers;  /* [num_hidden_layers] */
    struct elc_discriminator_head discriminator;
    struct elc_generator_head generator;
    struct elc_task_head task;
    struct elc_packed *packed; /* opaque; NULL without elc_weights_pack */
};
/* Names the tensors of `table` that start at `block`. What a generator in pre-training leaves out
 * of its table (elc_sharing) are those of `owner`, which stays alive; else `owner` may be NULL.
 * ELC_EMISMATCH names a tensor that is missing, or that the two networks cannot share. */
int elc_weights_of_block(struct elc_weights *weights, const struct elc_config *config,
                         const struct elc_table *table, elc_float *block,
                         const struct elc_weights *owner) ELC_MUST_CHECK;
/* The same for a loaded network, whose tensors may lie anywhere. */
int elc_weights_of_network(struct elc_weights *weights,
                           const struct elc_network *network) ELC_MUST_CHECK;
/* Copies the layers' matrices into the layout that products want (tensor.h), as large as they are
 * again: for weights that stay the same while many batches are scored. Results keep their bits. */
int elc_weights_pack(struct elc_weights *weights) ELC_MUST_CHECK;
/* The pointers and what was packed, not the numbers; idempotent. */
void elc_weights_free(struct elc_weights *weights);

/* ---- forward passes without dropout ---- */

/* Memory of forward passes, reused from call to call: about 6·H numbers for each token of the
 * largest batch, and some tiles. One for each thread that works on batches of its own. A zeroed
 * struct is empty; set `pool` to have one batch worked on by a team. */
struct elc_workspace {
    struct elc_pool *pool;               /* NULL: the calling thread alone */
    struct elc_activations *activations; /* opaque; made at the first call */
    struct elc_profile *profile;         /* of the calling thread; NULL: the pool's, or none */
};
void elc_workspace_free(struct elc_workspace *workspace); /* idempotent; leaves the pool */

/* ELC_EMISMATCH, naming the text and the number, unless every id, type and position of the batch
 * is in the network's tables. The passes below call it. */
int elc_batch_check(const struct elc_batch *batch, const struct elc_config *config) ELC_MUST_CHECK;

/* (*hidden)[T, H]: the last layer's output. It and the results below live in the workspace until
 * its next use. */
int elc_encoder_forward(const elc_float **hidden, struct elc_workspace *workspace,
                        const struct elc_weights *weights,
                        const struct elc_batch *batch) ELC_MUST_CHECK;

/* (*hidden)[S, H]: the same of each text's first token, [CLS], alone, for which the last layer has
 * less to do. */
int elc_encoder_forward_first(const elc_float **hidden, struct elc_workspace *workspace,
                              const struct elc_weights *weights,
                              const struct elc_batch *batch) ELC_MUST_CHECK;

/* (*logits)[T]: the encoder and the discriminator's head; above 0: replaced. */
int elc_discriminator_forward(const elc_float **logits, struct elc_workspace *workspace,
                              const struct elc_weights *weights,
                              const struct elc_batch *batch) ELC_MUST_CHECK;

/* (*logits)[n_rows, V]: the generator's head over hidden states at the rows named, which are rows
 * of the last elc_encoder_forward with this workspace and these weights. It takes n_rows·V numbers
 * of memory: go through many rows in chunks. */
int elc_generator_logits(const elc_float **logits, struct elc_workspace *workspace,
                         const struct elc_weights *weights, const uint32_t *rows,
                         size_t n_rows) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
