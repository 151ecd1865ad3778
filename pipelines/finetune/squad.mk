# SQuAD 2.0: the answer to a question in a text, or that there is none.
TASK   := qa
BUDGET ?= --epochs 2
LENGTH ?= 384
LAYOUT := --squad
TRAIN   = cat $(DATA)/squad2_mini/train-10articles-v2.0.json
VALID   = cat $(DATA)/squad2_mini/dev-16articles-v2.0.json
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
