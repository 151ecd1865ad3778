/* From a foreign checkpoint to a model directory. */
#include "electra/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "electra/directory.h"
#include "electra/parse.h"
#include "electra/staging.h"
#include "electra/version.h"
#include "foreign.h"
#include "load.h"

const char *elc_convert_format_name(enum elc_convert_format format) {
    static const char *const names[] = {
        [ELC_FORMAT_SAFETENSORS] = "safetensors",
        [ELC_FORMAT_PYTORCH] = "PyTorch",
        [ELC_FORMAT_FLAX] = "Flax",
        [ELC_FORMAT_TENSORFLOW] = "TensorFlow",
    };
    return names[format];
}

/* What all networks of a source have in common. */
struct work {
    const char *source;
    struct elc_conversion *conversion;
    const struct elc_convert_options *options;
    struct elc_foreign foreign;
    bool *used; /* for each tensor: by a network that has been written */
    struct elc_vocab *vocab;
    struct elc_tokenizer_options rules; /* strip_accents is 0 or 1 */
    char hash[33];                      /* XXH3-128 of the bytes of the files read */
};

static int note(struct elc_buffer *names, const char *name) {
    return elc_buffer_append(names, name, strlen(name) + 1);
}

/* ---- text ---- */

/* Does the vocabulary tell capital letters? Special tokens, in brackets, do not count. */
static bool has_capitals(const struct elc_vocab *vocab) {
    const size_t n = (size_t)elc_vocab_id(vocab)->size;
    for (size_t id = 0; id < n; id++) {
        size_t len;
        const char *token = elc_vocab_token(vocab, (uint32_t)id, &len);
        for (size_t i = 0; token[0] != '[' && i < len; i++)
            if (token[i] >= 'A' && token[i] <= 'Z')
                return true;
    }
    return false;
}

/* Does it speak of rules for text: a tokenizer.json, or a directory with the files that do? */
static bool has_rules(const char *path) {
    return elc_ends_with(path, ".json") || elc_path_exists(path, "tokenizer.json") ||
           elc_path_exists(path, "tokenizer_config.json");
}

/* Rules that transformers has no words for in tokenizer_config.json must be its own. */
static int check_rules(const struct elc_tokenizer_options *rules, const char *path) {
    const uint32_t word_chars = elc_tokenizer_options_id(rules).word_chars;
    if (rules->keep_controls)
        return elc_fail(ELC_EMISMATCH, "%s: 'clean_text' false is not supported", path);
    if (word_chars > 0)
        return elc_fail(ELC_EMISMATCH,
                        "%s: 'max_input_chars_per_word' %u is not supported, only %d", path,
                        word_chars, rules->google ? 200 : 100);
    return 0;
}

/* Where there is a vocab.txt and a tokenizer.json, of which transformers reads one and we the
 * other, their tokens must be the same. */
static int check_vocabularies(const struct work *work) {
    const char *directory = work->foreign.directory;
    if (!elc_path_exists(directory, "vocab.txt") || !elc_path_exists(directory, "tokenizer.json"))
        return 0;
    struct elc_vocab *other = NULL;
    char *path = elc_path_join(directory, "tokenizer.json");
    int err = path ? elc_vocab_read(&other, path) : ELC_ENOMEM;
    if (!err && strcmp(elc_vocab_id(other)->xxh3, elc_vocab_id(work->vocab)->xxh3) != 0)
        err = elc_fail(ELC_EMISMATCH,
                       "%s: has other tokens than the vocab.txt beside it; --vocab chooses", path);
    elc_vocab_destroy(other);
    free(path);
    return err;
}

/* The vocabulary, and how texts are tokenized: as the files beside the tensors say, and before
 * them the one that was asked for. */
static int read_text(struct work *work) {
    const char *directory = work->foreign.directory, *vocab = work->options->vocab;
    struct elc_tokenizer_options *rules = &work->rules;
    if (!vocab && !elc_path_exists(directory, "vocab.txt") &&
        !elc_path_exists(directory, "tokenizer.json"))
        return elc_fail(ELC_EIO, "%s: has neither vocab.txt nor tokenizer.json", directory);
    int err = elc_vocab_read(&work->vocab, vocab ? vocab : directory);
    if (err)
        return err == ELC_EINVAL ? ELC_EMISMATCH : err;
    struct elc_conversion *conversion = work->conversion;
    /* Where transformers finds no rules, its default is lower case; a bundle's are in its maker's
     * command line alone. */
    conversion->cased_by_vocab = work->foreign.format == ELC_FORMAT_TENSORFLOW &&
                                 !has_rules(directory) && !(vocab && has_rules(vocab));
    if (conversion->cased_by_vocab)
        rules->cased = has_capitals(work->vocab);
    err = elc_tokenizer_options_read(rules, directory);
    if (!err && vocab)
        err = elc_tokenizer_options_read(rules, vocab);
    conversion->cased = rules->cased;
    if (rules->strip_accents < 0)
        rules->strip_accents = !rules->cased;
    if (!err)
        err = check_rules(rules, vocab && has_rules(vocab) ? vocab : directory);
    if (!err && !vocab)
        err = check_vocabularies(work);
    return err == ELC_EINVAL ? ELC_EMISMATCH : err; /* no option is at fault */
}

static int check_vocab(const struct work *work, const struct elc_config *config) {
    const uint64_t size = elc_vocab_id(work->vocab)->size;
    if (size <= config->vocab_size)
        return 0;
    return elc_fail(ELC_EMISMATCH, "the vocabulary has %llu tokens, the network is made for %u",
                    (unsigned long long)size, config->vocab_size);
}

/* ---- tensors ---- */

static bool same_shape(const struct elc_tensor *tensor, const struct elc_foreign_tensor *found) {
    const uint64_t *shape = found->stored.shape;
    if (tensor->shape[1] == 0)
        return found->stored.rank == 1 && shape[0] == tensor->shape[0];
    const bool turned = found->transposed;
    return found->stored.rank == 2 && shape[turned] == tensor->shape[0] &&
           shape[!turned] == tensor->shape[1];
}

/* Are two tensors of one name, or of one matrix, one and the same? */
static bool same_numbers(const struct elc_foreign_tensor *a, const struct elc_foreign_tensor *b) {
    return a->stored.dtype == b->stored.dtype && a->transposed == b->transposed &&
           a->stored.bytes == b->stored.bytes &&
           (a->stored.bytes == 0 || a->stored.data == b->stored.data ||
            memcmp(a->stored.data, b->stored.data, a->stored.bytes) == 0);
}

/* All tensors of a name are used, and must be alike: *found is the first, or NULL. */
static int find_alike(const struct elc_foreign_tensor **found, struct work *work,
                      const char *name) {
    const struct elc_foreign *foreign = &work->foreign;
    size_t n;
    const size_t first = elc_foreign_named(&n, foreign, name);
    *found = n > 0 ? foreign->by_name[first] : NULL;
    for (size_t i = first; i < first + n; i++) {
        const struct elc_foreign_tensor *tensor = foreign->by_name[i];
        work->used[tensor - foreign->tensors] = true;
        if (!same_numbers(*found, tensor))
            return elc_fail(ELC_EMISMATCH, "tensors '%s' and '%s' are both '%s', and differ",
                            (*found)->stored.name, tensor->stored.name, name);
    }
    return 0;
}

/* A weight stored [in, out] becomes [out, in]. */
static int copy_transposed(elc_float *values, const struct elc_tensor *tensor,
                           const struct elc_stored *stored, size_t *n_bad) {
    const size_t rows = tensor->shape[0], columns = tensor->shape[1];
    elc_float *turned = malloc(tensor->count * sizeof *turned);
    if (!turned)
        return elc_fail_memory(tensor->count * sizeof *turned);
    int err = elc_stored_copy(turned, stored, tensor->count, n_bad);
    for (size_t i = 0; !err && i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            values[i * columns + j] = turned[j * rows + i];
    free(turned);
    return err;
}

static int take_tensor(struct work *work, const struct elc_tensor *tensor, elc_float *values) {
    const struct elc_foreign_tensor *found;
    size_t n_bad = 0;
    int err = find_alike(&found, work, tensor->name);
    if (err)
        return err;
    if (!found)
        return note(&work->conversion->missing, tensor->name);
    if (!same_shape(tensor, found)) {
        return elc_fail_shape(tensor, &found->stored, found->transposed);
    }
    values += tensor->offset;
    err = found->transposed ? copy_transposed(values, tensor, &found->stored, &n_bad)
                            : elc_stored_copy(values, &found->stored, tensor->count, &n_bad);
    if (!err && n_bad > 0)
        err = note(&work->conversion->not_finite, found->stored.name);
    return err;
}

/* Where a file has the generator's output matrix, it must be the word embeddings. */
static int check_tied(struct work *work, const struct elc_config *config) {
    const struct elc_foreign_tensor *head, *word;
    if (config->architecture != ELC_GENERATOR)
        return 0;
    int err = find_alike(&head, work, "generator_lm_head.weight");
    if (!err)
        err = find_alike(&word, work, "electra.embeddings.word_embeddings.weight");
    if (!err && head && (!word || !same_numbers(head, word)))
        err = elc_fail(ELC_EMISMATCH,
                       "tensor '%s' is not the word embeddings: output matrices of their own are "
                       "not supported",
                       head->stored.name);
    return err;
}

/* ---- history ---- */

static int hash_files(struct work *work) {
    const struct elc_foreign *foreign = &work->foreign;
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return elc_fail_memory(0);
    XXH3_128bits_reset(state);
    for (size_t i = 0; i < foreign->n_maps; i++)
        XXH3_128bits_update(state, foreign->maps[i].data, foreign->maps[i].len);
    for (size_t i = 0; i < foreign->n_files; i++)
        XXH3_128bits_update(state, foreign->files[i].map.data, foreign->files[i].map.len);
    const XXH128_hash_t hash = XXH3_128bits_digest(state);
    snprintf(work->hash, sizeof work->hash, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    XXH3_freeState(state);
    return 0;
}

/* The configuration as it is written: with what made it, if that is wanted. */
static int save_network(struct work *work, const struct elc_config *config, const char *directory,
                        const struct elc_table *table, const elc_float *values) {
    static char *const networks[] = {
        [ELC_CONVERT_DISCRIMINATOR] = "discriminator", [ELC_CONVERT_GENERATOR] = "generator"};
    char *args[6] = {"convert", (char *)elc_convert_format_name(work->foreign.format), work->hash};
    struct elc_history_entry entry = {"electra-model", ELC_VERSION, args, 3};
    struct elc_config made = *config;
    if (work->options->networks != ELC_CONVERT_ALL) {
        args[entry.n_args++] = "--network";
        args[entry.n_args++] = networks[work->options->networks];
    }
    if (work->options->encoder)
        args[entry.n_args++] = "--encoder";
    made.history = &entry;
    made.n_history = work->options->no_history ? 0 : 1;
    const struct elc_tokenizer_id rules = elc_tokenizer_options_id(&work->rules);
    return elc_network_save(directory, &made, table, values, NULL, NULL, work->vocab, &rules,
                            config->max_position_embeddings);
}

/* ---- a network ---- */

/* What the source itself, and none of the files beside it, does not have as it must be. */
static int blame_source(const struct work *work, int err) {
    return err ? elc_context(err, "%s", work->source) : 0;
}

static int take_tensors(struct work *work, const struct elc_config *config,
                        const struct elc_table *table, elc_float *values) {
    int err = 0;
    for (size_t i = 0; !err && i < table->n_tensors; i++) {
        err = elc_staging_check();
        if (!err)
            err = take_tensor(work, &table->tensors[i], values);
    }
    if (!err)
        err = check_tied(work, config);
    if (!err && work->conversion->missing.len > 0)
        err = elc_fail(ELC_EMISMATCH, "tensor '%s' is missing",
                       (const char *)work->conversion->missing.data);
    return err;
}

static int write_network(struct work *work, const struct elc_config *config,
                         const char *directory) {
    struct elc_table table;
    int err = elc_table_build(&table, config, ELC_SHARE_NOTHING);
    if (err)
        return err;
    elc_float *values = elc_calloc_aligned(table.total, sizeof *values);
    err = values ? blame_source(work, take_tensors(work, config, &table, values)) : ELC_ENOMEM;
    if (!err)
        err = blame_source(work, check_vocab(work, config));
    if (!err)
        err = save_network(work, config, directory, &table, values);
    free(values);
    elc_table_free(&table);
    return err;
}

static int convert_network(struct work *work, enum elc_foreign_network network,
                           const char *directory) {
    struct elc_config config;
    struct elc_labels labels = {0};
    int err = elc_foreign_rename(&work->foreign, network);
    if (!err)
        err = elc_foreign_config(&config, &labels, &work->foreign, work->options,
                                 work->options->config);
    if (!work->options->config && work->foreign.format == ELC_FORMAT_TENSORFLOW)
        err = blame_source(work, err); /* its shapes are the configuration */
    if (!err)
        err = write_network(work, &config, directory);
    elc_labels_free(&labels);
    config.labels = NULL;
    if (!err)
        work->conversion->configs[work->conversion->n_configs++] = config;
    return err;
}

/* ---- both networks ---- */

static int convert_inside(struct work *work, enum elc_foreign_network network, const char *parent,
                          const char *name) {
    char *directory = elc_path_join(parent, name);
    int err = directory ? 0 : ELC_ENOMEM;
    if (!err && mkdir(directory, 0777) != 0)
        err = elc_fail_errno("%s", directory);
    if (!err)
        err = convert_network(work, network, directory);
    free(directory);
    return err;
}

/* Is what is wanted there? Sets which network to convert, or that both are. */
static int choose_network(enum elc_foreign_network *network, bool *both, const struct work *work) {
    const bool generator = elc_foreign_has(&work->foreign, ELC_FOREIGN_GENERATOR);
    const bool discriminator = elc_foreign_has(&work->foreign, ELC_FOREIGN_DISCRIMINATOR);
    const enum elc_convert_networks wanted = work->options->networks;
    *both = wanted == ELC_CONVERT_ALL && generator && discriminator;
    *network = wanted == ELC_CONVERT_GENERATOR || (wanted == ELC_CONVERT_ALL && generator)
                   ? ELC_FOREIGN_GENERATOR
                   : ELC_FOREIGN_DISCRIMINATOR;
    if (wanted != ELC_CONVERT_ALL && work->foreign.format != ELC_FORMAT_TENSORFLOW)
        return elc_fail(ELC_EINVAL, "only TensorFlow's bundles hold two networks to choose from");
    if (wanted == ELC_CONVERT_GENERATOR && !generator)
        return elc_fail(ELC_EMISMATCH, "there is no generator in it");
    if (wanted == ELC_CONVERT_DISCRIMINATOR && !discriminator && !work->options->encoder)
        return elc_fail(ELC_EMISMATCH, "there is no discriminator's head in it");
    if (*both && work->options->config)
        return elc_fail(ELC_EINVAL, "one configuration cannot be that of two networks: choose one");
    return 0;
}

static int convert_networks(struct work *work, const char *directory) {
    enum elc_foreign_network network;
    bool both;
    int err = blame_source(work, choose_network(&network, &both, work));
    if (err || !both)
        return err ? err : convert_network(work, network, directory);
    err = convert_inside(work, ELC_FOREIGN_DISCRIMINATOR, directory, "discriminator");
    if (!err)
        err = convert_inside(work, ELC_FOREIGN_GENERATOR, directory, "generator");
    return err ? err : elc_fsync_directory(directory);
}

/* ---- the whole ---- */

/* Is it passed over silently? The state of optimizers, and the projection that transformers saves
 * with networks which have no use for one. */
static bool is_spare(const struct work *work, const struct elc_foreign_tensor *tensor) {
    static const char projection[] = "electra.embeddings_project.";
    return elc_foreign_is_state(&work->foreign, tensor->stored.name) ||
           (tensor->name && strncmp(tensor->name, projection, sizeof projection - 1) == 0);
}

/* What no network has taken; with a network left out by request, not the other's tensors. */
static int list_unused(struct work *work) {
    int err = 0;
    for (size_t i = 0; !err && i < work->foreign.n_tensors; i++) {
        const struct elc_foreign_tensor *tensor = &work->foreign.tensors[i];
        const bool other = !tensor->name && work->options->networks != ELC_CONVERT_ALL;
        if (!work->used[i] && !other && !is_spare(work, tensor))
            err = note(&work->conversion->unused, tensor->stored.name);
    }
    return err;
}

static int convert(struct work *work, const char *output) {
    struct elc_staging *staging = NULL;
    int err = elc_foreign_open(&work->foreign, work->source);
    if (err)
        return err;
    work->conversion->format = work->foreign.format;
    work->used = calloc(work->foreign.n_tensors + 1, sizeof *work->used);
    err = work->used ? hash_files(work) : elc_fail_memory(work->foreign.n_tensors);
    if (!err)
        err = read_text(work);
    if (!err)
        err = elc_staging_new(&staging, output);
    if (!err)
        err = convert_networks(work, elc_staging_path(staging));
    if (!err)
        err = list_unused(work);
    if (!err)
        err = elc_staging_commit(staging);
    elc_staging_destroy(staging);
    return err;
}

int elc_convert(struct elc_conversion *conversion, const char *output, const char *source,
                const struct elc_convert_options *options) {
    *conversion = (struct elc_conversion){0};
    struct work work = {.source = source,
                        .conversion = conversion,
                        .options = options,
                        .rules = {.strip_accents = -1}};
    int err = convert(&work, output);
    free(work.used);
    elc_tokenizer_options_free(&work.rules);
    elc_vocab_destroy(work.vocab);
    elc_foreign_close(&work.foreign);
    return err;
}

void elc_conversion_free(struct elc_conversion *conversion) {
    elc_buffer_free(&conversion->missing);
    elc_buffer_free(&conversion->unused);
    elc_buffer_free(&conversion->not_finite);
}
