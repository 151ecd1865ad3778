#!/usr/bin/env bats
# electra-train --trials: the same run with one seed after another, on networks that take a fraction
# of a second.

load helper
load runs

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    tiny_shape > tiny.json
    electra-vocab -q --size 1000 "$CORPUS" > vocab.txt
    three_classes > texts.tsv
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

@test "more trials than before, or fewer" {
    train whole --trials 3 t.els
    train m --trials 2 t.els
    train m --trials 3 --resume t.els
    equal_trials whole m
    # of those that were done before, nothing is said again
    [ "$(grep -c '"trial":' m.out)" -eq 1 ]
    touch -d '2020-01-01' m/done m/metrics.jsonl
    train m --trials 2 --resume t.els
    [ ! -s m.out ]
    [ ! m/done -nt m/metrics.jsonl ]
    # what is begun is not done, and the model is the best of those that are
    best=$(readlink m/model)
    train m --trials 1000 --resume --stop-after 0.02s t.els || [ $? -eq 4 ]
    [ ! -e m/done ]
    [ "$(readlink m/model)" = "$best" ] || [ -e m/trial-4/done ]
}

@test "while trials are checked the model stays the best" {
    for ((seed = 1; seed < 50; seed += 2)); do
        rm -rf m
        train m -s $seed --trials 3 t.els
        [ "$(readlink m/model)" != trial-3/model ] || break
    done
    [ "$(readlink m/model)" = trial-3/model ]
    rm m/done m/trial-2/metrics.jsonl
    mkdir m/trial-2/metrics.jsonl
    cp m/metrics.jsonl known
    status_is 1 train m -s $seed --trials 3 --resume t.els
    grep -q 'm/trial-2/metrics.jsonl' m.err
    [ "$(readlink m/model)" = trial-3/model ]
    cmp known m/metrics.jsonl
}

# A number of 1e30 to learn, and in the head a weight of 1e10: a step that sees both diverges. Which
# of 12 texts the only step sees hangs on the seed.
@test "a trial that diverges is none, and the others go on" {
    for i in {1..12}; do
        printf 'a good %s day\t%s\n' "$i" "$i"
    done > numbers.tsv
    tokenize() { electra-tokenize -q --vocab vocab.txt --max-length 32 --tsv --text 1 --label 2 -o "$@"; }
    sed '3s/\t.*/\t1e30/' numbers.tsv | tokenize far.els
    tokenize near.els numbers.tsv
    electra-train regress --config tiny.json --vocab vocab.txt --steps 1 -o start near.els > /dev/null
    cp -rL start/model wild
    header=$(od -An -t u8 -N 8 wild/model.safetensors)
    weight=$(head -c $((header + 8)) wild/model.safetensors |
        grep -ao '"classifier.out_proj.weight":{[^}]*\[[0-9]*' | grep -o '[0-9]*$')
    printf '\xf9\x02\x15\x50' | dd of=wild/model.safetensors bs=1 seek=$((8 + header + weight)) \
        conv=notrunc status=none
    fit() { electra-train regress --init wild --batch 4 --steps 1 --metric mse --valid near.els "$@" far.els; }

    good=() bad=()
    for seed in {1..8}; do
        if fit -s "$seed" -o "s$seed" > /dev/null 2> err; then good+=("$seed"); else bad+=("$seed"); fi
    done
    [ ${#good[@]} -gt 0 ] && [ ${#bad[@]} -gt 0 ]
    fit --trials 8 -o m > out 2> err
    for seed in "${bad[@]}"; do
        grep -q "trial $seed diverged: step 1: the gradient is not finite" err
        grep -qx "{\"trial\":$seed,\"seed\":$seed,\"step\":0,\"valid_mse\":null}" m/metrics.jsonl
        [ -e "m/trial-$seed/diverged" ]
    done
    for seed in "${good[@]}"; do
        equal_runs "s$seed" "m/trial-$seed"
    done
    [ -e m/done ]
    best=$(readlink m/model)
    [[ " ${good[*]} " == *" $(grep -o '[0-9]*' <<< "$best") "* ]]
    grep -q 'electra-train: mse of 8 trials: best ' err
    # it is not tried again
    rm m/done
    fit --trials 8 --resume -o m > out 2> err
    [ "$(wc -l < out)" -eq 1 ]
    [ "$(wc -l < err)" -eq 1 ]
    [ "$(readlink m/model)" = "$best" ]
    # all of them
    status_is 1 fit --trials 1 -s "${bad[0]}" -o none
    [[ "$stderr" == *"all trials diverged: lower --lr, or lengthen --warmup"* ]]
    [ ! -e none/done ] && [ ! -e none/model ]
    status_is 1 fit --trials 1 -s "${bad[0]}" --resume -o none
    [ "$stderr" = "electra-train: all trials diverged: lower --lr, or lengthen --warmup" ]
    # they have their options, as the others do
    status_is 2 fit --trials 1 -s "${bad[0]}" --resume --lr 1e-5 -o none
    [[ "$stderr" == *"trial 1: --resume: this run was started with --lr "*", not 1e-5 ("* ]]
    # and the step of their last checkpoint
    sed '$s/\t.*/\t1e30/' numbers.tsv | tokenize last.els
    late() {
        electra-train regress --init wild --batch 4 --epochs 1 --no-shuffle --checkpoint-every 1 \
            --metric mse --valid near.els -o late "$@" last.els
    }
    status_is 1 late --trials 1
    status_is 1 late --trials 2 --resume
    [ "$(grep -c '"step":2,"valid_mse":null' late/metrics.jsonl)" -eq 2 ]
}

@test "a model to start from that is not finite is no divergence" {
    train s t.els
    cp -rL s/model nan
    header=$(od -An -t u8 -N 8 nan/model.safetensors)
    printf '\xff\xff\xff\xff' | dd of=nan/model.safetensors bs=1 seek=$((8 + header)) \
        conv=notrunc status=none
    status_is 1 electra-train classify --init nan --trials 2 --valid t.els -o m t.els
    [[ "$stderr" == "electra-train: trial 1: "*"nan"* ]]
    [[ "$stderr" != *diverged* ]]
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
