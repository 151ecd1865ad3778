"""Makes tests/golden/heads/joint: a small random ELECTRA with google-research's head for questions
(joint_head.py), its loss, gradients and beams in double precision.

    make_joint.py        writes joint.json and joint.safetensors

The .safetensors has the weights, and
    in.ids, in.types [T] I32, in.lengths [S] I32     texts one after another
    in.spans [S, 2] I32      first and last token of the answer in its text; 0, 0: none in it
    in.impossible [S] I32    there is no answer at all
    out.loss [1] F64         the mean over texts
    grad.NAME F32            by each weight
    out.starts [S, 20] I32, out.start_log_p F32             the likeliest starts, -1: there is no more
    out.ends [S, 20, 20] I32, out.end_log_p F32             the likeliest ends of each
    out.impossible [S] F32                                  the logit of: there is no answer
"""

import json
import pathlib

import torch
from joint_head import BEAM, GoogleElectraForQuestionAnswering
from make_networks import flat, make_config, pad, randomize
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent / "heads"
LENGTHS = [7, 1, 12, 3, 24, 2]
QUESTIONS = [4, 1, 5, 3, 1, 1]  # tokens before the context, of which text 4 has none
IMPOSSIBLE = [0, 1, 0, 0, 0, 1]


def make_spans():
    for n, first, impossible in zip(LENGTHS, QUESTIONS, IMPOSSIBLE):
        if impossible or first == n:
            yield [0, 0]
        else:
            yield sorted(torch.randint(first, n, (2,)).tolist())


def fill(tokens, log_p):
    """Places [S, k] or [S, k, k] and what they have as [S, 20, …]; tokens that no answer has are
    none."""
    none = log_p < -500
    shape = (tokens.shape[0],) + (BEAM,) * (tokens.dim() - 1)
    all_tokens, all_log_p = torch.full(shape, -1), torch.zeros(shape)
    at = (slice(None),) + tuple(slice(k) for k in tokens.shape[1:])
    all_tokens[at] = tokens.masked_fill(none, -1)
    all_log_p[at] = log_p.masked_fill(none, 0).float()
    return all_tokens.int(), all_log_p


def main():
    torch.manual_seed(1)
    config = make_config(dict(embedding_size=6, hidden_size=12, num_attention_heads=2))
    model = GoogleElectraForQuestionAnswering(config).double().eval()
    randomize(model)
    ids = [torch.randint(5, config.vocab_size, (n,)).tolist() for n in LENGTHS]
    types = [[0] * q + [1] * (n - q) for n, q in zip(LENGTHS, QUESTIONS)]
    mask = pad([[1] * n for n in LENGTHS], 0)
    batch = dict(input_ids=pad(ids, 0), attention_mask=mask, token_type_ids=pad(types, 0))
    spans, impossible = torch.tensor(list(make_spans())), torch.tensor(IMPOSSIBLE)
    loss = model.losses(batch, spans[:, 0], spans[:, 1], impossible).mean()
    loss.backward()
    with torch.no_grad():
        starts, start_log_p, ends, end_log_p, logit = model.beams(batch)

    tensors = {
        "in.ids": flat(ids),
        "in.types": flat(types),
        "in.lengths": torch.tensor(LENGTHS, dtype=torch.int32),
        "in.spans": spans.int(),
        "in.impossible": impossible.int(),
        "out.loss": loss.detach().reshape(1),
        "out.impossible": logit.float(),
    }
    tensors["out.starts"], tensors["out.start_log_p"] = fill(starts, start_log_p)
    tensors["out.ends"], tensors["out.end_log_p"] = fill(ends, end_log_p)
    for key, p in model.named_parameters():
        tensors[key] = p.detach().float()
        tensors["grad." + key] = p.grad.float()
    save_file({k: v.contiguous() for k, v in tensors.items()}, HERE / "joint.safetensors")
    described = config.to_diff_dict() | {
        "architectures": [type(model).__name__],
        "model_type": "electra",
    }
    (HERE / "joint.json").write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
