/* Training examples: the records of tokens and corrupted streams, by their number in a run.
 *
 * Example i of a run is record i mod n of epoch i div n, where each epoch goes through all n
 * records in an order of its own, drawn from the seed. Files are mapped, verified and indexed (16
 * bytes a record, 8 more to shuffle), a pipe is copied to an unlinked file in $TMPDIR first. A pipe
 * may also be followed live: then records come once, in their order, without an end that is known
 * beforehand.
 */
#ifndef ELECTRA_EXAMPLES_H
#define ELECTRA_EXAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/mask.h"
#include "electra/record.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

struct elc_examples;

enum elc_examples_order {
    ELC_IN_ORDER, /* every epoch in the order of the stream (--no-shuffle, validation) */
    ELC_SHUFFLED, /* every epoch in an order drawn from (seed, epoch) */
    ELC_LIVE,     /* one pipe, read as it comes: no epochs, no size */
};

/* Opens operands as elc_reader_new does (n_paths 0: standard input), reads all of them, verifies
 * every record (not ELC_LIVE) and keeps what is needed to reach each. Kinds other than tokens and
 * corrupted are refused, and segments of different lengths. */
int elc_examples_open(struct elc_examples **examples, char *const *paths, size_t n_paths,
                      enum elc_examples_order order, uint64_t seed, bool force) ELC_MUST_CHECK;
/* ELC_LIVE: from now on waiting for input ends with ELC_ESTOPPED once this flag is set. */
void elc_examples_stop_when(struct elc_examples *examples, const volatile sig_atomic_t *stop);
/* From now on epochs have the orders of another seed; not ELC_LIVE. */
void elc_examples_reseed(struct elc_examples *examples, uint64_t seed);
void elc_examples_close(struct elc_examples *examples);

/* From now on, records that an earlier program rejected, which say so by a key `error`, are as if
 * they were not there; before anything is read, once, not ELC_LIVE. */
int elc_examples_drop_rejected(struct elc_examples *examples, uint64_t *n_dropped) ELC_MUST_CHECK;
/* For messages: where record `index` of those that count stands in the stream, from 1. */
uint64_t elc_examples_number(const struct elc_examples *examples, uint64_t index);

/* From now on a record with a segment id (types) of `n_types` or above is ELC_EMISMATCH; those of
 * an input that is not live are found now. */
int elc_examples_limit_types(struct elc_examples *examples, uint32_t n_types) ELC_MUST_CHECK;

const struct elc_header *elc_examples_header(const struct elc_examples *examples);
/* The first operand, for messages. */
const char *elc_examples_name(const struct elc_examples *examples);
uint64_t elc_examples_count(const struct elc_examples *examples); /* n; 0 under ELC_LIVE */
bool elc_examples_shuffled(const struct elc_examples *examples);
/* What the records are made of; all of them alike. */
enum elc_content {
    ELC_CONTENT_EMPTY,    /* no record was read yet */
    ELC_CONTENT_TOKENS,   /* of a tokens stream */
    ELC_CONTENT_MASKED,   /* of a corrupted stream, with [MASK]s */
    ELC_CONTENT_REPLACED, /* of a corrupted stream, with other tokens in their place */
};
enum elc_content elc_examples_content(const struct elc_examples *examples);
const char *elc_content_name(enum elc_content content); /* "tokens", for messages */
/* How often each token stands in one epoch, before masking [vocab size]; NULL under ELC_LIVE.
 * Borrowed. */
const uint64_t *elc_examples_frequencies(const struct elc_examples *examples);
/* A number that only the same bytes give: of the whole input, or of what has been read of a live
 * one. What a checkpoint keeps to prove that a run goes on with the data it was started on. */
uint64_t elc_examples_digest(const struct elc_examples *examples);

/* One example. A zeroed struct is empty; reuse it, then elc_example_free. */
struct elc_example {
    struct elc_buffer ids;   /* uint32_t each: the original ids, as far as they are known */
    struct elc_buffer types; /* uint32_t each; empty: all 0 */
    size_t n;
    uint64_t epoch;
    /* Of a corrupted stream. A record with `replaced` and without `masked`, such as another program
     * makes that knows no originals, has those positions as masks that are replaced, and another
     * token, [MASK] or [PAD], as their original. */
    bool has_masks;
    struct elc_masks masks;
    bool has_replacements;          /* the record holds replacements, not [MASK]s */
    struct elc_buffer replacements; /* uint32_t each, one for each masked position */
    /* scratch */
    struct elc_buffer numbers, flags;
};
/* Reads example `index` (live: consecutive numbers only). 1, or 0 at the end of a live input, or an
 * error. Text of at most the header's max_length tokens. */
int elc_examples_get(struct elc_examples *examples, uint64_t index,
                     struct elc_example *example) ELC_MUST_CHECK;
void elc_example_free(struct elc_example *example);
/* The same, as the record itself, with all its keys, valid until the next call, and its number,
 * from 0, in the order of the input. */
int elc_examples_record(struct elc_examples *examples, uint64_t index, uint64_t *number,
                        const struct elc_record **record) ELC_MUST_CHECK;
/* Record `number` of those that count, from 0, whatever the order of the run; not ELC_LIVE. */
int elc_examples_at(struct elc_examples *examples, uint64_t number,
                    const struct elc_record **record) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
