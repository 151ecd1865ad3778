# From labelled text to a fine-tuned model, its results and what they are worth. Not run by itself:
# a task is a file of a few lines that says what it is and includes this one. To have your own, copy
# mine.mk.
#
#   make -f spam.mk DATA=/data INIT=model         fine-tune the model in the directory `model`
#   make -f spam.mk DATA=/data                    the same from random weights
#
# TASK, TRAIN and VALID are the task's to say: a command of electra-train, and shell commands that
# write texts with labels; LAYOUT how electra-tokenize reads them. What is made lies in $(WORK):
#
#   model/        the best checkpoint, for electra-score and for transformers
#                 with TRIALS=5 that of the best of five seeds; their mean is in its metrics.jsonl
#   scores.tsv    the results for the texts of VALID
#   metrics.tsv   what they are worth
#
# Every file appears whole or not at all, and training goes on where it was stopped.

# Where things are. BIN: the directory of the programs; empty for those on PATH.
DATA ?= data
WORK ?= work/$(NAME)
BIN  ?=

# INIT: a model to start from, of electra-train, electra-model or transformers; else CONFIG, with a
# vocabulary learned from TRAIN, or VOCAB.
INIT        ?=
CONFIG      ?= nano
VOCAB       ?= $(W)/vocab.txt
VOCAB_SIZE  ?= 8000
LENGTH      ?= 128
BUDGET      ?= --epochs 3
SEED        ?= 1
TRIALS      ?= 1
THREADS     ?= 0
TRAIN_FLAGS ?=
SCORE_FLAGS ?=

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: metrics clean

E    := $(addsuffix /,$(BIN))electra-
NAME := $(basename $(notdir $(firstword $(MAKEFILE_LIST))))
W    := $(WORK)

metrics: $(W)/metrics.tsv $(W)/scores.tsv
	@cat $<

# The vocabulary comes with the model, or is one to train with.
TOKENS_OF = $(if $(INIT),-m $(INIT),--vocab $(VOCAB))
START_OF  = $(if $(INIT),--init $(INIT),--config $(CONFIG) --vocab $(VOCAB))

# A wildcard leaves those words of a command that are files.
$(W)/vocab.txt $(W)/train.els: $(wildcard $(TRAIN))
$(W)/valid.els: $(wildcard $(VALID))

$(W)/vocab.txt:
	@mkdir -p $(W)
	$(TRAIN) | $(E)vocab --size $(VOCAB_SIZE) -o $@

$(W)/train.els: $(if $(INIT),,$(VOCAB))
	@mkdir -p $(W)
	$(TRAIN) | $(E)tokenize $(TOKENS_OF) $(LAYOUT) --max-length $(LENGTH) -o $@

$(W)/valid.els: $(if $(INIT),,$(VOCAB))
	@mkdir -p $(W)
	$(VALID) | $(E)tokenize $(TOKENS_OF) $(LAYOUT) --max-length $(LENGTH) -o $@

# A finished run that is older than its texts is not run again: --resume would leave it as it is.
$(W)/model/done: $(W)/train.els $(W)/valid.els
	@[ ! -e $@ ] || { echo "$(@D) was trained before $? changed: remove it, or choose another" \
		"WORK" >&2; exit 1; }
	$(E)train $(TASK) $(START_OF) $(BUDGET) -s $(SEED) -j $(THREADS) $(TRAIN_FLAGS) \
		$(if $(filter-out 1,$(TRIALS)),--trials $(TRIALS)) --keep-going --valid $(W)/valid.els --resume -o $(W)/model $< || [ $$? -eq 3 ]

$(W)/scores.els: $(W)/valid.els $(W)/model/done
	$(E)score -m $(W)/model -j $(THREADS) $(SCORE_FLAGS) --format stream -o $@ $<

$(W)/scores.tsv: $(W)/valid.els $(W)/model/done
	$(E)score -m $(W)/model -j $(THREADS) $(SCORE_FLAGS) --names -o $@ $<

$(W)/metrics.tsv: $(W)/scores.els
	$(E)eval -o $@ $<

clean:
	rm -rf $(W)
