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

static int push_empty(struct machine *m, enum elc_pickle_kind kind) {
    struct elc_pickle_value *value = NULL;
    int err = make(m, &value, kind);
    return err ? err : push(m, value);
}

static int push_text(struct machine *m, size_t length_bytes) {
    uint64_t len;
    int err = take_number(m, length_bytes, &len);
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

static int push_mark(struct machine *m) {
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

static int make_tuple(struct machine *m, size_t n) {
    const size_t floor = m->n_marks > 0 ? m->marks[m->n_marks - 1] : 0;
    if (m->n_stack - floor < n)
        return elc_fail(ELC_EFORMAT, "takes a value from an empty stack");
    struct elc_pickle_value *tuple;
    int err = make(m, &tuple, ELC_PICKLE_TUPLE);
    if (!err)
        err = append(m, tuple, n);
    return err ? err : push(m, tuple);
}

static int make_marked_tuple(struct machine *m) {
    size_t n = 0;
    int err = pop_mark(m, &n);
    return err ? err : make_tuple(m, n);
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

static int fill_marked(struct machine *m, enum elc_pickle_kind kind) {
    size_t n = 0;
    int err = pop_mark(m, &n);
    return err ? err : fill(m, kind, n);
}

/* ---- memo ---- */

static int put(struct machine *m, size_t length_bytes) {
    uint64_t i;
    int err = take_number(m, length_bytes, &i);
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

static int get(struct machine *m, size_t length_bytes) {
    uint64_t i;
    int err = take_number(m, length_bytes, &i);
    if (err)
        return err;
    if (i >= m->n_memo || !m->memo[i])
        return elc_fail(ELC_EFORMAT, "recalls a value that it does not have");
    return push(m, m->memo[i]);
}

/* ---- numbers, names, calls ---- */

static int push_int(struct machine *m, size_t bytes, bool is_signed) {
    uint64_t number;
    int err = take_number(m, bytes, &number);
    if (err)
        return err;
    return push_number(m, ELC_PICKLE_INT,
                       is_signed ? (int64_t)(int32_t)(uint32_t)number : (int64_t)number);
}

/* LONG1: little-endian two's complement of any length. Longer ones than 64 bits are of no use. */
static int push_long(struct machine *m) {
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

static int push_float(struct machine *m) {
    return take(m, 8) ? push_number(m, ELC_PICKLE_FLOAT, 0) : ELC_ETRUNCATED;
}

static int push_global(struct machine *m) {
    const char *module = take_line(m), *name = module ? take_line(m) : NULL;
    if (!name)
        return ELC_EFORMAT;
    int64_t number;
    int err = elc_pickle_global(&number, module, name);
    return err ? err : push_number(m, ELC_PICKLE_GLOBAL, number);
}

static int reduce(struct machine *m) {
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

static int persistent(struct machine *m) {
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
static int build(struct machine *m) {
    if (!pop(m))
        return ELC_EFORMAT;
    return top(m, ELC_PICKLE_DICT) ? 0 : ELC_EFORMAT;
}

static int check_protocol(struct machine *m) {
    uint64_t protocol;
    int err = take_number(m, 1, &protocol);
    if (!err && protocol != 2)
        err = elc_fail(ELC_EFORMAT, "is a pickle of protocol %llu, not 2",
                       (unsigned long long)protocol);
    return err;
}

/* Names of opcodes that a file might well have, and that are refused all the same. */
static int refuse(uint8_t opcode) {
    static const struct {
        uint8_t opcode;
        const char *name;
    } names[] = {
        {'i', "INST"},       {'o', "OBJ"},           {0x81, "NEWOBJ"},
        {0x92, "NEWOBJ_EX"}, {0x93, "STACK_GLOBAL"}, {'P', "PERSID"},
        {0x82, "EXT1"},      {0x83, "EXT2"},         {0x84, "EXT4"},
        {0x95, "FRAME"},     {0x94, "MEMOIZE"},      {0x8c, "SHORT_BINUNICODE"},
        {'I', "INT"},        {'L', "LONG"},          {'S', "STRING"},
        {'V', "UNICODE"},    {'F', "FLOAT"},         {'p', "PUT"},
        {'g', "GET"},        {'d', "DICT"},          {'l', "LIST"},
        {'0', "POP"},        {'1', "POP_MARK"},      {'2', "DUP"},
        {0x8b, "LONG4"},     {'B', "BINBYTES"},      {'C', "SHORT_BINBYTES"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].opcode == opcode)
            return elc_fail(ELC_EFORMAT, "has the opcode %s, which torch.save does not use",
                            names[i].name);
    return elc_fail(ELC_EFORMAT, "has the opcode 0x%02x, which torch.save does not use", opcode);
}

static int step(struct machine *m, uint8_t opcode) {
    switch (opcode) {
    case 0x80:
        return check_protocol(m);
    case 'N':
        return push_number(m, ELC_PICKLE_NONE, 0);
    case 0x88:
        return push_number(m, ELC_PICKLE_BOOL, 1);
    case 0x89:
        return push_number(m, ELC_PICKLE_BOOL, 0);
    case 'K':
        return push_int(m, 1, false);
    case 'M':
        return push_int(m, 2, false);
    case 'J':
        return push_int(m, 4, true);
    case 0x8a:
        return push_long(m);
    case 'G':
        return push_float(m);
    case 'X': /* BINUNICODE */
    case 'T':
        return push_text(m, 4); /* BINSTRING, of Python 2 */
    case 'U':
        return push_text(m, 1);
    case ')':
        return push_empty(m, ELC_PICKLE_TUPLE);
    case ']':
        return push_empty(m, ELC_PICKLE_LIST);
    case '}':
        return push_empty(m, ELC_PICKLE_DICT);
    case '(':
        return push_mark(m);
    case 't':
        return make_marked_tuple(m);
    case 0x85:
        return make_tuple(m, 1);
    case 0x86:
        return make_tuple(m, 2);
    case 0x87:
        return make_tuple(m, 3);
    case 'a':
        return fill(m, ELC_PICKLE_LIST, 1);
    case 'e':
        return fill_marked(m, ELC_PICKLE_LIST);
    case 's':
        return fill(m, ELC_PICKLE_DICT, 2);
    case 'u':
        return fill_marked(m, ELC_PICKLE_DICT);
    case 'q':
        return put(m, 1);
    case 'r':
        return put(m, 4);
    case 'h':
        return get(m, 1);
    case 'j':
        return get(m, 4);
    case 'c':
        return push_global(m);
    case 'R':
        return reduce(m);
    case 'Q':
        return persistent(m);
    case 'b':
        return build(m);
    default:
        return refuse(opcode);
    }
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
