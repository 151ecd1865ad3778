/* What a pre-training step costs, counted in two ways. */
#ifndef ELECTRA_FLOPS_H
#define ELECTRA_FLOPS_H

#include <stdint.h>

#include "electra/config.h"
#include "electra/pretrain.h"

#ifdef __cplusplus
extern "C" {
#endif

/* FLOPs of `n_sequences` training examples of `length` tokens by the count of
 * google-research/electra's flops_computation.py, on which the paper's figures rest: a
 * multiply-add is 2, look-ups are dense products, the backward pass costs as much as the
 * forward, 15.625 % of the positions get logits. For comparison with the paper. The
 * configuration is that of the objective (elc_objective_shape). */
double elc_flops_paper(const struct elc_pretrain_config *config, enum elc_objective objective,
                       uint64_t length, double n_sequences);

/* Floating-point operations of the matrix products that such a step really does: forward once,
 * backward twice, logits where they are needed only, attention over each text's own length.
 * `squares` is the sum of the squares of the texts' lengths. */
double elc_flops_real(const struct elc_pretrain_config *config, enum elc_objective objective,
                      uint64_t n_tokens, double squares, uint64_t n_masked);

/* The same of an encoder alone, as fine-tuning trains it: heads are too small to count. */
double elc_flops_encoder(const struct elc_config *config, uint64_t n_tokens, double squares);

#ifdef __cplusplus
}
#endif
#endif
