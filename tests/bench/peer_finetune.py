#!/usr/bin/env python3
"""The peer of `electra-train classify|regress|tag|qa`: the same training in PyTorch, f32, with
transformers' networks and batches that are padded to their longest text. Prints the seconds that
all steps took, and the peak of the process's memory in MB.

  peer_finetune.py TASK START TEXTS [-o DIR] [--steps N] [--batch N] [--lr X] [--layer-decay X]
      [--seed N] [--threads N]

Without --steps an epoch. START: a model with the task's head, as electra-train and transformers save it. TEXTS: the training
stream as electra-view prints it. DIR: the trained model, with START's vocabulary, for
electra-score. With CLOCK=processor in the environment a second is one of the processor's, not of
the clock.

What google-research/electra does and PyTorch's AdamW does not (no correction of bias, the loss a
sum, a rate for each layer, LayerNorms and biases not decayed) is put into AdamW's settings, so that
its fused loop does the work.
"""
import argparse
import json
import os
import random
import re
import resource
import shutil
import time

import torch
import transformers
from torch.nn.functional import cross_entropy, mse_loss

CLASSES = {"classify": transformers.ElectraForSequenceClassification,
           "regress": transformers.ElectraForSequenceClassification,
           "tag": transformers.ElectraForTokenClassification,
           "qa": transformers.ElectraForQuestionAnswering}
BETAS, EPSILON, WEIGHT_DECAY, MAX_NORM, WARMUP = (0.9, 0.999), 1e-6, 0.01, 1.0, 0.1
NONE = -100  # the label of what has none, as cross_entropy has it


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=CLASSES)
    parser.add_argument("start")
    parser.add_argument("texts")
    parser.add_argument("-o", "--output")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--layer-decay", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def target(task, text, classes):
    """What the head is to say of a text: a class, a number, a class for each token, a span."""
    if task == "classify":
        return classes[str(text["label"])]
    if task == "regress":
        return float(text["label"])
    if task == "qa":
        return text.get("span", [0, 0])
    labels, before = [], None
    for word in text["words"]:
        first = word is not None and word != before
        labels.append(classes[text["label"][word]] if first else NONE)
        before = word
    return labels


def pad(rows, filler):
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])


def loss_of(task, model, batch):
    """The sum over texts (tag: words), of a batch of (text, target)."""
    ids = [text["ids"] for text, _ in batch]
    inputs = {"input_ids": pad(ids, 0), "attention_mask": pad([[1] * len(row) for row in ids], 0),
              "token_type_ids": pad([text.get("types", [0] * len(text["ids"]))
                                     for text, _ in batch], 0)}
    targets = [target for _, target in batch]
    out = model(**inputs)
    if task == "classify":
        return cross_entropy(out.logits, torch.tensor(targets), reduction="sum")
    if task == "regress":
        return mse_loss(out.logits[:, 0], torch.tensor(targets), reduction="sum")
    if task == "tag":
        return cross_entropy(out.logits.flatten(0, 1), pad(targets, NONE).flatten(),
                             ignore_index=NONE, reduction="sum")
    first, last = torch.tensor(targets).unbind(1)
    return (cross_entropy(out.start_logits, first, reduction="sum")
            + cross_entropy(out.end_logits, last, reduction="sum")) / 2


def groups(model, decay):
    """Parameters of equal rate and weight decay; "scale" is the part of the head's rate."""
    layers, found = model.config.num_hidden_layers, {}
    for name, parameter in model.named_parameters():
        layer = re.match(r"electra\.encoder\.layer\.(\d+)\.", name)
        depth = int(layer[1]) + 1 if layer else 0 if name.startswith("electra.") else layers + 2
        plain = "LayerNorm" in name or name.endswith("bias")
        found.setdefault((decay ** (layers + 2 - depth), plain), []).append(parameter)
    return [{"params": parameters, "scale": scale, "decays": not plain}
            for (scale, plain), parameters in found.items()]


def set_rate(adam, rate, step):
    """AdamW's update of this step becomes rate · (m / (√v + ε) + decay · w), without correction."""
    first, second = (1 - beta ** (step + 1) for beta in BETAS)
    correction = first / second ** 0.5
    for group in adam.param_groups:
        group["lr"] = rate * group["scale"] * correction
        group["eps"] = EPSILON / second ** 0.5
        group["weight_decay"] = WEIGHT_DECAY / correction if group["decays"] else 0.0


def train(options, model, texts):
    total = options.steps or -(-len(texts) // options.batch)
    warmup = int(WARMUP * total)
    adam = torch.optim.AdamW(groups(model, options.layer_decay), betas=BETAS, fused=True)
    epochs = -(-total * options.batch // len(texts)) if options.steps else 1
    order = [text for _ in range(epochs) for text in random.sample(texts, len(texts))]
    clock = time.process_time if os.environ.get("CLOCK") == "processor" else time.perf_counter
    start = clock()
    for step in range(total):
        batch = order[step * options.batch:(step + 1) * options.batch]
        loss_of(options.task, model, batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        rate = options.lr * (1 - step / total) * (min(1, step / warmup) if warmup else 1)
        set_rate(adam, rate, step)
        adam.step()
        adam.zero_grad()
    return clock() - start


def main():
    options = parse()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    model = CLASSES[options.task].from_pretrained(options.start).train()
    with open(options.texts, encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    texts = [(text, target(options.task, text, model.config.label2id)) for text in texts]
    seconds = train(options, model, texts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    if options.output:
        model.save_pretrained(options.output)
        for name in ("vocab.txt", "tokenizer_config.json"):
            shutil.copy(os.path.join(options.start, name), options.output)
    print(f"{seconds:.2f} {peak:.0f}")


if __name__ == "__main__":
    main()
