/* Checkpoints: everything a run needs to go on, in directories that are whole or not there.
 *
 *     DIR/checkpoint-N/discriminator/   model directories (directory.h)
 *     DIR/checkpoint-N/generator/
 *     DIR/checkpoint-N/state/optimizer.safetensors     both moments of Adam
 *     DIR/checkpoint-N/state/state.json                step, settings, progress of the run
 *     DIR/checkpoint-N/manifest.json                   size and XXH3-128 of every file above
 *     DIR/latest -> checkpoint-N
 *     DIR/discriminator -> checkpoint-K/discriminator  K: the best or the latest
 *     DIR/generator -> checkpoint-K/generator
 *
 * Where one network is all there is (fine-tuning), its directory is called "model", and DIR itself
 * is a model directory as well:
 *
 *     DIR/model -> checkpoint-K/model
 *     DIR/config.json -> model/config.json, and so on
 *
 * A checkpoint is built under another name, fsynced and renamed; links are replaced atomically.
 */
#ifndef ELECTRA_CHECKPOINT_H
#define ELECTRA_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/config.h"
#include "electra/optimizer.h"
#include "electra/params.h"
#include "electra/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One network of a checkpoint, under training. */
struct elc_checkpoint_network {
    const char *name; /* "discriminator", "generator", "model": the directory */
    const struct elc_config *config;
    struct elc_trained *trained;
};

/* What is saved and loaded. Everything is borrowed. */
struct elc_checkpoint {
    struct elc_checkpoint_network networks[2]; /* those with a trained block */
    const struct elc_vocab *vocab;
    struct elc_tokenizer_id rules; /* its strings, borrowed; NULL: not known */
    uint32_t max_length;
};

/* Writes checkpoint-`step` with `state` (JSON text); no link leads to it yet. An existing one of
 * the same step is replaced. After an error what was there before is as it was. */
int elc_checkpoint_save(const struct elc_checkpoint *checkpoint, const char *directory,
                        uint64_t step, const char *state, size_t state_len) ELC_MUST_CHECK;
/* ELC_EINVAL if something in DIR that is no link, a model's own files say, has a name that
 * elc_checkpoint_publish or elc_checkpoint_publish_model would give to a link: it would be lost. */
int elc_checkpoint_check_names(const struct elc_checkpoint *checkpoint,
                               const char *directory) ELC_MUST_CHECK;
int elc_checkpoint_check_model(const char *directory) ELC_MUST_CHECK;
/* Points DIR/latest at checkpoint-`newest`, the links to the networks into checkpoint-`shown`. */
int elc_checkpoint_publish(const struct elc_checkpoint *checkpoint, const char *directory,
                           uint64_t newest, uint64_t shown) ELC_MUST_CHECK;
/* Points DIR/model at `target`, a model's directory as seen from DIR, and DIR/config.json … into
 * DIR/model. */
int elc_checkpoint_publish_model(const char *directory, const char *target) ELC_MUST_CHECK;
/* Leaves checkpoint-`newest`, those before it until there are `keep`, and `best` (UINT64_MAX:
 * none). Removes all others: older ones, newer ones (damaged, else a run would have gone on from
 * them), and what a killed run left under temporary names. */
int elc_checkpoint_prune(const char *directory, uint64_t newest, size_t keep,
                         uint64_t best) ELC_MUST_CHECK;

/* The step of the newest checkpoint whose manifest verifies. 1 found, 0 there is none, or an error:
 * ELC_EFORMAT when there are checkpoints and all are damaged, another one when it cannot be told
 * whether a checkpoint is. `*damaged` counts newer ones passed over. */
int elc_checkpoint_find(const char *directory, uint64_t *step, size_t *damaged) ELC_MUST_CHECK;
/* Is checkpoint-`step` there, and does its manifest verify? 1, 0, or an error when it cannot be
 * told. */
int elc_checkpoint_is_whole(const char *directory, uint64_t step) ELC_MUST_CHECK;
/* state.json of a checkpoint, appended to `state`. */
int elc_checkpoint_state(const char *directory, uint64_t step,
                         struct elc_buffer *state) ELC_MUST_CHECK;
/* Fills the weights and moments of the networks. */
int elc_checkpoint_load(const struct elc_checkpoint *checkpoint, const char *directory,
                        uint64_t step) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
