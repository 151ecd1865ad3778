/* Records of streams by number: mapped and indexed, or followed live. */
#include "electra/examples.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "electra/random.h"
#include "electra/record.h"
#include "example.h"

/* Where a record lies. */
struct place {
    uint64_t offset; /* in its file */
    uint32_t bytes;
    uint32_t file;
};

struct elc_examples {
    enum elc_examples_order order;
    uint64_t seed;
    const char *name;
    struct elc_header header;
    bool has_header;
    uint64_t digest;
    enum elc_content content;
    uint32_t n_types; /* segment ids are below; 0: they may be any */

    /* indexed */
    struct elc_map *files;
    size_t n_files;
    struct place *places;
    size_t n, places_capacity;
    uint64_t *frequencies;
    uint32_t highest_type;
    uint64_t *permutation; /* of `permuted_epoch` */
    uint64_t permuted_epoch;
    bool has_permutation;
    uint64_t *dropped; /* numbers of the records that were left out, ascending */
    size_t n_dropped, dropped_capacity;

    /* live */
    struct elc_reader *reader;
    struct elc_block block;
    size_t block_position;
    uint64_t next_index;

    struct elc_record record;
    struct elc_example checked; /* scratch of indexing */
};

static uint64_t digest_add(uint64_t digest, uint64_t number) {
    const uint64_t pair[2] = {digest, number};
    return XXH3_64bits(pair, sizeof pair);
}

/* ---- opening ---- */

static int take_header(struct elc_examples *examples, const struct elc_reader *reader) {
    const struct elc_header *header = elc_reader_header(reader);
    if (header->kind == ELC_SCORES)
        return elc_fail(ELC_EMISMATCH,
                        "%s: a stream of scores, where tokens or corrupted are wanted",
                        elc_reader_name(reader));
    if (!examples->has_header) {
        examples->has_header = true;
        return elc_header_copy(&examples->header, header);
    }
    int err =
        elc_header_check_same(&examples->header, examples->name, header, elc_reader_name(reader));
    if (!err && header->max_length != examples->header.max_length)
        err =
            elc_fail(ELC_EMISMATCH, "%s: texts of up to %u tokens, where those of %s have up to %u",
                     elc_reader_name(reader), header->max_length, examples->name,
                     examples->header.max_length);
    return err;
}

/* All records are of one kind: masks and replacements do not mix. */
static int note_content(struct elc_examples *examples, const struct elc_example *example) {
    enum elc_content content = !example->has_masks          ? ELC_CONTENT_TOKENS
                               : !example->has_replacements ? ELC_CONTENT_MASKED
                                                            : ELC_CONTENT_REPLACED;
    if (examples->content == ELC_CONTENT_EMPTY)
        examples->content = content;
    if (examples->content == content)
        return 0;
    return elc_fail(ELC_EFORMAT, "holds %s, the records before %s", elc_content_name(content),
                    elc_content_name(examples->content));
}

static int check_types(const struct elc_examples *examples, const struct elc_example *example) {
    const uint32_t *types = (const uint32_t *)(const void *)example->types.data;
    for (size_t i = 0; examples->n_types > 0 && i < example->types.len / sizeof *types; i++)
        if (types[i] >= examples->n_types)
            return elc_fail(ELC_EMISMATCH, "type %u in key 'types', but the model knows %u types",
                            types[i], examples->n_types);
    return 0;
}

static int index_record(struct elc_examples *examples, struct place place) {
    struct elc_example *example = &examples->checked;
    int err = elc_example_read(example, &examples->record, &examples->header);
    if (!err)
        err = note_content(examples, example);
    if (!err)
        err = elc_grow(&examples->places, &examples->places_capacity, examples->n + 1,
                       sizeof *examples->places);
    if (err)
        return err;
    const uint32_t *ids = (const uint32_t *)(const void *)example->ids.data;
    for (size_t i = 0; i < example->n; i++)
        examples->frequencies[ids[i]]++;
    const uint32_t *types = (const uint32_t *)(const void *)example->types.data;
    for (size_t i = 0; i < example->types.len / sizeof *types; i++)
        if (types[i] > examples->highest_type)
            examples->highest_type = types[i];
    examples->places[examples->n++] = place;
    return 0;
}

static int index_block(struct elc_examples *examples, const struct elc_reader *reader,
                       const struct elc_block *block, uint32_t file) {
    uint64_t payload = elc_reader_payload_offset(reader), number = block->first;
    size_t position = 0;
    int got;
    while ((got = elc_record_next(&examples->record, &block->payload, &position)) > 0) {
        size_t bytes = examples->record.raw_len;
        number++;
        int err = index_record(examples,
                               (struct place){payload + position - bytes, (uint32_t)bytes, file});
        if (err)
            return elc_context(err, "%s: record %llu", elc_reader_name(reader),
                               (unsigned long long)number);
    }
    return got;
}

static int index_file(struct elc_examples *examples, uint32_t file, const char *name) {
    struct elc_reader *reader;
    const struct elc_map *map = &examples->files[file];
    int err = elc_reader_new_memory(&reader, map->data, map->len, name);
    if (err)
        return err;
    struct elc_block block = {0};
    int event;
    while ((event = elc_reader_next(reader, &block)) > ELC_END) {
        err = 0;
        if (event == ELC_HEADER) {
            err = take_header(examples, reader);
            if (!err && !examples->frequencies &&
                !(examples->frequencies = calloc(examples->header.vocab.size, sizeof(uint64_t))))
                err = elc_fail_memory(examples->header.vocab.size * sizeof(uint64_t));
        } else if (event == ELC_BLOCK) {
            err = index_block(examples, reader, &block, file);
        } else {
            examples->digest = digest_add(examples->digest, elc_reader_digest(reader));
        }
        if (err) {
            event = err;
            break;
        }
    }
    elc_buffer_free(&block.payload);
    elc_reader_destroy(reader);
    return event;
}

static int open_file(struct elc_examples *examples, uint32_t file, const char *path) {
    struct elc_input input;
    int err = elc_input_open(&input, path);
    if (err)
        return err;
    err = elc_map_input(&examples->files[file], &input);
    if (!err)
        err = index_file(examples, file, input.name);
    elc_input_close(&input);
    return err;
}

static int open_indexed(struct elc_examples *examples, char *const *paths, size_t n_paths) {
    examples->files = calloc(n_paths, sizeof *examples->files);
    if (!examples->files)
        return elc_fail_memory(0);
    int err = 0;
    for (size_t i = 0; !err && i < n_paths; i++) {
        examples->n_files = i + 1;
        err = open_file(examples, (uint32_t)i, paths[i]);
    }
    return err;
}

/* Reads up to the first header, so that shapes can be checked before the first step. */
static int open_live(struct elc_examples *examples, char *const *paths, size_t n_paths,
                     bool force) {
    int err = elc_reader_new(&examples->reader, paths, n_paths, force);
    if (err)
        return err;
    int event = elc_reader_next(examples->reader, &examples->block);
    return event < 0 ? event : take_header(examples, examples->reader);
}

int elc_examples_open(struct elc_examples **examples_out, char *const *paths, size_t n_paths,
                      enum elc_examples_order order, uint64_t seed, bool force) {
    static char dash[] = "-";
    static char *const standard_input[] = {dash};
    if (n_paths == 0) {
        paths = standard_input;
        n_paths = 1;
    }
    struct elc_examples *examples = calloc(1, sizeof *examples);
    if (!examples)
        return elc_fail_memory(sizeof *examples);
    examples->order = order;
    examples->seed = seed;
    examples->name = strcmp(paths[0], "-") == 0 ? "standard input" : paths[0];
    int err = order == ELC_LIVE ? open_live(examples, paths, n_paths, force)
                                : open_indexed(examples, paths, n_paths);
    if (err) {
        elc_examples_close(examples);
        return err;
    }
    *examples_out = examples;
    return 0;
}

void elc_examples_stop_when(struct elc_examples *examples, const volatile sig_atomic_t *stop) {
    if (examples->reader)
        elc_reader_stop_when(examples->reader, stop);
}

void elc_examples_reseed(struct elc_examples *examples, uint64_t seed) {
    examples->seed = seed;
    examples->has_permutation = false;
}

void elc_examples_close(struct elc_examples *examples) {
    if (!examples)
        return;
    for (size_t i = 0; i < examples->n_files; i++)
        elc_map_close(&examples->files[i]);
    free(examples->files);
    free(examples->places);
    free(examples->frequencies);
    free(examples->permutation);
    free(examples->dropped);
    if (examples->reader)
        elc_reader_destroy(examples->reader);
    elc_buffer_free(&examples->block.payload);
    elc_example_free(&examples->checked);
    elc_header_free(&examples->header);
    free(examples);
}

const struct elc_header *elc_examples_header(const struct elc_examples *examples) {
    return &examples->header;
}

const char *elc_examples_name(const struct elc_examples *examples) {
    return examples->name;
}

uint64_t elc_examples_count(const struct elc_examples *examples) {
    return examples->n;
}

enum elc_content elc_examples_content(const struct elc_examples *examples) {
    return examples->content;
}

const char *elc_content_name(enum elc_content content) {
    static const char *const names[] = {"nothing", "tokens", "masked tokens", "replacements"};
    return names[content];
}

bool elc_examples_shuffled(const struct elc_examples *examples) {
    return examples->order == ELC_SHUFFLED;
}

const uint64_t *elc_examples_frequencies(const struct elc_examples *examples) {
    return examples->frequencies;
}

uint64_t elc_examples_digest(const struct elc_examples *examples) {
    if (examples->order != ELC_LIVE)
        return examples->digest;
    return digest_add(examples->digest, elc_reader_digest(examples->reader));
}

/* ---- what was rejected before ---- */

/* 1, with the record in examples->record, or an error. */
static int read_place(struct elc_examples *examples, const struct place *place) {
    /* The bytes were verified when they were indexed; elc_record_next only reads them. */
    const struct elc_buffer bytes = {(uint8_t *)(uintptr_t)examples->files[place->file].data +
                                         place->offset,
                                     place->bytes, place->bytes};
    size_t position = 0;
    return elc_record_next(&examples->record, &bytes, &position);
}

/* The record that was read last, number i, counts no more. */
static int drop(struct elc_examples *examples, uint64_t i) {
    struct elc_example *example = &examples->checked;
    int err = elc_example_read(example, &examples->record, &examples->header);
    if (!err)
        err = elc_grow(&examples->dropped, &examples->dropped_capacity, examples->n_dropped + 1,
                       sizeof *examples->dropped);
    if (err)
        return err;
    const uint32_t *ids = (const uint32_t *)(const void *)example->ids.data;
    for (size_t k = 0; k < example->n; k++)
        examples->frequencies[ids[k]]--;
    examples->dropped[examples->n_dropped++] = i;
    examples->digest = digest_add(examples->digest, i);
    return 0;
}

int elc_examples_drop_rejected(struct elc_examples *examples, uint64_t *n_dropped) {
    size_t kept = 0;
    for (size_t i = 0; i < examples->n; i++) {
        int got = read_place(examples, &examples->places[i]);
        if (got > 0 && elc_record_find(&examples->record, "error"))
            got = drop(examples, i);
        else
            examples->places[kept++] = examples->places[i];
        if (got < 0)
            return got;
    }
    examples->n = kept;
    *n_dropped = examples->n_dropped;
    return 0;
}

uint64_t elc_examples_number(const struct elc_examples *examples, uint64_t index) {
    for (size_t k = 0; k < examples->n_dropped && examples->dropped[k] <= index; k++)
        index++;
    return index + 1;
}

int elc_examples_limit_types(struct elc_examples *examples, uint32_t n_types) {
    examples->n_types = n_types;
    int err = 0;
    for (size_t i = 0; !err && examples->highest_type >= n_types && i < examples->n; i++) {
        err = read_place(examples, &examples->places[i]);
        if (err > 0)
            err = elc_example_read(&examples->checked, &examples->record, &examples->header);
        if (!err)
            err = check_types(examples, &examples->checked);
        if (err)
            err = elc_context(err, "%s: record %llu", examples->name,
                              (unsigned long long)elc_examples_number(examples, i));
    }
    return err;
}

/* ---- reading ---- */

static int permute(struct elc_examples *examples, uint64_t epoch) {
    if (examples->has_permutation && examples->permuted_epoch == epoch)
        return 0;
    if (!examples->permutation &&
        !(examples->permutation = malloc(examples->n * sizeof *examples->permutation)))
        return elc_fail_memory(examples->n * sizeof *examples->permutation);
    struct elc_random random;
    elc_random_init(&random, examples->seed, ELC_EPOCH_ORDER, epoch, 0);
    elc_random_permutation(examples->permutation, examples->n, &random);
    examples->permuted_epoch = epoch;
    examples->has_permutation = true;
    return 0;
}

static int find_indexed(struct elc_examples *examples, uint64_t index, uint64_t *number,
                        uint64_t *epoch) {
    if (examples->n == 0)
        return elc_fail(ELC_EFORMAT, "%s: no records", examples->name);
    *epoch = index / examples->n;
    *number = index % examples->n;
    int err = examples->order == ELC_SHUFFLED ? permute(examples, *epoch) : 0;
    if (err)
        return err;
    if (examples->order == ELC_SHUFFLED)
        *number = examples->permutation[*number];
    return read_place(examples, &examples->places[*number]);
}

/* The next block that holds records; 1, 0 at the end, or an error. */
static int next_live_block(struct elc_examples *examples) {
    int event;
    while ((event = elc_reader_next(examples->reader, &examples->block)) > ELC_END) {
        if (event == ELC_BLOCK) {
            examples->block_position = 0;
            return 1;
        }
        if (event == ELC_HEADER) {
            int err = take_header(examples, examples->reader);
            if (err)
                return err;
        } else {
            examples->digest = digest_add(examples->digest, elc_reader_digest(examples->reader));
        }
    }
    return event;
}

/* 1, 0 at the end, or an error. */
static int find_live(struct elc_examples *examples, uint64_t index, uint64_t *number) {
    while (true) {
        int got = examples->block.payload.len == 0
                      ? 0
                      : elc_record_next(&examples->record, &examples->block.payload,
                                        &examples->block_position);
        if (got == 0)
            got = next_live_block(examples);
        else if (got > 0 && examples->next_index++ >= index)
            break; /* a resumed run passes over what it has seen */
        if (got <= 0)
            return got;
    }
    *number = examples->next_index - 1;
    return 1;
}

static int find_record(struct elc_examples *examples, uint64_t index, uint64_t *number,
                       uint64_t *epoch) {
    *epoch = 0;
    return examples->order == ELC_LIVE ? find_live(examples, index, number)
                                       : find_indexed(examples, index, number, epoch);
}

int elc_examples_get(struct elc_examples *examples, uint64_t index, struct elc_example *example) {
    uint64_t number;
    int got = find_record(examples, index, &number, &example->epoch);
    int err = got > 0 ? elc_example_read(example, &examples->record, &examples->header) : 0;
    if (!err && got > 0)
        err = note_content(examples, example);
    if (!err && got > 0)
        err = check_types(examples, example);
    return err ? elc_context(err, "%s: record %llu", examples->name, (unsigned long long)number + 1)
               : got;
}

int elc_examples_record(struct elc_examples *examples, uint64_t index, uint64_t *number,
                        const struct elc_record **record) {
    uint64_t epoch;
    int got = find_record(examples, index, number, &epoch);
    *record = &examples->record;
    return got;
}

int elc_examples_at(struct elc_examples *examples, uint64_t number,
                    const struct elc_record **record) {
    *record = &examples->record;
    return read_place(examples, &examples->places[number]);
}
