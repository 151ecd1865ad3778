"""Makes tests/golden/networks: small random ELECTRA networks, what transformers computes from
them in double precision, and the gradients of its losses by every weight.

    make_networks.py        writes CASE.json (config.json of transformers) and CASE.safetensors

A .safetensors has the weights (F32, under transformers' names) and
    in.ids, in.original, in.types [T] I32   texts one after another; what they were before
    in.lengths [S] I32
    in.masked [M] I32                       rows of the masked positions
    out.hidden [T, H] F32, out.logits F32   [T] of a discriminator, [M, V] of a generator
    out.loss [1] F64                        the mean over tokens or masked positions
    grad.NAME F32                           by each weight
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

HERE = pathlib.Path(__file__).parent / "networks"
CASES = {
    "discriminator-equal": dict(embedding_size=8, hidden_size=8, num_attention_heads=2),
    "discriminator-projected": dict(embedding_size=6, hidden_size=12, num_attention_heads=1),
    "discriminator-gelu-new": dict(
        embedding_size=4, hidden_size=12, num_attention_heads=3, hidden_act="gelu_new"
    ),
    "discriminator-relu": dict(
        embedding_size=8, hidden_size=8, num_attention_heads=1, hidden_act="relu", layer_norm_eps=1e-5
    ),
    "generator-equal": dict(embedding_size=8, hidden_size=8, num_attention_heads=2),
    "generator-projected": dict(
        embedding_size=10, hidden_size=4, num_attention_heads=1, hidden_act="gelu_new"
    ),
}
LENGTHS = [7, 1, 12, 3, 20, 2]
MASK = 4


def make_config(shape):
    return ElectraConfig(
        vocab_size=37,
        num_hidden_layers=2,
        intermediate_size=11,
        max_position_embeddings=24,
        type_vocab_size=3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=0,
        **shape,
    )


def randomize(model):
    """Weights large enough that every part of the network matters; rounded to float."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.normal_(0, 0.3)
            if name.endswith("LayerNorm.weight"):
                p.add_(1)
            p.copy_(p.float().double())


def pad(rows, value):
    width = max(len(r) for r in rows)
    return torch.tensor([r + [value] * (width - len(r)) for r in rows])


def make_texts(config):
    original, ids, types = [], [], []
    for n in LENGTHS:
        text = torch.randint(5, config.vocab_size, (n,)).tolist()
        original.append(text)
        ids.append(list(text))
        types.append([int(t) for t in torch.randint(0, 3, (n,)).sort().values])
    return original, ids, types


def flat(rows):
    return torch.tensor([x for row in rows for x in row], dtype=torch.int32)


def make_case(name, shape):
    config = make_config(shape)
    generator = name.startswith("generator")
    model = (ElectraForMaskedLM if generator else ElectraForPreTraining)(config).double().eval()
    model.tie_weights()
    randomize(model)
    original, ids, types = make_texts(config)
    masked, at = [], 0
    for text in ids:
        for i in range(len(text)):
            if (at + i) % 4 == 1:
                masked.append(at + i)
                if generator:
                    text[i] = MASK if (at + i) % 8 == 1 else text[i]
                else:
                    text[i] = 5 + (text[i] + at + i) % 30
        at += len(text)

    mask = pad([[1] * n for n in LENGTHS], 0)
    real = mask.bool()
    if generator:
        rows = torch.zeros(at, dtype=torch.bool)
        rows[masked] = True
        labels = torch.full(mask.shape, -100)
        labels[real] = torch.where(rows, flat(original).long(), -100)
    else:
        labels = (pad(original, 0) != pad(ids, 0)).long()
    out = model(
        input_ids=pad(ids, 0),
        attention_mask=mask,
        token_type_ids=pad(types, 0),
        labels=labels,
        output_hidden_states=True,
    )
    logits = out.logits[real]
    if generator:
        logits, loss = logits[masked], out.loss
    else:  # transformers computes this one in single precision
        loss = binary_cross_entropy_with_logits(logits, labels[real].double())
        assert abs(loss - out.loss) < 1e-6
    loss.backward()

    tensors = {
        "in.ids": flat(ids),
        "in.original": flat(original),
        "in.types": flat(types),
        "in.lengths": torch.tensor(LENGTHS, dtype=torch.int32),
        "in.masked": torch.tensor(masked, dtype=torch.int32),
        "out.hidden": out.hidden_states[-1][real].detach().float(),
        "out.logits": logits.detach().float(),
        "out.loss": loss.detach().reshape(1),
    }
    for key, p in model.named_parameters():
        if key == "generator_lm_head.weight":
            continue  # the word embeddings
        tensors[key] = p.detach().float()
        tensors["grad." + key] = p.grad.float()
    save_file({k: v.contiguous() for k, v in tensors.items()}, HERE / f"{name}.safetensors")
    described = config.to_diff_dict() | {
        "architectures": [type(model).__name__],
        "model_type": "electra",
    }
    (HERE / f"{name}.json").write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")


def main():
    HERE.mkdir(exist_ok=True)
    torch.manual_seed(1)
    for name, shape in CASES.items():
        make_case(name, shape)


if __name__ == "__main__":
    main()
