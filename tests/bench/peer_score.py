#!/usr/bin/env python3
"""The peer of `electra-score --task rtd`: onnxruntime, fp32. Prints tokens (without padding) per
second; reading and tokenizing are not in the time. It is given its best: the faster of the plain
and the fused graph, at the best of three sizes of batch, tried on a part of the texts.

  peer_score.py PLAIN.onnx FUSED.onnx IDS THREADS sorted|unsorted

IDS: a JSON Line {"ids": […]} for each text. sorted: batches of texts of like length; unsorted:
batches of 32 in the order of the input, padded, as it is usually run.
"""
import json
import sys
import time

import numpy
import onnxruntime

plain, fused, path, threads, order = sys.argv[1:]
with open(path, encoding="utf-8") as lines:
    texts = [json.loads(line)["ids"] for line in lines]


def session(graph):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def speed(model, texts, size):
    if order == "sorted":
        texts = sorted(texts, key=len)
    start = time.perf_counter()
    for begin in range(0, len(texts), size):
        batch = texts[begin:begin + size]
        ids = numpy.zeros((len(batch), max(map(len, batch))), numpy.int64)
        mask = numpy.zeros_like(ids)
        for row, text in enumerate(batch):
            ids[row, :len(text)] = text
            mask[row, :len(text)] = 1
        model.run(None, {"ids": ids, "mask": mask})
    return sum(map(len, texts)) / (time.perf_counter() - start)


models = [session(plain), session(fused)]
sizes = (8, 16, 32) if order == "sorted" else (32,)
some = texts[::8]
for model in models:
    speed(model, some[:16], 8)
_, best, size = max((speed(models[i], some, size), i, size) for i in (0, 1) for size in sizes)
print(f"{speed(models[best], texts, size):.0f}")
