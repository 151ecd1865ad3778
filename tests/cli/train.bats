#!/usr/bin/env bats
# electra-train pretrain, on networks that take a fraction of a second.

load helper
load runs

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    cat > tiny.json << 'EOF'
{"hidden_size": 16, "embedding_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
 "intermediate_size": 32, "generator_hidden_size": 1.0, "train_batch_size": 4,
 "num_warmup_steps": 5}
EOF
    electra-vocab -q --size 1000 "$CORPUS" > vocab.txt
    electra-tokenize --docs --vocab vocab.txt -o a.els "$CORPUS"
    head -n 60 "$CORPUS" | electra-tokenize --docs --vocab vocab.txt -o v.els
}

# Overrides the helper's: each test has the inputs in its directory.
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$BATS_FILE_TMPDIR"/{tiny.json,vocab.txt,a.els,v.els} .
}

# train DIR OPTION…: a run into DIR, its metrics in DIR.out.
train() {
    electra-train pretrain --config tiny.json --vocab vocab.txt --log-every 5 -o "$1" "${@:2}" \
        > "$1.out"
}

# records N: the first N of a.els, as a stream of one block.
records() {
    electra-view --header a.els | head -n $(($1 + 1)) | electra-view --from jsonl
}

# wait_for COMMAND…: until it succeeds, a minute at most.
wait_for() {
    for _ in {1..1200}; do
        ! "$@" 2> /dev/null || return 0
        sleep 0.05
    done
    return 1
}

# ---- what a run is ----

@test "a run ends with two models, metrics and done" {
    status_is 0 electra-train pretrain --config tiny.json --vocab vocab.txt --steps 7 -o m a.els
    [ -z "$stderr" ]
    for network in discriminator generator; do
        for file in config.json model.safetensors vocab.txt tokenizer_config.json; do
            [ -s m/$network/$file ]
        done
        cmp vocab.txt m/$network/vocab.txt
    done
    [ -e m/done ]
    [ "$(readlink m/latest)" = checkpoint-7 ]
    [ "$(readlink m/discriminator)" = checkpoint-7/discriminator ]
    [ -s m/latest/state/state.json ]
    [ -s m/latest/manifest.json ]
    grep -q '"ElectraForPreTraining"' m/discriminator/config.json
    grep -q '"ElectraForMaskedLM"' m/generator/config.json
    [ "$output" = "$(cat m/metrics.jsonl)" ]
    [ "$(wc -l < m/metrics.jsonl)" -eq 2 ] # the first step and the last
    electra-tokenize -m m/ "$CORPUS" | head -c 100000 | electra-view --records 1 > /dev/null || true
    echo 'the rabbit ran' | electra-tokenize -m m/discriminator | electra-score -m m/ > scores
    [ "$(wc -l < scores)" -eq 1 ]
}

@test "the first loss is that of knowing nothing" {
    train m --steps 1 a.els
    line=$(cat m.out)
    holds 'a > log(1000) - 0.3 && a < log(1000) + 0.3' "$(value mlm_loss "$line")"
    holds 'a > log(2) - 0.02 && a < log(2) + 0.02' "$(value disc_loss "$line")"
    holds 'c - a - 50 * b < 1e-3 && a + 50 * b - c < 1e-3' "$(value mlm_loss "$line")" \
        "$(value disc_loss "$line")" "$(value loss "$line")"
    [ "$(value learning_rate "$line")" = 0.0 ]
}

@test "the first step leaves the weights as they are, the second does not" {
    train slow --steps 2 --checkpoint-every 1 --lr 1e-4 a.els
    train fast --steps 2 --checkpoint-every 1 --lr 1e-2 a.els
    for network in discriminator generator; do
        cmp {slow,fast}/checkpoint-1/$network/model.safetensors
        run cmp -s {slow,fast}/checkpoint-2/$network/model.safetensors
        [ "$status" -eq 1 ]
        run cmp -s slow/checkpoint-{1,2}/$network/model.safetensors
        [ "$status" -eq 1 ]
    done
    cmp {slow,fast}/checkpoint-1/state/optimizer.safetensors
}

# The letters follow from their places; the two numbers in front make texts, and so masks, differ.
@test "what can be learned is learned" {
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' {a..m} {0..19} > vocab.txt
    for i in {0..299}; do echo $((i % 20)) $((i / 20)) {a..m}; done |
        electra-tokenize --no-text --vocab vocab.txt > easy.els
    train m --batch 8 --steps 400 --lr 0.005 --warmup 40 --set adam_bias_correction=true \
        --set hidden_dropout_prob=0 --set attention_probs_dropout_prob=0 --valid easy.els easy.els
    holds 'a > 35' "$(value loss "$(head -n 1 m.out)")"
    line=$(grep '"step":400,"epoch"' m.out)
    holds 'a < 2.3' "$(value mlm_loss "$line")" # the entropy of the words is 3
    holds 'a < 0.06' "$(value disc_loss "$line")"
    line=$(grep valid_loss m.out)
    holds 'a > 0.99' "$(value valid_disc_auc "$line")"
    holds 'a > 0.8' "$(value valid_disc_recall "$line")"
}

@test "every line says what the manual says" {
    train m --steps 10 --valid v.els --valid-every 5 a.els
    for key in step epoch loss mlm_loss disc_loss mlm_accuracy sampled_mlm_accuracy replaced \
        disc_accuracy disc_precision disc_recall tokens learning_rate grad_norm tokens_per_second \
        flops flops_paper seconds; do
        [ "$(grep -c "\"$key\":" m.out)" -ge 3 ]
    done
    [ "$(grep -c '"valid_loss"' m.out)" -eq 2 ]
    for key in step valid_loss valid_mlm_loss valid_disc_loss valid_disc_auc valid_frequency_auc \
        valid_mlm_accuracy valid_sampled_mlm_accuracy valid_replaced valid_disc_accuracy \
        valid_disc_precision valid_disc_recall; do
        line=$(grep '"valid_loss"' m.out | tail -n 1)
        [[ $line == *"\"$key\":"* ]]
    done
    holds 'a > 0 && a < 1' "$(value valid_disc_auc "$line")"
    holds 'a > 0 && a < 1' "$(value valid_frequency_auc "$line")"
    last=$(grep '"step":10,"epoch"' m.out)
    [ "$(electra-view a.els | wc -l)" -gt 100 ]
    holds 'a > 0.1 && a < 0.2' "$(value replaced "$last")"
    cmp m.out m/metrics.jsonl
}

@test "epochs and steps are counted in texts" {
    n=$(electra-view a.els | wc -l)
    train m --epochs 2 a.els
    last=$(tail -n 1 m.out)
    [ "$(value step "$last")" -eq $(((2 * n + 3) / 4)) ]
    [ "$(value epoch "$last")" = 2.0 ]
    tokens=$(electra-view a.els | sed -E 's/.*"ids":\[([^]]*)\].*/\1/' | tr ',' '\n' | wc -l)
    [ "$(value tokens "$last")" -eq $((2 * tokens)) ]
    status_is 0 electra-train pretrain -v --config tiny.json --vocab vocab.txt -o o --batch "$n" a.els
    [[ $stderr == *"electra-train: $n records, $tokens tokens, "* ]]
}

@test "threads do not change a byte" {
    train one -j 1 --steps 12 --valid v.els a.els
    for j in 2 3; do
        train m$j -j $j --steps 12 --valid v.els a.els
        equal_runs one m$j
    done
}

@test "the seed decides, and the order of the input unless it is shuffled" {
    train one --steps 5 a.els
    for option in '-s 2' --no-shuffle; do
        # shellcheck disable=SC2086 # two words
        train other --steps 5 $option a.els
        run cmp -s {one,other}/discriminator/model.safetensors
        [ "$status" -eq 1 ]
        rm -r other
    done
    train again --steps 5 -s 1 a.els
    equal_runs one again
}

@test "masks are those that electra-corrupt draws" {
    for option in '' --no-shuffle '-s 3'; do
        rm -rf tokens masked
        # shellcheck disable=SC2086 # two words or none
        {
            train tokens $option a.els
            electra-corrupt ${option#--no-shuffle} a.els > b.els
            train masked $option b.els
        }
        diff -r tokens/discriminator/ masked/discriminator/
        diff -r tokens/generator/ masked/generator/
        diff <(steady tokens/metrics.jsonl) <(steady masked/metrics.jsonl)
    done
}

@test "a pipe is followed live for a number of steps, else spooled" {
    train file --no-shuffle --steps 20 a.els
    train pipe --steps 20 < <(cat a.els)
    diff -r file/discriminator/ pipe/discriminator/
    train named --steps 20 <(cat a.els)
    diff -r file/discriminator/ named/discriminator/
    train shuffled --epochs 2 a.els
    mkdir tmp
    TMPDIR=$PWD/tmp train spooled --epochs 2 < <(cat a.els)
    equal_runs shuffled spooled
    [ -z "$(ls tmp)" ]
}

@test "several operands are one corpus" {
    cat a.els v.els > both.els
    train joined --epochs 1 both.els
    train apart --epochs 1 a.els v.els
    equal_runs joined apart
}

@test "with --metric the links lead to the best checkpoint" {
    train m --steps 40 --lr 0.05 --valid v.els --valid-every 5 --metric disc_loss a.els
    best=$(grep -o '"step":[0-9]*,.*"valid_disc_loss":[0-9.]*' m/metrics.jsonl |
        sed -E 's/"step":([0-9]+),.*:(.*)/\2 \1/' | sort -g | head -n 1 | cut -d ' ' -f 2)
    [ "$(readlink m/discriminator)" = "checkpoint-$best/discriminator" ]
    [ "$(readlink m/generator)" = "checkpoint-$best/generator" ]
    [ "$(readlink m/latest)" = checkpoint-40 ]
}

@test "three checkpoints stay, and the best" {
    train m --steps 12 --checkpoint-every 2 a.els
    [ "$(cd m && echo checkpoint-*)" = 'checkpoint-10 checkpoint-12 checkpoint-8' ]
    [ -z "$(find m -name '.*')" ]
}

@test "texts of special tokens alone do no harm" {
    seq 20 | sed 's/.*/{"id":&,"ids":[2,3]}/' | electra-view --from jsonl --vocab vocab.txt > b.els
    train m --steps 3 b.els
    [[ $(tail -n 1 m.out) == *'"mlm_loss":0.0,'*'"mlm_accuracy":null'* ]]
}

# ---- stopping and going on ----

# stop_and_go SIGNAL DIR OPTION…: runs and resumes until done, stopped at other moments each time.
stop_and_go() {
    local signal=$1 directory=$2 status try
    shift 2
    for try in {1..200}; do
        status=0
        timeout --foreground -s "$signal" 0.$((10 + try * 7 % 40 + try / 3)) \
            electra-train pretrain --config tiny.json --vocab vocab.txt --log-every 5 \
            --checkpoint-every 3 --resume -o "$directory" "$@" > /dev/null || status=$?
        [ $status -ne 0 ] || break
        [ $status -eq 124 ] || [ $status -eq 137 ] || return 1
    done
    [ -e "$directory/done" ]
}

@test "a run stopped by TERM again and again equals one that was not" {
    train whole --epochs 4 --valid v.els --valid-every 20 a.els
    stop_and_go TERM parts --epochs 4 --valid v.els --valid-every 20 a.els
    equal_runs whole parts
}

@test "a run killed again and again equals one that was not" {
    train whole --epochs 4 a.els
    stop_and_go KILL parts --epochs 4 a.els
    equal_runs whole parts
}

@test "a run from a pipe goes on where it was, fed from the start" {
    train whole --steps 30 < <(cat a.els)
    train parts --steps 30 --stop-after 0.001s < <(cat a.els) || [ $? -eq 4 ]
    [ ! -e parts/done ]
    for try in {1..40}; do
        status=0
        train parts --steps 30 --resume --stop-after 0.01s < <(cat a.els) || status=$?
        [ $status -ne 0 ] || break
        [ $status -eq 4 ]
    done
    equal_runs whole parts
    train third --steps 30 --stop-after 0.001s < <(cat a.els) || [ $? -eq 4 ]
    status_is 1 train third --steps 30 --resume < <(cat v.els a.els)
    [[ $stderr == *'standard input is not the input this run was started on' ]]
}

@test "a run whose pipe ended early goes on with a longer one" {
    train whole --steps 60 < <(cat a.els a.els)
    status_is 1 train m --steps 60 < <(cat a.els)
    ended=$stderr
    [[ $ended == *"standard input: ended after "*" of 60 steps"* ]]
    # the same again ends where it did
    status_is 1 train m --steps 60 --resume < <(cat a.els)
    [[ "$stderr" == *"$ended" ]]
    status_is 0 train m --steps 60 --resume < <(cat a.els a.els)
    equal_runs whole m
}

@test "--stop-after ends with 4, and what was done is kept" {
    status_is 4 train m --epochs 1000 --stop-after 0.2s a.els
    [ ! -e m/done ]
    step=$(readlink m/latest)
    [ "${step#checkpoint-}" -ge 1 ]
    [ "$stderr" = "electra-train: stopped at step ${step#checkpoint-}: --resume goes on" ]
    status_is 4 train m -q --epochs 1000 --resume --stop-after 0.01s a.els
    [ -z "$stderr" ]
    [ -e m/discriminator/model.safetensors ]
}

# waiting_run DIR OPTION…: starts a run that waits for more of the FIFO `in` after some steps; sets
# $run; descriptor 4 feeds it.
waiting_run() {
    local directory=$1
    shift
    mkfifo in
    electra-train pretrain --config tiny.json --vocab vocab.txt --log-every 1 --steps 500 \
        --checkpoint-every 1000 -o "$directory" "$@" < in > out 2> err 3>&- &
    run=$!
    exec 4> in
    records 22 > 22.els
    head -c -10 22.els >&4 # one whole block
    wait_for grep -q '"step":5,' out
}

@test "INT, TERM and XCPU save and exit 4, also while the input is silent" {
    for signal in INT TERM XCPU; do
        waiting_run $signal
        kill -$signal "$run"
        status=0
        wait "$run" || status=$?
        exec 4>&-
        [ $status -eq 4 ]
        [ "$(cat err)" = "electra-train: stopped at step 5: --resume goes on" ]
        [ "$(readlink $signal/latest)" = checkpoint-5 ]
        rm in
    done
}

is_gone() {
    ! kill -0 "$1"
}

# catches_term PID: has the process begun to?
catches_term() {
    (((0x$(awk '$1 == "SigCgt:" { print $2 }' "/proc/$1/status") >> 14) & 1))
}

@test "a signal ends a run that waits for its input to begin, or to be all there" {
    mkfifo in
    for budget in '--steps 5' '--epochs 1'; do
        # shellcheck disable=SC2086 # an option and its value
        electra-train pretrain --config tiny.json --vocab vocab.txt -o m $budget < in > out 3>&- &
        run=$!
        exec 4> in
        head -c 100 a.els >&4
        wait_for catches_term "$run"
        kill -TERM "$run"
        wait_for is_gone "$run"
        status=0
        wait "$run" || status=$?
        exec 4>&-
        [ $status -eq 4 ]
        [ ! -e m ]
    done
    train m --steps 2 --resume a.els
    [ -e m/done ]
}

@test "a second signal ends a run at once" {
    mkfifo in
    electra-train pretrain --config tiny.json --vocab vocab.txt -o m --steps 5 < in > out 3>&- &
    run=$!
    exec 4> in
    head -c 1000 a.els >&4 # it waits in its first block
    wait_for [ -e m/metrics.jsonl ]
    kill -STOP "$run"
    kill -TERM "$run"
    kill -INT "$run"
    kill -CONT "$run"
    status=0
    wait "$run" || status=$?
    exec 4>&-
    [ $status -ge 128 ]
    [ ! -e m/done ]
}

@test "when the whole pipeline is told to stop, that is no failure" {
    waiting_run m
    kill -STOP "$run"
    kill -TERM "$run"
    exec 4>&- # the stage before ends first
    kill -CONT "$run"
    status=0
    wait "$run" || status=$?
    [ $status -eq 4 ]
    [ "$(readlink m/latest)" = checkpoint-5 ]
}

@test "USR1 saves and goes on" {
    waiting_run m
    kill -USR1 "$run"
    [ ! -e m/latest ]
    { tail -c 10 22.els; cat 22.els; } >&4
    wait_for [ -e m/latest ]
    [ "$(readlink m/latest)" = checkpoint-6 ]
    wait_for grep -q '"step":11,' out
    exec 4>&-
    status=0
    wait "$run" || status=$?
    [ $status -eq 1 ] # the input ended before 500 steps
}

@test "--resume starts where there is nothing, and does nothing where all is done" {
    train m --steps 6 --resume a.els
    [ -e m/done ]
    find m -exec stat -c '%n %Y %Z %i' {} + | sort > before
    status_is 0 train m --steps 6 --resume a.els
    [ "$stderr" = "electra-train: m: done already: nothing to do (another run needs another -o)" ]
    [ ! -s m.out ]
    status_is 0 train m --steps 6 --resume -q a.els
    [ -z "$stderr" ]
    status_is 0 train m --resume --steps 99 no-such.els
    set -o pipefail
    head -c 1000000 /dev/zero | train m --steps 6 --resume
    head -c 1000000 /dev/zero | train m --steps 6 --resume -
    find m -exec stat -c '%n %Y %Z %i' {} + | sort | cmp - before
}

@test "a directory with a run in it is not begun again" {
    train m --steps 6 a.els
    before=$(cat m/metrics.jsonl)
    status_is 2 train m --steps 6 a.els
    [[ ${stderr_lines[0]} == *"m: there is a run in it already"*"--resume"* ]]
    [ "$(cat m/metrics.jsonl)" = "$before" ]
    rm m/done
    status_is 2 train m --steps 6 a.els
    rm m/latest/manifest.json
    status_is 2 train m --steps 6 a.els
}

@test "--resume with other options names what differs" {
    train m --steps 50 --stop-after 0.01s --valid v.els a.els || [ $? -eq 4 ]
    expect() {
        local says=$1
        shift
        status_is 2 train m --resume "$@"
        [[ ${stderr_lines[0]} == "electra-train: --resume: this run was started $says"* ]] ||
            { echo "$stderr"; return 1; }
        [ "${#stderr_lines[@]}" -eq 2 ]
    }
    expect 'with --steps 50, not 51 (' --steps 51 --valid v.els a.els
    expect 'with --seed 1, not 2 (' --steps 50 -s 2 --valid v.els a.els
    expect 'with --batch 4, not 8 (' --steps 50 --batch 8 --valid v.els a.els
    expect 'with --lr 0.0005, not 0.001 (' --steps 50 --lr 0.001 --valid v.els a.els
    expect 'with --warmup 5, not 6 (' --steps 50 --warmup 6 --valid v.els a.els
    expect 'with --set hidden_size=16, not 32' --steps 50 --set hidden_size=32 --valid v.els a.els
    expect 'with --set mask_prob=0.15, not 0.2 (' --steps 50 --set mask_prob=0.2 --valid v.els a.els
    expect 'without --no-shuffle (' --steps 50 --no-shuffle --valid v.els a.els
    expect 'with --log-every 5, not 7 (' --steps 50 --log-every 7 --valid v.els a.els
    expect 'with --valid-every 1000, not 3 (' --steps 50 --valid-every 3 --valid v.els a.els
    expect 'with --valid-every 1000; with --valid (' --steps 50 a.els
    expect 'with another --valid (' --steps 50 --valid a.els a.els
    expect 'without --metric (' --steps 50 --valid v.els --metric loss a.els
    expect 'with --seed 1, not 2; with --steps 50; without --epochs; without --no-shuffle; with --lr' \
        --epochs 2 -s 2 --no-shuffle --lr 0.001 --set mask_prob=0.2 --valid v.els a.els
    [[ ${stderr_lines[0]} == *'--lr 0.0005, not 0.001; with --set mask_prob=0.15, not 0.2 (give'* ]]
    electra-corrupt a.els > b.els
    electra-corrupt v.els > w.els
    expect 'with --steps 50, not 30; with input of kind tokens, not corrupted; with another --valid (' \
        --steps 30 --valid w.els b.els
    for objective in mlm electra-15 all-tokens-mlm; do
        expect "with --objective electra, not $objective" --steps 50 --valid v.els \
            --objective $objective a.els
    done
    status_is 1 train m --resume --steps 50 --valid v.els a.els v.els
    [[ $stderr == *"a.els is not the input this run was started on" ]]
    train m --resume --steps 50 --valid v.els -j 2 --checkpoint-every 2 a.els
}

@test "a damaged checkpoint is passed over with a warning" {
    train whole --steps 30 a.els
    train m --steps 30 --stop-after 0.001s a.els || [ $? -eq 4 ]
    train m --resume --steps 30 --stop-after 0.05s --checkpoint-every 1 a.els || [ $? -eq 4 ]
    [ ! -e m/done ] || skip "too fast a machine"
    newest=$(readlink m/latest)
    echo >> "m/$newest/generator/model.safetensors"
    status_is 0 train m --resume --steps 30 a.els
    [[ $stderr == "electra-train: m: 1 newer checkpoint(s) are damaged and passed over" ]]
    equal_runs whole m
}

@test "where the best checkpoint is gone the links lead to the latest" {
    train m --steps 12 --lr 0.05 --valid v.els --valid-every 3 --checkpoint-every 3 \
        --metric frequency_auc --warmup 0 a.els
    best=$(readlink m/discriminator)
    [ "$best" != checkpoint-12/discriminator ]
    rm -r m/done m/checkpoint-12 "m/$(dirname "$best")"
    latest=$(cd m && find . -name 'checkpoint-*' | sed 's/.*-//' | sort -n | tail -n 1)
    status_is 4 train m --steps 12 --lr 0.05 --valid v.els --valid-every 3 --checkpoint-every 1 \
        --metric frequency_auc --warmup 0 --resume --stop-after 0.001s a.els
    [[ "$stderr" == *"m: the best checkpoint so far, of step "*", is gone or damaged"* ]]
    [ "$(readlink m/discriminator)" = checkpoint-$((latest + 1))/discriminator ]
    [ "$(readlink m/latest)" = checkpoint-$((latest + 1)) ]
    electra-tokenize -q -m m "$CORPUS" | electra-score -q -m m > /dev/null
}

@test "two runs do not share a directory" {
    waiting_run m
    for option in '' --resume; do
        # shellcheck disable=SC2086 # none or one
        status_is 1 train m --steps 5 $option a.els
        [ "$stderr" = 'electra-train: m: another electra-train is at work here' ]
    done
    kill -TERM "$run"
    wait "$run" || [ $? -eq 4 ]
    exec 4>&-
    [ "$(readlink m/latest)" = checkpoint-5 ]
}

# ---- bad input ----

# fails STATUS SAYS OPTION…: one line of error (and where to find help after a usage error).
fails() {
    local status=$1 says=$2
    shift 2
    rm -rf bad
    status_is "$status" train bad "$@" || return 1
    [[ ${stderr_lines[0]} == "electra-train: "*"$says"* ]] || { echo "$stderr"; return 1; }
    [ "${#stderr_lines[@]}" -eq "$status" ]
    [ ! -e bad/done ]
}

@test "a usage error points to the help of its command" {
    local command
    for command in pretrain classify regress tag qa; do
        status_is 2 electra-train $command --no-such-option
        [ "${stderr_lines[1]}" = "Try 'electra-train $command --help' for more information." ]
        status_is 2 electra-train $command
        [ "${stderr_lines[1]}" = "Try 'electra-train $command --help' for more information." ]
    done
    status_is 2 electra-train
    [ "${stderr_lines[1]}" = "Try 'electra-train --help' for more information." ]
}

@test "the command comes before its options" {
    for options in -q '-j 2' '--config nano' '--no-such-option'; do
        # shellcheck disable=SC2086 # words
        status_is 2 electra-train $options pretrain --vocab vocab.txt -o run
        [ "${stderr_lines[0]}" = \
            "electra-train: the command comes first: electra-train COMMAND [OPTION]…" ]
    done
    status_is 0 electra-train --help pretrain
    status_is 2 electra-train -q
    [[ ${stderr_lines[0]} == "electra-train: what to train is missing: "* ]]
}

@test "options that cannot be are usage errors" {
    for option in '--steps 0' '--steps x' '--steps -1' '--epochs 0' '--batch 0' '--lr 0' '--lr nan' \
        '--lr -1' '--warmup x' '--checkpoint-every 0' '--checkpoint-every 5x' '--stop-after 5' \
        '--stop-after 0s' '--stop-after s' '--log-every 0' '--valid-every 0' '-j x'; do
        # shellcheck disable=SC2086 # two words
        fails 2 "${option%% *}: " $option a.els || fails 2 --threads: $option a.els
        [ ! -e bad ]
    done
    fails 2 'give one' --steps 1 --epochs 1 a.els
    fails 2 'needs --valid' --metric loss a.els
    fails 2 '--valid-every needs --valid' --valid-every 5 a.els
    fails 2 '--valid: standard input is trained on' --valid - < a.els
    fails 2 '--valid: standard input is trained on' --valid - a.els - < a.els
    fails 2 "'nonsense' is no metric" --valid v.els --metric nonsense a.els
    fails 2 "'no_such_key'" --set no_such_key=1 a.els
    fails 2 "hidden_size" --set hidden_size=15 a.els
    fails 2 "hidden_size" --set hidden_size=x a.els
    fails 2 "hidden_size" --set hidden_size a.els
    fails 2 "vocab_size" --set vocab_size=7 a.els
    status_is 2 electra-train
    status_is 2 electra-train pretrain
    status_is 2 electra-train pretend --vocab vocab.txt -o m a.els
    [[ ${stderr_lines[0]} == "electra-train: unknown command 'pretend'"* ]]
    status_is 2 electra-train pretrain -o m a.els
    [[ ${stderr_lines[0]} == *'--vocab'* ]]
    status_is 2 electra-train pretrain --vocab vocab.txt a.els
    [[ ${stderr_lines[0]} == *'-o DIR'* ]]
}

@test "what cannot be read is named" {
    fails 1 'no-such.els: No such file or directory' no-such.els
    fails 1 'no-such.els: No such file or directory' --steps 3 no-such.els
    fails 1 'no-such.els: No such file or directory' --valid no-such.els a.els
    fails 1 '.: Is a directory' .
    fails 1 "$CORPUS: text, not a stream" "$CORPUS"
    fails 1 'standard input: empty' < /dev/null
    fails 1 'standard input: empty' --steps 3 < /dev/null
    status_is 1 bash -c 'electra-train pretrain --config tiny.json --vocab vocab.txt -o bad <&-'
    [ "$stderr" = 'electra-train: standard input: Bad file descriptor' ]
    for file in config vocab; do
        status_is 1 electra-train pretrain --config tiny.json --vocab vocab.txt -o bad \
            --$file no-such-file a.els ||
            status_is 2 electra-train pretrain --config tiny.json --vocab vocab.txt -o bad \
                --$file no-such-file a.els
        [[ $stderr == *no-such-file* ]]
    done
    for json in '' '{' '[]' '{"hidden_size": "16"}' '{"hidden_size": 16, "hidden_size": 16}'; do
        echo "$json" > bad.json
        run --separate-stderr electra-train pretrain --config bad.json --vocab vocab.txt -o bad a.els
        [ "$status" -eq 1 ] || [ "$status" -eq 2 ]
        [[ $stderr == *bad.json* ]]
    done
    electra-score --help > /dev/null
    electra-view --header a.els | sed 's/"kind":"tokens"/"kind":"scores"/' |
        electra-view --from jsonl > scores.els
    fails 1 'scores' scores.els
}

@test "streams that do not fit are refused, naming both sides" {
    electra-vocab -q --size 300 "$CORPUS" > other.txt
    electra-tokenize --docs --vocab other.txt "$CORPUS" > other.els
    fails 1 other.els other.els
    [[ $stderr == *vocab.txt* ]]
    fails 1 other.els a.els other.els
    fails 1 other.els --valid other.els a.els
    electra-tokenize --docs --max-length 64 --vocab vocab.txt "$CORPUS" > short.els
    fails 1 'up to 64 tokens' a.els short.els
    fails 1 'up to 128 tokens' --set max_position_embeddings=64 --set max_seq_length=64 a.els
    printf '%s\n' '{"id":1,"ids":[2,5,3],"types":[0,7,0]}' |
        electra-view --from jsonl --vocab vocab.txt > types.els
    fails 1 'type' --batch 1 types.els
}

@test "bad records are found before the first step" {
    { electra-view a.els; echo '{"id":999,"ids":[]}'; } |
        electra-view --from jsonl --vocab vocab.txt > bad.els
    fails 1 "bad.els: record $(electra-view bad.els | wc -l): 0 tokens" bad.els
    [ ! -s bad.out ]
}

@test "types that the model does not know are found before the first step, of a pipe at theirs" {
    { printf '{"id":%d,"ids":[2,7,9,3],"types":[0,1,0,1]}\n' {1..11}
      echo '{"id":12,"ids":[2,7,9,3],"types":[0,1,5,1]}'; } |
        electra-view --from jsonl --vocab vocab.txt > w.els
    says="record 12: type 5 in key 'types', but the model knows 2 types"
    status_is 1 train m --steps 9 w.els
    [ "$stderr" = "electra-train: w.els: $says" ]
    status_is 1 train m --steps 9 --valid w.els a.els
    [ "$stderr" = "electra-train: w.els: $says" ]
    [ ! -e m ]
    status_is 1 train m --steps 9 < <(cat w.els)
    [ "$stderr" = "electra-train: standard input: $says" ]
    [ "$(readlink m/latest)" = checkpoint-2 ]
}

@test "--keep-going changes nothing, of a file or a pipe" {
    electra-view --header a.els | sed '3s/}$/,"error":"no text"}/;9s/}$/,"error":"no text"}/' |
        electra-view --from jsonl > some.els
    [ "$(electra-view some.els | grep -c '"error":')" -eq 2 ]
    for option in -q --keep-going; do
        train "file$option" --steps 6 $option --valid some.els some.els
        # shellcheck disable=SC2002 # a pipe is what is tried
        cat some.els | train "pipe$option" --steps 6 $option
    done
    equal_runs file-q file--keep-going
    equal_runs pipe-q pipe--keep-going
}

@test "a batch larger than the corpus is refused" {
    fails 1 'fewer than the 5000 of one batch' --batch 5000 a.els
    seq 0 | electra-view --from jsonl --vocab vocab.txt > none.els
    fails 1 'no records' none.els
    fails 1 'no records' --steps 3 none.els
}

@test "a corrupted stream is one pass" {
    electra-corrupt a.els > b.els
    fails 2 '--epochs asks for more' --epochs 2 b.els
    fails 2 '--steps asks for more' --steps 1000 b.els
    electra-corrupt --epochs 2 a.els > c.els
    train m c.els
}

@test "a truncated file is found before the first step" {
    head -c 20000 a.els > cut.els
    fails 1 'cut.els: ' cut.els
    [[ $stderr == *truncated* ]]
    [ ! -s bad.out ]
    fails 1 truncated --valid cut.els a.els
}

@test "a pipe that breaks off is an error, and what was done is kept" {
    records 22 > 22.els
    { cat 22.els; head -c 1000 a.els; } > cut.els
    status_is 1 train m --steps 100 < <(cat cut.els)
    [[ $stderr == "electra-train: standard input: "*truncated* ]]
    [ "$(readlink m/latest)" = checkpoint-5 ]
    [ ! -e m/done ]
    status_is 1 train n --steps 100 < <(cat 22.els)
    [[ $stderr == "electra-train: standard input: ended after 5 of 100 steps"* ]]
    [ "$(readlink n/latest)" = checkpoint-5 ]
    # the whole pipe is known to be the same, and the run goes on
    train whole --steps 20 < <(cat 22.els a.els)
    status_is 1 train p --steps 20 < <(cat cut.els)
    train p --resume --steps 20 < <(cat 22.els a.els)
    equal_runs whole p
}

@test "a loss that is not finite stops the run; the last good checkpoint stays" {
    # steps that are longer and longer: the second moments hardly move
    fails 1 'is not finite' --lr 10 --warmup 2 --steps 300 --checkpoint-every 1 \
        --set adam_beta2=0.999999999999999 --set adam_epsilon=1e-20 a.els
    [[ $stderr =~ ^electra-train:\ step\ ([0-9]+): ]]
    step=${BASH_REMATCH[1]}
    newest=$(readlink bad/latest)
    [ "${newest#checkpoint-}" -lt "$step" ]
    good=bad/checkpoint-1/discriminator
    echo 'a rabbit' | electra-tokenize -m $good | electra-score -m $good > scores
    [[ $(cut -f 2 scores) =~ ^[0-9.e-]+$ ]]
}

@test "places where nothing can be written are named" {
    status_is 1 electra-train pretrain --config tiny.json --vocab vocab.txt -o vocab.txt/m a.els
    [[ $stderr == "electra-train: vocab.txt/m: "*"Not a directory" ]]
    status_is 1 electra-train pretrain --config tiny.json --vocab vocab.txt -o vocab.txt a.els
    [[ $stderr == "electra-train: vocab.txt: "*"Not a directory" ]]
    status_is 1 electra-train pretrain --config tiny.json --vocab vocab.txt -o no/such/m a.els
    [[ $stderr == "electra-train: no/such/m: "*"No such file or directory" ]]
    status_is 1 electra-train pretrain --config tiny.json --vocab vocab.txt -o /proc/m a.els
    [[ $stderr == "electra-train: /proc/m: "* ]]
}

@test "metrics that cannot be written stop the run" {
    status_is 1 bash -c 'electra-train pretrain --config tiny.json --vocab vocab.txt -o m a.els > /dev/full'
    [ "$stderr" = 'electra-train: standard output: No space left on device' ]
    [ ! -e m/done ]
    status_is 1 bash -c 'electra-train pretrain --config tiny.json --vocab vocab.txt -o n a.els >&-'
    [ "$stderr" = 'electra-train: standard output: Bad file descriptor' ]
    run --separate-stderr bash -c 'electra-train pretrain --config tiny.json --vocab vocab.txt \
        --log-every 1 -o p a.els | head -n 1 > /dev/null; exit ${PIPESTATUS[0]}'
    [ "$status" -eq 141 ]
    [ -z "$stderr" ]
}

@test "a disk that fills up stops the run; the checkpoints before stay" {
    for blocks in 1 8 20 40; do # of 512 or 1024 bytes
        rm -rf m
        status=0
        (
            trap '' XFSZ
            ulimit -f $blocks
            train m --steps 300 --checkpoint-every 50 --log-every 1 a.els 2> err
        ) || status=$?
        [ $status -eq 1 ]
        grep -q 'File too large' err
        [ "$(wc -l < err)" -eq 1 ]
        [ ! -e m/done ]
        for link in latest discriminator generator; do
            [ ! -L m/$link ] || [ -d m/$link/ ]
        done
        [ ! -e m/latest ] || electra-tokenize -m m/discriminator < /dev/null | electra-score -m m/
    done
}
