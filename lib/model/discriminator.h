/* The discriminator's head (discriminator_predictions): logit = w·gelu(W·h + b) + b'. */
#ifndef ELECTRA_MODEL_DISCRIMINATOR_H
#define ELECTRA_MODEL_DISCRIMINATOR_H

#include "activations.h"

/* logits from hidden. */
int elc_discriminator_head(struct elc_pass *pass);
/* From d_logits [T] to the head's gradients and to d_hidden, which is set, or added to where
 * another head has set it already. */
enum elc_d_hidden { ELC_SET_D_HIDDEN, ELC_ADD_D_HIDDEN };
int elc_discriminator_head_backward(struct elc_pass *pass, const elc_float *d_logits,
                                    enum elc_d_hidden mode);

#endif
