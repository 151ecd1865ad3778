/* The discriminator's head (discriminator_predictions): logit = w·gelu(W·h + b) + b'. */
#ifndef ELECTRA_MODEL_DISCRIMINATOR_H
#define ELECTRA_MODEL_DISCRIMINATOR_H

#include "activations.h"

/* logits from hidden. */
int elc_discriminator_head(struct elc_pass *pass);
/* From d_logits [T] to d_hidden and the head's gradients. */
int elc_discriminator_head_backward(struct elc_pass *pass, const elc_float *d_logits);

#endif
