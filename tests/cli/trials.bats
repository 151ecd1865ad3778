#!/usr/bin/env bats
# electra-train --trials: the same run with one seed after another, on networks that take a fraction
# of a second.

load helper
load runs

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    cat > tiny.json << 'JSON'
{"hidden_size": 16, "embedding_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
 "intermediate_size": 32, "max_position_embeddings": 64}
JSON
    electra-vocab -q --size 1000 "$CORPUS" > vocab.txt
    for i in {1..12}; do
        printf 'a good %s day\tpos\n' "$i"
        printf 'a bad %s day\tneg\n' "$i"
        printf 'it is %s now\tnone\n' "$i"
    done > texts.tsv
    electra-tokenize -q --vocab vocab.txt --max-length 32 --tsv --text 1 --label 2 -o t.els texts.tsv
}

# Overrides the helper's: each test has the inputs in its directory.
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$BATS_FILE_TMPDIR"/{tiny.json,vocab.txt,t.els} .
}

# train DIR OPTION…: metrics in DIR.out, messages in DIR.err.
train() {
    electra-train classify --config tiny.json --vocab vocab.txt --batch 8 --lr 0.01 --epochs 6 \
        --valid t.els -o "$1" "${@:2}" > "$1.out" 2> "$1.err"
}

# equal_trials A B: of trials, all that no clock has to do with.
equal_trials() {
    cmp "$1/metrics.jsonl" "$2/metrics.jsonl"
    diff -r -x metrics.jsonl "$1" "$2"
    for trial in "$1"/trial-*; do
        diff <(steady "$trial/metrics.jsonl") <(steady "$2/$(basename "$trial")/metrics.jsonl")
    done
}

@test "trials are runs with one seed after another, and the best is the model" {
    train m -s 7 --trials 3 t.els
    for k in 1 2 3; do
        train "s$k" -s $((6 + k)) t.els
        equal_runs "s$k" "m/trial-$k"
        best=$(grep -o '"valid_accuracy":[0-9.]*' "s$k.out" | cut -d : -f 2 | sort -gr | head -n 1)
        grep -q "^{\"trial\":$k,\"seed\":$((6 + k)),\"step\":[0-9]*,\"valid_accuracy\":$best}$" \
            m/metrics.jsonl
        [ "$(find "m/trial-$k" -name 'checkpoint-*' | wc -l)" -le 2 ]
    done
    # standard output has the lines of the runs, and those of the trials
    diff <(steady m.out) <(for k in 1 2 3; do
        steady "m/trial-$k/metrics.jsonl"
        sed -n "${k}p" m/metrics.jsonl
    done; sed -n 4p m/metrics.jsonl)
    best=$(sed -E '4d; s/.*"trial":([0-9]+).*:([0-9.]+)\}/\2 \1/' m/metrics.jsonl |
        sort -k 1,1gr -k 2,2n | head -n 1)
    [ "$(readlink m/model)" = "trial-${best#* }/model" ]
    [ "$(value best_trial "$(tail -n 1 m/metrics.jsonl)")" = "${best#* }" ]
    [ "$(readlink m/config.json)" = model/config.json ]
    [ -e m/done ]
    cmp <(electra-score -m m t.els) <(electra-score -m "s${best#* }" t.els)
}

@test "mean, median and deviation are those of the trials" {
    train m --trials 4 t.els
    last=$(tail -n 1 m/metrics.jsonl)
    sed -E '$d; s/.*:([0-9.]+)\}/\1/' m/metrics.jsonl | sort -g > values
    [ "$(sort -u values | wc -l)" -gt 1 ]
    expected=$(awk '{ v[NR] = $1; sum += $1 }
        END { m = sum / NR; for (i = 1; i <= NR; i++) s += (v[i] - m) ^ 2
              print m, sqrt(s / (NR - 1)), (v[2] + v[3]) / 2, v[4] }' values)
    found="$(value mean "$last") $(value deviation "$last") $(value median "$last") $(value best "$last")"
    paste -d '\n' <(tr ' ' '\n' <<< "$expected") <(tr ' ' '\n' <<< "$found") | paste - - |
        awk '($1 - $2) ^ 2 > 1e-10 { exit 1 }'
    grep -Eqx 'electra-train: accuracy of 4 trials: mean 0\.[0-9]+, deviation 0\.[0-9]+, best [01][.0-9]* \(trial-[1-4]\)' m.err
    train q -q --trials 1 t.els
    [ ! -s q.err ]
    tail -n 1 q/metrics.jsonl | grep -q '"deviation":null'
}

@test "a metric that is better when low" {
    train m --metric loss --trials 3 t.els
    best=$(sed -E '$d; s/.*"trial":([0-9]+).*:([0-9.]+)\}/\2 \1/' m/metrics.jsonl | sort -g | head -n 1)
    [ "$(readlink m/model)" = "trial-${best#* }/model" ]
}

@test "trials that are stopped again and again equal those that were not" {
    train whole --trials 3 t.els
    for try in {1..200}; do
        status=0
        train parts --trials 3 --resume --stop-after 0.02s t.els || status=$?
        cat parts.out >> all.out
        [ $status -ne 0 ] || break
        [ $status -eq 4 ]
        [ ! -e parts/done ]
    done
    [ "$try" -gt 3 ]
    equal_trials whole parts
    diff <(steady whole.out | grep trial) <(steady all.out | grep trial)
    # done: nothing is touched
    touch -d '2020-01-01' parts/done parts/metrics.jsonl
    train parts --trials 3 --resume t.els
    [ ! -s parts.out ]
    [ ! parts/done -nt parts/metrics.jsonl ]
}

@test "TERM saves and exits 4" {
    electra-train classify --config tiny.json --vocab vocab.txt --epochs 100000 --valid t.els \
        --trials 2 -o m t.els > m.out 3>&- &
    run=$!
    for _ in {1..600}; do
        [ ! -s m/trial-1/metrics.jsonl ] || break
        sleep 0.05
    done
    kill -TERM "$run"
    status=0
    wait "$run" || status=$?
    [ $status -eq 4 ]
    [ -e m/trial-1/latest ]
    [ ! -e m/trial-2 ]
}

@test "threads change no byte, and a pipe is as good as a file" {
    train a -j 1 --trials 2 t.els
    train b -j 3 --trials 2 < <(cat t.els)
    equal_trials a b
}

@test "more trials than before" {
    train whole --trials 3 t.els
    train m --trials 2 t.els
    rm m/done
    train m --trials 3 --resume t.els
    equal_trials whole m
    # of those that were done before, nothing is said again
    [ "$(grep -c '"trial":' m.out)" -eq 1 ]
}

@test "what trials refuse" {
    status_is 2 electra-train classify --config tiny.json --vocab vocab.txt --trials 2 -o m t.els
    [[ "$stderr" == *"--trials needs --valid STREAM"* ]]
    train m --trials 2 t.els
    status_is 2 train m --trials 2 t.els
    grep -q "m: there are trials in it already: go on with them by --resume, or choose another -o" m.err
    rm m/done
    status_is 2 train m --trials 2 --resume --epochs 7 t.els
    grep -q "trial 1: --resume: this run was started with --epochs 6, not 7 (" m.err
    status_is 2 train m --trials 2 --resume -s 2 t.els
    grep -q "trial 1: --resume: this run was started with --seed 1, not 2 (" m.err
    status_is 2 train m --resume t.els
    grep -q "m: there are trials in it: give --trials, or choose another -o" m.err
    train s t.els
    rm s/done
    status_is 2 train s --trials 2 --resume t.els
    grep -q "s: there is a run in it, not trials: choose another -o" s.err
}

@test "records that are left out are counted once" {
    printf 'what\tother\na good day\tpos\n' | electra-tokenize -q --vocab vocab.txt --tsv --text 1 \
        --label 2 --max-length 32 -o v.els
    status_is 3 train m --trials 3 --keep-going --valid v.els t.els
    grep -qx 'electra-train: 1 records rejected' m.err
}
