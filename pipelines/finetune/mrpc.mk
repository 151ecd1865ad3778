# MRPC (GLUE): do two sentences say the same? Which comes first does not matter.
TASK   := classify --double-order
LAYOUT := --tsv --header --text '\#1 String' --pair '\#2 String' --label Quality
TRAIN   = zcat $(DATA)/glue_pairs/mrpc_train.tsv.gz | sed '1s/^\xef\xbb\xbf//'
VALID   = sed '1s/^\xef\xbb\xbf//' $(DATA)/glue_pairs/mrpc_dev.tsv
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
