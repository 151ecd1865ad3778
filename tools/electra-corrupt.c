/* electra-corrupt: tokens stream to corrupted stream. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#include "electra/corrupt.h"
#include "electra/parallel.h"
#include "electra/replace.h"

/* What passes through the pipeline: an event of the reader, and what becomes of it. */
struct job {
    int event;
    const char *name;         /* of the operand */
    struct elc_header header; /* of the segment that the event belongs to, as it was read */
    struct elc_block in, out;
};

/* One pass over one reader. */
struct pass {
    struct tool *tool;
    struct elc_reader *reader;
    struct elc_writer *writer;
    struct elc_output *output;
    struct elc_corruption corruption;
    uint64_t epoch;
    struct elc_corrupter *corrupters; /* one for each worker */
    struct elc_header first;          /* header of all: the others have to be like it */
    const char *first_name;           /* NULL: none has been read */
};

/* With several epochs each operand has a reader of its own, which does not see the others. */
static int check_segment(struct pass *pass, const struct elc_header *header, const char *name) {
    int err = elc_corrupt_check(&pass->corruption, header, name);
    if (err)
        return err;
    if (pass->first_name)
        return elc_header_check_same(&pass->first, pass->first_name, header, name);
    pass->first_name = name;
    return elc_header_copy(&pass->first, header);
}

static int read_job(void *context, void *argument) {
    struct pass *pass = context;
    struct job *job = argument;
    job->event = elc_reader_next(pass->reader, &job->in);
    if (job->event <= 0)
        return job->event;
    const struct elc_header *header = elc_reader_header(pass->reader);
    job->name = elc_reader_name(pass->reader);
    int err = job->event == ELC_HEADER ? check_segment(pass, header, job->name) : 0;
    elc_header_free(&job->header);
    if (!err)
        err = elc_header_copy(&job->header, header);
    return err ? err : 1;
}

static int work_job(void *context, void *argument, int worker) {
    struct pass *pass = context;
    struct job *job = argument;
    if (job->event != ELC_BLOCK)
        return 0;
    struct elc_corrupter *corrupter = &pass->corrupters[worker];
    corrupter->worker = worker;
    int err = elc_corrupt_block(corrupter, &job->out, &job->in, &job->header, &pass->corruption,
                                pass->epoch);
    return err ? elc_context(err, "%s", job->name) : 0;
}

static int write_header(struct pass *pass, struct job *job) {
    int err = elc_corrupt_header(&job->header, &pass->corruption, pass->epoch);
    if (!err)
        err = tool_history(pass->tool, &job->header);
    return err ? err : elc_writer_header(pass->writer, pass->output, &job->header);
}

static int write_job(void *context, void *argument) {
    struct pass *pass = context;
    struct job *job = argument;
    int err;
    if (job->event == ELC_HEADER)
        err = write_header(pass, job);
    else if (job->event == ELC_BLOCK)
        err = elc_writer_block(pass->writer, &job->out);
    else
        err = elc_writer_end(pass->writer);
    if (!err && pass->tool->flush)
        err = elc_output_flush(pass->output);
    if (!err && job->event == ELC_BLOCK) {
        pass->tool->records += job->out.count;
        tool_progress(pass->tool, "%llu records", (unsigned long long)pass->tool->records);
    }
    return err;
}

static int run_pass(struct pass *pass) {
    size_t n_jobs = 2 * pass->tool->threads + 2;
    struct job *jobs = calloc(n_jobs, sizeof *jobs);
    int err = jobs ? 0 : elc_fail_memory(0);
    if (!err) {
        const struct elc_pipeline pipeline = {
            .read = read_job,
            .work = work_job,
            .write = write_job,
            .context = pass,
            .jobs = jobs,
            .job_size = sizeof *jobs,
            .n_jobs = n_jobs,
            .n_threads = (int)pass->tool->threads,
        };
        err = elc_pipeline_run(&pipeline);
    }
    for (size_t i = 0; jobs && i < n_jobs; i++) {
        elc_header_free(&jobs[i].header);
        elc_buffer_free(&jobs[i].in.payload);
        elc_buffer_free(&jobs[i].out.payload);
    }
    free(jobs);
    return err;
}

/* Several epochs go over the input several times: what is no regular file is spooled. */
struct inputs {
    struct elc_map *maps;
    const char **names;
    size_t n;
};

static int open_inputs(struct inputs *inputs, const struct tool *tool) {
    static char dash[] = "-";
    char *standard[] = {dash};
    char *const *paths = tool->n_operands > 0 ? tool->operands : standard;
    size_t n = tool->n_operands > 0 ? tool->n_operands : 1;
    inputs->maps = calloc(n, sizeof *inputs->maps);
    inputs->names = calloc(n, sizeof *inputs->names);
    int err = inputs->maps && inputs->names ? 0 : elc_fail_memory(0);
    for (; !err && inputs->n < n; inputs->n++) {
        struct elc_input input;
        err = elc_input_open(&input, paths[inputs->n]);
        if (err)
            break;
        inputs->names[inputs->n] = input.name;
        err = elc_map_input(&inputs->maps[inputs->n], &input);
        elc_input_close(&input);
    }
    return err;
}

static void close_inputs(struct inputs *inputs) {
    for (size_t i = 0; i < inputs->n; i++)
        elc_map_close(&inputs->maps[i]);
    free(inputs->maps);
    free(inputs->names);
}

static int corrupt_once(struct pass *pass) {
    int err = elc_reader_new(&pass->reader, pass->tool->operands, pass->tool->n_operands,
                             pass->tool->force);
    if (err)
        return err;
    err = run_pass(pass);
    elc_reader_destroy(pass->reader);
    return err;
}

static int corrupt_epochs(struct pass *pass, uint64_t n_epochs) {
    struct inputs inputs = {0};
    int err = open_inputs(&inputs, pass->tool);
    for (uint64_t epoch = 0; !err && epoch < n_epochs; epoch++) {
        for (size_t i = 0; !err && i < inputs.n; i++) {
            err = elc_reader_new_memory(&pass->reader, inputs.maps[i].data, inputs.maps[i].len,
                                        inputs.names[i]);
            if (err)
                break;
            err = run_pass(pass);
            elc_reader_destroy(pass->reader);
        }
        pass->epoch++;
    }
    close_inputs(&inputs);
    return err;
}

/* ---- where replacements come from ---- */

struct options {
    const char *method, *unigrams, *model;
    const char *unigrams_hash, *model_hash; /* for the history */
    double mask_prob, temperature;
    uint64_t epochs, first_epoch;
    bool whole_word, never_original;
};

/* Each method has options of its own. Returns the status of a usage error, or 0. */
static int check_options(struct tool *tool, const struct options *options) {
    const bool unigram = strcmp(options->method, "unigram") == 0;
    const bool generator = strcmp(options->method, "generator") == 0;
    if (unigram && !options->unigrams)
        return tool_usage(tool, "--method unigram needs --unigrams STREAM");
    if (generator && !options->model)
        return tool_usage(tool, "--method generator needs -m MODEL");
    if (!unigram && options->unigrams)
        return tool_usage(tool, "--unigrams is for --method unigram");
    if (!generator && options->model)
        return tool_usage(tool, "-m is for --method generator");
    if (!generator && tool_option(tool, "temperature")->given)
        return tool_usage(tool, "--temperature is for --method generator");
    if (options->never_original && strcmp(options->method, "mask") == 0)
        return tool_usage(tool, "--never-original is for methods that draw replacements");
    if (unigram && strcmp(options->unigrams, "-") == 0)
        return tool_usage(tool, "--unigrams cannot be standard input");
    return 0;
}

/* One of the two, or none. */
struct source {
    struct elc_unigrams unigrams;
    struct elc_generator_replacer *generator;
};

static int open_source(struct source *source, struct elc_replacer **replacer,
                       struct options *options, size_t n_workers) {
    int err = 0;
    *replacer = &source->unigrams.replacer;
    if (strcmp(options->method, "mask") == 0) {
        *replacer = NULL;
    } else if (strcmp(options->method, "uniform") == 0) {
        elc_unigrams_uniform(&source->unigrams);
    } else if (strcmp(options->method, "unigram") == 0) {
        err = elc_unigrams_read(&source->unigrams, options->unigrams);
        options->unigrams_hash = source->unigrams.hash;
    } else {
        err = elc_generator_replacer_new(&source->generator, options->model, options->temperature,
                                         n_workers);
        if (!err) {
            *replacer = elc_generator_replacer(source->generator);
            options->model_hash = elc_generator_replacer_hash(source->generator);
        }
    }
    return err;
}

static void close_source(struct source *source) {
    elc_unigrams_free(&source->unigrams);
    elc_generator_replacer_destroy(source->generator);
}

static int corrupt(struct pass *pass, struct options *options) {
    struct source source = {0};
    struct elc_output output;
    struct elc_writer writer = {0};
    struct tool *tool = pass->tool;
    int err = open_source(&source, &pass->corruption.replacer, options, tool->threads);
    if (!err)
        err = elc_output_open(&output, tool->output);
    if (!err) {
        pass->writer = &writer;
        pass->output = &output;
        err = options->epochs == 1 ? corrupt_once(pass) : corrupt_epochs(pass, options->epochs);
        if (!err)
            err = elc_output_commit(&output);
        elc_writer_free(&writer);
        elc_output_abandon(&output);
    }
    close_source(&source);
    return err;
}

int main(int argc, char **argv) {
    struct options options = {
        .method = "mask", .mask_prob = 0.15, .temperature = 1, .epochs = 1, .first_epoch = 0};
    struct tool_option table[] = {
        {0, "method", OPTION_CHOICE, &options.method, "NAME",
         "what is put at the chosen positions: mask, uniform, unigram, generator [mask]",
         .choices = "mask|uniform|unigram|generator", .shapes = true},
        {0, "mask-prob", OPTION_REAL, &options.mask_prob, "P",
         "share of the tokens that is masked [0.15]", 1e-6, 0.999999, .shapes = true},
        {0, "whole-word", OPTION_FLAG, &options.whole_word, NULL, "mask whole words",
         .shapes = true},
        {0, "unigrams", OPTION_TEXT, &options.unigrams, "STREAM",
         "unigram: tokens to be drawn as often as they are here", .shapes = true,
         .hash = &options.unigrams_hash},
        {'m', "model", OPTION_TEXT, &options.model, "MODEL",
         "generator: its directory, or one of electra-train", .shapes = true,
         .hash = &options.model_hash},
        {0, "temperature", OPTION_REAL, &options.temperature, "T",
         "generator: below 1 likely tokens are drawn still more often [1]", 1e-3, 1e3,
         .shapes = true},
        {0, "never-original", OPTION_FLAG, &options.never_original, NULL,
         "draw among all tokens but the original", .shapes = true},
        {0, "epochs", OPTION_COUNT, &options.epochs, "N",
         "write the input N times, masked afresh [1]", 1, 1e9, .shapes = true},
        {0, "first-epoch", OPTION_COUNT, &options.first_epoch, "K", "number of the first epoch [0]",
         0, 1e15, .shapes = true},
        {0},
    };
    struct tool tool = {
        .name = "electra-corrupt",
        .synopsis = "[--method mask] [OPTION]... [STREAM]...\n"
                    "--method uniform [OPTION]... [STREAM]...\n"
                    "--method unigram --unigrams STREAM [OPTION]... [STREAM]...\n"
                    "--method generator -m MODEL [OPTION]... [STREAM]...",
        .purpose = "Masks tokens of a stream, as ELECTRA's pre-training does, or replaces them.",
        .options = table,
        .has_seed = true,
        .has_threads = true,
        .has_history = true,
        .has_flush = true,
        .has_force = true,
        .has_output = true,
        .threads = 1,
    };
    tool_parse(&tool, argc, argv);
    int usage = check_options(&tool, &options);
    if (usage)
        return usage;
    tool_refuse_terminal_input(&tool);
    tool_refuse_terminal_output(&tool);
    struct pass pass = {
        .tool = &tool,
        .corruption = {.mask_prob = options.mask_prob,
                       .seed = tool.seed,
                       .whole_word = options.whole_word,
                       .never_original = options.never_original},
        .epoch = options.first_epoch,
        .corrupters = calloc(tool.threads, sizeof *pass.corrupters),
    };
    int err = pass.corrupters ? corrupt(&pass, &options) : elc_fail_memory(0);
    int status = err ? tool_fail(&tool, "%s", elc_error()) : TOOL_DONE;
    for (uint64_t i = 0; pass.corrupters && i < tool.threads; i++) {
        tool.tokens += pass.corrupters[i].n_tokens;
        elc_corrupter_free(&pass.corrupters[i]);
    }
    free(pass.corrupters);
    elc_header_free(&pass.first);
    return tool_end(&tool, status);
}
