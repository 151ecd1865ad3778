/* What fine-tuning is configured by, with google-research/electra's names (electra.md 2.1). */
#ifndef ELECTRA_FINETUNE_CONFIG_H
#define ELECTRA_FINETUNE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/config.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ELC_FINETUNE_BATCH = 32 };

struct elc_finetune_config {
    double learning_rate;      /* 3e-4; 1e-4 from a width of 512 on, 5e-5 from 1024 on */
    double layerwise_lr_decay; /* 0.8; 0.9 from 24 layers on; 1, none, for a network that was not
                                  trained before */
    double weight_decay_rate;  /* 0.01 */
    double warmup_proportion;  /* 0.1 of the steps */
    uint64_t train_batch_size; /* 0: ELC_FINETUNE_BATCH, or all texts if there are fewer */
    double lr_decay_power;     /* 1.0 */
    double adam_beta1, adam_beta2, adam_epsilon; /* .9 .999 1e-6 */
    bool adam_bias_correction;                   /* false */
    double max_grad_norm;                        /* 1.0 */
    /* The gradient of a step is that of the sum of its items' losses, so that max_grad_norm cuts
     * nearly every one; else of their mean. (Reported are means in any case.) */
    bool sum_loss;            /* true */
    double answerable_weight; /* 0.5: in the loss of google's head for questions,
                                 ELC_GOOGLE_ANSWERER, and a key of that alone: `joint` below */
};
/* The defaults for a network, trained before or not. */
void elc_finetune_config_default(struct elc_finetune_config *config,
                                 const struct elc_config *network, bool trained);
/* Shape and training of a network that was not trained before. `name` is nano, small, base or
 * large, of which it is the shape; or the path of a flat JSON file with any of the members above
 * and of the network's keys (elc_pretrain_config_read, and classifier_dropout). What a file leaves
 * out is as in small. Unknown keys, those of pre-training alone among them, are refused by name:
 * ELC_EFORMAT. */
int elc_finetune_config_read(struct elc_finetune_config *config, struct elc_config *network,
                             const char *name, bool joint) ELC_MUST_CHECK;
/* Applies "key=value" overrides of the members above and of the network's dropout
 * (hidden_dropout_prob, attention_probs_dropout_prob, classifier_dropout). ELC_EINVAL names an
 * unknown key, and a value that will not do. */
int elc_finetune_config_set(struct elc_finetune_config *config, struct elc_config *network,
                            const char *const *overrides, size_t n_overrides,
                            bool joint) ELC_MUST_CHECK;
/* All members as one flat JSON object, appended to `json`. */
int elc_finetune_config_format(const struct elc_finetune_config *config, bool joint,
                               struct elc_buffer *json) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
