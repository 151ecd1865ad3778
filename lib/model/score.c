/* The scorer's model, and whether a stream fits it. */
#include "electra/score.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/tokenize.h"
#include "score.h"

/* ---- the model ---- */

/* The network that a directory of electra-train is known for. */
static int resolve(char **directory, const char *path) {
    if (elc_directory_resolve(directory, path, ELC_DISCRIMINATOR) == 0 ||
        elc_directory_resolve(directory, path, ELC_GENERATOR) == 0)
        return 0;
    return elc_directory_resolve(directory, path, ELC_DISCRIMINATOR);
}

/* config.json of the network that the model is known for. */
static int read_config(struct elc_config *config, const char *model) {
    char *directory = NULL, *path = NULL;
    int err = resolve(&directory, model);
    if (!err && !(path = elc_path_join(directory, "config.json")))
        err = ELC_ENOMEM;
    if (!err)
        err = elc_config_read(config, path);
    free(path);
    free(directory);
    return err;
}

static bool is_for(const struct elc_score_entry *task, const struct elc_config *config) {
    return task->fits ? task->fits(config) : task->architecture == config->architecture;
}

/* What the model is made for: the first task that fits it. */
static int default_task(enum elc_score_task *task, const char *model) {
    struct elc_config config;
    int err = read_config(&config, model);
    *task = ELC_SCORE_RTD;
    while (!err && elc_score_entry(*task) && !is_for(elc_score_entry(*task), &config))
        ++*task;
    return err || elc_score_entry(*task) ? err
                                         : elc_fail(ELC_EMISMATCH, "%s: no task is for %s", model,
                                                    elc_architecture_name(config.architecture));
}

/* An option of one task that was given to another. */
static int check_options_of_tasks(const struct elc_score_options *options) {
    const struct {
        const char *name;
        enum elc_score_task task;
        bool given;
    } of_tasks[] = {
        {"--pool", ELC_SCORE_EMBED, options->mean},
        {"--normalize", ELC_SCORE_EMBED, options->normalize},
        {"--top-k", ELC_SCORE_FILL, options->top_k != 1},
        {"--n-best", ELC_SCORE_QA, options->n_best != ELC_SCORE_N_BEST},
        {"--max-answer", ELC_SCORE_QA, options->max_answer != ELC_SCORE_MAX_ANSWER},
        {"--null-threshold", ELC_SCORE_QA, options->has_threshold},
        {"--always-answer", ELC_SCORE_QA, options->always_answer},
    };
    for (size_t i = 0; i < sizeof of_tasks / sizeof *of_tasks; i++)
        if (of_tasks[i].given && of_tasks[i].task != options->task)
            return elc_fail(ELC_EINVAL, "%s is for task %s", of_tasks[i].name,
                            elc_score_entry(of_tasks[i].task)->name);
    return 0;
}

static int check_options(const struct elc_score_options *options) {
    if (options->format == ELC_SCORE_F32 && !elc_score_entry(options->task)->width)
        return elc_fail(ELC_EINVAL, "--format f32 is for task embed");
    if (options->names && options->format != ELC_SCORE_TSV)
        return elc_fail(ELC_EINVAL, "--names is for --format tsv");
    if (options->tokens && options->task != ELC_SCORE_RTD && options->task != ELC_SCORE_CLASSIFY)
        return elc_fail(ELC_EINVAL, "--tokens is for tasks rtd and classify");
    if (options->tokens && options->task == ELC_SCORE_CLASSIFY &&
        options->format == ELC_SCORE_STREAM)
        return elc_fail(ELC_EINVAL, "--tokens of task classify is for --format tsv and jsonl");
    return check_options_of_tasks(options);
}

/* The architecture to load: the task's, or whichever of those that fit it the model has. */
static int choose_architecture(enum elc_architecture *wanted, const struct elc_scorer *scorer) {
    struct elc_config config;
    *wanted = scorer->task->architecture;
    if (!scorer->task->fits)
        return 0;
    int err = read_config(&config, scorer->path);
    if (err)
        return err;
    if (!scorer->task->fits(&config))
        return elc_fail(ELC_EMISMATCH, "%s: holds %s, which is not for task %s", scorer->path,
                        elc_architecture_name(config.architecture), scorer->task->name);
    *wanted = config.architecture;
    return 0;
}

/* The names of a fine-tuned network's outputs, as transformers calls those without any. */
static int name_outputs(struct elc_scorer *scorer) {
    const size_t n = scorer->network.config.num_labels;
    if (!elc_architecture_has_labels(scorer->network.config.architecture))
        return 0;
    scorer->labels = scorer->network.config.labels;
    const char **labels =
        scorer->labels ? NULL : elc_arena_alloc(&scorer->arena, n * sizeof *labels);
    if (scorer->labels || !labels)
        return scorer->labels ? 0 : ELC_ENOMEM;
    scorer->labels = labels;
    for (size_t i = 0; i < n; i++) {
        char name[32];
        int len = snprintf(name, sizeof name, "LABEL_%zu", i);
        if (!(labels[i] = elc_arena_text(&scorer->arena, name, (size_t)len)))
            return ELC_ENOMEM;
    }
    return 0;
}

static int load(struct elc_scorer *scorer) {
    enum elc_architecture wanted;
    int err = choose_architecture(&wanted, scorer);
    if (!err)
        err = elc_network_load(&scorer->network, scorer->path, wanted);
    if (!err)
        err = name_outputs(scorer);
    if (!scorer->options.has_threshold)
        scorer->options.null_threshold =
            elc_answers_threshold(scorer->network.config.architecture == ELC_GOOGLE_ANSWERER);
    if (!err)
        err = elc_weights_of_network(&scorer->weights, &scorer->network);
    if (!err)
        err = elc_weights_pack(&scorer->weights);
    if (!err)
        err = elc_vocab_read(&scorer->vocab, scorer->network.path);
    if (err)
        return err;
    uint64_t size = elc_vocab_id(scorer->vocab)->size;
    if (size > scorer->network.config.vocab_size)
        return elc_fail(
            ELC_EMISMATCH, "%s: its vocabulary has %llu tokens, its configuration says %u",
            scorer->network.path, (unsigned long long)size, scorer->network.config.vocab_size);
    return 0;
}

int elc_scorer_new(struct elc_scorer **scorer_out, const char *path,
                   const struct elc_score_options *options) {
    struct elc_scorer *scorer = calloc(1, sizeof *scorer);
    if (!scorer)
        return elc_fail_memory(sizeof *scorer);
    scorer->options = *options;
    scorer->path = strdup(path);
    int err = scorer->path ? 0 : elc_fail_memory(strlen(path));
    if (!err && options->task == ELC_SCORE_AUTO)
        err = default_task(&scorer->options.task, path);
    if (!err)
        err = check_options(&scorer->options);
    if (!err) {
        scorer->task = elc_score_entry(scorer->options.task);
        err = load(scorer);
    }
    if (err)
        elc_scorer_destroy(scorer);
    else
        *scorer_out = scorer;
    return err;
}

void elc_scorer_destroy(struct elc_scorer *scorer) {
    if (!scorer)
        return;
    elc_vocab_destroy(scorer->vocab);
    elc_weights_free(&scorer->weights);
    elc_network_free(&scorer->network);
    elc_arena_free(&scorer->arena);
    free(scorer->path);
    free(scorer);
}

const char *elc_scorer_hash(const struct elc_scorer *scorer) {
    return scorer->network.hash;
}

bool elc_scorer_is_binary(const struct elc_scorer *scorer) {
    return scorer->options.format == ELC_SCORE_STREAM || scorer->options.format == ELC_SCORE_F32;
}

/* ---- a stream that fits the model ---- */

/* Tokens, or what the task wants to have been done to them. */
static int check_kind(const struct elc_score_entry *task, const struct elc_header *header,
                      const char *name) {
    if (header->kind == ELC_TOKENS)
        return 0;
    const bool masked = header->method && strcmp(header->method, "mask") == 0;
    if (header->kind == ELC_CORRUPTED && (masked ? task->masked : task->replaced))
        return 0;
    if (header->kind == ELC_CORRUPTED && (task->masked || task->replaced))
        return elc_fail(ELC_EMISMATCH, "%s: a corrupted stream with %s; task %s reads %s", name,
                        masked ? "[MASK]s" : "replacements", task->name,
                        masked ? "replacements" : "[MASK]s");
    return elc_fail(ELC_EMISMATCH, "%s: a %s stream; a tokens stream is needed", name,
                    elc_kind_name(header->kind));
}

int elc_scorer_check_header(const struct elc_scorer *scorer, const struct elc_header *header,
                            const char *name) {
    const struct elc_config *config = &scorer->network.config;
    int err = check_kind(scorer->task, header, name);
    if (!err)
        err =
            elc_header_check_vocab(header, name, elc_vocab_id(scorer->vocab), scorer->network.path);
    if (!err)
        err = elc_tokenizer_options_check(scorer->network.path, &header->tokenizer, name);
    if (!err && header->max_length > config->max_position_embeddings)
        err = elc_fail(ELC_EMISMATCH,
                       "%s has texts of up to %u tokens, but %s has %u positions "
                       "(electra-tokenize --max-length %u)",
                       name, header->max_length, scorer->network.path,
                       config->max_position_embeddings, config->max_position_embeddings);
    return err;
}
