/* The stack machine of pickles: Lib/pickletools.py describes each opcode. */
#include "pickle.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

enum {
    BYTES_LIMIT = 16 * 1024 * 1024, /* that of a thousand tensors has some hundred thousand */
    VALUES_LIMIT = 1 << 20,
    MEMO_LIMIT = 1 << 20,
    NAME_LIMIT = 200,
};

struct machine {
    const uint8_t *begin, *at, *end;
    struct elc_arena *arena;
    size_t n_values;
    struct elc_pickle_value **stack;
    size_t n_stack, stack_capacity;
    size_t *marks; /* heights of the stack */
    size_t n_marks, mark_capacity;
    struct elc_pickle_value **memo;
    size_t n_memo, memo_capacity;
};

/* ---- bytes ---- */

/* `n` more bytes, or NULL. */
static const uint8_t *take(struct machine *m, size_t n) {
    if ((size_t)(m->end - m->at) < n) {
        elc_fail(ELC_ETRUNCATED, "ends within an opcode");
        return NULL;
    }
    m->at += n;
    return m->at - n;
}

static int take_number(struct machine *m, size_t n, uint64_t *number) {
    const uint8_t *bytes = take(m, n);
    *number = bytes ? elc_little(bytes, n) : 0;
    return bytes ? 0 : ELC_ETRUNCATED;
}

/* A line of ASCII without its LF; NULL: the error is set. */
static const char *take_line(struct machine *m) {
    size_t left = (size_t)(m->end - m->at);
    const uint8_t *end = memchr(m->at, '\n', left < NAME_LIMIT ? left : NAME_LIMIT);
    if (!end) {
        elc_fail(ELC_EFORMAT, "a name of more than %d bytes", NAME_LIMIT);
        return NULL;
    }
    for (const uint8_t *at = m->at; at < end; at++)
        if (*at < 0x20 || *at >= 0x7f) {
            elc_fail(ELC_EFORMAT, "a name that is no ASCII");
            return NULL;
        }
    char *line = elc_arena_text(m->arena, (const char *)m->at, (size_t)(end - m->at));
    m->at = end + 1;
    return line;
}

/* ---- values ---- */

static int push(struct machine *m, struct elc_pickle_value *value) {
    int err = elc_grow(&m->stack, &m->stack_capacity, m->n_stack + 1, sizeof *m->stack);
    if (!err)
        m->stack[m->n_stack++] = value;
    return err;
}

/* *value: a zeroed value of this kind, which is nowhere yet. */
static int make(struct machine *m, struct elc_pickle_value **value, enum elc_pickle_kind kind) {
    if (m->n_values++ >= VALUES_LIMIT)
        return elc_fail(ELC_ELIMIT, "more than %d values", VALUES_LIMIT);
    *value = elc_arena_alloc(m->arena, sizeof **value);
    if (!*value)
        return ELC_ENOMEM;
    memset(*value, 0, sizeof **value);
    (*value)->kind = kind;
    return 0;
}

static int push_number(struct machine *m, enum elc_pickle_kind kind, int64_t number) {
    struct elc_pickle_value *value = NULL;
    int err = make(m, &value, kind);
    if (err)
        return err;
    value->as.number = number;
    return push(m, value);
}

static int push_empty(struct machine *m, int kind) {
    struct elc_pickle_value *value = NULL;
    int err = make(m, &value, (enum elc_pickle_kind)kind);
    return err ? err : push(m, value);
}

static int push_text(struct machine *m, int length_bytes) {
    uint64_t len;
    int err = take_number(m, (size_t)length_bytes, &len);
    if (err)
        return err;
    const uint8_t *bytes = len <= SIZE_MAX ? take(m, (size_t)len) : NULL;
    if (!bytes)
        return elc_fail(ELC_ETRUNCATED, "ends within a text");
    struct elc_pickle_value *value;
    err = make(m, &value, ELC_PICKLE_TEXT);
    if (err)
        return err;
    value->as.text.text = elc_arena_text(m->arena, (const char *)bytes, (size_t)len);
    value->as.text.len = (size_t)len;
    return value->as.text.text ? push(m, value) : ELC_ENOMEM;
}

/* Is there one, above the last mark? */
static struct elc_pickle_value *pop(struct machine *m) {
    size_t floor = m->n_marks > 0 ? m->marks[m->n_marks - 1] : 0;
    if (m->n_stack <= floor) {
        elc_fail(ELC_EFORMAT, "takes a value from an empty stack");
        return NULL;
    }
    return m->stack[--m->n_stack];
}

static struct elc_pickle_value *top(struct machine *m, enum elc_pickle_kind kind) {
    struct elc_pickle_value *value = pop(m);
    if (value)
        m->n_stack++;
    if (value && value->kind != kind) {
        elc_fail(ELC_EFORMAT, "fills something that is no %s",
                 kind == ELC_PICKLE_DICT ? "dict" : "list");
        value = NULL;
    }
    return value;
}

/* ---- containers ---- */

/* Appends the `n` topmost values and takes them off the stack. */
static int append(struct machine *m, struct elc_pickle_value *list, size_t n) {
    if (n == 0)
        return 0;
    const size_t needed = list->as.list.n + n;
    if (needed > list->as.list.capacity) {
        const size_t doubled = 2 * list->as.list.capacity;
        const size_t capacity = needed > doubled ? needed : doubled;
        const struct elc_pickle_value **items = elc_arena_alloc(m->arena, capacity * sizeof *items);
        if (!items)
            return ELC_ENOMEM;
        if (list->as.list.n > 0)
            memcpy(items, list->as.list.items, list->as.list.n * sizeof *items);
        list->as.list.items = items;
        list->as.list.capacity = capacity;
    }
    m->n_stack -= n;
    memcpy(list->as.list.items + list->as.list.n, m->stack + m->n_stack,
           n * sizeof *list->as.list.items);
    list->as.list.n = needed;
    return 0;
}

static int push_mark(struct machine *m, int unused) {
    (void)unused;
    int err = elc_grow(&m->marks, &m->mark_capacity, m->n_marks + 1, sizeof *m->marks);
    if (!err)
        m->marks[m->n_marks++] = m->n_stack;
    return err;
}

/* *n = how many values are above the last mark, which goes. */
static int pop_mark(struct machine *m, size_t *n) {
    if (m->n_marks == 0)
        return elc_fail(ELC_EFORMAT, "there is no mark");
    *n = m->n_stack - m->marks[--m->n_marks];
    return 0;
}

static int make_tuple(struct machine *m, int values) {
    const size_t n = (size_t)values;
    const size_t floor = m->n_marks > 0 ? m->marks[m->n_marks - 1] : 0;
    if (m->n_stack - floor < n)
        return elc_fail(ELC_EFORMAT, "takes a value from an empty stack");
    struct elc_pickle_value *tuple;
    int err = make(m, &tuple, ELC_PICKLE_TUPLE);
    if (!err)
        err = append(m, tuple, n);
    return err ? err : push(m, tuple);
}

static int make_marked_tuple(struct machine *m, int unused) {
    size_t n = 0;
    (void)unused;
    int err = pop_mark(m, &n);
    return err ? err : make_tuple(m, (int)n);
}

/* Fills the container under the `n` topmost values with them. */
static int fill(struct machine *m, enum elc_pickle_kind kind, size_t n) {
    const size_t floor = m->n_marks > 0 ? m->marks[m->n_marks - 1] : 0;
    if (m->n_stack - floor < n)
        return elc_fail(ELC_EFORMAT, "takes a value from an empty stack");
    m->n_stack -= n;
    struct elc_pickle_value *container = top(m, kind);
    if (!container)
        return ELC_EFORMAT;
    if (kind == ELC_PICKLE_DICT && n % 2 != 0)
        return elc_fail(ELC_EFORMAT, "a key without its value");
    m->n_stack += n;
    return append(m, container, n);
}

static int append_one(struct machine *m, int unused) {
    (void)unused;
    return fill(m, ELC_PICKLE_LIST, 1);
}

static int set_one(struct machine *m, int unused) {
    (void)unused;
    return fill(m, ELC_PICKLE_DICT, 2);
}

static int fill_marked(struct machine *m, int kind) {
    size_t n = 0;
    int err = pop_mark(m, &n);
    return err ? err : fill(m, (enum elc_pickle_kind)kind, n);
}

/* ---- memo ---- */

static int put(struct machine *m, int index_bytes) {
    uint64_t i;
    int err = take_number(m, (size_t)index_bytes, &i);
    if (err)
        return err;
    struct elc_pickle_value *value = pop(m);
    if (!value)
        return ELC_EFORMAT;
    m->n_stack++;
    if (i >= MEMO_LIMIT)
        return elc_fail(ELC_ELIMIT, "remembers a value as number %llu, where %d is the most",
                        (unsigned long long)i, MEMO_LIMIT);
    err = elc_grow(&m->memo, &m->memo_capacity, (size_t)i + 1, sizeof *m->memo);
    if (err)
        return err;
    while (m->n_memo <= i)
        m->memo[m->n_memo++] = NULL;
    m->memo[i] = value;
    return 0;
}

static int get(struct machine *m, int index_bytes) {
    uint64_t i;
    int err = take_number(m, (size_t)index_bytes, &i);
    if (err)
        return err;
    if (i >= m->n_memo || !m->memo[i])
        return elc_fail(ELC_EFORMAT, "recalls a value that it does not have");
    return push(m, m->memo[i]);
}

/* ---- numbers, names, calls ---- */

static int push_none(struct machine *m, int unused) {
    (void)unused;
    return push_number(m, ELC_PICKLE_NONE, 0);
}

static int push_bool(struct machine *m, int value) {
    return push_number(m, ELC_PICKLE_BOOL, value);
}

/* One and two bytes are unsigned, four are signed. */
static int push_int(struct machine *m, int bytes) {
    uint64_t number;
    int err = take_number(m, (size_t)bytes, &number);
    if (err)
        return err;
    return push_number(m, ELC_PICKLE_INT,
                       bytes == 4 ? (int64_t)(int32_t)(uint32_t)number : (int64_t)number);
}

/* LONG1: little-endian two's complement of any length. Longer ones than 64 bits are of no use. */
static int push_long(struct machine *m, int unused) {
    (void)unused;
    uint64_t len;
    int err = take_number(m, 1, &len);
    if (err)
        return err;
    const uint8_t *bytes = take(m, (size_t)len);
    if (!bytes)
        return ELC_ETRUNCATED;
    if (len > 8) /* the number by which torch knows its files has 10 bytes; nobody asks */
        return push_number(m, ELC_PICKLE_FLOAT, 0);
    uint64_t number = elc_little(bytes, (size_t)len);
    if (len > 0 && len < 8 && bytes[len - 1] & 0x80)
        number |= ~UINT64_C(0) << 8 * len;
    return push_number(m, ELC_PICKLE_INT, (int64_t)number);
}

static int push_float(struct machine *m, int unused) {
    (void)unused;
    return take(m, 8) ? push_number(m, ELC_PICKLE_FLOAT, 0) : ELC_ETRUNCATED;
}

static int push_global(struct machine *m, int unused) {
    (void)unused;
    const char *module = take_line(m), *name = module ? take_line(m) : NULL;
    if (!name)
        return ELC_EFORMAT;
    int64_t number;
    int err = elc_pickle_global(&number, module, name);
    return err ? err : push_number(m, ELC_PICKLE_GLOBAL, number);
}

static int reduce(struct machine *m, int unused) {
    (void)unused;
    const struct elc_pickle_value *arguments = pop(m);
    const struct elc_pickle_value *function = arguments ? pop(m) : NULL;
    if (!function)
        return ELC_EFORMAT;
    if (function->kind != ELC_PICKLE_GLOBAL)
        return elc_fail(ELC_EFORMAT, "calls something that is no function");
    struct elc_pickle_value *made;
    int err = make(m, &made, ELC_PICKLE_NONE);
    if (!err)
        err = elc_pickle_call(made, function->as.number, arguments);
    return err ? err : push(m, made);
}

static int persistent(struct machine *m, int unused) {
    (void)unused;
    const struct elc_pickle_value *id = pop(m);
    if (!id)
        return ELC_EFORMAT;
    struct elc_pickle_value *made;
    int err = make(m, &made, ELC_PICKLE_NONE);
    if (!err)
        err = elc_pickle_persistent(made, id);
    return err ? err : push(m, made);
}

/* An OrderedDict's attributes: the versions of modules, which change nothing. */
static int build(struct machine *m, int unused) {
    (void)unused;
    if (!pop(m))
        return ELC_EFORMAT;
    return top(m, ELC_PICKLE_DICT) ? 0 : ELC_EFORMAT;
}

static int check_protocol(struct machine *m, int unused) {
    (void)unused;
    uint64_t protocol;
    int err = take_number(m, 1, &protocol);
    if (!err && protocol != 2)
        err = elc_fail(ELC_EFORMAT, "is a pickle of protocol %llu, not 2",
                       (unsigned long long)protocol);
    return err;
}

/* ---- opcodes ---- */

/* The closed list. After it, what other pickles have: refused like anything else, but by name. */
static const struct operation {
    uint8_t opcode;
    const char *name;
    int (*run)(struct machine *m, int argument); /* NULL: refused */
    int argument;
} operations[] = {
    {0x80, "PROTO", check_protocol, 0},
    {'(', "MARK", push_mark, 0},
    {')', "EMPTY_TUPLE", push_empty, ELC_PICKLE_TUPLE},
    {']', "EMPTY_LIST", push_empty, ELC_PICKLE_LIST},
    {'}', "EMPTY_DICT", push_empty, ELC_PICKLE_DICT},
    {'N', "NONE", push_none, 0},
    {0x88, "NEWTRUE", push_bool, 1},
    {0x89, "NEWFALSE", push_bool, 0},
    {'K', "BININT1", push_int, 1},
    {'M', "BININT2", push_int, 2},
    {'J', "BININT", push_int, 4},
    {0x8a, "LONG1", push_long, 0},
    {'G', "BINFLOAT", push_float, 0},
    {'X', "BINUNICODE", push_text, 4},
    {'T', "BINSTRING", push_text, 4}, /* of Python 2, as the next one */
    {'U', "SHORT_BINSTRING", push_text, 1},
    {'t', "TUPLE", make_marked_tuple, 0},
    {0x85, "TUPLE1", make_tuple, 1},
    {0x86, "TUPLE2", make_tuple, 2},
    {0x87, "TUPLE3", make_tuple, 3},
    {'a', "APPEND", append_one, 0},
    {'e', "APPENDS", fill_marked, ELC_PICKLE_LIST},
    {'s', "SETITEM", set_one, 0},
    {'u', "SETITEMS", fill_marked, ELC_PICKLE_DICT},
    {'q', "BINPUT", put, 1},
    {'r', "LONG_BINPUT", put, 4},
    {'h', "BINGET", get, 1},
    {'j', "LONG_BINGET", get, 4},
    {'c', "GLOBAL", push_global, 0},
    {'R', "REDUCE", reduce, 0},
    {'Q', "BINPERSID", persistent, 0},
    {'b', "BUILD", build, 0},

    {'i', "INST", NULL, 0},
    {'o', "OBJ", NULL, 0},
    {0x81, "NEWOBJ", NULL, 0},
    {0x92, "NEWOBJ_EX", NULL, 0},
    {0x93, "STACK_GLOBAL", NULL, 0},
    {'P', "PERSID", NULL, 0},
    {0x82, "EXT1", NULL, 0},
    {0x83, "EXT2", NULL, 0},
    {0x84, "EXT4", NULL, 0},
    {0x95, "FRAME", NULL, 0},
    {0x94, "MEMOIZE", NULL, 0},
    {0x8c, "SHORT_BINUNICODE", NULL, 0},
    {'I', "INT", NULL, 0},
    {'L', "LONG", NULL, 0},
    {'S', "STRING", NULL, 0},
    {'V', "UNICODE", NULL, 0},
    {'F', "FLOAT", NULL, 0},
    {'p', "PUT", NULL, 0},
    {'g', "GET", NULL, 0},
    {'d', "DICT", NULL, 0},
    {'l', "LIST", NULL, 0},
    {'0', "POP", NULL, 0},
    {'1', "POP_MARK", NULL, 0},
    {'2', "DUP", NULL, 0},
    {0x8b, "LONG4", NULL, 0},
    {'B', "BINBYTES", NULL, 0},
    {'C', "SHORT_BINBYTES", NULL, 0},
};

static int step(struct machine *m, uint8_t opcode) {
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (operations[i].opcode == opcode)
            return operations[i].run
                       ? operations[i].run(m, operations[i].argument)
                       : elc_fail(ELC_EFORMAT, "has the opcode %s, which torch.save does not use",
                                  operations[i].name);
    return elc_fail(ELC_EFORMAT, "has the opcode 0x%02x, which torch.save does not use", opcode);
}

static int run(struct machine *m) {
    for (;;) {
        const uint8_t *opcode = take(m, 1);
        if (!opcode)
            return ELC_ETRUNCATED;
        if (*opcode == '.')
            return m->n_stack == 1 && m->n_marks == 0
                       ? 0
                       : elc_fail(ELC_EFORMAT, "ends with %zu values", m->n_stack);
        int err = step(m, *opcode);
        if (err)
            return elc_context(err, "pickle, byte %zu", (size_t)(opcode - m->begin));
    }
}

int elc_pickle_read(const struct elc_pickle_value **value, size_t *size, const uint8_t *data,
                    size_t len, struct elc_arena *arena) {
    if (len > BYTES_LIMIT)
        len = BYTES_LIMIT;
    struct machine m = {.begin = data, .at = data, .end = data + len, .arena = arena};
    int err = run(&m);
    if (!err) {
        *value = m.stack[0];
        *size = (size_t)(m.at - data);
    }
    free(m.stack);
    free(m.marks);
    free(m.memo);
    return err;
}

const struct elc_pickle_value *elc_pickle_get(const struct elc_pickle_value *dict,
                                              const char *key) {
    const size_t len = strlen(key);
    for (size_t i = 0; dict->kind == ELC_PICKLE_DICT && i < dict->as.list.n; i += 2) {
        const struct elc_pickle_value *found = dict->as.list.items[i];
        if (found->kind == ELC_PICKLE_TEXT && found->as.text.len == len &&
            memcmp(found->as.text.text, key, len) == 0)
            return dict->as.list.items[i + 1];
    }
    return NULL;
}
