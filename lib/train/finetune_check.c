/* The validation stream, before the first step: what would be wrong at the first validation, or
 * make it report what is not so. */
#include <inttypes.h>
#include <string.h>

#include "electra/items.h"
#include "electra/windows.h"
#include "finetune_inside.h"

/* A walk over the stream. */
struct check {
    struct finetuning *f;
    struct elc_window_order order;
    uint8_t *passed_over; /* [records] */
    bool passes_over;     /* the present text */
    bool is_impossible;   /* QA: the present text's question */
    struct answer_sums answers;
};

/* A window that was rejected before, or has a label that was not seen in training, takes its text
 * with it, all windows of it. */
static void pass_over(struct check *check, uint64_t number) {
    const uint64_t n = check->passes_over ? 1 : check->order.k; /* the windows before too */
    check->f->job->n_passed_over += !check->passes_over;
    check->passes_over = true;
    memset(check->passed_over + number + 1 - n, 1, n);
}

/* What validation reads of a record besides its target. */
static int check_window(struct check *check, const struct elc_record *record) {
    const struct elc_labelled *labelled = &check->f->valid_batches.labelled;
    struct elc_answer_window answers;
    const uint8_t *best;
    if (check->f->job->task == ELC_TASK_QA)
        return answer_sums_read(&check->answers, &answers, record, labelled->n);
    return check->f->job->task == ELC_TASK_TAG ? tag_best(&best, record, labelled->n) : 0;
}

/* The place of a record among the windows. One that was rejected need not know its own: it stands
 * where the window would. */
static int follow(struct check *check, const struct elc_record *record, bool is_rejected) {
    uint64_t k, n;
    const struct elc_field *id = elc_record_find(record, "id");
    struct elc_window_order *order = &check->order;
    int err = elc_record_window(record, &k, &n);
    if (!err && is_rejected && !elc_record_find(record, "window") && !elc_windows_done(order)) {
        k = order->k + 1;
        n = order->n;
    }
    return err ? err : elc_windows_follow(order, k, n, id);
}

static int check_record(struct check *check, const struct elc_record *record, uint64_t number) {
    struct finetuning *f = check->f;
    struct elc_labelled *labelled = &f->valid_batches.labelled;
    const bool is_rejected = f->job->keep_going && elc_record_find(record, "error");
    int err = follow(check, record, is_rejected);
    if (err)
        return err;
    const bool is_first = check->order.k == 1;
    check->passes_over = check->passes_over && !is_first;
    check->is_impossible = check->is_impossible && !is_first;
    if (!is_rejected) {
        err = elc_labelled_read(labelled, record, f->valid_header, &f->labelling);
        check->is_impossible |= labelled->target.impossible;
    }
    const bool is_unseen = err && labelled->unseen && f->job->keep_going;
    if (is_rejected || is_unseen || (!err && check->passes_over)) {
        pass_over(check, number);
        return 0;
    }
    if (elc_windows_done(&check->order))
        f->has_impossible |= check->is_impossible;
    return err ? err : check_window(check, record);
}

int elc_finetune_check_valid(struct finetuning *f, struct elc_examples *valid) {
    const uint64_t n = elc_examples_count(valid);
    struct check check = {.f = f};
    f->labelling.swap = false;
    int err = elc_buffer_reserve(&f->passed_over, n + 1);
    if (err)
        return err;
    check.passed_over = memset(f->passed_over.data, 0, n + 1);
    for (uint64_t i = 0; !err && i < n; i++) {
        const struct elc_record *record;
        err = elc_examples_at(valid, i, &record);
        err = err < 0 ? err : check_record(&check, record, i);
        if (!err && i + 1 == n)
            err = elc_windows_end(&check.order);
        if (err)
            err = elc_context(err, "%s: record %" PRIu64, elc_examples_name(valid),
                              elc_examples_number(valid, i));
    }
    answer_sums_free(&check.answers);
    return err;
}
