/* What the commands of electra-train share: the options of a run, its listeners, its end.
 *
 * A command is a file train_NAME.c with one function that electra-train.c calls:
 *
 *     struct train train;
 *     train_init(&train, "pretrain --vocab FILE …", "Pre-trains …");
 *     train_parse(&train, own_options, argc, argv);
 *     if (!train_prepare(&train, &status)) return status;
 *     …build what the run needs; train_open_streams(&train, …);
 *     return train_end(&train, elc_…_run(&train.run, …, &train.work));
 */
#ifndef TOOLS_TRAIN_H
#define TOOLS_TRAIN_H

#include "common.h"
#include "electra/config.h"
#include "electra/file.h"
#include "electra/trainer.h"
#include "electra/vocab.h"

enum { TRAIN_OPTIONS_LIMIT = 64 };

struct train {
    struct tool tool;
    struct tool_option table[TRAIN_OPTIONS_LIMIT];

    /* What the command line says. Whether --steps, --batch … were given: train_given. */
    const char *directory, *valid, *metric, *checkpoint_every, *stop_after;
    uint64_t steps, epochs, batch, warmup, valid_every, log_every, patience;
    uint64_t trials; /* 0: a single run */
    double lr, hours;
    bool resume, shuffle;
    bool spools; /* a pipe is read to its end before the first step, even with --steps */

    struct elc_run_options run;
    struct elc_run_work work;
    struct elc_output metrics; /* standard output */
};

/* Defaults; a command may change them before train_parse. */
void train_init(struct train *train, const char *synopsis, const char *purpose);
/* Reads the command line: a command's own options, ended by an entry without a name, and the
 * shared ones. */
void train_parse(struct train *train, const struct tool_option *own, int argc, char **argv);
bool train_given(const struct train *train, const char *name);
/* Checks what is shared, fills train->run, opens the metrics and catches signals. False: the
 * command ends with `*status`, be it a usage error or a run that is done already. */
bool train_prepare(struct train *train, int *status);
/* Opens the operands and --valid as train->run.train and .valid, and checks that they fit one
 * another, the vocabulary, the network, and the tokenizer of `model`, where the run starts from one
 * (NULL: from none, and the vocabulary is that of `vocab_path`). */
int train_open_streams(struct train *train, const struct elc_vocab *vocab, const char *vocab_path,
                       const char *model, const struct elc_config *config) ELC_MUST_CHECK;
/* Closes the streams and says how it ended: `result` is an elc_run_end or an error. */
int train_end(struct train *train, int result);

/* The commands. argv[0] is the name of the command. */
int train_pretrain(int argc, char **argv);
int train_finetune(int argc, char **argv); /* classify, regress, tag, qa */

#endif
