/* Records to labelled texts. */
#include "labelled.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/items.h"
#include "electra/parse.h"

/* ---- values ---- */

/* The name of a class: a string, or a number or truth value as it is written. */
struct name {
    const char *text;
    size_t len;
    char written[32];
};

static int read_name(struct name *name, const struct elc_field *value) {
    name->text = name->written;
    switch (value->type) {
    case ELC_STR:
        name->text = (const char *)value->as.bytes.data;
        name->len = value->as.bytes.len;
        return 0;
    case ELC_UINT:
        name->len =
            (size_t)snprintf(name->written, sizeof name->written, "%" PRIu64, value->as.uint);
        return 0;
    case ELC_INT:
        name->len =
            (size_t)snprintf(name->written, sizeof name->written, "%" PRId64, value->as.sint);
        return 0;
    case ELC_REAL:
        name->len = (size_t)snprintf(name->written, sizeof name->written, "%.15g", value->as.real);
        return 0;
    case ELC_BOOL:
        name->text = value->as.boolean ? "true" : "false";
        name->len = strlen(name->text);
        return 0;
    default:
        return elc_fail(ELC_EFORMAT, "key 'label' names no class");
    }
}

static int read_number(float *number, const struct elc_field *value) {
    char text[64];
    double real = 0;
    int err = 0;
    switch (value->type) {
    case ELC_UINT:
        real = (double)value->as.uint;
        break;
    case ELC_INT:
        real = (double)value->as.sint;
        break;
    case ELC_REAL:
        real = value->as.real;
        break;
    case ELC_STR:
        if (value->as.bytes.len >= sizeof text ||
            memchr(value->as.bytes.data, '\0', value->as.bytes.len))
            return elc_fail(ELC_EFORMAT, "key 'label': no number of at most %zu characters",
                            sizeof text - 1);
        (void)snprintf(text, sizeof text, "%.*s", (int)value->as.bytes.len,
                       (const char *)value->as.bytes.data);
        err = elc_parse_real(&real, text, -1e30, 1e30);
        break;
    default:
        return elc_fail(ELC_EFORMAT, "key 'label' is no number");
    }
    if (err)
        return elc_fail(ELC_EFORMAT, "key 'label': %s", elc_error());
    if (!(fabs(real) <= 1e30))
        return elc_fail(ELC_EFORMAT, "key 'label' is no number between -1e30 and 1e30");
    *number = (float)real;
    return 0;
}

static const struct elc_field *find_label(const struct elc_record *record) {
    const struct elc_field *label = elc_record_find(record, "label");
    return label && label->type != ELC_NIL ? label : NULL;
}

static int no_label(void) {
    return elc_fail(ELC_EFORMAT, "there is no label (electra-tokenize --label says which column "
                                 "it is)");
}

/* The elements of an array or, of one value, that value alone. */
static int next_value(struct elc_field *item, const struct elc_field *label,
                      struct elc_items *items, bool *taken) {
    if (label->type == ELC_ARRAY)
        return elc_items_next(items, item);
    if (*taken)
        return 0;
    *taken = true;
    *item = *label;
    return 1;
}

static int wants_one(const struct elc_field *label) {
    return label->type != ELC_ARRAY
               ? 0
               : elc_fail(ELC_EFORMAT, "key 'label' has several labels (--multi-label, or tag for "
                                       "labels of words)");
}

static int wants_array(const struct elc_field *label) {
    return label->type == ELC_ARRAY
               ? 0
               : elc_fail(ELC_EFORMAT, "key 'label' is no array with a label for each word "
                                       "(electra-tokenize --conll)");
}

/* ---- what there is to learn ---- */

int elc_labelled_classes(struct elc_classes *classes, const struct elc_record *record,
                         enum elc_finetune_task task) {
    const struct elc_field *label = find_label(record);
    if (!label)
        return no_label();
    int err = task == ELC_TASK_CLASSIFY ? wants_one(label)
              : task == ELC_TASK_TAG    ? wants_array(label)
                                        : 0;
    struct elc_items items = {0};
    if (!err && label->type == ELC_ARRAY)
        items = elc_field_items(label);
    struct elc_field item;
    bool taken = false;
    int got = 0;
    while (!err && (got = next_value(&item, label, &items, &taken)) > 0) {
        struct name name;
        err = read_name(&name, &item);
        if (!err)
            err = elc_classes_add(classes, name.text, name.len);
    }
    return err ? err : got;
}

int elc_labelled_count(size_t *n, const struct elc_record *record) {
    const struct elc_field *label = find_label(record);
    if (!label)
        return no_label();
    *n = label->type == ELC_ARRAY ? label->as.count : 1;
    return *n > 0 ? 0 : elc_fail(ELC_EFORMAT, "key 'label' is empty");
}

/* ---- targets ---- */

static int read_class(struct elc_labelled *labelled, uint32_t *class, const struct elc_field *value,
                      const struct elc_labelling *labelling) {
    struct name name;
    int err = read_name(&name, value);
    if (err)
        return err;
    if (elc_class_find(class, labelling->classes, labelling->n_outputs, name.text, name.len))
        return 0;
    labelled->unseen = true;
    return elc_fail(ELC_EMISMATCH, "label '%.*s' is none of the %zu that were learnt",
                    (int)(name.len < 100 ? name.len : 100), name.text, labelling->n_outputs);
}

static int read_set(struct elc_labelled *labelled, const struct elc_field *label,
                    const struct elc_labelling *labelling) {
    struct elc_items items = {0};
    struct elc_field item;
    float *values = (float *)(void *)labelled->values.data;
    bool taken = false;
    int got, err = 0;
    memset(values, 0, labelling->n_outputs * sizeof *values);
    if (label->type == ELC_ARRAY)
        items = elc_field_items(label);
    while (!err && (got = next_value(&item, label, &items, &taken)) > 0) {
        uint32_t class = 0;
        err = read_class(labelled, &class, &item, labelling);
        if (!err)
            values[class] = 1;
    }
    return err ? err : got;
}

static int read_values(struct elc_labelled *labelled, const struct elc_field *label,
                       const struct elc_labelling *labelling) {
    labelled->values.len = 0;
    int err = elc_buffer_reserve(&labelled->values, labelling->n_outputs * sizeof(float));
    float *values = (float *)(void *)labelled->values.data;
    labelled->target.values = values;
    if (err)
        return err;
    if (labelling->task == ELC_TASK_SET)
        return read_set(labelled, label, labelling);
    const size_t n = label->type == ELC_ARRAY ? label->as.count : 1;
    if (n != labelling->n_outputs)
        return elc_fail(ELC_EMISMATCH, "key 'label' has %zu numbers where others have %zu", n,
                        labelling->n_outputs);
    struct elc_items items = {0};
    struct elc_field item;
    bool taken = false;
    int got = 0;
    if (label->type == ELC_ARRAY)
        items = elc_field_items(label);
    for (size_t i = 0; !err && (got = next_value(&item, label, &items, &taken)) > 0; i++)
        err = read_number(&values[i], &item);
    return err ? err : got;
}

static int read_words(struct elc_labelled *labelled, const struct elc_record *record,
                      size_t *n_words) {
    int got = elc_record_numbers(record, "words", 4, labelled->n, &labelled->numbers);
    if (got <= 0)
        return got ? got
                   : elc_fail(ELC_EFORMAT, "key 'words', the number of each token's word, is "
                                           "missing (electra-tokenize --words)");
    const uint32_t *words = (const uint32_t *)(const void *)labelled->numbers.data;
    return elc_first_tokens(&labelled->words, n_words, words, labelled->n);
}

/* Are the labels behind the first n all "O"? */
static bool rest_is_outside(struct elc_items items, size_t n) {
    struct elc_field item;
    for (size_t i = 0; elc_items_next(&items, &item) > 0; i++)
        if (i >= n &&
            (item.type != ELC_STR || item.as.bytes.len != 1 || item.as.bytes.data[0] != 'O'))
            return false;
    return true;
}

/* More labels than words have tokens are right where the rest was cut off or is in other windows,
 * or where the last words are nothing but characters that the tokenizer drops: then they are
 * outside of everything. `rest`: there may be more. */
static int check_lengths(const struct elc_field *label, size_t n_words, bool rest) {
    const size_t n_labels = label->as.count;
    if (n_labels < n_words ||
        (n_labels > n_words && !rest && !rest_is_outside(elc_field_items(label), n_words)))
        return elc_fail(ELC_EFORMAT, "key 'label' has %zu labels for %zu words", n_labels, n_words);
    return 0;
}

/* The end of the record whose words were read; nothing if it has none. */
static struct elc_window_end end_of(const struct elc_labelled *labelled,
                                    const struct elc_record *record, uint64_t window) {
    const struct elc_field *id = elc_record_find(record, "id");
    const uint32_t *words = (const uint32_t *)(const void *)labelled->numbers.data;
    for (size_t i = labelled->numbers.len / sizeof *words; id && i > 0; i--)
        if (words[i - 1] != UINT32_MAX)
            return (struct elc_window_end){window, id->raw, id->raw_len, words[i - 1]};
    return (struct elc_window_end){0};
}

int elc_labelled_pass(struct elc_labelled *labelled, const struct elc_record *record) {
    uint64_t window, n_windows;
    int err = elc_record_window(record, &window, &n_windows);
    labelled->numbers.len = 0;
    if (!err)
        err = elc_record_numbers(record, "words", 4, SIZE_MAX, &labelled->numbers);
    if (err >= 0)
        labelled->before = end_of(labelled, record, window);
    return err < 0 ? err : 0;
}

/* Is this the end of the window behind the one that was read last? */
static bool follows(const struct elc_window_end *end, const struct elc_window_end *before) {
    return before->window > 0 && before->window + 1 == end->window &&
           before->id_len == end->id_len && memcmp(before->id, end->id, end->id_len) == 0;
}

/* Of a word that begins in the window before, be it that windows overlap or that it is cut in two,
 * the first token there is the one that counts. */
static void leave_out_begun(struct elc_labelled *labelled, const struct elc_window_end *end) {
    const uint32_t *words = (const uint32_t *)(const void *)labelled->numbers.data;
    struct elc_target *target = &labelled->target;
    if (follows(end, &labelled->before) && words[target->words[0]] > labelled->before.last_word)
        return;
    target->words++;
    target->n_words--;
}

static int read_tags(struct elc_labelled *labelled, const struct elc_record *record,
                     const struct elc_field *label, const struct elc_labelling *labelling) {
    size_t n_words = 0;
    uint64_t cut = 0, window = 1, n_windows = 1;
    int err = wants_array(label);
    if (!err)
        err = read_words(labelled, record, &n_words);
    if (!err)
        err = elc_record_uint(record, "cut", &cut);
    if (err >= 0)
        err = elc_record_window(record, &window, &n_windows);
    if (!err)
        err = check_lengths(label, n_words, cut > 0 || window < n_windows);
    if (err)
        return err;
    const uint32_t *words = (const uint32_t *)(const void *)labelled->numbers.data;
    struct elc_target *target = &labelled->target;
    target->words = (const uint32_t *)(const void *)labelled->words.data;
    target->n_words = labelled->words.len / sizeof *target->words;
    const struct elc_window_end end = end_of(labelled, record, window);
    if (window > 1 && target->n_words > 0)
        leave_out_begun(labelled, &end);
    labelled->before = end;
    struct elc_items items = elc_field_items(label);
    struct elc_field item;
    labelled->labels.len = 0;
    uint32_t word = 0;
    for (size_t i = 0; !err && i < target->n_words; i++) {
        uint32_t class = 0;
        int got = 1;
        for (; got > 0 && word <= words[target->words[i]]; word++)
            got = elc_items_next(&items, &item);
        err = got < 0 ? got : read_class(labelled, &class, &item, labelling);
        if (!err)
            err = elc_buffer_append(&labelled->labels, &class, sizeof class);
    }
    target->labels = (const uint32_t *)(const void *)labelled->labels.data;
    return err;
}

/* [first, last], two whole numbers. */
static int read_span(struct elc_labelled *labelled, struct elc_items *items) {
    uint64_t span[2] = {0, 0};
    struct elc_field item;
    int got = 1;
    bool good = items->count == 2;
    for (size_t i = 0; good && i < 2; i++) {
        got = elc_items_next(items, &item);
        good = got > 0 && item.type == ELC_UINT;
        span[i] = good ? item.as.uint : 0;
    }
    if (got < 0)
        return got;
    if (!good || span[0] > span[1] || span[1] >= labelled->n)
        return elc_fail(ELC_EFORMAT, "key 'span' is not [first, last] token of an answer in %zu",
                        labelled->n);
    const uint8_t *types = labelled->types.data;
    if (span[1] > 0 && (labelled->types.len == 0 || types[span[0]] != 1 || types[span[1]] != 1))
        return elc_fail(ELC_EFORMAT, "key 'span': the answer is not in the context, whose tokens "
                                     "have type 1");
    labelled->target.start = (uint32_t)span[0];
    labelled->target.end = (uint32_t)span[1];
    return 0;
}

static int read_answer(struct elc_labelled *labelled, const struct elc_record *record) {
    const struct elc_field *impossible = elc_record_find(record, "impossible");
    const struct elc_field *span = elc_record_find(record, "span");
    if (impossible && impossible->type != ELC_BOOL)
        return elc_fail(ELC_EFORMAT, "key 'impossible' is neither true nor false");
    labelled->target.impossible = impossible && impossible->as.boolean;
    if (!span && !impossible && !elc_record_find(record, "answers"))
        return elc_fail(ELC_EFORMAT, "there is no answer to learn (electra-tokenize --squad)");
    struct elc_items items;
    int got = span && span->type != ELC_NIL ? elc_record_array(record, "span", &items) : 0;
    return got > 0 ? read_span(labelled, &items) : got;
}

static int read_target(struct elc_labelled *labelled, const struct elc_record *record,
                       const struct elc_labelling *labelling) {
    labelled->target = (struct elc_target){0};
    if (labelling->task == ELC_TASK_QA)
        return read_answer(labelled, record);
    const struct elc_field *label = find_label(record);
    if (!label)
        return no_label();
    switch (labelling->task) {
    case ELC_TASK_CLASSIFY:
        if (wants_one(label))
            return ELC_EFORMAT;
        return read_class(labelled, &labelled->target.label, label, labelling);
    case ELC_TASK_TAG:
        return read_tags(labelled, record, label, labelling);
    default:
        return read_values(labelled, label, labelling);
    }
}

/* ---- texts ---- */

/* [CLS] A [SEP] B [SEP] becomes [CLS] B [SEP] A [SEP]. */
static int swap_pair(struct elc_labelled *labelled) {
    uint8_t *types = labelled->types.data;
    const size_t n = labelled->n;
    size_t n_first = 0;
    while (n_first < labelled->types.len && types[n_first] == 0)
        n_first++;
    if (n_first == 0 || n_first >= n || labelled->types.len != n)
        return elc_fail(ELC_EFORMAT, "there is no pair of texts to swap (--double-order)");
    uint32_t *ids = (uint32_t *)(void *)labelled->ids.data;
    labelled->swapped.len = 0;
    int err = elc_buffer_append(&labelled->swapped, ids + 1, (n_first - 1) * sizeof *ids);
    if (err)
        return err;
    memmove(ids + 1, ids + n_first, (n - n_first) * sizeof *ids);
    memcpy(ids + 1 + (n - n_first), labelled->swapped.data, labelled->swapped.len);
    memset(types, 0, 1 + n - n_first);
    memset(types + 1 + n - n_first, 1, n_first - 1);
    return 0;
}

static int read_types(struct elc_labelled *labelled, const struct elc_record *record) {
    const uint8_t *types;
    size_t len;
    labelled->types.len = 0;
    int got = elc_record_bin(record, "types", &types, &len);
    if (got <= 0)
        return got;
    if (len != labelled->n)
        return elc_fail(ELC_EFORMAT, "key 'types' has %zu numbers for %zu tokens", len,
                        labelled->n);
    return elc_buffer_append(&labelled->types, types, len);
}

int elc_labelled_read(struct elc_labelled *labelled, const struct elc_record *record,
                      const struct elc_header *header, const struct elc_labelling *labelling) {
    labelled->unseen = false;
    int err = elc_record_ids(record, "ids", header->id_width, header->vocab.size, &labelled->ids);
    if (err)
        return err;
    labelled->n = labelled->ids.len / sizeof(uint32_t);
    err = read_types(labelled, record);
    if (!err)
        err = read_target(labelled, record, labelling);
    return !err && labelling->swap ? swap_pair(labelled) : err;
}

void elc_labelled_free(struct elc_labelled *labelled) {
    elc_buffer_free(&labelled->ids);
    elc_buffer_free(&labelled->types);
    elc_buffer_free(&labelled->values);
    elc_buffer_free(&labelled->words);
    elc_buffer_free(&labelled->labels);
    elc_buffer_free(&labelled->numbers);
    elc_buffer_free(&labelled->swapped);
    *labelled = (struct elc_labelled){0};
}
