/* A batch of records through the network: collected, computed at once, and formatted text by text.
 * What cannot be scored is met twice: it is left out of the pass, and rejected when its turn comes.
 */
#include <string.h>

#include "electra/windows.h"
#include "score_batch.h"

/* The record's text, and what the task needs of it. */
static int read_text(struct elc_score_worker *worker, const struct elc_scorer *scorer,
                     const struct elc_record *record, const struct elc_score_limits *limits) {
    int err = elc_score_text_read(&worker->text, record, limits);
    if (!err && scorer->task->read)
        err = scorer->task->read(&worker->text, limits);
    return err;
}

/* Makes room in `place` for the next text. */
static void advance(struct elc_score_place *place, const struct elc_score_text *text) {
    place->text++;
    place->token += text->n;
    place->row += text->n_rows;
}

/* ---- before the pass ---- */

static int add_text(struct elc_score_worker *worker, const struct elc_scorer *scorer,
                    struct elc_score_place *place) {
    const struct elc_score_text *text = &worker->text;
    int err = elc_batch_add(&worker->pass.texts, text->ids, text->types, text->n, 0);
    if (!err && scorer->task->collect)
        err = scorer->task->collect(&worker->pass, text, place);
    advance(place, text);
    return err;
}

/* Puts every text that can be scored into the pass. */
static int collect(const struct elc_score_batch *batch, struct elc_score_worker *worker,
                   const struct elc_scorer *scorer) {
    struct elc_record record;
    struct elc_score_place place = {0};
    size_t position = 0;
    int got;
    worker->pass.scorer = scorer;
    worker->pass.rows.len = worker->pass.words.len = 0;
    elc_batch_clear(&worker->pass.texts);
    while ((got = elc_record_next(&record, &batch->payload, &position)) > 0) {
        int err = read_text(worker, scorer, &record, &batch->limits);
        if (err == ELC_ENOMEM)
            return err;
        if (!err && (err = add_text(worker, scorer, &place)))
            return err;
    }
    return got;
}

/* ---- after it ---- */

/* A walk over the batch's records, side by side with the pass. */
struct walk {
    const struct elc_scorer *scorer;
    struct elc_score_batch *batch;
    struct elc_score_worker *worker;
    struct elc_score_place place;  /* of the next text in the pass */
    size_t position;               /* of the next record in the payload */
    uint64_t number;               /* how many records there are before it */
    struct elc_record record;      /* the last one, which worker->text points to */
    struct elc_window_order order; /* of the text's windows */
};

/* Results of the text's next record. */
static int compute_window(struct walk *walk) {
    const struct elc_score_entry *task = walk->scorer->task;
    struct elc_score_worker *worker = walk->worker;
    size_t behind = walk->position;
    const int got = elc_record_next(&walk->record, &walk->batch->payload, &behind);
    if (got < 0)
        return got;
    /* The batch ended, or the next text begins: the last window there is stands for the text. */
    if (got == 0 || (!elc_windows_done(&walk->order) && !elc_score_continues(&walk->record)))
        return elc_windows_end(&walk->order);
    walk->position = behind;
    walk->number++;
    int err = read_text(worker, walk->scorer, &walk->record, &walk->batch->limits);
    if (err)
        return err;
    if (task->windows)
        err = elc_windows_follow(&walk->order, worker->text.window, worker->text.n_windows,
                                 elc_record_find(&walk->record, "id"));
    if (!err)
        err = task->compute(&worker->result, &worker->pass, &worker->text, &walk->place);
    advance(&walk->place, &worker->text);
    return err;
}

/* Most tasks know but one window of a text. */
static int compute_text(struct walk *walk) {
    int err;
    walk->order = (struct elc_window_order){0};
    do
        err = compute_window(walk);
    while (!err && !elc_windows_done(&walk->order));
    return err;
}

/* Records up to the walk's place that have no result of their own. */
static int format_bare(const struct walk *walk, size_t begin) {
    struct elc_score_batch *batch = walk->batch;
    struct elc_record record;
    int err = 0;
    while (!err && begin < walk->position) {
        int got = elc_record_next(&record, &batch->payload, &begin);
        err = got < 0 ? got
                      : elc_score_format_bare(&batch->out, walk->scorer, &record,
                                              &walk->worker->builder);
    }
    return err;
}

/* The text whose records begin at `begin`: the first one has the result. */
static int format_text(struct walk *walk, size_t begin) {
    struct elc_score_worker *worker = walk->worker;
    const int got = elc_record_next(&walk->record, &walk->batch->payload, &begin);
    int err = got < 0 ? got : 0;
    if (!err && begin < walk->position) /* of several windows the worker has the last one */
        err = read_text(worker, walk->scorer, &walk->record, &walk->batch->limits);
    if (!err)
        err = elc_score_format_result(&walk->batch->out, walk->scorer, &worker->text,
                                      &worker->result, &worker->builder);
    return err ? err : format_bare(walk, begin);
}

/* A record that cannot be scored: an error, or a row that says so. */
static int reject_record(const struct walk *walk, const struct elc_record *record, int err) {
    struct elc_score_batch *batch = walk->batch;
    err = elc_context(err, "%s: record %llu", batch->name,
                      (unsigned long long)(batch->first + walk->number));
    if (err == ELC_ENOMEM || !walk->scorer->options.keep_going)
        return err;
    const size_t at = batch->messages.len;
    batch->n_rejected++;
    err = elc_buffer_append(&batch->messages, elc_error(), strlen(elc_error()) + 1);
    return err ? err
               : elc_score_format_rejected(
                     &batch->out, walk->scorer, record, batch->limits.id_width,
                     (const char *)batch->messages.data + at, &walk->worker->builder);
}

/* A window that cannot be scored takes its text with it, from record `begin` of the payload on:
 * where its result would stand it is said why, and the windows that follow are passed over. */
static int reject_text(struct walk *walk, size_t begin, int err) {
    struct elc_score_batch *batch = walk->batch;
    struct elc_record record;
    if (elc_record_next(&record, &batch->payload, &begin) <= 0)
        return ELC_EFORMAT;
    err = reject_record(walk, &record, err);
    if (!err)
        err = format_bare(walk, begin);
    while (!err && walk->scorer->task->windows) {
        size_t behind = walk->position;
        int got = elc_record_next(&record, &batch->payload, &behind);
        if (got <= 0 || !elc_score_continues(&record))
            return got < 0 ? got : 0;
        if (read_text(walk->worker, walk->scorer, &record, &batch->limits) == 0)
            advance(&walk->place, &walk->worker->text);
        err = elc_score_format_bare(&batch->out, walk->scorer, &record, &walk->worker->builder);
        walk->position = behind;
        walk->number++;
    }
    return err;
}

int elc_score_batch_work(struct elc_score_batch *batch, struct elc_score_worker *worker,
                         const struct elc_scorer *scorer) {
    struct walk walk = {.scorer = scorer, .batch = batch, .worker = worker};
    int err = collect(batch, worker, scorer);
    if (!err && worker->pass.texts.n_tokens > 0)
        err = scorer->task->forward(&worker->pass);
    while (!err && walk.position < batch->payload.len) {
        const size_t begin = walk.position;
        err = compute_text(&walk);
        err = err ? reject_text(&walk, begin, err) : format_text(&walk, begin);
    }
    return err;
}

void elc_score_worker_free(struct elc_score_worker *worker) {
    struct elc_score_pass *pass = &worker->pass;
    elc_workspace_free(&pass->workspace);
    elc_batch_free(&pass->texts);
    elc_batch_free(&pass->variants);
    elc_head_memory_free(&pass->head);
    elc_joint_memory_free(&pass->joint);
    elc_buffer_free(&pass->words);
    elc_buffer_free(&pass->effects);
    elc_buffer_free(&pass->rows);
    elc_buffer_free(&pass->numbers);
    elc_score_text_free(&worker->text);
    elc_score_result_free(&worker->result);
    elc_builder_free(&worker->builder);
}
