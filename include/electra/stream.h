/* Streams: msgpack headers, blocks of records and ends, as electra-stream(5) defines them.
 *
 * A stream is one or more segments: header, blocks, end. Readers walk any number of operands
 * as one stream; a filter writes one segment for each it reads and one block for each block,
 * so that `filter a b`, `cat a b | filter` and `cat <(filter a) <(filter b)` are equal.
 * Every byte is guarded by a checksum; bytes that stop before an end are an error.
 */
#ifndef ELECTRA_STREAM_H
#define ELECTRA_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"
#include "electra/file.h"
#include "electra/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ELC_BLOCK_CLOSE = 262144,           /* a block closes after the record that reaches this */
    ELC_BLOCK_LIMIT = 64 * 1024 * 1024, /* no block is larger */
    ELC_DEPTH_LIMIT = 8,                /* nesting of msgpack containers */
    ELC_HEADER_LIMIT = 1024 * 1024,     /* bytes of a header */
};

enum elc_kind { ELC_TOKENS, ELC_CORRUPTED, ELC_SCORES };
const char *elc_kind_name(enum elc_kind kind); /* "tokens", "corrupted", "scores" */

/* Which vocabulary a stream was made with. `xxh3` is XXH3-128 over every token and a LF. */
struct elc_vocab_id {
    uint64_t size;
    char xxh3[33]; /* 32 hexadecimal digits */
    uint32_t pad, unk, cls, sep, mask;
};

/* Which rules made the tokens. Strings are owned by the header. */
struct elc_tokenizer_id {
    bool cased;
    bool strip_accents;
    char *compat;  /* "fast" or "google" */
    char *pattern; /* the user's pre-tokenization pattern, NULL for BERT's rules */
    char *unicode; /* version of the tables, e.g. "14.0.0" */
    /* Rules of few models; a header without their keys has the usual ones. */
    bool chinese_joined; /* "tokenize_chinese_chars" is false */
    bool keep_controls;  /* "clean_text" is false */
    uint32_t word_chars; /* "max_input_chars_per_word"; 0: as `compat` has it */
};

/* One program that had a part in a stream, with the options that shape its output. */
struct elc_history_entry {
    char *program;
    char *version;
    char **args;
    size_t n_args;
};

/* A header. All strings live in `arena`; keys not listed are kept and passed on in `extra`
 * (complete msgpack key-value pairs, `n_extra` of them). */
struct elc_header {
    enum elc_kind kind;
    unsigned id_width; /* bytes per id: 2 ("u16") or 4 ("u32") */
    uint32_t max_length;
    struct elc_vocab_id vocab;
    struct elc_tokenizer_id tokenizer;
    struct elc_history_entry *history;
    size_t n_history;
    bool has_epoch; /* corrupted */
    uint64_t epoch;
    char *method;
    double mask_prob;
    char *model; /* scores: hash of the model, and the task */
    char *task;
    uint64_t shard, shards; /* this is shard 1 … `shards` of a segment; 0, 0: a whole one */
    struct elc_buffer extra;
    size_t n_extra;
    struct elc_arena arena;
};
void elc_header_free(struct elc_header *header); /* idempotent */
/* A deep copy; `copy` is overwritten. */
int elc_header_copy(struct elc_header *copy, const struct elc_header *header) ELC_MUST_CHECK;
/* Appends {program, version, args} to the history. */
int elc_header_add_history(struct elc_header *header, const char *program, const char *version,
                           const char *const *args, size_t n_args) ELC_MUST_CHECK;
/* ELC_EMISMATCH, naming both sides, unless the two may stand in one stream: same kind,
 * vocabulary, id width and tokenizer. */
int elc_header_check_same(const struct elc_header *a, const char *a_name,
                          const struct elc_header *b, const char *b_name) ELC_MUST_CHECK;
/* ELC_EMISMATCH, naming both sides, unless the stream was made with this vocabulary. */
int elc_header_check_vocab(const struct elc_header *header, const char *header_name,
                           const struct elc_vocab_id *vocab, const char *vocab_name) ELC_MUST_CHECK;

/* A block: `count` record maps, one after another, in `payload`. */
struct elc_block {
    uint64_t first; /* number of its first record in the segment, from 0 */
    uint64_t count;
    struct elc_buffer payload;
    uint64_t xxh3; /* of the payload; set by the reader and by elc_writer_block */
};

/* ---- reading ---- */

struct elc_reader;
enum elc_event { ELC_END = 0, ELC_HEADER = 1, ELC_BLOCK = 2, ELC_SEGMENT_END = 3 };

/* A reader over operands in order (n_paths 0: standard input). `paths` stays the caller's and
 * must outlive the reader. Opens nothing yet but checks that standard input is no terminal
 * unless `force`. */
int elc_reader_new(struct elc_reader **reader, char *const *paths, size_t n_paths,
                   bool force) ELC_MUST_CHECK;
/* A reader over bytes in memory, named `name` in messages; both are borrowed. */
int elc_reader_new_memory(struct elc_reader **reader, const void *bytes, size_t len,
                          const char *name) ELC_MUST_CHECK;
/* The next event, in the order HEADER (BLOCK)* SEGMENT_END, again for each segment, then END.
 * A block is checked and filled (its payload is replaced; free it once at the end). Structure,
 * limits, checksums and, for every record, well-formedness are verified before it is returned.
 * Segments that do not belong together are ELC_EMISMATCH. Returns an elc_event or an error. */
int elc_reader_next(struct elc_reader *reader, struct elc_block *block) ELC_MUST_CHECK;
/* The present segment's header; borrowed until the next ELC_HEADER event. */
const struct elc_header *elc_reader_header(const struct elc_reader *reader);
/* The operand being read, for messages: "corpus.els" or "standard input". */
const char *elc_reader_name(const struct elc_reader *reader);
/* From now on a read that waits ends with ELC_ESTOPPED once this flag, borrowed, is set. */
void elc_reader_stop_when(struct elc_reader *reader, const volatile sig_atomic_t *stop);
/* What is said to whoever gives text, or JSON, where a stream belongs, instead of "electra-tokenize
 * makes one" and "electra-view --from jsonl makes one". Borrowed. */
void elc_reader_hint(struct elc_reader *reader, const char *text, const char *json);
/* Keeps only every `n`-th block, the `k`-th first (1 ≤ k ≤ n), counted over all operands; the
 * others are read and checked but not returned. Headers then name the shard, and blocks keep
 * their `first`. A stream that is a shard already is ELC_EMISMATCH. Before the first event. */
int elc_reader_shard(struct elc_reader *reader, uint64_t k, uint64_t n) ELC_MUST_CHECK;
/* Where the payload of the block last returned starts, counted in bytes from the first operand's
 * first: what lets a mapped file be read by its records later. */
uint64_t elc_reader_payload_offset(const struct elc_reader *reader);
/* XXH3-64 over what the present segment has shown so far, as its end will hold it: what a
 * checkpoint keeps to prove that a pipe is fed the same bytes again. */
uint64_t elc_reader_digest(const struct elc_reader *reader);
void elc_reader_destroy(struct elc_reader *reader);

/* ---- writing ---- */

/* Writes segments to an output; a zeroed struct is ready. The output is borrowed. */
struct elc_writer {
    struct elc_output *output;
    uint64_t records;            /* written in this segment */
    struct XXH3_state_s *digest; /* over what the end's checksum covers */
    struct elc_block block;      /* records of elc_writer_record that are not written yet */
};
/* Starts a segment. */
int elc_writer_header(struct elc_writer *writer, struct elc_output *output,
                      const struct elc_header *header) ELC_MUST_CHECK;
/* Writes one block; first and count are taken from it, xxh3 is computed and set. */
int elc_writer_block(struct elc_writer *writer, struct elc_block *block) ELC_MUST_CHECK;
/* Appends one finished record map to the pending block, which is written once it reaches
 * ELC_BLOCK_CLOSE; ELC_ELIMIT for a record that no block can hold. Numbers blocks itself. */
int elc_writer_record(struct elc_writer *writer, const void *record, size_t len) ELC_MUST_CHECK;
/* The same for `count` finished records, one after another in `len` bytes, that share a block. */
int elc_writer_group(struct elc_writer *writer, const void *records, size_t len,
                     uint64_t count) ELC_MUST_CHECK;
/* Finished records that share a block. */
struct elc_group {
    size_t len;     /* bytes */
    uint64_t count; /* records */
};
/* The same for `n` groups, one after another in `records`; whole blocks of them are not copied. */
int elc_writer_groups(struct elc_writer *writer, const struct elc_buffer *records,
                      const struct elc_group *groups, size_t n) ELC_MUST_CHECK;
/* Writes the pending block, if it holds anything. */
int elc_writer_flush_block(struct elc_writer *writer) ELC_MUST_CHECK;
/* Ends the segment: the pending block and the end. Not called after a failure, so that
 * failure travels down the pipe. */
int elc_writer_end(struct elc_writer *writer) ELC_MUST_CHECK;
void elc_writer_free(struct elc_writer *writer); /* idempotent */

/* ---- shards ---- */

/* Writes the stream that shards were made of: `paths` are all N shards of one stream, each an
 * operand of its own, in any order. ELC_EMISMATCH naming the operand for a shard that is missing
 * or comes twice and for what is no shard; ELC_EFORMAT for records that are missing or come twice.
 * *records is how many were written. Standard input ("-") is refused on a terminal unless
 * `force`. */
int elc_merge(struct elc_output *output, char *const *paths, size_t n_paths, bool force,
              uint64_t *records) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
