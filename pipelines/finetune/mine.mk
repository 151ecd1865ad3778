# Your own table: FILE has a header with the columns `text` and `label`, separated by tabs; every
# tenth row is held out.
#
#   make -f mine.mk FILE=reviews.tsv INIT=model
FILE   ?= texts.tsv
TASK   := classify
LAYOUT := --tsv --header --text text --label label
TRAIN   = awk 'NR == 1 || NR % 10' $(FILE)
VALID   = awk 'NR == 1 || NR % 10 == 0' $(FILE)
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
