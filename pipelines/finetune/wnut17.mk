# WNUT-17: names in what people write on the net.
TASK   := tag
LENGTH ?= 256
LAYOUT := --conll
TRAIN   = cat $(DATA)/wnut17/train.conll
VALID   = cat $(DATA)/wnut17/dev.conll
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
