# Is a text message spam? Every tenth message is held out.
TASK   := classify
LAYOUT := --tsv --text 2 --label 1
TRAIN   = awk 'NR % 10' $(DATA)/sms_spam/SMSSpamCollection
VALID   = awk 'NR % 10 == 0' $(DATA)/sms_spam/SMSSpamCollection
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
