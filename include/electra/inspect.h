/* What a directory holds that programs take as a model: one network, or a run of electra-train. */
#ifndef ELECTRA_INSPECT_H
#define ELECTRA_INSPECT_H

#include "electra/describe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A new object, to be freed with json_decref: elc_model_describe of a model directory; of a
 * directory of electra-train what its newest whole checkpoint says of the run, with the published
 * networks as "discriminator" and "generator"; of one checkpoint its networks.
 *
 * 0, or 1 where newer checkpoints are damaged: the object then says how many, and elc_error() what
 * is wrong with one of them. */
int elc_inspect(struct json_t **object, const char *path,
                const struct elc_describe_options *options) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
