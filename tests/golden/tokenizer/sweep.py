"""Proves electra-tokenize on every code point: `sweep.py DIRECTORY-OF-PROGRAMS`.

For each code point X the tokens of "aXb", by a vocabulary of all single characters, must spell the
words that Hugging Face's normalizer and pre-tokenizer make of it, in all four settings.
"""
import json
import subprocess
import sys
import tempfile

from tokenizers import normalizers, pre_tokenizers

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c != 10]


def expected(cased, strip_accents):
    normalizer = normalizers.BertNormalizer(lowercase=not cased, strip_accents=strip_accents)
    pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    for c in CODE_POINTS:
        text = normalizer.normalize_str("a" + chr(c) + "b")
        yield [word for word, _ in pre_tokenizer.pre_tokenize_str(text)]


def found(programs, vocabulary, texts, options):
    tokenize = subprocess.Popen([programs + "/electra-tokenize", "--vocab", vocabulary, "--no-text",
                                 *options, texts], stdout=subprocess.PIPE)
    view = subprocess.Popen([programs + "/electra-view", "--vocab", vocabulary],
                            stdin=tokenize.stdout, stdout=subprocess.PIPE)
    for line in view.stdout:
        words = []
        for token in json.loads(line)["tokens"][1:-1]:
            if token.startswith("##") and len(token) > 2:
                words[-1] += token[2:]
            else:
                words.append(token)
        yield words
    if tokenize.wait() or view.wait():
        sys.exit("a program failed")


def main():
    programs = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory:
        vocabulary, texts = directory + "/vocab.txt", directory + "/texts"
        with open(vocabulary, "w", newline="") as file:
            file.writelines(token + "\n" for token in SPECIALS)
            file.writelines(prefix + chr(c) + "\n" for c in CODE_POINTS for prefix in ("", "##")
                            if c not in (0, 13))
        with open(texts, "w", newline="") as file:
            file.writelines("a" + chr(c) + "b\n" for c in CODE_POINTS)
        wrong = 0
        for cased in (False, True):
            for strip in (False, True):
                options = ["--strip-accents", "yes" if strip else "no"] + ["--cased"] * cased
                pairs = zip(CODE_POINTS, expected(cased, strip),
                            found(programs, vocabulary, texts, options), strict=True)
                for c, want, have in pairs:
                    if want != have:
                        wrong += 1
                        print(f"U+{c:04X} {' '.join(options)}: {have}, not {want}")
        print(f"{4 * len(CODE_POINTS)} checked, {wrong} differ")
        sys.exit(wrong > 0)


main()
