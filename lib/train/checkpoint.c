/* Saving, finding and loading checkpoints. */
#include "electra/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "electra/directory.h"
#include "electra/file.h"
#include "electra/parse.h"
#include "electra/staging.h"
#include "manifest.h"

#define PREFIX "checkpoint-"
#define TEMPORARY ".checkpoint-" /* of checkpoints that are being written */

static const char *const model_files[] = {"config.json", "model.safetensors", "vocab.txt",
                                          "tokenizer_config.json"};
enum { N_MODEL_FILES = sizeof model_files / sizeof model_files[0], NAME_BYTES = 64 };

static void checkpoint_name(char name[NAME_BYTES], const char *prefix, uint64_t step) {
    (void)snprintf(name, NAME_BYTES, "%s%" PRIu64, prefix, step);
}

/* "directory/checkpoint-N", malloced. */
static char *checkpoint_path(const char *directory, const char *prefix, uint64_t step) {
    char name[NAME_BYTES];
    checkpoint_name(name, prefix, step);
    return elc_path_join(directory, name);
}

static int make_directory(const char *path) {
    return mkdir(path, 0777) == 0 ? 0 : elc_fail_errno("%s: cannot be created", path);
}

/* ---- saving ---- */

/* The manifest of all that was saved. */
static int write_manifest(const struct elc_checkpoint *checkpoint, const char *root) {
    char files[2 * N_MODEL_FILES + 2][2 * NAME_BYTES];
    const char *names[2 * N_MODEL_FILES + 2];
    size_t n = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; checkpoint->networks[i].trained && k < N_MODEL_FILES; k++)
            (void)snprintf(files[n++], sizeof *files, "%s/%s", checkpoint->networks[i].name,
                           model_files[k]);
    (void)snprintf(files[n++], sizeof *files, "state/optimizer.safetensors");
    (void)snprintf(files[n++], sizeof *files, "state/state.json");
    for (size_t i = 0; i < n; i++)
        names[i] = files[i];
    return elc_manifest_write(root, names, n);
}

static int save_network(const struct elc_checkpoint *checkpoint, size_t index, const char *root) {
    const struct elc_checkpoint_network *network = &checkpoint->networks[index];
    const struct elc_trained *owner = checkpoint->networks[0].trained; /* of shared embeddings */
    bool shared =
        !elc_table_find(network->trained->table, "electra.embeddings.word_embeddings.weight");
    char *path = elc_path_join(root, network->name);
    int err = path ? make_directory(path) : ELC_ENOMEM;
    if (!err)
        err = elc_network_save(path, network->config, network->trained->table,
                               network->trained->values, shared ? owner->table : NULL,
                               shared ? owner->values : NULL, checkpoint->vocab, &checkpoint->rules,
                               checkpoint->max_length);
    free(path);
    return err;
}

enum { N_MOMENTS = 4 };

/* The tensors of optimizer.safetensors: name, and the block that holds them. */
static size_t list_moments(const struct elc_checkpoint *checkpoint, char names[][NAME_BYTES],
                           elc_float **blocks, size_t *counts) {
    size_t n = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct elc_checkpoint_network *network = &checkpoint->networks[i];
        for (int second = 0; network->trained && second < 2; second++) {
            (void)snprintf(names[n], NAME_BYTES, "%s.%c", network->name, second ? 'v' : 'm');
            blocks[n] = second ? network->trained->v : network->trained->m;
            counts[n++] = network->trained->table->total;
        }
    }
    return n;
}

static int save_optimizer(const struct elc_checkpoint *checkpoint, const char *path) {
    char names[N_MOMENTS][NAME_BYTES];
    elc_float *blocks[N_MOMENTS];
    size_t counts[N_MOMENTS];
    struct elc_to_store tensors[N_MOMENTS];
    size_t n = list_moments(checkpoint, names, blocks, counts);
    for (size_t i = 0; i < n; i++)
        tensors[i] = (struct elc_to_store){
            names[i],       sizeof(elc_float) == sizeof(float) ? "F32" : "F64",
            {counts[i], 0}, 1,
            blocks[i],      counts[i] * sizeof(elc_float)};
    return elc_safetensors_write(path, tensors, n, NULL, 0);
}

static int save_state(const struct elc_checkpoint *checkpoint, const char *root, const char *state,
                      size_t state_len) {
    char *directory = elc_path_join(root, "state");
    char *optimizer = elc_path_join(root, "state/optimizer.safetensors");
    char *json = elc_path_join(root, "state/state.json");
    int err = directory && optimizer && json ? make_directory(directory) : ELC_ENOMEM;
    if (!err)
        err = save_optimizer(checkpoint, optimizer);
    if (!err)
        err = elc_file_write(json, state, state_len);
    if (!err)
        err = elc_fsync_directory(directory);
    free(directory);
    free(optimizer);
    free(json);
    return err;
}

/* Makes `link` point at `target`, replacing what was there in one step. */
static int replace_link(const char *directory, const char *link_name, const char *target) {
    char temporary_name[2 * NAME_BYTES];
    (void)snprintf(temporary_name, sizeof temporary_name, ".%s.new", link_name);
    char *temporary = elc_path_join(directory, temporary_name);
    char *link_path = elc_path_join(directory, link_name);
    int err = temporary && link_path ? 0 : ELC_ENOMEM;
    if (!err && unlink(temporary) != 0 && errno != ENOENT)
        err = elc_fail_errno("%s", temporary);
    if (!err && symlink(target, temporary) != 0)
        err = elc_fail_errno("%s", temporary);
    if (!err && rename(temporary, link_path) != 0)
        err = elc_fail_errno("%s", link_path);
    free(temporary);
    free(link_path);
    return err;
}

static int build(const struct elc_checkpoint *checkpoint, const char *root, const char *state,
                 size_t state_len) {
    int err = elc_remove_tree(root);
    if (!err)
        err = make_directory(root);
    for (size_t i = 0; !err && i < 2; i++)
        if (checkpoint->networks[i].trained)
            err = save_network(checkpoint, i, root);
    if (!err)
        err = save_state(checkpoint, root, state, state_len);
    if (!err)
        err = write_manifest(checkpoint, root);
    if (!err)
        err = elc_fsync_directory(root);
    return err;
}

/* Gives `temporary` its name. One of the same step that is there, damaged or passed over for that,
 * gives way, and comes back where that fails; a leftover of it is removed by the next prune. */
static int take_place(const char *directory, const char *temporary, uint64_t step) {
    char *path = checkpoint_path(directory, PREFIX, step);
    char *aside = checkpoint_path(directory, TEMPORARY "old-", step);
    int err = path && aside ? elc_remove_tree(aside) : ELC_ENOMEM;
    const bool replaces = !err && rename(path, aside) == 0;
    if (!err && !replaces && errno != ENOENT)
        err = elc_fail_errno("%s", path);
    if (!err && rename(temporary, path) != 0) {
        err = elc_fail_errno("%s", path);
        if (replaces)
            (void)!rename(aside, path);
    }
    if (!err)
        err = elc_fsync_directory(directory);
    if (!err && replaces)
        err = elc_remove_tree(aside);
    free(path);
    free(aside);
    return err;
}

int elc_checkpoint_save(const struct elc_checkpoint *checkpoint, const char *directory,
                        uint64_t step, const char *state, size_t state_len) {
    char *temporary = checkpoint_path(directory, TEMPORARY, step);
    int err = temporary ? build(checkpoint, temporary, state, state_len) : ELC_ENOMEM;
    if (!err)
        err = take_place(directory, temporary, step);
    if (err && temporary) {
        char message[1024];
        (void)snprintf(message, sizeof message, "%s", elc_error());
        (void)!elc_remove_tree(temporary); /* a leftover is removed by the next prune */
        err = elc_fail((enum elc_err)err, "%s", message);
    }
    free(temporary);
    return err;
}

/* A name that a link is to have: nothing but a link may give way to it. */
static int check_name(const char *directory, const char *name) {
    struct stat status;
    char *path = elc_path_join(directory, name);
    if (!path)
        return ELC_ENOMEM;
    int err = 0;
    if (lstat(path, &status) == 0 && !S_ISLNK(status.st_mode))
        err = elc_fail(ELC_EINVAL,
                       "%s: is there already, and is not of a run: it would be lost: choose "
                       "another -o",
                       path);
    free(path);
    return err;
}

int elc_checkpoint_check_model(const char *directory) {
    int err = check_name(directory, "model");
    for (size_t i = 0; !err && i < N_MODEL_FILES; i++)
        err = check_name(directory, model_files[i]);
    return err;
}

int elc_checkpoint_check_names(const struct elc_checkpoint *checkpoint, const char *directory) {
    int err = check_name(directory, "latest");
    for (size_t i = 0; !err && i < 2; i++)
        if (checkpoint->networks[i].trained)
            err = strcmp(checkpoint->networks[i].name, "model") == 0
                      ? elc_checkpoint_check_model(directory)
                      : check_name(directory, checkpoint->networks[i].name);
    return err;
}

/* DIR/config.json and so on lead into DIR/model, and so always into one and the same model.
 * config.json, by which a directory is known to be a model, is there when all others are. */
static int publish_files(const char *directory) {
    int err = 0;
    for (size_t i = N_MODEL_FILES; !err && i-- > 0;) {
        char target[2 * NAME_BYTES], present[2 * NAME_BYTES];
        (void)snprintf(target, sizeof target, "model/%s", model_files[i]);
        char *path = elc_path_join(directory, model_files[i]);
        if (!path)
            return ELC_ENOMEM;
        ssize_t len = readlink(path, present, sizeof present);
        if (len != (ssize_t)strlen(target) || memcmp(present, target, (size_t)len) != 0)
            err = replace_link(directory, model_files[i], target);
        free(path);
    }
    return err;
}

int elc_checkpoint_publish_model(const char *directory, const char *target) {
    int err = replace_link(directory, "model", target);
    if (!err)
        err = publish_files(directory);
    return err ? err : elc_fsync_directory(directory);
}

int elc_checkpoint_publish(const struct elc_checkpoint *checkpoint, const char *directory,
                           uint64_t newest, uint64_t shown) {
    char name[NAME_BYTES];
    checkpoint_name(name, PREFIX, newest);
    int err = replace_link(directory, "latest", name);
    for (size_t i = 0; !err && i < 2; i++) {
        if (!checkpoint->networks[i].trained)
            continue;
        char target[2 * NAME_BYTES];
        (void)snprintf(target, sizeof target, PREFIX "%" PRIu64 "/%s", shown,
                       checkpoint->networks[i].name);
        err = strcmp(checkpoint->networks[i].name, "model") == 0
                  ? elc_checkpoint_publish_model(directory, target)
                  : replace_link(directory, checkpoint->networks[i].name, target);
    }
    return err ? err : elc_fsync_directory(directory);
}

/* ---- what is there ---- */

/* The steps of all checkpoints in a directory, newest first. */
struct steps {
    uint64_t *steps;
    size_t n, capacity;
};

static int descending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

static int list_steps(struct steps *list, const char *directory) {
    DIR *stream = opendir(directory);
    if (!stream)
        return errno == ENOENT ? 0 : elc_fail_errno("%s", directory);
    int err = 0;
    struct dirent *entry;
    while (!err && (errno = 0, entry = readdir(stream))) {
        uint64_t step;
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
            elc_parse_uint(&step, entry->d_name + strlen(PREFIX), 0, UINT64_MAX) != 0)
            continue;
        err = elc_grow(&list->steps, &list->capacity, list->n + 1, sizeof *list->steps);
        if (!err)
            list->steps[list->n++] = step;
    }
    if (!err && errno != 0)
        err = elc_fail_errno("%s", directory);
    closedir(stream);
    if (list->n > 0)
        qsort(list->steps, list->n, sizeof *list->steps, descending);
    return err;
}

static int remove_leftovers(const char *directory) {
    DIR *stream = opendir(directory);
    if (!stream)
        return elc_fail_errno("%s", directory);
    int err = 0;
    struct dirent *entry;
    while (!err && (errno = 0, entry = readdir(stream))) {
        if (strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)) != 0)
            continue;
        char *path = elc_path_join(directory, entry->d_name);
        err = path ? elc_remove_tree(path) : ELC_ENOMEM;
        free(path);
    }
    if (!err && errno != 0)
        err = elc_fail_errno("%s", directory);
    closedir(stream);
    return err;
}

int elc_checkpoint_prune(const char *directory, uint64_t newest, size_t keep, uint64_t best) {
    struct steps list = {0};
    int err = list_steps(&list, directory);
    size_t kept = 0;
    for (size_t i = 0; !err && i < list.n; i++) {
        if (list.steps[i] <= newest && kept < keep) {
            kept++;
            continue;
        }
        if (list.steps[i] == best)
            continue;
        char *path = checkpoint_path(directory, PREFIX, list.steps[i]);
        err = path ? elc_remove_tree(path) : ELC_ENOMEM;
        free(path);
    }
    free(list.steps);
    return err ? err : remove_leftovers(directory);
}

int elc_checkpoint_is_whole(const char *directory, uint64_t step) {
    char *path = checkpoint_path(directory, PREFIX, step);
    int err = path ? elc_manifest_verify(path) : ELC_ENOMEM;
    free(path);
    return err == ELC_EFORMAT ? 0 : err ? err : 1;
}

int elc_checkpoint_find(const char *directory, uint64_t *step, size_t *damaged) {
    struct steps list = {0};
    *damaged = 0;
    int found = list_steps(&list, directory);
    for (size_t i = 0; !found && i < list.n; i++) {
        found = elc_checkpoint_is_whole(directory, list.steps[i]);
        if (found > 0)
            *step = list.steps[i];
        else
            *damaged += found == 0; /* else it may well be whole: an older one would replace it */
    }
    if (!found && list.n > 0)
        found = ELC_EFORMAT;
    free(list.steps);
    return found;
}

int elc_checkpoint_state(const char *directory, uint64_t step, struct elc_buffer *state) {
    char *root = checkpoint_path(directory, PREFIX, step);
    char *path = root ? elc_path_join(root, "state/state.json") : NULL;
    struct elc_map map = {0};
    int err = path ? elc_map_open(&map, path) : ELC_ENOMEM;
    if (!err)
        err = elc_buffer_append(state, map.data, map.len);
    elc_map_close(&map);
    free(path);
    free(root);
    return err;
}

/* ---- loading ---- */

static int load_weights(const struct elc_checkpoint_network *network, const char *root) {
    char relative[2 * NAME_BYTES];
    (void)snprintf(relative, sizeof relative, "%s/model.safetensors", network->name);
    char *path = elc_path_join(root, relative);
    struct elc_safetensors file = {0};
    int err = path ? elc_safetensors_open(&file, path) : ELC_ENOMEM;
    if (!err)
        err = elc_params_load(network->trained->values, network->trained->table, &file, path, NULL);
    elc_safetensors_close(&file);
    free(path);
    return err;
}

static int load_moments(const struct elc_checkpoint *checkpoint, const char *path) {
    char names[N_MOMENTS][NAME_BYTES];
    elc_float *blocks[N_MOMENTS];
    size_t counts[N_MOMENTS];
    size_t n = list_moments(checkpoint, names, blocks, counts);
    struct elc_safetensors file = {0};
    int err = elc_safetensors_open(&file, path);
    for (size_t i = 0; !err && i < n; i++) {
        const struct elc_stored *stored = elc_safetensors_find(&file, names[i]);
        if (!stored || stored->bytes != counts[i] * sizeof(elc_float))
            err = elc_fail(ELC_EMISMATCH, "%s: tensor '%s' is missing or has another size", path,
                           names[i]);
        else
            memcpy(blocks[i], stored->data, stored->bytes);
    }
    elc_safetensors_close(&file);
    return err;
}

int elc_checkpoint_load(const struct elc_checkpoint *checkpoint, const char *directory,
                        uint64_t step) {
    char *root = checkpoint_path(directory, PREFIX, step);
    char *moments = root ? elc_path_join(root, "state/optimizer.safetensors") : NULL;
    int err = moments ? 0 : ELC_ENOMEM;
    for (size_t i = 0; !err && i < 2; i++)
        if (checkpoint->networks[i].trained)
            err = load_weights(&checkpoint->networks[i], root);
    if (!err)
        err = load_moments(checkpoint, moments);
    free(moments);
    free(root);
    return err;
}
