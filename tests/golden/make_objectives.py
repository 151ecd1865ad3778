"""Makes tests/golden/objectives: 100 steps of each objective in PyTorch, in double precision, on the
batches and from the weights of tests/golden/pretrain (make_pretrain.py).

    heads.safetensors   the start of heads that are not there: of a generator as wide as the
                        discriminator (generator_predictions.…, generator_lm_head.bias)
    run.safetensors     NAME.losses, NAME.norms [100] F64 for each NAME:

rtd, mlm, electra-15, replace-mlm, all-tokens-mlm as in the paper; electra-tied, where one network is
generator and discriminator; electra-untied, where the generator has embeddings of its own, which
start as the discriminator's.
"""

import pathlib

import torch
from make_pretrain import CONFIG, MASK, VOCAB, Adam, run
from safetensors.torch import load_file, save_file
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, softmax
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

HERE = pathlib.Path(__file__).parent / "objectives"
START = pathlib.Path(__file__).parent / "pretrain"
STEPS, BATCHES = 100, 8
TOKEN_WEIGHT = 2.0


def config(hidden, heads, intermediate):
    return ElectraConfig(
        vocab_size=VOCAB,
        hidden_size=hidden,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        **{
            k: CONFIG[k]
            for k in (
                "embedding_size",
                "max_position_embeddings",
                "num_hidden_layers",
                "hidden_dropout_prob",
                "attention_probs_dropout_prob",
            )
        },
    )


LARGE = (CONFIG["hidden_size"], CONFIG["num_attention_heads"], CONFIG["intermediate_size"])
SMALL = (8, 1, 32)


def make(cls, shape, *files):
    """A network that starts with the tensors of these files."""
    model = cls(config(*shape)).double()
    tensors = {}
    for file in files:
        tensors |= load_file(file)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name != "generator_lm_head.weight":
                p.copy_(tensors[name].double())
    if cls is ElectraForMaskedLM:
        model.generator_lm_head.weight = model.electra.embeddings.word_embeddings.weight
    model.electra.embeddings.word_embeddings.padding_idx = None
    return model


def share_embeddings(owner, generator):
    generator.electra.embeddings = owner.electra.embeddings
    generator.generator_lm_head.weight = owner.electra.embeddings.word_embeddings.weight


def small_generator():
    return make(
        ElectraForMaskedLM, SMALL, START / "discriminator.safetensors", START / "generator.safetensors"
    )


def large(cls):
    return make(cls, LARGE, START / "discriminator.safetensors", HERE / "heads.safetensors")


def unique(*models):
    seen, found = set(), []
    for model in models:
        for name, p in model.named_parameters():
            if id(p) not in seen:
                seen.add(id(p))
                found.append(("", name, p))
    return found


class Batch:
    def __init__(self, tensors, number):
        b = {k.split(".")[1]: v for k, v in tensors.items() if k.startswith(f"{number}.")}
        self.raw, self.ids, self.rows = b, b["ids"].long(), b["rows"].long()
        self.masked = self.ids.clone()
        self.masked[self.rows] = torch.where(b["keep"].bool(), self.ids[self.rows], MASK)
        self.corrupted = self.ids.clone()
        self.corrupted[self.rows] = b["replacements"].long()
        self.labels = (self.corrupted != self.ids).double()


def mlm_loss(generator, b):
    return CONFIG["gen_weight"] * cross_entropy(run(generator, b.raw, b.masked)[b.rows], b.ids[b.rows])


def disc_loss(discriminator, b, everywhere=True):
    logits, labels = run(discriminator, b.raw, b.corrupted), b.labels
    if not everywhere:
        logits, labels = logits[b.rows], labels[b.rows]
    return CONFIG["disc_weight"] * binary_cross_entropy_with_logits(logits, labels)


def replace_loss(reader, b):
    logits = run(reader, b.raw, b.corrupted)[b.rows]
    return TOKEN_WEIGHT * cross_entropy(logits, b.ids[b.rows])


def copy_loss(reader, detector, b):
    """Both are heads on one encoder: `detector` tells how likely a token was replaced."""
    tokens = softmax(run(reader, b.raw, b.corrupted), -1)
    replaced = torch.sigmoid(run(detector, b.raw, b.corrupted))
    copied = torch.nn.functional.one_hot(b.corrupted, VOCAB).double()
    p = (1 - replaced)[:, None] * copied + replaced[:, None] * tokens
    return TOKEN_WEIGHT * -p.gather(1, b.ids[:, None]).log().mean()


def objectives():
    """(name, networks, loss of a batch) one after another."""
    d = large(ElectraForPreTraining)
    yield "rtd", [d], lambda b: disc_loss(d, b)
    m = large(ElectraForMaskedLM)
    yield "mlm", [m], lambda b: mlm_loss(m, b)

    d15, g15 = large(ElectraForPreTraining), small_generator()
    share_embeddings(d15, g15)
    yield "electra-15", [d15, g15], lambda b: mlm_loss(g15, b) + disc_loss(d15, b, everywhere=False)

    r, gr = large(ElectraForMaskedLM), small_generator()
    share_embeddings(r, gr)
    yield "replace-mlm", [r, gr], lambda b: mlm_loss(gr, b) + replace_loss(r, b)

    a, c, ga = large(ElectraForMaskedLM), large(ElectraForPreTraining), small_generator()
    c.electra = a.electra
    share_embeddings(a, ga)
    yield "all-tokens-mlm", [a, c, ga], lambda b: mlm_loss(ga, b) + copy_loss(a, c, b)

    dt, gt = large(ElectraForPreTraining), large(ElectraForMaskedLM)
    gt.electra = dt.electra
    gt.generator_lm_head.weight = dt.electra.embeddings.word_embeddings.weight
    yield "electra-tied", [dt, gt], lambda b: mlm_loss(gt, b) + disc_loss(dt, b)

    du, gu = large(ElectraForPreTraining), small_generator()
    yield "electra-untied", [du, gu], lambda b: mlm_loss(gu, b) + disc_loss(du, b)


def main():
    HERE.mkdir(exist_ok=True)
    torch.manual_seed(3)
    e, h = CONFIG["embedding_size"], CONFIG["hidden_size"]
    save_file(
        {
            "generator_predictions.dense.weight": 0.1 * torch.randn(e, h),
            "generator_predictions.dense.bias": 0.1 * torch.randn(e),
            "generator_predictions.LayerNorm.weight": 1 + 0.1 * torch.randn(e),
            "generator_predictions.LayerNorm.bias": 0.1 * torch.randn(e),
            "generator_lm_head.bias": 0.1 * torch.randn(VOCAB),
        },
        HERE / "heads.safetensors",
    )
    tensors = load_file(START / "run.safetensors")
    batches = [Batch(tensors, i) for i in range(BATCHES)]
    out = {}
    for name, models, loss_of in objectives():
        adam, losses, norms = Adam(unique(*models)), [], []
        for t in range(STEPS):
            loss = loss_of(batches[t % BATCHES])
            loss.backward()
            norms.append(adam.step(t))
            losses.append(loss.item())
        out[f"{name}.losses"] = torch.tensor(losses, dtype=torch.float64)
        out[f"{name}.norms"] = torch.tensor(norms, dtype=torch.float64)
        print(name, losses[::25], losses[-1])
    save_file(out, HERE / "run.safetensors")


if __name__ == "__main__":
    main()
