"""Makes tests/golden/stream/small.els: a stream written from its definition in electra-stream(5)
alone, by msgpack and xxhash of other hands. Needs msgpack and xxhash.

    make_stream.py             writes tests/golden/stream/small.els
    make_stream.py check FILE  reads any stream and checks every number in it
"""

import pathlib
import struct
import sys

import msgpack
import xxhash

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world", "##s", "!"]


def u16(*numbers):
    return struct.pack(f"<{len(numbers)}H", *numbers)


def u32(*numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers)


HEADER = {
    "electra": 1,
    "kind": "tokens",
    "ids": "u16",
    "max_length": 128,
    "vocab": {
        "size": len(TOKENS),
        "xxh3": xxhash.xxh3_128_hexdigest("".join(t + "\n" for t in TOKENS).encode()),
        "pad": 0,
        "unk": 1,
        "cls": 2,
        "sep": 3,
        "mask": 4,
    },
    "tokenizer": {
        "cased": False,
        "strip_accents": True,
        "compat": "fast",
        "pattern": None,
        "unicode": "14.0.0",
    },
    "history": [{"program": "make_stream.py", "version": "1", "args": ["--seed=1"]}],
    "extra": [1, {"two": 3}],
}
SPECIAL = 2**32 - 1
BLOCKS = [
    [
        {
            "id": 1,
            "ids": u16(2, 5, 6, 3),
            "text": "hello world",
            "offsets": u32(0, 0, 0, 5, 6, 11, 0, 0),
            "words": u32(SPECIAL, 0, 1, SPECIAL),
        },
        {"id": "zwei", "ids": u16(2, 1, 3), "types": b"\0\0\1", "label": 0.1, "cut": 300},
    ],
    [{"id": -3, "ids": u16(2, 3), "label": [True, None, "x"], "other": b"\0\xff"}],
]


def write():
    header = msgpack.packb(HEADER)
    stream = header
    guarded = struct.pack("<Q", xxhash.xxh3_64_intdigest(header))
    first = 0
    for block in BLOCKS:
        payload = b"".join(msgpack.packb(record) for record in block)
        xxh3 = xxhash.xxh3_64_intdigest(payload)
        guarded += struct.pack("<QQQ", first, len(block), xxh3)
        stream += msgpack.packb(
            {"block": "data", "first": first, "count": len(block), "bytes": len(payload), "xxh3": xxh3}
        )
        stream += msgpack.packb(payload)
        first += len(block)
    end = xxhash.xxh3_64_intdigest(guarded)
    stream += msgpack.packb({"block": "end", "records": first, "xxh3": end})
    return stream


def check(path):
    stream = pathlib.Path(path).read_bytes()
    unpacker = msgpack.Unpacker(None, max_buffer_size=len(stream), max_bin_len=1 << 26)
    unpacker.feed(stream)
    guarded, records, at = b"", 0, 0
    for thing in unpacker:
        if "electra" in thing:
            header = stream[at : unpacker.tell()]
            guarded, records = struct.pack("<Q", xxhash.xxh3_64_intdigest(header)), 0
            shard = thing.get("shard")
        elif thing["block"] == "data":
            assert list(thing) == ["block", "first", "count", "bytes", "xxh3"]
            payload = next(unpacker)
            assert len(payload) == thing["bytes"]
            assert xxhash.xxh3_64_intdigest(payload) == thing["xxh3"]
            inner = msgpack.Unpacker(None, max_buffer_size=len(payload) + 1, unicode_errors="surrogateescape")
            inner.feed(payload)
            count = sum("id" in record for record in inner)
            assert count == thing["count"]
            assert shard or thing["first"] == records
            records += count
            guarded += struct.pack("<QQQ", thing["first"], count, thing["xxh3"])
        else:
            assert list(thing) == ["block", "records", "xxh3"]
            assert thing["records"] == records
            assert thing["xxh3"] == xxhash.xxh3_64_intdigest(guarded)
            print(path, records, "records")
        at = unpacker.tell()


if sys.argv[1:2] == ["check"]:
    check(sys.argv[2])
else:
    (pathlib.Path(__file__).parent / "stream/small.els").write_bytes(write())
