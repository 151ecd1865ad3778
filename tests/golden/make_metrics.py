"""Makes tests/golden/metrics: results as electra-score writes them in JSON Lines, random and
adversarial ones, and what scikit-learn, scipy, seqeval and the scripts of SQuAD say of them.

    make_metrics.py      writes TASK.json and normalize.json

TASK.json is an array of {"name", "results": […], "expected": {metric: number or null}} with, where
the metrics need them, "positive", "squad" and "threshold". null stands for what is not defined.
normalize.json is an array of [text, what SQuAD's normalize_answer makes of it].

With scikit-learn, scipy, seqeval and transformers 4, whose squad_metrics are the script of 2.0; what
the script of 1.1 does otherwise is written down here.
"""

import collections
import json
import math
import pathlib
import random
import unicodedata
import warnings

import numpy
from scipy import stats
from seqeval.metrics import sequence_labeling as seqeval
from sklearn import metrics
from transformers.data.metrics import squad_metrics

HERE = pathlib.Path(__file__).parent / "metrics"
warnings.simplefilter("ignore")
chance = random.Random(11)


def number(value):
    value = float(value)
    return value if math.isfinite(value) else None


def case(name, results, expected, **options):
    for i, result in enumerate(results):
        result["id"] = i + 1
    expected = {metric: number(value) for metric, value in expected.items()}
    return dict(name=name, **options, results=results, expected=expected)


def averages(prf, kinds):
    """precision, recall and F1 by prf(average) under their names."""
    expected = {}
    for kind in kinds:
        p, r, f = prf(kind)[:3]
        suffix = "" if kind == "binary" else f"_{kind}"
        expected |= {f"precision{suffix}": p, f"recall{suffix}": r, f"f1{suffix}": f}
    return expected


# ---- classify ----


def probabilities(classes, levels):
    """Numbers that add up to 1 nearly; few levels give many ties."""
    weights = [chance.randrange(1, levels + 1) for _ in classes]
    return {c: round(w / sum(weights), 9) for c, w in zip(classes, weights)}


def classified(name, classes, n, levels=1000, gold_classes=None, positive=None, guess=None):
    results, p_gold = [], []
    for _ in range(n):
        p = probabilities(classes, levels)
        label = guess or max(p, key=p.get)
        gold = chance.choice(gold_classes or classes)
        if chance.random() < 0.5 and not gold_classes:
            gold = label
        results.append(dict(gold=gold, label=label, probabilities=p))
        p_gold.append(p.get(gold, 0))
    gold = [r["gold"] for r in results]
    label = [r["label"] for r in results]
    everything = sorted(set(gold) | set(label) | set(classes), key=str.encode)
    pos = positive or everything[-1]
    kinds = ["micro", "macro", "weighted"]
    expected = dict(
        accuracy=metrics.accuracy_score(gold, label),
        matthews=metrics.matthews_corrcoef(gold, label),
        log_loss=-numpy.log(numpy.clip(p_gold, 2.0**-52, 1 - 2.0**-52)).mean(),
    )
    expected |= averages(
        lambda kind: metrics.precision_recall_fscore_support(gold, label, average=kind), kinds
    )
    if set(gold) <= set(classes) and not guess:
        loss = metrics.log_loss(
            gold, [[r["probabilities"][c] for c in everything] for r in results], labels=everything
        )
        assert abs(loss - expected["log_loss"]) < 1e-7, (loss, expected["log_loss"])
    if len(everything) == 2:
        is_gold = [g == pos for g in gold]
        p, r, f, _ = metrics.precision_recall_fscore_support(
            is_gold, [x == pos for x in label], average="binary", pos_label=True
        )
        expected |= dict(precision=p, recall=r, f1=f)
        scores = [r["probabilities"][pos] for r in results]
        expected["auc"] = (
            metrics.roc_auc_score(is_gold, scores) if len(set(is_gold)) == 2 else math.nan
        )
    options = dict(positive=positive) if positive else {}
    return case(name, results, expected, **options)


def make_classify():
    return [
        classified("two classes", ["neg", "pos"], 60),
        classified("two classes, ties", ["neg", "pos"], 60, levels=2),
        classified("the first is positive", ["spam", "ham"], 40, positive="ham"),
        classified("numbers for names", ["0", "1"], 25),
        classified("three classes", ["a", "b", "c"], 50),
        classified("many classes", [f"intent {i}" for i in range(70)], 8),
        classified("names in other scripts", ["é", "e", "𐐀", "Z", ""], 40),
        classified("gold is one class", ["neg", "pos"], 12, gold_classes=["pos"]),
        classified("gold is one class, none predicted", ["neg", "pos"], 9, gold_classes=["neg"],
                   guess="pos"),
        classified("always the same guess", ["a", "b", "c"], 20, guess="b"),
        classified("a class that the model does not know", ["a", "b"], 30,
                   gold_classes=["a", "b", "new"]),
        classified("one text", ["a", "b"], 1),
        classified("one text, wrong", ["a", "b"], 1, gold_classes=["a"], guess="b"),
    ]


def labelled(name, labels, n, p_gold, p_predicted):
    gold = numpy.array([[chance.random() < p_gold for _ in labels] for _ in range(n)], dtype=int)
    flips = numpy.array([[chance.random() < p_predicted for _ in labels] for _ in range(n)])
    predicted = gold ^ flips
    names = lambda row: [label for label, has in zip(labels, row) if has]
    results = [
        dict(
            gold=names(g),
            label=names(p),
            probabilities={label: 0.75 if has else 0.25 for label, has in zip(labels, p)},
        )
        for g, p in zip(gold, predicted)
    ]
    expected = dict(
        accuracy=metrics.accuracy_score(gold, predicted),
        hamming_loss=metrics.hamming_loss(gold, predicted),
        jaccard=metrics.jaccard_score(gold, predicted, average="samples"),
    )
    expected |= averages(
        lambda kind: metrics.precision_recall_fscore_support(gold, predicted, average=kind),
        ["micro", "macro", "weighted", "samples"],
    )
    return case(name, results, expected)


def make_set():
    return [
        labelled("six labels", list("abcdef"), 40, 0.4, 0.2),
        labelled("rare labels", [f"l{i}" for i in range(12)], 20, 0.05, 0.03),
        labelled("nothing is gold", list("abc"), 10, 0, 0.3),
        labelled("nothing is predicted right", list("abc"), 10, 0.5, 1),
        labelled("nothing at all", list("abc"), 3, 0, 0),
    ]


# ---- regress ----


def regressed(name, gold, value):
    gold, value = [list(map(float, x)) for x in (gold, value)]
    correlated = len(gold) > 1
    expected = dict(
        pearson=stats.pearsonr(gold, value).statistic if correlated else math.nan,
        spearman=stats.spearmanr(gold, value).statistic if correlated else math.nan,
        mse=metrics.mean_squared_error(gold, value),
        rmse=math.sqrt(metrics.mean_squared_error(gold, value)),
        mae=metrics.mean_absolute_error(gold, value),
        r2=metrics.r2_score(gold, value) if correlated else math.nan,
    )
    return case(name, [dict(gold=g, value=v) for g, v in zip(gold, value)], expected)


def make_regress():
    noise = lambda n, scale=1: [chance.gauss(0, scale) for _ in range(n)]
    x = noise(50)
    return [
        regressed("noise", noise(40), noise(40)),
        regressed("related", x, [a + b for a, b in zip(x, noise(50, 0.3))]),
        regressed("steps", [round(a * 2) / 2 for a in x], [round(a) for a in noise(50)]),
        regressed("the same", x, x),
        regressed("the opposite", x, [-a for a in x]),
        regressed("far from zero", [1e8 + a for a in x], [1e8 - a * a for a in x]),
        regressed("huge and tiny", [1e150, -1e150, 1e-150, 3, 1e150], [1, 2, 3, 1e140, 1e141]),
        regressed("gold is constant", [2.5] * 8, x[:8]),
        regressed("prediction is constant", x[:8], [0.1] * 8),
        regressed("both are constant and equal", [0.1] * 7, [0.1] * 7),
        regressed("two texts", [1, 2], [5, 3]),
        regressed("one text", [1], [2]),
    ]


# ---- tag ----


def tagged(name, prefixes, types, n, longest):
    tags = ["O"] + [f"{p}-{t}" for p in prefixes for t in types]
    line = lambda k: [chance.choice(tags) if chance.random() < 0.7 else "O" for _ in range(k)]
    gold, labels = [], []
    for _ in range(n):
        words = chance.randrange(1, longest + 1)
        gold.append(line(words))
        labels.append([g if chance.random() < 0.7 else p for g, p in zip(gold[-1], line(words))])
    return entities(name, gold, labels)


def entities(name, gold, labels):
    expected = dict(accuracy=seqeval.accuracy_score(gold, labels))
    expected |= averages(
        lambda kind: seqeval.precision_recall_fscore_support(
            gold, labels, average=kind, zero_division=0
        ),
        ["micro", "macro", "weighted"],
    )
    for metric in "precision", "recall", "f1":
        expected[metric] = expected.pop(f"{metric}_micro")
    return case(name, [dict(gold=g, labels=p) for g, p in zip(gold, labels)], expected)


def words(name, n):
    gold = [[chance.choice(["DT", "NN", "VB"]) for _ in range(6)] for _ in range(n)]
    labels = [[g if chance.random() < 0.6 else chance.choice(["NN", "JJ"]) for g in line]
              for line in gold]
    flat_gold, flat_labels = sum(gold, []), sum(labels, [])
    expected = dict(
        accuracy=metrics.accuracy_score(flat_gold, flat_labels),
        matthews=metrics.matthews_corrcoef(flat_gold, flat_labels),
    )
    expected |= averages(
        lambda kind: metrics.precision_recall_fscore_support(
            flat_gold, flat_labels, average=kind
        ),
        ["macro", "weighted"],
    )
    return case(name, [dict(gold=g, labels=p) for g, p in zip(gold, labels)], expected)


def make_tag():
    return [
        tagged("BIO", "BI", ["LOC", "PER"], 40, 12),
        tagged("BIOES", "BIES", ["LOC", "PER"], 40, 12),
        tagged("IO", "I", ["LOC", "PER", "MISC"], 20, 12),
        tagged("types with dashes", "BI", ["a-b", "b", "-", "é"], 20, 12),
        tagged("long texts", "BIES", ["X"], 4, 200),
        entities("no type", [["B", "I", "O", "E", "S"]], [["B", "I", "I", "E", "S"]]),
        entities("I begins", [["I-A", "I-A", "I-B", "O", "E-A"]], [["B-A", "I-A", "B-B", "O",
                                                                   "S-A"]]),
        entities("nothing right", [["B-A", "I-A"], ["O"]], [["O", "B-A"], ["B-B"]]),
        entities("nothing predicted", [["B-A", "O"]], [["O", "O"]]),
        entities("nothing gold", [["O", "O"]], [["B-A", "O"]]),
        words("parts of speech", 12),
    ]


# ---- qa ----

Answer = collections.namedtuple("Answer", "qas_id answers")


def squad_1_1(gold, answer):
    """The two scores of SQuAD 1.1's script, which knows no question without an answer."""

    def f1(prediction, truth):
        a = squad_metrics.normalize_answer(prediction).split()
        b = squad_metrics.normalize_answer(truth).split()
        common = sum((collections.Counter(a) & collections.Counter(b)).values())
        if common == 0:
            return 0
        precision, recall = common / len(a), common / len(b)
        return 2 * precision * recall / (precision + recall)

    normalized = squad_metrics.normalize_answer(answer)
    exact = max((squad_metrics.normalize_answer(g) == normalized for g in gold), default=0)
    return exact, max((f1(answer, g) for g in gold), default=0)


WORDS = "a the an The cat 3.5 U.S. don't “quoted” naïve ΣΟΦΟΣ city-state  _ - ' 东京 x".split(" ")


def phrase(most=5):
    return " ".join(chance.choice(WORDS) for _ in range(chance.randrange(1, most)))


def question(answerable):
    gold = [phrase() for _ in range(chance.randrange(1, 4))] if answerable else []
    best = chance.choice(gold) if gold and chance.random() < 0.5 else phrase()
    if chance.random() < 0.3:
        best = best.upper() + chance.choice([".", " !", "", " the"])
    odds = round(chance.gauss(-2 if answerable else 2, 3), 1)
    return dict(
        gold=[dict(text=g, start=0) for g in gold],
        answer=best if odds <= 0 else "",
        answers=chance.choice([[], [dict(text="")]]) + [dict(text=best, score=0.5)],
        null_odds=odds,
    )


def answered(name, results, squad=None, threshold=None):
    gold = {i: [g["text"] for g in r["gold"]] for i, r in enumerate(results)}
    given = {i: r["answer"] for i, r in enumerate(results)}
    options = {}
    if squad:
        options["squad"] = squad
    if squad == "1.1":
        scores = [squad_1_1(gold[i], given[i]) for i in gold]
        exact, f1 = numpy.mean(scores, axis=0) * 100
        return case(name, results, dict(exact_match=exact, f1=f1), **options)
    examples = [Answer(i, [dict(text=g) for g in gold[i]]) for i in gold]
    best = {
        i: next((a["text"] for a in r.get("answers", []) if a["text"]), r["answer"])
        for i, r in enumerate(results)
    }
    odds = {i: r["null_odds"] for i, r in enumerate(results) if "null_odds" in r}
    if threshold is not None:
        options["threshold"] = threshold
        main = squad_metrics.squad_evaluate(examples, best, odds, threshold)
    else:
        main = squad_metrics.squad_evaluate(examples, given)
    if odds:
        found = squad_metrics.squad_evaluate(examples, best, odds)
        main |= {key: value for key, value in found.items() if key.startswith("best")}
    expected = {key: value for key, value in main.items() if "total" not in key}
    if not odds:
        expected = {key: value for key, value in expected.items() if "best" not in key}
    return case(name, results, expected, **options)


def make_qa():
    mixed = [question(chance.random() < 0.6) for _ in range(60)]
    answerable = [question(True) for _ in range(30)]
    plain = [dict(gold=r["gold"], answer=r["answers"][-1]["text"]) for r in answerable]
    odd = [
        dict(gold=[dict(text="the"), dict(text="...")], answer=""),
        dict(gold=[dict(text="a")], answer="an"),
        dict(gold=[dict(text="the"), dict(text="cat")], answer=""),
        dict(gold=[dict(text="cat cat dog")], answer="dog cat bird cat"),
        dict(gold=[dict(text="İstanbul")], answer="i̇stanbul"),
        dict(gold=[dict(text="ΟΔΟΣ")], answer="οδος"),
        dict(gold=[dict(text="a\u0301 b")], answer="\u0301 B"),
        dict(gold=[dict(text="x\u00a0y\u3000z\u200bw")], answer="x y z\u200bw"),
        dict(gold=[dict(text="")], answer=""),
    ]
    copy = lambda results: json.loads(json.dumps(results))
    return [
        answered("2.0", copy(mixed)),
        answered("2.0 with a threshold", copy(mixed), threshold=-0.5),
        answered("2.0, everything above the threshold", copy(mixed), threshold=-100),
        answered("2.0 without null_odds", [{k: r[k] for k in ("gold", "answer")} for r in mixed]),
        answered("2.0 of answerable questions", copy(answerable)),
        answered("2.0 of questions without answer", [question(False) for _ in range(10)]),
        answered("2.0, answers without words", copy(odd), squad="2.0"),
        answered("1.1", copy(plain), squad="1.1"),
        answered("1.1, answers without words", copy(odd), squad="1.1"),
    ]


def make_normalize():
    texts = ["", "The  Cat.", "a an the", "theatre", "a-b", "the_cat", "A.B.C.", "ΑΣ ΑΣ. ΣΑ ΑΣ'Α Σ",
             "İI", "a\u0301 the", "ⅷ Ⅷ", "the２ ２the", "ǅ ẞ ﬁ", "x\x1cy\x85z\u2028w", "\u200bthe\u200b",
             "“the” –a– «an»", "𐐀𐐨 the", "tHe!AN?a", "\u00adΑΣ\u00ad", "ͅΑΣͅ"]
    letters = list("aAntThHeE.,_-'ΣσİIß\u00a0\u0301\u02b0\u3000é١０Ⅳ中\u200b\u1e9e\ufb01\u0345 ")
    for _ in range(400):
        texts.append("".join(chance.choice(letters) for _ in range(chance.randrange(1, 14))))
    return [[text, squad_metrics.normalize_answer(text)] for text in texts]


# ---- tokens ----


def make_rtd():
    cases = []
    for name, n, levels, replaced in (("tokens", 20, 1000, 0.15), ("ties", 12, 4, 0.5),
                                      ("nothing replaced", 3, 10, 0), ("one half", 8, 2, 0.4)):
        results, gold, p = [], [], []
        for _ in range(n):
            line = [int(chance.random() < replaced) for _ in range(chance.randrange(1, 12))]
            score = [min(1, (chance.randrange(levels + 1) + g * levels / 3) / levels) for g in line]
            results.append(dict(gold=line, score=0, tokens=[dict(p=s) for s in score]))
            gold += line
            p += score
        label = [s > 0.5 for s in p]
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            gold, label, average="binary"
        )
        cases.append(case(name, results, dict(
            auc=metrics.roc_auc_score(gold, p) if any(gold) else math.nan,
            accuracy=metrics.accuracy_score(gold, label),
            precision=precision, recall=recall, f1=f1,
            matthews=metrics.matthews_corrcoef(gold, label),
            log_loss=metrics.log_loss(gold, p, labels=[0, 1]),
        )))
    return cases


def make_fill():
    results, losses, right = [], [], []
    for _ in range(15):
        tokens = []
        for i in range(chance.randrange(0, 6)):
            original = chance.choice("abc")
            token = chance.choice("abc")
            p = round(chance.uniform(0.001, 1), 6)
            tokens.append(dict(position=i, token=token, original=original, p_original=p))
            losses.append(-math.log(p))
            right.append(token == original)
        results.append(dict(gold=[0] * len(tokens), tokens=tokens))
    loss = numpy.mean(losses)
    return [case("masked", results, dict(accuracy=numpy.mean(right), log_loss=loss,
                                         perplexity=math.exp(loss)))]


def make_pll():
    results = [dict(pll=round(-chance.uniform(1, 90), 4), tokens=chance.randrange(1, 20))
               for _ in range(15)]
    total, tokens = (sum(r[key] for r in results) for key in ("pll", "tokens"))
    return [case("texts", results, dict(perplexity=math.exp(-total / tokens),
                                        log_loss=-total / tokens, pll=total / len(results)))]


if __name__ == "__main__":
    assert unicodedata.unidata_version == "14.0.0"
    HERE.mkdir(exist_ok=True)
    for task in "classify set regress tag qa normalize rtd fill pll".split():
        cases = globals()[f"make_{task}"]()
        lines = ",\n".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in cases)
        (HERE / f"{task}.json").write_text(f"[\n{lines}\n]\n")
