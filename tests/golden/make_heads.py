"""Makes tests/golden/heads: small random fine-tuned ELECTRA networks, what transformers computes
from them in double precision, and the gradients of its losses by every weight.

    make_heads.py        writes CASE.json (config.json of transformers) and CASE.safetensors

A .safetensors has the weights (F32, under transformers' names) and
    in.ids, in.types [T] I32, in.lengths [S] I32     texts one after another
    in.rows [R] I32          tag: rows of the words' first tokens
    in.classes I32           classify [S], tag [R]
    in.values [S, n] F32     regress, multi-label
    in.spans [S, 2] I32      qa: first and last token of the answer in its text
    out.logits F32           [S, n], [R, n] or [T, 2]
    out.loss [1] F64         the mean over texts or words
    grad.NAME F32            by each weight

The loss of qa is computed here over the tokens of each text; transformers', of a padded batch,
would have the padding among the places where an answer may begin.
"""

import json
import pathlib

import torch
from make_networks import LENGTHS, flat, make_config, pad, randomize
from safetensors.torch import save_file
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ElectraForQuestionAnswering,
    ElectraForSequenceClassification,
    ElectraForTokenClassification,
)

HERE = pathlib.Path(__file__).parent / "heads"
SMALL = dict(embedding_size=6, hidden_size=12, num_attention_heads=2)
SINGLE, MULTI = "single_label_classification", "multi_label_classification"
CASES = {
    "classify": (ElectraForSequenceClassification, dict(num_labels=3, problem_type=SINGLE)),
    "classify-relu": (
        ElectraForSequenceClassification,
        dict(num_labels=2, problem_type=SINGLE, hidden_act="relu"),
    ),
    "multi-label": (ElectraForSequenceClassification, dict(num_labels=4, problem_type=MULTI)),
    "regress": (ElectraForSequenceClassification, dict(num_labels=1, problem_type="regression")),
    "tag": (ElectraForTokenClassification, dict(num_labels=5)),
    "qa": (ElectraForQuestionAnswering, {}),
    "classify-bert": (
        BertForSequenceClassification,
        dict(num_labels=3, problem_type=SINGLE, embedding_size=12),
    ),
}


def targets_of(name, config, ids):
    """What is to be learnt, and the rows that it is about."""
    n, s = config.num_labels, len(LENGTHS)
    if name.startswith("classify"):
        return {"in.classes": torch.randint(0, n, (s,))}
    if name == "multi-label":
        return {"in.values": torch.randint(0, 2, (s, n)).double()}
    if name == "regress":
        return {"in.values": torch.randn(s, n).float().double()}
    if name == "tag":
        rows = [r for r in range(sum(LENGTHS)) if r % 3 != 1]
        return {
            "in.rows": torch.tensor(rows),
            "in.classes": torch.randint(0, n, (len(rows),)),
        }
    spans = [sorted(torch.randint(0, length, (2,)).tolist()) for length in LENGTHS]
    return {"in.spans": torch.tensor(spans)}


def loss_of(name, logits, targets):
    if name.startswith("classify"):
        return cross_entropy(logits, targets["in.classes"])
    if name == "multi-label":
        return binary_cross_entropy_with_logits(logits, targets["in.values"])
    if name == "regress":
        return mse_loss(logits, targets["in.values"])
    if name == "tag":
        return cross_entropy(logits, targets["in.classes"])
    total, at = 0, 0
    for n, (start, end) in zip(LENGTHS, targets["in.spans"]):
        here = logits[at : at + n]
        total = total + (cross_entropy(here[:, 0], start) + cross_entropy(here[:, 1], end)) / 2
        at += n
    return total / len(LENGTHS)


def logits_of(name, model, batch, real, targets):
    if name == "qa":
        out = model(**batch)
        return torch.stack([out.start_logits[real], out.end_logits[real]], 1)
    logits = model(**batch).logits
    return logits[real][targets["in.rows"]] if name == "tag" else logits


def check_loss(name, model, batch, real, targets, loss):
    """transformers' own loss, where padding has no part in it, is this one."""
    if name == "qa":
        return
    labels = targets.get("in.classes", targets.get("in.values"))
    if name == "tag":
        rows = torch.full((int(real.sum()),), -100)
        rows[targets["in.rows"]] = targets["in.classes"]
        labels = torch.full(real.shape, -100)
        labels[real] = rows
    assert abs(model(**batch, labels=labels).loss - loss) < 1e-6


def make_case(name, cls, shape):
    config = make_config(SMALL | shape)
    bert = cls is BertForSequenceClassification
    model = cls(BertConfig(**config.to_dict()) if bert else config).double().eval()
    randomize(model)
    ids = [torch.randint(5, config.vocab_size, (n,)).tolist() for n in LENGTHS]
    types = [torch.randint(0, 3, (n,)).sort().values.tolist() for n in LENGTHS]
    real = pad([[1] * n for n in LENGTHS], 0).bool()
    batch = dict(input_ids=pad(ids, 0), attention_mask=real.long(), token_type_ids=pad(types, 0))
    targets = targets_of(name, config, ids)
    logits = logits_of(name, model, batch, real, targets)
    loss = loss_of(name, logits, targets)
    check_loss(name, model, batch, real, targets, loss)
    loss.backward()

    tensors = {
        "in.ids": flat(ids),
        "in.types": flat(types),
        "in.lengths": torch.tensor(LENGTHS, dtype=torch.int32),
        "out.logits": logits.detach().float(),
        "out.loss": loss.detach().reshape(1),
    }
    for key, value in targets.items():
        tensors[key] = value.float() if value.is_floating_point() else value.int()
    for key, p in model.named_parameters():
        if bert:
            key = key.replace("bert.pooler.", "pooler.").replace("bert.", "electra.")
        tensors[key] = p.detach().float()
        tensors["grad." + key] = p.grad.float()
    save_file({k: v.contiguous() for k, v in tensors.items()}, HERE / f"{name}.safetensors")
    architecture = "BertElectraForSequenceClassification" if bert else cls.__name__
    described = config.to_diff_dict() | {"architectures": [architecture], "model_type": "electra"}
    (HERE / f"{name}.json").write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")


def main():
    HERE.mkdir(exist_ok=True)
    torch.manual_seed(1)
    for name, (cls, shape) in CASES.items():
        make_case(name, cls, shape)


if __name__ == "__main__":
    main()
