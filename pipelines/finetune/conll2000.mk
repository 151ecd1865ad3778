# CoNLL-2000: the phrases of a sentence. The word comes first, its label last.
TASK   := tag
LENGTH ?= 256
LAYOUT := --conll
TRAIN   = cat $(DATA)/conll2000/train.txt
VALID   = cat $(DATA)/conll2000/test.txt
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
