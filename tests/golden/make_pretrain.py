"""Makes tests/golden/pretrain: 200 steps of ELECTRA's joint pre-training in PyTorch, in double
precision, with what google-research/electra does spelled out below.

    config.json               a configuration of ours
    discriminator.safetensors the weights at the start (F32, transformers' names)
    generator.safetensors     likewise, without the embeddings, which are the discriminator's
    run.safetensors           batches that take turns, and what came out:
        B.ids, B.types [T] I32, B.lengths [S], B.rows [M], B.keep [M], B.replacements [M]
        losses, generator_losses, discriminator_losses, norms [200] F64
        end.discriminator.NAME, end.generator.NAME F32    weights at the end
"""

import json
import math
import pathlib

import torch
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

HERE = pathlib.Path(__file__).parent / "pretrain"
CONFIG = {
    "embedding_size": 8,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 24,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "generator_hidden_size": 0.5,
    "gen_weight": 1.0,
    "disc_weight": 50.0,
    "learning_rate": 5e-4,
    "weight_decay_rate": 0.01,
    "num_warmup_steps": 20,
    "max_seq_length": 24,
    "lr_decay_power": 1.0,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-6,
    "adam_bias_correction": False,
    "max_grad_norm": 1.0,
}
VOCAB, MASK, STEPS, BATCHES = 60, 4, 200, 8


def make_models():
    shape = {
        k: CONFIG[k]
        for k in (
            "embedding_size",
            "max_position_embeddings",
            "num_hidden_layers",
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
        )
    } | {"vocab_size": VOCAB}
    hidden = round(CONFIG["hidden_size"] * CONFIG["generator_hidden_size"])
    d = ElectraForPreTraining(
        ElectraConfig(
            hidden_size=CONFIG["hidden_size"],
            num_attention_heads=CONFIG["num_attention_heads"],
            intermediate_size=CONFIG["intermediate_size"],
            **shape,
        )
    ).double()
    g = ElectraForMaskedLM(
        ElectraConfig(
            hidden_size=hidden,
            num_attention_heads=max(1, hidden // 64),
            intermediate_size=4 * hidden,
            **shape,
        )
    ).double()
    # All tables and their LayerNorm are shared; the word table is the generator's output matrix too.
    g.electra.embeddings = d.electra.embeddings
    g.generator_lm_head.weight = d.electra.embeddings.word_embeddings.weight
    d.electra.embeddings.word_embeddings.padding_idx = None
    with torch.no_grad():
        for name, p in [*d.named_parameters(), *g.named_parameters()]:
            if p.dim() > 1:
                p.normal_(0, 0.1)
            p.copy_(p.float().double())
    return d, g


def make_batch():
    lengths = torch.randint(4, 21, (6,)).tolist()
    t = sum(lengths)
    rows = sorted(torch.randperm(t)[: round(0.2 * t)].tolist())
    ids = torch.randint(5, VOCAB, (t,))
    keep = (torch.rand(len(rows)) < 0.15).int()
    replacements = torch.where(
        torch.rand(len(rows)) < 0.3, ids[rows], torch.randint(5, VOCAB, (len(rows),))
    )
    types = torch.cat([(torch.arange(n) > n // 2).int() for n in lengths])
    return {
        "ids": ids.int(),
        "types": types,
        "lengths": torch.tensor(lengths, dtype=torch.int32),
        "rows": torch.tensor(rows, dtype=torch.int32),
        "keep": keep,
        "replacements": replacements.int(),
    }


def run(model, batch, ids):
    """The logits of a model for texts one after another: [T, …]."""
    lengths = batch["lengths"].tolist()

    def padded(x):
        return torch.nn.utils.rnn.pad_sequence(list(x.long().split(lengths)), batch_first=True)

    mask = padded(torch.ones(len(ids)))
    out = model(input_ids=padded(ids), token_type_ids=padded(batch["types"]), attention_mask=mask)
    return out.logits[mask.bool()]


def losses_of(d, g, batch):
    ids, rows = batch["ids"].long(), batch["rows"].long()
    masked = ids.clone()
    masked[rows] = torch.where(batch["keep"].bool(), ids[rows], MASK)
    corrupted = ids.clone()
    corrupted[rows] = batch["replacements"].long()
    labels = (corrupted != ids).double()
    generator_loss = cross_entropy(run(g, batch, masked)[rows], ids[rows])
    discriminator_loss = binary_cross_entropy_with_logits(run(d, batch, corrupted), labels)
    return generator_loss, discriminator_loss


def unique_parameters(d, g):
    """Each once, under the name that the network that owns it gives it."""
    seen, found = set(), []
    for net, model in (("discriminator", d), ("generator", g)):
        for name, p in model.named_parameters():
            if id(p) not in seen:
                seen.add(id(p))
                found.append((net, name, p))
    return found


class Adam:
    def __init__(self, parameters):
        self.state = [(name, p, p * 0, p * 0) for _, name, p in parameters]

    @torch.no_grad()
    def step(self, t):
        c = CONFIG
        norm = math.sqrt(sum(float((p.grad**2).sum()) for _, p, _, _ in self.state))
        clip = c["max_grad_norm"] / max(norm, c["max_grad_norm"])
        rate = c["learning_rate"] * (1 - t / STEPS) * min(1, t / c["num_warmup_steps"])
        for name, p, m, v in self.state:
            m.lerp_(p.grad * clip, 1 - c["adam_beta1"])
            v.lerp_((p.grad * clip) ** 2, 1 - c["adam_beta2"])
            decays = "LayerNorm" not in name and "bias" not in name
            update = m / (v.sqrt() + c["adam_epsilon"])
            p -= rate * (update + (c["weight_decay_rate"] * p if decays else 0))
            p.grad = None
        return norm


def main():
    HERE.mkdir(exist_ok=True)
    torch.manual_seed(2)
    d, g = make_models()
    parameters = unique_parameters(d, g)
    for net in ("discriminator", "generator"):
        start = {name: p.detach().float().clone() for n, name, p in parameters if n == net}
        save_file(start, HERE / f"{net}.safetensors")
    batches = [make_batch() for _ in range(BATCHES)]
    adam = Adam(parameters)
    out = {"losses": [], "generator_losses": [], "discriminator_losses": [], "norms": []}
    for t in range(STEPS):
        generator_loss, discriminator_loss = losses_of(d, g, batches[t % BATCHES])
        loss = CONFIG["gen_weight"] * generator_loss + CONFIG["disc_weight"] * discriminator_loss
        loss.backward()
        out["norms"].append(adam.step(t))
        out["losses"].append(loss.item())
        out["generator_losses"].append(generator_loss.item())
        out["discriminator_losses"].append(discriminator_loss.item())
    tensors = {k: torch.tensor(v, dtype=torch.float64) for k, v in out.items()}
    for i, batch in enumerate(batches):
        tensors |= {f"{i}.{k}": v.clone() for k, v in batch.items()}
    for net, name, p in parameters:
        tensors[f"end.{net}.{name}"] = p.detach().float().clone()
    save_file(tensors, HERE / "run.safetensors")
    (HERE / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    print(out["losses"][::20], out["norms"][::20])


if __name__ == "__main__":
    main()
