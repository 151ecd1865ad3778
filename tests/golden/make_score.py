"""Makes tests/golden/score: what transformers computes from tests/golden/directory/generator for
tasks fill and pll of electra-score.

    records.jsonl   texts as electra-view --from jsonl reads them, behind a header
    fill            id position token probability: the three likeliest tokens of every [MASK]
    pll             id pll tokens perplexity: each token but [CLS], [SEP] and [MASK] masked in turn

Numbers have nine digits. Needs torch and transformers.
"""

import json
import math
import pathlib

import torch
from transformers import ElectraForMaskedLM

HERE = pathlib.Path(__file__).parent
TEXTS = [
    "[CLS] the cat sat on the [MASK] . [SEP]",
    "[CLS] [MASK] ##aff ##able dog ##s [SEP]",
    "[CLS] [SEP]",
    "[CLS] é ! [SEP]",
    "[CLS] " + "the dog runs , " * 7 + "[SEP]",
    "[CLS] the [MASK] sat [SEP] a [MASK] runs [SEP]",
    "[CLS] [MASK] [SEP]",
    "[CLS] [UNK] a [UNK] [SEP]",
]
TOP_K = 3


def log_probabilities(model, ids, types):
    logits = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types])).logits[0]
    return torch.log_softmax(logits.double(), -1)


@torch.no_grad()
def main():
    directory = HERE / "directory" / "generator"
    vocab = (directory / "vocab.txt").read_text().split("\n")[:-1]
    model = ElectraForMaskedLM.from_pretrained(directory).double().eval()
    mask, given = vocab.index("[MASK]"), [vocab.index(t) for t in ("[CLS]", "[SEP]", "[MASK]")]
    records, fill, pll = [], [], []
    for number, text in enumerate(TEXTS, 1):
        ids = [vocab.index(token) for token in text.split()]
        first_end = ids.index(vocab.index("[SEP]"))
        types = [int(i > first_end) for i in range(len(ids))]
        record = {"id": number, "ids": ids}
        records.append(record | {"types": types} if any(types) else record)
        log_p = log_probabilities(model, ids, types)
        for i in (i for i, token in enumerate(ids) if token == mask):
            for p, token in zip(*log_p[i].exp().topk(TOP_K)):
                fill.append(f"{number}\t{i}\t{vocab[token]}\t{p:.9g}")
        if mask not in ids:
            fill.append(f"{number}\t\t\t")
        scored = [i for i, token in enumerate(ids) if token not in given]
        total = 0.0
        for i in scored:
            masked = ids[:i] + [mask] + ids[i + 1 :]
            total += log_probabilities(model, masked, types)[i, ids[i]].item()
        perplexity = math.exp(-total / len(scored)) if scored else 1
        pll.append(f"{number}\t{total:.9g}\t{len(scored)}\t{perplexity:.9g}")
    out = HERE / "score"
    out.mkdir(exist_ok=True)
    (out / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    (out / "fill").write_text("\n".join(fill) + "\n")
    (out / "pll").write_text("\n".join(pll) + "\n")


if __name__ == "__main__":
    main()
