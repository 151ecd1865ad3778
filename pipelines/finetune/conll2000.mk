# CoNLL-2000: the phrases of a sentence. The word comes first, its label last; BIOES, as here, is for
# any labels of BIO.
TASK   := tag
LENGTH ?= 256
LAYOUT := --conll
TRAIN   = awk -f $(HERE)bioes.awk $(DATA)/conll2000/train.txt
VALID   = awk -f $(HERE)bioes.awk $(DATA)/conll2000/test.txt
HERE   := $(dir $(lastword $(MAKEFILE_LIST)))
include $(HERE)rules.mk
