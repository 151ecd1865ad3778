/* The joint head for questions: places, logits, beams. */
#include "joint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/memory.h"

enum { WIDTH = ELC_ANSWERER_WIDTH };

/* ---- places ---- */

static bool is_place(const struct elc_batch *batch, size_t text, uint32_t row) {
    return row == batch->starts[text] || batch->types[row] == 1;
}

static int find_places(struct elc_joint_memory *memory, const struct elc_batch *batch) {
    int err =
        elc_grow(&memory->places, &memory->place_capacity, batch->n_tokens, sizeof *memory->places);
    if (!err)
        err = elc_grow(&memory->firsts, &memory->first_capacity, batch->n_sequences + 1,
                       sizeof *memory->firsts);
    if (err)
        return err;
    size_t n = 0;
    memory->longest = 0;
    for (size_t text = 0; text < batch->n_sequences; text++) {
        const size_t first = n;
        memory->firsts[text] = (uint32_t)first;
        for (uint32_t row = batch->starts[text]; row < batch->starts[text + 1]; row++)
            if (is_place(batch, text, row))
                memory->places[n++] = row;
        memory->longest = n - first > memory->longest ? n - first : memory->longest;
    }
    memory->firsts[batch->n_sequences] = (uint32_t)n;
    memory->n_places = n;
    memory->n_texts = batch->n_sequences;
    return 0;
}

/* A token of a text as one of its places. */
static int find_place(uint32_t *place, const struct elc_joint_memory *memory,
                      const struct elc_batch *batch, size_t text, uint32_t token) {
    const uint32_t row = batch->starts[text] + token, first = memory->firsts[text];
    const uint32_t n = memory->firsts[text + 1] - first;
    for (*place = 0; *place < n; ++*place)
        if (memory->places[first + *place] == row)
            return 0;
    return elc_fail(ELC_EMISMATCH, "text %zu: token %u is not of the context, but of the answer",
                    text + 1, token);
}

static int find_targets(struct elc_joint_memory *memory, const struct elc_batch *batch,
                        const uint32_t *spans) {
    int err = elc_grow(&memory->targets, &memory->target_capacity, 2 * memory->n_texts,
                       sizeof *memory->targets);
    for (size_t i = 0; !err && i < 2 * memory->n_texts; i++)
        err = find_place(&memory->targets[i], memory, batch, i / 2, spans[i]);
    return err;
}

/* ---- memory ---- */

enum { TILE = ELC_TILE_ROWS }; /* places that a beam looks at together */

/* Numbers that a worker needs for a text's beam. */
struct scratch {
    elc_float *start_hidden; /* [ELC_ANSWER_BEAM, H] */
    elc_float *start_inner;  /* [ELC_ANSWER_BEAM, W] */
    elc_float *inner;        /* [TILE, W] */
    elc_float *end;          /* [places of the text] */
};

static size_t carve_scratch(struct scratch *scratch, elc_float *block, size_t h, size_t longest) {
    size_t used = 0;
    scratch->start_hidden = elc_carve(block, &used, ELC_ANSWER_BEAM * h);
    scratch->start_inner = elc_carve(block, &used, (size_t)ELC_ANSWER_BEAM * WIDTH);
    scratch->inner = elc_carve(block, &used, (size_t)TILE * WIDTH);
    scratch->end = elc_carve(block, &used, longest);
    return used;
}

static struct scratch scratch_of(const struct elc_joint_memory *memory, size_t h, int worker) {
    struct scratch scratch;
    const size_t size = carve_scratch(&scratch, NULL, h, memory->longest);
    carve_scratch(&scratch, memory->scratch + (size_t)worker * size, h, memory->longest);
    return scratch;
}

/* Names every piece; returns the numbers needed. */
static size_t layout(struct elc_joint_memory *memory, size_t h, size_t n_workers, bool targets) {
    const size_t p = memory->n_places, s = memory->n_texts, w = WIDTH;
    const size_t tp = targets ? p : 0, ts = targets ? s : 0;
    const struct {
        elc_float **piece;
        size_t n;
    } pieces[] = {
        {&memory->hidden, p * h},
        {&memory->start, p},
        {&memory->p_start, p},
        {&memory->token_inner, p * w},
        {&memory->answer_input, s * 2 * h},
        {&memory->answer_inner, s * w},
        {&memory->answer_active, s * w},
        {&memory->impossible, s},
        {&memory->start_hidden, ts * h},
        {&memory->start_inner, ts * w},
        {&memory->inner, tp * w},
        {&memory->active, tp * w},
        {&memory->end, tp},
        {&memory->d_start, tp},
        {&memory->d_end, tp},
        {&memory->d_impossible, ts},
        {&memory->d_inner, tp * w},
        {&memory->d_start_inner, ts * w},
        {&memory->d_answer_inner, ts * w},
        {&memory->d_answer_input, ts * 2 * h},
        {&memory->d_hidden, tp * h},
    };
    struct scratch scratch;
    size_t used = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        *pieces[i].piece = elc_carve(memory->block, &used, pieces[i].n);
    memory->scratch = elc_carve(memory->block, &used,
                                n_workers * carve_scratch(&scratch, NULL, h, memory->longest));
    return used;
}

static int prepare(struct elc_joint_memory *memory, const struct elc_pass *pass, bool targets) {
    const size_t h = pass->weights->config.hidden_size;
    const size_t n_workers = (size_t)elc_pool_threads(pass->pool);
    const size_t needed = layout(memory, h, n_workers, targets);
    int err = elc_carve_room(&memory->block, &memory->capacity, needed);
    if (!err)
        layout(memory, h, n_workers, targets);
    return err;
}

void elc_joint_memory_free(struct elc_joint_memory *memory) {
    free(memory->places);
    free(memory->firsts);
    free(memory->targets);
    free(memory->beams);
    free(memory->block);
    *memory = (struct elc_joint_memory){0};
}

/* ---- forward ---- */

/* A parallel loop over texts. */
struct call {
    struct elc_joint_memory *memory;
    const struct elc_pass *pass;
    bool targets;
};

/* The logit of: the question of this text has no answer. */
static void forward_impossible(struct elc_joint_memory *memory, const struct elc_task_head *head,
                               size_t text, size_t h) {
    const size_t first = memory->firsts[text], n = memory->firsts[text + 1] - first;
    const elc_float *hidden = memory->hidden + first * h, *p = memory->p_start + first;
    elc_float *input = memory->answer_input + text * 2 * h;
    elc_float *inner = memory->answer_inner + text * WIDTH;
    elc_float *active = memory->answer_active + text * WIDTH;
    memcpy(input, hidden, h * sizeof *input);
    memset(input + h, 0, h * sizeof *input);
    for (size_t i = 0; i < n; i++)
        elc_axpy(input + h, p[i], hidden + i * h, h);
    elc_linear(inner, WIDTH, input, 2 * h, head->answerable_dense.weight, 2 * h,
               head->answerable_dense.bias, 1, WIDTH, 2 * h);
    elc_activate(active, inner, WIDTH, ELC_GELU); /* whatever the layers use */
    memory->impossible[text] =
        elc_dot(active, head->answerable_output.weight, WIDTH) + *head->answerable_output.bias;
}

/* end [n], the logits of n places, from both halves of end.dense: token_inner [n, W] and
 * start_inner [W]. `inner` and `active` [n, W] may be the same. */
static void forward_ends(elc_float *end, elc_float *inner, elc_float *active,
                         const elc_float *token_inner, const elc_float *start_inner, size_t n,
                         const struct elc_task_head *head) {
    memcpy(inner, token_inner, n * WIDTH * sizeof *inner);
    for (size_t i = 0; i < n; i++)
        elc_axpy(inner + i * WIDTH, 1, start_inner, WIDTH);
    elc_activate(active, inner, n * WIDTH, ELC_GELU);
    for (size_t i = 0; i < n; i++)
        end[i] =
            elc_dot(active + i * WIDTH, head->end_output.weight, WIDTH) + *head->end_output.bias;
}

/* end.dense's half for n starts, which has the bias. */
static void forward_starts(elc_float *inner, const elc_float *hidden, size_t n,
                           const struct elc_task_head *head, size_t h) {
    elc_linear(inner, WIDTH, hidden, h, head->end_dense.weight, 2 * h, head->end_dense.bias, n,
               WIDTH, h);
}

static void forward_target(struct elc_joint_memory *memory, const struct elc_task_head *head,
                           size_t text, size_t h) {
    const size_t first = memory->firsts[text], n = memory->firsts[text + 1] - first;
    elc_float *hidden = memory->start_hidden + text * h;
    elc_float *start_inner = memory->start_inner + text * WIDTH;
    memcpy(hidden, memory->hidden + (first + memory->targets[2 * text]) * h, h * sizeof *hidden);
    forward_starts(start_inner, hidden, 1, head, h);
    forward_ends(memory->end + first, memory->inner + first * WIDTH, memory->active + first * WIDTH,
                 memory->token_inner + first * WIDTH, start_inner, n, head);
}

static int forward_text(void *context, size_t text, int worker) {
    const struct call *call = context;
    const struct elc_task_head *head = &call->pass->weights->task;
    struct elc_joint_memory *memory = call->memory;
    const size_t h = call->pass->weights->config.hidden_size;
    const size_t first = memory->firsts[text], n = memory->firsts[text + 1] - first;
    elc_float *hidden = memory->hidden + first * h, *start = memory->start + first;
    struct elc_lap lap = elc_pass_lap(call->pass, worker);
    for (size_t i = 0; i < n; i++)
        memcpy(hidden + i * h, call->pass->a->hidden + memory->places[first + i] * h,
               h * sizeof *hidden);
    elc_linear(start, 1, hidden, h, head->output.weight, h, head->output.bias, n, 1, h);
    elc_softmax(memory->p_start + first, start, n);
    elc_linear(memory->token_inner + first * WIDTH, WIDTH, hidden, h, head->end_dense.weight + h,
               2 * h, NULL, n, WIDTH, h);
    forward_impossible(memory, head, text, h);
    if (call->targets)
        forward_target(memory, head, text, h);
    elc_lap_product(&lap, ELC_OP_HEAD, n, WIDTH, h);
    return 0;
}

int elc_joint_forward(struct elc_joint_memory *memory, struct elc_pass *pass,
                      const uint32_t *spans) {
    int err = find_places(memory, pass->batch);
    if (!err && spans)
        err = find_targets(memory, pass->batch, spans);
    if (!err)
        err = prepare(memory, pass, spans != NULL);
    struct call call = {memory, pass, spans != NULL};
    return err ? err : elc_parallel_for(pass->pool, memory->n_texts, forward_text, &call);
}

/* ---- beams ---- */

/* The likeliest of n places, as tokens of their text, with the logarithms of their probabilities.
 */
static size_t best_places(uint32_t *tokens, double *log_p, const elc_float *logits, size_t n,
                          const uint32_t *places) {
    const size_t n_best = elc_answer_best(tokens, logits, 1, n);
    const double sum = elc_log_sum_exp(logits, n);
    for (size_t i = 0; i < n_best; i++) {
        log_p[i] = (double)logits[tokens[i]] - sum;
        tokens[i] = places[tokens[i]] - places[0];
    }
    return n_best;
}

static int beam_of_text(void *context, size_t text, int worker) {
    const struct call *call = context;
    const struct elc_task_head *head = &call->pass->weights->task;
    struct elc_joint_memory *memory = call->memory;
    struct elc_answer_beam *beam = &memory->beams[text];
    const size_t h = call->pass->weights->config.hidden_size;
    const size_t first = memory->firsts[text], n = memory->firsts[text + 1] - first;
    const uint32_t *places = memory->places + first; /* the first of them is [CLS], token 0 */
    const struct scratch scratch = scratch_of(memory, h, worker);
    struct elc_lap lap = elc_pass_lap(call->pass, worker);
    beam->impossible = (double)memory->impossible[text];
    beam->n = best_places(beam->starts, beam->start_log_p, memory->start + first, n, places);
    for (size_t i = 0; i < beam->n; i++)
        memcpy(scratch.start_hidden + i * h,
               call->pass->a->hidden + (places[0] + beam->starts[i]) * h,
               h * sizeof *scratch.start_hidden);
    forward_starts(scratch.start_inner, scratch.start_hidden, beam->n, head, h);
    for (size_t i = 0; i < beam->n; i++) {
        for (size_t at = 0; at < n; at += TILE)
            forward_ends(scratch.end + at, scratch.inner, scratch.inner,
                         memory->token_inner + (first + at) * WIDTH,
                         scratch.start_inner + i * WIDTH, n - at < TILE ? n - at : TILE, head);
        best_places(beam->ends[i], beam->end_log_p[i], scratch.end, n, places);
    }
    elc_lap_product(&lap, ELC_OP_HEAD, n * beam->n, 1, WIDTH);
    return 0;
}

int elc_joint_beams(struct elc_joint_memory *memory, const struct elc_pass *pass) {
    int err =
        elc_grow(&memory->beams, &memory->beam_capacity, memory->n_texts, sizeof *memory->beams);
    struct call call = {memory, pass, false};
    return err ? err : elc_parallel_for(pass->pool, memory->n_texts, beam_of_text, &call);
}

int elc_joint_answers(const struct elc_answer_beam **beams, struct elc_joint_memory *memory,
                      struct elc_workspace *workspace, const struct elc_weights *weights,
                      const struct elc_batch *batch) {
    const elc_float *hidden;
    int err = elc_encoder_forward(&hidden, workspace, weights, batch);
    if (err)
        return err;
    struct elc_pass pass = elc_pass_of(workspace, weights, batch);
    err = elc_joint_forward(memory, &pass, NULL);
    if (!err)
        err = elc_joint_beams(memory, &pass);
    *beams = memory->beams;
    return err;
}
