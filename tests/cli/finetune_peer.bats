#!/usr/bin/env bats
# Fine-tuning beside PyTorch and transformers: tests/golden/make_finetune.py.

load helper

# stream TASK: its labelled records.
stream() {
    {
        echo | electra-tokenize --vocab "$GOLDEN/$1/start/vocab.txt" --max-length 24 |
            electra-view --header | head -n 1
        cat "$GOLDEN/$1/texts.jsonl"
    } | electra-view --from jsonl
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    GOLDEN=$ROOT/tests/golden/finetune
}

# follows NAME TASK [OPTION…]: 100 steps from the same start, in the same order, without dropout:
# each step's loss is within 1e-3 of PyTorch's.
follows() {
    stream "$1" > "$1.els"
    electra-train "${@:2}" --init "$GOLDEN/$1/start" -o m --steps 100 --batch 8 --warmup 10 --lr 5e-3 \
        --set hidden_dropout_prob=0 --set attention_probs_dropout_prob=0 --no-shuffle \
        --log-every 1 "$1.els" > metrics
    sed -E 's/.*"loss":([^,}]*).*/\1/' metrics | paste - "$GOLDEN/$1/losses.txt" |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > worst) worst = d; n++ }
             END { print "largest difference of " n " losses: " worst; exit n != 100 || worst > 1e-3 }'
}

# near A B: numbers in columns, equal within 1e-5.
near() {
    [ "$(wc -lw < "$1")" = "$(wc -lw < "$2")" ]
    paste -d ' ' "$1" "$2" | awk '{ n += NF; for (i = 1; i <= NF / 2; i++) {
        d = $i - $(i + NF / 2); if (d > 1e-5 || d < -1e-5) { print; exit 1 } } }
        END { exit n == 0 }'
}

@test "classify learns as PyTorch does" { follows classify classify; }
@test "tag learns as PyTorch does" { follows tag tag; }
@test "qa learns as PyTorch does" { follows qa qa; }
@test "qa with google's head learns as PyTorch does" { follows joint qa --head google; }

@test "classes of a model that transformers has saved are transformers'" {
    stream classify | electra-score -m "$GOLDEN/classify/end" --format jsonl |
        sed -E 's/.*"no":([^,]*),"perhaps":([^,]*),"yes":([^}]*)\}.*/\1 \2 \3/' > found
    near found "$GOLDEN/classify/results.txt"
}

# The likeliest class of each word.
@test "labels of words of a model that transformers has saved are transformers'" {
    awk 'BEGIN { split("B-X I-X O B-Y", name) }
         { best = 1; for (i = 2; i <= 4; i++) if ($i > $best) best = i; print name[best] }' \
        "$GOLDEN/tag/results.txt" > expected
    stream tag | electra-score -m "$GOLDEN/tag/end" | awk -F '\t' 'NF { print $3 }' > found
    diff expected found
}

# The best answer's bytes and probability, and the logit of there being none.
@test "answers of google's head are PyTorch's" {
    stream joint | electra-score -m "$GOLDEN/joint/end" --null-threshold 1e6 --format jsonl |
        sed -E 's/.*"start":([0-9]+),"end":([0-9]+),"score":([^,]*),"null_odds":([^,]*),.*/\1 \2 \3 \4/' \
            > found
    near found "$GOLDEN/joint/results.txt"
}
