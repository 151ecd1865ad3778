/* Fine-tuning as a task of a run: one network with a head, batches of labelled texts. */
#include "electra/finetune_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "electra/directory.h"
#include "electra/flops.h"
#include "electra/items.h"
#include "electra/trials.h"
#include "finetune_inside.h"
#include "run.h"

/* ---- the head ---- */

static enum elc_architecture architecture_of(const struct elc_finetune_job *job) {
    switch (job->task) {
    case ELC_TASK_TAG:
        return ELC_TOKEN_CLASSIFIER;
    case ELC_TASK_QA:
        return elc_finetune_job_is_joint(job) ? ELC_GOOGLE_ANSWERER : ELC_QUESTION_ANSWERER;
    default:
        if (job->google)
            return ELC_GOOGLE_CLASSIFIER;
        return job->network.architecture == ELC_BERT_CLASSIFIER ? ELC_BERT_CLASSIFIER
                                                                : ELC_SEQUENCE_CLASSIFIER;
    }
}

static enum elc_problem problem_of(enum elc_finetune_task task) {
    return task == ELC_TASK_CLASSIFY  ? ELC_PROBLEM_SINGLE
           : task == ELC_TASK_SET     ? ELC_PROBLEM_MULTI
           : task == ELC_TASK_REGRESS ? ELC_PROBLEM_REGRESSION
                                      : ELC_PROBLEM_UNSET;
}

/* Are all classes of the data among those of the model to start from, which has this very head? */
static bool keeps_head(const struct finetuning *f) {
    const struct elc_config *start = &f->job->network;
    if (!f->job->init || start->architecture != f->config.architecture)
        return false;
    if (f->job->task == ELC_TASK_QA)
        return true;
    if (f->job->task == ELC_TASK_REGRESS)
        return start->num_labels == f->config.num_labels;
    for (size_t i = 0; i < f->classes.n; i++) {
        uint32_t class;
        const char *name = f->classes.names[i];
        if (!start->labels ||
            !elc_class_find(&class, start->labels, start->num_labels, name, strlen(name)))
            return false;
    }
    return true;
}

static void choose_head(struct finetuning *f) {
    f->config = f->job->network;
    f->config.architecture = architecture_of(f->job);
    f->config.problem_type = problem_of(f->job->task);
    f->config.num_labels = f->job->task == ELC_TASK_REGRESS ? (uint32_t)f->n_values
                           : f->job->task == ELC_TASK_QA    ? 2
                                                            : (uint32_t)f->classes.n;
    f->has_head = keeps_head(f);
    if (f->has_head)
        f->config.num_labels = f->job->network.num_labels;
    else
        f->config.labels = f->job->task == ELC_TASK_REGRESS || f->job->task == ELC_TASK_QA
                               ? NULL
                               : f->classes.names;
    f->labelling = (struct elc_labelling){
        .task = f->job->task,
        .classes = f->config.labels,
        .n_outputs = f->config.num_labels,
    };
}

/* ---- weights ---- */

/* Of a classifier for other labels BERT's pooler is kept, as transformers does. */
static bool keeps_pooler(const struct finetuning *f) {
    return !f->has_head && f->config.architecture == ELC_BERT_CLASSIFIER;
}

/* Copies the tensors that the model has, of the layer that labels come out of only those for the
 * same labels; the others keep what was drawn for them. */
static void take_weights(struct finetuning *f, const struct elc_network *network) {
    static const char output[] = "classifier.";
    for (size_t i = 0; i < f->table.n_tensors; i++) {
        const struct elc_tensor *tensor = &f->table.tensors[i];
        const struct elc_tensor *there = elc_table_find(&network->table, tensor->name);
        if (there && (f->has_head || strncmp(tensor->name, output, sizeof output - 1) != 0))
            memcpy(f->values + tensor->offset, network->tensors[there - network->table.tensors],
                   tensor->count * sizeof *f->values);
    }
}

/* That a pre-trained network needs a new head surprises nobody. */
static void note_new_head(const struct finetuning *f) {
    const enum elc_architecture before = f->job->network.architecture;
    elc_run_note(f->run, before >= ELC_SEQUENCE_CLASSIFIER,
                 "%s: %s: a new one is drawn at random%s", f->job->init,
                 before == f->config.architecture ? "its head is for other labels"
                                                  : "it has no such head",
                 keeps_pooler(f) ? ", but for the pooler" : "");
}

static int load_model(struct finetuning *f) {
    struct elc_network network;
    const bool whole = f->has_head || keeps_pooler(f);
    int err =
        elc_network_load(&network, f->job->init, whole ? f->config.architecture : ELC_ENCODER);
    if (err)
        return err;
    take_weights(f, &network);
    memcpy(f->init_hash, network.hash, sizeof f->init_hash);
    elc_network_free(&network);
    if (!f->has_head)
        note_new_head(f);
    return 0;
}

static int make_network(struct finetuning *f) {
    int err = elc_table_build(&f->table, &f->config, ELC_SHARE_NOTHING);
    if (err)
        return err;
    f->values = elc_calloc_aligned(f->table.total, sizeof *f->values);
    if (!f->values)
        return ELC_ENOMEM;
    elc_table_init(&f->table, f->values, f->run->options->seed, 0, f->config.initializer_range);
    err = f->job->init ? load_model(f) : 0;
    if (!err)
        err = elc_trained_init(&f->trained, &f->table, f->values);
    if (err)
        return err;
    const struct elc_finetune_setup setup = {
        .task = f->job->task,
        .config = &f->config,
        .table = &f->table,
        .values = f->values,
        .gradients = f->trained.gradients,
        .seed = f->run->options->seed,
        .pool = f->run->pool,
        .answerable_weight = f->job->config.answerable_weight,
    };
    return elc_finetune_new(&f->finetune, &setup);
}

static int open_finetuning(void *self, struct elc_run *run) {
    struct finetuning *f = self;
    const struct elc_header *header = elc_examples_header(run->options->train);
    f->run = run;
    run->checkpoint = (struct elc_checkpoint){
        .networks = {{"model", &f->config, &f->trained}},
        .vocab = f->job->vocab,
        .rules = header->tokenizer,
        .max_length = header->max_length,
    };
    return make_network(f);
}

static void close_finetuning(struct finetuning *f) {
    elc_finetune_destroy(f->finetune);
    elc_trained_free(&f->trained);
    free(f->values);
    elc_table_free(&f->table);
    elc_classes_free(&f->classes);
    elc_task_batches_free(&f->batches);
    elc_task_batches_free(&f->valid_batches);
    elc_buffer_free(&f->passed_over);
}

/* "shape", of the network: some of it, the number of attention heads say, shows in no tensor. */
static int add_shape(json_t *settings, const struct elc_config *config) {
    static const char *const keys[] = {
        "embedding_size",    "hidden_size",       "num_hidden_layers",       "num_attention_heads",
        "intermediate_size", "type_vocab_size",   "max_position_embeddings", "hidden_act",
        "layer_norm_eps",    "initializer_range",
    };
    struct elc_buffer text = {0};
    int err = elc_config_format(config, &text);
    json_t *all = err ? NULL : json_loadb((const char *)text.data, text.len, 0, NULL);
    json_t *shape = json_object();
    for (size_t i = 0; !err && i < sizeof keys / sizeof *keys; i++)
        if (json_object_set(shape, keys[i], json_object_get(all, keys[i])) != 0)
            err = elc_fail_memory(0);
    if (!err && json_object_set(settings, "shape", shape) != 0)
        err = elc_fail_memory(0);
    json_decref(shape);
    json_decref(all);
    elc_buffer_free(&text);
    return err;
}

static int add_settings(const void *self, json_t *settings) {
    static const char *const tasks[] = {"classify", "classify", "regress", "tag", "qa"};
    const struct finetuning *f = self;
    struct elc_buffer text = {0};
    int err = elc_finetune_config_format(&f->job->config, elc_finetune_job_is_joint(f->job), &text);
    json_t *config = err ? NULL : json_loadb((const char *)text.data, text.len, 0, NULL);
    json_t *own = json_pack(
        "{s:s, s:b, s:s, s:b, s:s, s:f, s:f, s:f}", "task", tasks[f->job->task], "multi_label",
        f->job->task == ELC_TASK_SET, "head", f->job->google ? "google" : "hf", "double_order",
        f->job->double_order, "init", f->init_hash, "hidden_dropout_prob",
        f->config.hidden_dropout_prob, "attention_probs_dropout_prob",
        f->config.attention_probs_dropout_prob, "classifier_dropout", f->config.classifier_dropout);
    if (!err && (!config || !own || json_object_update(settings, config) != 0 ||
                 json_object_update(settings, own) != 0))
        err = elc_fail_memory(0);
    json_decref(config);
    json_decref(own);
    elc_buffer_free(&text);
    return err ? err : add_shape(settings, &f->config);
}

/* ---- a step ---- */

/* From epoch to epoch a pair's orders take turns; within one, every other record of the stream is
 * turned, wherever the epoch has it. */
static bool is_swapped(const struct finetuning *f, uint64_t index, uint64_t number) {
    const uint64_t epoch = index / elc_examples_count(f->run->options->train);
    return f->job->double_order && (epoch + number) % 2 == 1;
}

/* Passes over the window before record `number`, if there is one and labels of words hang on it. */
static int pass_window_before(struct finetuning *f, const struct elc_record *record,
                              uint64_t number) {
    uint64_t k, n;
    int err = elc_record_window(record, &k, &n);
    f->batches.labelled.before = (struct elc_window_end){0};
    if (err || f->job->task != ELC_TASK_TAG || k == 1 || number == 0)
        return err;
    const struct elc_record *before;
    err = elc_examples_at(f->run->options->train, number - 1, &before);
    return err < 0 ? err : elc_labelled_pass(&f->batches.labelled, before);
}

/* Example `index` of the run into f->batches.labelled. The input is indexed: it has no end. */
static int read_example(struct finetuning *f, uint64_t index) {
    struct elc_examples *train = f->run->options->train;
    const struct elc_record *record;
    uint64_t number;
    int err = elc_examples_record(train, index, &number, &record);
    if (err < 0)
        return err;
    err = pass_window_before(f, record, number);
    if (!err)
        err = elc_examples_at(train, number, &record);
    if (err < 0)
        return err;
    f->labelling.swap = is_swapped(f, index, number);
    return elc_labelled_read(&f->batches.labelled, record, f->header, &f->labelling);
}

static int read_batch(void *self, uint64_t first, uint64_t count, struct elc_batch_counts *counts) {
    struct finetuning *f = self;
    elc_task_batches_clear(&f->batches);
    for (uint64_t i = 0; i < count; i++) {
        int err = read_example(f, first + i);
        if (!err)
            err = elc_task_batches_add(&f->batches, &f->labelling);
        if (err)
            return elc_context(err, "%s", elc_examples_name(f->run->options->train));
    }
    *counts = (struct elc_batch_counts){
        .n_texts = f->batches.n_texts,
        .n_tokens = f->batches.n_tokens,
        .flops = elc_flops_encoder(&f->config, f->batches.n_tokens, f->batches.squares),
    };
    return 0;
}

static int train_batch(void *self, uint64_t step, double *loss) {
    struct finetuning *f = self;
    struct elc_finetune_sums sums = {0};
    const double n_items = (double)f->batches.n_items;
    const double weight = f->job->config.sum_loss || n_items == 0 ? 1 : 1 / n_items;
    for (size_t i = 0; i < f->batches.n_parts; i++) {
        struct elc_finetune_sums part;
        int err = elc_finetune_step(&part, f->finetune, &f->batches.parts[i], step, weight);
        if (err)
            return err;
        elc_finetune_sums_add(&sums, &part);
    }
    elc_finetune_sums_add(&f->window, &sums);
    *loss = n_items > 0 ? sums.loss / n_items : 0;
    return 0;
}

/* ---- what was seen ---- */

static bool has_classes(enum elc_finetune_task task) {
    return task == ELC_TASK_CLASSIFY || task == ELC_TASK_TAG;
}

static int report(void *self, json_t *line) {
    struct finetuning *f = self;
    const struct elc_named accuracy = {
        "accuracy", elc_ratio((double)f->window.n_correct, (double)f->window.n_items)};
    int err = has_classes(f->job->task) ? elc_metrics_add(line, "", &accuracy, 1) : 0;
    f->window = (struct elc_finetune_sums){0};
    return err;
}

static const struct elc_member window_members[] = {
    ELC_REAL_MEMBER(elc_finetune_sums, loss),
    ELC_COUNT_MEMBER(elc_finetune_sums, n_items),
    ELC_COUNT_MEMBER(elc_finetune_sums, n_correct),
};
enum { N_WINDOW_MEMBERS = sizeof window_members / sizeof *window_members };

static json_t *save(const void *self) {
    const struct finetuning *f = self;
    return elc_members_json(window_members, N_WINDOW_MEMBERS, &f->window);
}

static int restore(void *self, const json_t *saved) {
    struct finetuning *f = self;
    return elc_members_parse(window_members, N_WINDOW_MEMBERS, &f->window, saved);
}

/* ---- the labels of the whole stream, before the first step ---- */

static int learn_label(struct finetuning *f, const struct elc_record *record) {
    if (f->job->task == ELC_TASK_QA)
        return 0;
    if (f->job->task != ELC_TASK_REGRESS)
        return elc_labelled_classes(&f->classes, record, f->job->task);
    size_t n;
    int err = elc_labelled_count(&n, record);
    if (!err && f->n_values == 0)
        f->n_values = n;
    return err;
}

static int for_each_record(struct finetuning *f, struct elc_examples *examples,
                           int (*visit)(struct finetuning *f, const struct elc_record *record)) {
    const uint64_t n = elc_examples_count(examples);
    for (uint64_t i = 0; i < n; i++) {
        const struct elc_record *record;
        int err = elc_examples_at(examples, i, &record);
        err = err < 0 ? err : visit(f, record);
        if (err)
            return elc_context(err, "%s: record %" PRIu64, elc_examples_name(examples),
                               elc_examples_number(examples, i));
    }
    return 0;
}

/* Everything that a step would stumble over. */
static int check_record(struct finetuning *f, const struct elc_record *record) {
    f->labelling.swap = f->job->double_order;
    return elc_labelled_read(&f->batches.labelled, record, f->header, &f->labelling);
}

static int check_tokens(const struct finetuning *f, struct elc_examples *examples) {
    const struct elc_header *header = elc_examples_header(examples);
    return header->kind == ELC_TOKENS
               ? elc_examples_limit_types(examples, f->job->network.type_vocab_size)
               : elc_fail(ELC_EMISMATCH, "%s: a %s stream, where tokens with labels are wanted",
                          elc_examples_name(examples), elc_kind_name(header->kind));
}

static int learn_labels(struct finetuning *f, const struct elc_run_options *options) {
    int err = check_tokens(f, options->train);
    if (!err && options->valid)
        err = check_tokens(f, options->valid);
    if (!err)
        err = for_each_record(f, options->train, learn_label);
    if (!err && f->job->task == ELC_TASK_CLASSIFY && f->classes.n == 1)
        err = elc_fail(ELC_EMISMATCH, "%s: every label is '%s': there is nothing to tell apart",
                       elc_examples_name(options->train), f->classes.names[0]);
    if (!err && (f->job->task == ELC_TASK_SET || f->job->task == ELC_TASK_TAG) && f->classes.n == 0)
        err = elc_fail(ELC_EMISMATCH, "%s: no text has a label", elc_examples_name(options->train));
    if (err)
        return err;
    choose_head(f);
    err = for_each_record(f, options->train, check_record);
    if (!err && options->valid)
        err = elc_finetune_check_valid(f, options->valid);
    return err;
}

/* ---- the run ---- */

int elc_finetune_run(const struct elc_run_options *options, struct elc_finetune_job *job,
                     struct elc_run_work *work) {
    struct finetuning f = {.job = job, .header = elc_examples_header(options->train)};
    job->n_passed_over = 0;
    if (options->valid)
        f.valid_header = elc_examples_header(options->valid);
    const struct elc_task task = {
        .self = &f,
        .metrics = elc_finetune_metrics(job->task),
        .open = open_finetuning,
        .settings = add_settings,
        .read = read_batch,
        .train = train_batch,
        .report = report,
        .validate = elc_finetune_validate,
        .save = save,
        .restore = restore,
    };
    int result = elc_trials_check_none(options->directory);
    if (!result)
        result = learn_labels(&f, options);
    if (!result)
        result = elc_run(options, &task, work);
    close_finetuning(&f);
    return result;
}
