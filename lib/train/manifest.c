/* Manifests: {"electra": 1, "files": {"state/state.json": {"bytes": n, "xxh3": 32 digits}, …}}. */
#include "manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "electra/file.h"
#include "electra/json_text.h"

/* Hashes an input to its end. It is read, not mapped: what is mapped would be the largest part of
 * the memory of a run. */
static int hash_input(XXH128_hash_t *hash, size_t *bytes, struct elc_input *input) {
    unsigned char chunk[1 << 16];
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset(&state);
    *bytes = 0;
    for (;;) {
        long long n = elc_input_read(input, chunk, sizeof chunk);
        if (n < 0)
            return (int)n;
        XXH3_128bits_update(&state, chunk, (size_t)n);
        *bytes += (size_t)n;
        if ((size_t)n < sizeof chunk)
            break;
    }
    *hash = XXH3_128bits_digest(&state);
    return 0;
}

/* A file could not be read: that there is none is damage, any other failure may pass. */
static int damage_if_absent(int err, const char *path) {
    if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return err;
    return elc_fail(ELC_EFORMAT, "%s: damaged, the file is missing", path);
}

/* Size and XXH3-128, as 32 hexadecimal digits, of a file under `root`. */
static int hash_file(char digits[33], size_t *bytes, const char *root, const char *relative) {
    char *path = elc_path_join(root, relative);
    struct elc_input input;
    XXH128_hash_t hash;
    if (!path)
        return ELC_ENOMEM;
    int err = elc_input_open(&input, path);
    if (err) {
        err = damage_if_absent(err, path);
    } else {
        err = hash_input(&hash, bytes, &input);
        elc_input_close(&input);
    }
    if (!err)
        (void)snprintf(digits, 33, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
    free(path);
    return err;
}

static int add_file(json_t *manifest, const char *root, const char *relative) {
    char digits[33];
    size_t bytes;
    int err = hash_file(digits, &bytes, root, relative);
    if (err)
        return err;
    json_t *entry = json_pack("{s:I, s:s}", "bytes", (json_int_t)bytes, "xxh3", digits);
    if (!entry || json_object_set_new(json_object_get(manifest, "files"), relative, entry) != 0)
        return elc_fail_memory(0);
    return 0;
}

int elc_manifest_write(const char *root, const char *const *files, size_t n) {
    json_t *manifest = json_pack("{s:i, s:{}}", "electra", 1, "files");
    char *text = NULL;
    char *path = elc_path_join(root, "manifest.json");
    int err = manifest && path ? 0 : elc_fail_memory(0);
    for (size_t i = 0; !err && i < n; i++)
        err = add_file(manifest, root, files[i]);
    if (!err && !(text = elc_json_dumps(manifest, JSON_INDENT(1) | JSON_SORT_KEYS)))
        err = elc_fail_memory(0);
    if (!err)
        err = elc_file_write(path, text, strlen(text));
    free(text);
    free(path);
    json_decref(manifest);
    return err;
}

static int verify_file(const char *root, const char *relative, const json_t *entry) {
    const char *expected = json_string_value(json_object_get(entry, "xxh3"));
    if (strstr(relative, "..") || relative[0] == '/' || !expected)
        return elc_fail(ELC_EFORMAT, "%s: a manifest that is not ours", root);
    char digits[33];
    size_t bytes;
    int err = hash_file(digits, &bytes, root, relative);
    if (!err && strcmp(digits, expected) != 0)
        err = elc_fail(ELC_EFORMAT, "%s/%s: damaged, its checksum is not the manifest's", root,
                       relative);
    return err;
}

int elc_manifest_verify(const char *root) {
    char *path = elc_path_join(root, "manifest.json");
    if (!path)
        return ELC_ENOMEM;
    struct elc_map map = {0};
    int err = elc_map_open(&map, path);
    json_t *manifest = NULL;
    if (err) {
        err = damage_if_absent(err, path);
    } else {
        json_error_t error = {0};
        manifest = json_loadb((const char *)map.data, map.len, JSON_REJECT_DUPLICATES, &error);
        if (!manifest && json_error_code(&error) == json_error_out_of_memory)
            err = elc_fail_memory(map.len);
        else if (!json_is_object(json_object_get(manifest, "files")))
            err = elc_fail(ELC_EFORMAT, "%s: damaged", path);
    }
    const char *relative;
    json_t *entry;
    if (!err) {
        json_object_foreach(json_object_get(manifest, "files"), relative, entry) {
            if (!err)
                err = verify_file(root, relative, entry);
        }
    }
    json_decref(manifest);
    elc_map_close(&map);
    free(path);
    return err;
}
