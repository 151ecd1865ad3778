/* What other programs call the tensors of a network, in the names of transformers' ELECTRA classes.
 *
 *     Flax          a/kernel [in, out], a/bias; LayerNorm/scale; word_embeddings/embedding
 *     TensorFlow    a/kernel [in, out], a/bias; LayerNorm/gamma, beta; word_embeddings; layer_N;
 *                   the generator's under generator/, but for the embeddings that it shares; a
 *                   fine-tuned head under task_specific/TASK/
 *     PyTorch       BERT's prefix and head; no prefix; LayerNorm.gamma, beta; "module." before all
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/parse.h"

#include "foreign.h"

enum { NAME_BYTES = 1024 };

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

/* ---- parts of names ---- */

/* A name under construction. Too long a one is cut, and then is no tensor of ours. */
struct name {
    char text[NAME_BYTES];
};

/* Puts `to` in the place of the `from` that the name begins with. */
static bool replace_start(struct name *name, const char *from, const char *to) {
    if (!begins_with(name->text, from))
        return false;
    struct name old = *name;
    (void)snprintf(name->text, NAME_BYTES, "%s%s", to, old.text + strlen(from));
    return true;
}

/* … that it ends in. */
static bool replace_end(struct name *name, const char *from, const char *to) {
    if (!elc_ends_with(name->text, from))
        return false;
    const size_t kept = strlen(name->text) - strlen(from);
    (void)snprintf(name->text + kept, NAME_BYTES - kept, "%s", to);
    return true;
}

static void use_points(struct name *name) {
    for (char *at = name->text; *at; at++)
        if (*at == '/')
            *at = '.';
}

/* "layer_7" is "layer.7". */
static void split_layer(struct name *name) {
    char *at = strstr(name->text, ".layer_");
    if (at)
        at[strlen(".layer")] = '.';
}

/* The weight of a linear layer, which is a matrix: a kernel of another rank is nothing of ours. */
static bool name_kernel(struct name *name, size_t rank) {
    return rank == 2 && replace_end(name, ".kernel", ".weight");
}

/* ---- the formats ---- */

static void from_flax(struct name *name, size_t rank, bool *transposed) {
    use_points(name);
    replace_start(name, "params.", "");
    *transposed = name_kernel(name, rank);
    if (!*transposed && !replace_end(name, ".scale", ".weight"))
        replace_end(name, ".embedding", ".weight");
}

/* A fine-tuned head, "task_specific/TASK/…": google-research numbers its layers as they come. */
static void from_task(struct name *name, bool answers) {
    static const char *const layers[][2] = {
        {"dense/", "start/"},
        {"qa_hidden/", "end/dense/"},
        {"dense_1/", "end/out_proj/"},
        {"dense_2/", "answerable/dense/"},
        {"dense_3/", "answerable/out_proj/"},
    };
    const char *task = name->text + strlen("task_specific/"), *layer = strchr(task, '/');
    if (!layer)
        return;
    memmove(name->text, layer + 1, strlen(layer + 1) + 1);
    if (!answers)
        replace_start(name, "dense/", "classifier/");
    for (size_t i = 0; answers && i < sizeof layers / sizeof *layers; i++)
        if (replace_start(name, layers[i][0], layers[i][1]))
            return;
}

/* What a bundle's names are read by. */
struct bundle {
    enum elc_foreign_network network;
    bool own_layers, own_embeddings; /* the generator's, not shared */
    bool answers;                    /* a fine-tuned head is one for questions */
};

/* False: it is the other network's. */
static bool from_tensorflow(struct name *name, size_t rank, bool *transposed,
                            const struct bundle *bundle) {
    if (bundle->network == ELC_FOREIGN_GENERATOR) {
        const bool own = begins_with(name->text, "electra/embeddings/") ? !bundle->own_embeddings
                         : begins_with(name->text, "electra/")          ? !bundle->own_layers
                                                                        : true;
        if (!own || begins_with(name->text, "discriminator_predictions/"))
            return false;
        replace_start(name, "generator/", "electra/");
        replace_start(name, "generator_predictions/output_bias", "generator_lm_head/bias");
    } else if (begins_with(name->text, "generator")) {
        return false;
    } else if (begins_with(name->text, "task_specific/")) {
        from_task(name, bundle->answers);
    }
    use_points(name);
    split_layer(name);
    replace_start(name, "discriminator_predictions.dense_1.",
                  "discriminator_predictions.dense_prediction.");
    *transposed = name_kernel(name, rank);
    if (elc_ends_with(name->text, "_embeddings"))
        replace_end(name, "_embeddings", "_embeddings.weight");
    return true;
}

/* BERT's names, names without the encoder's prefix, and with that of torch's DataParallel. */
static void from_bert(struct name *name) {
    static const char *const starts[][2] = {
        {"bert.pooler.", "pooler."},
        {"bert.", "electra."},
        {"embeddings.", "electra.embeddings."},
        {"embeddings_project.", "electra.embeddings_project."},
        {"encoder.", "electra.encoder."},
        {"cls.predictions.transform.", "generator_predictions."},
        {"cls.predictions.bias", "generator_lm_head.bias"},
        {"cls.predictions.output_bias", "generator_lm_head.bias"},
        {"cls.predictions.decoder.", "generator_lm_head."},
    };
    replace_start(name, "module.", "");
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (replace_start(name, starts[i][0], starts[i][1]))
            break;
    if (!replace_end(name, "LayerNorm.gamma", "LayerNorm.weight"))
        replace_end(name, "LayerNorm.beta", "LayerNorm.bias");
}

/* ---- a checkpoint's ---- */

static bool any_begins_with(const struct elc_foreign *foreign, const char *start) {
    for (size_t i = 0; i < foreign->n_tensors; i++)
        if (begins_with(foreign->tensors[i].stored.name, start))
            return true;
    return false;
}

static bool any_ends_with(const struct elc_foreign *foreign, const char *end) {
    for (size_t i = 0; i < foreign->n_tensors; i++)
        if (elc_ends_with(foreign->tensors[i].stored.name, end))
            return true;
    return false;
}

bool elc_foreign_has(const struct elc_foreign *foreign, enum elc_foreign_network network) {
    if (foreign->format != ELC_FORMAT_TENSORFLOW)
        return false;
    return any_begins_with(foreign, network == ELC_FOREIGN_GENERATOR
                                        ? "generator_predictions/"
                                        : "discriminator_predictions/");
}

bool elc_foreign_is_state(const struct elc_foreign *foreign, const char *name) {
    if (foreign->format == ELC_FORMAT_TENSORFLOW)
        return elc_ends_with(name, "/adam_m") || elc_ends_with(name, "/adam_v") ||
               strcmp(name, "global_step") == 0;
    return elc_ends_with(name, "embeddings.position_ids") ||
           elc_ends_with(name, "embeddings/position_ids");
}

/* ---- by name ---- */

/* Tensors of one name stay as they came. */
static int by_name(const void *a, const void *b) {
    const struct elc_foreign_tensor *const *x = a, *const *y = b;
    const int order = strcmp((*x)->name, (*y)->name);
    return order ? order : *x < *y ? -1 : *x > *y;
}

static int sort_names(struct elc_foreign *foreign) {
    free(foreign->by_name);
    foreign->n_named = 0;
    foreign->by_name = calloc(foreign->n_tensors + 1, sizeof *foreign->by_name);
    if (!foreign->by_name)
        return elc_fail_memory(foreign->n_tensors * sizeof *foreign->by_name);
    for (size_t i = 0; i < foreign->n_tensors; i++)
        if (foreign->tensors[i].name)
            foreign->by_name[foreign->n_named++] = &foreign->tensors[i];
    qsort(foreign->by_name, foreign->n_named, sizeof *foreign->by_name, by_name);
    return 0;
}

size_t elc_foreign_named(size_t *n, const struct elc_foreign *foreign, const char *name) {
    size_t first = 0, end = foreign->n_named;
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        if (strcmp(foreign->by_name[middle]->name, name) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    *n = 0;
    while (first + *n < foreign->n_named && strcmp(foreign->by_name[first + *n]->name, name) == 0)
        ++*n;
    return first;
}

const struct elc_foreign_tensor *elc_foreign_find(const struct elc_foreign *foreign,
                                                  const char *name) {
    size_t n;
    const size_t first = elc_foreign_named(&n, foreign, name);
    return n ? foreign->by_name[first] : NULL;
}

int elc_foreign_rename(struct elc_foreign *foreign, enum elc_foreign_network network) {
    const struct bundle bundle = {
        .network = network,
        .own_layers = any_begins_with(foreign, "generator/encoder/"),
        .own_embeddings = any_begins_with(foreign, "generator/embeddings/"),
        .answers = any_ends_with(foreign, "/qa_hidden/kernel"),
    };
    for (size_t i = 0; i < foreign->n_tensors; i++) {
        struct elc_foreign_tensor *tensor = &foreign->tensors[i];
        struct name name;
        bool ours = !elc_foreign_is_state(foreign, tensor->stored.name);
        tensor->name = NULL;
        tensor->transposed = false;
        (void)snprintf(name.text, NAME_BYTES, "%s", tensor->stored.name);
        if (foreign->format == ELC_FORMAT_FLAX)
            from_flax(&name, tensor->stored.rank, &tensor->transposed);
        else if (ours && foreign->format == ELC_FORMAT_TENSORFLOW)
            ours = from_tensorflow(&name, tensor->stored.rank, &tensor->transposed, &bundle);
        if (!ours)
            continue;
        from_bert(&name);
        tensor->name = elc_arena_text(&foreign->arena, name.text, strlen(name.text));
        if (!tensor->name)
            return ELC_ENOMEM;
    }
    return sort_names(foreign);
}
