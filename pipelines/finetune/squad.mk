# SQuAD: the answer to a question in a text, or that there is none. SQUAD=answerable-v1.1: the questions
# that have one. TRAIN_FLAGS='--head google': ends that know their starts, as google-research/electra's.
SQUAD  ?= v2.0
TASK   := qa
BUDGET ?= --epochs 2
LENGTH ?= 384
LAYOUT := --squad
TRAIN   = cat $(DATA)/squad2_mini/train-10articles-$(SQUAD).json
VALID   = cat $(DATA)/squad2_mini/dev-16articles-$(SQUAD).json
# Where every question has an answer, one is always given, as in validation.
ifeq ($(SQUAD),answerable-v1.1)
override SCORE_FLAGS += --always-answer
endif
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
