# electra-score by a generator: tasks fill and pll.

load helper
load streams

# The generator that transformers made, texts for it, and what transformers computes from them
# (tests/golden/make_score.py).
small() {
    cp -r "$ROOT/tests/golden/directory/generator" model
    chmod -R u+w model
    echo a | electra-tokenize -m model --max-length 32 | electra-view --header | head -n 1 > header
    cp "$ROOT"/tests/golden/score/* .
    from_json < records.jsonl > text.els
}

# The stream of these records, after the header of `small`.
from_json() {
    cat header - | electra-view --from jsonl
}

says() {
    # shellcheck disable=SC2154 # set by run
    [[ $stderr == *"$1"* ]] || { echo "not '$1' but: $stderr"; return 1; }
}

# near FILE EXPECTED: the same columns, numbers within 1e-5 of what is expected, absolute for small
# numbers and relative for large ones.
near() {
    paste -d '\n' "$1" "$2" | awk -F '\t' '
        NR % 2 { n = split($0, found, "\t"); next }
        {
            if (NF != n) { print "columns of line", NR / 2; bad = 1 }
            for (i = 1; i <= NF; i++) {
                off = found[i] - $i
                off = off < 0 ? -off : off
                size = $i < 0 ? -$i : $i + 0
                if (found[i] != $i && !(found[i] + 0 && off < 1e-5 * (size > 1 ? size : 1))) {
                    print "line", NR / 2, "has", found[i], "not", $i; bad = 1
                }
            }
        }
        END { exit bad || NR % 2 }'
}

# ---- results ----

@test "fill: the likeliest tokens of each mask, as transformers has them" {
    small
    electra-score -m model --task fill --top-k 3 text.els > rows
    near rows fill
    # One candidate is a row for each mask, or for a text without any.
    electra-score -m model text.els > rows
    awk -F '\t' '!seen[$1 FS $2]++' fill > expected
    near rows expected
    [ "$(electra-score -m model --names text.els | head -n 1)" = \
        "$(printf 'id\tposition\ttoken\tprobability')" ]
}

@test "fill: all candidates together are certain, and no more than there are tokens" {
    small
    head -n 1 records.jsonl | from_json > one.els
    electra-score -m model --top-k 1000000 one.els > rows
    [ "$(wc -l < rows)" -eq "$(wc -l < model/vocab.txt)" ]
    awk -F '\t' '{ sum += $4 } NR > 1 && $4 > last { exit 1 } { last = $4 }
        END { exit !(sum > .9999 && sum < 1.0001) }' rows
    [ "$(cut -f 3 rows | sort -u | wc -l)" -eq "$(wc -l < model/vocab.txt)" ]
}

@test "fill: JSON Lines and records" {
    small
    electra-score -m model --format jsonl text.els > rows
    [ "$(sed -n 3p rows)" = '{"id":3,"tokens":[]}' ]
    sed -n 1p rows | sed 's/:0\.13957[0-9]*/:P/' |
        grep -xF '{"id":1,"tokens":[{"position":6,"token":"##aff","probability":P}]}'
    electra-score -m model --top-k 2 --format jsonl text.els | sed -n 1p | sed 's/:0\.[0-9]*/:P/g' |
        grep -F '"probability":P,"candidates":[{"token":"##aff","probability":P},{"token":"x","probability":P}]}]}'
    electra-score -m model --top-k 2 --format stream text.els > scores.els
    electra-view --check scores.els
    electra-view --header scores.els > twin
    sed -n 1p twin | grep -F '"kind":"scores"' | grep -F '"task":"fill"'
    sed -n 2p twin | grep -F '"masked":[6],"predicted":' | grep -F '"p":'
    sed -n 4p twin | grep -F '"masked":[],'
}

@test "fill: the masked positions of a corrupted stream, and how likely the original was" {
    local position token p
    small
    printf '%s\n' 'the cat sat on the mat.' 'the dog runs' '' > text
    electra-tokenize -m model text --max-length 32 | electra-corrupt --mask-prob 0.5 -o corrupted.els
    electra-score -m model --format jsonl corrupted.els > rows
    electra-view corrupted.els | grep -oE '"original":\[[0-9,]*\]' | sed 's/original/gold/' > original
    grep -oE '"gold":\[[0-9,]*\]' rows | diff original -
    grep -oE '"position":[0-9]+' rows | sed 's/.*://' > positions
    electra-view corrupted.els | grep -oE '"masked":\[[0-9,]*\]' | grep -oE '[0-9]+' |
        diff positions -
    # The original's probability is what it has among all candidates.
    electra-score -m model --top-k 100 corrupted.els > all
    sed 1q rows | grep -oE '"position":[0-9]+|"original":"[^"]*"|"p_original":[0-9.e-]+' |
        sed 's/^[^:]*://; s/"//g' | paste - - - > originals
    [ "$(wc -l < originals)" -eq 4 ]
    while IFS=$'\t' read -r position token p; do
        awk -F '\t' -v position="$position" -v token="$token" -v p="$p" '
            $1 == 1 && $2 == position && $3 == token && $4 - p < 1e-6 && p - $4 < 1e-6 { found = 1 }
            END { exit !found }' all
    done < originals
    electra-score -m model --format stream corrupted.els > scores.els
    electra-view --check scores.els
    electra-view scores.els | sed -n 1p | grep -F '"p_original":'
}

@test "pll: each token masked in turn, as transformers has it" {
    small
    electra-score -m model --task pll text.els > rows
    awk -F '\t' '{ printf "%s\t%.6g\t%s\t%.6g\n", $1, $2, $3, $4 }' pll > expected
    near rows expected
    electra-score -m model --task pll --format jsonl text.els |
        sed -E 's/^\{"id":(.*),"pll":(.*),"tokens":(.*),"perplexity":(.*)\}$/\1\t\2\t\3\t\4/' |
        sed 's/\.0\t/\t/; s/\.0$//' > rows
    near rows pll
    [ "$(electra-score -m model --task pll --names text.els | head -n 1)" = \
        "$(printf 'id\tpll\ttokens\tperplexity')" ]
    electra-score -m model --task pll --format stream text.els > scores.els
    electra-view --check scores.els
    electra-view scores.els | sed -n 3p | grep -F '"pll":0.0,"tokens":0,"perplexity":1.0}'
}

# ---- the same bytes ----

@test "threads, neighbours and shards change no byte" {
    local task format k
    small
    # More than a batch, more than a block.
    awk 'BEGIN { srand(1); split("the cat sat on mat dog runs a b é [MASK]", w, " ")
        for (i = 0; i < 150; i++) { n = 1 + int(rand() * 26); line = ""
            for (j = 0; j < n; j++) line = line " " w[1 + int(rand() * 10)]; print line } }' > lines
    electra-tokenize -m model --max-length 32 lines > lines.els
    for task in fill pll; do
        for format in tsv jsonl stream; do
            electra-score -j 1 -m model --task $task --format $format lines.els > one
            electra-score -j 3 -m model --task $task --format $format lines.els > three
            cmp one three
        done
        electra-score -m model --task $task lines.els > rows
        sed -n 100p lines | electra-tokenize -m model --max-length 32 |
            electra-score -m model --task $task | cut -f 2- > alone
        sed -n 100p rows | cut -f 2- | diff - alone
    done
    for _ in {1..40}; do cat lines; done | electra-tokenize -m model --max-length 32 > many.els
    electra-score -m model many.els > whole
    for k in 1 2 3; do electra-score -m model --shard $k/3 many.els > shard.$k; done
    sort shard.1 shard.2 shard.3 | cmp - <(sort whole)
    [ -s shard.2 ]
}

@test "memory is flat" {
    local task few many
    small
    for _ in {1..20}; do cat text.els; done > few.els
    for _ in {1..40}; do cat few.els; done > many.els
    for task in fill pll; do
        few=$(megabytes electra-score -j 1 --task $task -m model few.els)
        many=$(megabytes electra-score -j 1 --task $task -m model many.els)
        [ "$few" -gt 0 ]
        [ "$many" -lt $((few + 4)) ]
    done
}

@test "a run's generator is what fill and pll take" {
    small
    mkdir run
    mv model run/generator
    electra-score -m run --task fill --top-k 3 text.els > rows
    near rows fill
    electra-score -m run text.els > rows # the only network that is there
    [ "$(wc -l < rows)" -eq 9 ]
    cp -r "$ROOT/tests/golden/directory/discriminator" run/discriminator
    electra-score -m run text.els | awk -F '\t' 'NF != 6 { exit 1 }'
    electra-score -m run --task pll text.els | awk -F '\t' 'NF != 4 { exit 1 }'
}

# ---- what is wrong ----

@test "rejected records keep their row" {
    local task
    small
    printf '%s\n' '{"id":1,"ids":[2,4,3]}' '{"id":2,"ids":[2,4,3],"types":[0,9,0]}' \
        '{"id":3,"ids":[2,7,3]}' | from_json > bad.els
    for task in fill pll; do
        status_is 3 electra-score -m model --task $task --keep-going bad.els
        [ "$(cut -f 1,2 <<< "$output" | sed -n 2p)" = "$(printf '2\t!error')" ]
        [ "$(wc -l <<< "$output")" -eq 3 ]
        says "bad.els: record 2: key 'types'"
        status_is 3 electra-score -m model --task $task --format jsonl --keep-going bad.els
        [[ $(sed -n 2p <<< "$output") == '{"id":2,"error":"bad.els: record 2: '* ]]
        status_is 3 electra-score -m model --task $task --format stream --keep-going -q -o out.els bad.els
        electra-view --check out.els
        electra-view out.els | sed -n 2p | grep -F '"error":"bad.els: record 2: '
        status_is 1 electra-score -m model --task $task bad.els
    done
}

@test "masks that cannot be" {
    local record message
    small
    while IFS=$'\t' read -r record message; do
        echo "$record" | from_json > bad.els
        status_is 1 electra-score -m model bad.els
        says "bad.els: record 1: $message"
        # Whatever is wrong with what would be gold, the row stays.
        status_is 3 electra-score -m model --keep-going --format jsonl -q bad.els
        [[ $output == '{"id":1,'*'"error":'* ]]
    done << 'END'
{"id":1,"ids":[2,4,3],"masked":[3]}	key 'masked' is not an ascending list
{"id":1,"ids":[2,4,4,3],"masked":[2,1]}	key 'masked' is not an ascending list
{"id":1,"ids":[2,4,3],"masked":[1],"original":[]}	keys 'masked' and 'original' disagree
{"id":1,"ids":[2,4,3],"masked":[1],"original":"x"}	key 'original'
{"id":1,"ids":[2,4,3],"masked":7}	key 'masked'
END
}
