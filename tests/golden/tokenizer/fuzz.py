"""Holds electra-tokenize against Hugging Face tokenizers 0.22.2 on text: ids, offsets and words.

  fuzz.py PROGRAMS VOCAB random N [SEED]   N random strings, by four settings in turn
  fuzz.py PROGRAMS VOCAB FILE…             every line of the files, uncased and cased

PROGRAMS is a directory with electra-tokenize and electra-view. Random strings mix scripts, marks,
Chinese characters, punctuation, spaces, controls, and special tokens, whole and nearly.
"""
import json
import random
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BATCH = 20000


def pools():
    by_category, scripts = {}, {}
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000 or c in (10, 13):
            continue
        by_category.setdefault(unicodedata.category(chr(c)), []).append(c)
        name = unicodedata.name(chr(c), "").split(" ")[0]
        scripts.setdefault(name, []).append(c)
    found = [pool for name, pool in by_category.items() if name != "Cn"]
    found += [pool for name, pool in scripts.items() if name and len(pool) > 20]
    found += [[c for c in by_category["Cn"][::997]],
              [c for c in range(0x10000) if unicodedata.combining(chr(c))]]
    found += [list(range(97, 123)), list(range(65, 91)), list(range(48, 58)), [32]] * 12
    return found + [list(range(33, 48))] * 4


def strings(n, seed):
    chance, every = random.Random(seed), pools()
    for _ in range(n):
        some = chance.choices(every, k=chance.randint(1, 6))
        text = ""
        for _ in range(chance.choice([2, 5, 10, 20, 40, 120])):
            text += chr(chance.choice(chance.choice(some)))
            if chance.random() < 0.02:
                text += chance.choice(SPECIALS + ["[mask]", "[SEP", "[[PAD]]", "MASK]", "##", "[CLS] "])
        yield text


def reference(vocabulary, cased, strip):
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]",
                                           max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=not cased, strip_accents=strip)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIALS)
    return tokenizer


def places(text):
    """Of each code point, and of the end: the byte where it begins."""
    at, found = 0, []
    for c in text:
        found.append(at)
        at += len(c.encode())
    return found + [at]


def differ(text, encoding, record):
    place = places(text)
    offsets = [[place[a], place[b]] for a, b in encoding.offsets]
    return (record["ids"][1:-1] != encoding.ids or record["offsets"][1:-1] != offsets
            or record["words"][1:-1] != encoding.word_ids)


def check(programs, vocabulary_path, tokenizer, texts, options):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
        file.writelines(text + "\n" for text in texts)
        file.flush()
        tokenize = subprocess.Popen([programs + "/electra-tokenize", "-q", "--vocab", vocabulary_path,
                                     "--max-length", "65535", *options, file.name],
                                    stdout=subprocess.PIPE)
        view = subprocess.Popen([programs + "/electra-view"], stdin=tokenize.stdout,
                                stdout=subprocess.PIPE)
        wrong = 0
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        for text, encoding, line in zip(texts, encodings, view.stdout, strict=True):
            if differ(text, encoding, json.loads(line)):
                wrong += 1
                print(f"{' '.join(options)} {text!r}", flush=True)
        if tokenize.wait() or view.wait():
            sys.exit("a program failed")
    return wrong


def batches(texts):
    batch = []
    for text in texts:
        batch.append(text)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def lines(paths):
    for path in paths:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                yield line.removesuffix("\n").removesuffix("\r")


def main():
    programs, vocabulary_path, *rest = sys.argv[1:]
    is_random = rest[0] == "random"
    texts = strings(int(rest[1]), int((rest + ["1"])[2])) if is_random else lines(rest)
    with open(vocabulary_path, encoding="utf-8", newline="\n") as file:
        vocabulary = {line.rstrip("\r\n"): i for i, line in enumerate(file)}
    n = wrong = 0
    for i, batch in enumerate(batches(texts)):
        in_turn = [(bool(i & 1), bool(i & 2))]
        for cased, strip in in_turn if is_random else [(False, True), (True, False)]:
            options = ["--strip-accents", "yes" if strip else "no"] + ["--cased"] * cased
            tokenizer = reference(vocabulary, cased, strip)
            wrong += check(programs, vocabulary_path, tokenizer, batch, options)
            n += len(batch)
    print(f"{n} checked, {wrong} differ")
    sys.exit(wrong > 0)


main()
