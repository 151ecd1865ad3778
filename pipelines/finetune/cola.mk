# CoLA (GLUE): is a sentence English? What counts is Matthews' correlation.
TASK        := classify
LAYOUT      := --tsv --text 4 --label 2
TRAIN        = cat $(DATA)/cola/train.tsv
VALID        = cat $(DATA)/cola/dev.tsv
TRAIN_FLAGS ?= --metric matthews
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
