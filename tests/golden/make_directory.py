"""Makes tests/golden/directory: tiny ELECTRA networks as transformers saves them, with what
transformers computes from them; and checks directories of ours against transformers.

    make_directory.py make            writes tests/golden/directory
    make_directory.py load DIR        loads DIR with transformers, whatever network it holds
    make_directory.py check DIR FILE  compares what transformers computes from the discriminator DIR
                                      with FILE, from `electra-score --format jsonl -m DIR`

Needs torch, transformers, safetensors and numpy. expected.txt has one result a line, words
separated by spaces:

    discriminator N id… logit…        N token ids, N logits
    embedding N id… value…            N token ids, the last hidden state of the first token
    generator N id… P logit…          N token ids, the logits over the vocabulary at position P
"""

import json
import pathlib
import shutil
import sys

import torch
from transformers import (
    ElectraConfig,
    ElectraForMaskedLM,
    ElectraForPreTraining,
    ElectraModel,
    ElectraTokenizer,
)

HERE = pathlib.Path(__file__).parent / "directory"
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["the", "cat", "sat", "on", "mat", "dog", "runs", "un", "##aff", "##able", "é"]
LETTERS = list("abcdefghijklmnopqrstuvwxyz.,!?")
VOCAB = SPECIALS + LETTERS + ["##" + c for c in "aeiourstn"] + WORDS

TEXTS = [
    ["[CLS]", "the", "cat", "sat", "on", "the", "mat", ".", "[SEP]"],
    ["[CLS]", "un", "##aff", "##able", "dog", "##s", "[SEP]"],
    ["[CLS]", "[SEP]"],
    ["[CLS]", "é", "!", "[SEP]"],
    ["[CLS]"] + ["the", "dog", "runs", ","] * 7 + ["[SEP]"],
]


def ids_of(tokens):
    return [VOCAB.index(token) for token in tokens]


def randomize(model, seed):
    """Weights far from their initial values, so that every one of them counts."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.25)
            if "LayerNorm.weight" in name:
                value.add_(1.0)
    return model.eval()


def config(hidden, heads):
    return ElectraConfig(
        vocab_size=len(VOCAB),
        embedding_size=16,
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=heads,
        intermediate_size=2 * hidden,
        max_position_embeddings=32,
    )


def save(model, name):
    directory = HERE / name
    model.save_pretrained(directory)
    (directory / "vocab.txt").write_text("".join(token + "\n" for token in VOCAB))
    (directory / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": True, "model_max_length": 32}) + "\n"
    )


def line(kind, ids, numbers, *more):
    return " ".join([kind, str(len(ids)), *map(str, ids), *more, *(f"{x:.9g}" for x in numbers)])


@torch.no_grad()
def make():
    shutil.rmtree(HERE, ignore_errors=True)
    discriminator = randomize(ElectraForPreTraining(config(24, 3)), 1)
    generator = randomize(ElectraForMaskedLM(config(12, 2)), 2)
    save(discriminator, "discriminator")
    save(generator, "generator")
    lines = []
    for text in TEXTS:
        ids = ids_of(text)
        batch = torch.tensor([ids])
        lines.append(line("discriminator", ids, discriminator(batch).logits[0].tolist()))
        hidden = discriminator.electra(batch).last_hidden_state[0]
        lines.append(line("embedding", ids, hidden[0].tolist()))
        place = len(ids) // 2
        logits = generator(batch).logits[0, place]
        lines.append(line("generator", ids, logits.tolist(), str(place)))
    (HERE / "expected.txt").write_text("\n".join(lines) + "\n")


def load(directory):
    """The network in a directory, refusing any tensor that is missing, spare or misshapen."""
    classes = {c.__name__: c for c in (ElectraForPreTraining, ElectraForMaskedLM, ElectraModel)}
    config = json.loads((pathlib.Path(directory) / "config.json").read_text())
    model, info = classes[config["architectures"][0]].from_pretrained(
        directory, output_loading_info=True
    )
    if any(info.values()):
        sys.exit(f"{directory}: {info}")
    return model.eval()


@torch.no_grad()
def check(directory, path):
    model = load(directory)
    tokenizer = ElectraTokenizer.from_pretrained(directory)
    worst, n = 0.0, 0
    for row in map(json.loads, open(path)):
        ids = tokenizer.convert_tokens_to_ids([token["token"] for token in row["tokens"]])
        ours = torch.tensor([token["p"] for token in row["tokens"]])
        theirs = torch.sigmoid(model(torch.tensor([ids])).logits[0])
        worst = max(worst, (ours - theirs).abs().max().item())
        n += 1
    print(f"{n} texts, largest difference {worst:.3g}")
    return n > 0 and worst < 1e-5


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    elif len(sys.argv) == 3 and sys.argv[1] == "load":
        load(sys.argv[2])
    elif len(sys.argv) == 4 and sys.argv[1] == "check":
        sys.exit(0 if check(sys.argv[2], sys.argv[3]) else 1)
    else:
        sys.exit(__doc__)
