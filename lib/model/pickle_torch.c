/* The names that torch.save's pickles use, and what they stand for. */
#include <string.h>

#include "pickle.h"

enum global {
    ORDERED_DICT,
    REBUILD_TENSOR,
    REBUILD_PARAMETER,
    STORAGE /* and the types after it */
};

static const struct {
    const char *module, *name;
    enum global global;
    const char *dtype;
} globals[] = {
    {"collections", "OrderedDict", ORDERED_DICT, NULL},
    {"torch._utils", "_rebuild_tensor", REBUILD_TENSOR, NULL},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR, NULL},
    {"torch._utils", "_rebuild_parameter", REBUILD_PARAMETER, NULL},
    {"torch", "FloatStorage", STORAGE, "F32"},
    {"torch", "HalfStorage", STORAGE, "F16"},
    {"torch", "BFloat16Storage", STORAGE, "BF16"},
    {"torch", "DoubleStorage", STORAGE, "F64"},
    {"torch", "LongStorage", STORAGE, "I64"},
    {"torch", "IntStorage", STORAGE, "I32"},
    {"torch", "ShortStorage", STORAGE, "I16"},
    {"torch", "CharStorage", STORAGE, "I8"},
    {"torch", "ByteStorage", STORAGE, "U8"},
    {"torch", "BoolStorage", STORAGE, "BOOL"},
};
enum { N_GLOBALS = sizeof globals / sizeof *globals };

int elc_pickle_global(int64_t *number, const char *module, const char *name) {
    for (size_t i = 0; i < N_GLOBALS; i++)
        if (strcmp(globals[i].module, module) == 0 && strcmp(globals[i].name, name) == 0) {
            *number = (int64_t)i;
            return 0;
        }
    return elc_fail(ELC_EFORMAT,
                    "asks for '%s.%s': only tensors are read, and nothing is ever called", module,
                    name);
}

/* ---- arguments ---- */

static const struct elc_pickle_value *argument(const struct elc_pickle_value *tuple, size_t i,
                                               enum elc_pickle_kind kind) {
    if (tuple->kind != ELC_PICKLE_TUPLE || i >= tuple->as.list.n ||
        tuple->as.list.items[i]->kind != kind)
        return NULL;
    return tuple->as.list.items[i];
}

static bool all_sizes(const struct elc_pickle_value *tuple) {
    for (size_t i = 0; i < tuple->as.list.n; i++) {
        const struct elc_pickle_value *size = tuple->as.list.items[i];
        if (size->kind != ELC_PICKLE_INT || size->as.number < 0)
            return false;
    }
    return true;
}

/* ---- calls ---- */

/* _rebuild_tensor_v2(storage, offset, shape, stride, requires_grad, hooks[, metadata]) */
static int rebuild_tensor(struct elc_pickle_value *made, const struct elc_pickle_value *arguments) {
    const struct elc_pickle_value *storage = argument(arguments, 0, ELC_PICKLE_STORAGE);
    const struct elc_pickle_value *offset = argument(arguments, 1, ELC_PICKLE_INT);
    const struct elc_pickle_value *shape = argument(arguments, 2, ELC_PICKLE_TUPLE);
    const struct elc_pickle_value *stride = argument(arguments, 3, ELC_PICKLE_TUPLE);
    if (!storage || !offset || !shape || !stride || offset->as.number < 0 || !all_sizes(shape) ||
        !all_sizes(stride) || shape->as.list.n != stride->as.list.n)
        return elc_fail(ELC_EFORMAT, "a tensor is not made of storage, offset, shape and stride");
    made->kind = ELC_PICKLE_TENSOR;
    made->as.tensor.storage = storage;
    made->as.tensor.offset = (uint64_t)offset->as.number;
    made->as.tensor.shape = shape;
    made->as.tensor.stride = stride;
    return 0;
}

int elc_pickle_call(struct elc_pickle_value *made, int64_t global,
                    const struct elc_pickle_value *arguments) {
    const struct elc_pickle_value *tensor = argument(arguments, 0, ELC_PICKLE_TENSOR);
    switch (globals[global].global) {
    case ORDERED_DICT:
        if (arguments->kind != ELC_PICKLE_TUPLE || arguments->as.list.n != 0)
            return elc_fail(ELC_EFORMAT, "an OrderedDict is made of something");
        made->kind = ELC_PICKLE_DICT;
        return 0;
    case REBUILD_TENSOR:
        return rebuild_tensor(made, arguments);
    case REBUILD_PARAMETER: /* (tensor, requires_grad, hooks) */
        if (!tensor)
            return elc_fail(ELC_EFORMAT, "a parameter is made of no tensor");
        *made = *tensor;
        return 0;
    case STORAGE:
        break;
    }
    return elc_fail(ELC_EFORMAT, "calls '%s.%s', which is no function", globals[global].module,
                    globals[global].name);
}

/* ('storage', type, key, place, numbers[, view]) */
int elc_pickle_persistent(struct elc_pickle_value *made, const struct elc_pickle_value *id) {
    const struct elc_pickle_value *word = argument(id, 0, ELC_PICKLE_TEXT);
    const struct elc_pickle_value *type = argument(id, 1, ELC_PICKLE_GLOBAL);
    const struct elc_pickle_value *key = argument(id, 2, ELC_PICKLE_TEXT);
    const struct elc_pickle_value *n = argument(id, 4, ELC_PICKLE_INT);
    if (!word || strcmp(word->as.text.text, "storage") != 0 || !type || !key || !n ||
        n->as.number < 0 || globals[type->as.number].global != STORAGE)
        return elc_fail(ELC_EFORMAT, "a persistent id names no storage");
    if (id->as.list.n > 5 && id->as.list.items[5]->kind != ELC_PICKLE_NONE)
        return elc_fail(ELC_EFORMAT, "storage '%s' is a view of another", key->as.text.text);
    made->kind = ELC_PICKLE_STORAGE;
    made->as.storage.key = key->as.text.text;
    made->as.storage.dtype = globals[type->as.number].dtype;
    made->as.storage.n = (uint64_t)n->as.number;
    return 0;
}
