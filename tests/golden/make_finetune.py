"""Makes tests/golden/finetune: 100 steps of fine-tuning by transformers and PyTorch, in double
precision, with the optimizer of google-research/electra, which transformers does not have.

    make_finetune.py        writes, for each task:

TASK/start/         the model it starts from, as transformers saves it
TASK/texts.jsonl    labelled records, for electra-view --from jsonl
TASK/losses.txt     the loss of each step: the mean over its texts or words
TASK/end/           the model at the end
TASK/results.txt    what transformers computes from it for each text: probabilities of the classes,
                    of each word's classes, or starts and ends

joint is qa with google-research/electra's head (joint_head.py), which transformers does not have;
its results are, as qa_metrics.py has them, the best answer's bytes, its probability among the 20
best, and the logit of there being none.
"""

import json
import pathlib
import shutil

import torch
from joint_head import GoogleElectraForQuestionAnswering
from make_networks import make_config, randomize
from torch.nn.functional import cross_entropy
from transformers import (
    ElectraForQuestionAnswering,
    ElectraForSequenceClassification,
    ElectraForTokenClassification,
)

HERE = pathlib.Path(__file__).parent / "finetune"
STEPS, WARMUP, BATCH, TEXTS = 100, 10, 8, 40
RATE, LAYER_DECAY, WEIGHT_DECAY = 5e-3, 0.8, 0.01
SHAPE = dict(embedding_size=6, hidden_size=12, num_attention_heads=2)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [
    a + b for a in "bdfglmnr" for b in ("ako", "elu", "imi", "oso")
]
LABELS = {
    "classify": ["no", "perhaps", "yes"],
    "tag": ["B-X", "I-X", "O", "B-Y"],
    "qa": None,
    "joint": None,
}
CLASSES = {
    "classify": ElectraForSequenceClassification,
    "tag": ElectraForTokenClassification,
    "qa": ElectraForQuestionAnswering,
    "joint": GoogleElectraForQuestionAnswering,
}
N_BEST, MAX_ANSWER = 20, 30


def make_texts(task):
    texts = []
    for i in range(TEXTS):
        n = int(torch.randint(3, 15, (1,)))
        words = torch.randint(5, len(WORDS), (n,)).tolist()
        text = {"id": i + 1, "ids": [2] + words + [3]}
        if task == "classify":
            text["label"] = LABELS[task][sum(words) % 3]
        elif task == "tag":
            text["words"] = [None] + list(range(n)) + [None]
            text["label"] = [LABELS[task][w % 4] for w in words]
        else:  # two words are the question, the others the context
            context = [WORDS[w] for w in words[2:]]
            ends = [sum(map(len, context[: k + 1])) + k for k in range(n - 2)]
            offsets = [[e - len(w), e] for e, w in zip(ends, context)]
            start = int(torch.randint(0, n - 2, (1,)))
            end = min(n - 3, start + int(torch.randint(0, 2, (1,))))
            none = i % 4 == 3
            text["ids"] = [2] + words[:2] + [3] + words[2:] + [3]
            text["types"] = [0] * 4 + [1] * (n - 1)
            text["text"] = " ".join(WORDS[w] for w in words[:2])
            text["pair"] = " ".join(context)
            first = len(WORDS[words[0]])
            text["offsets"] = [[0, 0], [0, first], [first + 1, len(text["text"])], [0, 0]]
            text["offsets"] += offsets + [[0, 0]]
            text["span"] = [0, 0] if none else [4 + start, 4 + end]
            text["impossible"] = none
            answer = text["pair"][offsets[start][0] : offsets[end][1]]
            text["answers"] = [] if none else [{"text": answer, "start": offsets[start][0]}]
        texts.append(text)
    return texts


def tame(model):
    """Sums of 512 instead of a few numbers: logits as large as the others'."""
    with torch.no_grad():
        for layer in (model.end.out_proj, model.answerable.out_proj):
            layer.weight.mul_(0.15)
            layer.weight.copy_(layer.weight.float().double())


def inputs(text):
    ids = torch.tensor([text["ids"]])
    types = torch.tensor([text.get("types", [0] * len(text["ids"]))])
    return dict(input_ids=ids, token_type_ids=types, attention_mask=torch.ones_like(ids))


def outputs(model, text):
    out = model(**inputs(text))
    if "start_logits" in out:
        return torch.stack([out.start_logits[0], out.end_logits[0]], 1)
    return out.logits[0, 1:-1] if "words" in text else out.logits


def item_losses(task, model, text):
    if task == "joint":
        start, end = (torch.tensor([t]) for t in text["span"])
        return model.losses(inputs(text), start, end, torch.tensor([text["impossible"]]))
    logits = outputs(model, text)
    if task == "qa":
        start, end = (torch.tensor(t) for t in text["span"])
        return ((cross_entropy(logits[:, 0], start) + cross_entropy(logits[:, 1], end)) / 2)[None]
    labels = text["label"] if task == "tag" else [text["label"]]
    targets = torch.tensor([LABELS[task].index(x) for x in labels])
    return cross_entropy(logits, targets, reduction="none")


def depth(name, layers):
    if name.startswith("electra.encoder.layer."):
        return int(name.split(".")[3]) + 1
    return 0 if name.startswith("electra.") else layers + 2


def train(task, model, texts):
    layers = model.config.num_hidden_layers
    named = list(model.named_parameters())
    moments = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in named}
    losses = []
    for step in range(STEPS):
        batch = [texts[(step * BATCH + i) % TEXTS] for i in range(BATCH)]
        items = torch.cat([item_losses(task, model, t) for t in batch])
        losses.append(items.mean().item())
        model.zero_grad()
        items.sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        rate = RATE * (1 - step / STEPS) * min(1, step / WARMUP)
        with torch.no_grad():
            for name, p in named:
                m, v = moments[name]
                m.mul_(0.9).add_(p.grad, alpha=0.1)
                v.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
                decay = 0 if "LayerNorm" in name or "bias" in name else WEIGHT_DECAY
                own = rate * LAYER_DECAY ** (layers + 2 - depth(name, layers))
                p.sub_(own * (m / (v.sqrt() + 1e-6) + decay * p))
    return losses


def save(model, directory):
    shutil.rmtree(directory, ignore_errors=True)
    copy = type(model)(model.config)
    copy.load_state_dict({k: v.float() for k, v in model.state_dict().items()})
    copy.save_pretrained(directory)
    (directory / "model.safetensors").chmod(0o644)
    (directory / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (directory / "tokenizer_config.json").write_text('{"do_lower_case": true}\n')


def best_answer(model, text):
    starts, start_log_p, ends, end_log_p, impossible = (x[0] for x in model.beams(inputs(text)))
    context = range(text["types"].index(1), len(text["ids"]) - 1)
    answers = []
    for i, start in enumerate(starts.tolist()):
        for j, end in enumerate(ends[i].tolist()):
            if start in context and end in context and 0 <= end - start < MAX_ANSWER:
                answers.append(((start_log_p[i] + end_log_p[i, j]).item(), start, end))
    answers.sort(key=lambda a: a[0], reverse=True)
    p = torch.tensor([a[0] for a in answers[:N_BEST]]).softmax(0)[0]
    _, start, end = answers[0]
    return [text["offsets"][start][0], text["offsets"][end][1], p, impossible]


def results(task, model, texts):
    for text in texts:
        if task == "joint":
            start, end, p, impossible = best_answer(model, text)
            yield f"{start} {end} {p:.7f} {impossible:.7f}"
            continue
        logits = outputs(model, text)
        for row in logits if task == "qa" else logits.softmax(1):
            yield " ".join(f"{x:.7f}" for x in row.tolist())


def main():
    torch.set_num_threads(1)
    for task, cls in CLASSES.items():
        torch.manual_seed(1)
        labels = {"id2label": dict(enumerate(LABELS[task]))} if LABELS[task] else {}
        config = make_config(SHAPE | labels)
        assert config.vocab_size == len(WORDS)
        model = cls(config).double().eval()
        randomize(model)
        if task == "joint":
            tame(model)
        here = HERE / task
        here.mkdir(parents=True, exist_ok=True)
        save(model, here / "start")
        texts = make_texts(task)
        (here / "texts.jsonl").write_text("".join(json.dumps(t) + "\n" for t in texts))
        losses = train(task, model, texts)
        (here / "losses.txt").write_text("".join(f"{x:.7f}\n" for x in losses))
        save(model, here / "end")
        (here / "results.txt").write_text("\n".join(results(task, model, texts)) + "\n")


if __name__ == "__main__":
    main()
