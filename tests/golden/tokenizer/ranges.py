"""Prints the exemptions by range in lib/text/characters.c (needs tokenizers and regex).

Each range holds characters that have a property in some version of Unicode but not in the tables of
the reference, and perhaps others in between, but none that has it in the reference.
"""
import regex
from tokenizers import normalizers, pre_tokenizers

bert = normalizers.BertNormalizer
clean = bert(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
strip = bert(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
nfd = normalizers.NFD()
words = pre_tokenizers.BertPreTokenizer()
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
WHOLE = [c for c in CODE_POINTS if nfd.normalize_str(chr(c)) == chr(c)]


def is_ordered(c):
    """Whether NFD may move it: before U+0345 (class 240), or behind U+0334 (class 1)."""
    before, behind = "a\u0345" + chr(c), "a" + chr(c) + "\u0334"
    return nfd.normalize_str(before) != before or nfd.normalize_str(behind) != behind


def show(name, have, property_pattern):
    """The code points with the property but not in `have`, as ranges around which it is safe."""
    pattern = regex.compile(property_pattern)
    ranges = []
    for c in CODE_POINTS:
        if c in have or not pattern.match(chr(c)) or nfd.normalize_str(chr(c)) != chr(c):
            continue
        if ranges and not any(x in have for x in range(ranges[-1][1] + 1, c)):
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    extra = [c for c in have if not pattern.match(chr(c))]
    print(name, "without", " ".join(f"{a:X}-{b:X}" if b > a else f"{a:X}" for a, b in ranges))
    print(name, "besides", " ".join(f"{c:X}" for c in extra))


show("DROP", {c for c in CODE_POINTS if clean.normalize_str(chr(c)) == ""},
     r"(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]")
show("PUNCTUATION",
     {c for c in CODE_POINTS if len(words.pre_tokenize_str(f"a{chr(c)}b")) == 3}, r"\p{P}")
show("MARK", {c for c in WHOLE if strip.normalize_str(chr(c)) == ""}, r"\p{Mn}")
show("ordered", {c for c in WHOLE if is_ordered(c)}, r"(?!\p{ccc=0})[\s\S]")
