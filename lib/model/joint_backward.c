/* The joint head's loss and backward pass. */
#include <string.h>

#include "electra/nn.h"
#include "head.h"
#include "joint.h"

enum { WIDTH = ELC_ANSWERER_WIDTH };

double elc_joint_loss(struct elc_joint_memory *memory, const bool *impossible,
                      double answerable_weight, double weight) {
    double loss = 0;
    for (size_t text = 0; text < memory->n_texts; text++) {
        const size_t first = memory->firsts[text], n = memory->firsts[text + 1] - first;
        const uint32_t *target = memory->targets + 2 * text;
        uint32_t best;
        double d_impossible;
        const double start = elc_loss_class(memory->d_start + first, &best, memory->start + first,
                                            n, target[0], weight / 2);
        const double end = elc_loss_class(memory->d_end + first, &best, memory->end + first, n,
                                          target[1], weight / 2);
        const double answerable = elc_binary_cross_entropy((double)memory->impossible[text],
                                                           impossible[text], &d_impossible);
        memory->d_impossible[text] = (elc_float)(weight * answerable_weight * d_impossible);
        loss += (start + end) / 2 + answerable_weight * answerable;
    }
    return loss;
}

/* ---- backward ---- */

/* Of one text. */
struct part {
    struct elc_joint_memory *memory;
    const struct elc_task_head *head;
    size_t text, first, n, h; /* its places; H */
    elc_float *d_hidden;      /* [n, H] of its places */
};

/* d_inner [n, W], what came into the activation, from d_logits [n] behind the output layer. */
static void activation_backward(elc_float *d_inner, elc_float *active, const elc_float *inner,
                                const elc_float *d_logits, const elc_float *output, size_t n) {
    memset(d_inner, 0, n * WIDTH * sizeof *d_inner);
    for (size_t i = 0; i < n; i++)
        elc_axpy(d_inner + i * WIDTH, d_logits[i], output, WIDTH);
    elc_activate_backward(d_inner, active, inner, n * WIDTH, ELC_GELU);
}

/* Sets d_hidden of the places, as ends; and of the start. */
static void ends_backward(const struct part *part) {
    struct elc_joint_memory *memory = part->memory;
    const struct elc_task_head *head = part->head;
    const size_t first = part->first, n = part->n, h = part->h;
    elc_float *d_inner = memory->d_inner + first * WIDTH;
    elc_float *d_start_inner = memory->d_start_inner + part->text * WIDTH;
    activation_backward(d_inner, memory->active + first * WIDTH, memory->inner + first * WIDTH,
                        memory->d_end + first, head->end_output.weight, n);
    memset(d_start_inner, 0, WIDTH * sizeof *d_start_inner);
    for (size_t i = 0; i < n; i++)
        elc_axpy(d_start_inner, 1, d_inner + i * WIDTH, WIDTH);
    elc_gemm(ELC_PLAIN, ELC_PLAIN, n, h, WIDTH, d_inner, WIDTH, head->end_dense.weight + h, 2 * h,
             false, part->d_hidden, h);
    elc_gemm(ELC_PLAIN, ELC_PLAIN, 1, h, WIDTH, d_start_inner, WIDTH, head->end_dense.weight, 2 * h,
             true, part->d_hidden + memory->targets[2 * part->text] * h, h);
}

/* Adds to d_hidden, and to d_start: answerability looks at where starts are likely. */
static void impossible_backward(const struct part *part) {
    struct elc_joint_memory *memory = part->memory;
    const struct elc_task_head *head = part->head;
    const size_t text = part->text, h = part->h;
    const elc_float *hidden = memory->hidden + part->first * h;
    const elc_float *p = memory->p_start + part->first;
    elc_float *d_start = memory->d_start + part->first;
    elc_float *d_inner = memory->d_answer_inner + text * WIDTH;
    elc_float *d_input = memory->d_answer_input + text * 2 * h, *d_feature = d_input + h;
    activation_backward(d_inner, memory->answer_active + text * WIDTH,
                        memory->answer_inner + text * WIDTH, memory->d_impossible + text,
                        head->answerable_output.weight, 1);
    elc_rows_backward(d_input, 2 * h, d_inner, WIDTH, head->answerable_dense.weight, 1, WIDTH,
                      2 * h, false);
    elc_axpy(part->d_hidden, 1, d_input, h); /* [CLS] is the first place */
    const elc_float mean = elc_dot(memory->answer_input + text * 2 * h + h, d_feature, h);
    for (size_t i = 0; i < part->n; i++) {
        elc_axpy(part->d_hidden + i * h, p[i], d_feature, h);
        d_start[i] += p[i] * (elc_dot(hidden + i * h, d_feature, h) - mean);
    }
}

struct call {
    struct elc_joint_memory *memory;
    struct elc_pass *pass;
};

static int backward_text(void *context, size_t text, int worker) {
    const struct call *call = context;
    struct elc_joint_memory *memory = call->memory;
    const size_t h = call->pass->weights->config.hidden_size, first = memory->firsts[text];
    const struct part part = {
        .memory = memory,
        .head = &call->pass->weights->task,
        .text = text,
        .first = first,
        .n = memory->firsts[text + 1] - first,
        .h = h,
        .d_hidden = memory->d_hidden + first * h,
    };
    struct elc_lap lap = elc_pass_lap(call->pass, worker);
    ends_backward(&part);
    impossible_backward(&part);
    for (size_t i = 0; i < part.n; i++) {
        elc_float *d_hidden = part.d_hidden + i * h;
        elc_axpy(d_hidden, memory->d_start[first + i], part.head->output.weight, h);
        memcpy(call->pass->a->d_hidden + memory->places[first + i] * h, d_hidden,
               h * sizeof *d_hidden);
    }
    elc_lap_product(&lap, ELC_OP_HEAD_BACKWARD, part.n, WIDTH, h);
    return 0;
}

int elc_joint_backward(struct elc_joint_memory *memory, struct elc_pass *pass) {
    const struct elc_task_head *d = &pass->gradients->task;
    const size_t h = pass->weights->config.hidden_size, w = WIDTH;
    const size_t p = memory->n_places, s = memory->n_texts;
    memset(pass->a->d_hidden, 0, pass->batch->n_tokens * h * sizeof *pass->a->d_hidden);
    struct call call = {memory, pass};
    int err = elc_parallel_for(pass->pool, s, backward_text, &call);
    if (err)
        return err;
    const struct elc_weight_gradient gradients[] = {
        {d->output.weight, d->output.bias, memory->d_start, memory->hidden, 1, h, p, 1, h},
        {d->end_dense.weight, NULL, memory->d_start_inner, memory->start_hidden, w, h, s, w, h,
         .ld_d_weight = 2 * h},
        {d->end_dense.weight + h, d->end_dense.bias, memory->d_inner, memory->hidden, w, h, p, w, h,
         .ld_d_weight = 2 * h},
        {d->end_output.weight, d->end_output.bias, memory->d_end, memory->active, 1, w, p, 1, w},
        {d->answerable_dense.weight, d->answerable_dense.bias, memory->d_answer_inner,
         memory->answer_input, w, 2 * h, s, w, 2 * h},
        {d->answerable_output.weight, d->answerable_output.bias, memory->d_impossible,
         memory->answer_active, 1, w, s, 1, w},
    };
    return elc_weight_gradients(pass->pool, gradients, sizeof gradients / sizeof *gradients);
}
