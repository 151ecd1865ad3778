/* Labelled texts: what the records of a stream say is to be learnt, for each task. */
#ifndef ELC_TRAIN_LABELLED_H
#define ELC_TRAIN_LABELLED_H

#include "electra/finetune.h"
#include "electra/memory.h"
#include "electra/record.h"
#include "electra/stream.h"

/* ---- names of classes (classes.c) ---- */

/* A set of names in the order of their bytes. A zeroed struct is empty. */
struct elc_classes {
    const char **names;
    size_t n, capacity;
    struct elc_arena arena;
};
int elc_classes_add(struct elc_classes *classes, const char *name, size_t len) ELC_MUST_CHECK;
void elc_classes_free(struct elc_classes *classes);
/* The number of a name among `names` [n], in whatever order; false: it is none of them. */
bool elc_class_find(uint32_t *class, const char *const *names, size_t n, const char *name,
                    size_t len);

/* ---- records (labelled.c) ---- */

/* What labels are read by. */
struct elc_labelling {
    enum elc_finetune_task task;
    const char *const *classes; /* [n_outputs] CLASSIFY, SET, TAG */
    size_t n_outputs;           /* of the head */
    bool swap;                  /* a pair's texts change places */
};

/* Where a window of a text ends, for the one behind it. */
struct elc_window_end {
    uint64_t window;   /* its number; 0: none was read */
    const uint8_t *id; /* msgpack of its record */
    size_t id_len;
    uint32_t last_word;
};

/* One text with its target. A zeroed struct is empty; reuse it, then free it. */
struct elc_labelled {
    struct elc_buffer ids;   /* uint32_t each */
    struct elc_buffer types; /* uint8_t each; empty: all 0 */
    size_t n;
    struct elc_target target; /* points into what follows */
    bool unseen;              /* elc_labelled_read failed for a label that is none of the classes */
    struct elc_buffer values, words, labels, numbers, swapped;
    struct elc_window_end before; /* TAG: the record that was read last, which is still there */
};
/* Reads a record of a stream with this header. ELC_EFORMAT, ELC_EMISMATCH: the record has no label
 * that the task can learn from. TAG: a window's first word is learnt only where it is seen to begin
 * there, that is where the window before it was read last. */
int elc_labelled_read(struct elc_labelled *labelled, const struct elc_record *record,
                      const struct elc_header *header,
                      const struct elc_labelling *labelling) ELC_MUST_CHECK;
void elc_labelled_free(struct elc_labelled *labelled);
/* TAG: passes over a record, so that the window behind it can be read. */
int elc_labelled_pass(struct elc_labelled *labelled,
                      const struct elc_record *record) ELC_MUST_CHECK;

/* Adds the classes that a record's label names; for CLASSIFY, SET and TAG. */
int elc_labelled_classes(struct elc_classes *classes, const struct elc_record *record,
                         enum elc_finetune_task task) ELC_MUST_CHECK;
/* How many numbers a REGRESS record's label has. */
int elc_labelled_count(size_t *n, const struct elc_record *record) ELC_MUST_CHECK;

#endif
