#!/usr/bin/env python3
"""The peer of electra-tokenize: Hugging Face tokenizers' fastest call on one thread, its output
thrown away. Prints MB of text per second.

  RAYON_NUM_THREADS=1 peer_tokenize.py VOCAB TEXT

With CLOCK=processor in the environment a second is one of the processor's, not of the clock.
"""
import os
import sys
from time import perf_counter, process_time

clock = process_time if os.environ.get("CLOCK") == "processor" else perf_counter
os.environ.setdefault("RAYON_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
from tokenizers import BertWordPieceTokenizer

tokenizer = BertWordPieceTokenizer(sys.argv[1], lowercase=True)
with open(sys.argv[2], encoding="utf-8") as text:
    lines = text.read().split("\n")
start = clock()
for begin in range(0, len(lines), 1000):
    tokenizer._tokenizer.encode_batch_fast(lines[begin:begin + 1000])
print(f"{os.path.getsize(sys.argv[2]) / 1e6 / (clock() - start):.2f}")
