"""Makes tests/golden/convert: tiny checkpoints in every format that `electra-model convert` reads,
and what must come of them.

    make_convert.py make         writes tests/golden/convert
    make_convert.py load DIR     loads DIR with transformers and prints its class and a number that
                                 depends on every tensor

Every directory NAME/ has a config.json and vocab.txt; NAME/model.safetensors is what transformers
saves of the network, and what a conversion of any other file beside it must be, byte for byte.

    discriminator/   pytorch_model.bin (zip), legacy.bin (before 1.6), flax_model.msgpack,
                     sharded/ (safetensors) and sharded-bin/, strided.bin (views of larger storages)
    encoder/         zip64.bin: an archive as those of more than 4 GiB are
    generator/       the same network's generator, tied; legacy.bin, flax_model.msgpack
    tensorflow/      electra.index, electra.data-00000-of-00001: both, as google-research/electra
                     saves them, with Adam's moments; single.*: a generator with embeddings of its
                     own; tagger.*, squad.*: fine-tuned (squad's head is of zeros, its layers 2 wide)
    half/            bf16.safetensors, f16.safetensors
    classifier/, tagger/, answerer/, encoder/    model.safetensors alone
    bert-mlm/, bert-tagger/, bert-answerer/, bert-encoder/   bert.safetensors, and the ELECTRA that
                     equals it
    bert-classifier/ bert.safetensors, the same tensors under our names, and scores.tsv: a text, its
                     label and probability

TensorFlow's and Flax's files are written here from their formats' descriptions, without either.
"""

import io
import json
import pathlib
import shutil
import struct
import sys

import msgpack
import numpy as np
import torch
from make_directory import VOCAB
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BertTokenizer,
    ElectraConfig,
    ElectraForMaskedLM,
    ElectraForPreTraining,
    ElectraForQuestionAnswering,
    ElectraForSequenceClassification,
    ElectraForTokenClassification,
    ElectraModel,
)
import transformers

HERE = pathlib.Path(__file__).parent / "convert"
SHAPE = dict(
    vocab_size=len(VOCAB),
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=10,
    max_position_embeddings=16,
)


def randomize(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.25)
            if "LayerNorm.weight" in name:
                value.add_(1.0)
    return model.eval()


def save(name, model):
    directory = HERE / name
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    (directory / "vocab.txt").write_text("".join(t + "\n" for t in VOCAB))
    return directory


def electra(cls, seed, **shape):
    return randomize(cls(ElectraConfig(**(SHAPE | dict(embedding_size=6, hidden_size=8) | shape))), seed)


# ---- PyTorch ----


def save_pytorch(directory, state):
    torch.save(state, directory / "pytorch_model.bin")
    torch.save(state, directory / "legacy.bin", _use_new_zipfile_serialization=False)


def to_zip64(data):
    """The same archive with every size and place in zip64's records."""
    end = data.rindex(b"PK\5\6")
    n, _, at = struct.unpack("<HII", data[end + 10 : end + 20])
    out, begin = data[:at], at
    for _ in range(n):
        record = data[at : at + 46]
        stored, size, name, extra, comment = struct.unpack("<IIHHH", record[20:34])
        more = struct.pack("<HHQQQ", 1, 24, size, stored, struct.unpack("<I", record[42:])[0])
        out += record[:20] + b"\xff" * 8 + struct.pack("<HH", name, len(more) + extra) + record[32:42]
        out += b"\xff" * 4 + data[at + 46 : at + 46 + name]
        out += data[at + 46 + name : at + 46 + name + extra] + more
        at += 46 + name + extra + comment
    place = len(out)
    out += struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, n, n, place - begin, begin)
    out += struct.pack("<4sIQI", b"PK\6\7", 0, place, 1)
    return out + b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)


def save_zip64(directory, state):
    file = io.BytesIO()
    torch.save(state, file)
    (directory / "zip64.bin").write_bytes(to_zip64(file.getvalue()))
    again = torch.load(directory / "zip64.bin")
    assert all(torch.equal(again[n], v) for n, v in state.items())


def save_strided(directory, state):
    """Tensors that lie in larger storages, turned, offset or side by side."""
    views = {}
    for i, (name, value) in enumerate(state.items()):
        if value.dim() == 2 and i % 2:
            views[name] = value.t().contiguous().t()
        elif value.dim() == 2:
            wide = torch.zeros(value.shape[0], value.shape[1] + 1)
            wide[:, 1:] = value
            views[name] = wide[:, 1:]
        else:
            views[name] = torch.cat([torch.zeros(3), value])[3:]
    torch.save(views, directory / "strided.bin")


def save_shards(directory, state):
    names = sorted(state)
    halves = [names[: len(names) // 2], names[len(names) // 2 :]]
    for kind, stem, write in [
        ("sharded", "model-0000{}-of-00002.safetensors", save_file),
        ("sharded-bin", "pytorch_model-0000{}-of-00002.bin", torch.save),
    ]:
        (directory / kind).mkdir(exist_ok=True)
        weight_map = {}
        for i, half in enumerate(halves, 1):
            file = stem.format(i)
            write({n: state[n].contiguous() for n in half}, directory / kind / file)
            weight_map |= {n: file for n in half}
        index = "model.safetensors" if kind == "sharded" else "pytorch_model.bin"
        (directory / kind / f"{index}.index.json").write_text(
            json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map}, indent=1)
        )
        for file in ["config.json", "vocab.txt"]:
            shutil.copy(directory / file, directory / kind / file)


# ---- Flax: flax/serialization.py ----


def flax_leaf(array):
    payload = msgpack.packb((array.shape, array.dtype.name, array.tobytes()), use_bin_type=True)
    return msgpack.ExtType(1, payload)


def flax_name(name, value):
    *path, last = name.split(".")
    if last == "weight":
        if path[-1] == "LayerNorm":
            last = "scale"
        elif path[-1].endswith("_embeddings"):
            last = "embedding"
        else:
            last, value = "kernel", value.T
    return [*path, last], np.ascontiguousarray(value)


def save_flax(directory, state, outer=None):
    tree = {}
    for name, value in state.items():
        path, array = flax_name(name, value.numpy())
        inner = tree
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = flax_leaf(array)
    if outer:
        tree = {outer: tree}
    (directory / "flax_model.msgpack").write_bytes(msgpack.packb(tree))


# ---- TensorFlow: leveldb/doc/table_format.md, tensor_bundle.proto ----


def crc32c(data):
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def build_block(pairs, interval):
    data, restarts, last = b"", [], b""
    for i, (key, value) in enumerate(pairs):
        shared = 0
        if i % interval == 0:
            restarts.append(len(data))
        else:
            while shared < min(len(last), len(key)) and last[shared] == key[shared]:
                shared += 1
        data += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    restarts = restarts or [0]
    return data + b"".join(struct.pack("<I", r) for r in restarts) + struct.pack("<I", len(restarts))


def build_table(pairs, block_pairs=20, interval=16):
    """Blocks of a few pairs, so that there are several."""
    out, index = b"", []

    def put(block):
        nonlocal out
        handle = varint(len(out)) + varint(len(block))
        out += block + b"\0" + struct.pack("<I", masked(block + b"\0"))
        return handle

    for i in range(0, len(pairs), block_pairs):
        some = pairs[i : i + block_pairs]
        index.append((some[-1][0], put(build_block(some, interval))))
    meta = put(build_block([], interval))
    footer = meta + put(build_block(index, 1))
    return out + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def field(number, value):
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def save_bundle(prefix, arrays):
    types = {"float32": 1, "int64": 9}
    data, pairs = b"", [(b"", field(1, 1) + field(3, field(1, 1)))]
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        raw = array.tobytes()
        shape = b"".join(field(2, field(1, n)) for n in array.shape)
        entry = field(1, types[array.dtype.name]) + field(2, shape)
        if data:  # zeros are left out
            entry += field(4, len(data))
        entry += field(5, len(raw)) + varint(6 << 3 | 5) + struct.pack("<I", masked(raw))
        pairs.append((name.encode(), entry))
        data += raw
    prefix.with_suffix(".index").write_bytes(build_table(pairs))
    prefix.with_suffix(".data-00000-of-00001").write_bytes(data)


def tensorflow_name(name, value, network):
    name = name.replace("layer.", "layer_").replace(".", "/")
    if name.startswith("electra/") and network == "generator":
        name = "generator/" + name.removeprefix("electra/")
    name = name.replace("generator_lm_head/bias", "generator_predictions/output_bias")
    name = name.replace("dense_prediction", "dense_1")
    if name.endswith("LayerNorm/weight"):
        return name.replace("weight", "gamma"), value
    if name.endswith("LayerNorm/bias"):
        return name.replace("bias", "beta"), value
    if name.endswith("_embeddings/weight"):
        return name.removesuffix("/weight"), value
    if name.endswith("/weight"):
        return name.removesuffix("weight") + "kernel", np.ascontiguousarray(value.T)
    return name, value


def tensorflow_arrays(state, network):
    return dict(tensorflow_name(n, v.numpy(), network) for n, v in state.items())


def save_tensorflow(discriminator, generator):
    directory = HERE / "tensorflow"
    directory.mkdir(parents=True, exist_ok=True)
    arrays = tensorflow_arrays(discriminator, "discriminator")
    theirs = tensorflow_arrays(generator, "generator")
    save_bundle(directory / "single", theirs)
    arrays |= {n: v for n, v in theirs.items() if not n.startswith("generator/embeddings/")}
    moments = {}
    for i, (n, v) in enumerate(arrays.items()):
        if i % 5 == 0:  # some of them, to keep the file small
            moments |= {n + "/adam_m": np.zeros_like(v), n + "/adam_v": np.ones_like(v)}
    save_bundle(directory / "electra", arrays | moments | {"global_step": np.int64(766000)})
    (directory / "vocab.txt").write_text("".join(t + "\n" for t in VOCAB))


def save_tasks(tagger):
    """Heads as finetune/classification and finetune/qa of google-research/electra name them."""
    directory = HERE / "tensorflow"
    arrays = tensorflow_arrays(tagger, "discriminator")
    head = "task_specific/chunk/dense/"
    arrays = {n.replace("classifier/", head): v for n, v in arrays.items()}
    save_bundle(directory / "tagger", arrays)
    small = electra(ElectraModel, 8, embedding_size=2, hidden_size=2, num_hidden_layers=1)
    state = {"electra." + n: v for n, v in small.state_dict().items()}
    arrays = tensorflow_arrays(state, "discriminator")
    for name, shape in [
        ("dense", (2, 1)), ("qa_hidden", (4, 512)), ("dense_1", (512, 1)),
        ("dense_2", (4, 512)), ("dense_3", (512, 1)),
    ]:  # fmt: skip
        arrays[f"task_specific/squad/{name}/kernel"] = np.zeros(shape, np.float32)
        arrays[f"task_specific/squad/{name}/bias"] = np.zeros(shape[1:], np.float32)
    save_bundle(directory / "squad", arrays)


# ---- BERT ----


def save_bert(name, cls, twin, seed, **more):
    shape = SHAPE | dict(hidden_size=8) | more
    bert = randomize(cls(BertConfig(**shape)), seed)
    directory = HERE / name
    shutil.rmtree(directory, ignore_errors=True)
    twin = twin(ElectraConfig(**(shape | dict(embedding_size=8))))
    renames = [
        ("bert.", "electra."),
        ("cls.predictions.transform.", "generator_predictions."),
        ("cls.predictions.bias", "generator_lm_head.bias"),
        ("cls.predictions.decoder.", "generator_lm_head."),
    ]
    state = {}
    for key, value in bert.state_dict().items():
        if cls is BertModel:
            key = "bert." + key
        for old, new in renames:
            if key.startswith(old):
                key = new + key.removeprefix(old)
        state[key] = value
    if twin.base_model is twin:
        state = {k.removeprefix("electra."): v for k, v in state.items()}
    missing, unused = twin.load_state_dict(state, strict=False)
    assert not missing and all("pooler" in n for n in unused), (missing, unused)
    ids = torch.tensor([[2, 7, 9, 30, 3]])
    with torch.no_grad():
        ours, theirs = (m.eval().double()(input_ids=ids)[0] for m in (twin, bert))
    assert (ours - theirs).abs().max() < 1e-12
    save(name, twin.float())
    save_source(directory, bert.float())


def save_source(directory, bert):
    bert.save_pretrained(directory / "source")
    (directory / "source" / "model.safetensors").rename(directory / "bert.safetensors")
    (directory / "source" / "config.json").rename(directory / "config.json")
    (directory / "source").rmdir()


def save_bert_classifier():
    """transformers has no class that this could be loaded by: its names are our own."""
    names = {0: "bad", 1: "so so", 2: "good"}
    shape = SHAPE | dict(hidden_size=8, num_hidden_layers=1, id2label=names)
    bert = randomize(BertForSequenceClassification(BertConfig(**shape)), 18)
    with torch.no_grad():  # so that texts differ
        bert.bert.pooler.dense.weight.mul_(8)
        bert.classifier.weight.mul_(8)
    directory = HERE / "bert-classifier"
    directory.mkdir()
    (directory / "vocab.txt").write_text("".join(t + "\n" for t in VOCAB))
    save_source(directory, bert)
    state = load_file(directory / "bert.safetensors")
    state = {n.replace("bert.pooler.", "pooler.").replace("bert.", "electra."): v for n, v in state.items()}
    save_file(state, directory / "model.safetensors", metadata={"format": "pt"})
    tokenizer = BertTokenizer(str(directory / "vocab.txt"))
    with open(directory / "scores.tsv", "w") as out, torch.no_grad():
        for text in ["the cat", "unaffable dogs", "the dog sat on the mat", ""]:
            p = bert(**tokenizer(text, return_tensors="pt")).logits[0].double().softmax(0)
            print(text, names[int(p.argmax())], f"{p.max():.6g}", sep="\t", file=out)


# ---- the whole ----


def make():
    shutil.rmtree(HERE, ignore_errors=True)
    model = electra(ElectraForPreTraining, 1)
    directory = save("discriminator", model)
    discriminator = load_file(directory / "model.safetensors")
    save_pytorch(directory, model.state_dict())
    save_strided(directory, model.state_dict())
    save_shards(directory, discriminator)
    save_flax(directory, discriminator, "params")

    model = electra(ElectraForMaskedLM, 2, hidden_size=4, num_hidden_layers=1)
    with torch.no_grad():
        for name, value in model.electra.embeddings.named_parameters():
            value.copy_(discriminator["electra.embeddings." + name])
    directory = save("generator", model)
    generator = load_file(directory / "model.safetensors")
    assert "generator_lm_head.weight" not in generator
    save_pytorch(directory, model.state_dict())
    (directory / "pytorch_model.bin").unlink()
    save_flax(directory, generator)
    save_tensorflow(discriminator, generator)

    small = dict(num_hidden_layers=1, embedding_size=4, hidden_size=4)
    for name, cls, more in [
        ("encoder", ElectraModel, {}),
        ("classifier", ElectraForSequenceClassification, dict(num_labels=3, problem_type="multi_label_classification")),
        ("tagger", ElectraForTokenClassification, dict(id2label={0: "O", 1: "B-X", 2: "I-X"}, label2id={"O": 0, "B-X": 1, "I-X": 2})),
        ("answerer", ElectraForQuestionAnswering, {}),
    ]:
        save(name, electra(cls, 3, **small, **more))
    save_zip64(HERE / "encoder", load_file(HERE / "encoder" / "model.safetensors"))
    save_tasks(load_file(HERE / "tagger" / "model.safetensors"))
    directory = save("half", electra(ElectraForPreTraining, 4, **small))
    state = load_file(directory / "model.safetensors")
    for name, dtype in [("bf16", torch.bfloat16), ("f16", torch.half)]:
        half = {n: v.to(dtype) for n, v in state.items()}
        save_file(half, directory / f"{name}.safetensors", metadata={"format": "pt"})
        save_file({n: v.float() for n, v in half.items()}, directory / f"{name}-as-f32.safetensors", metadata={"format": "pt"})

    save_bert("bert-mlm", BertForMaskedLM, ElectraForMaskedLM, 5, num_hidden_layers=1)
    save_bert("bert-tagger", BertForTokenClassification, ElectraForTokenClassification, 6, num_hidden_layers=1, num_labels=3)
    save_bert("bert-answerer", BertForQuestionAnswering, ElectraForQuestionAnswering, 10, num_hidden_layers=1)
    save_bert_classifier()
    save_bert("bert-encoder", BertModel, ElectraModel, 7, num_hidden_layers=1)


def load(directory):
    name = AutoConfig.from_pretrained(directory).architectures[0]
    model, info = getattr(transformers, name).from_pretrained(directory, output_loading_info=True)
    assert not any(info.values()), info
    ids = torch.tensor([[2, 7, 9, 30, 3]])
    with torch.no_grad():
        out = model.eval()(input_ids=ids)
    print(name, *(f"{float(t.double().abs().sum()):.6f}" for t in out.to_tuple() if torch.is_tensor(t)))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make()
    else:
        load(sys.argv[2])
