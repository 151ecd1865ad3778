# RTE (GLUE): does the second sentence follow from the first?
TASK   := classify
BUDGET ?= --epochs 10
LAYOUT := --tsv --header --text sentence1 --pair sentence2 --label label
TRAIN   = zcat $(DATA)/glue_pairs/rte_train.tsv.gz
VALID   = cat $(DATA)/glue_pairs/rte_dev.tsv
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
