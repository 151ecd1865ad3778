#!/usr/bin/env python3
"""The peer of `electra-score --task rtd`: transformers' ElectraForPreTraining in PyTorch, lines
sorted by length, padded within batches. Prints tokens (without padding) per second.

  peer_score.py MODEL TEXT [THREADS]
"""
import sys
import time

import torch
from transformers import BertTokenizerFast, ElectraForPreTraining

model = ElectraForPreTraining.from_pretrained(sys.argv[1]).eval()
tokenizer = BertTokenizerFast(f"{sys.argv[1]}/vocab.txt")
torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
with open(sys.argv[2], encoding="utf-8") as text:
    lines = [line.rstrip("\n") for line in text]
encoded = sorted((tokenizer(line, truncation=True, max_length=512)["input_ids"] for line in lines),
                 key=len)
start = time.perf_counter()
with torch.inference_mode():
    for begin in range(0, len(encoded), 32):
        batch = encoded[begin:begin + 32]
        width = max(map(len, batch))
        ids = torch.tensor([ids + [0] * (width - len(ids)) for ids in batch])
        mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids in batch])
        model(ids, attention_mask=mask)
print(f"{sum(map(len, encoded)) / (time.perf_counter() - start):.0f}")
