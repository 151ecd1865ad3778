#!/usr/bin/env python3
"""The peer of electra-vocab: Hugging Face tokenizers' trainer on one thread. Prints MB of text per
second, and writes the vocabulary to VOCAB where it is named.

  RAYON_NUM_THREADS=1 peer_learn.py SIZE TEXT [VOCAB]

With CLOCK=processor in the environment a second is one of the processor's, not of the clock.
"""
import os
import sys
from time import perf_counter, process_time

clock = process_time if os.environ.get("CLOCK") == "processor" else perf_counter
os.environ.setdefault("RAYON_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
from tokenizers import BertWordPieceTokenizer

tokenizer = BertWordPieceTokenizer(lowercase=True)
start = clock()
tokenizer.train([sys.argv[2]], vocab_size=int(sys.argv[1]), show_progress=False)
print(f"{os.path.getsize(sys.argv[2]) / 1e6 / (clock() - start):.2f}")
if len(sys.argv) > 3:
    vocabulary = tokenizer.get_vocab()
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        file.writelines(token + "\n" for token in sorted(vocabulary, key=vocabulary.get))
