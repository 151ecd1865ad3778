/* What a fine-tuning run starts from. */
#include <stdlib.h>
#include <string.h>

#include "electra/directory.h"
#include "electra/file.h"
#include "electra/finetune_run.h"

bool elc_finetune_job_is_joint(const struct elc_finetune_job *job) {
    return job->task == ELC_TASK_QA && job->google;
}

/* Shape, names of classes and vocabulary of a model. */
static int open_model(struct elc_finetune_job *job, const char *init) {
    int err = elc_directory_resolve(&job->init, init, ELC_ENCODER);
    if (err)
        return err;
    char *path = elc_path_join(job->init, "config.json");
    struct elc_map map = {0};
    err = path ? elc_map_open(&map, path) : ELC_ENOMEM;
    if (!err)
        err = elc_config_parse(&job->network, (const char *)map.data, map.len, path);
    if (!err)
        err = elc_labels_parse(&job->labels, (const char *)map.data, map.len, path);
    elc_map_close(&map);
    free(path);
    if (!err)
        err = elc_vocab_read(&job->vocab, job->init);
    if (err)
        return err;
    const uint64_t size = elc_vocab_id(job->vocab)->size;
    if (size > job->network.vocab_size)
        return elc_fail(ELC_EMISMATCH,
                        "%s: its vocabulary has %llu tokens, its configuration says %u", job->init,
                        (unsigned long long)size, job->network.vocab_size);
    job->network.labels = job->labels.names;
    elc_finetune_config_default(&job->config, &job->network, true);
    return 0;
}

/* Shape and training of a configuration, and the vocabulary. */
static int open_shape(struct elc_finetune_job *job, const char *config, const char *vocab) {
    int err = elc_finetune_config_read(&job->config, &job->network, config,
                                       elc_finetune_job_is_joint(job));
    if (!err)
        err = elc_vocab_read(&job->vocab, vocab);
    if (err)
        return err;
    const struct elc_vocab_id *id = elc_vocab_id(job->vocab);
    job->network.architecture = ELC_ENCODER;
    job->network.vocab_size = (uint32_t)id->size;
    job->network.pad_token_id = id->pad;
    return 0;
}

int elc_finetune_job_open(struct elc_finetune_job *job, const char *init, const char *config,
                          const char *vocab) {
    int err = init ? open_model(job, init) : open_shape(job, config, vocab);
    if (err)
        return err;
    if (job->google && job->task == ELC_TASK_TAG && (init || job->network.classifier_dropout < 0))
        job->network.classifier_dropout = 0; /* transformers' class, without its dropout */
    return 0;
}

int elc_finetune_job_set(struct elc_finetune_job *job, const char *const *overrides,
                         size_t n_overrides) {
    return elc_finetune_config_set(&job->config, &job->network, overrides, n_overrides,
                                   elc_finetune_job_is_joint(job));
}

void elc_finetune_job_free(struct elc_finetune_job *job) {
    free(job->init);
    elc_labels_free(&job->labels);
    elc_vocab_destroy(job->vocab);
    *job = (struct elc_finetune_job){0};
}

struct elc_recipe elc_finetune_recipe(const struct elc_finetune_config *config) {
    return (struct elc_recipe){
        .batch_size = config->train_batch_size,
        .learning_rate = config->learning_rate,
        .decay_power = config->lr_decay_power,
        .warmup = config->warmup_proportion,
        .adam = {config->adam_beta1, config->adam_beta2, config->adam_epsilon,
                 config->weight_decay_rate, config->adam_bias_correction,
                 config->layerwise_lr_decay},
        .max_grad_norm = config->max_grad_norm,
    };
}
