# To which of 45 categories does a word belong, by the definition that a dictionary gives of it? From
# Debian's wordnet-base alone: every 20th gloss is held out.
#
#   make -f wordnet.mk INIT=../demo/work/model both
#
# fine-tunes the demo's model, and a network of the same shape and vocabulary from random weights,
# and prints how often each is right.
WORDNET     ?= /usr/share/wordnet
GLOSSES      = awk -f $(HERE)categories.awk $(foreach part,noun verb adj adv,$(WORDNET)/data.$(part))
TASK        := classify
BUDGET      ?= --epochs 2
LENGTH      ?= 48
TRAIN_FLAGS ?= --lr 1e-3
LAYOUT      := --tsv --text 1 --label 2
TRAIN        = $(GLOSSES) | awk 'NR % 20'
VALID        = $(GLOSSES) | awk 'NR % 20 == 0'
HERE        := $(dir $(lastword $(MAKEFILE_LIST)))
include $(HERE)rules.mk

.PHONY: both
both: $(W)/metrics.tsv
	@$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) INIT= WORK=$(W)/scratch \
		VOCAB=$(INIT)/discriminator/vocab.txt $(W)/scratch/metrics.tsv
	@printf 'from %s\t' $(INIT); grep -w accuracy $(W)/metrics.tsv
	@printf 'from random weights\t'; grep -w accuracy $(W)/scratch/metrics.tsv
