/* Walking, splitting and decoding msgpack values. */
#include "wire.h"

#include <string.h>

/* What follows the lead bytes 0xc0 to 0xdf: a big-endian length of `field` bytes, then that many
 * bytes (or elements, or pairs) and `more` bytes besides: a number's own, an extension's type. */
struct lead {
    uint8_t shape, field, more;
    bool reserved;
};
static const struct lead leads[32] = {
    {ELC_SCALAR, 0, 0, false},    /* nil */
    {ELC_SCALAR, 0, 0, true},     /* never used */
    {ELC_SCALAR, 0, 0, false},    /* false */
    {ELC_SCALAR, 0, 0, false},    /* true */
    {ELC_SHAPE_BIN, 1, 0, false}, /* bin 8, 16, 32 */
    {ELC_SHAPE_BIN, 2, 0, false},   {ELC_SHAPE_BIN, 4, 0, false},
    {ELC_SHAPE_EXT, 1, 1, false}, /* ext 8, 16, 32 */
    {ELC_SHAPE_EXT, 2, 1, false},   {ELC_SHAPE_EXT, 4, 1, false},
    {ELC_SCALAR, 0, 4, false},                                 /* float 32, 64 */
    {ELC_SCALAR, 0, 8, false},      {ELC_SCALAR, 0, 1, false}, /* uint 8, 16, 32, 64 */
    {ELC_SCALAR, 0, 2, false},      {ELC_SCALAR, 0, 4, false},
    {ELC_SCALAR, 0, 8, false},      {ELC_SCALAR, 0, 1, false}, /* int 8, 16, 32, 64 */
    {ELC_SCALAR, 0, 2, false},      {ELC_SCALAR, 0, 4, false},
    {ELC_SCALAR, 0, 8, false},      {ELC_SHAPE_EXT, 0, 2, false}, /* fixext 1, 2, 4, 8, 16 */
    {ELC_SHAPE_EXT, 0, 3, false},   {ELC_SHAPE_EXT, 0, 5, false},
    {ELC_SHAPE_EXT, 0, 9, false},   {ELC_SHAPE_EXT, 0, 17, false},
    {ELC_SHAPE_STR, 1, 0, false}, /* str 8, 16, 32 */
    {ELC_SHAPE_STR, 2, 0, false},   {ELC_SHAPE_STR, 4, 0, false},
    {ELC_SHAPE_ARRAY, 2, 0, false},                               /* array 16, 32 */
    {ELC_SHAPE_ARRAY, 4, 0, false}, {ELC_SHAPE_MAP, 2, 0, false}, /* map 16, 32 */
    {ELC_SHAPE_MAP, 4, 0, false},
};

int elc_wire_head(struct elc_head *head, const uint8_t *data, size_t len) {
    if (len == 0)
        return 0;
    uint8_t first = data[0];
    head->len = 1;
    if (first < 0x80 || first >= 0xe0) { /* fixint */
        head->shape = ELC_SCALAR;
        head->count = 0;
    } else if (first < 0x90) {
        head->shape = ELC_SHAPE_MAP;
        head->count = first & 0x0f;
    } else if (first < 0xa0) {
        head->shape = ELC_SHAPE_ARRAY;
        head->count = first & 0x0f;
    } else if (first < 0xc0) {
        head->shape = ELC_SHAPE_STR;
        head->count = first & 0x1f;
    } else {
        struct lead lead = leads[first - 0xc0];
        if (lead.reserved)
            return elc_fail(ELC_EFORMAT, "not msgpack: byte 0xc1");
        if (len < (size_t)lead.field + 1)
            return 0;
        head->shape = lead.shape;
        head->len = (size_t)lead.field + 1;
        head->count = 0;
        for (size_t i = 1; i <= lead.field; i++)
            head->count = head->count << 8 | data[i];
        head->count += lead.more;
    }
    return 1;
}

int elc_wire_scan(const uint8_t *data, size_t len, unsigned depth_limit, uint64_t *size) {
    uint64_t open[ELC_DEPTH_LIMIT]; /* elements that each open container still lacks */
    unsigned depth = 0;
    uint64_t pending = 1; /* values still to come; each takes a byte at least */
    size_t at = 0;
    do {
        struct elc_head head;
        *size = at + pending;
        if (pending > len - at)
            return 0;
        int got = elc_wire_head(&head, data + at, len - at);
        if (got <= 0) {
            *size = len + pending;
            return got;
        }
        at += head.len;
        pending--;
        if (depth > 0)
            open[depth - 1]--;
        if (head.shape == ELC_SHAPE_ARRAY || head.shape == ELC_SHAPE_MAP) {
            if (depth == depth_limit)
                return elc_fail(ELC_ELIMIT, "nested deeper than %d", ELC_DEPTH_LIMIT);
            open[depth] = head.shape == ELC_SHAPE_MAP ? 2 * head.count : head.count;
            pending += open[depth++];
        } else {
            *size = at + head.count + pending;
            if (head.count > len - at)
                return 0;
            at += (size_t)head.count;
        }
        while (depth > 0 && open[depth - 1] == 0)
            depth--;
    } while (pending > 0);
    *size = at;
    return 1;
}

static bool has_key(const struct elc_record *record, const char *key, size_t len) {
    for (size_t i = 0; i < record->n_fields; i++)
        if (record->fields[i].key_len == len && memcmp(record->fields[i].key, key, len) == 0)
            return true;
    return false;
}

static int overrun(int got) {
    return got < 0 ? got : elc_fail(ELC_EFORMAT, "a value runs past the end of what holds it");
}

/* Reads the key at data[*at], which moves behind it. */
static int split_key(struct elc_record *record, const uint8_t *data, size_t len, size_t *at) {
    struct elc_head head;
    int got = elc_wire_head(&head, data + *at, len - *at);
    if (got <= 0)
        return overrun(got);
    if (head.shape != ELC_SHAPE_STR)
        return elc_fail(ELC_EFORMAT, "a key is not a string");
    *at += head.len;
    if (head.count > len - *at)
        return overrun(0);
    struct elc_field *field = &record->fields[record->n_fields];
    field->key = (const char *)data + *at;
    field->key_len = (size_t)head.count;
    *at += field->key_len;
    if (has_key(record, field->key, field->key_len))
        return elc_fail(ELC_EFORMAT, "key '%.*s' comes twice",
                        (int)(field->key_len < 64 ? field->key_len : 64), field->key);
    return 0;
}

int elc_wire_map(struct elc_record *record, const uint8_t *data, size_t len, unsigned depth_limit) {
    struct elc_head head;
    int got = elc_wire_head(&head, data, len);
    if (got <= 0)
        return overrun(got);
    if (head.shape != ELC_SHAPE_MAP)
        return elc_fail(ELC_EFORMAT, "not a map");
    if (head.count > ELC_FIELDS_LIMIT)
        return elc_fail(ELC_ELIMIT, "%llu keys where %d are the most",
                        (unsigned long long)head.count, ELC_FIELDS_LIMIT);
    size_t at = head.len;
    for (record->n_fields = 0; record->n_fields < head.count; record->n_fields++) {
        struct elc_field *field = &record->fields[record->n_fields];
        int err = split_key(record, data, len, &at);
        if (err)
            return err;
        uint64_t size;
        got = elc_wire_scan(data + at, len - at, depth_limit - 1, &size);
        if (got <= 0)
            return overrun(got);
        field->raw = data + at;
        field->raw_len = (size_t)size;
        at += field->raw_len;
    }
    record->raw = data;
    record->raw_len = at;
    return 0;
}

/* Scalars are what msgpack-c says they are; it allocates nothing for them. */
static int decode_scalar(struct elc_field *field) {
    msgpack_unpacked result;
    msgpack_unpacked_init(&result);
    size_t at = 0;
    msgpack_unpack_return got =
        msgpack_unpack_next(&result, (const char *)field->raw, field->raw_len, &at);
    msgpack_object object = result.data;
    msgpack_unpacked_destroy(&result);
    if (got != MSGPACK_UNPACK_SUCCESS)
        return elc_fail(ELC_EFORMAT, "not msgpack");
    switch (object.type) {
    case MSGPACK_OBJECT_BOOLEAN:
        field->type = ELC_BOOL;
        field->as.boolean = object.via.boolean;
        return 0;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        field->type = ELC_UINT;
        field->as.uint = object.via.u64;
        return 0;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        field->type = ELC_INT;
        field->as.sint = object.via.i64;
        return 0;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        field->type = ELC_REAL;
        field->as.real = object.via.f64;
        return 0;
    default:
        field->type = ELC_NIL;
        return 0;
    }
}

int elc_wire_decode(struct elc_field *field) {
    struct elc_head head;
    int got = elc_wire_head(&head, field->raw, field->raw_len);
    if (got <= 0)
        return overrun(got);
    switch (head.shape) {
    case ELC_SCALAR:
        return decode_scalar(field);
    case ELC_SHAPE_ARRAY:
    case ELC_SHAPE_MAP:
        field->type = head.shape == ELC_SHAPE_MAP ? ELC_MAP : ELC_ARRAY;
        field->as.count = (size_t)head.count;
        return 0;
    case ELC_SHAPE_STR:
        field->type = ELC_STR;
        break;
    case ELC_SHAPE_BIN:
        field->type = ELC_BIN;
        break;
    case ELC_SHAPE_EXT: /* its first byte is the extension's type */
        field->type = ELC_EXT;
        break;
    }
    field->as.bytes.data = field->raw + head.len;
    field->as.bytes.len = (size_t)head.count;
    return 0;
}

int elc_wire_value(struct elc_field *value, const uint8_t *data, size_t len) {
    uint64_t size;
    int got = elc_wire_scan(data, len, ELC_DEPTH_LIMIT, &size);
    if (got <= 0)
        return overrun(got);
    *value = (struct elc_field){.raw = data, .raw_len = (size_t)size};
    return elc_wire_decode(value);
}

const uint8_t *elc_wire_elements(const struct elc_field *container) {
    struct elc_head head = {.len = 0};
    int got = elc_wire_head(&head, container->raw, container->raw_len);
    (void)got; /* it was decoded before */
    return container->raw + head.len;
}

/* ---- packing ---- */

static int append_packed(void *buffer, const char *bytes, size_t len) {
    return elc_buffer_append(buffer, bytes, len);
}

void elc_packer_init(msgpack_packer *packer, struct elc_buffer *buffer) {
    msgpack_packer_init(packer, buffer, append_packed);
}

int elc_pack_str(msgpack_packer *packer, const char *text, size_t len) {
    if (len > UINT32_MAX)
        return elc_fail(ELC_ELIMIT, "a string of more than 2^32 bytes");
    return msgpack_pack_str_with_body(packer, text, len);
}

int elc_pack_key(msgpack_packer *packer, const char *key) {
    return elc_pack_str(packer, key, strlen(key));
}

int elc_pack_bin(msgpack_packer *packer, const void *bytes, size_t len) {
    if (len > UINT32_MAX)
        return elc_fail(ELC_ELIMIT, "binary data of more than 2^32 bytes");
    return msgpack_pack_bin_with_body(packer, bytes, len);
}
