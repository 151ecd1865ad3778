/* Replacements by a trained generator: for electra-corrupt what pre-training does in its steps.
 *
 * The generator reads each text as electra-corrupt --method mask shows it and fills every masked
 * position, also those that show their own token, with a token drawn from
 * softmax(logits / temperature) by the inverse of its distribution function at a uniform number
 * (nn.h: elc_cross_entropy_row). In pre-training these numbers are named by the step and the text's
 * place in its batch; here, as masks are, by the epoch and the ids of the text.
 */
#ifndef ELECTRA_REPLACE_H
#define ELECTRA_REPLACE_H

#include "electra/corrupt.h"
#include "electra/encoder.h"

#ifdef __cplusplus
extern "C" {
#endif

struct elc_generator_replacer;
/* `path`: a generator's directory, or one of electra-train. `n_workers`: how many threads will draw
 * at once. ELC_EMISMATCH for another network, or one whose vocabulary does not fit it; ELC_EINVAL
 * for a temperature that is not above 0. */
int elc_generator_replacer_new(struct elc_generator_replacer **replacer, const char *path,
                               double temperature, size_t n_workers) ELC_MUST_CHECK;
void elc_generator_replacer_destroy(struct elc_generator_replacer *replacer); /* NULL: nothing */
/* For elc_corruption; borrowed. */
struct elc_replacer *elc_generator_replacer(struct elc_generator_replacer *replacer);
/* XXH3-128 of the generator, in hexadecimal (elc_network); borrowed. */
const char *elc_generator_replacer_hash(const struct elc_generator_replacer *replacer);

/* Positions of a batch that are to be filled. */
struct elc_fill {
    const uint32_t *rows;      /* [n] of the batch */
    const uint32_t *originals; /* [n] */
    const double *uniforms;    /* [n] in [0, 1): what draws each token */
    size_t n;
    size_t n_tokens; /* of the vocabulary: the network may know more, which are never drawn */
    double temperature;
    bool never_original; /* draw among all other tokens */
};
/* sampled[n], from a batch that shows [MASK] where the generator is to see it. ELC_ENUMERIC when
 * the network's output is not finite. */
int elc_fill_sample(uint32_t *sampled, struct elc_workspace *workspace,
                    const struct elc_weights *weights, const struct elc_batch *batch,
                    const struct elc_fill *fill) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
