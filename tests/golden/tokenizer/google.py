"""Google's tokenization (BERT's and ELECTRA's tokenization.py), written again from its description.

  google.py golden                     writes google.jsonl and google_cased.jsonl
  google.py sweep PROGRAMS             compares every code point, in three surroundings
  google.py check PROGRAMS VOCAB FILE… compares every line of text, uncased and cased

PROGRAMS is a directory with electra-tokenize and electra-view. The Python must have the Unicode
that PCRE2 has: what is unassigned is dropped.
"""
import json
import subprocess
import sys
import tempfile
import unicodedata

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CHINESE = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
           (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]
MAX_CHARACTERS = 200


def is_space(c):
    return c in " \t\n\r" or unicodedata.category(c) == "Zs"


def is_control(c):
    return c not in "\t\n\r" and unicodedata.category(c).startswith("C")


def is_punctuation(c):
    n = ord(c)
    return (33 <= n <= 47 or 58 <= n <= 64 or 91 <= n <= 96 or 123 <= n <= 126
            or unicodedata.category(c).startswith("P"))


def clean(text):
    kept = (c for c in text if c not in "\0\ufffd" and not is_control(c))
    return "".join(" " if is_space(c) else c for c in kept)


def space_chinese(text):
    return "".join(f" {c} " if any(a <= ord(c) <= b for a, b in CHINESE) else c for c in text)


def cut_punctuation(word):
    pieces, begin = [], True
    for c in word:
        if is_punctuation(c):
            pieces.append(c)
            begin = True
        elif begin:
            pieces.append(c)
            begin = False
        else:
            pieces[-1] += c
    return pieces


def words(text, cased=False):
    found = []
    for word in space_chinese(clean(text)).split():
        if not cased:
            word = unicodedata.normalize("NFD", word.lower())
            word = "".join(c for c in word if unicodedata.category(c) != "Mn")
        found += cut_punctuation(word)
    return " ".join(found).split()


def pieces(word, vocabulary):
    if len(word) > MAX_CHARACTERS:
        return ["[UNK]"]
    found, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        found.append(piece)
        start = end
    return found


def encode(text, vocabulary, cased):
    tokens = [piece for word in words(text, cased) for piece in pieces(word, vocabulary)]
    return [vocabulary[token] for token in ["[CLS]", *tokens, "[SEP]"]]


def read_vocabulary(path):
    with open(path, encoding="utf-8", newline="\n") as file:
        return {line.rstrip("\n"): i for i, line in enumerate(file)}


def golden():
    vocabulary = read_vocabulary("vocab.txt")
    texts = []
    with open("uncased.jsonl", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    texts += ["ΟΔΟΣ ΟΔΟΣ. ΣΑΣ Σ ΑΣ1 ΑΣ'Α ΑΣ'1 ΑΣ\u0301 ΑΣ\u0301Α \u0301Σ 'Σ' Α\u00adΣ\u00ad ΑΣ\u00adΑ",
              "Α中Σ ΑΣ中Α aΣb ΑΣ:Σ. ΣΣΣ", "b" * 200, "b" * 201, "é" * 200, "e\u0301" * 201,
              "a\u0378b \U000e0080", "[SEP][CLS] [MASK]", "\u2b820 a\U0002b820b", "İİ I\u0307 i\u0307"]
    for cased, name in (False, "google"), (True, "google_cased"):
        with open(name + ".jsonl", "w", encoding="utf-8") as file:
            for text in texts:
                line = {"text": text, "ids": encode(text, vocabulary, cased)}
                file.write(json.dumps(line, separators=(",", ":")) + "\n")


def tokenized(programs, vocabulary, path, cased):
    """The tokens of each line of a file, from the programs."""
    tokenize = subprocess.Popen([programs + "/electra-tokenize", "-q", "--compat", "google",
                                 "--vocab", vocabulary, "--no-text", "--max-length", "65535",
                                 *["--cased"] * cased, path], stdout=subprocess.PIPE)
    view = subprocess.Popen([programs + "/electra-view"], stdin=tokenize.stdout,
                            stdout=subprocess.PIPE)
    for line in view.stdout:
        yield json.loads(line)["ids"]
    if tokenize.wait() or view.wait():
        sys.exit("a program failed")


def compare(programs, vocabulary_path, path):
    vocabulary, n, wrong = read_vocabulary(vocabulary_path), 0, 0
    for cased in (False, True):
        with open(path, encoding="utf-8", errors="ignore", newline="\n") as file:
            lines = (line.removesuffix("\n").removesuffix("\r") for line in file)
            for line, found in zip(lines, tokenized(programs, vocabulary_path, path, cased),
                                   strict=True):
                n += 1
                if encode(line, vocabulary, cased) != found:
                    wrong += 1
                    print(f"{path}: line {n}: {line[:80]!r}, cased {cased}")
    print(f"{path}: {n} checked, {wrong} differ")
    return wrong


def sweep(programs):
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c != 10]
    with tempfile.TemporaryDirectory() as directory:
        vocabulary, texts = directory + "/vocab.txt", directory + "/texts"
        with open(vocabulary, "w", encoding="utf-8", newline="") as file:
            file.writelines(token + "\n" for token in SPECIALS)
            file.writelines(prefix + chr(c) + "\n" for c in points for prefix in ("", "##")
                            if c not in (0, 13))
        wrong = 0
        for text in "{}", "a{}b", "ΑΣ{}Α ΑΣ{} Α{}Σ ":
            with open(texts, "w", encoding="utf-8", newline="") as file:
                file.writelines(text.replace("{}", chr(c)) + "\n" for c in points)
            wrong += compare(programs, vocabulary, texts)
        sys.exit(wrong > 0)


def main():
    if sys.argv[1] == "golden":
        golden()
    elif sys.argv[1] == "sweep":
        sweep(sys.argv[2])
    else:
        sys.exit(sum(compare(sys.argv[2], sys.argv[3], path) for path in sys.argv[4:]) > 0)


main()
