"""Writes the golden files of this directory: see README.md.

    make_layouts.py                  writes them
    make_layouts.py check BIN DATA   compares the programs in BIN with the references on all labelled
                                     sets under DATA, and with transformers' squad preprocessing
"""
import glob
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SMALL_VOCAB = "../tokenizer/vocab.txt"


def make_tokenizer(vocab, lowercase=True):
    with open(vocab, newline="") as file:
        tokens = [line.rstrip("\n") for line in file]
    ids = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]),
                                                         ("[CLS]", ids["[CLS]"]))
    return tokenizer


# ---- an encoding as a record ----

def bytes_before(text):
    """The byte that each character begins at, and the end."""
    places = [0]
    for character in text:
        places.append(places[-1] + len(character.encode()))
    return places


def record(tokenizer, encoding, identity, texts, words=None, window=None, side=0):
    """What electra-view prints; `words`: the words that a pre-tokenized text came in; `window`: its
    number and how many there are, over texts[side]."""
    line = {"id": identity, "ids": encoding.ids}
    if len(texts) > 1:
        line["types"] = encoding.type_ids
    offsets, starts = [], []
    sequences = encoding.sequence_ids
    word_starts = [0]
    for word in words or []:
        word_starts.append(word_starts[-1] + len(word) + 1)
    places = [(start + (word_starts[word] if words and sequence is not None else 0),
               end + (word_starts[word] if words and sequence is not None else 0))
              for (start, end), word, sequence in
              zip(encoding.offsets, encoding.word_ids, sequences)]
    for i, text in enumerate(texts):
        mine = [place for place, sequence in zip(places, sequences) if sequence == i]
        at = bytes_before(text)
        start = 0
        if window and side == i and window[0] > 1:
            start = min(place[0] for place in mine)
        end = max((place[1] for place in mine), default=0)
        line["pair" if i else "text"] = text[start:end]
        starts.append((at, at[start]))
    for (start, end), sequence in zip(places, sequences):
        if sequence is None:
            offsets.append([0, 0])
        else:
            at, first = starts[sequence]
            offsets.append([at[start] - first, at[end] - first])
    line["offsets"] = offsets
    if window:
        line["pair_start" if side else "text_start"] = starts[side][1]
    line["words"] = encoding.word_ids
    return line


def best_window(ranges, token):
    """google-research/bert: the window that has most context for a token."""
    def score(k):
        start, end = ranges[k]
        return min(token - start, end - 1 - token) + 0.01 * (end - start)
    step = ranges[1][0] if len(ranges) > 1 else 1
    near = range(max(0, (token - ranges[0][1]) // step), min(len(ranges), token // step + 1))
    inside = [k for k in near if ranges[k][0] <= token < ranges[k][1]]
    return max(inside, key=lambda k: (score(k), -k))


def encode(tokenizer, texts, max_length, strategy, stride, words=None):
    tokenizer.no_truncation()
    whole = tokenizer.encode(words, is_pretokenized=True) if words else tokenizer.encode(*texts)
    tokenizer.enable_truncation(max_length, stride=stride or 0, strategy=strategy)
    first = tokenizer.encode(words, is_pretokenized=True) if words else tokenizer.encode(*texts)
    tokenizer.no_truncation()
    return whole, [first] + (first.overflowing if stride is not None else [])


def records(tokenizer, identity, texts, max_length, strategy="longest_first", stride=None,
            words=None, extra=None):
    whole, windows = encode(tokenizer, texts, max_length, strategy, stride, words)
    side = 1 if len(texts) > 1 and strategy != "only_first" else 0
    if stride is None:
        line = record(tokenizer, windows[0], identity, texts, words)
        if len(whole.ids) > len(windows[0].ids):
            line["cut"] = len(whole.ids) - len(windows[0].ids)
        line.update(extra or {})
        return [line]
    n = [sum(s == side for s in window.sequence_ids) for window in windows]
    step = n[0] - stride
    ranges = [(k * step, k * step + n[k]) for k in range(len(windows))]
    lines = []
    for k, window in enumerate(windows):
        line = record(tokenizer, window, identity, texts, words, (k + 1, len(windows)), side)
        line["window"] = [k + 1, len(windows)]
        token = ranges[k][0]
        line["best"] = []
        for sequence in window.sequence_ids:
            is_best = sequence == side and best_window(ranges, token) == k
            line["best"].append(int(is_best))
            token += sequence == side
        line.update(extra or {})
        lines.append(line)
    return lines


# ---- questions ----

def is_space(character):
    return character in " \t\r\n\u202f"


def answer_tokens(tokenizer, context, answer, tokens, offsets):
    """google-research/bert, run_squad.py: the words around the answer, then the sub-span that is
    just the answer's tokens. First and last token of the context, or None."""
    character_word, words = [], []
    for i, character in enumerate(context):
        if not is_space(character):
            if i == 0 or is_space(context[i - 1]):
                words.append(i)
        character_word.append(len(words) - 1)
    start = answer["answer_start"]
    last = min(start + max(len(answer["text"]), 1) - 1, len(context) - 1)
    first_word, last_word = (character_word[max(i, 0)] if context else 0 for i in (start, last))
    token_word = [character_word[place[0]] for place in offsets]
    inside = [i for i, word in enumerate(token_word) if max(first_word, 0) <= word <= last_word]
    if not inside:
        return None
    wanted = tokenizer.encode(answer["text"], add_special_tokens=False).ids
    first, last = inside[0], inside[-1]
    for new_first in range(first, last + 1):
        for new_last in range(last, new_first - 1, -1):
            if tokens[new_first:new_last + 1] == wanted:
                return new_first, new_last
    return first, last


def question_records(tokenizer, question, context, max_length, stride):
    identity = question["id"]
    tokenizer.enable_truncation(64)
    query = tokenizer.encode(question["question"], add_special_tokens=False)
    tokenizer.no_truncation()
    all_query = tokenizer.encode(question["question"], add_special_tokens=False)
    cut = len(all_query.ids) - len(query.ids)
    text = question["question"]
    if cut:  # what the rest would be encoded as does not depend on it: it ends with a word
        text = text[:max(end for _, end in query.offsets)]
    whole = tokenizer.encode(context, add_special_tokens=False)
    extra = {}
    known = "answers" in question or "is_impossible" in question
    impossible = question.get("is_impossible", not question.get("answers"))
    span = None
    if known:
        extra["impossible"] = impossible
    if known and not impossible:
        at = bytes_before(context)
        extra["answers"] = [{"text": a["text"], "start": at[a["answer_start"]]}
                            for a in question["answers"]]
        span = answer_tokens(tokenizer, context, question["answers"][0], whole.ids, whole.offsets)
    lines = records(tokenizer, identity, [text, context], max_length, "only_second", stride)
    first = 0
    for line in lines:
        n = sum(line["types"]) - 1
        found = known and span and span[0] >= first and span[1] < first + n
        behind = len(query.ids) + 2 - first
        if cut:
            line["cut"] = cut
        if known:
            line["span"] = [span[0] + behind, span[1] + behind] if found else [0, 0]
        line.update(extra)
        first += n - stride
    return lines


# ---- the golden files ----

ORDER = ["id", "ids", "types", "text", "pair", "offsets", "text_start", "pair_start", "words", "cut",
         "window", "best", "span", "label", "impossible", "answers"]


def write(name, lines):
    with open(name, "w") as file:
        for line in lines:
            ordered = {key: line[key] for key in ORDER if key in line}
            assert len(ordered) == len(line)
            file.write(json.dumps(ordered, ensure_ascii=False, separators=(",", ":")) + "\n")


def small_texts():
    """Texts of many scripts, without what ends a field, a row or a word."""
    texts = []
    for line in open("../tokenizer/uncased.jsonl"):
        text = "".join(c for c in json.loads(line)["text"] if c.isprintable() or c in "\u0301\u200b")
        if text.strip():
            texts.append(text)
    return texts[:60]


CONTEXT = ("Ένα café in Zürich,\u202fa  naïve\tplace (e\u0301tage 2) — 東京タワー is not there. "
           "It cost 12.50€; they said \"don't\"!\nSo Ångström left. ") * 2


def squad():
    def ask(number, question, *answers, impossible=None):
        found = {"id": "q%d" % number, "question": question, "answers": [
            {"text": text, "answer_start": CONTEXT.find(text, start)} for text, start in answers]}
        if impossible is not None:
            found["is_impossible"] = impossible
        return found
    questions = [
        ask(1, "Where?", ("Zürich", 0), ("café in Zürich", 0)),
        ask(2, "Which floor?", ("2", 0), impossible=False),
        ask(3, "Why?", impossible=True),
        ask(4, "Inside a word?", ("ngström", 0)),
        ask(5, "Two of a word of one character each?", ("京タ", 0)),
        ask(6, "With spaces around?", ("\tplace ", 0)),
        ask(7, "Late?", ("don't", 150)),
        ask(8, "Price?", ("12.50", 0)),
        ask(9, "Part of a number?", ("50", 0)),
        ask(10, "Before a space that is not ASCII?", ("Zürich,\u202fa", 0)),
        ask(11, "All of it?", (CONTEXT, 0)),
        ask(12, "A long one? " * 30, ("left", 0)),
        ask(13, "At the end?", (CONTEXT[-5:], 200)),
        {"id": "q14", "question": "Nothing known?"},
    ]
    return {"version": "1.1", "data": [
        {"title": "a", "paragraphs": [{"context": CONTEXT, "qas": questions}]},
        {"title": "b", "paragraphs": [
            {"context": "", "qas": [{"id": "q15", "question": "Empty?", "is_impossible": True}]},
            {"context": "hi there", "qas": [
                {"id": "q16", "question": "", "answers": [{"text": "hi", "answer_start": 0}]}]}]}]}


def main():
    tokenizer = make_tokenizer(SMALL_VOCAB)
    texts = small_texts()
    chance = random.Random(1)
    rows = [(chance.choice(texts), chance.choice(texts), chance.choice("xyz")) for _ in range(60)]
    with open("rows.tsv", "w") as file:
        file.write("".join("\t".join(row) + "\n" for row in rows))
    for name, strategy, stride, length in [
            ("longest", "longest_first", None, 24), ("second", "only_second", 5, 80)]:
        lines = []
        kept = []
        for i, (a, b, label) in enumerate(rows, 1):
            if stride is not None and len(tokenizer.encode(a).ids) - 2 + stride + 3 >= length:
                continue
            kept.append((a, b, label))
            lines += records(tokenizer, len(kept), [a, b], length, strategy, stride,
                             extra={"label": label})
        if stride is not None:
            with open("windows.tsv", "w") as file:
                file.write("".join("\t".join(row) + "\n" for row in kept))
        write(name + ".jsonl", lines)
    lines = []
    for i, (a, _, _) in enumerate(rows, 1):
        lines += records(tokenizer, i, [a], 12, stride=3)
    write("single.jsonl", lines)
    lines = []
    with open("sentences.conll", "w") as file:
        for i, (a, _, _) in enumerate(rows[:20], 1):
            words = [word for word in a.replace("\u3000", " ").split(" ") if word]
            tags = [chance.choice(["O", "B-X", "I-X"]) for _ in words]
            file.write("".join("%s\tNN\t%s\n" % pair for pair in zip(words, tags)) + "\n")
            lines += records(tokenizer, i, [" ".join(words)], 40, words=words, extra={"label": tags})
    write("sentences.jsonl", lines)
    with open("squad.json", "w") as file:
        json.dump(squad(), file, ensure_ascii=False, indent=1)
        file.write("\n")
    lines = []
    for article in squad()["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                lines += question_records(tokenizer, question, paragraph["context"], 96, 12)
    write("squad.jsonl", lines)


# ---- comparing on larger data ----

def ours(binaries, *arguments):
    tokenize = subprocess.Popen([binaries + "/electra-tokenize", "-q", *arguments],
                                stdout=subprocess.PIPE)
    view = subprocess.Popen([binaries + "/electra-view"], stdin=tokenize.stdout,
                            stdout=subprocess.PIPE)
    for line in view.stdout:
        yield json.loads(line)
    if tokenize.wait() or view.wait():
        sys.exit("the programs failed: " + " ".join(arguments))


def compare(name, found, expected):
    n = different = 0
    for line in expected:
        other = next(found, None)
        n += 1
        if other != line:
            different += 1
            if different < 3:
                print("expected", json.dumps(line)[:2000])
                print("found   ", json.dumps(other)[:2000])
    if next(found, None) is not None:
        different += 1
    print("%-60s %7d records, %d differ" % (name, n, different), flush=True)
    return different


def read_lines(path):
    data = (gzip.open(path) if path.endswith(".gz") else open(path, "rb")).read().decode()
    return [line.rstrip("\r") for line in data.removeprefix("\ufeff").split("\n")][:-1]


def check_rows(binaries, tokenizer, vocab, path, header, columns, length, strategy, stride):
    rows = [line.split("\t") for line in read_lines(path)][header:]
    expected = (line for i, row in enumerate(rows, 1) for line in
                records(tokenizer, i, [row[c - 1] for c in columns], length, strategy, stride))
    with tempfile.NamedTemporaryFile("w", newline="") as copy:
        copy.write("\n".join(read_lines(path)) + "\n")
        copy.flush()
        arguments = ["--vocab", vocab, "--max-length", str(length), "--tsv", "--text",
                     str(columns[0])]
        arguments += ["--header"] if header else []
        if len(columns) > 1:
            arguments += ["--pair", str(columns[1]), "--truncation", strategy.replace("_", "-")]
        arguments += ["--stride", str(stride)] if stride is not None else []
        return compare("%s %s %s %d" % (os.path.basename(path), strategy, stride, length),
                       ours(binaries, *arguments, copy.name), expected)


def check_sentences(binaries, tokenizer, vocab, path):
    def expected():
        words, tags, n = [], [], 0
        for line in read_lines(path) + [""]:
            columns = line.replace("\t", " ").split(" ")
            columns = [column for column in columns if column]
            if columns and columns[0].startswith("-DOCSTART-"):
                continue
            if columns:
                words.append(columns[0])
                tags.append(columns[-1])
            elif words:
                n += 1
                yield from records(tokenizer, n, [" ".join(words)], 128, words=words,
                                   extra={"label": tags})
                words, tags = [], []
    return compare(os.path.basename(path), ours(binaries, "--vocab", vocab, "--conll",
                                                "--max-length", "128", path), expected())


def check_questions(binaries, tokenizer, vocab, path, length, stride):
    data = (gzip.open(path) if path.endswith(".gz") else open(path)).read()
    with tempfile.NamedTemporaryFile("wb") as copy:
        copy.write(data if isinstance(data, bytes) else data.encode())
        copy.flush()
        expected = (line for article in json.loads(data)["data"]
                    for paragraph in article["paragraphs"] for question in paragraph["qas"]
                    for line in question_records(tokenizer, question, paragraph["context"], length,
                                                 stride))
        return compare("%s %d %d" % (os.path.basename(path), length, stride),
                       ours(binaries, "--vocab", vocab, "--squad", "--max-length", str(length),
                            "--stride", str(stride), copy.name), expected)


def transformers_features(vocab, path, length, stride):
    """Every window as transformers' squad processor makes it for training: ids, span, best."""
    import transformers
    from transformers.data.processors import squad as processor
    transformers.logging.set_verbosity_error()
    slow = transformers.BertTokenizer(vocab, model_max_length=10 ** 6)
    processor.squad_convert_example_to_features_init(slow)
    with open(path) as file:
        examples = processor.SquadV2Processor()._create_examples(json.load(file)["data"], "train")
    for example in examples:
        query = slow.encode(example.question_text, add_special_tokens=False, truncation=True,
                            max_length=64)
        step = length - 3 - len(query) - stride  # their stride is a step, and depends on the query
        for feature in processor.squad_convert_example_to_features(
                example, length, step, 64, "do_not_pad", True):
            best = [int(feature.token_is_max_context.get(i, False))
                    for i in range(len(feature.input_ids))]
            yield {"id": example.qas_id, "ids": feature.input_ids, "best": best,
                   "types": feature.token_type_ids,
                   "span": [feature.start_position, feature.end_position]}


def check_transformers(binaries, vocab, path, length, stride):
    found = ({key: line[key] for key in ("id", "ids", "best", "types", "span")}
             for line in ours(binaries, "--vocab", vocab, "--squad", "--max-length", str(length),
                              "--stride", str(stride), "--no-text", path))
    return compare("transformers: %s %d %d" % (os.path.basename(path), length, stride), found,
                   transformers_features(vocab, path, length, stride))


def check(binaries, data):
    vocab = data + "/tokenizer/vocab/bert-base-uncased-vocab.txt"
    tokenizer = make_tokenizer(vocab)
    different = 0
    pairs = data + "/glue_pairs/"
    for path, header, columns in [
            (pairs + "mrpc_train.tsv.gz", 1, [4, 5]), (pairs + "rte_train.tsv.gz", 1, [2, 3]),
            (pairs + "stsb_train.tsv.gz", 1, [8, 9]), (pairs + "qnli_dev.tsv.gz", 1, [2, 3]),
            (pairs + "wnli_train.tsv", 1, [2, 3]), (data + "/sst2/train.tsv.gz", 1, [1]),
            (data + "/cola/train.tsv", 0, [4])]:
        for length, strategy, stride in [(128, "longest_first", None), (40, "longest_first", None),
                                         (41, "longest_first", None), (160, "only_second", 7)]:
            if stride is None or "qnli" not in path and "rte" not in path:
                different += check_rows(binaries, tokenizer, vocab, path, header, columns, length,
                                        strategy if len(columns) > 1 else "longest_first", stride)
    for pattern in ["conll2000/*.txt", "wnut17/*.conll", "wikigold/*.txt", "crossner/*.txt",
                    "gum/*.conll", "uner_ewt/*.conll"]:
        for path in sorted(glob.glob(data + "/" + pattern)):
            different += check_sentences(binaries, tokenizer, vocab, path)
    for pattern in ["squad2_mini/*.json", "subjqa/*train*", "covid_qa_long/*.gz", "qamr/dev*"]:
        for path in sorted(glob.glob(data + "/" + pattern)):
            different += check_questions(binaries, tokenizer, vocab, path, 384, 128)
    for path in sorted(glob.glob(data + "/squad2_mini/*v2.0.json")):
        for length, stride in [(384, 128), (128, 37)]:
            different += check_transformers(binaries, vocab, path, length, stride)
    sys.exit(different > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        check(sys.argv[2], sys.argv[3])
    else:
        main()
