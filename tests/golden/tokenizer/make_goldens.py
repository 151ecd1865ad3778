"""Writes the golden files of this directory: see README.md."""
import json
import random
import unicodedata

from tokenizers import (BertWordPieceTokenizer, Regex, Tokenizer, models, normalizers, pre_tokenizers,
                        processors)

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

EDGES = [
    "", " ", "\t", "\r\n", " x ", "a\0b", "\ufffd", "x\ufffdy", "\ufeffbom",
    "zero\u200bwidth\u200cjoin\u200der", "soft\u00adhyphen", "combining é É ñ e\u0301 E\u0301",
    "İstanbul ıI", "ẞß straße", "ΑΣΟΣ Σίσυφος", "Ǆ ǅ ǆ ﬁ", "ＦＵＬＬ", "½ ² ①",
    "don't can't", "U.S.A. 3.14 1,000 50% $5 #tag @user a_b", "a" * 100, "a" * 101, "é" * 100,
    "e\u0301" * 100, "e\u0301" * 101, "한" * 33, "한" * 34,
    "[CLS] hi [SEP] [MASK] [PAD] [UNK] [unused1] [cls] [Mask]", "a[MASK]b[[MASK]][MASK", "[MASK]\u0301x",
    "##ing ## ##", "''``--…—–“”‘’«»", "日本語テキスト한국어", "中文abc中文123", "中\u0301文", "हिन्दी में", "مُحَمَّد",
    "👩\u200d👩\u200d👧", "\U00020000\U0002a6d6\U0002b820\U0002b91f\U0002b920", "𝐀𝐚", "\u0301start",
    "Å Å K Ω", "~^`$+<=>|", "a\u2028b\u2029c\u00a0d\u3000e\u1680f", "a\x0bb\x0cc\x85d\x1ce",
    "\U0001d15e\U0001d165\U0001d16d x\U0001d16d\U0001d165\u1b44", "é\u1b44\u0323\u302f", "\u302f\u0323a",
    "; \u037e \u0387 \u1fef \u226e \u2260", "\u0344\u0f73\u0f81", "a\u034f\u1b44\u0301", "tab\tsep\nline",
]


def interesting():
    """Pools of characters that implementations disagree about."""
    everything = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    marks = [c for c in everything if unicodedata.combining(chr(c))]
    kept = [c for c in marks if unicodedata.category(chr(c)) == "Mc"]
    kept += [0x1734, 0x7FD, 0x8D3, 0x1ABF, 0x1DF6, 0x10F46, 0x1E130, 0xA82C, 0xEBA, 0xD3B, 0x1145E]
    composed = [c for c in everything
                if unicodedata.decomposition(chr(c)) and unicodedata.decomposition(chr(c))[0] != "<"]
    return [
        list(range(97, 123)), list(range(65, 91)), [32, 32, 9, 13, 0xA0, 0x3000, 0x2028],
        list(range(33, 48)), marks[::37], kept, kept, composed[::29], list(range(0xAC00, 0xAC08)),
        [0, 0xFFFD, 0x200B, 0x200D, 0xAD, 0xFEFF, 0x85, 0x0B, 0x1C, 0xE000],
        [0x4E00, 0x2B820, 0x2B900, 0x2B920, 0xF900, 0x2F800],
        [0x130, 0x131, 0x3A3, 0x1E9E, 0xDF, 0x1C4, 0x1C5, 0x2126, 0x212A, 0x212B],
        [0x344, 0xF73, 0xF75, 0xF81, 0x37E, 0x387, 0x1FEF, 0x226E, 0x2260],
        [0x1D15E, 0x1D15F, 0x1D160, 0x1D165, 0x1D16D, 0x302E, 0x302F, 0x34F, 0x93F],
    ]


def texts():
    chance = random.Random(1)
    pools = interesting()
    yield from EDGES
    for _ in range(150):
        weights = [chance.random() ** 3 for _ in pools]
        text = ""
        for _ in range(chance.choice([3, 8, 20, 40])):
            text += chr(chance.choice(chance.choices(pools, weights)[0]))
            if chance.random() < 0.01:
                text += chance.choice(["[MASK]", "[CLS]", "[mask]", "[SEP", "[[PAD]]"])
        yield text


def vocabulary(all_texts):
    chance = random.Random(2)
    characters = set()
    for text in all_texts:
        for form in (text, unicodedata.normalize("NFD", text)):
            characters |= set(form) | set(form.lower())
    tokens = list(SPECIALS)
    for character in sorted(characters):
        if unicodedata.category(character) not in ("Cc", "Cf", "Co", "Zs", "Zl", "Zp"):
            tokens += [character] if chance.random() < 0.95 else []
            tokens += ["##" + character] if chance.random() < 0.95 else []
    tokens += ["ab", "##ab", "abc", "##ing", "hi", "start", "##a\u0301", "stra", "##ße"]
    return list(dict.fromkeys(tokens))


def write_texts(name, tokens, all_texts, lowercase, strip_accents):
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]",
                                           max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase,
                                                      strip_accents=strip_accents)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    write_lines(name, tokenizer, all_texts)


def write_lines(name, tokenizer, all_texts):
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    with open(name + ".jsonl", "w") as file:
        for text in all_texts:
            encoding = tokenizer.encode(text)
            line = {"text": text, "ids": encoding.ids,
                    "offsets": [place for pair in encoding.offsets for place in pair],
                    "words": [word for word in encoding.word_ids if word is not None]}
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def write_other_rules(tokens, all_texts):
    """A pattern in place of BertPreTokenizer; a BertNormalizer that cleans nothing."""
    for name in "pattern", "raw":
        raw = name == "raw"
        tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)},
                                               unk_token="[UNK]",
                                               max_input_chars_per_word=30 if raw else 100))
        tokenizer.normalizer = normalizers.BertNormalizer(
            lowercase=True, clean_text=not raw, handle_chinese_chars=not raw)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        if not raw:
            tokenizer.pre_tokenizer = pre_tokenizers.Split(
                Regex(r"\p{L}+|\p{N}{1,3}|[^ \p{L}\p{N}]"), "removed", invert=True)
        # Random texts have letters of which the two regular expression libraries differ.
        write_lines(name, tokenizer, all_texts if raw else EDGES)


def has_ties(words, size):
    """Whether merging pairs ever has to choose between equally frequent ones."""
    spelled = {w: [w[0]] + ["##" + c for c in w[1:]] for w in words}
    tokens = set(t for s in spelled.values() for t in s) | set(c for w in words for c in w)
    while len(tokens) + len(SPECIALS) < size:
        counts = {}
        for word, symbols in spelled.items():
            for pair in zip(symbols, symbols[1:]):
                counts[pair] = counts.get(pair, 0) + words[word]
        ranked = sorted(counts.items(), key=lambda item: -item[1])
        if not ranked or ranked[0][1] < 2 or len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
            return True
        (a, b), _ = ranked[0]
        tokens.add(a + b[2:])
        for word, symbols in spelled.items():
            merged = []
            for symbol in symbols:
                if merged and merged[-1] == a and symbol == b:
                    merged[-1] = a + b[2:]
                else:
                    merged.append(symbol)
            spelled[word] = merged
    return False


def write_learning(size=45):
    for seed in range(1000000):
        chance = random.Random(seed)
        words = {}
        while len(words) < 40:
            word = "".join(chance.choice("abcde") for _ in range(chance.randint(2, 6)))
            words[word] = chance.randint(1, 300)
        if not has_ties(words, size):
            break
    lines = [word for word, n in words.items() for _ in range(n)]
    chance.shuffle(lines)
    with open("learn.txt", "w") as file:
        for i in range(0, len(lines), 20):
            file.write(" ".join(lines[i:i + 20]) + "\n")
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train(["learn.txt"], vocab_size=size, min_frequency=2, show_progress=False)
    with open("learn.vocab", "w") as file:
        file.write("".join(token + "\n" for token in sorted(tokenizer.get_vocab())))


def main():
    all_texts = list(texts())
    tokens = vocabulary(all_texts)
    with open("vocab.txt", "w", newline="") as file:
        file.write("".join(token + "\n" for token in tokens))
    write_texts("uncased", tokens, all_texts, True, None)
    write_texts("cased", tokens, all_texts, False, None)
    write_texts("uncased_accents", tokens, all_texts, True, False)
    write_texts("cased_no_accents", tokens, all_texts, False, True)
    write_other_rules(tokens, all_texts)
    write_learning()


main()
