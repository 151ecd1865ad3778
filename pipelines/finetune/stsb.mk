# STS-B (GLUE): how alike are two sentences, from 0 to 5?
TASK   := regress --double-order
BUDGET ?= --epochs 10
LAYOUT := --tsv --header --text sentence1 --pair sentence2 --label score
TRAIN   = zcat $(DATA)/glue_pairs/stsb_train.tsv.gz
VALID   = cat $(DATA)/glue_pairs/stsb_dev.tsv
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
