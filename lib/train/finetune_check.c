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
    struct answer_sums answers;
};

/* A label that was not seen in training takes its text with it, all windows of it. */
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

static int check_record(struct check *check, const struct elc_record *record, uint64_t number) {
    struct finetuning *f = check->f;
    struct elc_labelled *labelled = &f->valid_batches.labelled;
    uint64_t k, n;
    int err = elc_record_window(record, &k, &n);
    if (!err)
        err = elc_windows_follow(&check->order, k, n, elc_record_find(record, "id"));
    if (err)
        return err;
    check->passes_over = check->passes_over && k > 1;
    err = elc_labelled_read(labelled, record, f->valid_header, &f->labelling);
    f->has_impossible |= labelled->target.impossible;
    const bool is_unseen = err && labelled->unseen && f->job->keep_going;
    if (is_unseen || (!err && check->passes_over)) {
        pass_over(check, number);
        return 0;
    }
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
