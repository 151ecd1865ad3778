"""Makes tests/golden/convert-bad.tsv: files that `electra-model convert` must refuse, each for its
own reason. A line is the name of a file, a part of the message (empty: the file is only there for
others), and its bytes in hexadecimal digits. Beside every index of TensorFlow, NAME.index, stands
NAME.data-00000-of-00001 with the bytes 0 to 23.

Needs what make_convert.py needs. Every file is small; what they lie about is large.
"""

import io
import json
import pathlib
import pickle
import struct
import zipfile

import msgpack
import numpy as np
import torch
from make_convert import build_block, build_table, field, flax_leaf, masked, save_bundle, to_zip64, varint

lines = []


def bad(name, data, message):
    lines.append(f"{name}\t{message}\t{data.hex()}\n")


# ---- pickles, in the layout before 1.6 ----

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
LITTLE = pickle.dumps({"protocol_version": 1001, "little_endian": True}, 2)
OLD_LAYOUT = MAGIC + LITTLE


def text(word):
    raw = word.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(n):
    return b"\x8a\x08" + struct.pack("<q", n)


def numbers(*ns):
    return b"(" + b"".join(map(number, ns)) + b"t"


def storage(key="0", n=4, kind="FloatStorage", view=b"N"):
    return b"(" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu") + number(n) + view + b"tQ"


def tensor(name="a", place=None, offset=0, shape=(4,), stride=(1,)):
    place = storage() if place is None else place
    return (
        text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + place + number(offset)
        + numbers(*shape) + numbers(*stride) + b"\x89}tR"
    )  # fmt: skip


def program(code):
    return OLD_LAYOUT + b"\x80\x02" + code


def checkpoint(*tensors, keys=("0",), data=None):
    code = b"}(" + b"".join(tensors) + b"u."
    data = struct.pack("<q", 4) + bytes(16) if data is None else data
    return program(code) + pickle.dumps(list(keys), 2) + data


class Call:
    def __init__(self, function, *arguments):
        self.value = function, arguments

    def __reduce__(self):
        return self.value


def make_pickles():
    import os

    def put(name, data, message):
        bad(f"pickle-{name}.bin", data, message)

    put("system", OLD_LAYOUT + pickle.dumps(Call(os.system, "true"), 2), "asks for 'posix.system'")
    put("eval", OLD_LAYOUT + pickle.dumps(Call(eval, "1"), 2), "asks for '__builtin__.eval'")
    put("getattr", program(b"}c__builtin__\ngetattr\n."), "asks for '__builtin__.getattr'")
    put("numpy", OLD_LAYOUT + pickle.dumps({"a": np.float32(1)}, 2), "asks for 'numpy")
    put("module", OLD_LAYOUT + pickle.dumps(torch.nn.Linear(1, 1), 2), "asks for 'torch.nn.modules.linear.Linear'")
    put("near", program(b"ctorch\nFloatStorage.\n."), "asks for 'torch.FloatStorage.'")
    put("inst", program(b"(iposix\nsystem\n."), "opcode INST")
    put("obj", program(b"(ctorch\nFloatStorage\no."), "opcode OBJ")
    put("newobj", program(b"ctorch\nFloatStorage\n)\x81."), "opcode NEWOBJ")
    put("extension", program(b"\x82\x01."), "opcode EXT1")
    put("opcode", program(b"\xfe."), "opcode 0xfe")
    put("protocol", OLD_LAYOUT + pickle.dumps({}, 4), "protocol 4, not 2")
    put("memo", program(b"}r\xff\xff\xff\xff."), "remembers a value as number 4294967295")
    put("recall", program(b"h\x07."), "recalls a value that it does not have")
    put("empty", program(b"R."), "takes a value from an empty stack")
    put("under-mark", program(b"}(s."), "takes a value from an empty stack")
    put("no-mark", program(b"t."), "there is no mark")
    put("two-values", program(b"}}."), "ends with 2 values")
    put("odd", program(b"}(Nu."), "a key without its value")
    put("fill-number", program(b"K\x01NNs."), "fills something that is no dict")
    put("fill-dict", program(b"}Na."), "fills something that is no list")
    put("attributes", program(b"]}b."), "fills something that is no dict")
    put("text", program(b"X\xff\xff\xff\xffabc"), "ends within a text")
    put("name", program(b"c" + b"a" * 300), "a name of more than 200 bytes")
    put("name-bytes", program(b"ctorch\x1b[2J\nx\n."), "a name that is no ASCII")
    put("end", program(b"}"), "ends within an opcode")
    put("no-call", program(b"NNR."), "calls something that is no function")
    put("call-type", program(b"ctorch\nFloatStorage\n)R."), "calls 'torch.FloatStorage', which is no function")
    put("ordered", program(b"ccollections\nOrderedDict\nNR."), "an OrderedDict is made of something")
    put("parameter", program(b"ctorch._utils\n_rebuild_parameter\n)R."), "a parameter is made of no tensor")
    put("persistent", program(b"NQ."), "a persistent id names no storage")
    put("cycle", program(b"]q\x00h\x00a.") + pickle.dumps([], 2), "holds no dict of tensors")
    put("number", program(b"K\x01.") + pickle.dumps([], 2), "holds no dict of tensors")
    put("endian", MAGIC + pickle.dumps({"little_endian": False}, 2) + b"\x80\x02}." + pickle.dumps([], 2), "big-endian")
    put("foreign", pickle.dumps({"a": 1}, 2) * 5, "none of torch.save")

    put("outside", checkpoint(tensor(offset=1)), "tensor 'a': it lies outside its storage")
    put("offset", checkpoint(tensor(offset=2**63 - 1)), "it lies outside its storage")
    put("negative", checkpoint(tensor(offset=-1)), "not made of storage, offset, shape and stride")
    put("shape", checkpoint(tensor(shape=(-4,))), "not made of storage, offset, shape and stride")
    put("ranks", checkpoint(tensor(shape=(2, 2))), "not made of storage, offset, shape and stride")
    put("overflow", checkpoint(tensor(shape=(2**32, 2**32), stride=(2**32, 1))), "beyond all memory")
    put("stride", checkpoint(tensor(shape=(2, 2), stride=(2**63 - 1, 1))), "lies outside its storage")
    put("strides", checkpoint(tensor(shape=(4, 2), stride=(2**63 - 1, 1))), "beyond all memory")
    put("expanded", checkpoint(tensor(shape=(4, 4), stride=(0, 1))), "it lies outside its storage")
    put("dimensions", checkpoint(tensor(shape=(1,) * 9, stride=(1,) * 9)), "more than 8 dimensions")
    put("view", checkpoint(tensor(place=storage(view=b"(" + text("1") + number(0) + number(2) + b"t"))), "is a view of another")
    put("two-ways", checkpoint(tensor("a"), tensor("b", storage(n=5))), "storage '0' is described in two ways")
    put("huge", checkpoint(tensor(place=storage(n=2**62))), "beyond all memory")
    put("unknown-key", checkpoint(tensor(), keys=("1",)), "is of no tensor")
    put("twice", checkpoint(tensor(), keys=("0", "0")), "there twice")
    put("missing", checkpoint(tensor(), keys=(), data=b""), "storage '0' is missing")
    put("count", checkpoint(tensor(), data=struct.pack("<q", 3) + bytes(16)), "has 3 numbers, not 4")
    put("short", checkpoint(tensor(), data=struct.pack("<q", 4) + bytes(15)), "ends within storage '0'")
    put("long", checkpoint(tensor(), data=struct.pack("<q", 4) + bytes(17)), "1 bytes behind the last storage")
    put("nul", checkpoint(tensor("a\0b")), "whose name is no text")


# ---- zip archives ----


def archive(entries, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in entries.items():
            z.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def patched(data, place, raw):
    return data[:place] + raw + data[place + len(raw) :]


def make_zips():
    def put(name, data, message):
        bad(f"zip-{name}.bin", data, message)

    code = b"\x80\x02}(" + tensor() + b"u."
    entries = {"m/data.pkl": code, "m/byteorder": b"little", "m/data/0": bytes(range(16))}
    whole = archive(entries)
    end = whole.rindex(b"PK\5\6")
    first = whole.index(b"PK\1\2")
    second = whole.index(b"PK\1\2", first + 1)
    third = whole.index(b"PK\1\2", second + 1)
    local = struct.unpack("<I", whole[third + 42 : third + 46])[0]
    put("truncated", whole[:-30], "stops before its directory")
    put("comment", whole + b"x", "stops before its directory")
    put("deflated", archive(entries, zipfile.ZIP_DEFLATED), "compressed (method 8)")
    put("encrypted", patched(whole, first + 8, b"\1"), "it is encrypted")
    put("zip64-count", patched(whole, end + 8, b"\xff\xff\xff\xff"), "without the place of its directory")
    put("zip64-size", patched(whole, third + 20, b"\xff" * 8), "its zip64 record lacks a number")
    put("zip64-place", patched(whole, end + 16, b"\xff" * 4), "without the place of its directory")
    put("zip64-alone", b"PK\3\4PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2), "without the place of its directory")
    make_zip64(put, to_zip64(whole))
    put("parts", patched(whole, end + 4, b"\1"), "one of several parts")
    put("entries", patched(whole, end + 8, b"\4\0\4\0"), "of 4 entries lies outside the archive")
    put("many", patched(whole, end + 8, b"\xff\x7f\xff\x7f"), "lies outside the archive")
    put("directory", patched(whole, end + 16, struct.pack("<I", end + 1)), "lies outside the archive")
    put("directory-early", patched(whole, end + 16, struct.pack("<I", first - 1)), "has no entry 1")
    put("signature", patched(whole, second, b"PK\1\3"), "has no entry 2")
    put("sizes", patched(whole, third + 20, b"\x0f"), "it is stored in 15 bytes, but has 16")
    put("longer", patched(whole, third + 20, b"\xf0\0\0\0\xf0\0\0\0"), "run out of the archive")
    put("place", patched(whole, third + 42, b"\xff\xff\xff\x7f"), "it lies outside the archive")
    put("elsewhere", patched(whole, third + 42, b"\0\0\0\0"), "not where the archive's directory says")
    put("local", patched(whole, local, b"xx"), "not where the archive's directory says")
    put("name-length", patched(whole, third + 28, b"\xff\xff"), "ends within entry 3")
    put("name-nul", patched(whole, third + 46, b"\0"), "is no text")
    put("checksum", patched(whole, local + 30 + 8, b"\xaa"), "damaged")
    put("pickle-checksum", patched(whole, 40 + 20, b"\xaa"), "damaged")
    same = archive(entries | {"m/data/1": bytes(range(16))})
    fourth = same.index(b"PK\1\2", same.index(b"m/data/0", len(same) - 200))
    one = same.index(b"PK\1\2", same.index(b"PK\1\2", same.index(b"PK\1\2") + 1) + 1)
    begin = struct.unpack("<I", same[one + 42 : one + 46])[0]
    lie = patched(patched(same, fourth + 42, struct.pack("<I", begin)), fourth + 46, b"m/data/0")
    put("overlap", lie, "overlap")
    twice = patched(patched(same, fourth + 46, b"m/data/0"), same.index(b"m/data/1"), b"m/data/0")
    put("twice", twice, "two entries 'm/data/0'")
    put("no-pickle", archive({"m/x": b""}), "none of torch.save")
    put("big-endian", archive(entries | {"m/byteorder": b"big"}), "big-endian")
    put("no-storage", archive({"m/data.pkl": code}), "storage '0' is missing")
    put("short-storage", archive(entries | {"m/data/0": bytes(15)}), "storage '0' has 15 bytes, not 16")
    put("script", archive({"m/data.pkl": b"\x80\x02c__torch__\nNet\n)\x81."}), "asks for '__torch__.Net'")


def make_zip64(put, whole):
    end = whole.rindex(b"PK\6\6")
    locator = whole.rindex(b"PK\6\7")
    first = whole.index(b"PK\1\2")
    extra = first + 46 + len("m/data.pkl")
    huge = b"\xff" * 8

    def change(name, place, raw, message):
        put("zip64-" + name, patched(whole, place, raw), message)

    change("locator", locator + 3, b"x", "without the place of its directory")
    change("end", end + 3, b"x", "whose directory has no end")
    change("end-outside", locator + 8, huge, "whose directory has no end")
    change("end-late", locator + 8, struct.pack("<Q", end + 1), "whose directory has no end")
    change("end-last", locator + 8, struct.pack("<Q", locator - 55), "whose directory has no end")
    change("parts", locator + 16, b"\2", "one of several parts")
    change("part", end + 16, b"\1", "one of several parts")
    change("entries", end + 24, huge, "one of several parts")
    change("many", end + 24, huge + huge, "of 18446744073709551615 entries lies outside the archive")
    change("bytes", end + 40, huge, "lies outside the archive")
    change("begin", end + 48, huge, "lies outside the archive")
    change("field", extra, b"\2", "its zip64 record lacks a number")
    change("short", extra + 2, b"\x10", "its zip64 record lacks a number")
    change("long", extra + 2, b"\x19", "its extra fields run out of its record")
    change("longer", extra + 2, b"\xff\xff", "its extra fields run out of its record")
    change("sizes", extra + 4, huge, "but has 18446744073709551615")
    change("extra-size", extra + 4, huge + huge, "its 18446744073709551615 bytes run out of the archive")
    change("offset", extra + 20, huge, "it lies outside the archive")
    change("offset-near", extra + 20, struct.pack("<q", -16), "it lies outside the archive")


# ---- Flax ----


def make_flax():
    def put(name, data, message):
        bad(f"flax-{name}.msgpack", data, message)

    def leaf(*parts):
        return b"\x81\xa1a" + msgpack.packb(msgpack.ExtType(1, msgpack.packb(list(parts))))

    good = np.zeros((2, 3), np.float32)
    put("map", b"\xdf\xff\xff\xff\xff", "ends within a value")
    put("inner-map", b"\x81\xa1a\xdf\x7f\xff\xff\xff\x00", "'a': ends within a value")
    put("list", b"\x81\xa1a\xdd\xff\xff\xff\xff", "'a': ends within a value")
    put("short-list", b"\x81\xa1a\x91\x00", "a list, where only maps and tensors are known")
    put("deep", b"\x81\xa1a" * 40 + b"\x00", "nested deeper than 32")
    put("key", b"\x81\x01\x01", "a key is no word")
    put("key-nul", b"\x81\xa1\x00\x01", "a key is no word")
    put("key-length", b"\x81\xdb\xff\xff\xff\xff", "ends within a value")
    put("names", b"\x81\xd9\xff" + b"a" * 255 + b"\x81\xd9\xff" + b"b" * 255 + b"\x81\xa1c\x01", "a name of more than 512 bytes")
    put("ext", b"\x81\xa1a\xc9\xff\xff\xff\xff\x01", "ends within a value")
    put("reserved", b"\x81\xa1a\xc1", "byte 0xc1")
    put("parts", leaf([2], "float32"), "not made of shape, type and numbers")
    put("shape", leaf(2, "float32", bytes(8)), "it has no shape")
    put("sizes", leaf(["2"], "float32", bytes(8)), "something that is no size")
    put("negative", leaf([-2], "float32", bytes(8)), "something that is no size")
    put("overflow", leaf([2**40, 2**40], "float32", bytes(8)), "beyond all memory")
    put("dimensions", leaf([1] * 9, "float32", bytes(4)), "more than 8 dimensions")
    put("bytes", leaf([3], "float32", bytes(8)), "takes 12 bytes, and it has 8")
    put("type", leaf([1], "complex64", bytes(8)), "its type 'complex64' is unknown")
    put("type-number", leaf([1], 5, bytes(8)), "its type has no name")
    put("no-numbers", leaf([1], "float32", "abcd"), "it has no numbers")
    put("behind", b"\x81\xa1a" + msgpack.packb(msgpack.ExtType(1, msgpack.packb([[1], "float32", bytes(4)]) + b"x")), "bytes behind its numbers")
    put("trailing", msgpack.packb({"a": flax_leaf(good)}) + b"\x00", "1 bytes behind the checkpoint")
    put("truncated", msgpack.packb({"a": flax_leaf(good)})[:-1], "ends within a value")
    put("chunks", msgpack.packb({"a": {"__msgpack_chunked_array__": True, "shape": {"0": 1}}}), "in chunks")


# ---- TensorFlow ----


def make_tensorflow():
    def put(name, index, message):
        bad(f"tf-{name}.index", index, message)

    data = bytes(range(24))

    def entry(dtype=1, shape=(2, 3), offset=0, size=24, shard=0, crc=None, more=b""):
        out = field(1, dtype) + field(2, b"".join(field(2, field(1, n)) for n in shape))
        out += (field(3, shard) if shard else b"") + field(4, offset) + field(5, size)
        crc = masked(data[offset : offset + size]) if crc is None else crc
        return out + varint(6 << 3 | 5) + struct.pack("<I", crc) + more

    def table(*entries, header=field(1, 1)):
        pairs = [(b"", header)] if header is not None else []
        return build_table(pairs + [(b"x%d" % i, e) for i, e in enumerate(entries)])

    whole = table(entry())
    put("block", patched(whole, 5, b"\xff"), "damaged: block at byte 0 has not its checksum")
    put("magic", patched(whole, len(whole) - 1, b"\0"), "is no checkpoint")
    put("short", whole[-40:], "shorter than the end of an index")
    put("handle", whole[:-48] + varint(2**60) + varint(8) + whole[-48 + 10 :], "outside the file")
    put("handle-varint", whole[:-48] + b"\xff" * 40 + whole[-8:], "no place of a block")
    put("checksum", table(entry(crc=1)), "tensor 'x0': it is damaged")
    put("outside", table(entry(offset=1, crc=1)), "lie outside the file's 24 bytes")
    put("offset", table(entry(offset=2**64 - 8, crc=1)), "lie outside the file's 24 bytes")
    put("size", table(entry(size=20)), "takes 24 bytes, and it has 20")
    put("overflow", table(entry(shape=(2**62, 2**62))), "beyond all memory")
    put("dimensions", table(entry(shape=(1,) * 9)), "more than 8 dimensions")
    put("type", table(entry(dtype=8)), "its type 8 is unknown")
    put("type-far", table(entry(dtype=2**40)), "is unknown")
    put("shard", table(entry(shard=1)), "it is in file 1 of 1")
    put("slices", table(entry(more=field(7, b""))), "cut into slices")
    put("overlap", table(entry(), entry()), "tensor 'x1': tensors overlap")
    put("no-header", table(entry(), header=None), "it has no header")
    put("endian", table(entry(), header=field(1, 1) + field(2, 1)), "big-endian")
    put("shards", table(entry(), header=field(1, 2**31)), "in 2147483648 files")
    put("no-shard", table(entry(), header=field(1, 2)), "data-00000-of-00002: No such file")
    put("field", table(b"\x0f"), "a field of unknown kind")
    put("field-end", table(b"\x0a\x7f"), "ends within a field")
    put("number-end", table(b"\x08\xff"), "ends within a number")
    put("varint", table(b"\x08" + b"\xff" * 10 + b"\x01"), "ends within a number")
    put("two-headers", build_table([(b"", field(1, 1)), (b"", field(1, 1))]), "two headers")

    def raw(block, kind=b"\0", index_key=b"z"):
        """A table of one block of pairs, as given."""
        out = block + kind + struct.pack("<I", masked(block + kind))
        meta = build_block([], 16)
        meta_handle = varint(len(out)) + varint(len(meta))
        out += meta + b"\0" + struct.pack("<I", masked(meta + b"\0"))
        index = build_block([(index_key, varint(0) + varint(len(block)))], 1)
        handle = varint(len(out)) + varint(len(index))
        out += index + b"\0" + struct.pack("<I", masked(index + b"\0"))
        return out + (meta_handle + handle).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)

    ending = struct.pack("<II", 0, 1)
    put("snappy", raw(build_block([(b"", field(1, 1))], 16), b"\1"), "is compressed (type 1)")
    put("restarts", raw(b"\0\0\0" + struct.pack("<I", 2**30)), "is no block")
    put("empty-block", raw(b"\0\0\0"), "is no block")
    put("shared", raw(varint(5) + varint(1) + varint(0) + b"a" + ending), "runs out of its block")
    put("key", raw(varint(0) + varint(200) + varint(0) + b"a" + ending), "runs out of its block")
    put("value", raw(varint(0) + varint(1) + varint(2**63) + b"a" + ending), "runs out of its block")
    put("long-key", raw(varint(0) + varint(1100) + varint(0) + b"a" * 1100 + ending), "a name of more than 1024 bytes")
    put("key-end", raw(b"\xff" + ending), "ends within a key")


# ---- shards ----


def make_shards():
    def put(name, index, message):
        bad(f"shards-{name}.index.json", json.dumps(index).encode(), message)

    put("none", {}, "it has no 'weight_map'")
    put("list", {"weight_map": ["a"]}, "it has no 'weight_map'")
    put("number", {"weight_map": {"a": 1}}, "does not name the file of 'a'")
    put("outside", {"weight_map": {"a": "../convert-bad.tsv"}}, "is not a file beside it")
    put("up", {"weight_map": {"a": ".."}}, "is not a file beside it")
    put("absent", {"weight_map": {"a": "absent.safetensors"}}, "absent.safetensors: No such file")
    put("itself", {"weight_map": {"a": "shards-itself.index.json"}}, "is no checkpoint")
    put("bundle", {"weight_map": {"a": "tf-checksum.index"}}, "is no checkpoint")
    header = b'{"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    bad("shard.safetensors", struct.pack("<Q", len(header)) + header + bytes(4), "")
    put("tensor", {"weight_map": {"a": "shard.safetensors"}}, "tensor 'a' is not in 'shard.safetensors'")
    bad("lfs.bin", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git-lfs")
    bad("empty.bin", b"", "is empty")
    bad("text.bin", b"hello\n", "is no checkpoint")


if __name__ == "__main__":
    make_pickles()
    make_zips()
    make_flax()
    make_tensorflow()
    make_shards()
    pathlib.Path(__file__).with_name("convert-bad.tsv").write_text("".join(lines))
