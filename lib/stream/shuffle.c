/* Random order: sorted runs in memory, spilled and merged where there are several. */
#include "electra/shuffle.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "electra/file.h"
#include "electra/memory.h"
#include "electra/random.h"

enum {
    CURSOR_BYTES = 64 * 1024, /* the least that a run is read by at once */
    SPILL_BYTES = 256 * 1024, /* written at once */
};

/* In memory: a record's key and where it is. In input order offsets grow, so they break ties. */
struct place {
    uint64_t key;
    size_t offset; /* into `records`: its length, a size_t, then its bytes */
};

/* In the spool a record is its key and its length, both uint64_t, then its bytes. */
struct frame {
    uint64_t key, len;
};

/* A sorted stretch of the spool. */
struct run {
    off_t begin, end;
};

/* A run while it is merged: its next record, and what was read behind it. */
struct cursor {
    struct run rest; /* not read yet */
    size_t index;    /* of the run: earlier runs hold earlier records, which breaks ties */
    struct elc_buffer buffer;
    size_t begin; /* of the next record's frame in the buffer */
    struct frame frame;
};

struct elc_shuffle {
    size_t memory;
    uint64_t seed, n_added;
    struct elc_random random;
    struct elc_buffer records;
    struct place *places;
    size_t n_places, places_capacity;
    size_t next_place;
    bool sorted; /* nothing is added any more */

    int spool; /* -1: nothing was spilled */
    off_t spool_len;
    struct run *runs;
    size_t n_runs, runs_capacity;
    struct elc_buffer pending; /* of the spool */

    struct cursor *heap; /* the least next record first */
    size_t n_heap, heap_capacity;
    bool top_taken; /* the first cursor's record was handed out: advance before the next */
};

int elc_shuffle_new(struct elc_shuffle **shuffle, uint64_t seed, size_t memory) {
    *shuffle = calloc(1, sizeof **shuffle);
    if (!*shuffle)
        return elc_fail_memory(sizeof **shuffle);
    (*shuffle)->memory = memory < ELC_SHUFFLE_MEMORY_MIN ? ELC_SHUFFLE_MEMORY_MIN : memory;
    (*shuffle)->seed = seed;
    (*shuffle)->spool = -1;
    return 0;
}

static void free_heap(struct elc_shuffle *shuffle) {
    for (size_t i = 0; i < shuffle->n_heap; i++)
        elc_buffer_free(&shuffle->heap[i].buffer);
    shuffle->n_heap = 0;
}

void elc_shuffle_destroy(struct elc_shuffle *shuffle) {
    if (!shuffle)
        return;
    free_heap(shuffle);
    if (shuffle->spool >= 0)
        close(shuffle->spool);
    elc_buffer_free(&shuffle->records);
    elc_buffer_free(&shuffle->pending);
    free(shuffle->places);
    free(shuffle->runs);
    free(shuffle->heap);
    free(shuffle);
}

/* ---- runs in memory ---- */

static int compare_places(const void *a, const void *b) {
    const struct place *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static void sort_places(struct elc_shuffle *shuffle) {
    if (shuffle->n_places > 0)
        qsort(shuffle->places, shuffle->n_places, sizeof *shuffle->places, compare_places);
}

static const uint8_t *place_record(const struct elc_shuffle *shuffle, const struct place *place,
                                   size_t *len) {
    memcpy(len, shuffle->records.data + place->offset, sizeof *len);
    return shuffle->records.data + place->offset + sizeof *len;
}

/* ---- the spool ---- */

static int flush_spool(struct elc_shuffle *shuffle) {
    struct elc_buffer *pending = &shuffle->pending;
    for (size_t done = 0; done < pending->len;) {
        ssize_t wrote =
            pwrite(shuffle->spool, pending->data + done, pending->len - done, shuffle->spool_len);
        if (wrote < 0)
            return elc_fail_errno("temporary file");
        done += (size_t)wrote;
        shuffle->spool_len += wrote;
    }
    pending->len = 0;
    return 0;
}

static int spill_record(struct elc_shuffle *shuffle, uint64_t key, const void *record, size_t len) {
    const struct frame frame = {key, len};
    int err = elc_buffer_append(&shuffle->pending, &frame, sizeof frame);
    if (!err)
        err = elc_buffer_append(&shuffle->pending, record, len);
    if (!err && shuffle->pending.len >= SPILL_BYTES)
        err = flush_spool(shuffle);
    return err;
}

/* Ends the run that began at `begin`, as number `index`. */
static int end_run(struct elc_shuffle *shuffle, off_t begin, size_t index) {
    int err = flush_spool(shuffle);
    if (!err)
        err = elc_grow(&shuffle->runs, &shuffle->runs_capacity, index + 1, sizeof *shuffle->runs);
    if (!err)
        shuffle->runs[index] = (struct run){begin, shuffle->spool_len};
    return err;
}

/* Sorts what is in memory into a run of the spool. */
static int spill(struct elc_shuffle *shuffle) {
    off_t begin = shuffle->spool_len;
    int err = shuffle->spool < 0 ? elc_spool_open(&shuffle->spool) : 0;
    sort_places(shuffle);
    for (size_t i = 0; !err && i < shuffle->n_places; i++) {
        size_t len;
        const uint8_t *record = place_record(shuffle, &shuffle->places[i], &len);
        err = spill_record(shuffle, shuffle->places[i].key, record, len);
    }
    if (!err)
        err = end_run(shuffle, begin, shuffle->n_runs);
    shuffle->n_runs++;
    shuffle->n_places = 0;
    shuffle->records.len = 0;
    return err;
}

int elc_shuffle_add(struct elc_shuffle *shuffle, const void *record, size_t len) {
    /* Twice the places: sorting needs as much again. */
    size_t used = shuffle->records.len + 2 * shuffle->n_places * sizeof *shuffle->places;
    size_t more = sizeof len + len + 2 * sizeof *shuffle->places;
    int err = 0;
    if (shuffle->n_places > 0 && (used > shuffle->memory || more > shuffle->memory - used))
        err = spill(shuffle);
    if (!err)
        err = elc_grow(&shuffle->places, &shuffle->places_capacity, shuffle->n_places + 1,
                       sizeof *shuffle->places);
    size_t offset = shuffle->records.len;
    if (!err)
        err = elc_buffer_append(&shuffle->records, &len, sizeof len);
    if (!err)
        err = elc_buffer_append(&shuffle->records, record, len);
    if (err)
        return err;
    if (shuffle->n_added % UINT32_MAX == 0) /* a sequence is finite */
        elc_random_init(&shuffle->random, shuffle->seed, ELC_SHUFFLE, shuffle->n_added / UINT32_MAX,
                        0);
    uint64_t key = elc_random_u32(&shuffle->random);
    key = key << 32 | elc_random_u32(&shuffle->random);
    shuffle->places[shuffle->n_places++] = (struct place){key, offset};
    shuffle->n_added++;
    return 0;
}

/* ---- merging ---- */

/* Makes `need` bytes wait in the cursor's buffer. */
static int fill_cursor(struct elc_shuffle *shuffle, struct cursor *cursor, size_t need) {
    struct elc_buffer *buffer = &cursor->buffer;
    if (buffer->len - cursor->begin >= need)
        return 0;
    memmove(buffer->data, buffer->data + cursor->begin, buffer->len - cursor->begin);
    buffer->len -= cursor->begin;
    cursor->begin = 0;
    int err = buffer->capacity < need ? elc_buffer_reserve(buffer, need - buffer->len) : 0;
    while (!err && buffer->len < need) {
        size_t room = buffer->capacity - buffer->len;
        off_t rest = cursor->rest.end - cursor->rest.begin;
        size_t len = (off_t)room < rest ? room : (size_t)rest;
        ssize_t got = pread(shuffle->spool, buffer->data + buffer->len, len, cursor->rest.begin);
        if (got < 0)
            return elc_fail_errno("temporary file");
        if (got == 0)
            return elc_fail(ELC_EIO, "temporary file: shorter than it was written");
        buffer->len += (size_t)got;
        cursor->rest.begin += got;
    }
    return err;
}

/* Moves to the next record. 1, 0 at the end of the run, or an error. */
static int advance(struct elc_shuffle *shuffle, struct cursor *cursor) {
    if (cursor->begin == cursor->buffer.len && cursor->rest.begin == cursor->rest.end)
        return 0;
    int err = fill_cursor(shuffle, cursor, sizeof cursor->frame);
    if (err)
        return err;
    memcpy(&cursor->frame, cursor->buffer.data + cursor->begin, sizeof cursor->frame);
    err = fill_cursor(shuffle, cursor, sizeof cursor->frame + (size_t)cursor->frame.len);
    return err ? err : 1;
}

static bool is_before(const struct cursor *a, const struct cursor *b) {
    return a->frame.key < b->frame.key || (a->frame.key == b->frame.key && a->index < b->index);
}

/* Restores the heap below `at`, whose cursor may have grown. */
static void sift_down(struct elc_shuffle *shuffle, size_t at) {
    struct cursor *heap = shuffle->heap;
    while (true) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < shuffle->n_heap; child++)
            if (is_before(&heap[child], &heap[least]))
                least = child;
        if (least == at)
            return;
        struct cursor moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

/* Opens a merge of `n` runs from number `first` on. */
static int merge_open(struct elc_shuffle *shuffle, size_t first, size_t n) {
    int err = elc_grow(&shuffle->heap, &shuffle->heap_capacity, n, sizeof *shuffle->heap);
    size_t share = shuffle->memory / n;
    for (size_t i = 0; !err && i < n; i++) {
        struct cursor *cursor = &shuffle->heap[shuffle->n_heap++];
        *cursor = (struct cursor){.rest = shuffle->runs[first + i], .index = i};
        err = elc_buffer_reserve(&cursor->buffer, share);
        if (err)
            return err;
        int got = advance(shuffle, cursor); /* no run is empty */
        err = got < 0 ? got : 0;
    }
    for (size_t i = n / 2; !err && i-- > 0;)
        sift_down(shuffle, i);
    shuffle->top_taken = false;
    return err;
}

/* The least record that is left. 1, 0 after the last, or an error. */
static int merge_next(struct elc_shuffle *shuffle, struct frame *frame, const void **record) {
    if (shuffle->top_taken) {
        struct cursor *top = &shuffle->heap[0];
        top->begin += sizeof top->frame + (size_t)top->frame.len;
        int got = advance(shuffle, top);
        if (got < 0)
            return got;
        if (got == 0) {
            elc_buffer_free(&top->buffer);
            *top = shuffle->heap[--shuffle->n_heap];
        }
        sift_down(shuffle, 0);
    }
    shuffle->top_taken = shuffle->n_heap > 0;
    if (shuffle->n_heap == 0)
        return 0;
    *frame = shuffle->heap[0].frame;
    *record = shuffle->heap[0].buffer.data + shuffle->heap[0].begin + sizeof *frame;
    return 1;
}

/* Merges `n` runs from number `first` on into one, which becomes number `index`. */
static int merge_runs(struct elc_shuffle *shuffle, size_t first, size_t n, size_t index) {
    off_t begin = shuffle->spool_len;
    struct frame frame;
    const void *record;
    int got = merge_open(shuffle, first, n);
    if (!got)
        got = 1;
    while (got > 0) {
        got = merge_next(shuffle, &frame, &record);
        if (got > 0) {
            int err = spill_record(shuffle, frame.key, record, (size_t)frame.len);
            got = err ? err : 1;
        }
    }
    free_heap(shuffle);
    return got < 0 ? got : end_run(shuffle, begin, index);
}

/* Merges runs until all that are left can be read side by side. */
static int reduce_runs(struct elc_shuffle *shuffle) {
    size_t fan_in = shuffle->memory / CURSOR_BYTES;
    while (shuffle->n_runs > fan_in) {
        size_t n_merged = 0;
        for (size_t first = 0; first < shuffle->n_runs; first += fan_in) {
            size_t n = shuffle->n_runs - first < fan_in ? shuffle->n_runs - first : fan_in;
            int err = merge_runs(shuffle, first, n, n_merged++);
            if (err)
                return err;
        }
        shuffle->n_runs = n_merged;
    }
    return 0;
}

static int begin_output(struct elc_shuffle *shuffle) {
    shuffle->sorted = true;
    if (shuffle->n_runs == 0) {
        sort_places(shuffle);
        return 0;
    }
    int err = shuffle->n_places > 0 ? spill(shuffle) : 0;
    elc_buffer_free(&shuffle->records);
    free(shuffle->places);
    shuffle->places = NULL;
    shuffle->places_capacity = 0;
    if (!err)
        err = reduce_runs(shuffle);
    return err ? err : merge_open(shuffle, 0, shuffle->n_runs);
}

int elc_shuffle_next(struct elc_shuffle *shuffle, const void **record, size_t *len) {
    if (!shuffle->sorted) {
        int err = begin_output(shuffle);
        if (err)
            return err;
    }
    if (shuffle->n_runs > 0) {
        struct frame frame = {0, 0};
        int got = merge_next(shuffle, &frame, record);
        *len = (size_t)frame.len;
        return got;
    }
    if (shuffle->next_place == shuffle->n_places)
        return 0;
    *record = place_record(shuffle, &shuffle->places[shuffle->next_place++], len);
    return 1;
}
