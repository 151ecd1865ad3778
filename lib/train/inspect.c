#include "electra/inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <jansson.h>

#include "electra/checkpoint.h"
#include "electra/file.h"
#include "electra/tokenize.h"
#include "electra/trainer.h"

static const char *const networks[] = {"discriminator", "generator"};

/* `value` is taken over. NULL: no memory for it. */
static int add(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0 ? 0 : elc_fail_memory(0);
}

static int add_path(json_t *object, const char *key, const char *path) {
    struct elc_buffer clean = {0};
    int err = elc_utf8_clean(&clean, path, strlen(path)) < 0 ? ELC_ENOMEM : 0;
    if (!err)
        err = add(object, key, json_stringn((const char *)clean.data, clean.len));
    elc_buffer_free(&clean);
    return err;
}

/* ---- networks ---- */

static int add_network(json_t *object, const char *directory, const char *name,
                       const struct elc_describe_options *options) {
    char *path = elc_path_join(directory, name);
    json_t *network = NULL;
    int err = path ? 0 : ELC_ENOMEM;
    if (!err && !elc_path_exists(path, "config.json")) {
        free(path);
        return 0;
    }
    if (!err)
        err = elc_model_describe(&network, path, options);
    if (!err)
        err = add(object, name, network);
    free(path);
    return err;
}

static int add_networks(json_t *object, const char *directory,
                        const struct elc_describe_options *options) {
    int err = 0;
    for (size_t i = 0; !err && i < sizeof networks / sizeof *networks; i++)
        err = add_network(object, directory, networks[i], options);
    return err;
}

/* ---- the run ---- */

/* Which checkpoint the networks are of that others see. */
static int add_published(json_t *object, const char *directory) {
    int err = 0;
    for (size_t i = 0; !err && i < sizeof networks / sizeof *networks; i++) {
        char target[256];
        char *path = elc_path_join(directory, networks[i]);
        ssize_t len = path ? readlink(path, target, sizeof target - 1) : -1;
        free(path);
        if (len <= 0)
            continue;
        target[len] = '\0';
        target[strcspn(target, "/")] = '\0';
        return add_path(object, "published", target);
    }
    return err;
}

/* What state.json says, in its own words. */
static int add_state(json_t *object, const char *directory, uint64_t step) {
    static const char *const keys[] = {"progress", "best", "settings"};
    struct elc_buffer text = {0};
    int err = elc_checkpoint_state(directory, step, &text);
    json_t *state = NULL;
    if (!err) {
        state = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(state))
            err = elc_fail(ELC_EFORMAT, "%s/checkpoint-%" PRIu64 "/state/state.json: not JSON",
                           directory, step);
    }
    for (size_t i = 0; !err && i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(state, keys[i]);
        if (value && !json_is_null(value))
            err = add(object, keys[i], json_incref(value));
    }
    json_decref(state);
    elc_buffer_free(&text);
    return err;
}

static int describe_run(json_t *object, const char *directory, uint64_t step, size_t damaged) {
    int err = add_path(object, "run", directory);
    if (!err)
        err = add(object, "done", json_boolean(elc_run_is_done(directory)));
    if (!err)
        err = add(object, "step", json_integer((json_int_t)step));
    if (!err)
        err = add(object, "damaged", json_integer((json_int_t)damaged));
    if (!err)
        err = add_published(object, directory);
    return err ? err : add_state(object, directory, step);
}

/* The shapes of the networks are among the settings as well; they are said once, of the networks.
 */
static void drop_repeated(json_t *object) {
    const json_t *discriminator = json_object_get(object, "discriminator");
    const json_t *generator = json_object_get(object, "generator");
    static const char prefix[] = "generator_";
    json_t *settings = json_object_get(object, "settings"), *value;
    const char *key;
    void *next;
    json_object_foreach_safe(settings, next, key, value) {
        bool own = strncmp(key, prefix, sizeof prefix - 1) == 0;
        if (own ? json_object_get(generator, key + sizeof prefix - 1) != NULL
                : json_object_get(discriminator, key) != NULL)
            (void)json_object_del(settings, key);
    }
}

/* A directory without a config.json of its own. */
static int describe(json_t *object, const char *directory,
                    const struct elc_describe_options *options, size_t *damaged) {
    uint64_t step = 0;
    int found = elc_checkpoint_find(directory, &step, damaged);
    if (found < 0)
        return found == ELC_EFORMAT ? elc_context(found, "%s: no checkpoint is whole", directory)
                                    : found;
    char message[1024];
    (void)snprintf(message, sizeof message, "%s", *damaged > 0 ? elc_error() : "");
    int err = found ? describe_run(object, directory, step, *damaged)
                    : add_path(object, "checkpoint", directory);
    size_t before = json_object_size(object);
    if (!err)
        err = add_networks(object, directory, options);
    if (!err && json_object_size(object) == before)
        err = elc_fail(ELC_EIO,
                       "%s: is no model directory: it has neither config.json nor "
                       "discriminator/config.json nor generator/config.json",
                       directory);
    drop_repeated(object);
    if (!err && *damaged > 0)
        (void)elc_fail(ELC_EFORMAT, "%s", message);
    return err;
}

int elc_inspect(struct json_t **object, const char *path,
                const struct elc_describe_options *options) {
    struct stat status;
    *object = NULL;
    if (stat(path, &status) != 0)
        return elc_fail_errno("%s", path);
    if (!S_ISDIR(status.st_mode))
        return elc_fail(ELC_EIO, "%s: is no model directory", path);
    if (elc_path_exists(path, "config.json"))
        return elc_model_describe(object, path, options);
    size_t damaged = 0;
    *object = json_object();
    int err = *object ? describe(*object, path, options, &damaged) : elc_fail_memory(0);
    if (err) {
        json_decref(*object);
        *object = NULL;
    }
    return err ? err : damaged > 0;
}
