#!/usr/bin/env python3
"""The peer of `electra-train pretrain`: the same joint step in PyTorch with transformers' networks.
Prints tokens per second, median of the timed steps.

  peer_train.py --config small|nano --threads N --batch B --length T --steps K [--gather] [--vocab V]

--gather: the generator's head at the masked positions only, as ours; without it transformers as
shipped, which computes logits everywhere.
"""
import argparse
import statistics
import time

import torch
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

parser = argparse.ArgumentParser()
parser.add_argument("--config", choices=("small", "nano"), default="small")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--length", type=int, default=128)
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--vocab", type=int, default=30522)
parser.add_argument("--gather", action="store_true")
options = parser.parse_args()
torch.set_num_threads(options.threads)
torch.manual_seed(1)

embedding, hidden, heads, layers, part = {"small": (128, 256, 4, 12, 4), "nano": (64, 128, 2, 4, 2)}[
    options.config]


def network(kind, width, n_heads):
    return kind(ElectraConfig(
        vocab_size=options.vocab, embedding_size=embedding, num_hidden_layers=layers,
        hidden_size=width, num_attention_heads=n_heads, intermediate_size=4 * width)).train()


generator = network(ElectraForMaskedLM, hidden // part, heads // part)
discriminator = network(ElectraForPreTraining, hidden, heads)
generator.electra.embeddings = discriminator.electra.embeddings
generator.tie_weights()
parameters = list({id(p): p for p in [*generator.parameters(), *discriminator.parameters()]}.values())
adam = torch.optim.AdamW(parameters, lr=1e-4, eps=1e-6, weight_decay=0.01)

ids = torch.randint(1000, options.vocab, (options.batch, options.length))
masked_count = round(options.length * 0.15)
positions = torch.stack([torch.randperm(options.length)[:masked_count] for _ in range(options.batch)])
rows = torch.arange(options.batch)[:, None]


def step():
    shown = ids.clone()
    shown[rows, positions] = 103
    hidden = generator.electra(shown).last_hidden_state
    if options.gather:
        hidden = hidden[rows, positions]
    logits = generator.generator_lm_head(generator.generator_predictions(hidden))
    if not options.gather:
        logits = logits[rows, positions]
    original = ids[rows, positions]
    mlm = torch.nn.functional.cross_entropy(logits.flatten(0, 1), original.flatten())
    with torch.no_grad():
        noise = -torch.log(-torch.log(torch.rand_like(logits) + 1e-9) + 1e-9)
        drawn = (logits + noise).argmax(-1)
    corrupted = ids.clone()
    corrupted[rows, positions] = drawn
    labels = (corrupted != ids).float()
    scores = discriminator(corrupted).logits
    rtd = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels)
    (mlm + 50 * rtd).backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    adam.step()
    adam.zero_grad()


step()
seconds = []
for _ in range(options.steps):
    start = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - start)
print(f"{options.batch * options.length / statistics.median(seconds):.0f}")
