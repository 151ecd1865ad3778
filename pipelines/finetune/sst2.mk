# SST-2 (GLUE): is a sentence about a film kind?
TASK   := classify
LAYOUT := --tsv --header --text sentence --label label
TRAIN   = zcat $(DATA)/sst2/train.tsv.gz
VALID   = cat $(DATA)/sst2/dev.tsv
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
