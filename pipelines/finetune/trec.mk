# TREC: what does a question ask for? A line is its class, a finer one, and the question.
TASK   := classify
LAYOUT := --tsv --text 2 --label 1
TRAIN   = sed 's/:[^ ]* /\t/' $(DATA)/trec/train.txt
VALID   = sed 's/:[^ ]* /\t/' $(DATA)/trec/test.txt
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
